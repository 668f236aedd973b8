//! Writes down what happens in a simulation, and lets judges judge it, without stopping it.

use crate::name::Name;
use crate::run::{Act, Moment, Parcel, Run};
use crate::subject::{State, Subject};
use crate::tally::Tally;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::rc::Rc;
use zoarium_process::{Input, PersistSeq};
use zoarium_sim::{Action, Checker, Checkers, Event, MessageId, Running, Violation, What};

/// The run so far, shared with whoever runs the simulation.
pub(crate) type Tape = Rc<RefCell<Run>>;

/// A checker that finds no fault but remembers everything.
#[derive(Debug)]
pub(crate) struct Recorder<S: Subject> {
    tape: Tape,
    places: BTreeMap<Name, usize>,
    judges: Checkers<S>,
    tally: Tally<S>,
    clocks: Vec<Clock>,
    /// The sender's clock, by message.
    stamps: BTreeMap<MessageId, Clock>,
    parcels: BTreeMap<MessageId, Parcel>,
    states: Vec<State>,
    /// What each process has written and is not durable; with its label, if it waits for it.
    unsynced: Vec<VecDeque<(PersistSeq, Option<String>)>>,
    /// The last moment at which a process was handed something.
    latest: Vec<Option<usize>>,
}

#[derive(Clone, Debug, Default)]
struct Clock {
    vector: Vec<u32>,
    lamport: u32,
}

impl<S: Subject> Recorder<S> {
    pub(crate) fn new(setup: &S::Setup, tape: Tape) -> Self {
        let cast = S::cast(setup);
        let count = cast.len();
        let clock = Clock { vector: vec![0; count], lamport: 0 };
        Self {
            tape,
            places: cast.into_iter().enumerate().map(|(place, (name, _))| (name, place)).collect(),
            judges: S::judges(setup),
            tally: Tally::new(setup),
            clocks: vec![clock; count],
            stamps: BTreeMap::new(),
            parcels: BTreeMap::new(),
            states: vec![State::default(); count],
            unsynced: vec![VecDeque::new(); count],
            latest: vec![None; count],
        }
    }

    fn place(&self, name: Name) -> usize {
        self.places.get(&name).copied().expect("the cast has everyone")
    }

    /// Writes down something that a process did or that was done to it.
    fn note(&mut self, event: &Event<'_, S>, lane: usize, act: Act) {
        let clock = &mut self.clocks[lane];
        clock.vector[lane] += 1;
        clock.lamport += 1;
        let Clock { vector, lamport } = clock.clone();
        let moment =
            Moment { time: event.time, lane: Some(lane), act, state: None, vector, lamport };
        self.tape.borrow_mut().moments.push(moment);
    }

    /// Writes down something that happened to the world.
    fn note_world(&mut self, event: &Event<'_, S>, act: Act) {
        let moment = Moment {
            time: event.time,
            lane: None,
            act,
            state: None,
            vector: Vec::new(),
            lamport: 0,
        };
        self.tape.borrow_mut().moments.push(moment);
    }

    fn on_input(
        &mut self,
        event: &Event<'_, S>,
        process: Name,
        input: &Input<S>,
        message: Option<MessageId>,
    ) {
        let lane = self.place(process);
        let act = match input {
            Input::Start => return self.mark(lane),
            Input::LinkUp(other) => Act::Link { other: self.place(*other), up: true },
            Input::LinkDown(other) => Act::Link { other: self.place(*other), up: false },
            Input::Message { .. } => {
                let Some(parcel) = message.and_then(|id| self.parcels.get(&id)) else { return };
                let parcel = parcel.clone();
                self.hear(lane, message);
                Act::Received(parcel)
            }
            Input::Timer(timer) => Act::Timer(format!("{timer:?}")),
            Input::Persisted { upto } => match self.take_durable(lane, *upto) {
                labels if labels.is_empty() => return,
                labels => Act::Durable(labels),
            },
            Input::Request(request) => Act::Asked(words(request)),
        };
        self.note(event, lane, act);
        self.mark(lane);
    }

    /// What comes next is the doing of the moment just written down.
    fn mark(&mut self, lane: usize) {
        self.latest[lane] = self.tape.borrow().moments.len().checked_sub(1);
    }

    /// The receiver knows what the sender knew.
    fn hear(&mut self, lane: usize, message: Option<MessageId>) {
        let Some(stamp) = message.and_then(|id| self.stamps.get(&id)) else { return };
        let clock = &mut self.clocks[lane];
        clock.lamport = clock.lamport.max(stamp.lamport);
        for (own, heard) in clock.vector.iter_mut().zip(&stamp.vector) {
            *own = (*own).max(*heard);
        }
    }

    fn take_durable(&mut self, lane: usize, upto: PersistSeq) -> Vec<String> {
        let waiting = &mut self.unsynced[lane];
        let count = waiting.iter().take_while(|(seq, _)| *seq <= upto).count();
        waiting.drain(..count).filter_map(|(_, label)| label).collect()
    }

    fn on_sent(
        &mut self,
        event: &Event<'_, S>,
        [from, to]: [Name; 2],
        body: &S::Message,
        id: MessageId,
    ) {
        let (from, to) = (self.place(from), self.place(to));
        let parcel = Parcel {
            number: id.0,
            from,
            to,
            label: label(body),
            round: S::round(body),
            quiet: S::is_quiet(body),
        };
        self.parcels.insert(id, parcel.clone());
        self.note(event, from, Act::Sent(parcel));
        self.stamps.insert(id, self.clocks[from].clone());
    }

    /// Puts a change of state on the moment that brought it.
    fn on_stepped(&mut self, process: Name, running: &Running<S>) {
        let lane = self.place(process);
        let Some(state) = running.get(&process).map(Subject::state) else { return };
        if self.states[lane] != state
            && let Some(moment) = self.latest[lane]
        {
            self.states[lane] = state.clone();
            self.tape.borrow_mut().moments[moment].state = Some(state);
        }
    }

    fn on_planned(&mut self, event: &Event<'_, S>, action: &Action<Name>) {
        let lanes = |names: &[Name]| names.iter().map(|name| self.place(*name)).collect::<Vec<_>>();
        match action {
            Action::Partition(groups) => {
                let groups: Vec<_> = groups.iter().map(|group| lanes(group)).collect();
                for (index, from) in groups.iter().enumerate() {
                    for to in &groups[index + 1..] {
                        let (from, to) = (from.clone(), to.clone());
                        self.note_world(event, Act::Blocked { from, to, both: true });
                    }
                }
            }
            Action::Block(from, to) => {
                let (from, to) = (lanes(from), lanes(to));
                self.note_world(event, Act::Blocked { from, to, both: false });
            }
            Action::Heal(_) => self.note_world(event, Act::Healed),
            // These have events of their own.
            Action::Crash { .. }
            | Action::Restart(_)
            | Action::Pause { .. }
            | Action::Resume(_)
            | Action::Request(..) => {}
            Action::Cut(..)
            | Action::Drop { .. }
            | Action::SlowLink(..)
            | Action::Drift(..)
            | Action::Jump(..)
            | Action::SlowDisk(..)
            | Action::FullDisk(..)
            | Action::FailSync { .. }
            | Action::Corrupt(_)
            | Action::Wipe(_) => {
                let names = self.places.keys().copied().collect();
                self.note_world(event, Act::Fault(action.script(&names)));
            }
        }
    }

    fn on_crash(&mut self, event: &Event<'_, S>, process: Name) {
        let lane = self.place(process);
        self.note(event, lane, Act::Crashed);
        self.unsynced[lane].clear();
        self.states[lane] = State::default();
        self.latest[lane] = None;
    }

    fn record(&mut self, event: &Event<'_, S>, running: &Running<S>) {
        match event.what {
            What::Planned(action) => self.on_planned(event, action),
            What::Started { process, restarts } => {
                let lane = self.place(process);
                self.note(event, lane, Act::Started { restarts });
                self.mark(lane);
            }
            What::Crashed { process, .. } => self.on_crash(event, process),
            What::Paused(process) => self.note(event, self.place(process), Act::Paused),
            What::Resumed(process) => self.note(event, self.place(process), Act::Resumed),
            What::Input { process, input, message } => {
                self.on_input(event, process, input, message);
            }
            What::Stepped(process) => self.on_stepped(process, running),
            What::Sent { from, to, body, message } => {
                self.on_sent(event, [from, to], body, message);
            }
            What::Lost { message, .. } => {
                if let Some(parcel) = self.parcels.get(&message).cloned() {
                    self.note_world(event, Act::Lost(parcel));
                }
            }
            What::Persist { process, seq, record } => {
                let lane = self.place(process);
                let (label, forced) = (label(record), S::is_forced(record));
                self.unsynced[lane].push_back((seq, forced.then(|| label.clone())));
                self.note(event, lane, Act::Writes { label, forced });
            }
            What::Output { process, output } => {
                self.note(event, self.place(process), Act::Said(output.clone()));
            }
            What::Calmed
            | What::Written { .. }
            | What::Synced { .. }
            | What::DiskFull { .. }
            | What::TimerSet { .. }
            | What::TimerCancelled { .. }
            | What::RequestLost { .. }
            | What::Connected(..)
            | What::Disconnected(..) => {}
        }
    }

    /// Writes down a broken rule, once for every way in which it is broken.
    fn note_violation(&mut self, event: &Event<'_, S>, violation: Violation) {
        let Violation { rule, detail } = violation;
        let act = Act::Violated { rule, detail };
        let is_known = self.tape.borrow().moments.iter().any(|moment| moment.act == act);
        if !is_known {
            self.note_world(event, act);
        }
    }
}

impl<S: Subject> Checker<S> for Recorder<S> {
    fn on_event(&mut self, event: &Event<'_, S>, running: &Running<S>) -> Result<(), Violation> {
        self.record(event, running);
        for (process, chosen) in self.tally.on_event(event) {
            let lane = self.place(process);
            let (place, value) = (S::place(chosen.slot), chosen.value.to_string());
            self.note(event, lane, Act::Chosen { place, value });
        }
        for index in 0..self.judges.len() {
            if let Err(violation) = self.judges[index].on_event(event, running) {
                self.note_violation(event, violation);
            }
        }
        Ok(())
    }
}

/// How a request prints, in words: `do a, b`.
fn words(request: &impl Debug) -> String {
    let text = format!("{request:?}");
    let (verb, of) = text.split_once('(').unwrap_or((&text, ""));
    let of = of.replace(['[', ']', ')'], "");
    format!("{} {of}", verb.to_lowercase()).trim_end().to_owned()
}

/// How something prints: the short names of the lab make that readable.
fn label(what: &impl Debug) -> String {
    format!("{what:?}")
}
