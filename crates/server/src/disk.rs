//! The transaction log of a running server, and its thread. Whatever has queued up while the thread
//! synced is its next batch: one write and one `fdatasync` serve all of it, and the peer loop
//! prepares the batch after meanwhile.
//!
//! A few records that come while the thread has nothing to do are made durable by the peer loop
//! itself: there is nothing to prepare meanwhile, and a lone write waits for two threads less.

pub(crate) mod real_dir;
mod tally;

use crate::inbox::Inbox;
use crate::peer_loop::LoopEvent;
use crate::shared::{Shared, random_below};
use crate::snapshots::Snapshots;
use real_dir::RealDir;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tally::BatchTally;
use zoarium_persistence::StorageError;
use zoarium_persistence::log::LogWriter;
use zoarium_process::PersistSeq;
use zoarium_proto::Zxid;
use zoarium_zab::{Record, Txn};

/// How long to wait before a full disk is tried again.
const FULL_DISK_RETRY: Duration = Duration::from_secs(1);

/// Something for the disk thread.
#[derive(Debug)]
enum Job {
    /// With when it was queued.
    Append(PersistSeq, Record, Instant),
    /// The peer loop could not make the batch durable, up to this record.
    Retry(PersistSeq, StorageError),
    /// The history goes on after this.
    JumpTo(Zxid),
    Stop,
}

/// The log, and the way to its thread.
#[derive(Debug)]
pub(crate) struct Disk {
    jobs: Inbox<Job>,
    /// Jobs that the thread has not finished. The peer loop alone adds records.
    under_way: AtomicUsize,
    /// The server ends: a full disk is not waited for.
    stopping: AtomicBool,
    log: Mutex<Log>,
}

/// How many records the peer loop makes durable itself at most. With more under way it has better
/// things to do than to wait for a disk.
const HERE_MAX: usize = 16;

impl Disk {
    pub(crate) fn new(log: Log) -> Self {
        Self {
            jobs: Inbox::default(),
            under_way: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            log: Mutex::new(log),
        }
    }

    /// Makes a few records durable on this thread, if nothing else is under way. The result is the
    /// last of them. If there is none, what is left in `records` has to be queued; what is not is
    /// the thread's.
    pub(crate) fn persist_here(
        &self,
        records: &mut Vec<(PersistSeq, Record)>,
    ) -> Option<PersistSeq> {
        let upto = records.last().map(|(seq, _)| *seq)?;
        if records.len() > HERE_MAX || self.under_way.load(Acquire) > 0 {
            return None;
        }
        let mut log = self.log();
        if log.shared.limits.flush_delay.0 > Duration::ZERO {
            return None;
        }
        let now = Instant::now();
        log.batch = BatchTally::new(now);
        records.drain(..).for_each(|(_, record)| log.append(&record, now));
        let persisted = log.persist();
        drop(log);
        match persisted {
            Ok(()) => Some(upto),
            Err(error) => {
                self.push(std::iter::once(Job::Retry(upto, error)));
                None
            }
        }
    }

    /// Queues records, in order. Each is answered with [`LoopEvent::Persisted`].
    pub(crate) fn append(&self, records: impl Iterator<Item = (PersistSeq, Record)>) {
        let queued = Instant::now();
        self.push(records.map(|(seq, record)| Job::Append(seq, record, queued)));
    }

    /// Lets the history go on after `zxid`, whose state is durable as a snapshot.
    pub(crate) fn jump_to(&self, zxid: Zxid) {
        self.push(std::iter::once(Job::JumpTo(zxid)));
    }

    /// Ends the thread once everything queued is durable.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.push(std::iter::once(Job::Stop));
    }

    fn push(&self, jobs: impl Iterator<Item = Job>) {
        let jobs: Vec<Job> = jobs.collect();
        self.under_way.fetch_add(jobs.len(), Release);
        self.jobs.extend(jobs);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("a thread panicked while it wrote the log")
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

/// The log and what goes with writing it.
#[derive(Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    snapshots: Arc<Snapshots>,
    writer: LogWriter<RealDir>,
    pace: SnapshotPace,
    txns_left: u64,
    bytes_left: u64,
    batch: BatchTally,
}

impl Log {
    pub(crate) fn new(
        shared: Arc<Shared>,
        snapshots: Arc<Snapshots>,
        writer: LogWriter<RealDir>,
        pace: SnapshotPace,
    ) -> Self {
        let batch = BatchTally::new(Instant::now());
        let mut log = Self { shared, snapshots, writer, pace, txns_left: 0, bytes_left: 0, batch };
        log.draw_pace();
        log
    }

    fn append(&mut self, record: &Record, queued: Instant) {
        let Record::Append(Txn { zxid, bytes, .. }) = record else {
            unreachable!("{record:?} of a standalone server")
        };
        self.writer.append(*zxid, bytes);
        self.batch.note(queued);
        self.txns_left = self.txns_left.saturating_sub(1);
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
    }

    /// Makes the batch durable. After an error that says the disk is full it may be tried again.
    fn persist(&mut self) -> Result<(), StorageError> {
        let began = Instant::now();
        self.writer.write()?;
        let before_sync = Instant::now();
        self.writer.sync()?;
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

/// The disk thread.
#[derive(Debug)]
pub(crate) struct DiskThread {
    pub(crate) disk: Arc<Disk>,
    pub(crate) shared: Arc<Shared>,
}

impl DiskThread {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// The first error of the log but a full disk. Nothing may be acknowledged after it: what is on
    /// disk is known only after a restart.
    pub(crate) fn run(self) -> Result<(), StorageError> {
        let mut jobs = Vec::new();
        loop {
            self.disk.jobs.take(&mut jobs, None);
            self.gather(&mut jobs);
            self.shared.metrics.sync_processor_queue_size.record(jobs.len() as u64);
            let count = jobs.len();
            let mut log = self.disk.log();
            log.batch = BatchTally::new(Instant::now());
            let stopped = self.work(&mut log, &mut jobs)?;
            drop(log);
            self.disk.under_way.fetch_sub(count, Release);
            if stopped {
                return Ok(());
            }
        }
    }

    /// Does the jobs in order. The result says whether the last one was to stop.
    fn work(&self, log: &mut Log, jobs: &mut Vec<Job>) -> Result<bool, StorageError> {
        let mut pending = None;
        let mut appended = 0;
        for job in jobs.drain(..) {
            match job {
                Job::Append(seq, record, queued) => {
                    log.append(&record, queued);
                    pending = Some(seq);
                    appended += 1;
                    if appended == self.shared.limits.sync_batch_max {
                        self.persist(log, pending.take())?;
                        appended = 0;
                    }
                }
                Job::Retry(_, error) if !error.is_full() => return Err(error),
                Job::Retry(seq, _) => self.persist(log, Some(seq))?,
                Job::JumpTo(zxid) => {
                    self.persist(log, pending.take())?;
                    appended = 0;
                    log.writer.jump_to(zxid)?;
                }
                Job::Stop => {
                    self.persist(log, pending)?;
                    return Ok(true);
                }
            }
        }
        self.persist(log, pending)?;
        Ok(false)
    }

    /// Waits for others to share the sync, for `flushDelay` at most and no longer than
    /// `maxWriteQueuePollTime` for each.
    fn gather(&self, jobs: &mut Vec<Job>) {
        let (delay, poll) = self.shared.limits.flush_delay;
        let end = Instant::now() + delay;
        while Instant::now() < end && jobs.len() < self.shared.limits.sync_batch_max {
            let mut more = Vec::new();
            self.disk.jobs.take(&mut more, Some(end.min(Instant::now() + poll)));
            if more.is_empty() {
                return;
            }
            jobs.append(&mut more);
        }
    }

    /// Makes the batch durable, waiting for as long as the disk is full.
    fn persist(&self, log: &mut Log, upto: Option<PersistSeq>) -> Result<(), StorageError> {
        let Some(upto) = upto else { return Ok(()) };
        let mut full = false;
        while let Err(error) = log.persist() {
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
        self.shared.inbox.push(LoopEvent::Persisted(upto));
        Ok(())
    }
}

/// A number between half of a limit and all of it.
fn draw(limit: u64) -> u64 {
    limit / 2 + random_below(limit / 2).max(1)
}
