//! The daemon: ports, disk thread, timers, configuration, admin, metrics.

pub mod admin;
pub mod config;
pub mod exit_code;
pub mod metrics;
pub mod stats;
pub mod status;
