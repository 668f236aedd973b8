//! The replicated state: znodes, sessions, ephemerals, quotas, digest.
//!
//! Start at [`Tree`]: [`Tree::find`] reads a [`Znode`], [`Tree::apply`] is the only way to change
//! anything, live or in replay, and tells of each [`Change`] that a watch may wait for.
//!
//! What is not here: whether a request is allowed (crate `peer` decides that before there is a
//! transaction), locks (the server holds one around the tree), and files.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod access;
mod acls;
mod apply;
pub mod digest;
mod hash;
mod owners;
pub mod quota;
pub mod read;
pub mod snapshot;
mod store;
mod tree;
pub mod watches;
mod znode;

pub use apply::{Applied, Change, ChangeKind, OnChange, Outcome};
pub use snapshot::{Loaded, Progress, SnapshotCursor, SnapshotLoader};
pub use tree::{Tree, TreeOptions};
pub use znode::Znode;
