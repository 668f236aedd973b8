//! Reconfiguration: a transaction that proposes a membership needs a quorum of the old one and of
//! the new one, as does every proposal behind it until it is committed. From its commit on the new
//! one is in force, and another server may have to lead.
//!
//! An open reconfiguration survives crashes, but not all of them: if the leader is gone, one voter
//! of the old membership does not know of the new one, and another follows nobody but a voter that
//! only the new one has, they wait for a server that has more. Apache's election has that too, as
//! notifications carry no membership that is not committed.

use crate::broadcast::Proposal;
use crate::ids::Epoch;
use crate::leader::{Fault, Leader, Reign};
use crate::learner::Learner;
use crate::message::{Txn, Vote};
use crate::persist::Core;
use crate::reason::Reason;
use crate::vocabulary::Output;
use crate::zab::Zab;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use zoarium_process::{Effects, Now};
use zoarium_proto::membership::MemberAddress;
use zoarium_proto::{Membership, ServerId, Zxid};

impl Core {
    /// Notes a membership that was proposed. With `reconfigEnabled` off there is none
    /// (ZOOKEEPER-3829).
    pub(crate) fn see_membership(&mut self, membership: Arc<Membership>) {
        if self.options.reconfig_enabled && membership.version > self.last_seen_membership().version
        {
            self.proposed = Some(membership);
        }
    }

    /// The reconfiguration that proposed a membership may be cut off with the history behind `to`.
    pub(crate) fn forget_membership_after(&mut self, to: Zxid) {
        if self.proposed.as_ref().is_some_and(|membership| membership.version > to) {
            self.proposed = None;
        }
    }

    /// The first leader of an ensemble that may be reconfigured gives its membership a version.
    pub(crate) fn version_membership(&mut self, epoch: Epoch) {
        if self.last_seen_membership().version == Zxid::ZERO {
            let members = Membership::clone(&self.membership);
            let version = Self::start_of(epoch);
            self.see_membership(Arc::new(Membership { version, ..members }));
        }
    }

    /// The history with which `epoch` begins is committed: puts the newest membership seen in force
    /// if it is of that history, or came with the epoch.
    pub(crate) fn activate_seen_membership(&mut self, epoch: Epoch, fx: &mut Effects<Zab>) {
        let committed = self.history.processed().max(Self::start_of(epoch));
        if let Some(membership) = self.proposed.take_if(|seen| seen.version <= committed) {
            self.membership = Arc::clone(&membership);
            fx.output(Output::Activated(membership));
        }
    }

    /// Takes over a membership that another server has committed.
    pub(crate) fn adopt_membership(
        &mut self,
        membership: &Arc<Membership>,
        fx: &mut Effects<Zab>,
    ) -> bool {
        if !self.options.reconfig_enabled || membership.version <= self.membership.version {
            return false;
        }
        self.see_membership(Arc::clone(membership));
        if self.proposed.as_ref().is_some_and(|seen| seen.version <= membership.version) {
            self.proposed = None;
        }
        self.membership = Arc::clone(membership);
        fx.output(Output::Activated(Arc::clone(membership)));
        true
    }
}

impl Leader {
    /// Who is to lead under `members`: this server if it is one of its voters, at the address
    /// where its followers know it; else one that has the transaction, and as many of the
    /// proposals behind it as possible.
    pub(crate) fn designated_leader(
        &self,
        core: &Core,
        members: &Membership,
        proposal: &Proposal,
    ) -> ServerId {
        let id = core.id();
        let stays = addresses(&core.membership, id) == addresses(members, id);
        if members.is_participant(id) && stays {
            return id;
        }
        let voters = |acks: &BTreeSet<ServerId>| -> BTreeSet<ServerId> {
            acks.iter().copied().filter(|server| members.is_participant(*server)).collect()
        };
        let mut candidates = voters(&proposal.acks);
        candidates.remove(&id);
        if let Reign::Broadcasting { broadcast, .. } = &self.reign {
            for next in broadcast.proposals() {
                let also: BTreeSet<ServerId> =
                    candidates.intersection(&voters(&next.acks)).copied().collect();
                if also.is_empty() {
                    break;
                }
                candidates = also;
            }
        }
        candidates.first().copied().unwrap_or(id)
    }

    /// The reconfiguration is committed and everyone told.
    pub(crate) fn activate(
        &mut self,
        core: &mut Core,
        designated: ServerId,
        membership: &Arc<Membership>,
        zxid: Zxid,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        core.adopt_membership(membership, fx);
        if designated == core.id() {
            if let Reign::Broadcasting { broadcast, .. } = &mut self.reign {
                broadcast.forget_memberships_before(membership.version);
            }
            return Ok(());
        }
        // Nothing more may be committed here.
        let suggested = Some(Vote { epoch: core.current(), zxid, leader: designated });
        Err(Fault::Role(Reason::Reconfigured { suggested }))
    }
}

impl Learner {
    pub(crate) fn on_commit_and_activate(
        &mut self,
        core: &mut Core,
        zxid: Zxid,
        designated: ServerId,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let oldest = core.history.pending().front();
        let membership = oldest.and_then(|pending| pending.txn.membership.clone());
        self.on_commit(core, zxid, fx)?;
        let Some(membership) = membership else { return Ok(()) };
        let observed = core.is_observer();
        core.adopt_membership(&membership, fx);
        if designated == self.vote.leader && observed == core.is_observer() {
            return Ok(());
        }
        let suggested = Some(Vote { epoch: core.current(), zxid, leader: designated });
        Err(Reason::Reconfigured { suggested })
    }

    pub(crate) fn on_inform_and_activate(
        &mut self,
        core: &mut Core,
        now: Now,
        designated: ServerId,
        txn: Txn,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let zxid = txn.zxid;
        self.on_proposal(core, now, txn, fx)?;
        self.on_commit_and_activate(core, zxid, designated, fx)
    }
}

/// Where a server is reached.
fn addresses(membership: &Membership, server: ServerId) -> Option<&[MemberAddress]> {
    membership.members.get(&server).map(|member| member.addresses.as_slice())
}
