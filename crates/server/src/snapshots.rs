//! The thread that writes snapshots and purges old ones. Writes go on meanwhile: the tree is held
//! for a short slice at a time.

use crate::disk::Disk;
use crate::disk::real_dir::RealDir;
use crate::inbox::Inbox;
use crate::shared::Shared;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use zoarium_persistence::names::{Compression, SnapshotName};
use zoarium_persistence::snapshot::{Filled, SnapshotWriter};
use zoarium_persistence::{DataDirs, Lineage, StorageError, purge};
use zoarium_proto::Zxid;
use zoarium_tree::snapshot::SnapshotCursor;

/// How much of the tree is taken under one lock, in bytes: well below a millisecond's worth.
const SLICE_BYTES: usize = 256 * 1024;

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

impl SnapshotThread {
    /// Runs until it is told to stop.
    pub(crate) fn run(self) {
        let mut jobs = Vec::new();
        let mut next_purge = self.options.purge.map(|_| Instant::now());
        loop {
            if let (Some(at), Some((retain, interval))) = (next_purge, self.options.purge)
                && at <= Instant::now()
            {
                self.purge(retain);
                next_purge = Some(Instant::now() + interval);
            }
            self.snapshots.jobs.take(&mut jobs, next_purge);
            let mut askers = Vec::new();
            let mut asked = false;
            for job in jobs.drain(..) {
                match job {
                    Job::Take(asker) => {
                        asked = true;
                        askers.extend(asker);
                    }
                    Job::Stop => return,
                }
            }
            if asked {
                self.take(&askers);
            }
        }
    }

    fn take(&self, askers: &[Asker]) {
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
                    self.purge(retain);
                }
            }
            Err(error) => {
                self.shared.metrics.snapshot_error_count.increment();
                tracing::error!(%error, "no snapshot was taken; the log keeps what it would hold");
            }
        }
        let answer = written.map_err(|error| error.to_string());
        for asker in askers {
            // Whoever asked may have gone away.
            let _gone = asker.send(answer.clone());
        }
    }

    fn write(&self) -> Result<SnapshotName, StorageError> {
        loop {
            let (mut cursor, lineage) = {
                let mut tree = self.shared.tree_mut();
                (tree.begin_snapshot(self.options.with_last_zxid), self.shared.lineage())
            };
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
    ) -> Result<Option<SnapshotName>, StorageError> {
        let dir = self.dirs.snapshots.clone();
        let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), self.options.compression)?;
        loop {
            let filled = writer.fill(cursor, &self.shared.tree(), SLICE_BYTES);
            if let Err(error) = writer.write() {
                writer.abandon()?;
                return Err(error);
            }
            match filled {
                Filled::More => {}
                Filled::Complete => return self.disk.publish(writer.complete()?, lineage),
                Filled::Lost => {
                    writer.abandon()?;
                    return Ok(None);
                }
            }
        }
    }

    fn purge(&self, retain: u32) {
        match purge::purge(&self.dirs, retain) {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => tracing::info!(files = ?removed, "old snapshots and logs removed"),
            Err(error) => tracing::warn!(%error, "old snapshots and logs could not be removed"),
        }
    }
}
