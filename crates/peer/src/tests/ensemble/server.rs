//! One server: a peer, its disk, its clock's timers and what clients see of it.

use super::super::front::Front;
use crate::{Output, Peer, PeerOptions, Timer};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;
use zoarium_process::{Instant, Now, PersistSeq};
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{ConnId, Membership, SessionId, Zxid};
use zoarium_tree::{Tree, TreeOptions};
use zoarium_zab::{Epoch, Record, Recovered, Txn, Zab, ZabOptions};

#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: PeerOptions,
    pub(super) zab_options: ZabOptions,
    /// `None` while it does not run.
    pub(super) peer: Option<Peer>,
    pub(super) front: Front,
    pub(super) disk: Disk,
    pub(super) timers: BTreeMap<Timer, Instant>,
    /// Told and not yet carried out.
    pub(super) outputs: VecDeque<Output>,
    /// What it is told to do waits until something depends on it.
    pub(super) slow: bool,
    /// Whom the driver has heard of since it last said so.
    pub(super) heard: BTreeMap<SessionId, Instant>,
    /// Connections whose clients are there all the time.
    pub(super) lively: BTreeSet<ConnId>,
    /// The history in a snapshot that has arrived and is not the tree yet.
    pub(super) received: Option<Vec<Txn>>,
    /// The membership in force, as it is on disk.
    pub(super) membership: Arc<Membership>,
}

/// Files: what is durable, and what is on its way.
#[derive(Debug, Default)]
pub(super) struct Disk {
    accepted: Epoch,
    current: Epoch,
    snapshot: Vec<Txn>,
    floor: Zxid,
    log: Vec<Txn>,
    queue: VecDeque<(PersistSeq, Record, Option<Vec<Txn>>)>,
    /// It takes nothing at the moment.
    pub(super) stalled: bool,
}

impl Server {
    pub(super) fn new(
        options: PeerOptions,
        zab_options: ZabOptions,
        membership: Arc<Membership>,
    ) -> Self {
        Self {
            front: Front::new(Tree::new(TreeOptions::default()), options.access.clone()),
            options,
            zab_options,
            peer: None,
            disk: Disk::default(),
            timers: BTreeMap::new(),
            outputs: VecDeque::new(),
            slow: false,
            heard: BTreeMap::new(),
            lively: BTreeSet::new(),
            received: None,
            membership,
        }
    }

    pub(super) fn start(&mut self, now: Now) {
        assert!(self.peer.is_none(), "it runs already");
        self.front.tree = tree_of(&self.disk.history());
        let membership = Arc::clone(&self.membership);
        let zab = Zab::new(self.zab_options.clone(), membership, self.disk.recover());
        self.peer = Some(Peer::member(self.options.clone(), zab, &self.front.tree, now));
    }

    /// Its clients lose their connections. What was not durable is lost.
    pub(super) fn crash(&mut self) {
        self.peer = None;
        self.disk.queue.clear();
        self.disk.stalled = false;
        self.timers.clear();
        self.outputs.clear();
        self.heard.clear();
        self.lively.clear();
        self.received = None;
        self.front.crash();
    }

    pub(super) fn peer(&self) -> &Peer {
        self.peer.as_ref().expect("it runs")
    }
}

impl Disk {
    pub(super) fn write(&mut self, seq: PersistSeq, record: Record, received: Option<&Vec<Txn>>) {
        let snapshot = matches!(record, Record::Snapshot { .. }).then(|| received.cloned());
        self.queue.push_back((seq, record, snapshot.flatten()));
    }

    /// Makes everything durable, if it takes anything.
    pub(super) fn sync(&mut self) -> Option<PersistSeq> {
        if self.stalled {
            return None;
        }
        let mut upto = None;
        while let Some((seq, record, snapshot)) = self.queue.pop_front() {
            match record {
                Record::AcceptedEpoch(epoch) => self.accepted = epoch,
                Record::CurrentEpoch(epoch) => self.current = epoch,
                Record::Append(txn) => self.log.push(txn),
                Record::Truncate { to } => self.log.retain(|txn| txn.zxid <= to),
                Record::Snapshot { zxid } => {
                    self.snapshot = snapshot.expect("a snapshot was received");
                    self.floor = zxid;
                    self.log.clear();
                }
            }
            upto = Some(seq);
        }
        upto
    }

    /// All transactions that are durable.
    pub(super) fn history(&self) -> Vec<Txn> {
        self.snapshot.iter().chain(&self.log).cloned().collect()
    }

    fn recover(&self) -> Recovered {
        Recovered {
            accepted_epoch: self.accepted,
            current_epoch: self.current,
            last: self.log.last().map_or(self.floor, |txn| txn.zxid),
            tail: self.log.clone(),
            floor: self.floor,
            proposed: self.history().iter().rev().find_map(|txn| txn.membership.clone()),
        }
    }

    /// What the log has from the last transaction at or before `from` on.
    pub(super) fn read(&self, from: Zxid, upto: Zxid) -> Option<Vec<Txn>> {
        let start = self.log.iter().rposition(|txn| txn.zxid <= from)?;
        let read = self.log[start..].iter().take_while(|txn| txn.zxid <= upto);
        Some(read.cloned().collect())
    }
}

/// The tree after these transactions.
pub(super) fn tree_of(history: &[Txn]) -> Tree {
    let mut tree = Tree::new(TreeOptions::default());
    for txn in history {
        tree.apply(&LoggedTxn::decode(&txn.bytes).unwrap(), &mut |_| {});
    }
    tree
}
