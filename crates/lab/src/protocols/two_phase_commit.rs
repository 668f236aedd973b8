//! Two-phase commit: all participants of a transaction commit it, or none does.
//!
//! J. Gray, *Notes on Data Base Operating Systems*, 1978. Recovery and the cooperative termination
//! protocol as in Bernstein, Hadzilacos and Goodman, *Concurrency Control and Recovery in Database
//! Systems*, 1987, §7.4; presumptions as in Mohan, Lindsay and Obermarck, *Transaction Management
//! in the R\* Distributed Database Management System*, 1986.
//!
//! ```text
//! coordinator   INIT ──commit!──► WAIT ──all vote yes──► COMMIT ──all ack──► END
//!                                  └──a no, or silence──► ABORT ─────────────┘
//!
//! participant   INIT ──votes yes──► READY ──told──► COMMIT or ABORT
//!                └──votes no, or silence──► ABORT
//! ```
//!
//! A participant that is READY has given its word and does not know the outcome. It may neither
//! commit nor abort by itself, and holds its locks until it is told: if nobody who knows can be
//! reached, it is blocked.

mod coordinator;
mod participant;

use crate::exhaust::Searchable;
use crate::journal::Entry;
use crate::judges::{Agreement, CommitValidity, Decides};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::settings::{Reader, SettingError};
use crate::subject::{Birth, State, Subject};
use coordinator::Coordinator;
use participant::Participant;
use std::time::Duration;
use zoarium_process::{Effects, Input, Now, Process, Protocol};
use zoarium_sim::{Checkers, Rng};

/// How long the coordinator waits for votes.
const VOTES_TIMEOUT: Duration = Duration::from_millis(60);
/// How long it waits for acknowledgements before it says its decision again.
const ACKS_TIMEOUT: Duration = Duration::from_millis(60);
/// How long a participant waits to be asked for its vote.
const PREPARE_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a participant that is READY waits before it asks; then twice as long each time.
const UNCERTAIN_TIMEOUT: Duration = Duration::from_millis(60);
/// How often a participant asks before it gives up, if it is one that does.
const ASKS_MAX: u32 = 1;

pub(crate) const COORDINATOR: Name = Name::only('c');

/// What becomes of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    Commit,
    Abort,
}

/// What participants and coordinator say to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// Will you commit?
    Prepare,
    /// I will, whatever happens to me.
    Yes,
    /// I will not; I have aborted.
    No,
    /// I have only read: do as you like, and leave me out of it.
    ReadOnly,
    /// This is the outcome.
    Decision(Outcome),
    /// I know the outcome for good.
    Ack,
    /// What is the outcome?
    Ask,
    /// I do not know it either.
    Uncertain,
}

/// What coordinator and participants write to their logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    /// The coordinator has begun.
    Begin,
    /// The participant has promised to commit if it is told to.
    Prepared,
    /// The outcome.
    Decided(Outcome),
    /// Everyone knows the outcome.
    End,
}

/// What a coordinator that has forgotten a transaction takes its outcome to be. What is presumed
/// need neither be logged by force nor acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Presume {
    /// Nothing: every outcome is acknowledged.
    Nothing,
    Abort,
    Commit,
}

impl Presume {
    /// Whether an outcome must be made durable at once and acknowledged.
    fn must_force(self, outcome: Outcome) -> bool {
        match self {
            Self::Nothing => true,
            Self::Abort => outcome == Outcome::Commit,
            Self::Commit => outcome == Outcome::Abort,
        }
    }

    /// What is answered about a transaction of which nothing is known.
    fn of_the_unknown(self) -> Outcome {
        match self {
            Self::Nothing | Self::Abort => Outcome::Abort,
            Self::Commit => Outcome::Commit,
        }
    }
}

/// A transaction with its participants.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Setup {
    pub(crate) participants: u8,
    presume: Presume,
    /// Whether a participant in doubt asks the others too, and not only the coordinator.
    cooperative: bool,
    /// Whether a participant in doubt aborts after a while, as an operator might make it do.
    gives_up: bool,
}

impl Setup {
    fn participants(&self) -> impl Iterator<Item = Name> + use<> {
        Name::all('p', self.participants)
    }
}

/// The coordinator or a participant.
#[derive(Clone, Debug, Hash)]
pub(crate) enum TwoPhase {
    Coordinator(Coordinator),
    Participant(Participant),
}

/// What a script can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The coordinator: commit the transaction.
    Commit,
    /// A participant: vote no when you are asked.
    Refuse,
    /// A participant: you have only read.
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    Votes,
    Acks,
    Prepare,
    Uncertain,
}

impl Protocol for TwoPhase {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = Entry<Record>;
    type Request = Request;
    type Output = Said;
}

impl Process for TwoPhase {
    fn step(&mut self, now: Now, input: Input<Self>, fx: &mut Effects<Self>) {
        match self {
            Self::Coordinator(coordinator) => coordinator.step(now, input, fx),
            Self::Participant(participant) => participant.step(now, input, fx),
        }
    }
}

impl Subject for TwoPhase {
    type Setup = Setup;

    fn setup(reader: &mut Reader) -> Result<Setup, SettingError> {
        let presumptions =
            [("nothing", Presume::Nothing), ("abort", Presume::Abort), ("commit", Presume::Commit)];
        Ok(Setup {
            participants: reader.number("participants", "how many take part", 3, 1..=9)?,
            presume: reader.choice("presume", "what a forgotten outcome was", &presumptions)?,
            cooperative: reader.flag("cooperative", "whether participants ask each other")?,
            gives_up: reader.flag("gives-up", "whether a participant in doubt aborts")?,
        })
    }

    fn cast(setup: &Setup) -> Vec<(Name, &'static str)> {
        let participants = setup.participants().map(|name| (name, "participant"));
        [(COORDINATOR, "coordinator")].into_iter().chain(participants).collect()
    }

    fn start(setup: &Setup, birth: Birth<'_, Entry<Record>>) -> Self {
        let records: Vec<&Record> = birth.records.iter().map(|entry| &entry.record).collect();
        if birth.name == COORDINATOR {
            Self::Coordinator(Coordinator::recover(setup.clone(), &records))
        } else {
            Self::Participant(Participant::recover(setup.clone(), birth, &records))
        }
    }

    fn request(to: Name, words: &str) -> Result<Request, String> {
        match (to == COORDINATOR, words) {
            (true, "commit") => Ok(Request::Commit),
            (false, "refuse") => Ok(Request::Refuse),
            (false, "read") => Ok(Request::Read),
            (true, _) => Err("the coordinator is asked to commit".to_owned()),
            (false, _) => Err("a participant is told to refuse or to read".to_owned()),
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Coordinator(coordinator) => coordinator.state(),
            Self::Participant(participant) => participant.state(),
        }
    }

    fn round(_: &Message) -> Option<u64> {
        None
    }

    fn is_forced(entry: &Entry<Record>) -> bool {
        entry.forced
    }

    fn judges(setup: &Setup) -> Checkers<Self> {
        vec![Box::new(Agreement::default()), Box::new(CommitValidity::new(setup.participants()))]
    }

    fn liveness(setup: &Setup, rule: &'static str) -> Checkers<Self> {
        let decides = Decides::new(rule, setup.participants());
        vec![Box::new(if setup.cooperative { decides.by(COORDINATOR) } else { decides })]
    }

    /// Commit, and now and then someone who refuses.
    fn workload(setup: &Setup, rng: &mut Rng) -> Vec<(u64, Name, String)> {
        let mut workload = vec![(10, COORDINATOR, "commit".to_owned())];
        for participant in setup.participants() {
            if rng.below(8) == 0 {
                workload.push((1, participant, "refuse".to_owned()));
            }
        }
        workload
    }
}

impl Searchable for TwoPhase {}

impl Outcome {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
        }
    }

    pub(crate) fn said(self) -> Said {
        Said::Decided(Value::from(self.word()))
    }
}
