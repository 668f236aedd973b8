//! Snapshots, taken in slices between which txns go on, and the purge after each.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::participant::{Output, Timer};
use std::time::Duration;
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::purge::{self, SNAPSHOTS_KEPT_MIN};
use zoarium_persistence::snapshot::{Filled, SnapshotWriter};
use zoarium_persistence::{Compression, DataDirs, StorageError};
use zoarium_process::Now;
use zoarium_proto::Zxid;
use zoarium_tree::SnapshotCursor;

/// How much of the tree is taken at a time, in bytes: little, so that snapshots are fuzzy.
const SLICE_BYTES: usize = 200;

/// How long a slice takes to write.
const SLICE_TIME: Duration = Duration::from_millis(5);

/// The snapshot that is being taken, if one is, and where.
#[derive(Debug)]
pub(super) struct Snapshots {
    dirs: DataDirs<MemDir>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    cursor: SnapshotCursor,
    writer: SnapshotWriter<MemDir>,
}

impl Snapshots {
    pub(super) const fn new(dirs: DataDirs<MemDir>) -> Self {
        Self { dirs, running: None }
    }
}

impl Member {
    pub(super) fn begin_snapshot(&mut self, now: Now, fx: &mut Fx) {
        if self.snapshots.running.is_some() {
            return;
        }
        let cursor = self.tree.begin_snapshot(true);
        let ahead = if self.has(Bug::SnapshotNamedAhead) { 5 } else { 0 };
        let zxid = Zxid(cursor.zxid().0 + ahead);
        let dir = self.snapshots.dirs.snapshots.clone();
        match SnapshotWriter::begin(dir, zxid, Compression::None) {
            Ok(writer) => {
                self.snapshots.running = Some(Running { cursor, writer });
                fx.set_timer(Timer::Snapshot, now.mono + SLICE_TIME);
            }
            // The log keeps what the snapshot would hold, as in production.
            Err(_) => self.tree.end_snapshot(cursor),
        }
    }

    pub(super) fn on_snapshot_timer(&mut self, now: Now, fx: &mut Fx) {
        let Some(mut running) = self.snapshots.running.take() else { return };
        let filled = running.writer.fill(&mut running.cursor, &self.tree, SLICE_BYTES);
        match (running.writer.write(), filled) {
            (Ok(()), Filled::More) => {
                self.snapshots.running = Some(running);
                fx.set_timer(Timer::Snapshot, now.mono + SLICE_TIME);
            }
            (Ok(()), Filled::Complete) => {
                self.tree.end_snapshot(running.cursor);
                let name = running.writer.finish();
                if let Ok(name) = name.and_then(|name| self.purge().map(|()| name)) {
                    fx.output(Output::Snapshot(name.zxid));
                }
            }
            (Ok(()), Filled::Lost) | (Err(_), _) => {
                self.tree.end_snapshot(running.cursor);
                // If it cannot be removed either, the next start removes it.
                let _left_behind = running.writer.abandon();
            }
        }
    }

    fn purge(&self) -> Result<(), StorageError> {
        purge::purge(&self.snapshots.dirs, SNAPSHOTS_KEPT_MIN).map(|_| ())
    }
}
