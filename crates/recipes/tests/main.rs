//! The recipes against a real server's state machine in virtual time, with connections that break
//! and sessions that end; and against a real server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may; clippy only sees it in functions marked as tests"
)]

mod barriers;
mod caches;
mod configurations;
mod counters;
mod dropping;
mod elections;
mod locks;
mod presence;
mod queues;
mod semaphores;
mod under_faults;
mod world;
