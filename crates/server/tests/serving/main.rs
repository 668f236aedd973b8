//! A whole server in this process, and raw clients over TCP: what configured features do.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may; clippy only sees it in functions marked as tests"
)]

mod audit;
mod client;
mod connection_throttle;
mod metrics;
mod quota;
mod request_throttle;
mod required_auth;
mod restore;
mod running;
