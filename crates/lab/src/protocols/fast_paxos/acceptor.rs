//! The voters.

use super::value_rule::{bound, has_collided};
use super::{COORDINATOR, FastPaxos, LastVote, Message, Record, Recovery, Round, Setup};
use crate::journal::{Entry, Journal};
use crate::name::Name;
use crate::said::Value;
use crate::subject::{Birth, State};
use std::collections::BTreeMap;
use zoarium_process::{Effects, Input};

type Fx = Effects<FastPaxos>;

/// An acceptor. What it says, it has made durable before.
#[derive(Debug)]
pub(crate) struct Acceptor {
    name: Name,
    setup: Setup,
    round: Round,
    /// The fast round that clients may propose in, if one is open.
    open: Option<Round>,
    last: LastVote,
    /// A proposal that came before a round was open.
    early: Option<Value>,
    /// The others' votes in the first round, and its own: for uncoordinated recovery.
    seen: BTreeMap<Name, Value>,
    journal: Journal<Then>,
}

/// What to do when a record is durable.
#[derive(Debug)]
enum Then {
    Promise(Round, LastVote),
    SayVoted(Round, Value),
}

impl Acceptor {
    pub(super) fn recover(setup: Setup, birth: &Birth<'_, Entry<Record>>) -> Self {
        let mut acceptor = Self {
            name: birth.name,
            setup,
            round: 0,
            open: None,
            last: LastVote(None),
            early: None,
            seen: BTreeMap::new(),
            journal: Journal::default(),
        };
        for entry in birth.records {
            match &entry.record {
                Record::Promised(round) => acceptor.round = *round,
                Record::Voted(round, value) => {
                    acceptor.round = *round;
                    acceptor.last = LastVote(Some((*round, value.clone())));
                }
                Record::Rounds(_) => {}
            }
        }
        acceptor
    }

    pub(super) fn step(&mut self, input: Input<FastPaxos>, fx: &mut Fx) {
        match input {
            Input::Message { message: Message::Prepare(round), .. } => self.on_prepare(round, fx),
            Input::Message { message: Message::Any(round), .. } => self.on_any(round, fx),
            Input::Message { message: Message::Propose(value), .. } => self.on_propose(value, fx),
            Input::Message { message: Message::Accept(round, value), .. } => {
                self.on_accept(round, value, fx);
            }
            Input::Message { from, message: Message::Voted(1, value) } => {
                self.on_vote_of(from, value, fx);
            }
            Input::Persisted { upto } => {
                for then in self.journal.durable(upto) {
                    match then {
                        Then::Promise(round, last) => {
                            fx.send(COORDINATOR, Message::Promise(round, last));
                        }
                        Then::SayVoted(round, value) => self.say_voted(round, value, fx),
                    }
                }
            }
            // These are for the others.
            Input::Message {
                message: Message::Promise(..) | Message::Voted(..) | Message::Learn(_),
                ..
            }
            | Input::Request(_)
            | Input::Timer(_)
            | Input::Start
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    fn on_prepare(&mut self, round: Round, fx: &mut Fx) {
        if round >= self.round {
            self.round = round;
            self.open = None;
            let then = Then::Promise(round, self.last.clone());
            self.journal.force(Record::Promised(round), then, fx);
        }
    }

    fn on_any(&mut self, round: Round, fx: &mut Fx) {
        if round >= self.round && !self.has_voted_in(round) {
            self.round = round;
            self.open = Some(round);
            if let Some(value) = self.early.take() {
                self.on_propose(value, fx);
            }
        }
    }

    /// In a fast round, the first proposal has the vote.
    fn on_propose(&mut self, value: Value, fx: &mut Fx) {
        match self.open.take() {
            Some(round) => self.vote(round, value, fx),
            None if self.round == 0 => self.early = Some(value),
            None => {}
        }
    }

    fn on_accept(&mut self, round: Round, value: Value, fx: &mut Fx) {
        if round >= self.round && !self.has_voted_in(round) {
            self.open = None;
            self.vote(round, value, fx);
        }
    }

    /// One vote a round.
    fn vote(&mut self, round: Round, value: Value, fx: &mut Fx) {
        self.round = round;
        self.last = LastVote(Some((round, value.clone())));
        let then = Then::SayVoted(round, value.clone());
        self.journal.force(Record::Voted(round, value), then, fx);
    }

    fn say_voted(&mut self, round: Round, value: Value, fx: &mut Fx) {
        self.setup.learners().for_each(|name| fx.send(name, Message::Voted(round, value.clone())));
        if self.setup.recovery == Recovery::Uncoordinated && round == 1 {
            let me = self.name;
            for other in self.setup.acceptors().filter(|name| *name != me) {
                fx.send(other, Message::Voted(round, value.clone()));
            }
            self.on_vote_of(me, value, fx);
        }
    }

    /// Uncoordinated recovery: who sees a collision votes in the next round for what the rule
    /// says; the others see the same and vote alike. Ties go to the smallest value.
    fn on_vote_of(&mut self, from: Name, value: Value, fx: &mut Fx) {
        self.seen.insert(from, value);
        if self.round > 1 || !has_collided(&self.setup, self.seen.values()) {
            return;
        }
        let votes: Vec<LastVote> =
            self.seen.values().map(|value| LastVote(Some((1, value.clone())))).collect();
        let smallest = self.seen.values().min().cloned();
        if let Some(value) = bound(&self.setup, votes.iter()).or(smallest) {
            self.vote(2, value, fx);
        }
    }

    fn has_voted_in(&self, round: Round) -> bool {
        matches!(&self.last.0, Some((last, _)) if *last == round)
    }

    pub(super) fn state(&self) -> State {
        State::new(match (&self.last.0, self.open) {
            (_, Some(round)) => format!("open {round}"),
            (Some((round, value)), None) => format!("voted {value} in {round}"),
            (None, None) if self.round > 0 => format!("promised {}", self.round),
            (None, None) => String::new(),
        })
    }
}
