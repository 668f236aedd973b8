//! Fast Paxos: Paxos that saves the way over the leader when nobody else proposes at the same time.
//!
//! L. Lamport, *Fast Paxos*, Distributed Computing 19:2, 2006.
//!
//! ```text
//! coordinator ── Prepare(1), Promise, Any(1) ──► acceptors      once, ahead of time
//!
//! client ── Propose(v) ──► acceptors ── Voted(1, v) ──► learners, coordinator
//!                          the first proposal that comes has their vote
//! ```
//!
//! A value is chosen in a fast round when a *fast quorum* has voted for it, in two message delays.
//! If two clients propose at once their votes may split so that no value can get there: a
//! collision. Then the coordinator must find out, from a classic quorum, which value may have been
//! chosen all the same. For there to be at most one such value, any two fast quorums and any
//! classic quorum must have an acceptor in common: so fast quorums are larger than majorities.
//!
//! | how a collision is resolved | delays | |
//! |---|---|---|
//! | restart | 4 | a classic round from its phase 1 |
//! | coordinated | 2 | the votes count as promises for the next, classic round |
//! | uncoordinated | 1 | acceptors hear each other's votes and draw the same conclusion |

mod acceptor;
mod client;
mod coordinator;
mod value_rule;

use crate::journal::Entry;
use crate::judges::{Agreement, Decides, Validity};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::settings::{Reader, SettingError};
use crate::subject::{Birth, State, Subject, Vote};
use crate::tally::OneChosen;
use acceptor::Acceptor;
use client::{Client, Learner};
use coordinator::Coordinator;
use std::fmt;
use std::time::Duration;
use zoarium_process::{Effects, Input, Now, Process, Protocol};
use zoarium_sim::{Checkers, Rng};

pub(crate) const COORDINATOR: Name = Name::only('c');

/// How long a round may take, once someone is known to have proposed.
const ROUND_TIMEOUT: Duration = Duration::from_millis(60);
/// How long a client waits before it asks the coordinator for help.
const CLIENT_TIMEOUT: Duration = Duration::from_millis(120);

/// A round's number. The first is fast.
pub(crate) type Round = u64;

/// The last vote of an acceptor, if it has voted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct LastVote(pub(crate) Option<(Round, Value)>);

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    /// A client's value: to acceptors in a fast round, to the coordinator if that does not help.
    Propose(Value),
    /// 1a.
    Prepare(Round),
    /// 1b.
    Promise(Round, LastVote),
    /// 2a of a fast round: vote for whatever a client proposes.
    Any(Round),
    /// 2a of a classic round.
    Accept(Round, Value),
    /// 2b.
    Voted(Round, Value),
    /// This is chosen.
    Learn(Value),
}

/// What is made durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    Promised(Round),
    Voted(Round, Value),
    /// The coordinator will use rounds up to this one only. Written ahead of need.
    Rounds(Round),
}

/// How a collision is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    Coordinated,
    Uncoordinated,
    Restart,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) clients: u8,
    pub(crate) acceptors: u8,
    pub(crate) learners: u8,
    pub(crate) classic_quorum: usize,
    pub(crate) fast_quorum: usize,
    recovery: Recovery,
}

impl Setup {
    pub(crate) fn acceptors(&self) -> impl Iterator<Item = Name> + use<> {
        Name::all('a', self.acceptors)
    }

    /// All who are told of votes.
    fn learners(&self) -> impl Iterator<Item = Name> + use<> {
        [COORDINATOR].into_iter().chain(Name::all('l', self.learners))
    }

    /// Whether acceptors vote in a round for what clients propose, or for what they make of each
    /// other's votes.
    fn is_fast(&self, round: Round) -> bool {
        round == 1 || (round == 2 && self.recovery == Recovery::Uncoordinated)
    }

    fn quorum(&self, round: Round) -> usize {
        if self.is_fast(round) { self.fast_quorum } else { self.classic_quorum }
    }
}

/// The smallest fast quorums that go with these classic ones.
const fn smallest_fast_quorum(acceptors: usize, classic: usize) -> usize {
    (2 * acceptors).saturating_sub(classic) / 2 + 1
}

/// A coordinator, client, acceptor or learner.
#[derive(Debug)]
pub(crate) enum FastPaxos {
    Coordinator(Coordinator),
    Client(Client),
    Acceptor(Acceptor),
    Learner(Learner),
}

/// What a script can ask: a client is to propose this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Propose(pub(crate) Value);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The round takes too long.
    Round,
    /// The client has heard of no decision.
    Client,
}

impl Protocol for FastPaxos {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = Entry<Record>;
    type Request = Propose;
    type Output = Said;
}

impl Process for FastPaxos {
    fn step(&mut self, now: Now, input: Input<Self>, fx: &mut Effects<Self>) {
        match self {
            Self::Coordinator(coordinator) => coordinator.step(now, input, fx),
            Self::Client(client) => client.step(now, input, fx),
            Self::Acceptor(acceptor) => acceptor.step(input, fx),
            Self::Learner(learner) => learner.step(input, fx),
        }
    }
}

impl Subject for FastPaxos {
    type Setup = Setup;

    fn setup(reader: &mut Reader) -> Result<Setup, SettingError> {
        let acceptors = reader.number("acceptors", "how many acceptors", 4, 0..=10)?;
        let all = usize::from(acceptors);
        let recoveries = [
            ("coordinated", Recovery::Coordinated),
            ("uncoordinated", Recovery::Uncoordinated),
            ("restart", Recovery::Restart),
        ];
        let classic_quorum = reader.number(
            "classic-quorum",
            "acceptors of a classic quorum",
            all / 2 + 1,
            0..=10,
        )?;
        let fast = smallest_fast_quorum(all, classic_quorum);
        let setup = Setup {
            clients: reader.number("clients", "how many clients", 2, 1..=9)?,
            acceptors,
            learners: reader.number("learners", "learners beside the coordinator", 1, 0..=9)?,
            classic_quorum,
            fast_quorum: reader.number(
                "fast-quorum",
                "acceptors of a fast quorum",
                fast,
                0..=10,
            )?,
            recovery: reader.choice("recovery", "how a collision is resolved", &recoveries)?,
        };
        let anyway = reader.flag("anyway", "play what cannot be safe")?;
        if anyway { Ok(setup) } else { setup.checked() }
    }

    fn cast(setup: &Setup) -> Vec<(Name, &'static str)> {
        let clients = Name::all('p', setup.clients).map(|name| (name, "client"));
        let coordinator = [(COORDINATOR, "coordinator")];
        let acceptors = setup.acceptors().map(|name| (name, "acceptor"));
        let learners = Name::all('l', setup.learners).map(|name| (name, "learner"));
        clients.chain(coordinator).chain(acceptors).chain(learners).collect()
    }

    fn start(setup: &Setup, birth: Birth<'_, Entry<Record>>) -> Self {
        match birth.name.kind() {
            'c' => Self::Coordinator(Coordinator::recover(setup.clone(), birth.records)),
            'p' => Self::Client(Client::new(setup.clone())),
            'a' => Self::Acceptor(Acceptor::recover(setup.clone(), &birth)),
            _ => Self::Learner(Learner::new(setup.clone())),
        }
    }

    fn request(to: Name, words: &str) -> Result<Propose, String> {
        match (to.kind(), words.split_once(' ')) {
            ('p', Some(("propose", value))) => Ok(Propose(value.into())),
            _ => Err("a client is asked to propose a value".to_owned()),
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Coordinator(coordinator) => coordinator.state(),
            Self::Client(client) => client.state(),
            Self::Acceptor(acceptor) => acceptor.state(),
            Self::Learner(learner) => learner.state(),
        }
    }

    fn round(message: &Message) -> Option<u64> {
        match message {
            Message::Propose(_) | Message::Learn(_) => None,
            Message::Prepare(round)
            | Message::Promise(round, _)
            | Message::Any(round)
            | Message::Accept(round, _)
            | Message::Voted(round, _) => Some(*round),
        }
    }

    fn is_forced(entry: &Entry<Record>) -> bool {
        entry.forced
    }

    fn vote(_: Name, entry: &Entry<Record>) -> Option<Vote> {
        match &entry.record {
            Record::Voted(round, value) => {
                Some(Vote { slot: 0, round: *round, value: value.clone() })
            }
            Record::Promised(_) | Record::Rounds(_) => None,
        }
    }

    fn votes_needed(setup: &Setup, round: u64) -> usize {
        setup.quorum(round)
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

    /// Every client proposes a value of its own, nearly at once.
    fn workload(setup: &Setup, rng: &mut Rng) -> Vec<(u64, Name, String)> {
        let clients = Name::all('p', setup.clients);
        let propose = |name| (40 + rng.below(20), name, format!("propose v-{name}"));
        clients.map(propose).collect()
    }
}

impl Setup {
    /// # Errors
    /// If quorums do not meet as they must, or there can be none.
    fn checked(self) -> Result<Self, SettingError> {
        let (all, classic, fast) =
            (usize::from(self.acceptors), self.classic_quorum, self.fast_quorum);
        if all == 0 {
            return Err(SettingError::Impossible {
                what: "there are no acceptors, so nobody can remember what was chosen".to_owned(),
                theorem: "N > 2F, which needs an acceptor even for F = 0 (Lamport, Fast Paxos, \
                          2006, §3.3)",
            });
        }
        if classic.max(fast) > all {
            return Err(SettingError::Impossible {
                what: format!("quorums of {classic} and {fast} among {all} acceptors"),
                theorem: "liveness: a quorum must be a set of acceptors (Lamport, Fast Paxos, \
                          2006, §2.2)",
            });
        }
        if 2 * classic <= all {
            return Err(SettingError::Impossible {
                what: format!("two classic quorums of {classic} of {all} acceptors need not meet"),
                theorem: "N > 2F with F = N − classic quorum (Lamport, Fast Paxos, 2006, §3.3)",
            });
        }
        if 2 * fast + classic <= 2 * all {
            return Err(SettingError::Impossible {
                what: format!(
                    "fast quorums of {fast} of {all} acceptors are too small: two of them and a \
                     classic quorum of {classic} need not share an acceptor (it takes {})",
                    smallest_fast_quorum(all, classic)
                ),
                theorem: "N > 2E + F with E = N − fast quorum, F = N − classic quorum (Lamport, \
                          Fast Paxos, 2006, §3.3)",
            });
        }
        Ok(self)
    }
}

impl fmt::Debug for LastVote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((round, value)) => write!(out, "{value} in {round}"),
            None => write!(out, "nothing"),
        }
    }
}
