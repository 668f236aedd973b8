//! What a member's disk may hold, kept apart from the code that writes it.

use std::borrow::Cow;
use zoarium_persistence::Epochs;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::{Progress, SnapshotLoader, Tree, TreeOptions};

/// SplitMix64.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^= value >> 31;
        usize::try_from(value % limit as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// All transactions since the beginning, however they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) txns: Vec<(Zxid, Vec<u8>)>,
    /// How many came in the snapshot that the history began with,
    pub(crate) base: usize,
    /// and that snapshot's zxid.
    pub(crate) start: Zxid,
    /// What follows the snapshot because the leader had it already while it sent it.
    pub(crate) sent: Vec<(Zxid, Vec<u8>)>,
}

impl History {
    /// The zxid after so many transactions.
    pub(crate) fn zxid_at(&self, count: usize) -> Zxid {
        if count == self.base { self.start } else { self.txns[count - 1].0 }
    }

    pub(crate) fn last(&self) -> Zxid {
        self.zxid_at(self.txns.len())
    }

    /// How many transactions there are up to `zxid`, if the history can end there.
    pub(crate) fn count_at(&self, zxid: Zxid) -> Option<usize> {
        (self.base..=self.txns.len()).find(|&count| self.zxid_at(count) == zxid)
    }

    /// The tree after so many transactions, exact or as inexact as it was received.
    pub(crate) fn tree_at(&self, count: usize) -> Tree {
        if self.zxid_at(count) < self.exact_from() {
            let mut tree = self.received_tree();
            self.txns[self.base..count].iter().for_each(|(_, bytes)| apply(&mut tree, bytes));
            return tree;
        }
        self.exact_tree_at(count)
    }

    fn exact_tree_at(&self, count: usize) -> Tree {
        let mut tree = Tree::new(TreeOptions::default());
        self.txns[..count].iter().for_each(|(_, bytes)| apply(&mut tree, bytes));
        tree.set_last_zxid(self.zxid_at(count));
        tree
    }

    /// Until there, the tree is not exact.
    pub(crate) fn exact_from(&self) -> Zxid {
        self.sent.last().map_or(self.start, |(zxid, _)| *zxid)
    }

    /// The next of what the leader has sent behind its snapshot.
    pub(crate) fn next_sent(&self) -> Option<(Zxid, Vec<u8>)> {
        self.sent.get(self.txns.len() - self.base).cloned()
    }

    /// The tree as it is received: the snapshot part of a stream that was written while `sent` was
    /// applied.
    pub(crate) fn received_tree(&self) -> Tree {
        let mut tree = self.exact_tree_at(self.base);
        let mut cursor = tree.begin_snapshot(true);
        let mut stream = Vec::new();
        let mut sent = self.sent.iter();
        while cursor.next(&tree, 300, &mut stream) == Progress::More {
            sent.by_ref().take(1).for_each(|(_, bytes)| apply(&mut tree, bytes));
        }
        tree.end_snapshot(cursor);
        let mut loader = SnapshotLoader::new(TreeOptions::default());
        loader.feed(&stream).unwrap();
        loader.finish(self.start).unwrap().tree
    }
}

pub(crate) fn apply(tree: &mut Tree, bytes: &[u8]) {
    let txn = LoggedTxn::decode(bytes).unwrap();
    let applied = tree.apply(&txn, &mut |_| {});
    assert_ne!(applied.digest_matches, Some(false));
}

/// A create whose bytes no other history of the same zxid has.
pub(crate) fn txn(zxid: Zxid, tag: u32) -> Vec<u8> {
    let size = [40, 0, 700, 1500, 12][usize::try_from(zxid.counter() % 5).unwrap()];
    let data: Vec<u8> = (0..size).map(|index| u8::try_from(index % 251).unwrap() | 1).collect();
    let create = CreateTxn {
        path: Cow::Owned(format!("/{zxid}-{tag}")),
        data: Some(&data),
        acl: AclList::OPEN,
        kind: CreateKind::Plain { ephemeral: false, with_stat: false },
        // Larger than all before it, as replay over a fuzzy snapshot needs.
        parent_cversion: i32::try_from(zxid.epoch() * 10_000 + zxid.counter()).unwrap(),
    };
    let header = TxnHeader { session: SessionId(1), cxid: 0, zxid, time_ms: tag.into() };
    let mut bytes = Vec::new();
    LoggedTxn { header, txn: Txn::Create(create), digest: None }.encode(&mut bytes);
    bytes
}

/// What may be found after a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// All that was asked for.
    pub(crate) history: History,
    /// So many of its transactions must be there.
    pub(crate) durable: usize,
    /// Or this is there, whole, because it was being installed.
    pub(crate) other: Option<History>,
    /// What was promised, and
    pub(crate) epochs: Epochs,
    /// what perhaps is.
    pub(crate) tried: Epochs,
    /// So many transactions there must be if `tried.current` is there.
    pub(crate) covered: usize,
    /// The epoch that the next transaction is of; ours are even.
    pub(crate) epoch: u32,
    /// Tells the transactions of one history from those of another.
    pub(crate) tag: u32,
    /// Whether files may be missing because they were purged.
    pub(crate) purged: bool,
}

impl Model {
    /// The next transaction, which then is part of the history.
    pub(crate) fn next_txn(&mut self) -> (Zxid, Vec<u8>) {
        let next = self.history.next_sent().unwrap_or_else(|| {
            let last = self.history.last();
            let zxid = match last.epoch() < self.epoch {
                true => Zxid::new(self.epoch, 1),
                false => last.next().unwrap(),
            };
            (zxid, txn(zxid, self.tag))
        });
        self.history.txns.push(next.clone());
        next
    }

    /// Everything asked for so far is durable.
    pub(crate) fn acknowledge(&mut self) {
        self.durable = self.history.txns.len();
    }

    /// The history ends after so many transactions.
    pub(crate) fn cut(&mut self, count: usize) {
        self.history.txns.truncate(count);
        self.durable = self.durable.min(count);
        self.covered = self.covered.min(count);
        // What comes next is another history, and another leader's.
        self.tag += 1;
    }

    /// Another history of the same ensemble: shared up to somewhere, and then what this server has
    /// never heard of.
    pub(crate) fn foreign(&mut self, random: &mut Random) -> History {
        self.tag += 1;
        let fork = random.below(self.history.txns.len() + 1);
        let mut txns = self.history.txns[..fork].to_vec();
        let shared = txns.last().map_or(0, |(zxid, _)| zxid.epoch());
        // An epoch that this server was not part of, before or after its last.
        let epoch = if random.one_in(2) { (shared + 1) | 1 } else { self.epoch + 1 };
        for counter in 1..=u32::try_from(random.below(5)).unwrap() {
            let zxid = Zxid::new(epoch, counter);
            txns.push((zxid, txn(zxid, self.tag)));
        }
        let leads = self.epoch + 2;
        let last = txns.last().map_or(Zxid::ZERO, |(zxid, _)| *zxid);
        let start = if random.one_in(2) { Zxid::new(leads, 0) } else { last };
        let sent = (1..=u32::try_from(random.below(4)).unwrap()).map(|counter| {
            let zxid = Zxid::new(leads, counter);
            (zxid, txn(zxid, self.tag))
        });
        History { base: txns.len(), txns, start, sent: sent.collect() }
    }
}
