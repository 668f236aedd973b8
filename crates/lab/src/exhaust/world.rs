//! A small world in which whatever can happen next is chosen.

use super::Bounds;
use crate::judges::rules;
use crate::name::Name;
use crate::recorder::Recorder;
use crate::run::{Act, Lane, Moment, Run};
use crate::said::{Said, Value};
use crate::subject::{Birth, Subject};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;
use zoarium_process::{Effect, Effects, Input, Instant, Now, PersistSeq, Protocol};
use zoarium_sim::{Checker, Event, Keep, MessageId, Rng, Time, What};

/// A protocol whose states can be told apart and kept.
pub(crate) trait Searchable:
    Subject<Setup: Hash>
    + Protocol<Message: Hash + Ord, Record: Hash, Timer: Hash, Request: Clone>
    + Clone
    + Hash
{
    /// Whether a process would ignore a message, for ever.
    fn is_stale(&self, message: &Self::Message) -> bool {
        let _ = message;
        false
    }
}

/// Something that can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// This message arrives, by its place among those under way.
    Arrives(usize),
    /// This timer comes due, by its place among those set.
    TimesOut(usize),
    /// A process is asked something, by its place in the workload.
    IsAsked(usize),
    /// This process crashes and comes back.
    Crashes(Name),
}

/// A state of the world, and what it is made of.
#[derive(Clone, Debug)]
pub(super) struct World<S: Searchable> {
    setup: Rc<S::Setup>,
    forgets: Rc<str>,
    workload: Rc<[(Name, S::Request)]>,
    processes: BTreeMap<Name, S>,
    disks: BTreeMap<Name, Vec<S::Record>>,
    under_way: Vec<Flight<S::Message>>,
    timers: BTreeSet<(Name, S::Timer)>,
    timers_left: BTreeMap<Name, u8>,
    asked: BTreeSet<usize>,
    crashes_left: u8,
    facts: Facts,
    /// How many messages were sent.
    sent: u64,
}

/// What has happened and cannot be undone.
#[derive(Clone, Debug, Default, Hash)]
struct Facts {
    decided: BTreeSet<Value>,
    votes: BTreeMap<(u64, Value), BTreeSet<Name>>,
    chosen: BTreeSet<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight<M> {
    to: Name,
    from: Name,
    message: M,
    number: u64,
}

/// The seeds whose workloads are put together: whatever may be asked in any of them.
const WORKLOADS: u64 = 64;

impl<S: Searchable> World<S> {
    /// The state in which every process has started.
    pub(super) fn new(setup: S::Setup, forgets: String, bounds: Bounds) -> Self {
        let names: Vec<Name> = S::cast(&setup).into_iter().map(|(name, _)| name).collect();
        let mut world = Self {
            workload: workload::<S>(&setup),
            setup: Rc::new(setup),
            forgets: forgets.into(),
            processes: BTreeMap::new(),
            disks: names.iter().map(|name| (*name, Vec::new())).collect(),
            under_way: Vec::new(),
            timers: BTreeSet::new(),
            timers_left: names.iter().map(|name| (*name, bounds.timers)).collect(),
            asked: BTreeSet::new(),
            crashes_left: bounds.crashes,
            facts: Facts::default(),
            sent: 0,
        };
        names.into_iter().for_each(|name| world.start(name, 0, &mut Watch::nobody()));
        world
    }

    /// All that can happen next. Of equal messages, one is enough.
    pub(super) fn possible(&self) -> Vec<Happening> {
        let is_new = |place: &usize| {
            let is_same = |other: &Flight<_>| {
                let flight = &self.under_way[*place];
                (other.to, other.from, &other.message) == (flight.to, flight.from, &flight.message)
            };
            !self.under_way[..*place].iter().any(is_same)
        };
        let arrivals = (0..self.under_way.len()).filter(is_new).map(Happening::Arrives);
        let may_fire = |(_, (name, _)): &(usize, &(Name, _))| self.timers_left[name] > 0;
        let timers = self.timers.iter().enumerate().filter(may_fire);
        let timers = timers.map(|(place, _)| Happening::TimesOut(place));
        let requests = (0..self.workload.len()).filter(|place| !self.asked.contains(place));
        let crashes = self.processes.keys().filter(|_| self.crashes_left > 0);
        arrivals
            .chain(timers)
            .chain(requests.map(Happening::IsAsked))
            .chain(crashes.map(|name| Happening::Crashes(*name)))
            .collect()
    }

    /// Lets something happen that is possible.
    pub(super) fn let_happen(&mut self, what: Happening) {
        self.happen(what, &mut Watch::nobody());
    }

    fn happen(&mut self, what: Happening, watch: &mut Watch<S>) {
        match what {
            Happening::Arrives(place) => {
                let Flight { to, from, message, number } = self.under_way.remove(place);
                let id = Some(MessageId(number));
                self.give(to, Input::Message { from, message }, id, watch);
            }
            Happening::TimesOut(place) => {
                let Some((name, timer)) = self.timers.iter().nth(place).copied() else { return };
                self.timers.remove(&(name, timer));
                self.timers_left.entry(name).and_modify(|left| *left -= 1);
                self.give(name, Input::Timer(timer), None, watch);
            }
            Happening::IsAsked(place) => {
                self.asked.insert(place);
                let (name, request) = self.workload[place].clone();
                self.give(name, Input::Request(request), None, watch);
            }
            Happening::Crashes(name) => self.crash(name, watch),
        }
        let Self { processes, under_way, .. } = self;
        under_way.retain(|flight| !processes[&flight.to].is_stale(&flight.message));
    }

    fn crash(&mut self, name: Name, watch: &mut Watch<S>) {
        self.crashes_left -= 1;
        watch.tell(What::Crashed { process: name, keep: Keep::All }, &self.processes);
        self.timers.retain(|(of, _)| *of != name);
        if !self.forgets.is_empty() {
            let is_kept = |record: &S::Record| {
                let label = format!("{record:?}");
                !self.forgets.split(',').any(|starting| label.starts_with(starting))
            };
            self.disks.entry(name).and_modify(|disk| disk.retain(is_kept));
        }
        self.start(name, 1, watch);
    }

    fn start(&mut self, name: Name, restarts: u64, watch: &mut Watch<S>) {
        let birth = Birth { name, records: &self.disks[&name], restarts, seed: 0 };
        self.processes.insert(name, S::start(&self.setup, birth));
        watch.tell(What::Started { process: name, restarts }, &self.processes);
        self.give(name, Input::Start, None, watch);
    }

    /// Hands a process an input, and carries out what it answers; what it writes is durable at
    /// once.
    fn give(
        &mut self,
        name: Name,
        input: Input<S>,
        message: Option<MessageId>,
        watch: &mut Watch<S>,
    ) {
        let now = Now { mono: Instant::ORIGIN, wall_ms: 0 };
        let mut effects = Effects::new();
        let mut inputs = VecDeque::from([(input, message)]);
        while let Some((input, message)) = inputs.pop_front() {
            watch.tell(What::Input { process: name, input: &input, message }, &self.processes);
            if let Some(process) = self.processes.get_mut(&name) {
                process.step(now, input, &mut effects);
            }
            watch.tell(What::Stepped(name), &self.processes);
            let mut written = None;
            for effect in effects.drain() {
                written = self.carry_out(name, effect, watch).or(written);
            }
            if let Some(upto) = written {
                watch.tell(What::Synced { process: name, upto }, &self.processes);
                inputs.push_back((Input::Persisted { upto }, None));
            }
        }
    }

    /// Carries out an effect; if it writes, the number of the record.
    fn carry_out(
        &mut self,
        name: Name,
        effect: Effect<S>,
        watch: &mut Watch<S>,
    ) -> Option<PersistSeq> {
        match effect {
            Effect::Send { to, message } => {
                self.sent += 1;
                let id = MessageId(self.sent);
                let sent = What::Sent { from: name, to, body: &message, message: id };
                watch.tell(sent, &self.processes);
                let flight = Flight { to, from: name, message, number: self.sent };
                let place = self.under_way.partition_point(|other| *other < flight);
                self.under_way.insert(place, flight);
                None
            }
            Effect::Persist { seq, record } => {
                watch.tell(What::Persist { process: name, seq, record: &record }, &self.processes);
                self.count_vote(name, &record);
                self.disks.entry(name).or_default().push(record);
                Some(seq)
            }
            Effect::SetTimer { timer, .. } => {
                self.timers.insert((name, timer));
                None
            }
            Effect::CancelTimer(timer) => {
                self.timers.remove(&(name, timer));
                None
            }
            Effect::Output(output) => {
                watch.tell(What::Output { process: name, output: &output }, &self.processes);
                if let Said::Decided(value) = output {
                    self.facts.decided.insert(value);
                }
                None
            }
        }
    }

    fn count_vote(&mut self, name: Name, record: &S::Record) {
        let Some(vote) = S::vote(name, record) else { return };
        let voters = self.facts.votes.entry((vote.round, vote.value.clone())).or_default();
        voters.insert(name);
        if voters.len() >= S::votes_needed(&self.setup, vote.round) {
            self.facts.chosen.insert(vote.value);
        }
    }

    /// The rule that is broken here, if one is.
    pub(super) fn broken(&self) -> Option<&'static str> {
        if self.facts.chosen.len() > 1 {
            return Some(rules::ONE_CHOSEN);
        }
        (self.facts.decided.len() > 1).then_some(rules::AGREEMENT)
    }

    /// Tells states apart. Two that differ are taken for one with a chance of one in 2⁶⁴ for each
    /// pair of them.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.processes.hash(&mut hasher);
        self.disks.hash(&mut hasher);
        for flight in &self.under_way {
            (flight.to, flight.from, &flight.message).hash(&mut hasher);
        }
        (&self.timers, &self.timers_left, &self.asked).hash(&mut hasher);
        (self.crashes_left, &self.facts).hash(&mut hasher);
        hasher.finish()
    }

    /// Lets these things happen, and writes them down, ten milliseconds apart.
    pub(super) fn record(mut self, path: &[Happening], rule: &'static str) -> Run {
        let lanes = S::cast(&self.setup).into_iter();
        let lanes = lanes.map(|(name, role)| Lane { name: name.to_string(), role }).collect();
        let tape = Run { lanes, moments: Vec::new(), ended: Time::START, failure: None };
        let tape = Rc::new(RefCell::new(tape));
        let recorder = Recorder::<S>::new(&self.setup, Rc::clone(&tape));
        let mut watch = Watch { recorder: Some(recorder), time: Time::START, number: 0 };
        for what in path {
            watch.time = watch.time + STEP;
            self.happen(*what, &mut watch);
        }
        let mut run = tape.borrow().clone();
        run.ended = watch.time;
        let is_rule = |act: &Act| matches!(act, Act::Violated { rule: other, .. } if other == rule);
        if !run.moments.iter().any(|moment| is_rule(&moment.act)) {
            let values: Vec<&str> = self.facts.decided.iter().map(Value::as_str).collect();
            let (time, detail) = (watch.time, values.join(" and "));
            let act = Act::Violated { rule: rule.to_owned(), detail };
            run.moments.push(Moment {
                time,
                lane: None,
                act,
                state: None,
                vector: Vec::new(),
                lamport: 0,
            });
        }
        run
    }
}

/// What a step takes when it is written down.
const STEP: Duration = Duration::from_millis(10);

/// Who writes down what happens, if anyone.
struct Watch<S: Subject> {
    recorder: Option<Recorder<S>>,
    time: Time,
    number: u64,
}

impl<S: Subject> Watch<S> {
    const fn nobody() -> Self {
        Self { recorder: None, time: Time::START, number: 0 }
    }

    fn tell(&mut self, what: What<'_, S>, running: &BTreeMap<Name, S>) {
        let Some(recorder) = &mut self.recorder else { return };
        self.number += 1;
        let event = Event { number: self.number, time: self.time, what };
        recorder.on_event(&event, running).expect("a recorder finds no fault");
    }
}

/// All that may be asked, by anyone of whom it may.
fn workload<S: Searchable>(setup: &S::Setup) -> Rc<[(Name, S::Request)]> {
    let mut words = BTreeSet::new();
    for seed in 0..WORKLOADS {
        let asked = S::workload(setup, &mut Rng::new(seed));
        words.extend(asked.into_iter().map(|(_, to, words)| (to, words)));
    }
    words.into_iter().filter_map(|(to, words)| Some((to, S::request(to, &words).ok()?))).collect()
}
