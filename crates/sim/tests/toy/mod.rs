//! A log with one primary and two backups, and a choice of bugs in it.
//!
//! The primary, process 1, numbers what it is asked to append, keeps it, and copies it to the
//! backups. An entry is done when it is durable at the primary and at one backup. Whenever a link
//! comes up, the primary says how much it has, the backup forgets what it has beyond that, and the
//! primary sends all of it again.

#![allow(dead_code, reason = "every test uses its part")]
#![allow(unreachable_pub, reason = "each test is a crate of its own")]

use std::collections::BTreeMap;
use std::time::Duration;
use zoarium_process::{Effects, Input, Now, PersistSeq, Process, Protocol};
use zoarium_sim::{
    Checker, Checkers, Event, Experiment, Id, Intensity, Names, Options, Plan, RecordDisk, Rng,
    Running, Start, StartError, Violation, What, World,
};

/// A bug, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    None,
    /// The primary says done when a backup has it, though its own disk may not.
    HastyPrimary,
    /// A backup says that it has what its disk may not.
    HastyBackup,
    /// The primary does not send again when a link comes up.
    NoResend,
    /// That, and a backup takes it for impossible.
    Assertion,
}

/// Numbers and values of entries, in order from 1.
type Entry = (usize, u64);

#[derive(Clone, Debug)]
pub enum Message {
    /// The primary has so many entries, and nobody may have more.
    Length(usize),
    Copy(Entry),
    /// Everything up to here is durable at a backup.
    Have(usize),
}

/// A member.
#[derive(Debug)]
pub struct Member {
    id: u8,
    bug: Bug,
    log: Vec<u64>,
    /// Which entry each record that is not yet durable brings.
    pending: BTreeMap<u64, usize>,
    asked: PersistSeq,
    durable: usize,
    /// By backup.
    have: BTreeMap<u8, usize>,
    done: usize,
    up: Vec<u8>,
    /// Whether a backup has heard on this link how much the primary has.
    is_in_line: bool,
}

impl Protocol for Member {
    type Id = u8;
    type Message = Message;
    type Timer = ();
    type Record = Entry;
    /// A value to append.
    type Request = u64;
    /// An entry that is done.
    type Output = Entry;
}

impl Process for Member {
    fn step(&mut self, _: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start | Input::Timer(()) => {}
            Input::LinkUp(other) => self.on_link_up(other, effects),
            Input::LinkDown(other) => {
                self.up.retain(|it| *it != other);
                self.have.remove(&other);
                self.is_in_line &= other != PRIMARY;
            }
            Input::Message { message: Message::Length(length), .. } => {
                self.forget_from(length + 1);
                self.is_in_line = true;
            }
            Input::Message { message: Message::Copy(entry), .. } => self.on_copy(entry, effects),
            Input::Message { from, message: Message::Have(upto) } => {
                self.have.insert(from, upto);
                self.advance(effects);
            }
            Input::Persisted { upto } => self.on_persisted(upto, effects),
            Input::Request(value) => self.on_append(value, effects),
        }
    }
}

const PRIMARY: u8 = 1;

impl Member {
    fn on_link_up(&mut self, other: u8, effects: &mut Effects<Self>) {
        self.up.push(other);
        if self.id == PRIMARY {
            effects.send(other, Message::Length(self.log.len()));
        }
        if self.id == PRIMARY && ![Bug::NoResend, Bug::Assertion].contains(&self.bug) {
            for (index, value) in self.log.iter().enumerate() {
                effects.send(other, Message::Copy((index + 1, *value)));
            }
        }
    }

    fn on_append(&mut self, value: u64, effects: &mut Effects<Self>) {
        if self.id != PRIMARY {
            return;
        }
        self.keep((self.log.len() + 1, value), effects);
        for backup in &self.up {
            effects.send(*backup, Message::Copy((self.log.len(), value)));
        }
    }

    fn on_copy(&mut self, entry: Entry, effects: &mut Effects<Self>) {
        let (number, value) = entry;
        if self.log.get(number - 1) == Some(&value) {
            return;
        }
        if number > self.log.len() + 1 {
            assert!(self.bug != Bug::Assertion, "entry {number} after {}", self.log.len());
            return;
        }
        self.forget_from(number);
        self.keep(entry, effects);
        if self.bug == Bug::HastyBackup {
            effects.send(PRIMARY, Message::Have(number));
        }
    }

    /// Forgets an entry and all after it. The disk is told by what takes their place.
    fn forget_from(&mut self, number: usize) {
        self.log.truncate(number - 1);
        self.durable = self.durable.min(number - 1);
        self.pending.retain(|_, pending| *pending < number);
    }

    fn keep(&mut self, entry: Entry, effects: &mut Effects<Self>) {
        self.log.push(entry.1);
        self.asked = self.asked.next();
        self.pending.insert(self.asked.0, entry.0);
        effects.persist(self.asked, entry);
    }

    fn on_persisted(&mut self, upto: PersistSeq, effects: &mut Effects<Self>) {
        let later = self.pending.split_off(&(upto.0 + 1));
        let last = self.pending.values().last().copied();
        self.pending = later;
        self.durable = last.map_or(self.durable, |last| last.min(self.log.len()));
        if self.id == PRIMARY {
            self.advance(effects);
        } else if self.is_in_line {
            effects.send(PRIMARY, Message::Have(self.durable));
        }
    }

    fn advance(&mut self, effects: &mut Effects<Self>) {
        let copied = self.have.values().max().copied().unwrap_or(0).min(self.log.len());
        let own = if self.bug == Bug::HastyPrimary { copied } else { self.durable };
        while self.done < copied.min(own) {
            self.done += 1;
            effects.output((self.done, self.log[self.done - 1]));
        }
    }
}

/// Three members.
#[derive(Debug)]
pub struct Toy {
    bug: Bug,
}

impl World for Toy {
    type Process = Member;
    type Disk = RecordDisk<Entry>;

    fn names(&self) -> Names<u8> {
        (1..=3).collect()
    }

    fn disk(&mut self, _: u8) -> RecordDisk<Entry> {
        RecordDisk::new()
    }

    fn start(&mut self, start: Start<'_, Self>) -> Result<Member, StartError> {
        let mut log = Vec::new();
        for (number, value) in start.disk.records() {
            log.truncate(number - 1);
            log.push(*value);
        }
        Ok(Member {
            id: start.process,
            bug: self.bug,
            durable: log.len(),
            log,
            pending: BTreeMap::new(),
            asked: PersistSeq(0),
            have: BTreeMap::new(),
            done: 0,
            up: Vec::new(),
            is_in_line: false,
        })
    }

    fn request(&mut self, _: u8, words: &str) -> Result<u64, String> {
        let value = words.strip_prefix("append ").ok_or("not an append")?;
        value.parse().map_err(|error| format!("{error}"))
    }
}

/// No entry that was done ever has another value.
#[derive(Debug, Default)]
struct Agreement {
    done: BTreeMap<usize, u64>,
}

impl Checker<Member> for Agreement {
    fn on_event(
        &mut self,
        event: &Event<'_, Member>,
        _: &Running<Member>,
    ) -> Result<(), Violation> {
        let What::Output { output: (number, value), .. } = &event.what else { return Ok(()) };
        let known = *self.done.entry(*number).or_insert(*value);
        if known == *value {
            return Ok(());
        }
        Err(Violation::new("agreement", format!("entry {number} is {known} and {value}")))
    }
}

/// What is done is durable at a backup.
#[derive(Debug, Default)]
struct Durability {
    asked: BTreeMap<u8, Vec<(PersistSeq, Entry)>>,
    durable: BTreeMap<u8, Vec<Entry>>,
}

impl Checker<Member> for Durability {
    fn on_event(
        &mut self,
        event: &Event<'_, Member>,
        running: &Running<Member>,
    ) -> Result<(), Violation> {
        if let What::Started { process, .. } = event.what {
            let log = running[&process].log.iter().enumerate();
            let log = log.map(|(index, value)| (index + 1, *value)).collect();
            self.durable.insert(process, log);
            self.asked.remove(&process);
        }
        if let What::Persist { process, seq, record } = event.what {
            self.asked.entry(process).or_default().push((seq, *record));
        }
        if let What::Synced { process, upto } = event.what {
            let asked = self.asked.entry(process).or_default();
            let synced = asked.iter().take_while(|(seq, _)| *seq <= upto).count();
            let synced = asked.drain(..synced).map(|(_, entry)| entry);
            self.durable.entry(process).or_default().extend(synced);
        }
        if let What::Output { output, .. } = event.what {
            let has = |backup| self.durable.get(backup).is_some_and(|it| it.contains(output));
            if ![2, 3].iter().any(has) {
                return Err(Violation::new("durability", format!("{output:?} is at no backup")));
            }
        }
        Ok(())
    }
}

/// In the end both backups have what the primary has, if perhaps more.
#[derive(Debug)]
struct Convergence;

impl Checker<Member> for Convergence {
    fn on_event(&mut self, _: &Event<'_, Member>, _: &Running<Member>) -> Result<(), Violation> {
        Ok(())
    }

    fn settled(&self, running: &Running<Member>) -> Result<(), Violation> {
        let log = |id| running.get(&id).map(|member| member.log.as_slice()).unwrap_or_default();
        let behind = [2, 3].into_iter().find(|backup| !log(*backup).starts_with(log(PRIMARY)));
        let Some(backup) = behind else { return Ok(()) };
        let lengths = [PRIMARY, backup].map(|id| log(id).len());
        Err(Violation::new("convergence", format!("backup {backup} is behind: {lengths:?}")))
    }
}

/// The toy with one of its bugs.
#[derive(Debug)]
pub struct Trial {
    pub bug: Bug,
}

impl Experiment for Trial {
    type World = Toy;

    fn world(&self, _: u64) -> Toy {
        Toy { bug: self.bug }
    }

    fn checkers(&self) -> Checkers<Member> {
        let durability: Box<dyn Checker<Member>> = Box::new(Durability::default());
        vec![Box::new(Agreement::default()), durability, Box::new(Convergence)]
    }

    fn plan(&self, seed: u64) -> Plan<Id<Toy>> {
        let names = self.names(seed);
        let intensity = Intensity { lasts: Duration::from_secs(5), ..Intensity::default() };
        let mut request = |rng: &mut Rng| (PRIMARY, format!("append {}", rng.below(1000)));
        Plan::random(seed, &intensity, &names, &[1, 2, 3], &mut request)
            .settling([1, 2, 3], Duration::from_secs(20))
    }

    fn options(&self, _: u64) -> Options {
        Options::default()
    }
}
