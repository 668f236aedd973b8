//! Three-phase commit: two-phase commit that does not block when processes crash.
//!
//! D. Skeen, *Nonblocking Commit Protocols*, 1981; the quorum variant after Skeen, *A Quorum-Based
//! Commit Protocol*, 1982, which Keidar and Dolev's E3PC (1995) improves.
//!
//! ```text
//! coordinator   INIT ──commit!──► WAIT ──all vote yes──► PRECOMMIT ──all ack──► COMMIT
//!                                  └──a no, or silence──► ABORT
//!
//! participant   INIT ──votes yes──► READY ──PreCommit──► PRECOMMIT ──DoCommit──► COMMIT
//!                └──votes no──► ABORT ◄──┘ told, or by the rule for silence
//! ```
//!
//! The phase between makes it impossible that one process has committed while another is still in
//! doubt: next to COMMIT there is only PRECOMMIT, in which everybody knows that all voted yes. So
//! who is left can always finish. The price: it takes *silence* for *death*, and is wrong when the
//! network is slow or cut in two.
//!
//! What to do about silence is the difference between the variants:
//!
//! | state | simple (the book's) | skeen | quorum |
//! |---|---|---|---|
//! | INIT | abort | abort | abort |
//! | READY | abort | ask all, then [`termination::judge`] | the same, if enough answer |
//! | PRECOMMIT | **commit** | the same | the same, if enough answer |

mod coordinator;
mod participant;
mod termination;

use crate::journal::Entry;
use crate::judges::{Agreement, CommitValidity, Decides};
use crate::name::Name;
use crate::protocols::two_phase_commit::Outcome;
use crate::said::Said;
use crate::settings::{Reader, SettingError};
use crate::subject::{Birth, State, Subject};
use coordinator::Coordinator;
use participant::Participant;
use std::time::Duration;
use zoarium_process::{Effects, Input, Now, Process, Protocol};
use zoarium_sim::{Checkers, Rng};

/// How long the coordinator waits for answers of one kind.
const ANSWERS_TIMEOUT: Duration = Duration::from_millis(40);
/// How long a participant waits for the coordinator's next word.
const SILENCE_TIMEOUT: Duration = Duration::from_millis(80);
/// How much longer a participant waits than the one before it: the first to lose patience leads.
const STAGGER: Duration = Duration::from_millis(30);

pub(crate) const COORDINATOR: Name = Name::only('c');

/// What coordinator and participants say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    /// Will you commit?
    CanCommit,
    Yes,
    No,
    /// Everybody has voted yes.
    PreCommit,
    /// I know that, for good.
    PreCommitted,
    /// Commit.
    DoCommit,
    /// Abort.
    DoAbort,
    /// I have done as you said.
    Done,
    /// In which state are you? From one who has taken over, or who has come back.
    StateOf,
    /// In this one.
    InState(Standing),
    /// Make up your mind to abort (the quorum variant's counterpart of [`Message::PreCommit`]).
    PreAbort,
    /// I have.
    PreAborted,
}

/// How far a process is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Standing {
    pub(crate) phase: Standpoint,
    /// Whether it has never crashed: who has, may have slept through a decision.
    pub(crate) steady: bool,
}

/// The states of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Standpoint {
    Init,
    Ready,
    PreCommit,
    PreAbort,
    Commit,
    Abort,
}

/// What is written to logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    Ready,
    PreCommit,
    PreAbort,
    Decided(Outcome),
}

/// What is done about silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Simple,
    Skeen,
    Quorum,
}

/// A transaction with its participants.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) participants: u8,
    mode: Mode,
    /// What the coordinator does if an acknowledgement of PreCommit is missing.
    unacknowledged: Outcome,
}

impl Setup {
    fn participants(&self) -> impl Iterator<Item = Name> + use<> {
        Name::all('p', self.participants)
    }

    /// How many participants must know that all voted yes before any may commit.
    fn commit_quorum(&self) -> usize {
        match self.mode {
            Mode::Simple | Mode::Skeen => 0,
            Mode::Quorum => usize::from(self.participants) / 2 + 1,
        }
    }

    /// How many must have turned against it before any may abort. With the other quorum more than
    /// all, so that there are never both.
    fn abort_quorum(&self) -> usize {
        match self.mode {
            Mode::Simple | Mode::Skeen => 0,
            Mode::Quorum => usize::from(self.participants) + 1 - self.commit_quorum(),
        }
    }
}

/// The coordinator or a participant.
#[derive(Debug)]
pub(crate) enum ThreePhase {
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The answers to a question have not all come.
    Answers,
    /// Nothing has been heard of the coordinator.
    Silence,
}

impl Protocol for ThreePhase {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = Entry<Record>;
    type Request = Request;
    type Output = Said;
}

impl Process for ThreePhase {
    fn step(&mut self, now: Now, input: Input<Self>, fx: &mut Effects<Self>) {
        match self {
            Self::Coordinator(coordinator) => coordinator.step(now, input, fx),
            Self::Participant(participant) => participant.step(now, input, fx),
        }
    }
}

impl Subject for ThreePhase {
    type Setup = Setup;

    fn setup(reader: &mut Reader) -> Result<Setup, SettingError> {
        let modes = [("simple", Mode::Simple), ("skeen", Mode::Skeen), ("quorum", Mode::Quorum)];
        let outcomes = [("commit", Outcome::Commit), ("abort", Outcome::Abort)];
        Ok(Setup {
            participants: reader.number("participants", "how many take part", 3, 1..=9)?,
            mode: reader.choice("mode", "what participants do about silence", &modes)?,
            unacknowledged: reader.choice(
                "unacknowledged",
                "what the coordinator does if a PreCommit is not acknowledged",
                &outcomes,
            )?,
        })
    }

    fn cast(setup: &Setup) -> Vec<(Name, &'static str)> {
        let participants = setup.participants().map(|name| (name, "participant"));
        [(COORDINATOR, "coordinator")].into_iter().chain(participants).collect()
    }

    fn start(setup: &Setup, birth: Birth<'_, Entry<Record>>) -> Self {
        let last = birth.records.last().map(|entry| &entry.record);
        if birth.name == COORDINATOR {
            Self::Coordinator(Coordinator::recover(setup.clone(), birth.restarts, last))
        } else {
            Self::Participant(Participant::recover(setup.clone(), &birth, last))
        }
    }

    fn request(to: Name, words: &str) -> Result<Request, String> {
        match (to == COORDINATOR, words) {
            (true, "commit") => Ok(Request::Commit),
            (false, "refuse") => Ok(Request::Refuse),
            (true, _) => Err("the coordinator is asked to commit".to_owned()),
            (false, _) => Err("a participant is told to refuse".to_owned()),
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
        vec![Box::new(Decides::new(rule, setup.participants()))]
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

impl Message {
    const fn tells(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Commit => Self::DoCommit,
            Outcome::Abort => Self::DoAbort,
        }
    }
}

impl Standpoint {
    const fn decided(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Commit => Self::Commit,
            Outcome::Abort => Self::Abort,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Ready => "READY",
            Self::PreCommit => "PRECOMMIT",
            Self::PreAbort => "PREABORT",
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
        }
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let back = if self.steady { "" } else { ", back" };
        write!(out, "{}{back}", self.phase.word())
    }
}
