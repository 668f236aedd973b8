//! Discovery: a would-be leader learns which epochs have been promised, proposes a newer one, and
//! makes sure that nobody in its quorum has more history than it has.
//!
//! ```text
//! learner                            leader
//!    │ FOLLOWERINFO(acceptedEpoch) ────►│  a quorum: epoch = max + 1, made durable
//!    │◄──────────── LEADERINFO(epoch)   │
//!    │ promise made durable             │
//!    │ ACKEPOCH(currentEpoch, last) ───►│  a quorum: currentEpoch = epoch, made durable
//! ```

use crate::ids::Epoch;
use crate::leader::{Fault, Leader, Reign, Stage};
use crate::learner::{Learner, Phase};
use crate::message::{LearnerInfo, Packet};
use crate::persist::{Core, send};
use crate::reason::Reason;
use crate::vocabulary::Link;
use crate::zab::Zab;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use zoarium_process::{Effects, Now};
use zoarium_proto::{ServerId, Zxid};

/// How far ahead of a leader's own promise that of a learner may be. Epochs grow by one an election,
/// so a larger gap comes from the files of another ensemble, or from no server at all. Believing it
/// would use the epochs up for everybody.
pub const EPOCH_LEAP_MAX: u32 = 1 << 20;

impl Learner {
    pub(crate) fn on_leader_info(
        &mut self,
        core: &mut Core,
        epoch: Epoch,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let Phase::Introduced { .. } = self.phase else {
            return Err(self.unexpected("LEADERINFO"));
        };
        let accepted = core.accepted();
        if epoch < accepted {
            return Err(Reason::WrongEpoch { offered: epoch, accepted });
        }
        if epoch == accepted {
            self.ack_epoch(core, epoch, None, fx);
            return Ok(());
        }
        let current = Some(core.current());
        let seq = core.accept_epoch(epoch, fx);
        self.phase = Phase::Promising { epoch, seq, current };
        Ok(())
    }

    pub(crate) fn ack_epoch(
        &mut self,
        core: &Core,
        epoch: Epoch,
        current: Option<Epoch>,
        fx: &mut Effects<Zab>,
    ) {
        // An answer that does not count may say that there is nothing to build on. One that counts
        // must tell the truth: it lets the leader see that it lacks history.
        let last = match self.wants_snapshot == Some(epoch) && current.is_none() {
            true => Zxid::ZERO,
            false => core.history.last(),
        };
        self.phase = Phase::Promised { epoch };
        self.send(Packet::AckEpoch { current, last }, fx);
    }
}

impl Leader {
    pub(crate) fn on_learner_info(
        &mut self,
        core: &mut Core,
        now: Now,
        from: ServerId,
        observer: bool,
        info: LearnerInfo,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let learner = self.learner(from)?;
        let Stage::New = learner.stage else {
            return Err(learner.unexpected("FOLLOWERINFO"));
        };
        if info.membership_version > core.membership.version {
            let theirs = info.membership_version;
            return Err(Fault::Link(Reason::NewerMembership { theirs }));
        }
        if info.accepted.0.saturating_sub(core.accepted().0) > EPOCH_LEAP_MAX {
            let (promised, accepted) = (info.accepted, core.accepted());
            return Err(Fault::Link(Reason::AbsurdPromise { promised, accepted }));
        }
        learner.observer = observer;
        learner.stage = Stage::Introduced { accepted: info.accepted };
        match self.reign {
            Reign::Gathering => {
                self.promised = self.promised.max(info.accepted);
                self.try_propose_epoch(core, now, fx)
            }
            Reign::Promising { .. } => Ok(()),
            Reign::AwaitingPromises { epoch, .. }
            | Reign::Synchronizing { epoch, .. }
            | Reign::Broadcasting { epoch, .. } => {
                // It could never join, however long this leader leads.
                if info.accepted > epoch && core.is_voter(from) {
                    let accepted = info.accepted;
                    return Err(Fault::Role(Reason::NewerPromise { by: from, accepted }));
                }
                self.send_leader_info(core, now, from, epoch, fx);
                Ok(())
            }
        }
    }

    /// Picks the epoch once a quorum has told its promises.
    pub(crate) fn try_propose_epoch(
        &mut self,
        core: &mut Core,
        now: Now,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        // Memberships know who is no part of a quorum (ZOOKEEPER-2959).
        let introduced = self.learners.iter().filter(|(_, learner)| learner.is_introduced());
        let mut quorum: BTreeSet<ServerId> = introduced.map(|(id, _)| *id).collect();
        quorum.insert(core.id());
        if !core.is_quorum(&quorum) {
            return Ok(());
        }
        let newest = self.promised.max(core.accepted());
        let epoch = newest.next().ok_or(Fault::Role(Reason::EpochsUsedUp))?;
        // On disk before anyone hears of it, or after a crash the epoch could be proposed twice
        // (ZOOKEEPER-1291).
        let seq = core.accept_epoch(epoch, fx);
        self.enter(Reign::Promising { epoch, seq }, core, now);
        Ok(())
    }

    /// The leader's own promise is durable: ask for those of the learners.
    pub(crate) fn propose_epoch(
        &mut self,
        core: &mut Core,
        now: Now,
        epoch: Epoch,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let acks = BTreeSet::from([core.id()]);
        self.enter(Reign::AwaitingPromises { epoch, acks }, core, now);
        let waiting: Vec<ServerId> = self.learners.keys().copied().collect();
        for id in waiting {
            if let Stage::Introduced { accepted } = self.learner(id)?.stage {
                if accepted > epoch && core.is_voter(id) {
                    return Err(Fault::Role(Reason::NewerPromise { by: id, accepted }));
                }
                self.send_leader_info(core, now, id, epoch, fx);
            }
        }
        self.try_enter_epoch(core, now, fx)
    }

    fn send_leader_info(
        &mut self,
        core: &Core,
        now: Now,
        to: ServerId,
        epoch: Epoch,
        fx: &mut Effects<Zab>,
    ) {
        if let Some(learner) = self.learners.get_mut(&to) {
            learner.expect(Stage::AwaitingPromise, now.mono + core.options.init_time());
            send(fx, Link::learner(to), Packet::LeaderInfo { epoch });
        }
    }

    pub(crate) fn on_ack_epoch(
        &mut self,
        core: &mut Core,
        now: Now,
        from: ServerId,
        current: Option<Epoch>,
        last: Zxid,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let learner = self.learner(from)?;
        let Stage::AwaitingPromise = learner.stage else {
            return Err(learner.unexpected("ACKEPOCH"));
        };
        let asks_snapshot = current.is_none() && last == Zxid::ZERO;
        learner.stage = Stage::Promised { last, asks_snapshot };
        match &mut self.reign {
            Reign::AwaitingPromises { acks, .. } => {
                let Some(epoch) = current.filter(|_| core.is_voter(from)) else { return Ok(()) };
                let (theirs, ours) = ((epoch, last), (core.current(), core.history.last()));
                if theirs > ours {
                    return Err(Fault::Link(Reason::Ahead { theirs, ours }));
                }
                acks.insert(from);
                self.try_enter_epoch(core, now, fx)
            }
            Reign::Synchronizing { .. } | Reign::Broadcasting { .. } => {
                self.synchronize(core, now, from, fx);
                Ok(())
            }
            Reign::Gathering | Reign::Promising { .. } => Ok(()),
        }
    }

    /// A quorum follows and has no more history: that of this server is the history of the epoch.
    fn try_enter_epoch(
        &mut self,
        core: &mut Core,
        now: Now,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let Reign::AwaitingPromises { epoch, acks } = &self.reign else { return Ok(()) };
        if !core.is_quorum(acks) {
            return Ok(());
        }
        let epoch = *epoch;
        let seq = core.enter_epoch(epoch, fx);
        core.version_membership(epoch);
        let acks = BTreeSet::new();
        self.enter(Reign::Synchronizing { epoch, seq, acks }, core, now);
        let promised: Vec<ServerId> = self.learners.keys().copied().collect();
        for id in promised {
            if let Stage::Promised { .. } = self.learner(id)?.stage {
                self.synchronize(core, now, id, fx);
            }
        }
        Ok(())
    }
}
