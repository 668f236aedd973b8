//! How it is agreed what comes next: alone, by the disk, or in an ensemble, by [`Zab`].
//!
//! Both are driven in the same way and answer with the same effects. Steps gather them, and the peer
//! works them off after its own step; what it does on the way may add more.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use zoarium_process::{Effects, Input, Now, PersistSeq, Process};
use zoarium_proto::Zxid;
use zoarium_zab::{Output, Record, Request, Txn, Zab};

#[derive(Debug)]
pub(crate) struct Agreement {
    by: By,
    effects: Effects<Zab>,
}

#[derive(Debug)]
enum By {
    Disk(Alone),
    Quorum(Box<Zab>),
}

/// A server that is its own quorum, in one epoch for ever: standalone data directories have no
/// epoch files.
#[derive(Debug)]
struct Alone {
    last_zxid: Zxid,
    last_seq: PersistSeq,
    /// Proposed and not durable.
    pending: VecDeque<(PersistSeq, Txn)>,
}

impl Agreement {
    pub(crate) fn alone(last_zxid: Zxid) -> Self {
        Self::new(By::Disk(Alone {
            last_zxid,
            last_seq: PersistSeq::default(),
            pending: VecDeque::new(),
        }))
    }

    pub(crate) fn ensemble(zab: Zab) -> Self {
        Self::new(By::Quorum(Box::new(zab)))
    }

    fn new(by: By) -> Self {
        Self { by, effects: Effects::new() }
    }

    pub(crate) const fn zab(&self) -> Option<&Zab> {
        match &self.by {
            By::Disk(_) => None,
            By::Quorum(zab) => Some(zab),
        }
    }

    /// The zxid to propose with, if there may be a proposal now.
    pub(crate) fn next_zxid(&self) -> Option<Zxid> {
        match &self.by {
            By::Disk(alone) => Some(alone.next_zxid()),
            By::Quorum(zab) => zab.next_zxid(),
        }
    }

    pub(crate) fn step(&mut self, now: Now, input: Input<Zab>) {
        match &mut self.by {
            By::Disk(alone) => alone.step(input, &mut self.effects),
            By::Quorum(zab) => zab.step(now, input, &mut self.effects),
        }
    }

    /// Proposes the next transaction, with the zxid that [`Agreement::next_zxid`] gave.
    pub(crate) fn propose(&mut self, now: Now, txn: Txn) {
        match &mut self.by {
            By::Disk(alone) => alone.propose(txn, &mut self.effects),
            By::Quorum(zab) => {
                zab.step(now, Input::Request(Request::Propose(txn)), &mut self.effects);
            }
        }
    }

    /// Puts what has gathered in the place of an empty list. Whether it is anything.
    pub(crate) fn take_effects(&mut self, effects: &mut Effects<Zab>) -> bool {
        core::mem::swap(&mut self.effects, effects);
        !effects.is_empty()
    }
}

impl Alone {
    fn next_zxid(&self) -> Zxid {
        // It starts the next epoch by itself when the counter is used up.
        self.last_zxid.next().unwrap_or(Zxid::new(self.last_zxid.epoch() + 1, 1))
    }

    fn step(&mut self, input: Input<Zab>, fx: &mut Effects<Zab>) {
        match input {
            Input::Persisted { upto } => self.on_persisted(upto, fx),
            // What else there is needs others.
            Input::Start
            | Input::LinkUp(_)
            | Input::LinkDown(_)
            | Input::Message { .. }
            | Input::Timer(_)
            | Input::Request(_) => {}
        }
    }

    fn propose(&mut self, txn: Txn, fx: &mut Effects<Zab>) {
        assert!(txn.zxid > self.last_zxid, "{} after {}", txn.zxid, self.last_zxid);
        self.last_zxid = txn.zxid;
        self.last_seq = self.last_seq.next();
        fx.persist(self.last_seq, Record::Append(txn.clone()));
        self.pending.push_back((self.last_seq, txn));
    }

    fn on_persisted(&mut self, upto: PersistSeq, fx: &mut Effects<Zab>) {
        assert!(upto <= self.last_seq, "{upto:?} durable, {:?} proposed", self.last_seq);
        while let Some((_, txn)) = self.pending.pop_front_if(|(seq, _)| *seq <= upto) {
            fx.output(Output::Deliver(txn));
        }
    }
}
