//! The ones who want to know what was chosen.

use super::{Ballot, BasicPaxos, Message, Request, Setup, Timer};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::State;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zoarium_process::{Effects, Input, Now};

type Fx = Effects<BasicPaxos>;

/// How long a learner that asks waits before it asks again.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A learner.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Learner {
    acceptors: Vec<Name>,
    quorum: usize,
    asks: bool,
    /// Who is known to have accepted what.
    accepted: BTreeMap<(Ballot, Value), BTreeSet<Name>>,
    learned: Option<Value>,
}

impl Learner {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            acceptors: setup.acceptors().collect(),
            quorum: setup.accept_quorum,
            asks: setup.asks,
            accepted: BTreeMap::new(),
            learned: None,
        }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<BasicPaxos>, fx: &mut Fx) {
        match input {
            Input::Start if self.asks => fx.set_timer(Timer::Ask, now.mono + ASK_EVERY),
            Input::Message { message: Message::Learn(value), .. } => self.learn(value, fx),
            Input::Message { from, message: Message::Accepted(ballot, value) } => {
                self.on_accepted(from, ballot, value, fx);
            }
            Input::Request(Request::CatchUp) => self.ask(fx),
            Input::Timer(Timer::Ask) if self.learned.is_none() => {
                self.ask(fx);
                fx.set_timer(Timer::Ask, now.mono + ASK_EVERY);
            }
            // These are for the others.
            Input::Message {
                message:
                    Message::Prepare(_)
                    | Message::Promise(..)
                    | Message::Accept(..)
                    | Message::Nack(_)
                    | Message::Forward(_)
                    | Message::Query,
                ..
            }
            | Input::Request(Request::Propose(_))
            | Input::Timer(Timer::Retry | Timer::Ask)
            | Input::Start
            | Input::Persisted { .. }
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    fn ask(&self, fx: &mut Fx) {
        self.acceptors.iter().for_each(|name| fx.send(*name, Message::Query));
    }

    /// A value is chosen when a quorum has accepted it in one and the same ballot.
    fn on_accepted(&mut self, from: Name, ballot: Ballot, value: Value, fx: &mut Fx) {
        let members = self.accepted.entry((ballot, value.clone())).or_default();
        members.insert(from);
        if members.len() == self.quorum && self.learned.is_none() {
            fx.output(Said::Quorum {
                of: "acceptances",
                members: members.iter().copied().collect(),
            });
            self.learn(value, fx);
        }
    }

    fn learn(&mut self, value: Value, fx: &mut Fx) {
        if self.learned.is_none() {
            fx.output(Said::Decided(value.clone()));
            self.learned = Some(value);
        }
    }

    pub(super) fn state(&self) -> State {
        State::new(match &self.learned {
            None => String::new(),
            Some(value) => format!("knows {value}"),
        })
    }
}
