//! A session against servers made up for it, in virtual time: conversations written by hand, and
//! random ones with checkers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "tests may; clippy only sees it in functions marked as tests"
)]

mod conversations;
mod lies;
mod proving;
mod random;
mod watching;
mod world;
