//! Broadcast: a proposal is sent to all followers, made durable by each, and committed when a
//! quorum has it.
//!
//! ```text
//! follower                           leader
//!    │◄── PROPOSAL(zxid, txn)           │  to its own disk at the same time
//!    │ durable                          │
//!    │ ACK(zxid) ──────────────────────►│  a quorum, and nothing older open: committed
//!    │◄── COMMIT(zxid)                  │  deliver; INFORM(zxid, txn) to observers
//! ```

use crate::ids::Epoch;
use crate::leader::{Fault, HELD_MAX, Leader, LearnerLink, Reign, Stage};
use crate::learner::{Learner, Phase};
use crate::message::{Packet, Txn};
use crate::persist::{Core, send};
use crate::reason::Reason;
use crate::sync::Syncs;
use crate::synchronization::check_epoch;
use crate::vocabulary::{Link, Output};
use crate::zab::Zab;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use zoarium_process::{Effects, Now};
use zoarium_proto::{Membership, ServerId, Zxid};

/// Most transactions a learner has logged and not been told to deliver. No leader of ours gets
/// there; one of Apache's has a bound of its own.
pub const PENDING_MAX: usize = 1 << 20;

/// A serving leader's proposals.
#[derive(Debug)]
pub(crate) struct Broadcast {
    /// The zxid of the newest proposal, or of the epoch's start.
    last_proposed: Zxid,
    /// Those not committed, oldest first: one for each pending transaction of the history.
    proposals: VecDeque<Proposal>,
    /// How many of the proposals this server has durable itself.
    durable: usize,
    pub(crate) syncs: Syncs,
}

/// A proposal that is not committed.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) zxid: Zxid,
    pub(crate) acks: BTreeSet<ServerId>,
    /// The memberships that each need a quorum: those that counted when it was proposed.
    memberships: Vec<Arc<Membership>>,
}

impl Broadcast {
    pub(crate) fn new(start: Zxid) -> Self {
        Self {
            last_proposed: start,
            proposals: VecDeque::new(),
            durable: 0,
            syncs: Syncs::default(),
        }
    }

    pub(crate) const fn last_proposed(&self) -> Zxid {
        self.last_proposed
    }

    /// Proposals not committed, oldest first.
    pub(crate) const fn proposals(&self) -> &VecDeque<Proposal> {
        &self.proposals
    }

    /// The zxid of the next proposal, if there may be one.
    pub(crate) fn next_zxid(&self, core: &Core) -> Option<Zxid> {
        if self.proposals.len() >= core.options.outstanding_max
            || self.last_proposed.counter() >= core.options.rollover_at
        {
            return None;
        }
        self.last_proposed.next()
    }

    /// Counts this server's own vote for what has become durable here.
    pub(crate) fn ack_durable(&mut self, core: &Core) {
        let pending = core.history.pending().iter();
        let open = self.proposals.iter_mut().zip(pending).skip(self.durable);
        let mut acked = 0;
        for (proposal, _) in open.take_while(|(_, pending)| core.is_durable(pending.seq)) {
            proposal.acks.insert(core.id());
            acked += 1;
        }
        self.durable += acked;
    }

    /// Counts the vote of `from`. What is committed already, or unknown, needs none.
    fn ack(&mut self, from: ServerId, zxid: Zxid) {
        if let Ok(index) = self.proposals.binary_search_by_key(&zxid, |proposal| proposal.zxid) {
            self.proposals[index].acks.insert(from);
        }
    }

    /// Takes back the votes of a learner that is synchronized anew: it is made to forget what it
    /// has beyond the committed history, and votes again when it has it again. Apache counts such
    /// votes on, and so may commit what is on the disks of less than a quorum.
    pub(crate) fn forget_acks(&mut self, learner: ServerId) {
        for proposal in &mut self.proposals {
            proposal.acks.remove(&learner);
        }
    }

    /// A membership is in force: those before it have no say any more. Their members may have gone
    /// with it, so nobody is to wait for them.
    pub(crate) fn forget_memberships_before(&mut self, version: Zxid) {
        for proposal in &mut self.proposals {
            proposal.memberships.retain(|membership| membership.version >= version);
        }
    }

    /// Takes out the oldest proposal if a quorum has it.
    fn pop_committed(&mut self) -> Option<Proposal> {
        let proposal = self.proposals.pop_front_if(|proposal| {
            proposal.memberships.iter().all(|members| members.is_quorum(&proposal.acks))
        })?;
        self.durable = self.durable.saturating_sub(1);
        Some(proposal)
    }
}

impl Leader {
    /// Broadcasts a transaction.
    pub(crate) fn propose(&mut self, core: &mut Core, now: Now, txn: Txn, fx: &mut Effects<Zab>) {
        let zxid = txn.zxid;
        let Reign::Broadcasting { broadcast, .. } = &mut self.reign else {
            panic!("proposal {zxid} to a leader that does not serve");
        };
        let next = broadcast.next_zxid(core);
        assert!(next == Some(zxid), "proposal {zxid}, next is {next:?}");
        if let Some(membership) = &txn.membership {
            core.see_membership(Arc::clone(membership));
        }
        broadcast.last_proposed = zxid;
        let memberships = core.memberships().cloned().collect();
        broadcast.proposals.push_back(Proposal { zxid, acks: BTreeSet::new(), memberships });
        core.log(txn.clone(), fx);
        self.relay(fx, |learner| {
            let proposal = (!learner.observer).then(|| Packet::Proposal(txn.clone()));
            if proposal.is_some() && matches!(learner.stage, Stage::Broadcasting) {
                learner.unacked.on_sent(zxid, now);
            }
            proposal
        });
    }

    /// Sends a packet to every learner that has been sent the history, or keeps it for after
    /// UPTODATE.
    fn relay(
        &mut self,
        fx: &mut Effects<Zab>,
        packet: impl Fn(&mut LearnerLink) -> Option<Packet>,
    ) {
        let mut behind = Vec::new();
        for (id, learner) in self.learners.iter_mut().filter(|(_, l)| l.is_forwarded()) {
            let Some(packet) = packet(learner) else { continue };
            match &mut learner.stage {
                Stage::Transferring { held }
                | Stage::Synchronizing { held }
                | Stage::Synchronized { held } => {
                    if held.len() >= HELD_MAX {
                        behind.push(*id);
                        continue;
                    }
                    held.push_back(packet);
                }
                Stage::Broadcasting => send(fx, Link::learner(*id), packet),
                Stage::New
                | Stage::Introduced { .. }
                | Stage::AwaitingPromise
                | Stage::Promised { .. }
                | Stage::AwaitingHistory { .. } => {}
            }
        }
        for id in behind {
            self.disconnect(id, Reason::TooFarBehind, fx);
        }
    }

    pub(crate) fn on_ack(
        &mut self,
        core: &mut Core,
        now: Now,
        from: ServerId,
        zxid: Zxid,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let start = match self.reign {
            Reign::Synchronizing { epoch, .. } | Reign::Broadcasting { epoch, .. } => {
                Core::start_of(epoch)
            }
            Reign::Gathering | Reign::Promising { .. } | Reign::AwaitingPromises { .. } => {
                return Err(self.learner(from)?.unexpected("ACK"));
            }
        };
        let learner = self.learner(from)?;
        match learner.stage {
            Stage::New
            | Stage::Introduced { .. }
            | Stage::AwaitingPromise
            | Stage::Promised { .. }
            | Stage::AwaitingHistory { .. }
            | Stage::Transferring { .. } => return Err(learner.unexpected("ACK")),
            Stage::Synchronizing { .. } if zxid == start => {
                return self.on_new_leader_ack(core, now, from, fx);
            }
            // Apache 3.8 may acknowledge a proposal first: that says nothing about the history
            // (ZOOKEEPER-4685).
            Stage::Synchronizing { .. } => return Ok(()),
            Stage::Synchronized { .. } | Stage::Broadcasting => {}
        }
        // The answer to UPTODATE.
        if zxid == start {
            learner.pings.on_up_to_date_acknowledged();
            return Ok(());
        }
        learner.unacked.on_ack(zxid);
        // Observers have no say (ZOOKEEPER-2959); memberships decide about the others.
        if learner.observer {
            return Ok(());
        }
        if let Reign::Broadcasting { broadcast, .. } = &mut self.reign {
            broadcast.ack(from, zxid);
        }
        self.try_commit(core, fx)
    }

    /// Commits what a quorum has, in order.
    pub(crate) fn try_commit(
        &mut self,
        core: &mut Core,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        while let Reign::Broadcasting { broadcast, .. } = &mut self.reign
            && let Some(proposal) = broadcast.pop_committed()
        {
            self.commit(core, &proposal, fx)?;
        }
        if let Reign::Broadcasting { broadcast, .. } = &self.reign
            && broadcast.proposals.is_empty()
            && broadcast.last_proposed.counter() >= core.options.rollover_at
        {
            return Err(Fault::Role(Reason::ZxidsUsedUp { last: broadcast.last_proposed }));
        }
        Ok(())
    }

    fn commit(
        &mut self,
        core: &mut Core,
        proposal: &Proposal,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let zxid = proposal.zxid;
        let oldest = core.history.pending().front();
        let txn = oldest.expect("every proposal is pending").txn.clone();
        assert!(txn.zxid == zxid, "commit of {zxid}, oldest pending is {}", txn.zxid);
        self.finish_syncs_before(core, zxid, fx);
        let designated =
            txn.membership.as_ref().map(|members| self.designated_leader(core, members, proposal));
        self.relay(fx, |learner| {
            Some(match (designated, learner.observer) {
                (None, false) => Packet::Commit(zxid),
                (None, true) => Packet::Inform(txn.clone()),
                (Some(designated), false) => Packet::CommitAndActivate { zxid, designated },
                (Some(designated), true) => {
                    Packet::InformAndActivate { designated, txn: txn.clone() }
                }
            })
        });
        core.deliver(fx);
        self.finish_syncs(core, fx);
        match (designated, txn.membership) {
            (Some(designated), Some(membership)) => {
                self.activate(core, designated, &membership, zxid, fx)
            }
            _ => Ok(()),
        }
    }
}

impl Learner {
    /// The epoch of a learner that takes in transactions, and whether it serves.
    fn receiving(&self, message: &'static str) -> Result<(Epoch, bool), Reason> {
        match self.phase {
            Phase::Synchronizing { epoch }
            | Phase::Affirming { epoch, .. }
            | Phase::Affirmed { epoch } => Ok((epoch, false)),
            Phase::Broadcasting { epoch } => Ok((epoch, true)),
            Phase::Connecting { .. }
            | Phase::Introduced { .. }
            | Phase::Promising { .. }
            | Phase::Promised { .. }
            | Phase::ReceivingSnapshot { .. } => Err(self.unexpected(message)),
        }
    }

    pub(crate) fn on_proposal(
        &mut self,
        core: &mut Core,
        now: Now,
        txn: Txn,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let (epoch, serving) = self.receiving("PROPOSAL")?;
        let zxid = txn.zxid;
        check_epoch(zxid, epoch)?;
        // What the leader sends as history and what it sends as news may overlap.
        if !serving && zxid <= core.history.last() {
            return Ok(());
        }
        if core.history.pending().len() >= PENDING_MAX {
            return Err(Reason::TooFarBehind);
        }
        if let Err(why) = core.history.check_follows(zxid) {
            if serving {
                return Err(why);
            }
            // What comes does not stand on this history, and would not the next time either.
            return self.rejoin_for_snapshot(core, now, epoch, why, fx);
        }
        if let Some(membership) = &txn.membership {
            core.see_membership(Arc::clone(membership));
        }
        let seq = core.log(txn, fx);
        if serving && !core.is_observer() {
            self.acks.push_back((seq, zxid));
        }
        Ok(())
    }

    pub(crate) fn on_commit(
        &mut self,
        core: &mut Core,
        zxid: Zxid,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        // A proposal that was refused is on the way to a snapshot, with its commit behind it.
        if let Phase::Connecting { .. } = self.phase {
            return Ok(());
        }
        self.receiving("COMMIT")?;
        // The leader may repeat what the history it sent already had.
        if zxid <= core.history.processed() {
            return Ok(());
        }
        let oldest = core.history.pending().front().map(|pending| pending.txn.zxid);
        if oldest != Some(zxid) {
            return Err(Reason::UnmatchedCommit { commit: zxid, oldest });
        }
        core.deliver(fx);
        Ok(())
    }

    /// A proposal and its commit, to an observer (ZOOKEEPER-1551).
    pub(crate) fn on_inform(
        &mut self,
        core: &mut Core,
        now: Now,
        txn: Txn,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let zxid = txn.zxid;
        self.on_proposal(core, now, txn, fx)?;
        self.on_commit(core, zxid, fx)
    }

    /// Sends the ACKs of what has become durable.
    pub(crate) fn flush_acks(&mut self, core: &Core, fx: &mut Effects<Zab>) {
        let Phase::Broadcasting { .. } = self.phase else { return };
        while let Some((_, zxid)) = self.acks.pop_front_if(|(seq, _)| core.is_durable(*seq)) {
            self.send(Packet::Ack(zxid), fx);
        }
    }

    /// A learner that does not serve yet does not answer: the leader expects an ACK, and nothing
    /// else.
    pub(crate) fn on_ping(&self, zxid: Zxid, fx: &mut Effects<Zab>) {
        if let Phase::Broadcasting { .. } = self.phase {
            fx.output(Output::Ping { zxid });
        }
    }
}
