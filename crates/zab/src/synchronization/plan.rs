//! What a learner needs to get the leader's history: the choice, apart from carrying it out
//! (Apache's `LearnerHandler.syncFollower`).

use crate::history::{History, follows};
use crate::message::Txn;
use alloc::vec::Vec;
use zoarium_proto::Zxid;

/// How a learner gets the leader's history.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Its history is a prefix: these are missing.
    Diff { last: Zxid, txns: Vec<Txn> },
    /// Its history is a prefix up to `to`: these come then.
    Truncate { to: Zxid, txns: Vec<Txn> },
    /// Everything.
    Snapshot,
    /// The log on disk may have what is missing, up to what memory has.
    ReadLog { upto: Zxid },
}

/// What is known of the log on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DiskLog<'a> {
    /// It may be read.
    Unread,
    /// These were read, from the last one at or before the learner's zxid on.
    Read(&'a [Txn]),
    /// It is not to be used, or does not help.
    Unusable,
}

/// How to bring a learner whose last zxid is `peer` to the leader's history.
pub(crate) fn plan(history: &History, peer: Zxid, log: DiskLog<'_>) -> Plan {
    let (min, max) = history.bounds();
    // A zxid that only says which epoch the learner was in. No log has it, so none can be cut
    // there.
    let starts_epoch = peer.counter() == 0;
    if peer == history.processed() {
        return Plan::Diff { last: peer, txns: Vec::new() };
    }
    if peer > max && !starts_epoch {
        return Plan::Truncate { to: max, txns: Vec::new() };
    }
    let mut walk = Walk { peer, max, previous: None, op: None, sent: peer, txns: Vec::new() };
    if (min..=max).contains(&peer) {
        return walk.along(history.committed()).map_or(Plan::Snapshot, |()| walk.plan());
    }
    if peer > max {
        return Plan::Snapshot;
    }
    match log {
        DiskLog::Unread => Plan::ReadLog { upto: min },
        DiskLog::Unusable => Plan::Snapshot,
        DiskLog::Read(txns) => {
            let starts_before = txns.first().is_some_and(|first| first.zxid <= peer);
            // The log must lead from the learner's zxid to what memory has without a hole
            // (ZOOKEEPER-2418, 2846).
            let whole = txns.windows(2).all(|pair| follows(pair[0].zxid, pair[1].zxid));
            let reaches = txns.last().is_some_and(|last| last.zxid >= min);
            if !starts_before || !whole || !reaches {
                return Plan::Snapshot;
            }
            // Memory may have nothing, as behind a snapshot, and `min` then only stands for where the
            // history ends. What both have is sent once.
            let older = txns.iter().filter(|txn| txn.zxid <= min);
            let all = older.chain(history.committed());
            walk.along(all).map_or(Plan::Snapshot, |()| walk.plan())
        }
    }
}

/// A walk along the leader's history, in which the learner's last zxid is looked for.
struct Walk {
    peer: Zxid,
    max: Zxid,
    /// The last transaction before the learner's zxid.
    previous: Option<Zxid>,
    op: Option<Op>,
    sent: Zxid,
    txns: Vec<Txn>,
}

enum Op {
    Diff,
    Truncate { to: Zxid },
}

impl Walk {
    /// `None` if the learner's history parts from the leader's where no truncation helps.
    fn along<'a>(&mut self, txns: impl Iterator<Item = &'a Txn>) -> Option<()> {
        for txn in txns {
            if txn.zxid < self.peer {
                self.previous = Some(txn.zxid);
                continue;
            }
            if self.op.is_none() {
                self.op = Some(self.op_at(txn.zxid)?);
            }
            if txn.zxid > self.sent {
                self.sent = txn.zxid;
                self.txns.push(txn.clone());
            }
        }
        Some(())
    }

    /// What to do when `zxid` is the first in the leader's history not before the learner's last.
    fn op_at(&self, zxid: Zxid) -> Option<Op> {
        if zxid == self.peer || self.peer.counter() == 0 {
            return Some(Op::Diff);
        }
        // The learner has a transaction that the leader does not have. What both have of its epoch
        // is shared with all that is before it. Apache looks at the epoch of `zxid` instead, and
        // so sends a snapshot to the old leader when the new one has proposed already.
        let shared = self.previous.filter(|previous| previous.epoch() == self.peer.epoch())?;
        Some(Op::Truncate { to: shared })
    }

    fn plan(self) -> Plan {
        match self.op {
            Some(Op::Truncate { to }) => Plan::Truncate { to, txns: self.txns },
            Some(Op::Diff) | None => Plan::Diff { last: self.max, txns: self.txns },
        }
    }
}

#[cfg(test)]
mod tests;
