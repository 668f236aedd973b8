//! Snapshots, taken in slices between which txns go on, and the purge after each.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::participant::{Output, Timer};
use std::time::Duration;
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::purge::{self, SNAPSHOTS_KEPT_MIN};
use zoarium_persistence::snapshot::{CompleteSnapshot, Filled, SnapshotWriter};
use zoarium_persistence::{Compression, DataDirs, StorageError};
use zoarium_process::{Now, PersistSeq};
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
    /// One that is written, and may have seen what these records have.
    complete: Option<(PersistSeq, CompleteSnapshot<MemDir>)>,
}

#[derive(Debug)]
struct Running {
    cursor: SnapshotCursor,
    writer: SnapshotWriter<MemDir>,
}

impl Snapshots {
    pub(super) const fn new(dirs: DataDirs<MemDir>) -> Self {
        Self { dirs, running: None, complete: None }
    }

    pub(super) const fn dirs(&self) -> &DataDirs<MemDir> {
        &self.dirs
    }
}

impl Member {
    pub(super) fn begin_snapshot(&mut self, now: Now, fx: &mut Fx) {
        if self.snapshots.running.is_some() || self.snapshots.complete.is_some() {
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
                if let Ok(complete) = running.writer.complete() {
                    self.snapshots.complete = Some((self.asked, complete));
                    self.publish_snapshot(fx);
                }
            }
            (Ok(()), Filled::Lost) | (Err(_), _) => {
                self.tree.end_snapshot(running.cursor);
                // If it cannot be removed either, the next start removes it.
                let _left_behind = running.writer.abandon();
            }
        }
    }

    /// Makes a snapshot a part of the history, if it is written and what it may have seen is too.
    pub(super) fn publish_snapshot(&mut self, fx: &mut Fx) {
        let durable = self.persisted;
        let complete = self.snapshots.complete.take_if(|(asked, _)| *asked <= durable);
        let Some((_, complete)) = complete else { return };
        let mut journal = self.handover.journal.borrow_mut();
        let published = journal.as_mut().map(|journal| journal.publish(complete, self.lineage));
        drop(journal);
        if let Some(Ok(Some(name))) = published
            && self.purge().is_ok()
        {
            fx.output(Output::Snapshot(name.zxid));
        }
    }

    /// Another tree takes the place of the one that was being written.
    pub(super) fn abandon_snapshot(&mut self) {
        if let Some(running) = self.snapshots.running.take() {
            self.tree.end_snapshot(running.cursor);
            let _left_behind = running.writer.abandon();
        }
        // One that is complete belongs to a history that is no more: the journal removes it.
    }

    fn purge(&self) -> Result<(), StorageError> {
        purge::purge(&self.snapshots.dirs, SNAPSHOTS_KEPT_MIN).map(|_| ())
    }
}
