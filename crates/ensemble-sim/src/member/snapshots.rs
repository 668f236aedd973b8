//! Snapshots, taken in slices between which txns go on, and the purge after each.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::participant::{Output, Timer};
use std::collections::VecDeque;
use std::time::Duration;
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::purge::{self, SNAPSHOTS_KEPT_MIN};
use zoarium_persistence::snapshot::{Filled, SnapshotWriter};
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
    /// One that is written and has seen txns that are not durable here yet: up to which.
    seen: Option<(Zxid, SnapshotWriter<MemDir>)>,
    /// What is logged and not durable.
    logged: VecDeque<(PersistSeq, Zxid)>,
}

#[derive(Debug)]
struct Running {
    cursor: SnapshotCursor,
    writer: SnapshotWriter<MemDir>,
}

impl Snapshots {
    pub(super) const fn new(dirs: DataDirs<MemDir>) -> Self {
        Self { dirs, running: None, seen: None, logged: VecDeque::new() }
    }

    pub(super) const fn dirs(&self) -> &DataDirs<MemDir> {
        &self.dirs
    }

    pub(super) fn logged(&mut self, seq: PersistSeq, zxid: Zxid) {
        self.logged.push_back((seq, zxid));
    }

    pub(super) fn persisted(&mut self, upto: PersistSeq) {
        while self.logged.pop_front_if(|(seq, _)| *seq <= upto).is_some() {}
    }
}

impl Member {
    pub(super) fn begin_snapshot(&mut self, now: Now, fx: &mut Fx) {
        if self.snapshots.running.is_some() || self.snapshots.seen.is_some() || self.is_fuzzy {
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
                self.snapshots.seen = Some((self.tree.last_zxid(), running.writer));
                self.finish_snapshot(fx);
            }
            (Ok(()), Filled::Lost) | (Err(_), _) => {
                self.tree.end_snapshot(running.cursor);
                // If it cannot be removed either, the next start removes it.
                let _left_behind = running.writer.abandon();
            }
        }
    }

    /// Gives a snapshot its name, if it is written and all that it has seen is durable.
    pub(super) fn finish_snapshot(&mut self, fx: &mut Fx) {
        let open = self.snapshots.logged.front().map(|(_, zxid)| *zxid);
        let is_durable = |seen: Zxid| open.is_none_or(|open| seen < open);
        let Some((_, writer)) = self.snapshots.seen.take_if(|(seen, _)| is_durable(*seen)) else {
            return;
        };
        let name = writer.finish();
        if let Ok(name) = name.and_then(|name| self.purge().map(|()| name)) {
            fx.output(Output::Snapshot(name.zxid));
        }
    }

    /// Another tree takes the place of the one that was being written.
    pub(super) fn abandon_snapshot(&mut self) {
        if let Some(running) = self.snapshots.running.take() {
            self.tree.end_snapshot(running.cursor);
            let _left_behind = running.writer.abandon();
        }
        if let Some((_, writer)) = self.snapshots.seen.take() {
            let _left_behind = writer.abandon();
        }
    }

    fn purge(&self) -> Result<(), StorageError> {
        purge::purge(&self.snapshots.dirs, SNAPSHOTS_KEPT_MIN).map(|_| ())
    }
}
