//! The one who asks, prepares, decides and tells.

use super::{
    ANSWERS_TIMEOUT, Message, Mode, Record, Request, Setup, Standing, Standpoint, ThreePhase, Timer,
};
use crate::journal::Journal;
use crate::name::Name;
use crate::protocols::two_phase_commit::Outcome;
use crate::said::Said;
use crate::subject::State;
use std::collections::BTreeSet;
use zoarium_process::{Effects, Input, Now};

type Fx = Effects<ThreePhase>;

/// The coordinator.
#[derive(Debug)]
pub(crate) struct Coordinator {
    setup: Setup,
    phase: Phase,
    journal: Journal<Then>,
}

#[derive(Debug)]
enum Phase {
    Init,
    /// For these votes.
    Wait(BTreeSet<Name>),
    /// All have voted yes; these have still to say that they know.
    PreCommit(BTreeSet<Name>),
    /// The outcome is on its way to the log.
    Deciding,
    /// These have still to say that they have done it.
    Decided(Outcome, BTreeSet<Name>),
    /// It has crashed, and does not know what the others have made of that.
    Back,
}

/// What to do when a record is durable.
#[derive(Debug)]
enum Then {
    SendPreCommit,
    Tell(Outcome),
}

impl Coordinator {
    pub(super) fn recover(setup: Setup, restarts: u64, last: Option<&Record>) -> Self {
        let phase = match last {
            Some(Record::Decided(outcome)) => {
                Phase::Decided(*outcome, setup.participants().collect())
            }
            Some(Record::Ready | Record::PreCommit | Record::PreAbort) => Phase::Back,
            None if restarts > 0 => Phase::Back,
            None => Phase::Init,
        };
        Self { setup, phase, journal: Journal::default() }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<ThreePhase>, fx: &mut Fx) {
        match input {
            Input::Start => self.on_start(now, fx),
            Input::Request(Request::Commit) => self.on_commit(now, fx),
            Input::Message { from, message: Message::Yes } => self.on_yes(from, fx),
            Input::Message { message: Message::No, .. } => self.on_no(fx),
            Input::Message { from, message: Message::PreCommitted } => {
                self.on_pre_committed(from, fx);
            }
            Input::Message { from, message: Message::Done } => self.on_done(from, fx),
            Input::Message { message: Message::InState(standing), .. } => {
                self.on_in_state(standing, fx);
            }
            Input::Message { from, message: Message::StateOf } => self.on_state_of(from, fx),
            Input::Message { message: Message::DoCommit, .. } => self.learn(Outcome::Commit, fx),
            Input::Message { message: Message::DoAbort, .. } => self.learn(Outcome::Abort, fx),
            Input::Timer(Timer::Answers) => self.on_answers_timeout(now, fx),
            Input::Persisted { upto } => {
                for then in self.journal.durable(upto) {
                    match then {
                        Then::SendPreCommit => self.send_pre_commit(now, fx),
                        Then::Tell(outcome) => self.tell(now, outcome, fx),
                    }
                }
            }
            // These are for participants.
            Input::Request(Request::Refuse)
            | Input::Message {
                message:
                    Message::CanCommit | Message::PreCommit | Message::PreAbort | Message::PreAborted,
                ..
            }
            | Input::Timer(Timer::Silence)
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    fn on_start(&mut self, now: Now, fx: &mut Fx) {
        match self.phase {
            Phase::Decided(outcome, _) => self.tell(now, outcome, fx),
            Phase::Back => self.ask_around(now, fx),
            Phase::Init | Phase::Wait(_) | Phase::PreCommit(_) | Phase::Deciding => {}
        }
    }

    fn ask_around(&self, now: Now, fx: &mut Fx) {
        self.setup.participants().for_each(|name| fx.send(name, Message::StateOf));
        fx.set_timer(Timer::Answers, now.mono + ANSWERS_TIMEOUT);
    }

    /// Phase one: can all commit?
    fn on_commit(&mut self, now: Now, fx: &mut Fx) {
        let Phase::Init = self.phase else { return };
        self.phase = Phase::Wait(self.setup.participants().collect());
        self.setup.participants().for_each(|name| fx.send(name, Message::CanCommit));
        fx.set_timer(Timer::Answers, now.mono + ANSWERS_TIMEOUT);
    }

    fn on_yes(&mut self, from: Name, fx: &mut Fx) {
        let Phase::Wait(missing) = &mut self.phase else { return };
        missing.remove(&from);
        if missing.is_empty() {
            self.phase = Phase::PreCommit(self.setup.participants().collect());
            self.journal.force(Record::PreCommit, Then::SendPreCommit, fx);
        }
    }

    fn on_no(&mut self, fx: &mut Fx) {
        if let Phase::Wait(_) = self.phase {
            self.decide(Outcome::Abort, fx);
        }
    }

    /// Phase two: all know that all can.
    fn send_pre_commit(&self, now: Now, fx: &mut Fx) {
        self.setup.participants().for_each(|name| fx.send(name, Message::PreCommit));
        fx.set_timer(Timer::Answers, now.mono + ANSWERS_TIMEOUT);
    }

    fn on_pre_committed(&mut self, from: Name, fx: &mut Fx) {
        let Phase::PreCommit(missing) = &mut self.phase else { return };
        missing.remove(&from);
        if missing.is_empty() {
            self.decide(Outcome::Commit, fx);
        }
    }

    fn on_answers_timeout(&mut self, now: Now, fx: &mut Fx) {
        match &self.phase {
            Phase::Wait(_) => self.decide(Outcome::Abort, fx),
            Phase::PreCommit(missing) => {
                let acknowledged = usize::from(self.setup.participants) - missing.len();
                match self.setup.mode {
                    Mode::Simple => self.decide(self.setup.unacknowledged, fx),
                    // The silent are dead.
                    Mode::Skeen => self.decide(Outcome::Commit, fx),
                    Mode::Quorum if acknowledged >= self.setup.commit_quorum() => {
                        self.decide(Outcome::Commit, fx);
                    }
                    Mode::Quorum => self.ask_around(now, fx),
                }
            }
            Phase::Decided(outcome, missing) if !missing.is_empty() => {
                missing.iter().for_each(|late| fx.send(*late, Message::tells(*outcome)));
                fx.set_timer(Timer::Answers, now.mono + ANSWERS_TIMEOUT);
            }
            Phase::Back => self.ask_around(now, fx),
            Phase::Init | Phase::Deciding | Phase::Decided(..) => {}
        }
    }

    /// Phase three.
    fn decide(&mut self, outcome: Outcome, fx: &mut Fx) {
        fx.cancel_timer(Timer::Answers);
        self.phase = Phase::Deciding;
        self.journal.force(Record::Decided(outcome), Then::Tell(outcome), fx);
    }

    fn tell(&mut self, now: Now, outcome: Outcome, fx: &mut Fx) {
        fx.output(outcome.said());
        self.setup.participants().for_each(|name| fx.send(name, Message::tells(outcome)));
        self.phase = Phase::Decided(outcome, self.setup.participants().collect());
        fx.set_timer(Timer::Answers, now.mono + ANSWERS_TIMEOUT);
    }

    fn on_done(&mut self, from: Name, fx: &mut Fx) {
        let Phase::Decided(_, missing) = &mut self.phase else { return };
        missing.remove(&from);
        if missing.is_empty() {
            fx.cancel_timer(Timer::Answers);
        }
    }

    /// The others have gone on without it: it only learns.
    fn on_in_state(&mut self, standing: Standing, fx: &mut Fx) {
        match standing.phase {
            Standpoint::Commit => self.learn(Outcome::Commit, fx),
            Standpoint::Abort => self.learn(Outcome::Abort, fx),
            Standpoint::Init | Standpoint::Ready | Standpoint::PreCommit | Standpoint::PreAbort => {
            }
        }
    }

    fn learn(&mut self, outcome: Outcome, fx: &mut Fx) {
        match self.phase {
            Phase::Init | Phase::Wait(_) | Phase::PreCommit(_) | Phase::Back => {
                self.journal.note(Record::Decided(outcome), fx);
                fx.cancel_timer(Timer::Answers);
                self.phase = Phase::Decided(outcome, BTreeSet::new());
                fx.output(outcome.said());
            }
            Phase::Decided(known, _) if known != outcome => {
                let (known, other) = (known.word(), outcome.word());
                fx.output(Said::Note(format!("hears of {other} after its own {known}")));
            }
            Phase::Deciding | Phase::Decided(..) => {}
        }
    }

    fn on_state_of(&self, from: Name, fx: &mut Fx) {
        if let Phase::Decided(outcome, _) = self.phase {
            fx.send(from, Message::tells(outcome));
        }
    }

    pub(super) fn state(&self) -> State {
        State::new(match self.phase {
            Phase::Init => "INIT",
            Phase::Wait(_) => "WAIT",
            Phase::PreCommit(_) | Phase::Deciding => "PRECOMMIT",
            Phase::Decided(outcome, _) => outcome.word(),
            Phase::Back => "BACK",
        })
    }
}
