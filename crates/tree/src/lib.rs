//! The replicated state: znodes, sessions, ephemerals, quotas, digest; and what clients read of it.
//!
//! Start at [`Tree`]: [`Tree::find`] reads a [`Znode`]; [`Tree::apply`] changes the tree by a
//! transaction, live or in replay, and tells of each [`Change`] that a watch may wait for. Nothing
//! else changes what is replicated. Three changes each server makes for itself, without a
//! transaction: [`Tree::put_config`], [`Tree::delete_ephemerals`] for sessions that recovery does
//! not know, and the usage of [`quota`]s.
//!
//! How it is laid out, because a tree may have millions of znodes:
//!
//! - A *record* has what every znode is created with, and fills one line of a processor's cache.
//!   Records lie in blocks, so growth copies none.
//! - An *extra* has what only some have: what was changed since the create, and the children.
//! - Name and data lie one behind the other in a *cell* of a page of cells of that size.
//! - The *index* finds records by a keyed hash of their path. It is 512 tables, none of which
//!   takes long to grow. A record knows its parent, so a path is verified upward and kept nowhere.
//! - A *listing* has the children's names in the form in which they are sent, in chunks, so that a
//!   create or delete costs the same below a parent with a million children.
//!
//! [`Tree::footprint`] tells how much memory each of them takes, and the example `tree_bench` what
//! that comes to for a znode.
//!
//! A [`snapshot`] is taken in slices while transactions go on, so it is fuzzy: it becomes exact
//! by replay of what followed its zxid, and until then digests are not compared. A snapshot file
//! says itself how far that is; a SNAP stream does not, and what is made of it is compared from the
//! first transaction on that fits.
//!
//! What is not here: whether a write is allowed (crate `peer` decides that before there is a
//! transaction; the rules of ACLs are in [`access`]), locks (the server holds one around the
//! tree), and files.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod access;
mod acls;
mod apply;
pub mod digest;
mod footprint;
mod foresight;
mod hash;
mod index;
mod owners;
pub mod quota;
pub mod read;
mod slab;
pub mod snapshot;
mod store;
mod tree;
pub mod watches;
mod znode;

pub use apply::{Applied, Change, ChangeKind, OnChange, Outcome};
pub use footprint::Footprint;
pub use foresight::{Foreseen, ForeseenWrite, Foresight};
pub use index::HashedPath;
pub use snapshot::{Loaded, Progress, SnapshotCursor, SnapshotLoader};
pub use tree::{Tree, TreeOptions};
pub use znode::Znode;
