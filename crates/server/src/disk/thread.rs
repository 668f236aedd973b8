//! The thread that makes records durable, batch by batch.

use super::log::Log;
use super::{Disk, FULL_DISK_RETRY, Job};
use crate::peer_loop::LoopEvent;
use crate::shared::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use zoarium_persistence::StorageError;
use zoarium_process::PersistSeq;
use zoarium_zab::Record;

/// The disk thread.
#[derive(Debug)]
pub(crate) struct DiskThread {
    pub(crate) disk: Arc<Disk>,
    pub(crate) shared: Arc<Shared>,
}

/// What was appended and is not durable.
#[derive(Debug, Default)]
struct Pending {
    upto: Option<PersistSeq>,
    count: usize,
}

impl DiskThread {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// The first error of the disk but that it is full. Nothing may be acknowledged after it: what
    /// is on disk is known only after a restart.
    pub(crate) fn run(self) -> Result<(), StorageError> {
        let result = self.run_until_stopped();
        self.disk.log().ended = true;
        self.disk.settled.notify_all();
        result
    }

    fn run_until_stopped(&self) -> Result<(), StorageError> {
        let mut jobs = Vec::new();
        loop {
            self.disk.jobs.take(&mut jobs, None);
            self.gather(&mut jobs);
            self.shared.metrics.sync_processor_queue_size.record(jobs.len() as u64);
            let count = jobs.len();
            let mut log = self.disk.log();
            log.begin_batch(Instant::now());
            let stopped = self.work(&mut log, &mut jobs)?;
            self.disk.note_done(&log, count);
            if stopped {
                return Ok(());
            }
        }
    }

    /// Does the jobs in order. The result says whether the last one was to stop.
    fn work(&self, log: &mut Log, jobs: &mut Vec<Job>) -> Result<bool, StorageError> {
        let mut pending = Pending::default();
        for job in jobs.drain(..) {
            match job {
                Job::Persist(seq, Record::Append(txn), queued) => {
                    log.append(&txn, queued);
                    pending.upto = Some(seq);
                    pending.count += 1;
                    if pending.count == self.shared.limits.sync_batch_max {
                        self.persist(log, &mut pending)?;
                    }
                }
                Job::Persist(seq, record, _) => {
                    self.persist(log, &mut pending)?;
                    self.when_there_is_room(log, |log| self.carry_out(log, &record))?;
                    self.shared.inbox.push(LoopEvent::Persisted(seq));
                }
                Job::Retry(_, error) if !error.is_full() => return Err(error),
                Job::Retry(seq, _) => {
                    pending.upto = Some(seq);
                    self.persist(log, &mut pending)?;
                }
                Job::JumpTo(zxid) => {
                    self.persist(log, &mut pending)?;
                    log.journal.jump_to(zxid)?;
                }
                Job::Stop => {
                    self.persist(log, &mut pending)?;
                    return Ok(true);
                }
            }
        }
        self.persist(log, &mut pending)?;
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

    /// Makes the batch durable.
    fn persist(&self, log: &mut Log, pending: &mut Pending) -> Result<(), StorageError> {
        let Some(upto) = std::mem::take(pending).upto else { return Ok(()) };
        self.when_there_is_room(log, Log::persist)?;
        self.shared.inbox.push(LoopEvent::Persisted(upto));
        Ok(())
    }

    /// Makes a record durable that is no transaction. All before it are.
    fn carry_out(&self, log: &mut Log, record: &Record) -> Result<(), StorageError> {
        match record {
            Record::Append(txn) => unreachable!("transaction {} is appended to a batch", txn.zxid),
            Record::AcceptedEpoch(epoch) => log.journal.accepted_epoch(epoch.0),
            Record::CurrentEpoch(epoch) => log.journal.current_epoch(epoch.0),
            Record::Truncate { to } => {
                let _files = self.disk.files();
                let last = log.journal.truncate(*to)?;
                tracing::info!(%to, %last, "what the leader does not have was removed");
                Ok(())
            }
            Record::Snapshot { zxid } => {
                let _files = self.disk.files();
                log.journal.install_snapshot(*zxid)?;
                log.note_snapshot(*zxid);
                tracing::info!(%zxid, "the leader's snapshot has taken the place of all data");
                Ok(())
            }
        }
    }

    /// Does something for which there may be no room, waiting for as long as there is none.
    fn when_there_is_room(
        &self,
        log: &mut Log,
        act: impl Fn(&mut Log) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut full = false;
        while let Err(error) = act(log) {
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
