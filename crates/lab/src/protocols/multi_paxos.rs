//! Multi-Paxos: Basic Paxos for every place of a log, with one phase 1 for all of them.
//!
//! L. Lamport, *Paxos Made Simple*, 2001, §3. What a working system needs beside it as in Chandra,
//! Griesemer and Redstone, *Paxos Made Live*, 2007, and Kirsch and Amir, *Paxos for System
//! Builders*, 2008.
//!
//! ```text
//! leader                          other replicas
//!    │── Prepare(b, from i) ────────►│   once, for all slots from i on
//!    │◄─ Promise(b, accepted) ───────│
//!    │     propose again what may be chosen, and no-ops in the gaps
//!    │── Accept(slot, b, command) ──►│   for each command: one round trip
//!    │◄─ Accepted(slot, b) ──────────│
//!    │── Commit(b, up to slot) ─────►│
//! ```
//!
//! A command is executed when it is chosen and all before it are. Commands of a leader are chosen
//! one by one: a later one may survive a change of leaders that an earlier one does not. That is
//! where Zab differs.

mod learning;
mod phase_one;
mod phase_two;
mod replica;

use crate::journal::Entry;
use crate::judges::{Converges, PrimaryOrder, Registers, TotalOrder};
use crate::name::Name;
use crate::protocols::basic_paxos::Ballot;
use crate::said::{Said, Value};
use crate::settings::{Reader, SettingError};
use crate::subject::{Birth, State, Subject, Vote};
use crate::tally::OneChosen;
use std::fmt;
use std::time::Duration;
use zoarium_process::Protocol;
use zoarium_sim::{Checkers, Rng};

pub(crate) use replica::Replica;

/// How often a leader says that it is there.
const HEARTBEAT: Duration = Duration::from_millis(40);
/// How long a leader waits for acceptances before it asks again.
const RESEND: Duration = Duration::from_millis(200);
/// For how long followers that have heard of a leader promise to listen to no other.
const LEASE: Duration = Duration::from_millis(100);

/// A place in the log.
pub(crate) type Slot = u64;

/// What is agreed on in a slot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Command {
    /// Fills a gap.
    NoOp,
    Do(Value),
}

/// What an acceptor has accepted, by slot.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Slots(pub(crate) Vec<(Slot, Ballot, Command)>);

/// What has been executed, in order.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Executed(pub(crate) Vec<Value>);

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    /// 1a, for all slots from this one on.
    Prepare(Ballot, Slot),
    /// 1b, with all that has been accepted there.
    Promise(Ballot, Slots),
    /// 2a.
    Accept(Slot, Ballot, Command),
    /// 2b.
    Accepted(Slot, Ballot),
    /// No: I have promised this ballot.
    Nack(Ballot),
    /// No: you have missed what I no longer have. Catch up first.
    Behind,
    /// All up to here is chosen.
    Commit(Ballot, Slot),
    /// I am there; the count is repeated in the answer.
    Heartbeat(Ballot, Slot, u64),
    /// And I listen to you.
    Alive(Ballot, u64),
    /// What is chosen from here on?
    CatchUp(Slot),
    /// These are, from that slot on.
    Chosen(Slot, Vec<Command>),
    /// I have thrown away the log up to here; this is what it came to.
    Snapshot(Slot, Executed),
    /// A client's command, to the leader.
    Forward(Value),
}

/// What is made durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    Promised(Ballot),
    Accepted(Slot, Ballot, Command),
    /// All up to here is chosen; a hint that saves asking.
    Chosen(Slot),
    /// A slot's command as others have it.
    Learned(Slot, Command),
    Snapshot(Slot, Executed),
}

/// When a replica tries to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elections {
    /// When it is told to.
    ByHand,
    /// When it is told to, and again at once when another takes the lead.
    AtOnce,
    /// When it has heard of no leader for a time, part of which is random.
    Random,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) replicas: u8,
    elections: Elections,
    /// How many commands may be under way.
    window: u64,
    /// How many executed commands are kept in the log.
    keeps: u64,
    /// Whether the leader answers reads by itself while it believes that nobody else can lead.
    leases: bool,
}

impl Setup {
    pub(crate) fn replicas(&self) -> impl Iterator<Item = Name> + use<> {
        Name::all('r', self.replicas)
    }

    pub(crate) const fn majority(&self) -> usize {
        self.replicas as usize / 2 + 1
    }
}

/// What a script can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Execute these commands, one behind the other.
    Do(Vec<Value>),
    /// What has been executed? Asked of a leader with a lease.
    Read,
    /// Try to lead.
    Lead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Heartbeat,
    /// Answers are missing: ask again.
    Resend,
    /// No leader has been heard of.
    Election,
}

impl Protocol for Replica {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = Entry<Record>;
    type Request = Request;
    type Output = Said;
}

impl Subject for Replica {
    type Setup = Setup;

    fn setup(reader: &mut Reader) -> Result<Setup, SettingError> {
        let elections = [
            ("by-hand", Elections::ByHand),
            ("at-once", Elections::AtOnce),
            ("random", Elections::Random),
        ];
        Ok(Setup {
            replicas: reader.number("replicas", "how many replicas", 3, 1..=9)?,
            elections: reader.choice("elections", "when a replica tries to lead", &elections)?,
            window: reader.number("window", "how many commands may be under way", 100, 1..=1000)?,
            keeps: reader.number(
                "keeps",
                "how many executed commands the log keeps",
                1000,
                1..=1000,
            )?,
            leases: reader.flag("leases", "whether the leader answers reads by itself")?,
        })
    }

    fn cast(setup: &Setup) -> Vec<(Name, &'static str)> {
        setup.replicas().map(|name| (name, "replica")).collect()
    }

    fn start(setup: &Setup, birth: Birth<'_, Entry<Record>>) -> Self {
        Self::recover(setup.clone(), &birth)
    }

    fn request(_: Name, words: &str) -> Result<Request, String> {
        match words.split_once(' ') {
            Some(("do", commands)) => Ok(Request::Do(commands_of(commands))),
            None if words == "read" => Ok(Request::Read),
            None if words == "lead" => Ok(Request::Lead),
            _ => Err("a replica is asked to do a command, to read or to lead".to_owned()),
        }
    }

    fn state(&self) -> State {
        self.shown()
    }

    fn round(message: &Message) -> Option<u64> {
        match message {
            Message::Prepare(ballot, _)
            | Message::Promise(ballot, _)
            | Message::Accept(_, ballot, _)
            | Message::Accepted(_, ballot)
            | Message::Nack(ballot)
            | Message::Commit(ballot, _)
            | Message::Heartbeat(ballot, ..)
            | Message::Alive(ballot, _) => Some(ballot.rank()),
            Message::Behind
            | Message::CatchUp(_)
            | Message::Chosen(..)
            | Message::Snapshot(..)
            | Message::Forward(_) => None,
        }
    }

    fn is_quiet(message: &Message) -> bool {
        matches!(message, Message::Heartbeat(..) | Message::Alive(..))
    }

    fn is_forced(entry: &Entry<Record>) -> bool {
        entry.forced
    }

    fn vote(_: Name, entry: &Entry<Record>) -> Option<Vote> {
        match &entry.record {
            Record::Accepted(slot, ballot, command) => {
                let value = Value::from(format!("{command:?}").as_str());
                Some(Vote { slot: *slot, round: ballot.rank(), value })
            }
            Record::Promised(_)
            | Record::Chosen(_)
            | Record::Learned(..)
            | Record::Snapshot(..) => None,
        }
    }

    fn votes_needed(setup: &Setup, _: u64) -> usize {
        setup.majority()
    }

    fn judges(setup: &Setup) -> Checkers<Self> {
        vec![
            Box::new(OneChosen::new(setup)),
            Box::new(TotalOrder::default()),
            Box::new(PrimaryOrder::default()),
            Box::new(Registers::default()),
        ]
    }

    fn liveness(_: &Setup, rule: &'static str) -> Checkers<Self> {
        vec![Box::new(Converges::new(rule))]
    }

    /// Commands and reads, to anyone.
    fn workload(setup: &Setup, rng: &mut Rng) -> Vec<(u64, Name, String)> {
        let replicas: Vec<Name> = setup.replicas().collect();
        let mut request = |number: usize| {
            let to = replicas[rng.index(replicas.len())];
            let words = match rng.below(4) {
                0 | 1 if setup.leases => "read".to_owned(),
                0 => format!("do a{number} b{number}"),
                _ => format!("do c{number}"),
            };
            (300 + rng.below(1500), to, words)
        };
        (1..=20).map(&mut request).collect()
    }
}

/// The commands of a request: words; `c*3` stands for `c1 c2 c3`.
pub(crate) fn commands_of(words: &str) -> Vec<Value> {
    let mut commands = Vec::new();
    for word in words.split_whitespace() {
        let many = word.split_once('*').and_then(|(name, count)| Some((name, count.parse().ok()?)));
        match many {
            None => commands.push(Value::from(word)),
            Some((name, count)) => {
                let numbered = (1..=count).map(|number: u16| format!("{name}{number}"));
                commands.extend(numbered.map(|name| Value::from(name.as_str())));
            }
        }
    }
    commands
}

impl fmt::Debug for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOp => write!(out, "no-op"),
            Self::Do(value) => write!(out, "{value}"),
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => write!(out, "nothing"),
            [.., _, _, _, _] => write!(out, "{} slots", self.0.len()),
            few => {
                for (index, (slot, ballot, command)) in few.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(out, "{comma}{slot}:{command:?} of {ballot:?}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Executed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} commands", self.0.len())
    }
}
