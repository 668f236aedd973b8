//! Several peers with trees, disks, links and clients around them, driven by scripts.

mod forwarding;
mod leader_change;
mod links;
mod local_sessions;
mod read_only;
mod reconfig;
mod script;
mod server;
mod sessions;
mod world;
