//! Servers and clients of an ensemble in a seeded simulation.
//!
//! A [`Member`] is a whole server as one process: the peer, the tree, the watches and the
//! connections, over the real log, snapshots and recovery on a [disk in memory](ServerDisk) that
//! loses power, fills up, tears and rots. A [`Client`] is the real session logic of the crate `session`
//! with an owner that asks things. The crate `sim` lets them run on virtual time and fail;
//! [`checkers`] watch and say which guarantee was broken. [`Bug`]s can be planted in servers and
//! clients, to see that the checkers find them.
//!
//! How many servers there are, and how they are set up, is drawn from the seed ([`Setup`]): one
//! alone, or an ensemble of voters and observers.
//!
//! It deliberately has no second implementation of what it tests: the member calls the same
//! functions of `peer`, `tree` and `persistence` as production's threads do, in the same order.
//!
//! Start at [`Trial`]; then `member.rs`, `client.rs` and one of the checkers.

mod bug;
pub mod checkers;
mod client;
mod disk;
mod ensemble;
mod member;
mod participant;
mod planted;
mod scripted;
mod segment;
mod setup;
pub mod workload;

pub use bug::Bug;
pub use client::{Ask, Client, Reply, Seen};
pub use disk::{DiskSettings, DiskState, Handover, ServerDisk};
pub use ensemble::{Ensemble, Trial};
pub use member::{Member, MemberOptions, Recovery, SessionRecord, ZabSetup};
pub use participant::{Body, Message, Name, Output, Participant, Request, Timer, Wish};
pub use planted::{Found, find};
pub use scripted::Scripted;
pub use segment::{Carried, Connection, Port, Segment};
pub use setup::{Kind, Setup};
