//! ZooKeeper's atomic broadcast, Zab, as a state machine: election, discovery, synchronization and
//! broadcast, in Apache's protocol, so that Apache's servers can be members of the same ensemble.
//!
//! A [`Zab`] is a [`Process`](zoarium_process::Process). Its driver owns connections, disk and
//! clock, and its owner the tree; transactions are bytes with a zxid.
//!
//! What may be relied on:
//!
//! - **One order.** While a server serves ([`Output::Serving`] to [`Output::Looking`]), what it is
//!   told to deliver is committed, the same on all servers in the same order.
//! - **A tree that follows the log.** Before that, [`Output::Deliver`] only says what the log has.
//!   It may have to be undone, and then the owner is told ([`Output::Truncate`],
//!   [`Output::InstallSnapshot`]).
//! - **Nothing is promised before it is durable.** Records are numbered and become durable in
//!   order; every ACK waits for [`Persisted`](zoarium_process::Input::Persisted).
//!
//! A driver carries out effects in order. Alone in its ensemble, a server needs nothing but a disk
//! and a clock:
//!
//! ```
//! use std::sync::Arc;
//! use zoarium_process::{Effect, Effects, Input, Instant, Now, Process};
//! use zoarium_proto::{Membership, ServerId};
//! use zoarium_zab::{Output, Recovered, Request, Timer, Txn, Zab, ZabOptions};
//!
//! let members = Membership::parse("server.1=localhost:2888:3888:participant")?;
//! let options = ZabOptions::new(ServerId(1));
//! let mut zab = Zab::new(options, Arc::new(members), Recovered::default());
//!
//! let mut effects = Effects::new();
//! let mut inputs = vec![Input::Start, Input::Timer(Timer::Decide)];
//! let mut delivered = Vec::new();
//! while !inputs.is_empty() {
//!     let now = Now { mono: Instant::ORIGIN, wall_ms: 0 };
//!     zab.step(now, inputs.remove(0), &mut effects);
//!     for effect in effects.drain() {
//!         match effect {
//!             // Written and synced; a real driver does many at once.
//!             Effect::Persist { seq, .. } => inputs.push(Input::Persisted { upto: seq }),
//!             Effect::Output(Output::Serving { .. }) => {
//!                 let zxid = zab.next_zxid().expect("a leader that serves has zxids");
//!                 let txn = Txn { zxid, bytes: "hello".into(), membership: None };
//!                 inputs.push(Input::Request(Request::Propose(txn)));
//!             }
//!             Effect::Output(Output::Deliver(txn)) => delivered.push(txn.bytes),
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(delivered, ["hello"]);
//! # Ok::<(), zoarium_proto::membership::TextError>(())
//! ```
//!
//! What is not here: sockets (what a [`Packet`] looks like on the wire is in [`wire`], which the
//! rest does not use), requests and sessions (carried along for crate `peer`), and snapshots themselves,
//! which the driver moves.
//!
//! The state is an enum of roles: looking, following, observing, leading. The files are the
//! conversations of the protocol, each with both its sides:
//!
//! | file | conversation | Apache's classes |
//! |---|---|---|
//! | `election.rs` | who should lead? | `FastLeaderElection` |
//! | `discovery.rs` | which epoch, and is the leader's history the best? | `Leader`, `LearnerHandler`, `Learner` |
//! | `synchronization.rs` | bring all to the leader's history | the same |
//! | `broadcast.rs` | propose, acknowledge, commit | the same |
//! | `sync.rs` | have a learner catch up | the same |
//! | `reconfiguration.rs` | change the members | the same, `QuorumPeer` |
//!
//! Start at [`Zab`], then `election.rs` and on in this order.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod broadcast;
mod discovery;
mod election;
mod history;
mod ids;
mod leader;
mod learner;
mod message;
mod options;
mod persist;
mod reason;
mod reconfiguration;
mod sync;
mod synchronization;
mod vocabulary;
pub mod wire;
mod zab;

pub use broadcast::PENDING_MAX;
pub use discovery::EPOCH_LEAP_MAX;
pub use history::Recovered;
pub use ids::{Epoch, ReadId, Round};
pub use leader::HELD_MAX;
pub use learner::{CONNECT_ATTEMPTS_MAX, CONNECT_PATIENCE, CONNECT_PAUSE};
pub use message::{Forward, LearnerInfo, Message, Notification, Packet, PeerState, Txn, Vote};
pub use options::{OUTSTANDING_MAX, ROLLOVER_AT, ZabOptions};
pub use reason::Reason;
pub use vocabulary::{Channel, LearnerStatus, Link, Output, Record, Request, Timer};
pub use zab::Zab;
