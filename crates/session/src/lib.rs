//! The client's half of a ZooKeeper session, as a state machine: which server to go to, the
//! handshake, requests and their replies, watches, and when to give a connection or a session up.
//!
//! A [`Session`] does no I/O and reads no clock: its driver connects to servers, moves bytes and
//! keeps timers. The crate `zoarium-client` is such a driver; a simulator is another. All that is
//! random follows from the seed it is made with.
//!
//! What may be relied on:
//!
//! - **Order.** On a connection requests leave in the order of their submission, and are answered
//!   in that order. When a connection breaks, every request that was submitted before and is not
//!   answered fails, in that order; what is submitted later goes to the next connection. So what a
//!   server has done of the requests before the break is a prefix of them.
//! - **Honesty.** A request that failed says whether it may have been done
//!   ([`Failure::verdict`](failure::Failure::verdict)).
//! - **Watches.** An event is told before any answer that shows its change. Watches are set again
//!   before anything else is sent on a new connection; a persistent one is told that it may have
//!   missed changes.
//! - **A deadline.** While there is no connection, [`State::Suspended`](state::State) says how long
//!   the session is kept up. No server ends it earlier because of this client's silence.
//! - **Distrust.** A server that breaks the protocol loses the connection, with a typed
//!   [`Fault`](fault::Fault), and the session goes on elsewhere. It never sees an older state than
//!   it has seen before.
//!
//! What is not here: names and addresses, TLS, and waiting. Paths are checked by the caller
//! ([`zoarium_proto::path::validate`]) and are the server's; a [`Chroot`](chroot::Chroot) turns one
//! kind into the other.
//!
//! ```
//! use zoarium_process::{Effect, Effects, Input, Instant, Now, Process};
//! use zoarium_session::connect_string::ConnectString;
//! use zoarium_session::{Options, Output, Session};
//!
//! let servers = "zoo1,zoo2".parse::<ConnectString>()?.servers;
//! let mut session: Session<&str> = Session::new(Options::default(), servers, 42);
//! let (now, mut effects) = (Now { mono: Instant::ORIGIN, wall_ms: 0 }, Effects::new());
//!
//! session.step(now, Input::Start, &mut effects);
//! let dialled = effects.drain().find_map(|effect| match effect {
//!     Effect::Output(Output::Dial { link, .. }) => Some(link),
//!     _ => None,
//! });
//! let link = dialled.expect("a session starts with a call");
//!
//! session.step(now, Input::LinkUp(link), &mut effects);
//! let said = effects.drain().find_map(|effect| match effect {
//!     Effect::Send { to, message } if to == link => Some(message),
//!     _ => None,
//! });
//! assert_eq!(said.expect("a handshake").len(), 4 + 45);
//! # Ok::<(), zoarium_session::connect_string::ConnectStringError>(())
//! ```
//!
//! Start at [`Session`]; [`Command`] and [`Output`] are what goes in and comes out.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod backoff;
pub mod chroot;
pub mod connect_string;
pub mod failure;
pub mod fault;
pub mod frame;
mod link;
pub mod metrics;
pub mod protected;
pub mod random;
pub mod reply;
pub mod request;
pub mod sasl;
mod servers;
mod session;
pub mod state;
mod vocabulary;
mod watches;

pub use session::{Refused, Session};
pub use vocabulary::{Command, Event, LinkId, Notice, Options, Output, RequestId, Timer};
pub use watches::WatchId;
