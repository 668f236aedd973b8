//! The ones who want a value chosen.

use super::{
    Accepted, Announce, Ballot, BasicPaxos, Flaw, Message, Record, Request, Retry, Setup, Timer,
};
use crate::journal::{Entry, Journal};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::{Birth, State};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;
use zoarium_process::{Effects, Input, Now};
use zoarium_sim::Rng;

type Fx = Effects<BasicPaxos>;

/// How many rounds a proposer reserves at a time.
const ROUNDS: u64 = 1000;

/// A proposer.
#[derive(Clone, Debug)]
pub(crate) struct Proposer {
    name: Name,
    setup: Setup,
    /// What it wants chosen.
    own: Option<Value>,
    phase: Phase,
    /// The highest round it has used or heard of.
    round: u64,
    /// The last round it may use without writing.
    reserved: u64,
    failures: u32,
    rng: Rng,
    journal: Journal<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    /// Phase 1: what those who promised had accepted.
    Preparing(Ballot, BTreeMap<Name, Accepted>),
    /// Phase 2: who has accepted.
    Accepting(Ballot, Value, BTreeSet<Name>),
    Done(Value),
}

impl Proposer {
    pub(super) fn recover(setup: Setup, birth: &Birth<'_, Entry<Record>>) -> Self {
        let reserved = birth.records.iter().filter_map(|entry| match entry.record {
            Record::Rounds(upto) => Some(upto),
            Record::Promised(_) | Record::Accepted(..) => None,
        });
        let reserved = reserved.max().unwrap_or(0);
        Self {
            name: birth.name,
            setup,
            own: None,
            phase: Phase::Idle,
            // It cannot know which of the reserved rounds it has used.
            round: reserved,
            reserved,
            failures: 0,
            rng: Rng::new(birth.seed),
            journal: Journal::default(),
        }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<BasicPaxos>, fx: &mut Fx) {
        match input {
            Input::Start => self.reserve(fx),
            Input::Request(Request::Propose(value)) => self.on_propose(now, value, fx),
            Input::Message { from, message: Message::Promise(ballot, accepted) } => {
                self.on_promise(now, from, ballot, accepted, fx);
            }
            Input::Message { from, message: Message::Accepted(ballot, _) } => {
                self.on_accepted(from, ballot, fx);
            }
            Input::Message { message: Message::Nack(promised), .. } => {
                self.on_nack(now, promised, fx);
            }
            Input::Message { message: Message::Learn(value), .. } => self.on_learn(value, fx),
            Input::Message { message: Message::Forward(value), .. } => {
                self.on_propose(now, value, fx);
            }
            Input::Timer(Timer::Retry) => self.on_retry_timer(now, fx),
            Input::Persisted { upto } => {
                for reserved in self.journal.durable(upto) {
                    self.on_reserved(now, reserved, fx);
                }
            }
            // These are for the others.
            Input::Message {
                message: Message::Prepare(_) | Message::Accept(..) | Message::Query,
                ..
            }
            | Input::Request(Request::CatchUp)
            | Input::Timer(Timer::Ask)
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    /// No ballot may be used twice, also not by a proposer that has crashed between.
    fn reserve(&mut self, fx: &mut Fx) {
        let upto = self.round + ROUNDS;
        self.journal.force(Record::Rounds(upto), upto, fx);
    }

    fn on_reserved(&mut self, now: Now, upto: u64, fx: &mut Fx) {
        self.reserved = upto;
        if self.phase == Phase::Idle && self.own.is_some() {
            self.prepare(now, fx);
        }
    }

    fn on_propose(&mut self, now: Now, value: Value, fx: &mut Fx) {
        fx.output(Said::Proposed(value.clone()));
        self.own.get_or_insert(value);
        if let Phase::Idle = self.phase {
            self.prepare(now, fx);
        }
    }

    /// Phase 1a.
    fn prepare(&mut self, now: Now, fx: &mut Fx) {
        if self.round >= self.reserved {
            return self.reserve(fx);
        }
        fx.set_timer(Timer::Retry, now.mono + self.setup.patience);
        self.round += 1;
        let ballot = Ballot { round: self.round, proposer: self.ballot_name() };
        self.phase = Phase::Preparing(ballot, BTreeMap::new());
        self.setup.acceptors().for_each(|name| fx.send(name, Message::Prepare(ballot)));
    }

    const fn ballot_name(&self) -> Name {
        match self.setup.flaw {
            Flaw::None | Flaw::AnyValue => self.name,
            Flaw::SharedBallots => Name::only('p'),
        }
    }

    /// Phase 1b: with enough promises, phase 2a.
    fn on_promise(
        &mut self,
        now: Now,
        from: Name,
        ballot: Ballot,
        accepted: Accepted,
        fx: &mut Fx,
    ) {
        let Phase::Preparing(current, promises) = &mut self.phase else { return };
        if *current != ballot {
            return;
        }
        promises.insert(from, accepted);
        if promises.len() < self.setup.prepare_quorum {
            return;
        }
        let members = promises.keys().copied().collect();
        fx.output(Said::Quorum { of: "promises", members });
        let bound = highest(promises.values(), self.setup.flaw);
        let Some(value) = bound.or_else(|| self.own.clone()) else { return };
        self.setup.acceptors().for_each(|name| {
            fx.send(name, Message::Accept(ballot, value.clone()));
        });
        self.phase = Phase::Accepting(ballot, value, BTreeSet::new());
        fx.set_timer(Timer::Retry, now.mono + self.setup.patience);
    }

    /// Phase 2b: with enough acceptances, the value is chosen.
    fn on_accepted(&mut self, from: Name, ballot: Ballot, fx: &mut Fx) {
        let Phase::Accepting(current, value, accepted) = &mut self.phase else { return };
        if *current != ballot {
            return;
        }
        accepted.insert(from);
        if accepted.len() < self.setup.accept_quorum {
            return;
        }
        fx.output(Said::Quorum { of: "acceptances", members: accepted.iter().copied().collect() });
        let value = value.clone();
        if self.setup.announce == Announce::Proposer {
            let learners = self.setup.learners();
            learners.for_each(|name| fx.send(name, Message::Learn(value.clone())));
        }
        self.on_learn(value, fx);
    }

    fn on_learn(&mut self, value: Value, fx: &mut Fx) {
        if let Phase::Done(_) = self.phase {
            return;
        }
        fx.cancel_timer(Timer::Retry);
        fx.output(Said::Decided(value.clone()));
        self.phase = Phase::Done(value);
    }

    /// A higher ballot is under way: this one is lost.
    fn on_nack(&mut self, now: Now, promised: Ballot, fx: &mut Fx) {
        self.round = self.round.max(promised.round);
        let current = match &self.phase {
            Phase::Preparing(ballot, _) | Phase::Accepting(ballot, _, _) => *ballot,
            Phase::Idle | Phase::Done(_) => return,
        };
        if promised <= current {
            return;
        }
        self.phase = Phase::Idle;
        self.failures += 1;
        match self.setup.retry {
            Retry::AtOnce => self.prepare(now, fx),
            Retry::Backoff => {
                let most = Duration::from_millis(20) * 2u32.pow(self.failures.min(8));
                let pause = self.rng.between(Duration::ZERO, most);
                fx.set_timer(Timer::Retry, now.mono + pause);
            }
            Retry::Leader => self.hand_over(now, fx),
        }
    }

    /// Only the first proposer goes on; the others ask it to.
    fn hand_over(&mut self, now: Now, fx: &mut Fx) {
        let leader = Name::new('p', 1);
        if self.name == leader {
            return self.prepare(now, fx);
        }
        fx.cancel_timer(Timer::Retry);
        if let Some(value) = self.own.clone() {
            fx.send(leader, Message::Forward(value));
        }
    }

    fn on_retry_timer(&mut self, now: Now, fx: &mut Fx) {
        match self.phase {
            Phase::Idle | Phase::Preparing(..) | Phase::Accepting(..) => self.prepare(now, fx),
            Phase::Done(_) => {}
        }
    }

    /// Whether a message belongs to a ballot that is over.
    pub(super) fn is_stale(&self, message: &Message) -> bool {
        let current = match &self.phase {
            Phase::Idle if self.round == 0 => return false,
            Phase::Idle => None,
            Phase::Preparing(ballot, _) | Phase::Accepting(ballot, _, _) => Some(*ballot),
            Phase::Done(_) => return true,
        };
        match (message, &self.phase) {
            (Message::Promise(ballot, _), Phase::Preparing(..))
            | (Message::Accepted(ballot, _), Phase::Preparing(..) | Phase::Accepting(..)) => {
                current != Some(*ballot)
            }
            (Message::Promise(..) | Message::Accepted(..), _) => true,
            (Message::Nack(promised), _) => {
                current.is_none_or(|current| *promised <= current) && promised.round <= self.round
            }
            (
                Message::Prepare(_)
                | Message::Accept(..)
                | Message::Learn(_)
                | Message::Forward(_)
                | Message::Query,
                _,
            ) => false,
        }
    }

    pub(super) fn state(&self) -> State {
        State::new(match &self.phase {
            Phase::Idle => String::new(),
            Phase::Preparing(ballot, _) => format!("prepares {ballot:?}"),
            Phase::Accepting(ballot, value, _) => format!("proposes {value} in {ballot:?}"),
            Phase::Done(value) => format!("knows {value}"),
        })
    }
}

/// The value a proposer is bound to: that of the highest ballot anyone has accepted in. It may be
/// chosen; all others are not and never will be.
fn highest<'a>(promises: impl Iterator<Item = &'a Accepted>, flaw: Flaw) -> Option<Value> {
    let mut accepted = promises.filter_map(|accepted| accepted.0.as_ref());
    let (_, value) = match flaw {
        Flaw::None | Flaw::SharedBallots => accepted.max_by_key(|(ballot, _)| *ballot)?,
        Flaw::AnyValue => accepted.next()?,
    };
    Some(value.clone())
}

/// What proposers will draw does not tell them apart: in an exhaustive search, nothing is drawn.
impl Hash for Proposer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, &self.own, &self.phase, self.round, self.reserved).hash(state);
        self.journal.hash(state);
    }
}
