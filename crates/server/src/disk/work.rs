//! How records become durable, batch by batch.

use super::log::Log;
use super::{Disk, FULL_DISK_RETRY, Job};
use crate::duties::FEW_JOBS;
use crate::peer_loop::LoopEvent;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use zoarium_persistence::StorageError;
use zoarium_process::PersistSeq;
use zoarium_zab::Record;

/// What was appended and is not durable.
#[derive(Debug, Default)]
struct Pending {
    upto: Option<PersistSeq>,
    count: usize,
}

/// What has become of a batch of jobs.
#[derive(Debug)]
struct Done {
    /// What is durable and not told yet.
    upto: Option<PersistSeq>,
    /// The last job was to stop.
    stopped: bool,
}

impl Disk {
    /// Does the jobs in order, and gives the duty back, or ends it.
    ///
    /// # Errors
    /// The first error of the disk but that it is full. Nothing may be acknowledged after it: what
    /// is on disk is known only after a restart.
    pub(crate) fn work_off(&self, worker: usize, jobs: &mut Vec<Job>) -> Result<(), StorageError> {
        self.gather(jobs);
        let few = jobs.len() <= FEW_JOBS;
        let done = self.work(jobs);
        let upto = done.as_ref().map_or(None, |done| done.upto);
        let news = upto.map(LoopEvent::Persisted);
        if let Ok(Done { stopped: false, .. }) = done {
            self.shared.duties.leave_jobs(worker, news, few);
            return Ok(());
        }
        self.log().ended = true;
        self.settled.notify_all();
        self.shared.duties.leave_jobs(worker, news, few);
        self.shared.duties.end_jobs();
        done.map(drop)
    }

    fn work(&self, jobs: &mut Vec<Job>) -> Result<Done, StorageError> {
        self.shared.metrics.sync_processor_queue_size.record(jobs.len() as u64);
        let count = jobs.len();
        let mut log = self.log();
        log.begin_batch(Instant::now());
        let done = self.work_through(&mut log, jobs)?;
        self.note_done(&log, count);
        Ok(done)
    }

    fn work_through(&self, log: &mut Log, jobs: &mut Vec<Job>) -> Result<Done, StorageError> {
        let mut pending = Pending::default();
        let mut stopped = false;
        for job in jobs.drain(..) {
            match job {
                Job::Persist(seq, Record::Append(txn), queued) => {
                    log.append(&txn, queued);
                    pending.upto = Some(seq);
                    pending.count += 1;
                    if pending.count == self.shared.limits.sync_batch_max {
                        self.persist_and_tell(log, &mut pending)?;
                    }
                }
                Job::Persist(seq, record, _) => {
                    self.persist_and_tell(log, &mut pending)?;
                    self.when_there_is_room(log, |log| self.carry_out(log, &record))?;
                    self.tell(seq);
                }
                Job::JumpTo(zxid) => {
                    self.persist_and_tell(log, &mut pending)?;
                    log.journal.jump_to(zxid)?;
                }
                Job::Stop => stopped = true,
            }
        }
        let upto = self.persist(log, &mut pending)?;
        Ok(Done { upto, stopped })
    }

    /// Waits for others to share the sync, for `flushDelay` at most and no longer than
    /// `maxWriteQueuePollTime` for each.
    fn gather(&self, jobs: &mut Vec<Job>) {
        let (delay, poll) = self.shared.limits.flush_delay;
        if delay.is_zero() {
            return;
        }
        let end = Instant::now() + delay;
        while Instant::now() < end && jobs.len() < self.shared.limits.sync_batch_max {
            let before = jobs.len();
            self.shared.duties.gather(jobs, end.min(Instant::now() + poll));
            if jobs.len() == before {
                return;
            }
        }
    }

    /// Makes the batch durable. The result is its last record.
    fn persist(
        &self,
        log: &mut Log,
        pending: &mut Pending,
    ) -> Result<Option<PersistSeq>, StorageError> {
        let Some(upto) = std::mem::take(pending).upto else { return Ok(None) };
        self.when_there_is_room(log, Log::persist)?;
        Ok(Some(upto))
    }

    /// Makes the batch durable, before there is more to do.
    fn persist_and_tell(&self, log: &mut Log, pending: &mut Pending) -> Result<(), StorageError> {
        if let Some(upto) = self.persist(log, pending)? {
            self.tell(upto);
        }
        Ok(())
    }

    fn tell(&self, upto: PersistSeq) {
        self.shared.duties.tell(LoopEvent::Persisted(upto));
    }

    /// Makes a record durable that is no transaction. All before it are.
    fn carry_out(&self, log: &mut Log, record: &Record) -> Result<(), StorageError> {
        match record {
            Record::Append(txn) => unreachable!("transaction {} is appended to a batch", txn.zxid),
            Record::AcceptedEpoch(epoch) => log.journal.accepted_epoch(epoch.0),
            Record::CurrentEpoch(epoch) => log.journal.current_epoch(epoch.0),
            Record::Truncate { to } => {
                let _files = self.files();
                let last = log.journal.truncate(*to)?;
                tracing::info!(%to, %last, "what the leader does not have was removed");
                Ok(())
            }
            Record::Snapshot { zxid } => {
                let _files = self.files();
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
            if !error.is_full() || self.stopping.load(Relaxed) {
                return Err(error);
            }
            if !full {
                tracing::error!(%error, "the disk is full: writes are refused until there is room");
                self.shared.duties.tell(LoopEvent::DiskFull(true));
                full = true;
            }
            std::thread::sleep(FULL_DISK_RETRY);
        }
        if full {
            tracing::info!("the disk has room again: writes are taken");
            self.shared.duties.tell(LoopEvent::DiskFull(false));
        }
        Ok(())
    }
}
