//! What every role shares: the promises on disk, the history, the membership, and the one way to
//! make something durable.

use crate::history::{History, Recovered};
use crate::ids::{Epoch, ReadId, Round};
use crate::message::{Message, Notification, Packet, PeerState, Txn, Vote};
use crate::options::ZabOptions;
use crate::vocabulary::{Link, Output, Record};
use crate::zab::Zab;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use zoarium_process::{Effects, Instant, Now, PersistSeq};
use zoarium_proto::membership::Role;
use zoarium_proto::{Membership, ServerId, Zxid};

/// What every role shares.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: ZabOptions,
    /// The membership in force, Q.
    pub(crate) membership: Arc<Membership>,
    /// A newer one that is proposed and not committed, Q'.
    pub(crate) proposed: Option<Arc<Membership>>,
    pub(crate) history: History,
    pub(crate) round: Round,
    /// The members that the election port is connected with.
    pub(crate) reachable: BTreeSet<ServerId>,
    /// Whether this server has served since it was started, and so has had the time to connect with
    /// whoever is there.
    pub(crate) has_served: bool,
    /// Whether this server has joined a leader as an observer since it was started.
    pub(crate) has_observed: bool,
    accepted: Epoch,
    current: Epoch,
    last_seq: PersistSeq,
    persisted: PersistSeq,
    /// What the disk has not gone beyond since then, although there is more for it.
    stuck_at: Option<(PersistSeq, Instant)>,
    /// Whether the disk has stood still for longer than syncLimit.
    disk_stalled: bool,
    last_read: ReadId,
}

impl Core {
    pub(crate) fn new(
        options: ZabOptions,
        membership: Arc<Membership>,
        recovered: Recovered,
    ) -> Self {
        // The files may lag behind the data: a crash between a synchronized history and its epoch
        // leaves them so. What counts is that no epoch is used twice (ZOOKEEPER-582, 2307).
        let current = recovered.current_epoch.max(Epoch(recovered.last.epoch()));
        let accepted = recovered.accepted_epoch.max(current);
        let proposed = recovered
            .proposed
            .clone()
            .filter(|proposed| options.reconfig_enabled && proposed.version > membership.version);
        let history = History::new(recovered, options.committed_log_max);
        Self {
            options,
            membership,
            proposed,
            history,
            round: Round::default(),
            reachable: BTreeSet::new(),
            has_served: false,
            has_observed: false,
            accepted,
            current,
            last_seq: PersistSeq::default(),
            persisted: PersistSeq::default(),
            stuck_at: None,
            disk_stalled: false,
            last_read: ReadId::default(),
        }
    }

    pub(crate) const fn id(&self) -> ServerId {
        self.options.id
    }

    /// The newest epoch promised.
    pub(crate) const fn accepted(&self) -> Epoch {
        self.accepted
    }

    /// The newest epoch whose leader's history this server has.
    pub(crate) const fn current(&self) -> Epoch {
        self.current
    }

    /// Whether this server only learns.
    pub(crate) fn is_observer(&self) -> bool {
        match self.membership.members.get(&self.id()) {
            Some(member) => member.role == Role::Observer,
            None => self.options.observer,
        }
    }

    /// Whether `server` votes in the membership in force or the proposed one.
    pub(crate) fn is_voter(&self, server: ServerId) -> bool {
        self.memberships().any(|membership| membership.is_participant(server))
    }

    /// All who vote, this server perhaps among them.
    pub(crate) fn voters(&self) -> BTreeSet<ServerId> {
        let all = self.memberships();
        all.flat_map(|membership| membership.participants().map(|member| member.id)).collect()
    }

    /// Whether `servers` have a quorum of every membership that counts: a leader that asks only
    /// the old one could go on without those that will decide (ZOOKEEPER-1699).
    pub(crate) fn is_quorum(&self, servers: &BTreeSet<ServerId>) -> bool {
        self.memberships().all(|membership| membership.is_quorum(servers))
    }

    /// Whether `servers` have a quorum of a membership that counts.
    pub(crate) fn is_some_quorum(&self, servers: &BTreeSet<ServerId>) -> bool {
        self.memberships().any(|membership| membership.is_quorum(servers))
    }

    /// Whether `server` has weight: one without is never elected.
    pub(crate) fn may_lead(&self, server: ServerId) -> bool {
        self.memberships().any(|membership| membership.weight(server) > 0)
    }

    pub(crate) fn memberships(&self) -> impl Iterator<Item = &Arc<Membership>> {
        core::iter::once(&self.membership).chain(&self.proposed)
    }

    /// The vote this server starts an election with. `None` if it is not to lead.
    pub(crate) fn own_vote(&self) -> Option<Vote> {
        let stands = self.membership.is_participant(self.id());
        self.vote_if_able().filter(|_| stands)
    }

    /// The vote this server holds against a candidate. A voter of the proposed membership only does
    /// not stand by itself, since not all may know how to reach it; but if it has more history than
    /// the candidate it would never follow it, and so is a candidate itself. Apache's server is not.
    pub(crate) fn vote_against(&self, candidate: Vote) -> Option<Vote> {
        let more = |own: &Vote| (own.epoch, own.zxid) > (candidate.epoch, candidate.zxid);
        self.own_vote().or_else(|| self.vote_if_able().filter(more))
    }

    fn vote_if_able(&self) -> Option<Vote> {
        let able =
            self.may_lead(self.id()) && self.options.trust_history && !self.disk_is_stalled();
        let vote = Vote { epoch: self.current, zxid: self.history.last(), leader: self.id() };
        able.then_some(vote)
    }

    pub(crate) fn notification(&self, state: PeerState, vote: Option<Vote>) -> Notification {
        Notification { state, vote, round: self.round, membership: Arc::clone(&self.membership) }
    }

    /// The newest membership seen, committed or not.
    pub(crate) fn last_seen_membership(&self) -> &Arc<Membership> {
        self.proposed.as_ref().unwrap_or(&self.membership)
    }

    /// Promises to accept no epoch before `epoch`.
    pub(crate) fn accept_epoch(&mut self, epoch: Epoch, fx: &mut Effects<Zab>) -> PersistSeq {
        assert!(epoch >= self.accepted, "epoch {epoch} accepted after {}", self.accepted);
        self.accepted = epoch;
        self.persist(Record::AcceptedEpoch(epoch), fx)
    }

    /// Takes the history, which is already on its way to the disk, as that of `epoch`'s leader.
    pub(crate) fn enter_epoch(&mut self, epoch: Epoch, fx: &mut Effects<Zab>) -> PersistSeq {
        assert!(epoch >= self.current, "epoch {epoch} entered after {}", self.current);
        assert!(epoch <= self.accepted, "epoch {epoch} entered, {} accepted", self.accepted);
        self.current = epoch;
        self.persist(Record::CurrentEpoch(epoch), fx)
    }

    /// Appends to the log. It counts as history from here on, in memory and, later, on disk.
    pub(crate) fn log(&mut self, txn: Txn, fx: &mut Effects<Zab>) -> PersistSeq {
        let seq = self.persist(Record::Append(txn.clone()), fx);
        self.history.log(seq, txn);
        seq
    }

    pub(crate) fn persist(&mut self, record: Record, fx: &mut Effects<Zab>) -> PersistSeq {
        self.last_seq = self.last_seq.next();
        fx.persist(self.last_seq, record);
        self.last_seq
    }

    pub(crate) fn on_persisted(&mut self, upto: PersistSeq) {
        assert!(upto <= self.last_seq, "{upto:?} durable, {:?} asked for", self.last_seq);
        self.persisted = self.persisted.max(upto);
    }

    pub(crate) fn is_durable(&self, seq: PersistSeq) -> bool {
        seq <= self.persisted
    }

    /// Whether this server's disk takes nothing. Such a server cannot promise an epoch, so if it
    /// were elected time and again nobody would lead.
    pub(crate) const fn disk_is_stalled(&self) -> bool {
        self.disk_stalled
    }

    /// Looks, twice a tick, whether the disk gets anywhere; a slow one is not a stalled one. The
    /// result says whether it has begun to stall, or has begun to work again.
    pub(crate) fn watch_disk(&mut self, now: Now) -> bool {
        self.stuck_at = match self.stuck_at {
            _ if self.persisted == self.last_seq => None,
            Some((persisted, since)) if persisted == self.persisted => Some((persisted, since)),
            Some(_) | None => Some((self.persisted, now.mono)),
        };
        let limit = self.options.sync_time();
        let stalled = self.stuck_at.is_some_and(|(_, since)| now.mono > since + limit);
        core::mem::replace(&mut self.disk_stalled, stalled) != stalled
    }

    pub(crate) fn next_read(&mut self) -> ReadId {
        self.last_read = ReadId(self.last_read.0 + 1);
        self.last_read
    }

    /// Delivers the oldest pending transaction.
    pub(crate) fn deliver(&mut self, fx: &mut Effects<Zab>) {
        if let Some(txn) = self.history.deliver() {
            fx.output(Output::Deliver(txn));
        }
    }

    /// Delivers all that is logged: whoever votes by its log must have it in memory too
    /// (ZOOKEEPER-2845).
    pub(crate) fn fast_forward(&mut self, fx: &mut Effects<Zab>) {
        while !self.history.pending().is_empty() {
            self.deliver(fx);
        }
    }

    pub(crate) fn start_of(epoch: Epoch) -> Zxid {
        Zxid::new(epoch.0, 0)
    }
}

/// Sends a packet on a quorum link.
pub(crate) fn send(fx: &mut Effects<Zab>, link: Link, packet: Packet) {
    fx.send(link, Message::Quorum(packet));
}
