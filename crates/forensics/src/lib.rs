//! Offline tools over the data directory of a ZooKeeper server, Apache's or ours: what is in its
//! logs, who did what, how the tree was, what its snapshots hold, whether it is sound.
//!
//! Nothing here writes unless it is told to: everything reads through a [`sandbox`], and the few
//! functions that change files take the real directories as an argument ([`Place::to_change`]).
//!
//! Start at [`Place::find`], which makes directories of what an operator names, then at [`scan`] for
//! logs, [`past`] for the tree as it was, [`blame`], [`compare`] and [`sizes`] for what is asked of
//! them, [`doctor`] for all that can be wrong. What is shown to people and as JSON is written to an
//! output that the caller has; colours, prompts and exit codes are the command line's.

pub mod blame;
pub mod compare;
pub mod disk;
pub mod doctor;
pub mod document;
pub mod filter;
pub mod moment;
pub mod past;
pub mod place;
pub mod progress;
pub mod sandbox;
pub mod scan;
pub mod sizes;
pub mod touch;
pub mod txn_show;
pub mod walk;
pub mod znode_json;

mod error;
#[cfg(test)]
mod hostile_bytes;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use place::Place;
pub use progress::{Progress, Silent};
