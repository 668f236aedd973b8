//! What the lab wants of a protocol in order to stage it.

use crate::disk::LabDisk;
use crate::name::Name;
use crate::said::{Said, Value};
use crate::settings::{Reader, SettingError};
use std::fmt::Debug;
use zoarium_process::{Process, Protocol};
use zoarium_sim::{Checkers, LinkPolicy, Names, Rng, Start, StartError, World};

/// What a process shows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// In the words of the protocol: `READY`, `leads 3.r2`.
    pub word: String,
    /// Whether it holds locks that others may be waiting for.
    pub locks: bool,
    /// Whether it can do nothing but wait for a process that is gone.
    pub blocked: bool,
}

impl State {
    /// A state without locks.
    pub(crate) fn new(word: impl Into<String>) -> Self {
        Self { word: word.into(), locks: false, blocked: false }
    }
}

/// A durable vote for a value: enough of them in one round choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    /// The place in the log, or 0 if there is only one thing to agree on.
    pub(crate) slot: u64,
    /// The ballot, as a number that sorts like it.
    pub(crate) round: u64,
    pub(crate) value: Value,
}

/// What there is to make a process of.
#[derive(Debug)]
pub(crate) struct Birth<'a, R> {
    pub(crate) name: Name,
    /// What its disk holds.
    pub(crate) records: &'a [R],
    pub(crate) restarts: u64,
    pub(crate) seed: u64,
}

/// A protocol of the lab.
pub(crate) trait Subject:
    Process + Protocol<Id = Name, Output = Said, Message: Clone, Record: Clone> + 'static
{
    /// How many processes, and what they do.
    type Setup: Clone + Debug;

    /// What connects its processes. Shares of lost and doubled datagrams are the stage's affair.
    const LINKS: LinkPolicy = LinkPolicy::Datagram { loss_parts: 0, duplicate_parts: 0 };

    /// Reads its settings.
    fn setup(reader: &mut Reader) -> Result<Self::Setup, SettingError>;

    /// Its processes and what they are, in the order in which they are drawn.
    fn cast(setup: &Self::Setup) -> Vec<(Name, &'static str)>;

    /// A process as it comes back from its disk; the first time there is nothing on it.
    fn start(setup: &Self::Setup, birth: Birth<'_, Self::Record>) -> Self;

    /// What a script asks of a process.
    fn request(to: Name, words: &str) -> Result<Self::Request, String>;

    /// What a process shows of itself.
    fn state(&self) -> State;

    /// The ballot or epoch of a message, as a number that sorts like it.
    fn round(message: &Self::Message) -> Option<u64>;

    /// Whether a message is only a sign of life.
    fn is_quiet(message: &Self::Message) -> bool {
        let _ = message;
        false
    }

    /// Whether a process waits until this is durable.
    fn is_forced(record: &Self::Record) -> bool;

    /// The vote that is in a process's record.
    fn vote(of: Name, record: &Self::Record) -> Option<Vote> {
        let _ = (of, record);
        None
    }

    /// How a place in the log is written; not at all, if there is only one.
    fn place(slot: u64) -> String {
        if slot == 0 { String::new() } else { slot.to_string() }
    }

    /// How many votes in one round choose a value.
    fn votes_needed(setup: &Self::Setup, round: u64) -> usize {
        let _ = (setup, round);
        usize::MAX
    }

    /// What must hold of every run.
    fn judges(setup: &Self::Setup) -> Checkers<Self>;

    /// What must have happened in the end, when faults are over: `rule` is what it is called.
    fn liveness(setup: &Self::Setup, rule: &'static str) -> Checkers<Self>;

    /// What is asked in a random run, and when, in milliseconds after the start.
    fn workload(setup: &Self::Setup, rng: &mut Rng) -> Vec<(u64, Name, String)>;
}

/// A protocol's processes as a world of the simulator.
#[derive(Debug)]
pub(crate) struct Stage<S: Subject> {
    pub(crate) setup: S::Setup,
    /// Records that begin so are lost in a crash, however durable they were said to be.
    pub(crate) forgets: String,
}

impl<S: Subject> World for Stage<S> {
    type Process = S;
    type Disk = LabDisk<S::Record>;

    fn names(&self) -> Names<Name> {
        S::cast(&self.setup).into_iter().map(|(name, _)| name).collect()
    }

    fn disk(&mut self, _: Name) -> LabDisk<S::Record> {
        LabDisk::new(self.forgets.clone())
    }

    fn start(&mut self, start: Start<'_, Self>) -> Result<S, StartError> {
        let Start { process: name, disk, seed, restarts, .. } = start;
        Ok(S::start(&self.setup, Birth { name, records: disk.records(), restarts, seed }))
    }

    fn request(&mut self, to: Name, words: &str) -> Result<S::Request, String> {
        S::request(to, words)
    }

    fn copy(&self, message: &S::Message) -> Option<S::Message> {
        Some(message.clone())
    }
}
