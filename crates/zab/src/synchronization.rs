//! Synchronization: every learner is brought to the leader's history, and a quorum has to have it
//! on disk before anything is built on it.
//!
//! ```text
//! learner                            leader
//!    │◄── DIFF | TRUNC | SNAP + stream  │
//!    │◄── PROPOSAL, COMMIT …            │  what the learner lacks
//!    │◄── NEWLEADER(epoch)              │
//!    │ history durable, then the epoch  │
//!    │ ACK(epoch, 0) ──────────────────►│  a quorum: serve
//!    │◄── UPTODATE                      │
//!    │ ACK(epoch, 0) ──────────────────►│  (no meaning)
//! ```
//!
//! A learner logs what it is sent as it comes. Records become durable in order, so when the epoch
//! is durable the history before it is too, and one ACK speaks for both (ZOOKEEPER-4643, 4646,
//! 4785).

mod plan;

use crate::broadcast::Broadcast;
use crate::ids::{Epoch, ReadId};
use crate::leader::{Fault, Leader, LearnerLink, Reign, Stage};
use crate::learner::{Learner, Phase};
use crate::message::{Packet, Txn};
use crate::persist::{Core, send};
use crate::reason::Reason;
use crate::vocabulary::{Link, Output, Record};
use crate::zab::Zab;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use plan::{DiskLog, Plan, plan};
use zoarium_process::{Effects, Now};
use zoarium_proto::{Membership, ServerId, Zxid};

impl Learner {
    pub(crate) fn on_diff(
        &mut self,
        core: &mut Core,
        now: Now,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let Phase::Promised { epoch } = self.phase else { return Err(self.unexpected("DIFF")) };
        // It has said that it has nothing, to be sent a snapshot, and its leader has nothing
        // either. What is there all the same must not stay under what comes.
        if self.wants_snapshot == Some(epoch) {
            return self.on_trunc(core, now, Zxid::ZERO, fx);
        }
        self.phase = Phase::Synchronizing { epoch };
        Ok(())
    }

    pub(crate) fn on_trunc(
        &mut self,
        core: &mut Core,
        now: Now,
        to: Zxid,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let Phase::Promised { epoch } = self.phase else { return Err(self.unexpected("TRUNC")) };
        match core.history.truncate(to) {
            Ok(()) => {
                core.forget_membership_after(to);
                core.persist(Record::Truncate { to }, fx);
                fx.output(Output::Truncate { to });
                self.phase = Phase::Synchronizing { epoch };
                Ok(())
            }
            Err(why) => self.rejoin_for_snapshot(core, now, epoch, why, fx),
        }
    }

    pub(crate) fn on_snap(&mut self, zxid: Zxid, fx: &mut Effects<Zab>) -> Result<(), Reason> {
        let Phase::Promised { epoch } = self.phase else { return Err(self.unexpected("SNAP")) };
        check_epoch(zxid, epoch)?;
        self.phase = Phase::ReceivingSnapshot { epoch, zxid };
        fx.output(Output::ReceiveSnapshot { zxid });
        Ok(())
    }

    /// The snapshot is whole. Only now does anything of it count: an interrupted one leaves no
    /// trace (ZOOKEEPER-2872, 3642).
    pub(crate) fn on_snapshot_received(&mut self, core: &mut Core, fx: &mut Effects<Zab>) {
        let Phase::ReceivingSnapshot { epoch, zxid } = self.phase else { return };
        core.history.install_snapshot(zxid);
        // NEWLEADER tells what is proposed.
        core.forget_membership_after(Zxid::ZERO);
        core.persist(Record::Snapshot { zxid }, fx);
        fx.output(Output::InstallSnapshot { zxid });
        self.wants_snapshot = None;
        self.phase = Phase::Synchronizing { epoch };
    }

    /// All of the leader's history is here. The epoch goes to disk behind it.
    pub(crate) fn on_new_leader(
        &mut self,
        core: &mut Core,
        epoch: Epoch,
        membership: Arc<Membership>,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let Phase::Synchronizing { epoch: accepted } = self.phase else {
            return Err(self.unexpected("NEWLEADER"));
        };
        if epoch != accepted {
            return Err(Reason::WrongEpoch { offered: epoch, accepted });
        }
        core.see_membership(membership);
        let seq = core.enter_epoch(epoch, fx);
        self.phase = Phase::Affirming { epoch, seq };
        Ok(())
    }

    pub(crate) fn affirm(&mut self, epoch: Epoch, fx: &mut Effects<Zab>) {
        self.phase = Phase::Affirmed { epoch };
        self.send(Packet::Ack(Core::start_of(epoch)), fx);
    }

    /// A quorum has the history, so what was delivered up to here stays.
    pub(crate) fn on_up_to_date(
        &mut self,
        core: &mut Core,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let Phase::Affirmed { epoch } = self.phase else {
            return Err(self.unexpected("UPTODATE"));
        };
        self.phase = Phase::Broadcasting { epoch };
        self.send(Packet::Ack(Core::start_of(epoch)), fx);
        // Those who look for a leader compare epochs of answers (ZOOKEEPER-1732, 1818).
        self.vote.epoch = epoch;
        let observed = core.is_observer();
        core.activate_seen_membership(epoch, fx);
        if observed != core.is_observer() {
            return Err(Reason::Reconfigured { suggested: None });
        }
        core.has_served = true;
        fx.output(Output::Serving { leader: self.vote.leader, epoch });
        if !observed {
            // Proposals that came early are acknowledged only behind NEWLEADER, or the leader
            // takes their ACK for its (ZOOKEEPER-4685).
            let early = core.history.pending().iter();
            self.acks.extend(early.map(|pending| (pending.seq, pending.txn.zxid)));
        }
        self.flush_acks(core, fx);
        Ok(())
    }
}

impl Leader {
    /// Sends a learner what it lacks and NEWLEADER behind it (ZOOKEEPER-3104), once (1324).
    pub(crate) fn synchronize(
        &mut self,
        core: &mut Core,
        now: Now,
        to: ServerId,
        fx: &mut Effects<Zab>,
    ) {
        let log = match core.options.disk_log_sync {
            true => DiskLog::Unread,
            false => DiskLog::Unusable,
        };
        self.synchronize_with(core, now, to, log, fx);
    }

    pub(crate) fn on_history_read(
        &mut self,
        core: &mut Core,
        now: Now,
        read: ReadId,
        txns: Option<&[Txn]>,
        fx: &mut Effects<Zab>,
    ) {
        let asked = self.learners.iter().find(|(_, learner)| {
            matches!(learner.stage, Stage::AwaitingHistory { read: asked, .. } if asked == read)
        });
        // The learner may have gone meanwhile.
        let Some((&to, _)) = asked else { return };
        let log = txns.map_or(DiskLog::Unusable, DiskLog::Read);
        self.synchronize_with(core, now, to, log, fx);
    }

    fn synchronize_with(
        &mut self,
        core: &mut Core,
        now: Now,
        to: ServerId,
        log: DiskLog<'_>,
        fx: &mut Effects<Zab>,
    ) {
        let transfers = self.observer_transfers();
        let Some(learner) = self.learners.get_mut(&to) else { return };
        let asked = matches!(learner.stage, Stage::Promised { asks_snapshot: true, .. });
        let (Stage::Promised { last, .. } | Stage::AwaitingHistory { last, .. }) = learner.stage
        else {
            return;
        };
        let plan = match asked || core.options.force_snapshot_sync {
            true => Plan::Snapshot,
            false => plan(&core.history, last, log),
        };
        if let Reign::Broadcasting { broadcast, .. } = &mut self.reign {
            broadcast.forget_acks(to);
        }
        let link = Link::learner(to);
        // From here on the learner is sent whatever is proposed, so nothing falls between.
        let mut held = VecDeque::new();
        if !learner.observer {
            let outstanding = core.history.pending().iter();
            held.extend(outstanding.map(|pending| Packet::Proposal(pending.txn.clone())));
        }
        match plan {
            Plan::ReadLog { upto } => {
                let read = core.next_read();
                learner.wait(Stage::AwaitingHistory { last, read });
                return fx.output(Output::ReadHistory { read, from: last, upto });
            }
            Plan::Diff { last, txns } => {
                send(fx, link, Packet::Diff { last });
                send_committed(link, txns, fx);
            }
            Plan::Truncate { to, txns } => {
                send(fx, link, Packet::Trunc { to });
                send_committed(link, txns, fx);
            }
            Plan::Snapshot
                if learner.observer && transfers >= core.options.observer_snapshots_max =>
            {
                let max = core.options.observer_snapshots_max;
                return self.disconnect(to, Reason::TooManySnapshots { max }, fx);
            }
            Plan::Snapshot => {
                // It takes its time; the driver says when it is sent.
                learner.wait(Stage::Transferring { held });
                return fx.output(Output::SendSnapshot { to, zxid: core.history.processed() });
            }
        }
        self.send_new_leader(core, now, to, held, fx);
    }

    /// How many observers are being sent a snapshot.
    fn observer_transfers(&self) -> usize {
        let is_one = |learner: &&LearnerLink| {
            learner.observer && matches!(learner.stage, Stage::Transferring { .. })
        };
        self.learners.values().filter(is_one).count()
    }

    /// The stream of a snapshot has left. What was committed since it was begun may be in it, in
    /// part, and so belongs to the history that NEWLEADER closes: a learner that served without it
    /// would show a state that never was. Apache queues what is committed meanwhile before
    /// NEWLEADER too.
    pub(crate) fn on_snapshot_sent(
        &mut self,
        core: &Core,
        now: Now,
        to: ServerId,
        fx: &mut Effects<Zab>,
    ) {
        let Some(learner) = self.learners.get_mut(&to) else { return };
        let Stage::Transferring { held } = &mut learner.stage else { return };
        let processed = core.history.processed();
        let (done, open): (VecDeque<Packet>, VecDeque<Packet>) =
            core::mem::take(held).into_iter().partition(|packet| packet.is_done(processed));
        for packet in done {
            send(fx, Link::learner(to), packet);
        }
        self.send_new_leader(core, now, to, open, fx);
    }

    /// Ends the history that a learner is sent.
    fn send_new_leader(
        &mut self,
        core: &Core,
        now: Now,
        to: ServerId,
        held: VecDeque<Packet>,
        fx: &mut Effects<Zab>,
    ) {
        let (Reign::Synchronizing { epoch, .. } | Reign::Broadcasting { epoch, .. }) = self.reign
        else {
            return;
        };
        let Some(learner) = self.learners.get_mut(&to) else { return };
        // A reconfiguration under way is sent as what it is, behind UPTODATE. Apache sends its
        // membership here, and the learner puts in force what may never be committed.
        let membership = Arc::clone(match self.reign {
            Reign::Broadcasting { .. } => &core.membership,
            Reign::Gathering
            | Reign::Promising { .. }
            | Reign::AwaitingPromises { .. }
            | Reign::Synchronizing { .. } => core.last_seen_membership(),
        });
        send(fx, Link::learner(to), Packet::NewLeader { epoch, membership });
        let deadline = now.mono + core.options.init_time();
        learner.expect(Stage::Synchronizing { held }, deadline);
    }

    /// A learner has the history and the epoch on its disk.
    pub(crate) fn on_new_leader_ack(
        &mut self,
        core: &mut Core,
        now: Now,
        from: ServerId,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let learner = self.learner(from)?;
        let Stage::Synchronizing { held } = &mut learner.stage else {
            return Err(learner.unexpected("ACK"));
        };
        let held = core::mem::take(held);
        learner.wait(Stage::Synchronized { held });
        match &mut self.reign {
            Reign::Synchronizing { acks, .. } => {
                acks.insert(from);
                self.try_serve(core, now, fx)
            }
            Reign::Broadcasting { .. } => {
                self.serve_learner(core, now, from, fx);
                Ok(())
            }
            Reign::Gathering | Reign::Promising { .. } | Reign::AwaitingPromises { .. } => Ok(()),
        }
    }

    /// A quorum has the history: it is committed, and the epoch begins.
    pub(crate) fn try_serve(
        &mut self,
        core: &mut Core,
        now: Now,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let Reign::Synchronizing { epoch, acks, .. } = &self.reign else { return Ok(()) };
        if !core.is_quorum(acks) {
            return Ok(());
        }
        let epoch = *epoch;
        let start = Core::start_of(epoch);
        core.history.begin_epoch(start);
        self.vote.epoch = epoch;
        core.activate_seen_membership(epoch, fx);
        self.enter(Reign::Broadcasting { epoch, broadcast: Broadcast::new(start) }, core, now);
        let leads = core.is_voter(core.id());
        if leads {
            core.has_served = true;
            fx.output(Output::Serving { leader: core.id(), epoch });
        }
        let synchronized: Vec<ServerId> = self.learners.keys().copied().collect();
        for id in synchronized {
            self.serve_learner(core, now, id, fx);
        }
        // The history may have ended with its removal, which is in force with it.
        match leads {
            true => Ok(()),
            false => Err(Fault::Role(Reason::Reconfigured { suggested: None })),
        }
    }

    /// Lets a learner that has the history serve, and sends what was held back for it.
    fn serve_learner(&mut self, core: &Core, now: Now, to: ServerId, fx: &mut Effects<Zab>) {
        let Some(learner) = self.learners.get_mut(&to) else { return };
        let Stage::Synchronized { held } = &mut learner.stage else { return };
        let held = core::mem::take(held);
        learner.expect(Stage::Broadcasting, now.mono + core.options.sync_time());
        let link = Link::learner(to);
        send(fx, link, Packet::UpToDate);
        for packet in held {
            if let Packet::Proposal(txn) = &packet {
                learner.unacked.on_sent(txn.zxid, now);
            }
            send(fx, link, packet);
        }
    }
}

/// # Errors
/// If `zxid` is of a later epoch than its leader's: no history can have it yet.
pub(crate) fn check_epoch(zxid: Zxid, epoch: Epoch) -> Result<(), Reason> {
    let offered = Epoch(zxid.epoch());
    match offered > epoch {
        true => Err(Reason::WrongEpoch { offered, accepted: epoch }),
        false => Ok(()),
    }
}

/// Sends transactions that are committed already.
fn send_committed(link: Link, txns: Vec<Txn>, fx: &mut Effects<Zab>) {
    for txn in txns {
        let zxid = txn.zxid;
        send(fx, link, Packet::Proposal(txn));
        send(fx, link, Packet::Commit(zxid));
    }
}
