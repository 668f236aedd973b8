//! A server that was elected. Here is what runs through all phases; the conversations are in
//! `discovery.rs`, `synchronization.rs` and `broadcast.rs`.

use crate::broadcast::Broadcast;
use crate::ids::{Epoch, ReadId};
use crate::message::{Packet, Vote};
use crate::persist::{Core, send};
use crate::reason::Reason;
use crate::sync::Pings;
use crate::vocabulary::{LearnerStatus, Link, Output, Request};
use crate::zab::Zab;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;
use zoarium_process::{Effects, Instant, Now, PersistSeq};
use zoarium_proto::{ServerId, Zxid};

/// Most packets held back for one learner while it makes the leader's history durable.
pub const HELD_MAX: usize = 65_536;

/// A server that was elected.
#[derive(Debug)]
pub(crate) struct Leader {
    /// The vote by which it leads; its epoch is the new one once that is established.
    pub(crate) vote: Vote,
    pub(crate) reign: Reign,
    /// When the step towards the reign that is under way must be done.
    deadline: Instant,
    /// The newest epoch a learner has promised.
    pub(crate) promised: Epoch,
    pub(crate) learners: BTreeMap<ServerId, LearnerLink>,
    /// Every other half tick is a whole one.
    half: bool,
}

/// How far a leader has come.
#[derive(Debug)]
pub(crate) enum Reign {
    /// Learns the promises of a quorum.
    Gathering,
    /// Its own promise is on the way to the disk; then LEADERINFO.
    Promising { epoch: Epoch, seq: PersistSeq },
    /// Collects the promises of a quorum.
    AwaitingPromises { epoch: Epoch, acks: BTreeSet<ServerId> },
    /// Brings a quorum to its own history. `seq` is its own step into the epoch.
    Synchronizing { epoch: Epoch, seq: PersistSeq, acks: BTreeSet<ServerId> },
    /// Serves.
    Broadcasting { epoch: Epoch, broadcast: Broadcast },
}

/// A learner from the leader's side.
#[derive(Debug)]
pub(crate) struct LearnerLink {
    pub(crate) stage: Stage,
    pub(crate) observer: bool,
    /// When it must have been heard of, if it is its turn.
    deadline: Option<Instant>,
    pub(crate) unacked: Unacked,
    pub(crate) pings: Pings,
}

/// How far a learner has come, as its leader knows.
#[derive(Debug)]
pub(crate) enum Stage {
    /// FOLLOWERINFO or OBSERVERINFO is next.
    New,
    /// Waits for a quorum to introduce itself.
    Introduced { accepted: Epoch },
    /// Has been sent LEADERINFO: ACKEPOCH is next.
    AwaitingPromise,
    /// Waits for a quorum to promise. One that asks for a snapshot says that it has nothing.
    Promised { last: Zxid, asks_snapshot: bool },
    /// Waits for what it lacks to be read from the disk.
    AwaitingHistory { last: Zxid, read: ReadId },
    /// A snapshot is on its way. What is proposed and committed meanwhile is held back: the tree
    /// that is being sent goes on too, so its stream may have a part of it.
    Transferring { held: VecDeque<Packet> },
    /// Has been sent NEWLEADER: its ACK is next. What it would be sent meanwhile is held back
    /// until after UPTODATE, since Apache 3.8 does not survive a COMMIT between the two for a
    /// proposal from before (ZOOKEEPER-4394).
    Synchronizing { held: VecDeque<Packet> },
    /// Waits for a quorum to have the history.
    Synchronized { held: VecDeque<Packet> },
    /// Serves.
    Broadcasting,
}

/// The proposals whose ACK is watched: one at a time, as in Apache's `SyncLimitCheck`.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    watched: Option<(Zxid, Instant)>,
    next: Option<(Zxid, Instant)>,
}

/// What an input leads to when it cannot be carried out.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The learner's link is of no more use.
    Link(Reason),
    /// The role is over.
    Role(Reason),
}

impl Unacked {
    pub(crate) fn on_sent(&mut self, zxid: Zxid, now: Now) {
        let slot = if self.watched.is_none() { &mut self.watched } else { &mut self.next };
        *slot = Some((zxid, now.mono));
    }

    pub(crate) fn on_ack(&mut self, zxid: Zxid) {
        if self.watched.is_some_and(|(watched, _)| watched <= zxid) {
            self.watched = self.next.take().filter(|(next, _)| *next > zxid);
        }
    }

    fn oldest(&self) -> Option<Instant> {
        self.watched.map(|(_, since)| since)
    }
}

impl LearnerLink {
    fn new(deadline: Instant) -> Self {
        Self {
            stage: Stage::New,
            observer: false,
            deadline: Some(deadline),
            unacked: Unacked::default(),
            pings: Pings::default(),
        }
    }

    /// Enters a stage in which something must be heard by `deadline`.
    pub(crate) fn expect(&mut self, stage: Stage, deadline: Instant) {
        self.stage = stage;
        self.deadline = Some(deadline);
    }

    /// Enters a stage in which it is the leader's turn.
    pub(crate) fn wait(&mut self, stage: Stage) {
        self.stage = stage;
        self.deadline = None;
    }

    /// Whether it has said who it is, and so counts as far as memberships count it. What it takes
    /// itself for does not matter: an observer that a proposed membership makes a voter has its say
    /// on that.
    pub(crate) const fn is_introduced(&self) -> bool {
        !matches!(self.stage, Stage::New)
    }

    /// Whether it has been sent the leader's history, and so is sent what comes after.
    pub(crate) const fn is_forwarded(&self) -> bool {
        match self.stage {
            Stage::New
            | Stage::Introduced { .. }
            | Stage::AwaitingPromise
            | Stage::Promised { .. }
            | Stage::AwaitingHistory { .. } => false,
            Stage::Transferring { .. }
            | Stage::Synchronizing { .. }
            | Stage::Synchronized { .. }
            | Stage::Broadcasting => true,
        }
    }

    pub(crate) fn unexpected(&self, message: &'static str) -> Fault {
        let phase = match self.stage {
            Stage::New => "new",
            Stage::Introduced { .. } => "introduced",
            Stage::AwaitingPromise => "awaiting its promise",
            Stage::Promised { .. } => "promised",
            Stage::AwaitingHistory { .. } => "awaiting its history",
            Stage::Transferring { .. } => "being sent a snapshot",
            Stage::Synchronizing { .. } => "synchronizing",
            Stage::Synchronized { .. } => "synchronized",
            Stage::Broadcasting => "broadcasting",
        };
        Fault::Link(Reason::Unexpected { message, phase })
    }
}

impl Leader {
    /// Takes up the role.
    pub(crate) fn elected(
        core: &mut Core,
        vote: Vote,
        now: Now,
        fx: &mut Effects<Zab>,
    ) -> Result<Self, Fault> {
        fx.output(Output::Elected);
        let mut leader = Self {
            vote,
            reign: Reign::Gathering,
            deadline: now.mono + core.options.init_time(),
            promised: Epoch::default(),
            learners: BTreeMap::new(),
            half: false,
        };
        // Who is alone has a quorum at once.
        leader.try_propose_epoch(core, now, fx)?;
        Ok(leader)
    }

    /// Closes what belongs to the role.
    pub(crate) fn leave(&self, fx: &mut Effects<Zab>) {
        for id in self.learners.keys() {
            fx.output(Output::Disconnect { link: Link::learner(*id), why: Reason::RoleOver });
        }
    }

    pub(crate) fn enter(&mut self, reign: Reign, core: &Core, now: Now) {
        self.reign = reign;
        self.deadline = now.mono + core.options.init_time();
    }

    /// A server looks for a leader. If it is a voter that should have joined, the election that led
    /// here may have been overtaken.
    pub(crate) fn on_looking_voter(
        &self,
        core: &Core,
        now: Now,
        voter: ServerId,
    ) -> Result<(), Fault> {
        let Reign::Gathering = self.reign else { return Ok(()) };
        let since = self.deadline - core.options.init_time();
        let patient = now.mono.saturating_since(since) <= core.options.wait_for_epoch_max;
        match patient || !core.is_voter(voter) || self.learners.contains_key(&voter) {
            true => Ok(()),
            false => Err(Fault::Role(Reason::VoterLooking { voter })),
        }
    }

    pub(crate) fn on_link_up(&mut self, core: &Core, now: Now, peer: ServerId) {
        let patience = core.options.init_time() + core.options.sync_time();
        self.learners.insert(peer, LearnerLink::new(now.mono + patience));
        // What it asked on its last link is void.
        if let Reign::Broadcasting { broadcast, .. } = &mut self.reign {
            broadcast.syncs.forget(peer);
        }
    }

    pub(crate) fn on_link_down(&mut self, peer: ServerId) {
        self.learners.remove(&peer);
    }

    pub(crate) fn disconnect(&mut self, peer: ServerId, why: Reason, fx: &mut Effects<Zab>) {
        if self.learners.remove(&peer).is_some() {
            fx.output(Output::Disconnect { link: Link::learner(peer), why });
        }
    }

    /// # Errors
    /// If there is none: its link has been closed.
    pub(crate) fn learner(&mut self, id: ServerId) -> Result<&mut LearnerLink, Fault> {
        self.learners.get_mut(&id).ok_or(Fault::Link(Reason::RoleOver))
    }

    pub(crate) fn on_packet(
        &mut self,
        core: &mut Core,
        now: Now,
        from: ServerId,
        packet: Packet,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let learner = self.learner(from)?;
        if let Stage::Broadcasting = learner.stage {
            learner.deadline = Some(now.mono + core.options.sync_time());
        }
        match packet {
            Packet::FollowerInfo(info) => self.on_learner_info(core, now, from, false, info, fx),
            Packet::ObserverInfo(info) => self.on_learner_info(core, now, from, true, info, fx),
            Packet::AckEpoch { current, last } => {
                self.on_ack_epoch(core, now, from, current, last, fx)
            }
            Packet::Ack(zxid) => self.on_ack(core, now, from, zxid, fx),
            Packet::Request(request) => {
                self.tell(from, Output::Forwarded { from, request }, "REQUEST", fx)
            }
            Packet::Revalidate(question) => {
                self.tell(from, Output::Revalidate { from, question }, "REVALIDATE", fx)
            }
            Packet::Ping { touched, .. } => self.on_pong(core, from, touched, fx),
            Packet::Proposal(_)
            | Packet::Commit(_)
            | Packet::Sync
            | Packet::Inform(_)
            | Packet::CommitAndActivate { .. }
            | Packet::NewLeader { .. }
            | Packet::UpToDate
            | Packet::Diff { .. }
            | Packet::Trunc { .. }
            | Packet::Snap { .. }
            | Packet::LeaderInfo { .. }
            | Packet::InformAndActivate { .. } => {
                Err(self.learner(from)?.unexpected(packet.name()))
            }
        }
    }

    /// Whatever a serving learner says that is the owner's affair.
    fn tell(
        &mut self,
        from: ServerId,
        output: Output,
        message: &'static str,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let learner = self.learner(from)?;
        let Stage::Broadcasting = learner.stage else { return Err(learner.unexpected(message)) };
        fx.output(output);
        Ok(())
    }

    fn on_pong(
        &mut self,
        core: &Core,
        from: ServerId,
        sessions: Bytes,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        let learner = self.learner(from)?;
        if !learner.is_forwarded() {
            return Err(learner.unexpected("PING"));
        }
        learner.pings.on_answer();
        if !sessions.is_empty() {
            fx.output(Output::Touched { from, sessions });
        }
        self.confirm(core, fx);
        Ok(())
    }

    pub(crate) fn on_request(
        &mut self,
        core: &mut Core,
        now: Now,
        request: Request,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        match request {
            Request::Propose(txn) => {
                self.propose(core, now, txn, fx);
                Ok(())
            }
            Request::Revalidated { to, answer } => {
                let serves = |learner: &LearnerLink| matches!(learner.stage, Stage::Broadcasting);
                if self.learners.get(&to).is_some_and(serves) {
                    send(fx, Link::learner(to), Packet::Revalidate(answer));
                }
                Ok(())
            }
            Request::Sync { to } => {
                self.sync(core, to, fx);
                Ok(())
            }
            Request::HistoryRead { read, txns } => {
                self.on_history_read(core, now, read, txns.as_deref(), fx);
                Ok(())
            }
            Request::SnapshotSent { to } => {
                self.on_snapshot_sent(core, now, to, fx);
                Ok(())
            }
            // What this server was asked as a learner.
            Request::Forward(_)
            | Request::Revalidate(_)
            | Request::Pong { .. }
            | Request::SnapshotReceived => Ok(()),
        }
    }

    pub(crate) fn on_persisted(
        &mut self,
        core: &mut Core,
        now: Now,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        match &mut self.reign {
            Reign::Gathering | Reign::AwaitingPromises { .. } => Ok(()),
            Reign::Promising { epoch, seq } => match core.is_durable(*seq) {
                true => {
                    let epoch = *epoch;
                    self.propose_epoch(core, now, epoch, fx)
                }
                false => Ok(()),
            },
            Reign::Synchronizing { seq, acks, .. } => {
                if core.is_durable(*seq) && acks.insert(core.id()) {
                    return self.try_serve(core, now, fx);
                }
                Ok(())
            }
            Reign::Broadcasting { broadcast, .. } => {
                broadcast.ack_durable(core);
                self.try_commit(core, fx)
            }
        }
    }

    /// Twice a tick: who has been silent for too long is closed, everyone else is pinged. Once a
    /// tick: without a quorum of learners nobody leads.
    pub(crate) fn on_half_tick(
        &mut self,
        core: &Core,
        now: Now,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Fault> {
        self.half = !self.half;
        let waiting_for = match self.reign {
            Reign::Gathering => Some("a quorum to join"),
            Reign::Promising { .. } | Reign::AwaitingPromises { .. } => {
                Some("a quorum to accept the epoch")
            }
            Reign::Synchronizing { .. } => Some("a quorum to take the history"),
            Reign::Broadcasting { .. } => None,
        };
        if let Some(waiting_for) = waiting_for
            && now.mono > self.deadline
        {
            return Err(Fault::Role(Reason::Timeout { waiting_for }));
        }
        if core.disk_is_stalled() && self.is_dispensable(core) {
            return Err(Fault::Role(Reason::DiskStalled));
        }
        self.close_silent(core, now, fx);
        self.ping_all(core, fx);
        if !self.half && waiting_for.is_none() {
            self.check_quorum(core)?;
        }
        Ok(())
    }

    fn close_silent(&mut self, core: &Core, now: Now, fx: &mut Effects<Zab>) {
        let sync_time = core.options.sync_time();
        let mut silent: Vec<(ServerId, &'static str)> = Vec::new();
        for (id, learner) in &self.learners {
            let oldest = learner.unacked.oldest();
            if learner.deadline.is_some_and(|deadline| now.mono > deadline) {
                silent.push((*id, "the learner"));
            } else if oldest.is_some_and(|since| now.mono > since + sync_time) {
                silent.push((*id, "the ACK of a proposal"));
            }
        }
        for (id, waiting_for) in silent {
            self.disconnect(id, Reason::Timeout { waiting_for }, fx);
        }
    }

    fn ping_all(&mut self, core: &Core, fx: &mut Effects<Zab>) {
        let zxid = core.history.last();
        for (id, learner) in &mut self.learners {
            // A learner that is busy with a snapshot would be sent them all behind it.
            let is_busy = matches!(learner.stage, Stage::Transferring { .. });
            if learner.is_forwarded() && !is_busy {
                if let Stage::Broadcasting = learner.stage {
                    learner.pings.on_sent();
                }
                let ping = Packet::Ping { zxid, touched: Bytes::new() };
                send(fx, Link::learner(*id), ping);
            }
        }
    }

    pub(crate) fn learners(&self) -> impl Iterator<Item = LearnerStatus> + '_ {
        self.learners.iter().map(|(id, learner)| LearnerStatus {
            id: *id,
            is_observer: learner.observer,
            is_serving: matches!(learner.stage, Stage::Broadcasting),
        })
    }

    pub(crate) fn followers_in_sync(&self) -> impl Iterator<Item = ServerId> {
        let serving = self.learners.iter().filter(|(_, learner)| {
            !learner.observer && matches!(learner.stage, Stage::Broadcasting)
        });
        serving.map(|(id, _)| *id)
    }

    /// Whether the ensemble would go on without this server. If it would not, nothing is gained by
    /// another election: it could only wait for this disk as well.
    fn is_dispensable(&self, core: &Core) -> bool {
        match self.reign {
            Reign::Broadcasting { .. } => core.is_quorum(&self.followers_in_sync().collect()),
            Reign::Gathering
            | Reign::Promising { .. }
            | Reign::AwaitingPromises { .. }
            | Reign::Synchronizing { .. } => true,
        }
    }

    fn check_quorum(&self, core: &Core) -> Result<(), Fault> {
        let heard = self.learners.iter().filter(|(_, learner)| learner.is_introduced());
        let mut quorum: BTreeSet<ServerId> = heard.map(|(id, _)| *id).collect();
        quorum.insert(core.id());
        match core.is_quorum(&quorum) {
            true => Ok(()),
            false => Err(Fault::Role(Reason::NoQuorum)),
        }
    }
}
