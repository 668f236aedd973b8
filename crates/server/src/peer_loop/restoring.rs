//! Putting another state in the place of the present one.
//!
//! It happens between two transactions: once a restore is asked for, requests are held back, and
//! when nothing is under way any more the new state is written as a snapshot. Only when that is
//! durable does it take effect; if it cannot be written, everything goes on as before.
//!
//! The new state gets the zxid after both its own and the present one. So the snapshot's name is
//! new, recovery takes it for the newest, and older logs are behind it; should it ever be lost,
//! recovery finds a hole in the history instead of mixing two of them. Clients have never seen that
//! zxid, so they may come back; all of them have to, because what they know may be wrong.

use super::{LoopEvent, PeerLoop, Work};
use crate::disk::real_dir::RealDir;
use crate::restore::Candidate;
use crate::shared::{Shared, random};
use crate::snapshots::Taken;
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use zoarium_persistence::names::{Compression, SnapshotName};
use zoarium_persistence::snapshot::write_snapshot;
use zoarium_persistence::{Dir, DirError, StorageError};
use zoarium_process::Input;
use zoarium_proto::{ConnId, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::watches::Watches;

/// An operator's wish.
#[derive(Debug)]
pub(crate) struct Restore {
    pub(crate) candidate: Candidate,
    /// Who waits for the new state's zxid, or for why it is not restored.
    pub(crate) asker: mpsc::Sender<Result<Zxid, StorageError>>,
}

/// Where a restored state is written, and how.
#[derive(Debug)]
pub(crate) struct SnapshotTarget {
    pub(crate) dir: RealDir,
    pub(crate) compression: Compression,
    /// `zookeeper.serializeLastProcessedZxid.enabled`.
    pub(crate) with_last_zxid: bool,
}

/// What the loop knows of restores.
#[derive(Debug)]
pub(super) struct Restoring {
    target: SnapshotTarget,
    /// The one that waits until nothing is under way.
    pending: Option<Box<Restore>>,
    /// What has come meanwhile.
    held: Vec<LoopEvent>,
    /// Connections from before a restore or a loss of the leader, until they are gone. What they
    /// ask was meant for another state.
    cut_off: HashSet<ConnId>,
}

impl Restoring {
    pub(super) fn new(target: SnapshotTarget) -> Self {
        Self { target, pending: None, held: Vec::new(), cut_off: HashSet::new() }
    }

    pub(super) const fn is_asked(&self) -> bool {
        self.pending.is_some()
    }

    /// Whatever else comes from this connection is not to be heard.
    pub(super) fn cut_off(&mut self, conn: ConnId) {
        self.cut_off.insert(conn);
    }

    pub(super) fn ask(&mut self, restore: Box<Restore>) {
        assert!(self.pending.is_none(), "a restore was let through while another waits");
        self.pending = Some(restore);
    }

    /// Gives an event back that is to be handled now.
    pub(super) fn screen(&mut self, event: LoopEvent, shared: &Shared) -> Option<LoopEvent> {
        if self.pending.is_none() && self.cut_off.is_empty() {
            return Some(event);
        }
        match &event {
            LoopEvent::Start
            | LoopEvent::Persisted(_)
            | LoopEvent::Links(_)
            | LoopEvent::DiskFull(_)
            | LoopEvent::SnapshotStaged(_)
            | LoopEvent::Inspect(_)
            | LoopEvent::Stop => return Some(event),
            LoopEvent::Request(request)
                if request.conn().is_some_and(|conn| self.is_cut_off(conn)) =>
            {
                shared.under_way.fetch_sub(1, Relaxed);
                return None;
            }
            LoopEvent::Gone(conn) => {
                self.cut_off.remove(conn);
            }
            LoopEvent::Request(_) | LoopEvent::Connect(..) | LoopEvent::Restore(_) => {}
        }
        if self.pending.is_some() {
            self.held.push(event);
            return None;
        }
        Some(event)
    }

    fn is_cut_off(&self, conn: ConnId) -> bool {
        self.cut_off.contains(&conn)
    }
}

impl PeerLoop {
    /// Restores, if that is asked for and nothing is under way.
    pub(super) fn restore_when_settled(&mut self) {
        while self.peer.proposals() == 0
            && let Some(restore) = self.restoring.pending.take()
        {
            let Restore { candidate, asker } = *restore;
            let restored = self.restore(candidate);
            if let Err(error) = &restored {
                tracing::error!(%error, "the snapshot is not restored; the state is as it was");
            }
            // An operator who has gone away needs no answer.
            let _gone = asker.send(restored);
            let held = std::mem::take(&mut self.restoring.held);
            let work: Vec<_> = held.into_iter().filter_map(|event| self.admit(event)).collect();
            self.step_batch(work);
        }
    }

    fn restore(&mut self, candidate: Candidate) -> Result<Zxid, StorageError> {
        let shared = Arc::clone(&self.shared);
        let Candidate { mut tree, newest } = candidate;
        // Nothing is under way, so nothing has a higher zxid than what is applied.
        let newest = newest.max(shared.tree().last_zxid());
        let zxid = newest.next().unwrap_or(Zxid::new(newest.epoch() + 1, 1));
        tree.set_last_zxid(zxid);
        // What the snapshot promised is about the history that it comes from.
        tree.ignore_digests_until(zxid);
        self.write(&mut tree)?;
        self.disk.jump_to(zxid);
        self.snapshots.note(Taken { zxid, wall_ms: crate::clock::wall_ms() });
        let before = self.put_in_place(tree, &shared);
        tracing::warn!(%zxid, "the state is restored from a snapshot; all connections are closed");
        drop(before);
        self.timers.clear();
        self.step_batch([Work::Input(Input::Start)]);
        Ok(zxid)
    }

    /// Writes the new state. If that fails, nothing of it may be found by the next start.
    fn write(&self, tree: &mut Tree) -> Result<(), StorageError> {
        let SnapshotTarget { dir, compression, with_last_zxid } = &self.restoring.target;
        let name = SnapshotName { zxid: tree.last_zxid(), compression: *compression };
        let Err(error) = write_snapshot(dir, tree, *compression, *with_last_zxid) else {
            return Ok(());
        };
        for file in [name.temporary_file(), name.file()] {
            match dir.remove(&file) {
                Ok(()) => {}
                Err(missing) if missing.is_missing() => {}
                Err(stays) => panic!("{} cannot be removed: {stays}", dir.path_of(&file)),
            }
        }
        if let Err(unsure) = dir.sync() {
            panic!("{} may or may not be there: {unsure}", dir.path_of(&name.file()));
        }
        Err(error)
    }

    /// Serves `tree` from now on; the result is what was served before, which takes time to drop.
    fn put_in_place(&mut self, tree: Tree, shared: &Shared) -> Tree {
        let mut served = shared.tree_mut();
        let mut watches = shared.watches();
        // Connections look whether they are closed after they have locked the tree to read it, so
        // none of them sees anything of the new one.
        for (id, connection) in self.connections.drain() {
            connection.close();
            self.restoring.cut_off.insert(id);
        }
        *watches = Watches::new(random());
        let before = shared.replace_tree(&mut served, tree);
        self.peer = self.peer.with_history(&served, shared.clock.now());
        before
    }
}
