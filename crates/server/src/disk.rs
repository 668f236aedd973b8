//! The history of a running server on its disk, and the thread that writes it. Whatever has queued up while the thread
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
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};
use tally::BatchTally;
use zoarium_persistence::names::SnapshotName;
use zoarium_persistence::snapshot::CompleteSnapshot;
use zoarium_persistence::{Journal, Lineage, StorageError};
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
    /// All before is done.
    Fence(mpsc::Sender<()>),
    /// A snapshot of this history is whole.
    Publish(CompleteSnapshot<RealDir>, Lineage, mpsc::Sender<Published>),
    Stop,
}

/// The name of a snapshot that is part of the history; `None` if that history is not this one any
/// more.
type Published = Result<Option<SnapshotName>, StorageError>;

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
        let few = records.len() <= HERE_MAX
            && records.iter().all(|(_, record)| matches!(record, Record::Append(_)));
        if !few || self.under_way.load(Acquire) > 0 {
            return None;
        }
        let mut log = self.log();
        if log.shared.limits.flush_delay.0 > Duration::ZERO {
            return None;
        }
        let now = Instant::now();
        log.batch = BatchTally::new(now);
        for (_, record) in records.drain(..) {
            if let Record::Append(txn) = record {
                log.append(&txn, now);
            }
        }
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

    /// Waits until everything queued is durable. False if it never will be: the history has failed.
    pub(crate) fn settle(&self) -> bool {
        let (done, finished) = mpsc::channel();
        self.push(std::iter::once(Job::Fence(done)));
        finished.recv().is_ok()
    }

    /// Makes a snapshot of a tree of `lineage` part of the history, behind everything queued.
    ///
    /// # Errors
    /// If it cannot be, or the server stops.
    pub(crate) fn publish(
        &self,
        snapshot: CompleteSnapshot<RealDir>,
        lineage: Lineage,
    ) -> Published {
        let (asker, answer) = mpsc::channel();
        self.push(std::iter::once(Job::Publish(snapshot, lineage, asker)));
        answer.recv().unwrap_or(Err(StorageError::LogFailed))
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
    journal: Journal<RealDir>,
    pace: SnapshotPace,
    txns_left: u64,
    bytes_left: u64,
    batch: BatchTally,
}

impl Log {
    pub(crate) fn new(
        shared: Arc<Shared>,
        snapshots: Arc<Snapshots>,
        journal: Journal<RealDir>,
        pace: SnapshotPace,
    ) -> Self {
        let batch = BatchTally::new(Instant::now());
        let mut log = Self { shared, snapshots, journal, pace, txns_left: 0, bytes_left: 0, batch };
        log.draw_pace();
        log
    }

    fn append(&mut self, txn: &Txn, queued: Instant) {
        self.journal.append(txn.zxid, &txn.bytes);
        self.batch.note(queued);
        self.txns_left = self.txns_left.saturating_sub(1);
        self.bytes_left = self.bytes_left.saturating_sub(txn.bytes.len() as u64);
    }

    /// Does what is no appending, and is durable when it is done.
    fn carry_out(&mut self, record: &Record) -> Result<(), StorageError> {
        match record {
            Record::AcceptedEpoch(epoch) => self.journal.accepted_epoch(epoch.0),
            Record::CurrentEpoch(epoch) => self.journal.current_epoch(epoch.0),
            Record::Truncate { to } => self.journal.truncate(*to).map(drop),
            Record::Snapshot { zxid } => self.journal.install_snapshot(*zxid),
            Record::Append(_) => unreachable!("appended with others"),
        }
    }

    /// Makes the batch durable. After an error that says the disk is full it may be tried again.
    fn persist(&mut self) -> Result<(), StorageError> {
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
                Job::Append(seq, Record::Append(txn), queued) => {
                    log.append(&txn, queued);
                    pending = Some(seq);
                    appended += 1;
                    if appended == self.shared.limits.sync_batch_max {
                        self.persist(log, pending.take())?;
                        appended = 0;
                    }
                }
                Job::Append(seq, record, _) => {
                    self.persist(log, pending.take())?;
                    appended = 0;
                    self.until_there_is_room(|| log.carry_out(&record))?;
                    self.shared.inbox.push(LoopEvent::Persisted(seq));
                }
                Job::Fence(asker) => {
                    self.persist(log, pending.take())?;
                    appended = 0;
                    // Who has asked waits for nothing else.
                    let _gone = asker.send(());
                }
                Job::Publish(snapshot, lineage, asker) => {
                    self.persist(log, pending.take())?;
                    appended = 0;
                    let _gone = asker.send(log.journal.publish(snapshot, lineage));
                }
                Job::Retry(_, error) if !error.is_full() => return Err(error),
                Job::Retry(seq, _) => self.persist(log, Some(seq))?,
                Job::JumpTo(zxid) => {
                    self.persist(log, pending.take())?;
                    appended = 0;
                    log.journal.jump_to(zxid)?;
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
        self.until_there_is_room(|| log.persist())?;
        self.shared.inbox.push(LoopEvent::Persisted(upto));
        Ok(())
    }

    /// Tries for as long as the disk is full.
    fn until_there_is_room(
        &self,
        mut attempt: impl FnMut() -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut full = false;
        while let Err(error) = attempt() {
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
        Ok(())
    }
}

/// A number between half of a limit and all of it.
fn draw(limit: u64) -> u64 {
    limit / 2 + random_below(limit / 2).max(1)
}
