//! The daemon: ports, disk thread, timers, configuration, admin, metrics.

pub mod config;
pub mod exit_code;
