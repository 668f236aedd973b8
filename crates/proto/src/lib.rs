//! ZooKeeper's wire and transaction records as typed messages.
//!
//! What is here: the jute codec, the client protocol's requests and replies, transaction records,
//! what the servers of an ensemble tell each other, the ensemble's membership, identifiers, paths,
//! ACLs and error codes. Decoding borrows from the bytes it is given; encoding
//! appends to any [`bytes::BufMut`]. Nothing here does I/O, and nothing that arrived from outside
//! can make it panic.
//!
//! What is not here: framing of the client port (its limits are configured) and meaning (crates
//! `tree` and `peer`).
//!
//! Start at [`op::OpCode`] for what a client may ask, [`request`] for how, [`txn`] for what a
//! request becomes; between servers at [`election`] and [`quorum`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod acl;
pub mod code;
pub mod connect;
pub mod create;
pub mod election;
pub mod ids;
pub mod jute;
pub mod membership;
pub mod multi;
pub mod op;
pub mod path;
pub mod quorum;
pub mod reply;
pub mod request;
pub mod stat;
pub mod txn;
pub mod watch;

pub use acl::{Acl, AclList, Id, Perms};
pub use code::ErrorCode;
pub use create::CreateMode;
pub use ids::{ConnId, ServerId, SessionId, Xid, Zxid};
pub use jute::{DecodeError, Reader};
pub use membership::Membership;
pub use op::OpCode;
pub use stat::{RawStat, Stat};
pub use watch::{EventType, WatchMode, WatchedEvent};
