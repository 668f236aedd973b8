//! The one who opens rounds and resolves collisions.

use super::value_rule::{bound, has_collided};
use super::{FastPaxos, LastVote, Message, ROUND_TIMEOUT, Record, Recovery, Round, Setup, Timer};
use crate::journal::{Entry, Journal};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::State;
use std::collections::BTreeMap;
use zoarium_process::{Effects, Input, Now};

type Fx = Effects<FastPaxos>;

/// How many rounds the coordinator reserves at a time.
const ROUNDS: Round = 100;

/// The coordinator, which is a learner too.
#[derive(Debug)]
pub(crate) struct Coordinator {
    setup: Setup,
    round: Round,
    reserved: Round,
    promises: BTreeMap<Name, LastVote>,
    /// By round, who has voted for what.
    votes: BTreeMap<Round, BTreeMap<Name, Value>>,
    /// A value to propose if nobody else's must be.
    own: Option<Value>,
    learned: Option<Value>,
    journal: Journal<Round>,
}

impl Coordinator {
    pub(super) fn recover(setup: Setup, records: &[Entry<Record>]) -> Self {
        let reserved = records.iter().filter_map(|entry| match entry.record {
            Record::Rounds(upto) => Some(upto),
            Record::Promised(_) | Record::Voted(..) => None,
        });
        let reserved = reserved.max().unwrap_or(0);
        Self {
            setup,
            // It cannot know which of the reserved rounds it has used.
            round: reserved,
            reserved,
            promises: BTreeMap::new(),
            votes: BTreeMap::new(),
            own: None,
            learned: None,
            journal: Journal::default(),
        }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<FastPaxos>, fx: &mut Fx) {
        match input {
            Input::Start => self.reserve(fx),
            Input::Message { from, message: Message::Promise(round, last) } => {
                self.on_promise(now, from, round, last, fx);
            }
            Input::Message { from, message: Message::Voted(round, value) } => {
                self.on_voted(now, from, round, value, fx);
            }
            Input::Message { from, message: Message::Propose(value) } => {
                self.on_propose(now, from, value, fx);
            }
            Input::Timer(Timer::Round) => self.on_round_timer(now, fx),
            Input::Persisted { upto } => {
                for reserved in self.journal.durable(upto) {
                    self.reserved = reserved;
                    self.prepare(fx);
                }
            }
            // These are for the others.
            Input::Message {
                message:
                    Message::Prepare(_) | Message::Any(_) | Message::Accept(..) | Message::Learn(_),
                ..
            }
            | Input::Request(_)
            | Input::Timer(Timer::Client)
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    /// No round may be used twice, also not by a coordinator that has crashed between.
    fn reserve(&mut self, fx: &mut Fx) {
        let upto = self.round + ROUNDS;
        self.journal.force(Record::Rounds(upto), upto, fx);
    }

    /// 1a of the next round.
    fn prepare(&mut self, fx: &mut Fx) {
        if self.round >= self.reserved {
            return self.reserve(fx);
        }
        self.round += 1;
        self.promises.clear();
        let round = self.round;
        self.setup.acceptors().for_each(|name| fx.send(name, Message::Prepare(round)));
    }

    /// With a classic quorum of promises: any value may be voted for, or one must.
    fn on_promise(&mut self, now: Now, from: Name, round: Round, last: LastVote, fx: &mut Fx) {
        if round != self.round {
            return;
        }
        self.promises.insert(from, last);
        if self.promises.len() != self.setup.classic_quorum {
            return;
        }
        let members = self.promises.keys().copied().collect();
        fx.output(Said::Quorum { of: "promises", members });
        let bound = bound(&self.setup, self.promises.values());
        if bound.is_none() && self.setup.is_fast(round) {
            return self.setup.acceptors().for_each(|name| fx.send(name, Message::Any(round)));
        }
        let voted = self.promises.values().filter_map(|last| Some(last.0.clone()?.1)).min();
        if let Some(value) = bound.or(voted).or_else(|| self.own.clone()) {
            self.accept(now, round, &value, fx);
        }
    }

    /// 2a of a classic round.
    fn accept(&self, now: Now, round: Round, value: &Value, fx: &mut Fx) {
        self.setup.acceptors().for_each(|name| {
            fx.send(name, Message::Accept(round, value.clone()));
        });
        fx.set_timer(Timer::Round, now.mono + ROUND_TIMEOUT);
    }

    fn on_voted(&mut self, now: Now, from: Name, round: Round, value: Value, fx: &mut Fx) {
        let is_first = self.votes.is_empty();
        let votes = self.votes.entry(round).or_default();
        votes.insert(from, value.clone());
        let agreeing: Vec<Name> =
            votes.iter().filter(|(_, other)| **other == value).map(|(name, _)| *name).collect();
        if self.learned.is_some() {
            return;
        }
        if agreeing.len() >= self.setup.quorum(round) {
            fx.output(Said::Quorum { of: "votes", members: agreeing });
            fx.output(Said::Decided(value.clone()));
            fx.cancel_timer(Timer::Round);
            self.learned = Some(value);
        } else if self.setup.is_fast(round) && has_collided(&self.setup, votes.values()) {
            self.resolve(now, round, fx);
        } else if is_first {
            fx.set_timer(Timer::Round, now.mono + ROUND_TIMEOUT);
        }
    }

    /// No value can be chosen in this fast round any more.
    fn resolve(&mut self, now: Now, round: Round, fx: &mut Fx) {
        if round < self.round {
            return;
        }
        match self.setup.recovery {
            Recovery::Coordinated => self.go_on_from_votes(now, round, fx),
            // The acceptors see it too; unless even that comes to nothing.
            Recovery::Uncoordinated if round == 1 => {
                fx.set_timer(Timer::Round, now.mono + ROUND_TIMEOUT);
                self.round = 2;
            }
            Recovery::Uncoordinated | Recovery::Restart => self.prepare(fx),
        }
    }

    /// Coordinated recovery: a vote in a round says all that a promise for the next would say.
    fn go_on_from_votes(&mut self, now: Now, round: Round, fx: &mut Fx) {
        let Some(votes) = self.votes.get(&round) else { return };
        let last = |value: &Value| LastVote(Some((round, value.clone())));
        let votes: BTreeMap<Name, LastVote> =
            votes.iter().map(|(name, value)| (*name, last(value))).collect();
        if votes.len() < self.setup.classic_quorum {
            return self.prepare(fx);
        }
        fx.output(Said::Quorum {
            of: "votes as promises",
            members: votes.keys().copied().collect(),
        });
        let smallest = votes.values().filter_map(|vote| Some(vote.0.clone()?.1)).min();
        if let Some(value) = bound(&self.setup, votes.values()).or(smallest) {
            self.round = round + 1;
            self.accept(now, self.round, &value, fx);
        }
    }

    /// A client has waited for too long.
    fn on_propose(&mut self, now: Now, from: Name, value: Value, fx: &mut Fx) {
        if let Some(learned) = &self.learned {
            return fx.send(from, Message::Learn(learned.clone()));
        }
        self.own.get_or_insert(value);
        fx.set_timer(Timer::Round, now.mono + ROUND_TIMEOUT);
        self.prepare(fx);
    }

    fn on_round_timer(&mut self, now: Now, fx: &mut Fx) {
        if self.learned.is_none() {
            fx.set_timer(Timer::Round, now.mono + ROUND_TIMEOUT);
            self.prepare(fx);
        }
    }

    pub(super) fn state(&self) -> State {
        State::new(match &self.learned {
            Some(value) => format!("knows {value}"),
            None if self.setup.is_fast(self.round) => format!("fast round {}", self.round),
            None => format!("classic round {}", self.round),
        })
    }
}
