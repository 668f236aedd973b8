//! A virtual disk: what is written is lost in a crash until it is synced.

use crate::world::tree::Tree;
use std::collections::VecDeque;
use zoarium_process::PersistSeq;
use zoarium_proto::Zxid;
use zoarium_zab::{Epoch, Record, Recovered, Txn};

#[derive(Debug)]
enum Write {
    Record(Record),
    Snapshot(Tree),
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) accepted: Epoch,
    pub(crate) current: Epoch,
    pub(crate) snapshot: Tree,
    pub(crate) log: Vec<Txn>,
    queue: VecDeque<(PersistSeq, Write)>,
    /// It takes nothing at the moment.
    pub(crate) stalled: bool,
}

impl Disk {
    pub(crate) fn write(&mut self, seq: PersistSeq, record: Record, received: Option<&Tree>) {
        let write = match &record {
            Record::Snapshot { .. } => {
                Write::Snapshot(received.expect("a snapshot was received").clone())
            }
            Record::AcceptedEpoch(_)
            | Record::CurrentEpoch(_)
            | Record::Append(_)
            | Record::Truncate { .. } => Write::Record(record),
        };
        self.queue.push_back((seq, write));
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() || self.stalled
    }

    /// Carries out the oldest `count` writes; the last of them is durable then.
    pub(crate) fn sync(&mut self, count: usize) -> Option<PersistSeq> {
        let mut upto = None;
        for _ in 0..count.min(self.queue.len()) {
            let (seq, write) = self.queue.pop_front().unwrap();
            self.carry_out(write);
            upto = Some(seq);
        }
        upto
    }

    /// A crash: some of what was written may have reached the disk.
    pub(crate) fn crash(&mut self, survive: usize) {
        self.sync(survive);
        self.queue.clear();
    }

    fn carry_out(&mut self, write: Write) {
        match write {
            Write::Snapshot(tree) => {
                self.snapshot = tree;
                self.log.clear();
            }
            Write::Record(Record::AcceptedEpoch(epoch)) => {
                assert!(epoch >= self.accepted, "acceptedEpoch decreases");
                self.accepted = epoch;
            }
            Write::Record(Record::CurrentEpoch(epoch)) => {
                assert!(epoch >= self.current, "currentEpoch decreases");
                assert!(epoch <= self.accepted, "currentEpoch beyond acceptedEpoch");
                self.current = epoch;
            }
            Write::Record(Record::Append(txn)) => self.log.push(txn),
            Write::Record(Record::Truncate { to }) => {
                assert!(to >= self.snapshot.zxid, "truncated below the snapshot");
                self.log.retain(|txn| txn.zxid <= to);
            }
            Write::Record(Record::Snapshot { .. }) => unreachable!("written as a snapshot"),
        }
    }

    /// All transactions of the history.
    pub(crate) fn history(&self) -> Tree {
        let mut tree = self.snapshot.clone();
        self.log.iter().for_each(|txn| tree.apply(txn.clone()));
        tree
    }

    pub(crate) fn has(&self, txn: &Txn) -> bool {
        self.snapshot.txns.contains(txn) || self.log.contains(txn)
    }

    pub(crate) fn recover(&self, tail_max: usize) -> Recovered {
        let tail = self.log[self.log.len().saturating_sub(tail_max)..].to_vec();
        Recovered {
            accepted_epoch: self.accepted,
            current_epoch: self.current,
            last: self.log.last().map_or(self.snapshot.zxid, |txn| txn.zxid),
            tail,
            floor: self.snapshot.zxid,
            proposed: self.history().txns.iter().rev().find_map(|txn| txn.membership.clone()),
        }
    }

    /// What the log has from the last transaction at or before `from` on.
    pub(crate) fn read(&self, from: Zxid, upto: Zxid) -> Option<Vec<Txn>> {
        let start = self.log.iter().rposition(|txn| txn.zxid <= from)?;
        let read = self.log[start..].iter().take_while(|txn| txn.zxid <= upto);
        Some(read.cloned().collect())
    }
}
