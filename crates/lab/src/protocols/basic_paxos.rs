//! Basic Paxos: processes agree on one value, whatever crashes, is lost, or comes late.
//!
//! L. Lamport, *The Part-Time Parliament*, 1998; *Paxos Made Simple*, 2001. Quorums of different
//! sizes for the two phases as in Howard, Malkhi and Spiegelman, *Flexible Paxos*, 2016.
//!
//! ```text
//! proposer                       acceptors                      learner
//!    │── 1a Prepare(b) ────────────►│  promise: nothing below b      │
//!    │◄─ 1b Promise(b, accepted) ───│  (durable)                     │
//!    │      a quorum has promised: take the value of the highest     │
//!    │      ballot among their accepted ones, or one's own           │
//!    │── 2a Accept(b, v) ──────────►│  unless promised to a higher   │
//!    │◄─ 2b Accepted(b, v) ─────────│  (durable)                     │
//!    │      a quorum has accepted: v is chosen                       │
//!    │── Learn(v) ──────────────────┼───────────────────────────────►│
//! ```
//!
//! Why it is safe: any two quorums share an acceptor, and who asks for promises in ballot b hears
//! from that one what may have been chosen below b. So no two ballots choose differently. Why it
//! need not end: two proposers can take the promises away from each other for ever (Fischer, Lynch
//! and Paterson, 1985, say that something like this must be possible).

mod acceptor;
mod learner;
mod proposer;

use crate::exhaust::Searchable;
use crate::journal::Entry;
use crate::judges::{Agreement, Decides, Validity};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::settings::{Reader, SettingError};
use crate::subject::{Birth, State, Subject, Vote};
use crate::tally::OneChosen;
use acceptor::Acceptor;
use learner::Learner;
use proposer::Proposer;
use std::fmt;
use std::time::Duration;
use zoarium_process::{Effects, Input, Now, Process, Protocol};
use zoarium_sim::{Checkers, Rng};

/// A ballot: rounds are counted by each proposer, and its name makes them its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ballot {
    pub(crate) round: u64,
    pub(crate) proposer: Name,
}

impl Ballot {
    /// As a number that sorts like it.
    pub(crate) fn rank(self) -> u64 {
        self.round * 16 + u64::from(self.proposer.number())
    }
}

impl fmt::Debug for Ballot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.round, self.proposer)
    }
}

/// What an acceptor has accepted last, if anything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Accepted(pub(crate) Option<(Ballot, Value)>);

impl fmt::Debug for Accepted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((ballot, value)) => write!(out, "{value} in {ballot:?}"),
            None => write!(out, "nothing"),
        }
    }
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// 1a: will you promise to take part in no ballot below this one?
    Prepare(Ballot),
    /// 1b: I do, and this I have accepted before.
    Promise(Ballot, Accepted),
    /// 2a: accept this.
    Accept(Ballot, Value),
    /// 2b: I have.
    Accepted(Ballot, Value),
    /// No: I have promised this ballot.
    Nack(Ballot),
    /// This value is chosen.
    Learn(Value),
    /// Propose this for me. To the leader.
    Forward(Value),
    /// What have you accepted? From a learner that has heard nothing.
    Query,
}

/// What is made durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    Promised(Ballot),
    Accepted(Ballot, Value),
    /// The proposer will use rounds up to this one only. Written ahead of need.
    Rounds(u64),
}

/// What a proposer does when its ballot comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Retry {
    /// It tries again at once.
    AtOnce,
    /// It waits a random time first, twice as long on average with each failure.
    Backoff,
    /// Only the distinguished proposer, the first, tries again; others hand it their values.
    Leader,
}

/// What is wrong with the implementation, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    None,
    /// All proposers count the same ballots.
    SharedBallots,
    /// A proposer takes any accepted value that was reported, not that of the highest ballot.
    AnyValue,
}

/// Who tells the learners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Announce {
    Proposer,
    Acceptors,
}

/// Who takes part.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Setup {
    pub(crate) proposers: u8,
    pub(crate) acceptors: u8,
    pub(crate) learners: u8,
    prepare_quorum: usize,
    pub(crate) accept_quorum: usize,
    retry: Retry,
    announce: Announce,
    patience: Duration,
    asks: bool,
    flaw: Flaw,
}

impl Setup {
    pub(crate) fn acceptors(&self) -> impl Iterator<Item = Name> + use<> {
        Name::all('a', self.acceptors)
    }

    pub(crate) fn learners(&self) -> impl Iterator<Item = Name> + use<> {
        Name::all('l', self.learners)
    }
}

/// A proposer, an acceptor or a learner.
#[derive(Clone, Debug, Hash)]
pub(crate) enum BasicPaxos {
    Proposer(Proposer),
    Acceptor(Acceptor),
    Learner(Learner),
}

/// What a script can ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    /// A proposer: get this value chosen.
    Propose(Value),
    /// A learner: ask what you have missed.
    CatchUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// The ballot takes too long, or it is time for another.
    Retry,
    /// The learner has heard nothing.
    Ask,
}

impl Protocol for BasicPaxos {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = Entry<Record>;
    type Request = Request;
    type Output = Said;
}

impl Process for BasicPaxos {
    fn step(&mut self, now: Now, input: Input<Self>, fx: &mut Effects<Self>) {
        match self {
            Self::Proposer(proposer) => proposer.step(now, input, fx),
            Self::Acceptor(acceptor) => acceptor.step(input, fx),
            Self::Learner(learner) => learner.step(now, input, fx),
        }
    }
}

impl Subject for BasicPaxos {
    type Setup = Setup;

    fn setup(reader: &mut Reader) -> Result<Setup, SettingError> {
        let acceptors = reader.number("acceptors", "how many acceptors", 3, 0..=9)?;
        let majority = usize::from(acceptors) / 2 + 1;
        let retries =
            [("at-once", Retry::AtOnce), ("backoff", Retry::Backoff), ("leader", Retry::Leader)];
        let announcers = [("proposer", Announce::Proposer), ("acceptors", Announce::Acceptors)];
        let flaws = [
            ("none", Flaw::None),
            ("shared-ballots", Flaw::SharedBallots),
            ("any-value", Flaw::AnyValue),
        ];
        let setup = Setup {
            proposers: reader.number("proposers", "how many proposers", 1, 1..=9)?,
            acceptors,
            learners: reader.number("learners", "how many learners", 1, 0..=9)?,
            prepare_quorum: reader.number(
                "prepare-quorum",
                "how many promises a ballot needs (a majority, unless told)",
                majority,
                0..=9,
            )?,
            accept_quorum: reader.number(
                "accept-quorum",
                "how many acceptances choose a value (a majority, unless told)",
                majority,
                0..=9,
            )?,
            retry: reader.choice("retry", "what a proposer does after a nack", &retries)?,
            announce: reader.choice("announce", "who tells the learners", &announcers)?,
            patience: reader.millis("patience", "how long a ballot may take, in ms", 100)?,
            asks: reader.flag("learners-ask", "whether learners ask by themselves")?,
            flaw: reader.choice("flaw", "what is wrong with the implementation", &flaws)?,
        };
        let anyway = reader.flag("anyway", "play what cannot be safe")?;
        if anyway { Ok(setup) } else { setup.checked() }
    }

    fn cast(setup: &Setup) -> Vec<(Name, &'static str)> {
        let proposers = Name::all('p', setup.proposers).map(|name| (name, "proposer"));
        let acceptors = setup.acceptors().map(|name| (name, "acceptor"));
        let learners = setup.learners().map(|name| (name, "learner"));
        proposers.chain(acceptors).chain(learners).collect()
    }

    fn start(setup: &Setup, birth: Birth<'_, Entry<Record>>) -> Self {
        match birth.name.kind() {
            'p' => Self::Proposer(Proposer::recover(setup.clone(), &birth)),
            'a' => Self::Acceptor(Acceptor::recover(setup.clone(), birth.records)),
            _ => Self::Learner(Learner::new(setup.clone())),
        }
    }

    fn request(to: Name, words: &str) -> Result<Request, String> {
        match (to.kind(), words.split_once(' ')) {
            ('p', Some(("propose", value))) => Ok(Request::Propose(value.into())),
            ('l', None) if words == "catch-up" => Ok(Request::CatchUp),
            ('p', _) => Err("a proposer is asked to propose a value".to_owned()),
            ('l', _) => Err("a learner is asked to catch-up".to_owned()),
            _ => Err("acceptors are asked by proposers".to_owned()),
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Proposer(proposer) => proposer.state(),
            Self::Acceptor(acceptor) => acceptor.state(),
            Self::Learner(learner) => learner.state(),
        }
    }

    fn round(message: &Message) -> Option<u64> {
        match message {
            Message::Prepare(ballot)
            | Message::Promise(ballot, _)
            | Message::Accept(ballot, _)
            | Message::Accepted(ballot, _)
            | Message::Nack(ballot) => Some(ballot.rank()),
            Message::Learn(_) | Message::Forward(_) | Message::Query => None,
        }
    }

    fn is_forced(entry: &Entry<Record>) -> bool {
        entry.forced
    }

    fn vote(_: Name, entry: &Entry<Record>) -> Option<Vote> {
        match &entry.record {
            Record::Accepted(ballot, value) => {
                Some(Vote { slot: 0, round: ballot.rank(), value: value.clone() })
            }
            Record::Promised(_) | Record::Rounds(_) => None,
        }
    }

    fn votes_needed(setup: &Setup, _: u64) -> usize {
        setup.accept_quorum
    }

    fn judges(setup: &Setup) -> Checkers<Self> {
        vec![
            Box::new(OneChosen::new(setup)),
            Box::new(Agreement::default()),
            Box::new(Validity::default()),
        ]
    }

    fn liveness(_: &Setup, rule: &'static str) -> Checkers<Self> {
        vec![Box::new(Decides::new(rule, []))]
    }

    /// Every proposer proposes a value of its own.
    fn workload(setup: &Setup, rng: &mut Rng) -> Vec<(u64, Name, String)> {
        let proposers = Name::all('p', setup.proposers);
        let propose = |name| (10 + rng.below(120), name, format!("propose v-{name}"));
        proposers.map(propose).collect()
    }
}

impl Searchable for BasicPaxos {
    fn is_stale(&self, message: &Message) -> bool {
        match self {
            Self::Proposer(proposer) => proposer.is_stale(message),
            Self::Acceptor(_) | Self::Learner(_) => false,
        }
    }
}

impl Setup {
    /// # Errors
    /// If two quorums need not meet, or there can be none.
    fn checked(self) -> Result<Self, SettingError> {
        let (all, prepare, accept) =
            (usize::from(self.acceptors), self.prepare_quorum, self.accept_quorum);
        if all == 0 {
            return Err(SettingError::Impossible {
                what: "there are no acceptors, so nobody can remember what was chosen".to_owned(),
                theorem: "the need for 2f + 1 acceptors to survive f crashes, here 1 for none \
                          (Lamport, The Part-Time Parliament, 1998)",
            });
        }
        if prepare.max(accept) > all {
            return Err(SettingError::Impossible {
                what: format!(
                    "quorums of {prepare} and {accept} among {all} acceptors never meet \
                               in full"
                ),
                theorem: "liveness: a quorum must be a set of acceptors (Lamport, Paxos Made \
                          Simple, 2001, §2.2)",
            });
        }
        if prepare + accept <= all {
            return Err(SettingError::Impossible {
                what: format!(
                    "a prepare quorum of {prepare} and an accept quorum of {accept} of {all} \
                     acceptors need not share an acceptor"
                ),
                theorem: "the quorum intersection Q1 + Q2 > N (Howard, Malkhi and Spiegelman, \
                          Flexible Paxos, 2016; with Q1 = Q2 the majorities of Lamport's B2)",
            });
        }
        Ok(self)
    }
}
