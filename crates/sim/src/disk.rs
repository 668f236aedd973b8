//! Virtual disks: what is written, what is durable, and what a crash leaves of the difference.

use crate::rng::Rng;
use std::fmt::Debug;
use zoarium_process::PersistSeq;

#[cfg(test)]
mod tests;

/// The disk of one machine. It outlives the processes that write to it.
///
/// The simulator drives it as a server's disk thread would: it appends a batch of records, some
/// time later syncs, and tells the process. [`RecordDisk`] keeps records as they are; a simulator
/// of real storage code puts that code behind this trait.
pub trait Disk: Debug {
    /// What a process makes durable.
    type Record;

    /// Writes a record behind those before it; it is not durable yet.
    ///
    /// # Errors
    /// [`DiskError::Full`] if it is to be tried again later. The others end the process.
    fn append(&mut self, seq: PersistSeq, record: &Self::Record) -> Result<(), DiskError>;

    /// Makes all that was appended durable.
    ///
    /// # Errors
    /// As [`Disk::append`].
    fn sync(&mut self) -> Result<(), DiskError>;

    /// The process died. What was synced stays; of the rest, what `keep` says. Faults that were
    /// set go, but for [`Disk::set_full`].
    fn crash(&mut self, keep: Keep, rng: &mut Rng);

    /// How many operations that change something there were so far, over all crashes; those that
    /// halted did not happen. What counts as one is up to the disk: each call of [`Disk::append`]
    /// and [`Disk::sync`] at least.
    fn operations(&self) -> u64;

    /// Makes the operation with this number, counted as in [`Disk::operations`], do nothing and
    /// fail with [`DiskError::Halted`], and all after it until the next crash. `None` takes it
    /// back.
    fn halt_at(&mut self, operation: Option<u64>);

    /// Whether appending fails with [`DiskError::Full`].
    fn set_full(&mut self, full: bool);

    /// Flips one bit of what is durable, while no process uses it. Nothing happens to a disk that
    /// has no bytes, such as [`RecordDisk`].
    fn corrupt(&mut self, rng: &mut Rng) {
        let _ = rng;
    }

    /// Forgets everything, while no process uses it.
    fn wipe(&mut self);
}

/// Why a disk did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// There is no room; the same call may succeed later.
    Full,
    /// The machine stopped at [`Disk::halt_at`]'s operation.
    Halted,
    /// Something else; the process must end, as nobody knows what is on disk.
    Failed(String),
}

/// What a crash leaves of what was written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// All of it: the process died, the machine did not.
    All,
    /// None of it.
    Synced,
    /// A random part. Records are kept up to some point; a disk of bytes may lose any sector.
    Part,
    /// All of it, but the last write is torn.
    Torn,
}

impl Keep {
    /// All there are, the harmless first.
    pub const EACH: [Self; 4] = [Self::All, Self::Synced, Self::Part, Self::Torn];
}

/// A disk that keeps records as a list.
#[derive(Clone, Debug)]
pub struct RecordDisk<R> {
    records: Vec<R>,
    /// How many of the records are durable.
    synced: usize,
    torn: bool,
    operations: u64,
    halt_at: Option<u64>,
    full: bool,
}

impl<R> Default for RecordDisk<R> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            synced: 0,
            torn: false,
            operations: 0,
            halt_at: None,
            full: false,
        }
    }
}

impl<R> RecordDisk<R> {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// All that was written, in order; after a crash, all that is left.
    pub fn records(&self) -> &[R] {
        &self.records
    }

    /// The part of [`RecordDisk::records`] that no crash takes away.
    pub fn synced(&self) -> &[R] {
        &self.records[..self.synced]
    }

    /// Whether a part of one more record follows the last one: recovery must notice it and take
    /// it away. The next append does.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    fn operate(&mut self) -> Result<(), DiskError> {
        if self.halt_at.is_some_and(|at| self.operations >= at) {
            return Err(DiskError::Halted);
        }
        self.operations += 1;
        Ok(())
    }
}

impl<R: Clone + Debug> Disk for RecordDisk<R> {
    type Record = R;

    fn append(&mut self, _: PersistSeq, record: &R) -> Result<(), DiskError> {
        self.operate()?;
        if self.full {
            return Err(DiskError::Full);
        }
        self.torn = false;
        self.records.push(record.clone());
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        self.operate()?;
        self.synced = self.records.len();
        Ok(())
    }

    fn crash(&mut self, keep: Keep, rng: &mut Rng) {
        let unsynced = self.records.len() - self.synced;
        let kept = match keep {
            Keep::All => unsynced,
            Keep::Synced => 0,
            Keep::Part => rng.index(unsynced + 1),
            Keep::Torn => unsynced.saturating_sub(1),
        };
        self.torn |= keep == Keep::Torn && unsynced > 0;
        self.records.truncate(self.synced + kept);
        self.synced = self.records.len();
        self.halt_at = None;
    }

    fn operations(&self) -> u64 {
        self.operations
    }

    fn halt_at(&mut self, operation: Option<u64>) {
        self.halt_at = operation;
    }

    fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    fn wipe(&mut self) {
        self.records.clear();
        self.synced = 0;
        self.torn = false;
    }
}
