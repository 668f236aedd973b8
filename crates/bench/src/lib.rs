//! A load generator for ZooKeeper-compatible servers, for those who size or compare them.
//!
//! A [`Plan`](plan::Plan) says which [`Workload`](workload::Workload)s are run against which
//! [`Side`](settings::Side); [`report`] shows what came out.
//!
//! What may be relied on:
//!
//! - **Little CPU of its own.** A thread drives all its connections from one poll, and the requests
//!   of a wake-up leave in one write: with servers on the same machine, what the generator takes
//!   they cannot have.
//! - **Everything is checked.** The order of replies, their codes, zxids that never go back, lengths,
//!   and what is there at the end. A wrong reply ends the run, so a figure is one of a server that
//!   worked.
//! - **Two kinds of loops.** Without a rate the loop is closed: each connection sends when a reply
//!   has come, so a server that stalls is asked less, and latencies are those of a saturated server.
//!   With a rate it is open: a request is due when it is due, and its latency counts from then, also
//!   if it could not even be sent because the server was stalled. So nothing is left out where it
//!   hurts (coordinated omission).
//!
//! What is not here: the client that applications use. Set-up goes through `zoarium-client`, what is
//! measured through the codecs of `zoarium-session` alone.
//!
//! Start at [`run::run`]; the loop is in `engine.rs`.

pub mod cpu;
mod dice;
mod engine;
mod error;
mod frames;
pub mod histogram;
pub mod html;
pub mod op;
pub mod plan;
pub mod report;
pub mod result;
pub mod run;
mod session;
pub mod settings;
mod source;
mod stage;
pub mod summary;
mod tally;
pub mod workload;

pub use error::{BenchError, Fault, OpenError};
pub use zoarium_session::connect_string;
