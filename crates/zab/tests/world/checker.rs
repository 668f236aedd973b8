//! What must hold whatever happens: the properties of the Zab paper, under the names that
//! `Zab.tla` gives them, and what an implementation must do for them.

use crate::world::disk::Disk;
use crate::world::tree::Tree;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use zoarium_proto::{ServerId, Zxid};
use zoarium_zab::{Epoch, Packet, Txn};

#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// What is committed, in order, as far as anyone who served has shown it.
    pub(crate) committed: Vec<Txn>,
    broadcast: BTreeMap<Zxid, Bytes>,
    leaders: BTreeMap<Epoch, ServerId>,
    /// The history with which a leader entered its epoch.
    initial: BTreeMap<Epoch, Tree>,
    promises: BTreeSet<(ServerId, Epoch)>,
}

impl Checker {
    pub(crate) fn on_propose(&mut self, txn: &Txn) {
        let before = self.broadcast.insert(txn.zxid, txn.bytes.clone());
        assert!(before.is_none(), "Leadership1: {} proposed twice", txn.zxid);
    }

    /// `leader` begins to bring others to its history.
    pub(crate) fn on_epoch_entered(&mut self, leader: ServerId, epoch: Epoch, tree: &Tree) {
        let other = self.leaders.insert(epoch, leader);
        assert!(other.is_none_or(|other| other == leader), "Leadership1: two leaders of {epoch}");
        self.initial.insert(epoch, tree.clone());
    }

    pub(crate) fn on_serving(&mut self, server: ServerId, epoch: Epoch, leads: bool, tree: &Tree) {
        if leads {
            let leader = self.leaders.get(&epoch);
            assert_eq!(leader, Some(&server), "Leadership2: leader of {epoch}");
            assert!(
                tree.txns.len() >= self.committed.len(),
                "PrimaryIntegrity: leader {server} of {epoch} lacks committed transactions"
            );
        }
        for (index, txn) in tree.txns.iter().enumerate() {
            self.on_committed(server, index, txn);
        }
    }

    /// `server` has `txn` as its `index`th while it serves.
    pub(crate) fn on_committed(&mut self, server: ServerId, index: usize, txn: &Txn) {
        let proposed = self.broadcast.get(&txn.zxid);
        assert_eq!(proposed, Some(&txn.bytes), "Integrity: {} on {server}", txn.zxid);
        if let Some(committed) = self.committed.get(index) {
            assert_eq!(committed, txn, "PrefixConsistency, TotalOrder: place {index} on {server}");
            return;
        }
        assert_eq!(index, self.committed.len(), "Agreement: {server} skips transactions");
        if let Some(last) = self.committed.last() {
            assert!(txn.zxid > last.zxid, "GlobalPrimaryOrder, LocalPrimaryOrder: {}", txn.zxid);
        }
        self.committed.push(txn.clone());
    }

    pub(crate) fn on_sent(&mut self, from: ServerId, packet: &Packet, disk: &Disk) {
        match packet {
            Packet::Ack(zxid) if zxid.counter() == 0 => {
                let epoch = Epoch(zxid.epoch());
                assert_eq!(disk.current, epoch, "NEWLEADER acked before the epoch is durable");
                let (durable, initial) = (disk.history(), &self.initial[&epoch]);
                assert!(
                    durable.txns.starts_with(&initial.txns),
                    "NEWLEADER of {epoch} acked by {from} before the history is durable"
                );
            }
            Packet::Ack(zxid) => {
                let durable = disk.history().txns.iter().any(|txn| txn.zxid == *zxid);
                assert!(durable, "{zxid} acked by {from} before it is durable");
            }
            Packet::AckEpoch { current: Some(_), .. } => {
                let first = self.promises.insert((from, disk.accepted));
                assert!(first, "{from} promised {} twice", disk.accepted);
            }
            Packet::AckEpoch { current: None, .. }
            | Packet::Request(_)
            | Packet::Proposal(_)
            | Packet::Commit(_)
            | Packet::Ping { .. }
            | Packet::Revalidate(_)
            | Packet::Sync
            | Packet::Inform(_)
            | Packet::CommitAndActivate { .. }
            | Packet::NewLeader { .. }
            | Packet::FollowerInfo(_)
            | Packet::UpToDate
            | Packet::Diff { .. }
            | Packet::Trunc { .. }
            | Packet::Snap { .. }
            | Packet::ObserverInfo(_)
            | Packet::LeaderInfo { .. }
            | Packet::InformAndActivate { .. } => {}
        }
    }
}
