//! The journal of a running server, with what goes with writing it.

use super::real_dir::RealDir;
use super::tally::BatchTally;
use crate::shared::{Shared, random_below};
use crate::snapshots::{Snapshots, Taken};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zoarium_persistence::{Journal, StorageError};
use zoarium_proto::Zxid;
use zoarium_zab::Txn;

/// When to take snapshots: after a number of transactions or bytes, each drawn anew between half
/// and all of its limit, so that the members of an ensemble do not all do it at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotPace {
    /// `zookeeper.snapCount`.
    pub(crate) txns: u64,
    /// `zookeeper.snapSizeLimitInKb`, in bytes; `None` for no limit.
    pub(crate) bytes: Option<u64>,
}

/// The journal and what goes with writing it.
#[derive(Debug)]
pub(crate) struct Log {
    pub(super) shared: Arc<Shared>,
    snapshots: Arc<Snapshots>,
    pub(super) journal: Journal<RealDir>,
    pace: SnapshotPace,
    txns_left: u64,
    bytes_left: u64,
    batch: BatchTally,
    /// Whether the work has ended: what is queued will not be done.
    pub(super) ended: bool,
    /// How many wait for jobs to be done: to tell nobody of it would be a system call all the same.
    pub(super) waiters: usize,
}

impl Log {
    pub(crate) fn new(
        shared: Arc<Shared>,
        snapshots: Arc<Snapshots>,
        journal: Journal<RealDir>,
        pace: SnapshotPace,
    ) -> Self {
        let batch = BatchTally::new(Instant::now());
        let mut log = Self {
            shared,
            snapshots,
            journal,
            pace,
            txns_left: 0,
            bytes_left: 0,
            batch,
            ended: false,
            waiters: 0,
        };
        log.draw_pace();
        log
    }

    pub(super) fn begin_batch(&mut self, now: Instant) {
        self.batch = BatchTally::new(now);
    }

    pub(super) fn append(&mut self, txn: &Txn, queued: Instant) {
        self.journal.append(txn.zxid, &txn.bytes);
        self.batch.note(queued);
        self.txns_left = self.txns_left.saturating_sub(1);
        self.bytes_left = self.bytes_left.saturating_sub(txn.bytes.len() as u64);
    }

    /// Makes the batch durable. After an error that says the disk is full it may be tried again.
    pub(super) fn persist(&mut self) -> Result<(), StorageError> {
        let began = Instant::now();
        self.journal.write()?;
        let before_sync = Instant::now();
        self.journal.sync()?;
        let now = Instant::now();
        self.note_sync(now - before_sync);
        self.batch.report(now - began, now, &self.shared.metrics);
        self.keep_pace()
    }

    fn note_sync(&self, sync: Duration) {
        self.shared.metrics.fsynctime.record(sync);
        if sync > self.shared.limits.fsync_warning {
            self.shared.stats.fsync_threshold_exceeded.increment();
            tracing::warn!(
                ms = sync.as_millis(),
                threshold_ms = self.shared.limits.fsync_warning.as_millis(),
                "fsync of the transaction log was slow, and every write waits for it; a disk of \
                 its own for dataLogDir helps"
            );
        }
    }

    /// Rolls the log and has a snapshot taken when it is time.
    fn keep_pace(&mut self) -> Result<(), StorageError> {
        if self.txns_left > 0 && self.bytes_left > 0 {
            return Ok(());
        }
        self.journal.roll()?;
        self.snapshots.request();
        self.draw_pace();
        Ok(())
    }

    /// There is a snapshot of the present that nobody here has taken.
    pub(super) fn note_snapshot(&mut self, zxid: Zxid) {
        self.snapshots.note(Taken { zxid, wall_ms: crate::clock::wall_ms() });
        self.draw_pace();
    }

    fn draw_pace(&mut self) {
        self.txns_left = draw(self.pace.txns);
        self.bytes_left = self.pace.bytes.map_or(u64::MAX, draw);
    }
}

/// A number between half of a limit and all of it.
fn draw(limit: u64) -> u64 {
    limit / 2 + random_below(limit / 2).max(1)
}
