//! The ones who vote, and go on by themselves when nobody leads them.

use super::termination::{Judgement, judge};
use super::{
    ANSWERS_TIMEOUT, COORDINATOR, Message, Mode, Record, Request, SILENCE_TIMEOUT, STAGGER, Setup,
    Standing, Standpoint, ThreePhase, Timer,
};
use crate::journal::{Entry, Journal};
use crate::name::Name;
use crate::protocols::two_phase_commit::Outcome;
use crate::said::Said;
use crate::subject::{Birth, State};
use std::collections::{BTreeMap, BTreeSet};
use zoarium_process::{Effects, Input, Now};

type Fx = Effects<ThreePhase>;

/// A participant.
#[derive(Debug)]
pub(crate) struct Participant {
    name: Name,
    setup: Setup,
    standing: Standing,
    /// As far as it is durable: what others may rely on.
    durable: Standing,
    refuses: bool,
    /// Whether it has taken the coordinator's place.
    command: Command,
    journal: Journal<Then>,
}

/// What a participant does in the coordinator's place.
#[derive(Debug)]
enum Command {
    No,
    /// It collects states.
    Asking(BTreeMap<Name, Standing>),
    /// It waits for those who do not yet lean to this outcome.
    Leaning(Outcome, BTreeSet<Name>),
    /// It has asked, and too few have answered.
    Stuck,
}

/// What to do when a record is durable.
#[derive(Debug)]
enum Then {
    VoteYes,
    SayPreCommitted(Name),
    SayPreAborted(Name),
    /// The one that leads has itself come to lean to this.
    Lean(Standpoint),
    /// Say what is decided: the one that leads to all, the others to who told them.
    Tell(Outcome),
    Done(Outcome, Name),
}

impl Participant {
    pub(super) fn recover(
        setup: Setup,
        birth: &Birth<'_, Entry<Record>>,
        last: Option<&Record>,
    ) -> Self {
        let phase = match last {
            Some(Record::Decided(outcome)) => Standpoint::decided(*outcome),
            Some(Record::PreAbort) => Standpoint::PreAbort,
            Some(Record::PreCommit) => Standpoint::PreCommit,
            Some(Record::Ready) => Standpoint::Ready,
            None if birth.restarts > 0 => Standpoint::Abort,
            None => Standpoint::Init,
        };
        let standing = Standing { phase, steady: birth.restarts == 0 };
        let (command, journal) = (Command::No, Journal::default());
        Self {
            name: birth.name,
            setup,
            standing,
            durable: standing,
            refuses: false,
            command,
            journal,
        }
    }

    pub(super) fn step(&mut self, now: Now, input: Input<ThreePhase>, fx: &mut Fx) {
        match input {
            Input::Start => self.on_start(now, fx),
            Input::Request(Request::Refuse) => self.refuses = true,
            Input::Message { message: Message::CanCommit, .. } => self.on_can_commit(now, fx),
            Input::Message { from, message: Message::PreCommit } => {
                self.on_pre_commit(now, from, fx);
            }
            Input::Message { from, message: Message::PreAbort } => self.on_pre_abort(now, from, fx),
            Input::Message { from, message: Message::DoCommit } => {
                self.on_decision(Outcome::Commit, from, fx);
            }
            Input::Message { from, message: Message::DoAbort } => {
                self.on_decision(Outcome::Abort, from, fx);
            }
            Input::Message { from, message: Message::StateOf } => self.on_state_of(now, from, fx),
            Input::Message { from, message: Message::InState(standing) } => {
                self.on_in_state(now, from, standing, fx);
            }
            Input::Message { from, message: Message::PreCommitted | Message::PreAborted } => {
                self.on_leans(from, fx);
            }
            Input::Timer(Timer::Silence) => self.on_silence(now, fx),
            Input::Timer(Timer::Answers) => self.on_answers_timeout(now, fx),
            Input::Persisted { upto } => {
                for then in self.journal.durable(upto) {
                    self.on_durable(then, fx);
                }
            }
            // These are for the coordinator.
            Input::Request(Request::Commit)
            | Input::Message { message: Message::Yes | Message::No | Message::Done, .. }
            | Input::LinkUp(_)
            | Input::LinkDown(_) => {}
        }
    }

    fn on_start(&mut self, now: Now, fx: &mut Fx) {
        match self.standing.phase {
            Standpoint::Commit => fx.output(Outcome::Commit.said()),
            Standpoint::Abort => fx.output(Outcome::Abort.said()),
            Standpoint::Init | Standpoint::Ready | Standpoint::PreCommit | Standpoint::PreAbort => {
                self.wait(now, fx);
            }
        }
    }

    /// The lower the number, the sooner it loses patience: one leads, the others answer.
    fn wait(&self, now: Now, fx: &mut Fx) {
        let patience = SILENCE_TIMEOUT + STAGGER * (u32::from(self.name.number()) - 1);
        fx.set_timer(Timer::Silence, now.mono + patience);
    }

    fn on_can_commit(&mut self, now: Now, fx: &mut Fx) {
        match self.standing.phase {
            Standpoint::Init if self.refuses => {
                fx.output(Said::Voted { yes: false });
                fx.send(COORDINATOR, Message::No);
                self.decide_alone(Outcome::Abort, fx);
            }
            Standpoint::Init => {
                self.standing.phase = Standpoint::Ready;
                self.journal.force(Record::Ready, Then::VoteYes, fx);
                self.wait(now, fx);
            }
            Standpoint::Abort => fx.send(COORDINATOR, Message::No),
            Standpoint::Ready
            | Standpoint::PreCommit
            | Standpoint::PreAbort
            | Standpoint::Commit => {}
        }
    }

    fn on_pre_commit(&mut self, now: Now, from: Name, fx: &mut Fx) {
        match self.standing.phase {
            Standpoint::Ready => {
                self.standing.phase = Standpoint::PreCommit;
                self.journal.force(Record::PreCommit, Then::SayPreCommitted(from), fx);
                self.wait(now, fx);
            }
            Standpoint::PreCommit => fx.send(from, Message::PreCommitted),
            // Who has turned against it stays so.
            Standpoint::PreAbort | Standpoint::Init | Standpoint::Commit | Standpoint::Abort => {}
        }
    }

    fn on_pre_abort(&mut self, now: Now, from: Name, fx: &mut Fx) {
        match self.standing.phase {
            Standpoint::Ready => {
                self.standing.phase = Standpoint::PreAbort;
                self.journal.force(Record::PreAbort, Then::SayPreAborted(from), fx);
                self.wait(now, fx);
            }
            Standpoint::PreAbort => fx.send(from, Message::PreAborted),
            Standpoint::PreCommit | Standpoint::Init | Standpoint::Commit | Standpoint::Abort => {}
        }
    }

    fn on_decision(&mut self, outcome: Outcome, from: Name, fx: &mut Fx) {
        match self.decided() {
            None => {
                self.command = Command::No;
                self.standing.phase = Standpoint::decided(outcome);
                fx.cancel_timer(Timer::Silence);
                fx.cancel_timer(Timer::Answers);
                self.journal.force(Record::Decided(outcome), Then::Done(outcome, from), fx);
            }
            Some(known) if known == outcome => fx.send(from, Message::Done),
            Some(_) => fx.output(Said::Note(format!("too late: {}", outcome.word()))),
        }
    }

    /// The coordinator is silent.
    fn on_silence(&mut self, now: Now, fx: &mut Fx) {
        match (self.standing.phase, self.setup.mode) {
            (Standpoint::Init, _) => self.decide_alone(Outcome::Abort, fx),
            (Standpoint::Ready, Mode::Simple) => self.decide_alone(Outcome::Abort, fx),
            (Standpoint::PreCommit, Mode::Simple) => self.decide_alone(Outcome::Commit, fx),
            (Standpoint::Ready | Standpoint::PreCommit | Standpoint::PreAbort, _) => {
                self.take_over(now, fx);
            }
            (Standpoint::Commit | Standpoint::Abort, _) => {}
        }
    }

    fn decide_alone(&mut self, outcome: Outcome, fx: &mut Fx) {
        fx.cancel_timer(Timer::Silence);
        self.journal.note(Record::Decided(outcome), fx);
        self.standing.phase = Standpoint::decided(outcome);
        self.durable.phase = self.standing.phase;
        fx.output(outcome.said());
    }

    /// Termination: ask all who are left for their states.
    fn take_over(&mut self, now: Now, fx: &mut Fx) {
        self.command = Command::Asking(BTreeMap::from([(self.name, self.standing)]));
        self.others().for_each(|other| fx.send(other, Message::StateOf));
        fx.send(COORDINATOR, Message::StateOf);
        fx.set_timer(Timer::Answers, now.mono + ANSWERS_TIMEOUT);
        self.wait(now, fx);
    }

    /// Someone else has taken over, or is back: answer, and let it lead.
    fn on_state_of(&mut self, now: Now, from: Name, fx: &mut Fx) {
        fx.send(from, Message::InState(self.durable));
        if self.decided().is_none() && from < self.name && from != COORDINATOR {
            self.command = Command::No;
            fx.cancel_timer(Timer::Answers);
            self.wait(now, fx);
        }
    }

    fn on_in_state(&mut self, now: Now, from: Name, standing: Standing, fx: &mut Fx) {
        let Command::Asking(answers) = &mut self.command else { return };
        answers.insert(from, standing);
        if answers.len() == usize::from(self.setup.participants) {
            self.on_answers_timeout(now, fx);
        }
    }

    /// Whoever has not answered will not.
    fn on_answers_timeout(&mut self, now: Now, fx: &mut Fx) {
        match &self.command {
            Command::Asking(answers) => match judge(&self.setup, answers) {
                Judgement::Decide(outcome) => self.decide(outcome, fx),
                Judgement::Lean(outcome) => self.lean(now, outcome, fx),
                Judgement::Wait => {
                    self.command = Command::Stuck;
                    fx.output(Said::Note("too few are left to decide".to_owned()));
                }
            },
            // Those who could not be brought to it are dead, or it takes more than are here.
            Command::Leaning(outcome, missing) => {
                let leaning = usize::from(self.setup.participants) - missing.len();
                let needed = match outcome {
                    Outcome::Commit => self.setup.commit_quorum(),
                    Outcome::Abort => self.setup.abort_quorum(),
                };
                if leaning >= needed {
                    self.decide(*outcome, fx);
                } else {
                    self.command = Command::Stuck;
                }
            }
            Command::No | Command::Stuck => {}
        }
    }

    /// Brings all who answered to one mind, itself first.
    fn lean(&mut self, now: Now, outcome: Outcome, fx: &mut Fx) {
        let (record, message, phase) = match outcome {
            Outcome::Commit => (Record::PreCommit, Message::PreCommit, Standpoint::PreCommit),
            Outcome::Abort => (Record::PreAbort, Message::PreAbort, Standpoint::PreAbort),
        };
        let mut missing: BTreeSet<Name> = self.others().collect();
        if self.standing.phase != phase {
            missing.insert(self.name);
        }
        if self.standing.phase == Standpoint::Ready {
            self.standing.phase = phase;
            self.journal.force(record, Then::Lean(phase), fx);
        }
        self.others().for_each(|other| fx.send(other, message.clone()));
        self.command = Command::Leaning(outcome, missing);
        fx.set_timer(Timer::Answers, now.mono + ANSWERS_TIMEOUT);
    }

    fn on_leans(&mut self, from: Name, fx: &mut Fx) {
        let Command::Leaning(outcome, missing) = &mut self.command else { return };
        missing.remove(&from);
        if missing.is_empty() {
            let outcome = *outcome;
            self.decide(outcome, fx);
        }
    }

    fn decide(&mut self, outcome: Outcome, fx: &mut Fx) {
        self.command = Command::No;
        self.standing.phase = Standpoint::decided(outcome);
        fx.cancel_timer(Timer::Answers);
        fx.cancel_timer(Timer::Silence);
        self.journal.force(Record::Decided(outcome), Then::Tell(outcome), fx);
    }

    fn on_durable(&mut self, then: Then, fx: &mut Fx) {
        match then {
            Then::VoteYes => {
                self.durable.phase = Standpoint::Ready;
                fx.output(Said::Voted { yes: true });
                fx.send(COORDINATOR, Message::Yes);
            }
            Then::SayPreCommitted(to) => {
                self.durable.phase = Standpoint::PreCommit;
                fx.send(to, Message::PreCommitted);
            }
            Then::SayPreAborted(to) => {
                self.durable.phase = Standpoint::PreAbort;
                fx.send(to, Message::PreAborted);
            }
            Then::Lean(phase) => {
                self.durable.phase = phase;
                self.on_leans(self.name, fx);
            }
            Then::Tell(outcome) => {
                self.durable.phase = Standpoint::decided(outcome);
                fx.output(outcome.said());
                self.others().for_each(|other| fx.send(other, Message::tells(outcome)));
                fx.send(COORDINATOR, Message::tells(outcome));
            }
            Then::Done(outcome, told_by) => {
                self.durable.phase = Standpoint::decided(outcome);
                fx.output(outcome.said());
                fx.send(told_by, Message::Done);
            }
        }
    }

    const fn decided(&self) -> Option<Outcome> {
        match self.standing.phase {
            Standpoint::Commit => Some(Outcome::Commit),
            Standpoint::Abort => Some(Outcome::Abort),
            Standpoint::Init | Standpoint::Ready | Standpoint::PreCommit | Standpoint::PreAbort => {
                None
            }
        }
    }

    fn others(&self) -> impl Iterator<Item = Name> + use<> {
        let me = self.name;
        self.setup.participants().filter(move |name| *name != me)
    }

    pub(super) fn state(&self) -> State {
        let waits = matches!(
            self.standing.phase,
            Standpoint::Ready | Standpoint::PreCommit | Standpoint::PreAbort
        );
        let leads = !matches!(self.command, Command::No);
        let takes_over = if leads { ", leads" } else { "" };
        State {
            word: format!("{}{takes_over}", self.standing.phase.word()),
            locks: waits,
            blocked: matches!(self.command, Command::Stuck),
        }
    }
}
