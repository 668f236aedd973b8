//! The client against real servers in this process, and against servers that misbehave.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may; clippy only sees it in functions marked as tests"
)]

mod dropping;
mod faults;
mod operations;
mod order;
mod protection;
mod read_only;
mod sessions;
mod watching;
mod world;
