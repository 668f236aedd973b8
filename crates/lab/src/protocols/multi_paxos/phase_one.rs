//! Phase 1: a replica becomes leader, for all slots at once.

use super::replica::{Fx, Leader, Replica, Role, Then};
use super::{Command, Elections, LEASE, Message, Record, Slot, Slots, Timer};
use crate::name::Name;
use crate::protocols::basic_paxos::Ballot;
use crate::said::Said;
use std::collections::{BTreeMap, VecDeque};
use zoarium_process::Now;

impl Replica {
    /// 1a: asks all, itself too, for their promises and for what may be chosen.
    pub(super) fn prepare(&mut self, now: Now, fx: &mut Fx) {
        let round = self.promised.map_or(1, |promised| promised.round + 1);
        let ballot = Ballot { round, proposer: self.name };
        let from = self.executed + 1;
        self.role = Role::Candidate { ballot, promises: BTreeMap::new() };
        self.others().for_each(|other| fx.send(other, Message::Prepare(ballot, from)));
        self.promised = Some(ballot);
        let then = Then::Promise { to: self.name, ballot, from };
        self.journal.force(Record::Promised(ballot), then, fx);
        self.await_leader(now, fx);
    }

    /// 1b. What has been promised to a leader for a while keeps a candidate waiting.
    pub(super) fn on_prepare(
        &mut self,
        now: Now,
        from: Name,
        ballot: Ballot,
        slot: Slot,
        fx: &mut Fx,
    ) {
        if self.loyal_until.is_some_and(|until| now.mono < until) {
            return;
        }
        if slot <= self.compacted {
            return fx.send(from, Message::Behind);
        }
        let is_rival = !matches!(self.role, Role::Follower(_));
        if !self.heeds(now, from, ballot, fx) {
            return;
        }
        self.promised = Some(ballot);
        let then = Then::Promise { to: from, ballot, from: slot };
        self.journal.force(Record::Promised(ballot), then, fx);
        if is_rival && self.setup.elections == Elections::AtOnce {
            self.prepare(now, fx);
        }
    }

    pub(super) fn promise(&mut self, now: Now, to: Name, ballot: Ballot, from: Slot, fx: &mut Fx) {
        let accepted = self
            .log
            .range(from..)
            .map(|(slot, (ballot, command))| (*slot, *ballot, command.clone()));
        let slots = Slots(accepted.collect());
        if to == self.name {
            self.on_promise(now, to, ballot, slots, fx);
        } else {
            fx.send(to, Message::Promise(ballot, slots));
        }
    }

    /// With a majority of promises it leads, and finishes what others may have begun.
    pub(super) fn on_promise(
        &mut self,
        now: Now,
        from: Name,
        ballot: Ballot,
        slots: Slots,
        fx: &mut Fx,
    ) {
        let Role::Candidate { ballot: current, promises } = &mut self.role else { return };
        if *current != ballot {
            return;
        }
        promises.insert(from, slots);
        if promises.len() < self.setup.majority() {
            return;
        }
        fx.output(Said::Quorum { of: "promises", members: promises.keys().copied().collect() });
        let highest = highest(std::mem::take(promises));
        self.lead(now, ballot, highest, fx);
    }

    fn lead(&mut self, now: Now, ballot: Ballot, accepted: BTreeMap<Slot, Command>, fx: &mut Fx) {
        let first = self.executed + 1;
        let next = accepted.last_key_value().map_or(first, |(last, _)| first.max(last + 1));
        self.role = Role::Leader(Leader {
            ballot,
            next,
            votes: BTreeMap::new(),
            queue: VecDeque::new(),
            heartbeats: BTreeMap::new(),
            beats: 0,
            inherited: next - 1,
            lease_until: None,
        });
        fx.output(Said::Leads { round: ballot.rank() });
        fx.cancel_timer(Timer::Election);
        for slot in first..next {
            let command = accepted.get(&slot).cloned().unwrap_or(Command::NoOp);
            self.propose(now, slot, command, fx);
        }
        self.on_heartbeat_timer(now, fx);
    }

    /// Someone has promised a higher ballot: another leads, or tries to.
    pub(super) fn on_nack(&mut self, now: Now, promised: Ballot, fx: &mut Fx) {
        let own = match &self.role {
            Role::Follower(_) => return,
            Role::Candidate { ballot, .. } | Role::Leader(Leader { ballot, .. }) => *ballot,
        };
        if promised <= own {
            return;
        }
        self.promised = self.promised.max(Some(promised));
        self.role = Role::Follower(None);
        fx.cancel_timer(Timer::Heartbeat);
        fx.cancel_timer(Timer::Resend);
        match self.setup.elections {
            Elections::ByHand => {}
            Elections::AtOnce => self.prepare(now, fx),
            Elections::Random => self.await_leader(now, fx),
        }
    }

    /// It has missed too much to lead.
    pub(super) fn on_behind(&mut self, from: Name, fx: &mut Fx) {
        if let Role::Candidate { .. } = self.role {
            self.role = Role::Follower(None);
            fx.send(from, Message::CatchUp(self.executed + 1));
        }
    }

    pub(super) fn on_election_timer(&mut self, now: Now, fx: &mut Fx) {
        let loyal = self.loyal_until.filter(|until| now.mono < *until);
        match (&self.role, loyal) {
            (Role::Leader(_), _) => {}
            (_, Some(_)) => fx.set_timer(Timer::Election, now.mono + LEASE),
            (_, None) => self.prepare(now, fx),
        }
    }
}

/// By slot the command accepted in the highest ballot: it may be chosen.
fn highest(promises: BTreeMap<Name, Slots>) -> BTreeMap<Slot, Command> {
    let mut highest: BTreeMap<Slot, (Ballot, Command)> = BTreeMap::new();
    for (slot, ballot, command) in promises.into_values().flat_map(|slots| slots.0) {
        let known = highest.get(&slot).map(|(known, _)| *known);
        if known.is_none_or(|known| known < ballot) {
            highest.insert(slot, (ballot, command));
        }
    }
    highest.into_iter().map(|(slot, (_, command))| (slot, command)).collect()
}
