//! A replica: acceptor, learner and, at times, leader. What can happen to it, in one match.

use super::{
    Command, Elections, Executed, LEASE, Message, Record, Request, Setup, Slot, Slots, Timer,
};
use crate::journal::{Entry, Journal};
use crate::name::Name;
use crate::protocols::basic_paxos::Ballot;
use crate::said::{Said, Value};
use crate::subject::{Birth, State};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use zoarium_process::{Effects, Input, Instant, Now, Process};
use zoarium_sim::Rng;

pub(super) type Fx = Effects<Replica>;

/// A replica.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(super) name: Name,
    pub(super) setup: Setup,
    pub(super) promised: Option<Ballot>,
    /// What it has accepted, from the first slot it has not thrown away.
    pub(super) log: BTreeMap<Slot, (Ballot, Command)>,
    /// All slots up to here are chosen and executed.
    pub(super) executed: Slot,
    /// What is known to be chosen, from the first slot it has not thrown away.
    pub(super) chosen: BTreeMap<Slot, Command>,
    /// The log up to here is thrown away.
    pub(super) compacted: Slot,
    /// What the commands came to: here, just a list of them.
    pub(super) state: Vec<Value>,
    pub(super) role: Role,
    /// Until then it promises nothing to a candidate, as a leader relies on it.
    pub(super) loyal_until: Option<Instant>,
    /// Clients whose commands it waits for.
    pub(super) clients: BTreeSet<Value>,
    pub(super) rng: Rng,
    pub(super) journal: Journal<Then>,
}

/// What a replica is beside an acceptor.
#[derive(Debug)]
pub(super) enum Role {
    /// It follows who leads this ballot, if anyone.
    Follower(Option<Ballot>),
    /// It collects promises.
    Candidate {
        ballot: Ballot,
        promises: BTreeMap<Name, Slots>,
    },
    Leader(Leader),
}

/// What a leader keeps.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) ballot: Ballot,
    pub(super) next: Slot,
    /// Who has accepted what is not chosen yet.
    pub(super) votes: BTreeMap<Slot, BTreeSet<Name>>,
    /// Commands that the window has no room for.
    pub(super) queue: VecDeque<Value>,
    /// When each heartbeat was sent, and who has answered it.
    pub(super) heartbeats: BTreeMap<u64, (Instant, BTreeSet<Name>)>,
    pub(super) beats: u64,
    /// Reads wait until all up to this slot is executed: others may have begun and answered it.
    pub(super) inherited: Slot,
    pub(super) lease_until: Option<Instant>,
}

/// What to do when a record is durable.
#[derive(Debug)]
pub(super) enum Then {
    Promise { to: Name, ballot: Ballot, from: Slot },
    SayAccepted { to: Name, ballot: Ballot, slot: Slot },
}

impl Process for Replica {
    fn step(&mut self, now: Now, input: Input<Self>, fx: &mut Fx) {
        match input {
            Input::Start => self.on_start(now, fx),
            Input::Request(Request::Do(commands)) => {
                commands.into_iter().for_each(|command| self.on_command(now, command, fx));
            }
            Input::Request(Request::Read) => self.on_read(now, fx),
            Input::Request(Request::Lead) => self.prepare(now, fx),
            Input::Message { from, message } => self.on_message(now, from, message, fx),
            Input::Timer(Timer::Heartbeat) => self.on_heartbeat_timer(now, fx),
            Input::Timer(Timer::Resend) => self.on_resend_timer(now, fx),
            Input::Timer(Timer::Election) => self.on_election_timer(now, fx),
            Input::Persisted { upto } => {
                for then in self.journal.durable(upto) {
                    match then {
                        Then::Promise { to, ballot, from } => {
                            self.promise(now, to, ballot, from, fx);
                        }
                        Then::SayAccepted { to, ballot, slot } => {
                            self.say_accepted(now, to, ballot, slot, fx);
                        }
                    }
                }
            }
            Input::LinkUp(_) | Input::LinkDown(_) => {}
        }
    }
}

impl Replica {
    pub(super) fn recover(setup: Setup, birth: &Birth<'_, Entry<Record>>) -> Self {
        let mut replica = Self {
            name: birth.name,
            setup,
            promised: None,
            log: BTreeMap::new(),
            executed: 0,
            chosen: BTreeMap::new(),
            compacted: 0,
            state: Vec::new(),
            role: Role::Follower(None),
            loyal_until: None,
            clients: BTreeSet::new(),
            rng: Rng::new(birth.seed),
            journal: Journal::default(),
        };
        birth.records.iter().for_each(|entry| replica.read_back(&entry.record));
        replica
    }

    /// Only what is known to be chosen may be executed: the rest may yet become something else.
    fn read_back(&mut self, record: &Record) {
        match record {
            Record::Promised(ballot) => self.promised = Some(*ballot),
            Record::Accepted(slot, ballot, command) => {
                self.promised = self.promised.max(Some(*ballot));
                self.log.insert(*slot, (*ballot, command.clone()));
            }
            Record::Learned(slot, command) => {
                self.chosen.insert(*slot, command.clone());
            }
            Record::Chosen(upto) => {
                for (slot, (_, command)) in self.log.range(self.executed + 1..=*upto) {
                    self.chosen.entry(*slot).or_insert_with(|| command.clone());
                }
            }
            Record::Snapshot(upto, Executed(state)) => {
                self.state.clone_from(state);
                self.executed = *upto;
                self.compacted = *upto;
                self.log.retain(|slot, _| slot > upto);
                self.chosen.retain(|slot, _| slot > upto);
            }
        }
    }

    fn on_start(&mut self, now: Now, fx: &mut Fx) {
        for (place, value) in (1..).zip(self.state.clone()) {
            fx.output(Said::Delivered { place, value });
        }
        self.execute(fx);
        // It cannot know whom it has promised loyalty before it crashed.
        self.loyal_until = self.setup.leases.then(|| now.mono + LEASE);
        self.await_leader(now, fx);
    }

    fn on_message(&mut self, now: Now, from: Name, message: Message, fx: &mut Fx) {
        match message {
            Message::Prepare(ballot, slot) => self.on_prepare(now, from, ballot, slot, fx),
            Message::Promise(ballot, slots) => self.on_promise(now, from, ballot, slots, fx),
            Message::Accept(slot, ballot, command) => {
                self.on_accept(now, from, slot, ballot, command, fx);
            }
            Message::Accepted(slot, ballot) => self.on_accepted(from, slot, ballot, fx),
            Message::Nack(promised) => self.on_nack(now, promised, fx),
            Message::Behind => self.on_behind(from, fx),
            Message::Commit(ballot, upto) => self.on_commit(now, from, ballot, upto, fx),
            Message::Heartbeat(ballot, upto, count) => {
                self.on_heartbeat(now, from, ballot, upto, count, fx);
            }
            Message::Alive(ballot, count) => self.on_alive(from, ballot, count),
            Message::CatchUp(slot) => self.on_catch_up(from, slot, fx),
            Message::Chosen(first, commands) => self.on_chosen(first, commands, fx),
            Message::Snapshot(upto, executed) => self.on_snapshot(upto, executed, fx),
            Message::Forward(command) => self.on_command(now, command, fx),
        }
    }

    /// Waits for a leader, if it is one that tries to lead by itself.
    pub(super) fn await_leader(&mut self, now: Now, fx: &mut Fx) {
        if self.setup.elections == Elections::Random {
            let patience = self.rng.between(LEASE, LEASE * 3) + Duration::from_millis(20);
            fx.set_timer(Timer::Election, now.mono + patience);
        }
    }

    /// Whether a message of this ballot is to be heeded; if so, its sender leads.
    pub(super) fn heeds(&mut self, now: Now, from: Name, ballot: Ballot, fx: &mut Fx) -> bool {
        if let Some(promised) = self.promised.filter(|promised| *promised > ballot) {
            fx.send(from, Message::Nack(promised));
            return false;
        }
        if !matches!(self.role, Role::Follower(_)) {
            fx.cancel_timer(Timer::Heartbeat);
            fx.cancel_timer(Timer::Resend);
        }
        self.role = Role::Follower(Some(ballot));
        self.await_leader(now, fx);
        true
    }

    pub(super) fn others(&self) -> impl Iterator<Item = Name> + use<> {
        let me = self.name;
        self.setup.replicas().filter(move |name| *name != me)
    }

    pub(super) fn shown(&self) -> State {
        State::new(match &self.role {
            Role::Follower(None) => String::new(),
            Role::Follower(Some(ballot)) => format!("follows {ballot:?}"),
            Role::Candidate { ballot, .. } => format!("prepares {ballot:?}"),
            Role::Leader(leader) => format!("leads {:?}", leader.ballot),
        })
    }
}
