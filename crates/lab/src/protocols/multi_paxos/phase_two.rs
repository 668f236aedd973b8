//! Phase 2: a leader gives commands their slots, and a majority accepts them.

use super::replica::{Fx, Leader, Replica, Role, Then};
use super::{Command, HEARTBEAT, LEASE, Message, RESEND, Record, Slot, Timer};
use crate::name::Name;
use crate::protocols::basic_paxos::Ballot;
use crate::said::{Said, Value};
use std::collections::BTreeSet;
use zoarium_process::Now;

impl Replica {
    /// A client's command: the leader proposes it, others hand it on.
    pub(super) fn on_command(&mut self, now: Now, command: Value, fx: &mut Fx) {
        match &mut self.role {
            Role::Leader(leader) => {
                self.clients.insert(command.clone());
                leader.queue.push_back(command);
                self.propose_queued(now, fx);
            }
            Role::Follower(Some(ballot)) => fx.send(ballot.proposer, Message::Forward(command)),
            Role::Follower(None) | Role::Candidate { .. } => {
                fx.output(Said::Note(format!("knows no leader for {command}")));
            }
        }
    }

    /// Proposes what the window has room for.
    pub(super) fn propose_queued(&mut self, now: Now, fx: &mut Fx) {
        loop {
            let Role::Leader(leader) = &mut self.role else { return };
            if leader.next > self.executed + self.setup.window {
                return;
            }
            let Some(value) = leader.queue.pop_front() else { return };
            if let Some(place) = self.state.iter().position(|known| *known == value) {
                // A client that has asked again: the answer was lost, not the command.
                self.answer(value, place + 1, fx);
                continue;
            }
            let (slot, round) = (leader.next, leader.ballot.rank());
            leader.next += 1;
            fx.output(Said::Broadcast { round, value: value.clone() });
            self.propose(now, slot, Command::Do(value), fx);
        }
    }

    /// 2a.
    pub(super) fn propose(&mut self, now: Now, slot: Slot, command: Command, fx: &mut Fx) {
        let Role::Leader(leader) = &mut self.role else { return };
        let ballot = leader.ballot;
        leader.votes.insert(slot, BTreeSet::new());
        for other in self.others() {
            fx.send(other, Message::Accept(slot, ballot, command.clone()));
        }
        fx.set_timer(Timer::Resend, now.mono + RESEND);
        self.accept(self.name, slot, ballot, command, fx);
    }

    /// 2b.
    pub(super) fn on_accept(
        &mut self,
        now: Now,
        from: Name,
        slot: Slot,
        ballot: Ballot,
        command: Command,
        fx: &mut Fx,
    ) {
        if slot > self.compacted && self.heeds(now, from, ballot, fx) {
            self.accept(from, slot, ballot, command, fx);
        }
    }

    fn accept(&mut self, to: Name, slot: Slot, ballot: Ballot, command: Command, fx: &mut Fx) {
        self.promised = Some(ballot);
        self.log.insert(slot, (ballot, command.clone()));
        let then = Then::SayAccepted { to, ballot, slot };
        self.journal.force(Record::Accepted(slot, ballot, command), then, fx);
    }

    pub(super) fn say_accepted(
        &mut self,
        now: Now,
        to: Name,
        ballot: Ballot,
        slot: Slot,
        fx: &mut Fx,
    ) {
        if to == self.name {
            self.on_accepted(to, slot, ballot, fx);
            self.propose_queued(now, fx);
        } else {
            fx.send(to, Message::Accepted(slot, ballot));
        }
    }

    /// With a majority the command is chosen. It is executed when all before it are.
    pub(super) fn on_accepted(&mut self, from: Name, slot: Slot, ballot: Ballot, fx: &mut Fx) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(votes) = leader.votes.get_mut(&slot).filter(|_| leader.ballot == ballot) else {
            return;
        };
        votes.insert(from);
        if votes.len() < self.setup.majority() {
            return;
        }
        leader.votes.remove(&slot);
        let Some((_, command)) = self.log.get(&slot) else { return };
        self.chosen.insert(slot, command.clone());
        let before = self.executed;
        self.execute(fx);
        if self.executed > before {
            let upto = self.executed;
            self.others().for_each(|other| fx.send(other, Message::Commit(ballot, upto)));
        }
    }

    /// Asks again for what has not been accepted.
    pub(super) fn on_resend_timer(&mut self, now: Now, fx: &mut Fx) {
        let Role::Leader(leader) = &self.role else { return };
        let mut waits = false;
        for (slot, votes) in &leader.votes {
            let Some((_, command)) = self.log.get(slot) else { continue };
            waits = true;
            for other in self.others().filter(|other| !votes.contains(other)) {
                fx.send(other, Message::Accept(*slot, leader.ballot, command.clone()));
            }
        }
        if waits {
            fx.set_timer(Timer::Resend, now.mono + RESEND);
        }
    }

    /// Says that it is there, and how far it is.
    pub(super) fn on_heartbeat_timer(&mut self, now: Now, fx: &mut Fx) {
        let (others, executed) = (self.others(), self.executed);
        let Role::Leader(leader) = &mut self.role else { return };
        leader.beats += 1;
        leader.heartbeats.insert(leader.beats, (now.mono, BTreeSet::new()));
        let heartbeat = Message::Heartbeat(leader.ballot, executed, leader.beats);
        others.for_each(|other| fx.send(other, heartbeat.clone()));
        fx.set_timer(Timer::Heartbeat, now.mono + HEARTBEAT);
    }

    /// A lease counts from the moment at which the heartbeat was sent, as a follower cannot have
    /// heard it before.
    pub(super) fn on_alive(&mut self, from: Name, ballot: Ballot, count: u64) {
        let needed = self.setup.majority() - 1;
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.ballot != ballot {
            return;
        }
        if let Some((sent, answered)) = leader.heartbeats.get_mut(&count) {
            answered.insert(from);
            if answered.len() >= needed {
                leader.lease_until = leader.lease_until.max(Some(*sent + LEASE));
                leader.heartbeats = leader.heartbeats.split_off(&(count + 1));
            }
        }
    }

    /// A leader that nobody can have replaced answers from its own state.
    pub(super) fn on_read(&mut self, now: Now, fx: &mut Fx) {
        let place = self.state.len();
        match &self.role {
            Role::Leader(Leader { lease_until: Some(until), inherited, .. })
                if self.setup.leases && now.mono < *until && self.executed >= *inherited =>
            {
                self.answer("read".into(), place, fx);
            }
            Role::Leader(_) | Role::Candidate { .. } | Role::Follower(_) => {
                fx.output(Said::Note("has no lease to read by".to_owned()));
            }
        }
    }

    pub(super) fn answer(&mut self, request: Value, place: usize, fx: &mut Fx) {
        self.clients.remove(&request);
        fx.output(Said::Answered { request, answer: place.to_string().as_str().into() });
    }
}
