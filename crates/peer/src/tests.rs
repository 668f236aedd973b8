//! The peer with a tree, watches and virtual time around it, driven by scripts.

mod ask;
mod closing;
mod disk_full;
mod ensemble;
mod front;
mod model;
mod multi;
mod order;
mod quotas;
mod reply_text;
mod script;
mod sessions;
mod world;
mod writes;
mod znodes;
