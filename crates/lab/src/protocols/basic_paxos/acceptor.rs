//! The memory of the protocol.

use super::{Accepted, Announce, Ballot, BasicPaxos, Message, Record, Request, Setup, Timer};
use crate::journal::{Entry, Journal};
use crate::name::Name;
use crate::said::Value;
use crate::subject::State;
use zoarium_process::{Effects, Input};

type Fx = Effects<BasicPaxos>;

/// An acceptor. What it says, it has made durable before.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Acceptor {
    setup: Rules,
    promised: Option<Ballot>,
    accepted: Accepted,
    journal: Journal<Then>,
}

/// What of the setup an acceptor has to know.
#[derive(Clone, Debug, Hash)]
struct Rules {
    /// Whom it tells what it has accepted, beside the proposer.
    learners: Vec<Name>,
}

/// What to do when a record is durable.
#[derive(Clone, Debug, Hash)]
enum Then {
    Promise { to: Name, ballot: Ballot, accepted: Accepted },
    SayAccepted { to: Name, ballot: Ballot, value: Value },
}

impl Acceptor {
    pub(super) fn recover(setup: Setup, records: &[Entry<Record>]) -> Self {
        let learners = match setup.announce {
            Announce::Proposer => Vec::new(),
            Announce::Acceptors => setup.learners().collect(),
        };
        let (setup, journal) = (Rules { learners }, Journal::default());
        let mut acceptor = Self { setup, promised: None, accepted: Accepted(None), journal };
        for entry in records {
            match &entry.record {
                Record::Promised(ballot) => acceptor.promised = Some(*ballot),
                Record::Accepted(ballot, value) => {
                    acceptor.promised = Some(*ballot);
                    acceptor.accepted = Accepted(Some((*ballot, value.clone())));
                }
                Record::Rounds(_) => {}
            }
        }
        acceptor
    }

    pub(super) fn step(&mut self, input: Input<BasicPaxos>, fx: &mut Fx) {
        match input {
            Input::Message { from, message: Message::Prepare(ballot) } => {
                self.on_prepare(from, ballot, fx);
            }
            Input::Message { from, message: Message::Accept(ballot, value) } => {
                self.on_accept(from, ballot, value, fx);
            }
            Input::Message { from, message: Message::Query } => self.on_query(from, fx),
            Input::Persisted { upto } => {
                for then in self.journal.durable(upto) {
                    self.on_durable(then, fx);
                }
            }
            // These are for the others.
            Input::Message {
                message:
                    Message::Promise(..)
                    | Message::Accepted(..)
                    | Message::Nack(_)
                    | Message::Learn(_)
                    | Message::Forward(_),
                ..
            }
            | Input::Request(Request::Propose(_) | Request::CatchUp)
            | Input::Timer(Timer::Retry | Timer::Ask)
            | Input::Start
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    /// Phase 1: a promise takes away all lower ballots.
    fn on_prepare(&mut self, from: Name, ballot: Ballot, fx: &mut Fx) {
        if let Some(promised) = self.promised.filter(|promised| *promised > ballot) {
            return fx.send(from, Message::Nack(promised));
        }
        self.promised = Some(ballot);
        let then = Then::Promise { to: from, ballot, accepted: self.accepted.clone() };
        self.journal.force(Record::Promised(ballot), then, fx);
    }

    /// Phase 2: accept, unless a higher ballot has the promise.
    fn on_accept(&mut self, from: Name, ballot: Ballot, value: Value, fx: &mut Fx) {
        if let Some(promised) = self.promised.filter(|promised| *promised > ballot) {
            return fx.send(from, Message::Nack(promised));
        }
        self.promised = Some(ballot);
        self.accepted = Accepted(Some((ballot, value.clone())));
        let then = Then::SayAccepted { to: from, ballot, value: value.clone() };
        self.journal.force(Record::Accepted(ballot, value), then, fx);
    }

    fn on_durable(&mut self, then: Then, fx: &mut Fx) {
        match then {
            Then::Promise { to, ballot, accepted } => {
                fx.send(to, Message::Promise(ballot, accepted));
            }
            Then::SayAccepted { to, ballot, value } => {
                let learners = self.setup.learners.iter().copied();
                for name in [to].into_iter().chain(learners) {
                    fx.send(name, Message::Accepted(ballot, value.clone()));
                }
            }
        }
    }

    /// A learner has missed what was said.
    fn on_query(&self, from: Name, fx: &mut Fx) {
        if let Accepted(Some((ballot, value))) = &self.accepted {
            fx.send(from, Message::Accepted(*ballot, value.clone()));
        }
    }

    pub(super) fn state(&self) -> State {
        State::new(match (&self.promised, &self.accepted.0) {
            (None, _) => String::new(),
            (Some(promised), None) => format!("promised {promised:?}"),
            (Some(promised), Some((ballot, value))) if promised == ballot => {
                format!("accepted {value} in {ballot:?}")
            }
            (Some(promised), Some((_, value))) => {
                format!("promised {promised:?}, has {value}")
            }
        })
    }
}
