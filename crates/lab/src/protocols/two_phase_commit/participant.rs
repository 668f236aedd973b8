//! The ones who vote, wait and obey.

use super::{
    ASKS_MAX, COORDINATOR, Message, Outcome, PREPARE_TIMEOUT, Record, Request, Setup, Timer,
    TwoPhase, UNCERTAIN_TIMEOUT,
};
use crate::journal::{Entry, Journal};
use crate::name::Name;
use crate::said::Said;
use crate::subject::{Birth, State};
use zoarium_process::{Effects, Input, Now};

type Fx = Effects<TwoPhase>;

/// A participant.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Participant {
    name: Name,
    setup: Setup,
    phase: Phase,
    vote: Vote,
    journal: Journal<Then>,
}

#[derive(Clone, Debug, Hash)]
enum Phase {
    Init,
    /// Its promise is on its way to the log.
    Preparing,
    /// Bound by its promise; it has asked so often for the outcome.
    Ready {
        asked: u32,
    },
    /// The outcome is on its way to the log.
    Deciding,
    Decided(Outcome),
    /// It has only read: the outcome is nothing to it.
    Out,
}

#[derive(Clone, Debug, Hash)]
enum Vote {
    Yes,
    No,
    ReadOnly,
}

/// What to do when a record is durable.
#[derive(Clone, Debug, Hash)]
enum Then {
    VoteYes,
    Obey(Outcome),
}

impl Participant {
    /// What it makes of its log: bound if it has promised, free to abort if it has not.
    pub(super) fn recover(
        setup: Setup,
        birth: Birth<'_, Entry<Record>>,
        records: &[&Record],
    ) -> Self {
        let phase = match records {
            [] if birth.restarts == 0 => Phase::Init,
            [] => Phase::Decided(Outcome::Abort),
            [.., Record::Decided(outcome)] => Phase::Decided(*outcome),
            [..] => Phase::Ready { asked: 0 },
        };
        let journal = Journal::default();
        Self { name: birth.name, setup, phase, vote: Vote::Yes, journal }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<TwoPhase>, fx: &mut Fx) {
        match input {
            Input::Start => self.on_start(now, fx),
            Input::Request(Request::Refuse) => self.vote = Vote::No,
            Input::Request(Request::Read) => self.vote = Vote::ReadOnly,
            Input::Message { message: Message::Prepare, .. } => self.on_prepare(now, fx),
            Input::Message { message: Message::Decision(outcome), .. } => {
                self.on_decision(outcome, fx);
            }
            Input::Message { from, message: Message::Ask } => self.on_ask(from, fx),
            Input::Timer(Timer::Prepare) => self.on_prepare_timeout(fx),
            Input::Timer(Timer::Uncertain) => self.on_uncertain_timeout(now, fx),
            Input::Persisted { upto } => {
                for then in self.journal.durable(upto) {
                    match then {
                        Then::VoteYes => self.vote_yes(now, fx),
                        Then::Obey(outcome) => self.obey(outcome, fx),
                    }
                }
            }
            // Someone else does not know either: that helps nobody.
            Input::Message { message: Message::Uncertain, .. }
            // These are for the coordinator.
            | Input::Request(Request::Commit)
            | Input::Message {
                message: Message::Yes | Message::No | Message::ReadOnly | Message::Ack, ..
            }
            | Input::Timer(Timer::Votes | Timer::Acks)
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    fn on_start(&mut self, now: Now, fx: &mut Fx) {
        match self.phase {
            Phase::Init => fx.set_timer(Timer::Prepare, now.mono + PREPARE_TIMEOUT),
            Phase::Ready { .. } => self.on_uncertain_timeout(now, fx),
            Phase::Decided(outcome) => fx.output(outcome.said()),
            Phase::Preparing | Phase::Deciding | Phase::Out => {}
        }
    }

    fn on_prepare(&mut self, now: Now, fx: &mut Fx) {
        fx.cancel_timer(Timer::Prepare);
        match (&self.phase, &self.vote) {
            (Phase::Init, Vote::Yes) => {
                self.phase = Phase::Preparing;
                self.journal.force(Record::Prepared, Then::VoteYes, fx);
            }
            (Phase::Init, Vote::No) => self.refuse(fx),
            (Phase::Init, Vote::ReadOnly) => {
                self.phase = Phase::Out;
                fx.output(Said::Voted { yes: true });
                fx.send(COORDINATOR, Message::ReadOnly);
            }
            // It is asked twice: the same answer.
            (Phase::Ready { .. }, _) => self.vote_yes(now, fx),
            (Phase::Decided(Outcome::Abort), _) => fx.send(COORDINATOR, Message::No),
            (Phase::Out, _) => fx.send(COORDINATOR, Message::ReadOnly),
            (Phase::Preparing | Phase::Deciding | Phase::Decided(Outcome::Commit), _) => {}
        }
    }

    /// Its promise is durable: from here on it waits for what others decide.
    fn vote_yes(&mut self, now: Now, fx: &mut Fx) {
        if let Phase::Preparing | Phase::Ready { .. } = self.phase {
            self.phase = Phase::Ready { asked: 0 };
            fx.output(Said::Voted { yes: true });
            fx.send(COORDINATOR, Message::Yes);
            fx.set_timer(Timer::Uncertain, now.mono + UNCERTAIN_TIMEOUT);
        }
    }

    /// Until it has promised anything, a participant may abort by itself.
    fn refuse(&mut self, fx: &mut Fx) {
        fx.output(Said::Voted { yes: false });
        fx.send(COORDINATOR, Message::No);
        self.abort_alone(fx);
    }

    fn abort_alone(&mut self, fx: &mut Fx) {
        fx.cancel_timer(Timer::Prepare);
        self.journal.note(Record::Decided(Outcome::Abort), fx);
        self.phase = Phase::Decided(Outcome::Abort);
        fx.output(Outcome::Abort.said());
    }

    fn on_prepare_timeout(&mut self, fx: &mut Fx) {
        if let Phase::Init = self.phase {
            self.abort_alone(fx);
        }
    }

    fn on_decision(&mut self, outcome: Outcome, fx: &mut Fx) {
        match self.phase {
            Phase::Init | Phase::Preparing | Phase::Ready { .. } => {
                fx.cancel_timer(Timer::Prepare);
                fx.cancel_timer(Timer::Uncertain);
                if self.setup.presume.must_force(outcome) {
                    self.phase = Phase::Deciding;
                    self.journal.force(Record::Decided(outcome), Then::Obey(outcome), fx);
                } else {
                    self.journal.note(Record::Decided(outcome), fx);
                    self.obey(outcome, fx);
                }
            }
            // The acknowledgement was lost.
            Phase::Decided(known) if known == outcome => self.acknowledge(outcome, fx),
            Phase::Decided(_) => {
                fx.output(Said::Note(format!("too late: {}", outcome.word())));
            }
            Phase::Deciding | Phase::Out => {}
        }
    }

    fn obey(&mut self, outcome: Outcome, fx: &mut Fx) {
        self.phase = Phase::Decided(outcome);
        fx.output(outcome.said());
        self.acknowledge(outcome, fx);
    }

    fn acknowledge(&self, outcome: Outcome, fx: &mut Fx) {
        if self.setup.presume.must_force(outcome) {
            fx.send(COORDINATOR, Message::Ack);
        }
    }

    /// In doubt: ask whoever may know. There is nothing else it can do.
    fn on_uncertain_timeout(&mut self, now: Now, fx: &mut Fx) {
        let Phase::Ready { asked } = &mut self.phase else { return };
        *asked += 1;
        let asked = *asked;
        if self.setup.gives_up && asked > ASKS_MAX {
            fx.output(Said::Note("gives up and aborts".to_owned()));
            return self.abort_alone(fx);
        }
        fx.send(COORDINATOR, Message::Ask);
        if self.setup.cooperative {
            let others = self.setup.participants().filter(|name| *name != self.name);
            others.for_each(|other| fx.send(other, Message::Ask));
        }
        let patience = UNCERTAIN_TIMEOUT * 2_u32.pow(asked.min(5));
        fx.set_timer(Timer::Uncertain, now.mono + patience);
    }

    /// Cooperative termination: who has decided tells, who has promised nothing aborts.
    fn on_ask(&mut self, from: Name, fx: &mut Fx) {
        if let Phase::Init = self.phase {
            self.abort_alone(fx);
        }
        match self.phase {
            Phase::Decided(outcome) => fx.send(from, Message::Decision(outcome)),
            Phase::Preparing | Phase::Ready { .. } | Phase::Deciding => {
                fx.send(from, Message::Uncertain);
            }
            Phase::Init | Phase::Out => {}
        }
    }

    pub(super) fn state(&self) -> State {
        let word = match self.phase {
            Phase::Init | Phase::Preparing => "INIT",
            Phase::Ready { .. } | Phase::Deciding => "READY",
            Phase::Decided(outcome) => outcome.word(),
            Phase::Out => "OUT",
        };
        State {
            word: word.to_owned(),
            locks: matches!(self.phase, Phase::Ready { .. } | Phase::Deciding),
            blocked: matches!(self.phase, Phase::Ready { asked: 1.. }),
        }
    }
}
