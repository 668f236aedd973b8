//! The one who asks, decides and tells.

use super::{
    ACKS_TIMEOUT, Message, Outcome, Record, Request, Setup, Timer, TwoPhase, VOTES_TIMEOUT,
};
use crate::journal::Journal;
use crate::name::Name;
use crate::subject::State;
use std::collections::BTreeSet;
use zoarium_process::{Effects, Input, Now};

type Fx = Effects<TwoPhase>;

/// The coordinator.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Coordinator {
    setup: Setup,
    phase: Phase,
    /// Who is to hear the outcome: not who voted no, or only read.
    audience: BTreeSet<Name>,
    journal: Journal<Then>,
}

#[derive(Clone, Debug, Hash)]
enum Phase {
    Init,
    /// For these votes.
    Wait(BTreeSet<Name>),
    /// The outcome is on its way to the log, and nobody has been told.
    Deciding,
    /// These have still to acknowledge it.
    Decided(Outcome, BTreeSet<Name>),
    End(Outcome),
}

/// What to do when a record is durable.
#[derive(Clone, Debug, Hash)]
enum Then {
    Ask,
    Tell(Outcome),
}

impl Coordinator {
    /// What it makes of its log: without a decision in it, nobody can have been told to commit.
    pub(super) fn recover(setup: Setup, records: &[&Record]) -> Self {
        let audience: BTreeSet<Name> = setup.participants().collect();
        let phase = match records {
            [] => Phase::Init,
            [.., Record::Decided(outcome)] => Phase::Decided(*outcome, audience.clone()),
            [.., Record::Decided(outcome), Record::End] => Phase::End(*outcome),
            [..] => Phase::Wait(audience.clone()),
        };
        Self { setup, phase, audience, journal: Journal::default() }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<TwoPhase>, fx: &mut Fx) {
        match input {
            Input::Start => self.on_start(now, fx),
            Input::Request(Request::Commit) => self.on_commit(now, fx),
            Input::Message { from, message: Message::Yes } => self.on_yes(now, from, fx),
            Input::Message { from, message: Message::No } => self.on_no(now, from, fx),
            Input::Message { from, message: Message::ReadOnly } => self.on_read_only(now, from, fx),
            Input::Message { from, message: Message::Ack } => self.on_ack(from, fx),
            Input::Message { from, message: Message::Ask } => self.on_ask(from, fx),
            Input::Timer(Timer::Votes) => self.on_votes_timeout(now, fx),
            Input::Timer(Timer::Acks) => self.on_acks_timeout(now, fx),
            Input::Persisted { upto } => {
                for then in self.journal.durable(upto) {
                    match then {
                        Then::Ask => self.ask(now, fx),
                        Then::Tell(outcome) => self.tell(now, outcome, fx),
                    }
                }
            }
            // These are for participants, or say nothing to a coordinator.
            Input::Request(Request::Refuse | Request::Read)
            | Input::Message {
                message: Message::Prepare | Message::Decision(_) | Message::Uncertain,
                ..
            }
            | Input::Timer(Timer::Prepare | Timer::Uncertain)
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    /// After a crash: a transaction that was open is aborted, one that was decided is told again.
    fn on_start(&mut self, now: Now, fx: &mut Fx) {
        match self.phase {
            Phase::Wait(_) => self.decide(now, Outcome::Abort, fx),
            Phase::Decided(outcome, _) => self.tell(now, outcome, fx),
            Phase::Init | Phase::Deciding | Phase::End(_) => {}
        }
    }

    fn on_commit(&mut self, now: Now, fx: &mut Fx) {
        let Phase::Init = self.phase else { return };
        self.phase = Phase::Wait(self.audience.clone());
        if self.setup.presume.of_the_unknown() == Outcome::Commit {
            // Or a crash would make the participants presume what nobody has decided.
            self.journal.force(Record::Begin, Then::Ask, fx);
        } else {
            self.journal.note(Record::Begin, fx);
            self.ask(now, fx);
        }
    }

    fn ask(&self, now: Now, fx: &mut Fx) {
        self.audience.iter().for_each(|participant| fx.send(*participant, Message::Prepare));
        fx.set_timer(Timer::Votes, now.mono + VOTES_TIMEOUT);
    }

    fn on_yes(&mut self, now: Now, from: Name, fx: &mut Fx) {
        let Phase::Wait(missing) = &mut self.phase else { return };
        missing.remove(&from);
        if missing.is_empty() {
            self.decide(now, Outcome::Commit, fx);
        }
    }

    fn on_no(&mut self, now: Now, from: Name, fx: &mut Fx) {
        let Phase::Wait(_) = self.phase else { return };
        self.audience.remove(&from);
        self.decide(now, Outcome::Abort, fx);
    }

    fn on_read_only(&mut self, now: Now, from: Name, fx: &mut Fx) {
        self.audience.remove(&from);
        self.on_yes(now, from, fx);
    }

    fn on_votes_timeout(&mut self, now: Now, fx: &mut Fx) {
        if let Phase::Wait(_) = self.phase {
            self.decide(now, Outcome::Abort, fx);
        }
    }

    /// The moment of decision is the one at which it is durable here.
    fn decide(&mut self, now: Now, outcome: Outcome, fx: &mut Fx) {
        fx.cancel_timer(Timer::Votes);
        self.phase = Phase::Deciding;
        if self.setup.presume.must_force(outcome) || outcome == Outcome::Commit {
            self.journal.force(Record::Decided(outcome), Then::Tell(outcome), fx);
        } else {
            self.tell(now, outcome, fx);
        }
    }

    fn tell(&mut self, now: Now, outcome: Outcome, fx: &mut Fx) {
        fx.output(outcome.said());
        for participant in &self.audience {
            fx.send(*participant, Message::Decision(outcome));
        }
        if self.setup.presume.must_force(outcome) && !self.audience.is_empty() {
            self.phase = Phase::Decided(outcome, self.audience.clone());
            fx.set_timer(Timer::Acks, now.mono + ACKS_TIMEOUT);
        } else {
            self.phase = Phase::End(outcome);
        }
    }

    fn on_ack(&mut self, from: Name, fx: &mut Fx) {
        let Phase::Decided(outcome, missing) = &mut self.phase else { return };
        missing.remove(&from);
        if missing.is_empty() {
            self.phase = Phase::End(*outcome);
            self.journal.note(Record::End, fx);
            fx.cancel_timer(Timer::Acks);
        }
    }

    fn on_acks_timeout(&mut self, now: Now, fx: &mut Fx) {
        let Phase::Decided(outcome, missing) = &self.phase else { return };
        missing.iter().for_each(|late| fx.send(*late, Message::Decision(*outcome)));
        fx.set_timer(Timer::Acks, now.mono + ACKS_TIMEOUT);
    }

    /// Answers a participant in doubt, unless there is no answer yet.
    fn on_ask(&self, from: Name, fx: &mut Fx) {
        let outcome = match self.phase {
            Phase::Init => self.setup.presume.of_the_unknown(),
            Phase::Wait(_) | Phase::Deciding => return,
            Phase::Decided(outcome, _) | Phase::End(outcome) => outcome,
        };
        fx.send(from, Message::Decision(outcome));
    }

    pub(super) fn state(&self) -> State {
        State::new(match self.phase {
            Phase::Init => "INIT",
            Phase::Wait(_) | Phase::Deciding => "WAIT",
            Phase::Decided(outcome, _) => outcome.word(),
            Phase::End(_) => "END",
        })
    }
}
