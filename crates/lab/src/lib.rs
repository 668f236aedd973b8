//! Commit and consensus protocols to run, break and look at.
//!
//! Why does ZooKeeper use Zab and not two-phase commit? The lab answers by running each protocol
//! in the simulator that tests our server, under the faults that decide it.
//!
//! - [`Kind`] names the protocols: two-phase and three-phase commit, Basic Paxos, Multi-Paxos and
//!   Fast Paxos, each written for reading in `protocols/`, and Zab, which is the crate that our
//!   servers run, in an adapter.
//! - A [`Scenario`] is a scripted run with what it shows. Its [claims](Claim) are checked against
//!   what happened; nothing is shown that is not so.
//! - A [`Run`] is what happened. It can be printed, drawn and exported.
//!
//! The crate does no I/O and reads no clock: one seed makes one run. It knows nothing of servers.
//!
//! Start at `protocols/two_phase_commit.rs`, then `scenarios/two_phase_commit.rs`.

pub mod compare;
mod disk;
pub mod draw;
pub mod exhaust;
pub mod explore;
mod journal;
pub mod json;
mod judges;
mod kind;
mod name;
mod nearest;
pub mod page;
mod play;
mod protocols;
mod recorder;
mod run;
mod said;
mod scenario;
mod scenarios;
mod settings;
mod subject;
mod tally;
pub mod text;

pub use kind::Kind;
pub use name::Name;
pub use play::{Changes, Unplayable};
pub use run::{Act, Lane, Moment, Parcel, Run, SCHEMA};
pub use said::{Said, Value};
pub use scenario::{Claim, Finding, Played, Scenario, Verdict};
pub use settings::{Setting, SettingError};
pub use subject::State;
