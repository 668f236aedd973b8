//! What is on a server's disk, as its records make it.

use super::Entry;
use std::sync::Arc;
use zoarium_proto::{Membership, Zxid};
use zoarium_zab::{Epoch, Record, Recovered, Txn};

/// The state of a disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    accepted: Epoch,
    current: Epoch,
    snapshot: Vec<Txn>,
    snapshot_zxid: Zxid,
    log: Vec<Txn>,
}

impl Disk {
    /// What these records make.
    pub(super) fn replay<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut disk = Self::default();
        entries.for_each(|entry| disk.carry_out(entry));
        disk
    }

    fn carry_out(&mut self, entry: &Entry) {
        match &entry.record {
            Record::AcceptedEpoch(epoch) => self.accepted = *epoch,
            Record::CurrentEpoch(epoch) => self.current = *epoch,
            Record::Append(txn) => self.log.push(txn.clone()),
            Record::Truncate { to } => self.log.retain(|txn| txn.zxid <= *to),
            Record::Snapshot { zxid } => {
                self.snapshot.clone_from(&entry.snapshot);
                self.snapshot_zxid = *zxid;
                self.log.clear();
            }
        }
    }

    /// The whole history.
    pub(super) fn history(&self) -> Vec<Txn> {
        self.snapshot.iter().chain(&self.log).cloned().collect()
    }

    /// What a server finds when it starts.
    pub(super) fn recovered(&self, tail_max: usize) -> Recovered {
        let tail = self.log[self.log.len().saturating_sub(tail_max)..].to_vec();
        let proposed = self.history().iter().rev().find_map(|txn| txn.membership.clone());
        Recovered {
            accepted_epoch: self.accepted,
            current_epoch: self.current,
            last: self.log.last().map_or(self.snapshot_zxid, |txn| txn.zxid),
            tail,
            floor: self.snapshot_zxid,
            proposed,
        }
    }

    /// The newest membership that a snapshot or a log speaks of, as a server's dynamic file would.
    pub(super) fn membership(&self) -> Option<Arc<Membership>> {
        self.snapshot.iter().rev().find_map(|txn| txn.membership.clone())
    }
}
