//! The history of a running server on disk, and what is to be done there. Whatever has queued up
//! during a sync is the next batch: one write and one `fdatasync` serve all of it, and the peer loop
//! prepares the batch after meanwhile, if there is anything to prepare ([`crate::duties`]).
//!
//! Others come here too: those who read the log for learners, and the thread that writes snapshots.
//! They wait until what was queued when they came is durable ([`Disk::ticket`]).
mod history;
mod log;
pub(crate) mod real_dir;
#[cfg(test)]
pub(crate) mod rig;
mod tally;
mod work;
pub(crate) use history::HistoryReads;
pub(crate) use log::{Log, SnapshotPace};

use crate::shared::Shared;
use real_dir::RealDir;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zoarium_persistence::names::SnapshotName;
use zoarium_persistence::{CompleteSnapshot, Lineage, RecoveryOptions, StorageError, recover};
use zoarium_process::PersistSeq;
use zoarium_proto::Zxid;
use zoarium_tree::Tree;
use zoarium_zab::Record;

/// How long to wait before a full disk is tried again.
pub(crate) const FULL_DISK_RETRY: Duration = Duration::from_secs(1);

/// Something to be done at the disk.
#[derive(Debug)]
pub(crate) enum Job {
    /// With when it was queued.
    Persist(PersistSeq, Record, Instant),
    /// The history goes on after this.
    JumpTo(Zxid),
    Stop,
}

/// The history on disk, and the way to who works there.
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    /// How many jobs were ever queued, and how many of them are done. The peer loop alone adds
    /// records.
    queued: AtomicU64,
    done: AtomicU64,
    /// The server ends: a full disk is not waited for.
    stopping: AtomicBool,
    log: Mutex<Log>,
    /// Signalled, with the log, when jobs are done or never will be.
    settled: Condvar,
    /// Held by who removes files of the history: a purge would not know what a truncation needs.
    /// Locked after the log.
    files: Mutex<()>,
}

/// All jobs that were queued at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl Disk {
    pub(crate) fn new(log: Log) -> Self {
        Self {
            shared: Arc::clone(&log.shared),
            queued: AtomicU64::new(0),
            done: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            log: Mutex::new(log),
            settled: Condvar::new(),
            files: Mutex::new(()),
        }
    }

    /// Queues records, in order. Each is answered with
    /// [`LoopEvent::Persisted`](crate::peer_loop::LoopEvent::Persisted).
    ///
    /// What is applied to the tree must have been queued before: a snapshot of the tree waits for
    /// what was queued when it was taken.
    pub(crate) fn append(&self, records: impl Iterator<Item = (PersistSeq, Record)>) {
        let queued = Instant::now();
        self.push(records.map(|(seq, record)| Job::Persist(seq, record, queued)));
    }

    /// Has what is queued done meanwhile: the caller has something else to do.
    pub(crate) fn start(&self) {
        self.shared.duties.share_jobs();
    }

    /// Lets the history go on after `zxid`, whose state is durable as a snapshot.
    pub(crate) fn jump_to(&self, zxid: Zxid) {
        self.push(std::iter::once(Job::JumpTo(zxid)));
    }

    /// Ends the work once everything queued is durable.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.push(std::iter::once(Job::Stop));
        self.start();
    }

    /// Everything that is queued now.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.queued.load(Acquire))
    }

    /// Waits until all of a ticket's jobs are done; the log is free then, and the caller has it.
    ///
    /// # Errors
    /// [`StorageError::LogFailed`] if they never will be, because the log has failed.
    pub(crate) fn wait_for(&self, ticket: Ticket) -> Result<MutexGuard<'_, Log>, StorageError> {
        let mut log = self.log();
        while self.done.load(Acquire) < ticket.0 {
            if log.ended {
                return Err(StorageError::LogFailed);
            }
            log.waiters += 1;
            log = self.settled.wait(log).expect("a thread panicked while it wrote the log");
            log.waiters -= 1;
        }
        Ok(log)
    }

    /// The tree that the history on disk makes after everything queued is durable: for a peer whose
    /// history was truncated to `to`.
    ///
    /// # Errors
    /// If the history cannot be written or read.
    pub(crate) fn read_back(
        &self,
        to: Zxid,
        options: &RecoveryOptions,
    ) -> Result<Tree, StorageError> {
        let dirs = self.wait_for(self.ticket())?.journal.dirs().clone();
        let recovered = recover(&dirs, options, |_| {})?;
        for warning in &recovered.warnings {
            tracing::warn!("{warning}");
        }
        let mut tree = recovered.tree;
        // One that only begins an epoch is in no log.
        if to.counter() == 0 {
            tree.set_last_zxid(to);
        }
        Ok(tree)
    }

    /// Makes a snapshot of a tree of `lineage` part of the history, once all of `ticket` is durable,
    /// which was taken after the snapshot's last slice. `None` if the history is another one by now:
    /// the snapshot is removed.
    ///
    /// # Errors
    /// If the log has failed, or the snapshot cannot be named.
    pub(crate) fn publish(
        &self,
        snapshot: CompleteSnapshot<RealDir>,
        lineage: Lineage,
        ticket: Ticket,
    ) -> Result<Option<SnapshotName>, StorageError> {
        self.wait_for(ticket)?.journal.publish(snapshot, lineage)
    }

    /// To be held while files of the history are removed.
    pub(crate) fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, jobs: impl Iterator<Item = Job>) {
        let jobs: Vec<Job> = jobs.collect();
        self.queued.fetch_add(jobs.len() as u64, Release);
        self.shared.duties.add_jobs(jobs);
    }

    /// So many jobs are done. The log is locked, so that who looks before waiting does not miss it.
    fn note_done(&self, log: &Log, count: usize) {
        self.done.fetch_add(count as u64, Release);
        if log.waiters > 0 {
            self.settled.notify_all();
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("a thread panicked while it wrote the log")
    }
}

#[cfg(test)]
mod tests;
