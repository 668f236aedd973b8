//! The peer: one match over what can happen, and the way from role to role.

use crate::election::Election;
use crate::history::Recovered;
use crate::ids::Epoch;
use crate::leader::{Fault, Leader, Reign};
use crate::learner::{CONNECT_PAUSE, Learner, Phase};
use crate::message::{Message, Notification, Packet, PeerState, Vote};
use crate::options::ZabOptions;
use crate::persist::Core;
use crate::reason::Reason;
use crate::vocabulary::{Channel, LearnerStatus, Link, Output, Record, Request, Timer};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::time::Duration;
use zoarium_process::{Effects, Input, Now, PersistSeq, Process, Protocol};
use zoarium_proto::{Membership, ServerId, Zxid};

/// One participant of the atomic broadcast. See the crate's documentation.
#[derive(Debug)]
pub struct Zab {
    core: Core,
    role: Role,
}

/// What a peer is doing.
#[derive(Debug)]
enum Role {
    /// Nothing yet.
    Starting,
    Looking(Election),
    Following(Learner),
    Observing(Learner),
    Leading(Leader),
}

impl Protocol for Zab {
    type Id = Link;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Request = Request;
    type Output = Output;
}

impl Process for Zab {
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, effects),
            Input::LinkUp(link) => self.on_link_up(now, link, effects),
            Input::LinkDown(link) => self.on_link_down(now, link, effects),
            Input::Message { from, message: Message::Election(notification) } => {
                self.on_notification(now, from.peer, &notification, effects);
            }
            Input::Message { from, message: Message::Quorum(packet) } => {
                self.on_packet(now, from, packet, effects);
            }
            Input::Timer(timer) => self.on_timer(now, timer, effects),
            Input::Persisted { upto } => self.on_persisted(now, upto, effects),
            Input::Request(request) => self.on_request(now, request, effects),
        }
    }
}

impl Zab {
    /// A peer that has recovered its disk and will start with
    /// [`Start`](zoarium_process::Input::Start).
    pub fn new(options: ZabOptions, membership: Arc<Membership>, recovered: Recovered) -> Self {
        Self { core: Core::new(options, membership, recovered), role: Role::Starting }
    }

    /// This server.
    pub const fn id(&self) -> ServerId {
        self.core.id()
    }

    /// The zxid to propose with. `None` if this server does not lead, or must let proposals be
    /// committed before there are more.
    pub fn next_zxid(&self) -> Option<Zxid> {
        match &self.role {
            Role::Leading(Leader { reign: Reign::Broadcasting { broadcast, .. }, .. }) => {
                broadcast.next_zxid(&self.core)
            }
            Role::Starting
            | Role::Looking(_)
            | Role::Following(_)
            | Role::Observing(_)
            | Role::Leading(_) => None,
        }
    }

    /// What this peer says it is doing.
    pub const fn state(&self) -> PeerState {
        match &self.role {
            Role::Starting | Role::Looking(_) => PeerState::Looking,
            Role::Following(_) => PeerState::Following,
            Role::Observing(_) => PeerState::Observing,
            Role::Leading(_) => PeerState::Leading,
        }
    }

    /// The leader and epoch under which this peer serves clients, if it does.
    pub const fn serving(&self) -> Option<(ServerId, Epoch)> {
        match &self.role {
            Role::Starting | Role::Looking(_) => None,
            Role::Following(learner) | Role::Observing(learner) => match learner.phase {
                Phase::Broadcasting { epoch } => Some((learner.vote.leader, epoch)),
                Phase::Connecting { .. }
                | Phase::Introduced { .. }
                | Phase::Promising { .. }
                | Phase::Promised { .. }
                | Phase::ReceivingSnapshot { .. }
                | Phase::Synchronizing { .. }
                | Phase::Affirming { .. }
                | Phase::Affirmed { .. } => None,
            },
            Role::Leading(leader) => match leader.reign {
                Reign::Broadcasting { epoch, .. } => Some((leader.vote.leader, epoch)),
                Reign::Gathering
                | Reign::Promising { .. }
                | Reign::AwaitingPromises { .. }
                | Reign::Synchronizing { .. } => None,
            },
        }
    }

    /// Which epochs this peer has promised and entered.
    pub const fn epochs(&self) -> (Epoch, Epoch) {
        (self.core.accepted(), self.core.current())
    }

    /// The last zxid of the history, and how far it is delivered.
    pub const fn zxids(&self) -> (Zxid, Zxid) {
        (self.core.history.last(), self.core.history.processed())
    }

    /// A membership that is proposed and not in force.
    pub const fn proposed_membership(&self) -> Option<&Arc<Membership>> {
        self.core.proposed.as_ref()
    }

    /// Whether a membership is proposed and not in force.
    pub const fn reconfiguring(&self) -> bool {
        self.core.proposed.is_some()
    }

    /// On a serving leader, itself and the followers that serve with it, voters or not: those who
    /// can be counted on when another membership is proposed.
    pub fn in_sync(&self) -> BTreeSet<ServerId> {
        let mut servers = BTreeSet::new();
        if let Role::Leading(leader @ Leader { reign: Reign::Broadcasting { .. }, .. }) = &self.role
        {
            servers.insert(self.core.id());
            servers.extend(leader.followers_in_sync());
        }
        servers
    }

    /// On a leader, those that have joined it.
    pub fn learners(&self) -> impl Iterator<Item = LearnerStatus> + '_ {
        let learners = match &self.role {
            Role::Leading(leader) => Some(leader.learners()),
            Role::Starting | Role::Looking(_) | Role::Following(_) | Role::Observing(_) => None,
        };
        learners.into_iter().flatten()
    }

    /// On a serving leader, syncs that wait for a commit or for a quorum to confirm that it leads.
    pub fn pending_syncs(&self) -> usize {
        match &self.role {
            Role::Leading(Leader { reign: Reign::Broadcasting { broadcast, .. }, .. }) => {
                broadcast.syncs.count()
            }
            Role::Starting
            | Role::Looking(_)
            | Role::Following(_)
            | Role::Observing(_)
            | Role::Leading(_) => 0,
        }
    }

    /// The membership in force.
    pub const fn membership(&self) -> &Arc<Membership> {
        &self.core.membership
    }

    fn on_start(&mut self, now: Now, fx: &mut Effects<Self>) {
        assert!(matches!(self.role, Role::Starting), "started twice");
        fx.set_timer(Timer::HalfTick, now.mono + self.core.options.tick / 2);
        self.become_looking(now, Reason::Started, fx);
    }

    fn on_link_up(&mut self, now: Now, link: Link, fx: &mut Effects<Self>) {
        if link.channel == Channel::Election {
            self.core.reachable.insert(link.peer);
        }
        match (link.channel, &mut self.role) {
            (Channel::Election, Role::Looking(election)) => {
                election.on_link_up(&self.core, link.peer, fx);
            }
            (Channel::Leader, Role::Following(learner) | Role::Observing(learner))
                if learner.vote.leader == link.peer =>
            {
                learner.on_link_up(&self.core, now, fx);
            }
            (Channel::Learner, Role::Leading(leader)) => {
                leader.on_link_up(&self.core, now, link.peer);
            }
            // Those who have a leader answer who asks.
            (Channel::Election, _) => {}
            (Channel::Leader | Channel::Learner, _) => {
                fx.output(Output::Disconnect { link, why: Reason::NotLeading });
            }
        }
    }

    fn on_link_down(&mut self, now: Now, link: Link, fx: &mut Effects<Self>) {
        if link.channel == Channel::Election {
            self.core.reachable.remove(&link.peer);
        }
        match (link.channel, &mut self.role) {
            (Channel::Election, Role::Looking(election)) => {
                election.on_link_down(&self.core, now, fx);
            }
            (Channel::Leader, Role::Following(learner) | Role::Observing(learner))
                if learner.vote.leader == link.peer =>
            {
                let result = learner.on_link_down(now, fx);
                self.unless_role_over(now, result, fx);
            }
            (Channel::Learner, Role::Leading(leader)) => leader.on_link_down(link.peer),
            (Channel::Election | Channel::Leader | Channel::Learner, _) => {}
        }
    }

    fn on_notification(
        &mut self,
        now: Now,
        from: ServerId,
        notification: &Notification,
        fx: &mut Effects<Self>,
    ) {
        let asks = notification.state == PeerState::Looking;
        let Role::Looking(election) = &mut self.role else {
            if asks {
                self.on_looking_peer(now, from, fx);
            }
            return;
        };
        if self.core.adopt_membership(&notification.membership, fx) {
            *election = Election::start(&mut self.core, now, fx);
        }
        if !self.core.is_voter(from) {
            if asks {
                election.answer_learner(&self.core, from, notification, fx);
            }
            return;
        }
        if let Some(vote) = election.on_notification(&mut self.core, now, from, notification, fx) {
            self.become_member(now, vote, fx);
        }
    }

    fn on_looking_peer(&mut self, now: Now, from: ServerId, fx: &mut Effects<Self>) {
        if let Role::Leading(leader) = &self.role
            && let Err(fault) = leader.on_looking_voter(&self.core, now, from)
        {
            return self.unless_fault(now, None, Err(fault), fx);
        }
        self.answer(from, fx);
    }

    /// Tells who looks for a leader whom this server has found.
    fn answer(&self, to: ServerId, fx: &mut Effects<Self>) {
        let vote = match &self.role {
            Role::Starting => None,
            Role::Looking(election) => election.proposal(),
            Role::Following(learner) | Role::Observing(learner) => Some(learner.vote),
            Role::Leading(leader) => Some(leader.vote),
        };
        let notification = self.core.notification(self.state(), vote);
        fx.send(Link::election(to), Message::Election(notification));
    }

    fn on_packet(&mut self, now: Now, from: Link, packet: Packet, fx: &mut Effects<Self>) {
        match (from.channel, &mut self.role) {
            (Channel::Leader, Role::Following(learner) | Role::Observing(learner))
                if learner.vote.leader == from.peer =>
            {
                let result = learner.on_packet(&mut self.core, now, packet, fx);
                self.unless_role_over(now, result, fx);
            }
            (Channel::Learner, Role::Leading(leader)) => {
                let result = leader.on_packet(&mut self.core, now, from.peer, packet, fx);
                self.unless_fault(now, Some(from.peer), result, fx);
            }
            // Left over from a role that has ended.
            (Channel::Election | Channel::Leader | Channel::Learner, _) => {}
        }
    }

    fn on_timer(&mut self, now: Now, timer: Timer, fx: &mut Effects<Self>) {
        match (timer, &mut self.role) {
            (Timer::HalfTick, _) => self.on_half_tick(now, fx),
            (Timer::Notify, Role::Looking(election)) => {
                election.on_notify_timer(&self.core, now, fx);
            }
            (Timer::Decide, Role::Looking(election)) => {
                if let Some(vote) = election.on_decide_timer() {
                    self.become_member(now, vote, fx);
                }
            }
            (Timer::Connect, Role::Following(learner) | Role::Observing(learner)) => {
                learner.on_connect_timer(fx);
            }
            // Set in a role that has ended.
            (Timer::Notify | Timer::Decide | Timer::Connect, _) => {}
        }
    }

    fn on_half_tick(&mut self, now: Now, fx: &mut Effects<Self>) {
        fx.set_timer(Timer::HalfTick, now.mono + self.core.options.tick / 2);
        let disk_changed = self.core.watch_disk(now);
        match &mut self.role {
            // Whether this server stands is another question now.
            Role::Looking(election) if disk_changed => {
                *election = Election::start(&mut self.core, now, fx);
            }
            Role::Starting | Role::Looking(_) => {}
            Role::Following(learner) | Role::Observing(learner) => {
                let result = learner.on_half_tick(&self.core, now);
                self.unless_role_over(now, result, fx);
            }
            Role::Leading(leader) => {
                let result = leader.on_half_tick(&self.core, now, fx);
                self.unless_fault(now, None, result, fx);
            }
        }
    }

    fn on_persisted(&mut self, now: Now, upto: PersistSeq, fx: &mut Effects<Self>) {
        self.core.on_persisted(upto);
        match &mut self.role {
            Role::Starting | Role::Looking(_) => {}
            Role::Following(learner) | Role::Observing(learner) => {
                learner.on_persisted(&self.core, fx);
            }
            Role::Leading(leader) => {
                let result = leader.on_persisted(&mut self.core, now, fx);
                self.unless_fault(now, None, result, fx);
            }
        }
    }

    fn on_request(&mut self, now: Now, request: Request, fx: &mut Effects<Self>) {
        match &mut self.role {
            // Whoever asked has been told that there is no leader.
            Role::Starting | Role::Looking(_) => {}
            Role::Following(learner) | Role::Observing(learner) => {
                learner.on_request(&mut self.core, request, fx);
            }
            Role::Leading(leader) => {
                let result = leader.on_request(&mut self.core, now, request, fx);
                self.unless_fault(now, None, result, fx);
            }
        }
    }

    fn unless_role_over(&mut self, now: Now, result: Result<(), Reason>, fx: &mut Effects<Self>) {
        if let Err(why) = result {
            self.become_looking(now, why, fx);
        }
    }

    fn unless_fault(
        &mut self,
        now: Now,
        learner: Option<ServerId>,
        result: Result<(), Fault>,
        fx: &mut Effects<Self>,
    ) {
        match (result, learner, &mut self.role) {
            (Ok(()), _, _) => {}
            (Err(Fault::Link(why)), Some(learner), Role::Leading(leader)) => {
                leader.disconnect(learner, why, fx);
            }
            (Err(Fault::Link(why) | Fault::Role(why)), _, _) => {
                self.become_looking(now, why, fx);
            }
        }
    }

    /// The election is over for this server.
    fn become_member(&mut self, now: Now, vote: Vote, fx: &mut Effects<Self>) {
        fx.cancel_timer(Timer::Notify);
        fx.cancel_timer(Timer::Decide);
        if vote.leader == self.core.id() {
            self.become_leading(now, vote, fx);
        } else if self.core.is_observer() {
            self.become_observing(now, vote, fx);
        } else {
            self.become_following(now, vote, fx);
        }
    }

    fn become_leading(&mut self, now: Now, vote: Vote, fx: &mut Effects<Self>) {
        match Leader::elected(&mut self.core, vote, now, fx) {
            Ok(leader) => self.role = Role::Leading(leader),
            Err(Fault::Link(why) | Fault::Role(why)) => self.become_looking(now, why, fx),
        }
    }

    fn become_following(&mut self, now: Now, vote: Vote, fx: &mut Effects<Self>) {
        self.role = Role::Following(Learner::join(vote, Duration::ZERO, now, fx));
    }

    fn become_observing(&mut self, now: Now, vote: Vote, fx: &mut Effects<Self>) {
        // A server that starts comes by itself; those that have lost a leader come together, and
        // one that was sent away would come again at once.
        let pause = match core::mem::replace(&mut self.core.has_observed, true) {
            true => self.core.options.observer_pause.max(CONNECT_PAUSE),
            false => Duration::ZERO,
        };
        self.role = Role::Observing(Learner::join(vote, pause, now, fx));
    }

    /// Whatever role there was is over: its links are closed, what it has logged is delivered, and
    /// a leader is looked for.
    fn become_looking(&mut self, now: Now, why: Reason, fx: &mut Effects<Self>) {
        match &self.role {
            Role::Starting | Role::Looking(_) => {}
            Role::Following(learner) | Role::Observing(learner) => learner.leave(&why, fx),
            Role::Leading(leader) => leader.leave(fx),
        }
        fx.output(Output::Looking { why });
        self.core.fast_forward(fx);
        self.role = Role::Looking(Election::start(&mut self.core, now, fx));
    }
}
