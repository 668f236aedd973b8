//! One ensemble member as a state machine: sessions, the request pipeline and what is agreed on.
//!
//! A [`Peer`] is fed with [`Input`](zoarium_process::Input)s by a driver (the server's peer loop,
//! or a simulator) and answers with effects. It opens nothing, waits for nothing and knows no
//! clock but the one it is handed.
//!
//! The peer does not own the tree: connections answer reads from it on their own threads, so it
//! belongs to the driver, who shares it. The peer looks at it while it steps, and tells the driver
//! what to apply with [`Output::Deliver`]. Between the two, changes that are decided but not yet
//! applied live in the outstanding records of `prep`.
//!
//! Who decides depends on the role. A leader, and a standalone server, makes transactions of
//! requests (`leading.rs`); a follower or observer sends them to its leader and finds its own among
//! what is committed (`learning.rs`, `delivering.rs`). What is agreed comes from crate `zab`, or alone from the disk
//! (`agreement.rs`).
//!
//! Start at [`Peer::step`]; a write then goes through `prep.rs` and `reply.rs`.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod agreement;
mod carried;
mod connecting;
mod delivering;
mod leading;
mod learning;
mod local_sessions;
mod options;
mod order;
mod peer;
mod pipeline;
mod prep;
mod read_only;
mod reply;
mod request;
mod session_ids;
mod sessions;
#[cfg(test)]
mod tests;

pub use options::{EnsembleOptions, LocalSessions, PeerOptions};
pub use order::{Order, Route};
pub use peer::Peer;
pub use pipeline::{Delivery, Origin};
pub use prep::OverQuota;
pub use reply::{answer_closed, answer_delivery, answer_refusal, answer_sync};
pub use request::{ClientRequest, Connect, Output, Request, Timer};
