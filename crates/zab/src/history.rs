//! The history: what is logged, how far it is delivered, and the newest of it kept for learners.

use crate::message::Txn;
use crate::reason::Reason;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use zoarium_process::PersistSeq;
use zoarium_proto::{Membership, Zxid};

/// What a server finds on its disk when it starts.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The acceptedEpoch file.
    pub accepted_epoch: crate::Epoch,
    /// The currentEpoch file.
    pub current_epoch: crate::Epoch,
    /// The last zxid of snapshot and log: all that is logged counts, committed or not
    /// (ZOOKEEPER-335). The tree is at this zxid too.
    pub last: Zxid,
    /// The newest transactions of the log, in order, as many as there are up to
    /// [`committed_log_max`](crate::ZabOptions::committed_log_max). What is before a gap is not
    /// used, nor any of it if it does not end at `last`.
    pub tail: Vec<Txn>,
    /// The oldest zxid the log can be cut back to: that of the oldest snapshot from which the log
    /// goes on without a gap.
    pub floor: Zxid,
    /// The newest membership in the history, or in the file of a proposed one, if it is newer than
    /// the one in force.
    pub proposed: Option<Arc<Membership>>,
}

/// Logged and not delivered.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The number of its record.
    pub(crate) seq: PersistSeq,
    pub(crate) txn: Txn,
}

/// The history.
#[derive(Debug)]
pub(crate) struct History {
    last: Zxid,
    processed: Zxid,
    floor: Zxid,
    pending: VecDeque<Pending>,
    committed: VecDeque<Txn>,
    committed_max: usize,
}

/// Whether `next` may stand behind `last` in a log.
pub(crate) fn follows(last: Zxid, next: Zxid) -> bool {
    last.next() == Some(next) || (next.epoch() > last.epoch() && next.counter() == 1)
}

impl History {
    pub(crate) fn new(recovered: Recovered, committed_max: usize) -> Self {
        let Recovered { last, mut tail, floor, .. } = recovered;
        // A server that has once had ZOOKEEPER-4925 must not hand its hole on.
        let gap = tail.windows(2).rposition(|pair| !follows(pair[0].zxid, pair[1].zxid));
        tail.drain(..gap.map_or(0, |index| index + 1));
        if tail.last().is_some_and(|end| end.zxid != last) {
            tail.clear();
        }
        let mut history = Self {
            last,
            processed: last,
            floor,
            pending: VecDeque::new(),
            committed: VecDeque::new(),
            committed_max,
        };
        tail.into_iter().for_each(|txn| history.remember(txn));
        history
    }

    /// The last zxid logged, or the first of the epoch led (`lastProcessedZxid` of a server that is
    /// in no role).
    pub(crate) const fn last(&self) -> Zxid {
        self.last
    }

    /// How far the tree is.
    pub(crate) const fn processed(&self) -> Zxid {
        self.processed
    }

    /// What is logged and not delivered, oldest first.
    pub(crate) const fn pending(&self) -> &VecDeque<Pending> {
        &self.pending
    }

    /// The newest committed transactions.
    pub(crate) fn committed(&self) -> impl Iterator<Item = &Txn> {
        self.committed.iter()
    }

    /// First and last zxid of the newest committed transactions. With none, both are where the
    /// tree is (ZOOKEEPER-4352).
    pub(crate) fn bounds(&self) -> (Zxid, Zxid) {
        match (self.committed.front(), self.committed.back()) {
            (Some(first), Some(last)) => (first.zxid, last.zxid),
            _ => (self.processed, self.processed),
        }
    }

    /// # Errors
    /// If a transaction is missing between the last one and this.
    pub(crate) fn check_follows(&self, zxid: Zxid) -> Result<(), Reason> {
        match follows(self.last, zxid) {
            true => Ok(()),
            false => Err(Reason::Gap { last: self.last, came: zxid }),
        }
    }

    /// Notes that `txn` is on its way to the log as record `seq`.
    pub(crate) fn log(&mut self, seq: PersistSeq, txn: Txn) {
        assert!(follows(self.last, txn.zxid), "{} logged after {}", txn.zxid, self.last);
        self.last = txn.zxid;
        self.pending.push_back(Pending { seq, txn });
    }

    /// Takes the oldest pending transaction as delivered.
    pub(crate) fn deliver(&mut self) -> Option<Txn> {
        let Pending { txn, .. } = self.pending.pop_front()?;
        assert!(txn.zxid > self.processed, "{} delivered after {}", txn.zxid, self.processed);
        self.processed = txn.zxid;
        // Every delivered transaction, however it came, or this server would one day hand the
        // hole on to its own learners (ZOOKEEPER-4925).
        self.remember(txn.clone());
        Some(txn)
    }

    /// Forgets what is after `to`. What is pending must have been delivered.
    ///
    /// # Errors
    /// If this history does not reach up to `to`, or cannot be cut there.
    pub(crate) fn truncate(&mut self, to: Zxid) -> Result<(), Reason> {
        // Where memory reaches, what to keep must be there, or there would be a hole behind it.
        let reached = self.committed.front().is_some_and(|first| first.zxid <= to);
        let known = self.committed.binary_search_by_key(&to, |txn| txn.zxid).is_ok();
        if to > self.last || (reached && !known) {
            return Err(Reason::BadTruncation { to, last: self.last });
        }
        if to < self.floor {
            return Err(Reason::CannotTruncate { to, floor: self.floor });
        }
        assert!(self.pending.is_empty(), "truncation to {to} while proposals are pending");
        while self.committed.pop_back_if(|txn| txn.zxid > to).is_some() {}
        self.last = to;
        self.processed = to;
        Ok(())
    }

    /// A snapshot of `zxid` takes the place of everything.
    pub(crate) fn install_snapshot(&mut self, zxid: Zxid) {
        assert!(self.pending.is_empty(), "snapshot {zxid} while proposals are pending");
        self.committed.clear();
        self.last = zxid;
        self.processed = zxid;
        self.floor = zxid;
    }

    /// A leader starts to serve: its epoch begins where all of its history is delivered.
    pub(crate) fn begin_epoch(&mut self, start: Zxid) {
        assert!(self.pending.is_empty(), "epoch {start} begins while proposals are pending");
        assert!(start > self.last, "epoch {start} begins after {}", self.last);
        self.last = start;
        self.processed = start;
    }

    fn remember(&mut self, txn: Txn) {
        if let Some(last) = self.committed.back() {
            assert!(follows(last.zxid, txn.zxid), "{} remembered after {}", txn.zxid, last.zxid);
        }
        self.committed.push_back(txn);
        if self.committed.len() > self.committed_max {
            self.committed.pop_front();
        }
    }
}
