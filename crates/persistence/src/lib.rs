//! Transaction log, snapshots, epoch files: what a server keeps on disk, in the formats of Apache
//! ZooKeeper 3.8 and 3.9, readable by both sides in both directions.
//!
//! All I/O goes through the small trait [`Dir`], so the same code runs over real files and over a
//! simulated disk that loses power. The crate decides nothing about the protocol: it is told what
//! to write, and says what it read.
//!
//! Where to start: [`recovery`] reads a data directory into a tree, [`log::LogWriter`] appends to
//! it, [`snapshot`] writes the tree as a whole, [`truncate`] and [`purge`] take away;
//! [`journal`] puts them together for a member of an ensemble. What may be
//! wrong is listed in [`StorageError`]; what was wrong but could be lived with, in
//! [`StorageWarning`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod dir;
pub mod epochs;
pub mod journal;
pub mod log;
pub mod log_reader;
pub mod mem_dir;
pub mod my_id;
pub mod names;
pub mod purge;
pub mod recovery;
pub mod snapshot;
pub mod truncate;

mod error;
mod io;
mod number;
#[cfg(test)]
mod testing;
mod warning;
mod window;

pub use dir::{DataDirs, Dir, DirError, DirFile};
pub use epochs::Epochs;
pub use error::{Operation, PackingProblem, StorageError};
pub use journal::{Journal, JournalOptions, Lineage, recover_member};
pub use log::{LogOptions, LogWriter};
pub use log_reader::{LogEntry, LogFileReader, LogReader};
pub use names::{Compression, SnapshotName};
pub use recovery::{Recovered, RecoveryOptions, recover};
pub use snapshot::{CompleteSnapshot, Filled, SnapshotWriter};
pub use warning::StorageWarning;
