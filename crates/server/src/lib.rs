//! The daemon: ports, threads, configuration, admin interfaces and metrics around a peer.
//!
//! It makes no protocol decisions: those are in the crates below it. What it adds is I/O, and the
//! care for clients and disks that do not behave.
//!
//! Start at [`Server::start`]. A request comes in through `client_port`, a write goes on through
//! `peer_loop` and `disk`.

pub mod admin;
mod audit;
mod client_port;
mod clock;
pub mod config;
mod connection;
mod disk;
mod duties;
mod dynamic_files;
pub mod exit_code;
mod inbox;
mod limits;
mod links;
mod member;
pub mod metrics;
mod operator;
mod peer_loop;
mod quota_log;
mod restore;
mod server;
mod settings;
mod shared;
mod snapshots;
mod standing;
pub mod stats;
pub mod status;
mod version;
mod workers;

pub use links::ListenError;
pub use server::{Server, ServerError};
