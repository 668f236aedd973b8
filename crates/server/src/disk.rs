//! The thread that owns the transaction log. Whatever has queued up while it synced is its next
//! batch: one write and one `fdatasync` serve all of it, and the peer loop prepares the batch after
//! meanwhile.

pub(crate) mod real_dir;
mod tally;

use crate::inbox::Inbox;
use crate::peer_loop::LoopEvent;
use crate::shared::{Shared, random_below};
use crate::snapshots::Snapshots;
use real_dir::RealDir;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tally::BatchTally;
use zoarium_peer::LogRecord;
use zoarium_persistence::StorageError;
use zoarium_persistence::log::LogWriter;
use zoarium_process::PersistSeq;
use zoarium_proto::Zxid;

/// How long to wait before a full disk is tried again.
const FULL_DISK_RETRY: Duration = Duration::from_secs(1);

/// Something for the disk thread.
#[derive(Debug)]
enum Job {
    /// With when it was queued.
    Append(PersistSeq, LogRecord, Instant),
    /// The history goes on after this.
    JumpTo(Zxid),
    Stop,
}

/// The way to the disk thread.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    jobs: Inbox<Job>,
    /// The server ends: a full disk is not waited for.
    stopping: AtomicBool,
}

impl Disk {
    /// Queues records, in order. Each is answered with [`LoopEvent::Persisted`].
    pub(crate) fn append(&self, records: impl Iterator<Item = (PersistSeq, LogRecord)>) {
        let queued = Instant::now();
        self.jobs.extend(records.map(|(seq, record)| Job::Append(seq, record, queued)));
    }

    /// Lets the history go on after `zxid`, whose state is durable as a snapshot.
    pub(crate) fn jump_to(&self, zxid: Zxid) {
        self.jobs.push(Job::JumpTo(zxid));
    }

    /// Ends the thread once everything queued is durable.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.jobs.push(Job::Stop);
    }
}

/// When to take snapshots: after a number of transactions or bytes, each drawn anew between half
/// and all of its limit, so that the members of an ensemble do not all do it at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotPace {
    /// `zookeeper.snapCount`.
    pub(crate) txns: u64,
    /// `zookeeper.snapSizeLimitInKb`, in bytes; `None` for no limit.
    pub(crate) bytes: Option<u64>,
}

/// The disk thread's own state.
#[derive(Debug)]
pub(crate) struct DiskThread {
    disk: Arc<Disk>,
    shared: Arc<Shared>,
    snapshots: Arc<Snapshots>,
    writer: LogWriter<RealDir>,
    batch_max: usize,
    fsync_warning: Duration,
    pace: SnapshotPace,
    txns_left: u64,
    bytes_left: u64,
    batch: BatchTally,
}

impl DiskThread {
    pub(crate) fn new(
        disk: Arc<Disk>,
        shared: Arc<Shared>,
        snapshots: Arc<Snapshots>,
        writer: LogWriter<RealDir>,
        pace: SnapshotPace,
    ) -> Self {
        let mut thread = Self {
            batch_max: shared.limits.sync_batch_max,
            fsync_warning: shared.limits.fsync_warning,
            disk,
            shared,
            snapshots,
            writer,
            pace,
            txns_left: 0,
            bytes_left: 0,
            batch: BatchTally::new(Instant::now()),
        };
        thread.draw_pace();
        thread
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// The first error of the log but a full disk. Nothing may be acknowledged after it: what is on
    /// disk is known only after a restart.
    pub(crate) fn run(mut self) -> Result<(), StorageError> {
        let mut jobs = Vec::new();
        loop {
            self.disk.jobs.take(&mut jobs, None);
            self.gather(&mut jobs);
            self.shared.metrics.sync_processor_queue_size.record(jobs.len() as u64);
            self.batch = BatchTally::new(Instant::now());
            let mut pending = None;
            let mut appended = 0;
            for job in jobs.drain(..) {
                match job {
                    Job::Append(seq, record, queued) => {
                        self.append(&record);
                        self.batch.note(queued);
                        pending = Some(seq);
                        appended += 1;
                        if appended == self.batch_max {
                            self.persist(pending.take())?;
                            appended = 0;
                        }
                    }
                    Job::JumpTo(zxid) => {
                        self.persist(pending.take())?;
                        appended = 0;
                        self.writer.jump_to(zxid)?;
                    }
                    Job::Stop => {
                        self.persist(pending)?;
                        return Ok(());
                    }
                }
            }
            self.persist(pending)?;
            self.keep_pace()?;
        }
    }

    /// Waits for others to share the sync, for `flushDelay` at most and no longer than
    /// `maxWriteQueuePollTime` for each.
    fn gather(&self, jobs: &mut Vec<Job>) {
        let (delay, poll) = self.shared.limits.flush_delay;
        let end = Instant::now() + delay;
        while Instant::now() < end && jobs.len() < self.batch_max {
            let mut more = Vec::new();
            self.disk.jobs.take(&mut more, Some(end.min(Instant::now() + poll)));
            if more.is_empty() {
                return;
            }
            jobs.append(&mut more);
        }
    }

    fn append(&mut self, record: &LogRecord) {
        self.writer.append(record.zxid, &record.txn);
        self.txns_left = self.txns_left.saturating_sub(1);
        self.bytes_left = self.bytes_left.saturating_sub(record.txn.len() as u64);
    }

    /// Makes the batch durable, waiting for as long as the disk is full.
    fn persist(&mut self, upto: Option<PersistSeq>) -> Result<(), StorageError> {
        let Some(upto) = upto else { return Ok(()) };
        let began = Instant::now();
        let mut full = false;
        while let Err(error) = self.writer.write() {
            if !error.is_full() || self.disk.stopping.load(Relaxed) {
                return Err(error);
            }
            if !full {
                tracing::error!(%error, "the disk is full: writes are refused until there is room");
                self.shared.inbox.push(LoopEvent::DiskFull(true));
                full = true;
            }
            std::thread::sleep(FULL_DISK_RETRY);
        }
        if full {
            tracing::info!("the disk has room again: writes are taken");
            self.shared.inbox.push(LoopEvent::DiskFull(false));
        }
        let before_sync = Instant::now();
        self.writer.sync()?;
        let now = Instant::now();
        self.note_sync(now - before_sync);
        self.batch.report(now - began, now, &self.shared.metrics);
        self.shared.inbox.push(LoopEvent::Persisted(upto));
        Ok(())
    }

    fn note_sync(&self, sync: Duration) {
        self.shared.metrics.fsynctime.record(sync);
        if sync > self.fsync_warning {
            self.shared.stats.fsync_threshold_exceeded.increment();
            tracing::warn!(
                ms = sync.as_millis(),
                threshold_ms = self.fsync_warning.as_millis(),
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
        self.writer.roll()?;
        self.snapshots.request();
        self.draw_pace();
        Ok(())
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
