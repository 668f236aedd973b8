//! The thread that writes snapshots and purges old ones. Writes go on meanwhile: the tree is held
//! for a short slice at a time.
//!
//! A snapshot that is written becomes part of the history only if that is still the one that its
//! tree was of, and durable as far as the tree was ([`Disk::publish`]).
//!
//! Snapshots that come from the leader are written here too; see [`Receiving`].
mod receiving;
pub(crate) use receiving::Receiving;
pub(crate) use receiving::{Receipt, Staged};

use crate::disk::real_dir::RealDir;
use crate::disk::{Disk, FULL_DISK_RETRY};
use crate::inbox::Inbox;
use crate::peer_loop::LoopEvent;
use crate::shared::Shared;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use zoarium_persistence::journal::{stage_snapshot, unstage_snapshot};
use zoarium_persistence::names::{Compression, SnapshotName};
use zoarium_persistence::snapshot::{Filled, SnapshotWriter};
use zoarium_persistence::{DataDirs, Lineage, StorageError, purge};
use zoarium_proto::Zxid;
use zoarium_tree::Tree;
use zoarium_tree::snapshot::SnapshotCursor;

/// How much of the tree is taken under one lock, in bytes: well below a millisecond's worth.
const SLICE_BYTES: usize = 256 * 1024;

/// How much longer than a slice takes to write the disk is left to the log behind it, while there are
/// writes.
const REST: u32 = 3;

/// What the snapshot thread is to do, and how.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotOptions {
    pub(crate) compression: Compression,
    /// `zookeeper.serializeLastProcessedZxid.enabled`.
    pub(crate) with_last_zxid: bool,
    /// How many snapshots are kept, and how often the others are looked for. `None` keeps all.
    pub(crate) purge: Option<(u32, Duration)>,
}

/// Who waits for a snapshot.
type Asker = mpsc::Sender<Result<SnapshotName, String>>;

#[derive(Debug)]
enum Job {
    Take(Option<Asker>),
    /// There is something else to do.
    Look,
    Stop,
}

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) zxid: Zxid,
    pub(crate) wall_ms: i64,
}

/// The way to the snapshot thread.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    jobs: Inbox<Job>,
    last: Mutex<Option<Taken>>,
    received: Mutex<Received>,
    /// Only what an operator asks for is taken.
    held: AtomicBool,
}

/// The newest snapshot from the leader, until the thread comes to it. Who is sent another one does
/// not wait for those before.
#[derive(Debug, Default)]
struct Received {
    count: u64,
    waiting: Option<Box<Tree>>,
    /// The last one that was written. Unless it is installed, its file is to go.
    staged: Option<(Receipt, Zxid)>,
}

impl Snapshots {
    /// Has a snapshot taken. Requests that wait for the same one are served by it together.
    pub(crate) fn request(&self) {
        self.jobs.push(Job::Take(None));
    }

    /// Takes a snapshot and waits for it.
    ///
    /// # Errors
    /// If it could not be written, or the server stops.
    pub(crate) fn take(&self) -> Result<SnapshotName, crate::status::ActionError> {
        let (asker, answer) = mpsc::channel();
        self.jobs.push(Job::Take(Some(asker)));
        Ok(answer.recv().map_err(|_| "the server stops")??)
    }

    /// The newest snapshot of this process or found by it.
    pub(crate) fn last(&self) -> Option<Taken> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, taken: Taken) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
    }

    /// Has none taken that nobody asks for, until told otherwise: for a member that does not serve.
    /// Its tree may have what its next leader takes away.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Relaxed);
        self.jobs.push(Job::Look);
    }

    /// Has a snapshot from the leader written beside the history. The answer is
    /// [`LoopEvent::SnapshotStaged`], if no other comes before.
    fn stage(&self, tree: Box<Tree>) -> Receipt {
        let mut received = self.received();
        received.count += 1;
        received.waiting = Some(tree);
        let receipt = Receipt(received.count);
        drop(received);
        self.jobs.push(Job::Look);
        receipt
    }

    /// The file of this one is the journal's.
    fn note_installed(&self, receipt: Receipt) {
        self.received().staged.take_if(|(staged, _)| *staged == receipt);
    }

    fn received(&self) -> std::sync::MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the thread after what it is doing.
    pub(crate) fn stop(&self) {
        self.jobs.push(Job::Stop);
    }
}

/// The snapshot thread's own state.
#[derive(Debug)]
pub(crate) struct SnapshotThread {
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) dirs: DataDirs<RealDir>,
    pub(crate) options: SnapshotOptions,
}

/// Why a snapshot was not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the history has become another one meanwhile")]
    HistoryReplaced,
}

impl SnapshotThread {
    /// Runs until it is told to stop.
    pub(crate) fn run(self) {
        let mut jobs = Vec::new();
        let mut next_purge = self.options.purge.map(|_| Instant::now());
        let mut is_due = false;
        // Known since the last purge by the clock, which looks at all of them again.
        let mut intact = BTreeSet::new();
        loop {
            if let (Some(at), Some((retain, interval))) = (next_purge, self.options.purge)
                && at <= Instant::now()
            {
                intact.clear();
                self.purge(retain, &mut intact);
                next_purge = Some(Instant::now() + interval);
            }
            let retry = self.snapshots.received().waiting.is_some();
            let retry = retry.then(|| Instant::now() + FULL_DISK_RETRY);
            self.snapshots.jobs.take(&mut jobs, [next_purge, retry].into_iter().flatten().min());
            let mut askers = Vec::new();
            for job in jobs.drain(..) {
                match job {
                    Job::Take(asker) => {
                        is_due |= asker.is_none();
                        askers.extend(asker);
                    }
                    Job::Look => {}
                    Job::Stop => return,
                }
            }
            self.stage_received();
            let is_wanted = is_due && !self.snapshots.held.load(Relaxed);
            if is_wanted || !askers.is_empty() {
                is_due = matches!(self.take(&askers, &mut intact), Err(NotTaken::HistoryReplaced));
            }
        }
    }

    fn take(&self, askers: &[Asker], intact: &mut BTreeSet<SnapshotName>) -> Result<(), NotTaken> {
        let began = Instant::now();
        let written = self.write();
        match &written {
            Ok(name) => {
                let ms = began.elapsed().as_millis();
                self.shared.metrics.snapshottime.record(began.elapsed());
                tracing::info!(snapshot = %name.file(), ms, "Snapshot taken in {ms} ms");
                let wall_ms = crate::clock::wall_ms();
                self.snapshots.note(Taken { zxid: name.zxid, wall_ms });
                if let Some((retain, _)) = self.options.purge {
                    self.purge(retain, intact);
                }
            }
            Err(error) => {
                self.shared.metrics.snapshot_error_count.increment();
                tracing::error!(%error, "no snapshot was taken; the log keeps what it would hold");
            }
        }
        let answer = written.as_ref().map(|name| *name).map_err(ToString::to_string);
        for asker in askers {
            // Whoever asked may have gone away.
            let _gone = asker.send(answer.clone());
        }
        written.map(drop)
    }

    fn write(&self) -> Result<SnapshotName, NotTaken> {
        loop {
            let mut tree = self.shared.tree_mut();
            let lineage = self.shared.lineage();
            let mut cursor = tree.begin_snapshot(self.options.with_last_zxid);
            drop(tree);
            let written = self.write_from(&mut cursor, lineage);
            self.shared.tree_mut().end_snapshot(cursor);
            if let Some(name) = written? {
                return Ok(name);
            }
        }
    }

    /// `None` if the tree was replaced meanwhile, as by a SNAP sync.
    fn write_from(
        &self,
        cursor: &mut SnapshotCursor,
        lineage: Lineage,
    ) -> Result<Option<SnapshotName>, NotTaken> {
        let dir = self.dirs.snapshots.clone();
        let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), self.options.compression)?;
        loop {
            let filled = writer.fill(cursor, &self.shared.tree(), SLICE_BYTES);
            let began = Instant::now();
            if let Err(error) = writer.write() {
                writer.abandon()?;
                return Err(error.into());
            }
            match filled {
                Filled::More => {
                    self.stage_received();
                    self.leave_disk_to_log(began.elapsed());
                }
                Filled::Complete => {
                    let ticket = self.disk.ticket();
                    let published = self.disk.publish(writer.complete()?, lineage, ticket)?;
                    return published.map(Some).ok_or(NotTaken::HistoryReplaced);
                }
                Filled::Lost => {
                    writer.abandon()?;
                    return Ok(None);
                }
            }
        }
    }

    /// A snapshot is in no hurry, but whoever waits for a write is.
    fn leave_disk_to_log(&self, after: Duration) {
        if self.shared.under_way.load(Relaxed) > 0 {
            std::thread::sleep(after * REST);
        }
    }

    /// Writes what has come from the leader, if something has. If the disk is full it goes on
    /// waiting.
    fn stage_received(&self) {
        let mut received = self.snapshots.received();
        let Some(mut tree) = received.waiting.take() else { return };
        let receipt = Receipt(received.count);
        let left_over = received.staged.replace((receipt, tree.last_zxid()));
        drop(received);
        let SnapshotOptions { compression, with_last_zxid, .. } = self.options;
        let staged = left_over
            .map_or(Ok(()), |(_, zxid)| unstage_snapshot(&self.dirs, zxid))
            .and_then(|()| stage_snapshot(&self.dirs, &mut tree, compression, with_last_zxid));
        if let Err(error) = &staged
            && error.is_full()
        {
            tracing::error!(%error, "the leader's state waits until the disk has room for it");
            let mut received = self.snapshots.received();
            if receipt == Receipt(received.count) {
                received.waiting = Some(tree);
            }
            return;
        }
        let tree = staged.map(|()| tree);
        self.shared.duties.tell(LoopEvent::SnapshotStaged(Staged { receipt, tree }));
    }

    fn purge(&self, retain: u32, intact: &mut BTreeSet<SnapshotName>) {
        let files = self.disk.files();
        let purged = purge::purge_knowing(&self.dirs, retain, intact);
        drop(files);
        match purged {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => tracing::info!(files = ?removed, "old snapshots and logs removed"),
            Err(error) => tracing::warn!(%error, "old snapshots and logs could not be removed"),
        }
    }
}

#[cfg(test)]
mod tests;
