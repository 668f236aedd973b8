//! The durable side of one member of an ensemble: its log, epochs and snapshots as one history.
//!
//! A member has one history at a time. It goes on by [`Journal::append`], and gives way to another
//! when the leader orders it: by [`Journal::truncate`] to an earlier part of itself, by
//! [`Journal::install_snapshot`] to what the leader has sent. Calls take effect in order, so what a
//! crash leaves is the result of all of them up to some point, behind everything acknowledged.
//!
//! The server's work at the disk and the simulator's disk both are drivers of this code. What runs beside
//! that thread, on the files alone, are functions of their own: [`read_history`], [`stage_snapshot`]
//! and the writing of snapshots, which become part of the history by [`Journal::publish`].

use crate::dir::{DataDirs, Dir};
use crate::epochs::{EpochFile, write_epoch};
use crate::error::StorageError;
use crate::log::{LogOptions, LogWriter};
use crate::names::SnapshotName;
use crate::recovery::RecoveryOptions;
use crate::snapshot::CompleteSnapshot;
use crate::truncate::truncate;
use zoarium_proto::Zxid;

mod history;
mod member;
mod received;

pub use history::{HistoryLimits, Logged, newest_snapshot_size, read_history};
pub use member::{MemberOptions, RecoveredMember, recover_member};
pub(crate) use received::finish_install;
pub use received::{stage_snapshot, unstage_snapshot};

/// How a journal is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalOptions {
    /// How the log is written.
    pub log: LogOptions,
    /// How it is read back, to find out where to cut it.
    pub recovery: RecoveryOptions,
}

/// Which history, counted from the one a process has recovered: every cut and every received
/// snapshot begins another. A tree belongs to one of them; whoever replaces the tree counts along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lineage(pub u64);

impl Lineage {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Keeps the history of one process, from its start on.
///
/// A full disk is no failure ([`StorageError::is_full`]): nothing is lost, and the same call may be
/// made again. Nor is [`StorageError::NothingBefore`]. After any other error nobody knows what is on
/// disk; the journal refuses all further use, and only a restart can tell.
#[derive(Debug)]
pub struct Journal<D: Dir> {
    dirs: DataDirs<D>,
    options: JournalOptions,
    log: LogWriter<D>,
    lineage: Lineage,
    failed: bool,
}

impl<D: Dir + Clone> Journal<D> {
    /// A journal that continues the history after `last`, which was recovered from these
    /// directories.
    pub fn new(dirs: DataDirs<D>, last: Zxid, options: JournalOptions) -> Self {
        let log = LogWriter::new(dirs.logs.clone(), last, options.log);
        Self { dirs, options, log, lineage: Lineage::default(), failed: false }
    }

    /// Where the history is.
    pub const fn dirs(&self) -> &DataDirs<D> {
        &self.dirs
    }

    /// The last zxid of the history, durable or not.
    pub const fn last(&self) -> Zxid {
        self.log.last()
    }

    /// Which history this is.
    pub const fn lineage(&self) -> Lineage {
        self.lineage
    }

    /// Adds a transaction to the batch. Does no I/O.
    ///
    /// # Panics
    /// If `zxid` does not directly follow the last one: such a log could not be read back.
    pub fn append(&mut self, zxid: Zxid, txn: &[u8]) {
        self.log.append(zxid, txn);
    }

    /// Bytes appended and not yet written.
    pub fn batch_size(&self) -> usize {
        self.log.batch_size()
    }

    /// Hands the batch to the file system.
    ///
    /// # Errors
    /// As for all calls; see [`Journal`].
    pub fn write(&mut self) -> Result<(), StorageError> {
        self.refuse_after_failure()?;
        self.log.write()
    }

    /// Writes the batch, makes everything durable and returns the last zxid that is.
    ///
    /// # Errors
    /// As for all calls; see [`Journal`].
    pub fn sync(&mut self) -> Result<Zxid, StorageError> {
        self.refuse_after_failure()?;
        self.log.sync()
    }

    /// Syncs, and lets the next transaction begin a new log file.
    ///
    /// # Errors
    /// As for all calls; see [`Journal`].
    pub fn roll(&mut self) -> Result<(), StorageError> {
        self.refuse_after_failure()?;
        self.log.roll()
    }

    /// Notes a promise to accept no earlier epoch; durable when this returns, and so is all that
    /// was appended before.
    ///
    /// # Errors
    /// As for all calls; see [`Journal`].
    pub fn accepted_epoch(&mut self, epoch: u32) -> Result<(), StorageError> {
        self.epoch(EpochFile::Accepted, epoch)
    }

    /// Notes whose history this is; durable when this returns, and so is that history: a server that
    /// claims an epoch without its history could be elected and undo what was committed
    /// (ZOOKEEPER-4643, 3911).
    ///
    /// # Errors
    /// As for all calls; see [`Journal`].
    pub fn current_epoch(&mut self, epoch: u32) -> Result<(), StorageError> {
        self.epoch(EpochFile::Current, epoch)
    }

    fn epoch(&mut self, file: EpochFile, epoch: u32) -> Result<(), StorageError> {
        self.sync()?;
        let written = write_epoch(&self.dirs.snapshots, file, epoch);
        self.note_failure(written)
    }

    /// Goes back to `to` and writes on in a new file (ZOOKEEPER-1489). What was after it is gone for
    /// good, from snapshots as well as from the log (ZOOKEEPER-4837). A zxid that only begins an
    /// epoch is in no log, so the history may end before it. Returns where it ends.
    ///
    /// The tree has to be recovered anew.
    ///
    /// # Errors
    /// [`StorageError::NothingBefore`], with nothing changed, if no snapshot would be left to begin
    /// with; [`StorageError::NotInHistory`] if there is no such transaction, with the history cut
    /// before it, so that the leader sees after a restart how far it is shared. A truncation that
    /// fails must not be passed over (ZOOKEEPER-3701). Else as for all calls; see [`Journal`].
    pub fn truncate(&mut self, to: Zxid) -> Result<Zxid, StorageError> {
        self.roll()?;
        let cut = truncate(&self.dirs, to, &self.options.recovery).and_then(|last| {
            let exact = last == to || to.counter() == 0;
            if exact { Ok(last) } else { Err(StorageError::NotInHistory { to, last }) }
        });
        let last = self.note_failure(cut)?;
        self.begin_lineage(last);
        Ok(last)
    }

    /// Lets the snapshot that was staged with this zxid take the place of the whole history. A crash
    /// leaves the one or the other. What an interrupted transfer leaves is never installed
    /// (ZOOKEEPER-2872, 3642): there is nothing staged then.
    ///
    /// # Errors
    /// [`StorageError::NotStaged`], which is a fault of the caller. Else as for all calls; see
    /// [`Journal`].
    pub fn install_snapshot(&mut self, zxid: Zxid) -> Result<(), StorageError> {
        self.roll()?;
        let installed = received::install(&self.dirs, zxid);
        self.note_failure(installed)?;
        self.begin_lineage(zxid);
        Ok(())
    }

    /// Lets the history continue after `last`, whose snapshot is durable and came neither through
    /// this log nor from a leader: an operator has restored it.
    ///
    /// # Errors
    /// As for all calls; see [`Journal`].
    pub fn jump_to(&mut self, last: Zxid) -> Result<(), StorageError> {
        self.roll()?;
        self.begin_lineage(last);
        Ok(())
    }

    /// Makes a snapshot of a tree of `lineage` part of the history. Everything that was applied to
    /// the tree when its last slice was taken must have been appended.
    ///
    /// `None`, with the snapshot removed, if that history is not this one any more: its end may have
    /// been cut off, and the snapshot would bring it back (ZOOKEEPER-1549).
    ///
    /// # Errors
    /// If the log fails, as for all calls, or if the snapshot cannot be named or removed, which
    /// does no harm: the log has what it would hold.
    pub fn publish(
        &mut self,
        snapshot: CompleteSnapshot<D>,
        lineage: Lineage,
    ) -> Result<Option<SnapshotName>, StorageError> {
        self.refuse_after_failure()?;
        if lineage != self.lineage {
            return snapshot.abandon().map(|()| None);
        }
        // Or a power cut could leave a snapshot that has seen what the log has not.
        self.sync()?;
        snapshot.publish().map(Some)
    }

    fn begin_lineage(&mut self, last: Zxid) {
        self.log = LogWriter::new(self.dirs.logs.clone(), last, self.options.log);
        self.lineage = self.lineage.next();
    }

    const fn refuse_after_failure(&self) -> Result<(), StorageError> {
        if self.failed { Err(StorageError::LogFailed) } else { Ok(()) }
    }

    fn note_failure<T>(&mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        self.failed |= result.as_ref().is_err_and(|error| {
            !error.is_full() && !matches!(error, StorageError::NothingBefore { .. })
        });
        result
    }
}

#[cfg(test)]
mod tests;
