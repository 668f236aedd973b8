//! Those who propose, and those who want to know.

use super::{CLIENT_TIMEOUT, COORDINATOR, FastPaxos, Message, Propose, Round, Setup, Timer};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::State;
use std::collections::{BTreeMap, BTreeSet};
use zoarium_process::{Effects, Input, Now};

type Fx = Effects<FastPaxos>;

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    setup: Setup,
    own: Option<Value>,
    learned: Option<Value>,
}

impl Client {
    pub(super) const fn new(setup: Setup) -> Self {
        Self { setup, own: None, learned: None }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<FastPaxos>, fx: &mut Fx) {
        match input {
            Input::Request(Propose(value)) => {
                fx.output(Said::Proposed(value.clone()));
                for acceptor in self.setup.acceptors() {
                    fx.send(acceptor, Message::Propose(value.clone()));
                }
                fx.set_timer(Timer::Client, now.mono + CLIENT_TIMEOUT);
                self.own = Some(value);
            }
            Input::Timer(Timer::Client) => {
                if let Some(value) = self.own.clone().filter(|_| self.learned.is_none()) {
                    fx.send(COORDINATOR, Message::Propose(value));
                    fx.set_timer(Timer::Client, now.mono + CLIENT_TIMEOUT);
                }
            }
            Input::Message { message: Message::Learn(value), .. } => {
                if self.learned.is_none() {
                    fx.output(Said::Decided(value.clone()));
                }
                self.learned = Some(value);
            }
            // These are for the others.
            Input::Message {
                message:
                    Message::Propose(_)
                    | Message::Prepare(_)
                    | Message::Promise(..)
                    | Message::Any(_)
                    | Message::Accept(..)
                    | Message::Voted(..),
                ..
            }
            | Input::Timer(Timer::Round)
            | Input::Start
            | Input::Persisted { .. }
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    pub(super) fn state(&self) -> State {
        State::new(match (&self.own, &self.learned) {
            (_, Some(value)) => format!("knows {value}"),
            (Some(value), None) => format!("wants {value}"),
            (None, None) => String::new(),
        })
    }
}

/// A learner.
#[derive(Debug)]
pub(crate) struct Learner {
    setup: Setup,
    votes: BTreeMap<(Round, Value), BTreeSet<Name>>,
    learned: Option<Value>,
}

impl Learner {
    pub(super) const fn new(setup: Setup) -> Self {
        Self { setup, votes: BTreeMap::new(), learned: None }
    }

    pub(super) fn step(&mut self, input: Input<FastPaxos>, fx: &mut Fx) {
        let Input::Message { from, message: Message::Voted(round, value) } = input else { return };
        let members = self.votes.entry((round, value.clone())).or_default();
        members.insert(from);
        if members.len() >= self.setup.quorum(round) && self.learned.is_none() {
            fx.output(Said::Quorum { of: "votes", members: members.iter().copied().collect() });
            fx.output(Said::Decided(value.clone()));
            self.learned = Some(value);
        }
    }

    pub(super) fn state(&self) -> State {
        State::new(match &self.learned {
            Some(value) => format!("knows {value}"),
            None => String::new(),
        })
    }
}
