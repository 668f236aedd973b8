//! A whole server in this process against clients and disks that do not behave: bytes that make no
//! sense, clients that do not read or vanish, crowds, full disks.

#![expect(
    clippy::unwrap_used,
    reason = "tests may; clippy only sees it in functions marked as tests"
)]

mod client;
mod crowds;
mod disk;
mod frames;
mod ordering;
mod requests;
mod restarts;
mod sessions;
mod silence;
mod slow_readers;
mod world;
