//! One run.

use crate::checker::{Checker, Failure, Running, Violation};
use crate::event::{Event, What};
use crate::event_kind::{EventKind, Lookers};
use crate::link::Links;
use crate::names::Names;
use crate::options::Options;
use crate::plan::{Plan, When};
use crate::rng::{Rng, mix};
use crate::schedule::Schedule;
use crate::table::Table;
use crate::time::Time;
use crate::trace::Trace;
use crate::world::{Id, Message, World};
use machine::{Due, Machine};
use std::collections::BTreeMap;
use std::fmt::Debug;
use zoarium_process::Effects;

mod choose;
mod faults;
mod io;
mod links;
mod live;
mod machine;
mod phases;
mod steps;
#[cfg(test)]
mod tests;

pub use choose::{Choice, ChoiceId, Chosen};

/// The checkers of a run.
pub type Checkers<P> = Vec<Box<dyn Checker<P>>>;

/// Labels of the random streams of a run.
mod stream {
    pub(super) const SCHEDULE: u64 = 1;
    pub(super) const LINKS: u64 = 2;
    pub(super) const MACHINE: u64 = 3;
    pub(super) const START: u64 = 4;
}

/// A world in motion: virtual time, links, disks and clocks around its processes.
///
/// Everything is decided by the plan with its seed, the options and the world; two runs of the
/// same are the same, event by event.
#[derive(Debug)]
pub struct Sim<W: World> {
    world: W,
    names: Names<Id<W>>,
    options: Options,
    plan: Plan<Id<W>>,
    now: Time,
    schedule: Schedule<Due<W>>,
    running: Running<W::Process>,
    machines: Table<Id<W>, Machine<W>>,
    links: Links<Id<W>, Message<W>>,
    /// The steps of the plan that wait for a count, by moment.
    triggers: BTreeMap<When<Id<W>>, Vec<usize>>,
    effects: Effects<W::Process>,
    checkers: Checkers<W::Process>,
    lookers: Lookers,
    trace: Trace,
    events: u64,
    messages: u64,
    /// Whether the second phase has begun.
    calm: bool,
    ended: bool,
}

impl<W: World> Sim<W> {
    /// A world at its start. Processes start with the first event.
    pub fn new(
        world: W,
        options: Options,
        plan: Plan<Id<W>>,
        checkers: Checkers<W::Process>,
    ) -> Self {
        let mut world = world;
        let names = world.names();
        let stream = |label| mix(plan.seed, label);
        let links_seed = stream(stream::LINKS);
        let links = Links::new(&names, links_seed, |one, other| world.is_linked(one, other));
        let machine = |id| {
            let rng = Rng::stream(stream(stream::MACHINE), &[names.place(id)]);
            Machine::new(world.disk(id), rng, options.wall_ms)
        };
        let machines = Table::new(names.ids(), machine);
        let mut sim = Self {
            schedule: Schedule::new(stream(stream::SCHEDULE)),
            running: BTreeMap::new(),
            machines,
            links,
            triggers: BTreeMap::new(),
            effects: Effects::new(),
            lookers: Lookers::new(checkers.iter().map(|checker| checker.looks_at())),
            checkers,
            trace: Trace::new(options.trace),
            now: Time::START,
            events: 0,
            messages: 0,
            calm: false,
            ended: false,
            world,
            names,
            options,
            plan,
        };
        sim.set_up();
        sim
    }

    /// Puts what is known in advance into the schedule.
    fn set_up(&mut self) {
        for id in self.names.ids() {
            self.schedule.add_first(Time::START, Due::Restart { process: id, incarnation: 0 });
        }
        for (index, step) in self.plan.steps.iter().enumerate() {
            match step.when {
                When::At(time) => {
                    self.schedule.add_first(Time::after_start(time), Due::Plan(index));
                }
                When::Effect(..) | When::Io(..) | When::Sync(..) => {
                    self.triggers.entry(step.when).or_default().push(index);
                }
            }
        }
        self.schedule.add_first(Time::after_start(self.plan.lasts), Due::PhaseOver);
    }

    /// Runs to the end of the plan, or to the first failure.
    ///
    /// # Errors
    /// With the failure.
    pub fn run(&mut self) -> Result<(), Failure> {
        while self.advance()? {}
        Ok(())
    }

    /// Lets the next thing happen; false if the run has ended.
    ///
    /// # Errors
    /// With the failure, after which the run has ended.
    pub fn advance(&mut self) -> Result<bool, Failure> {
        if self.ended {
            return Ok(false);
        }
        match self.schedule.pop() {
            Some((time, due)) => self.advance_to(time, due),
            None => self.end().map(|()| false),
        }
    }

    fn advance_to(&mut self, time: Time, due: Due<W>) -> Result<bool, Failure> {
        self.now = self.now.max(time);
        let result = self.happen(due);
        self.ended |= result.is_err();
        result.map(|()| !self.ended)
    }

    fn happen(&mut self, due: Due<W>) -> Result<(), Failure> {
        if let Some(process) = due.process()
            && self.machine(process).is_paused()
        {
            self.machine(process).held.push_back(due);
            return Ok(());
        }
        match due {
            Due::Plan(index) => self.carry_out(index),
            Due::PhaseOver => self.phase_over(),
            Due::Poll { last } => self.poll(last),
            Due::Wake { from, to } => self.arrive(from, to),
            Due::Datagram { from, to, message, body } => self.receive(from, to, message, *body),
            Due::Notice { at, of, epoch } => self.notice(at, of, epoch),
            Due::Detect { pair, detection } => self.detect(pair, detection),
            Due::Connect { pair, attempt } => self.connect(pair, attempt),
            Due::Timer { process, incarnation, timer, setting } => {
                self.timer_due(process, incarnation, timer, setting)
            }
            Due::Write { process, incarnation } => self.write(process, incarnation),
            Due::Sync { process, incarnation } => self.sync(process, incarnation),
            Due::Request { process, request } => self.ask(process, request),
            Due::Restart { process, incarnation } => self.restart(process, incarnation),
            Due::Resume { process, pause } => self.resume(process, pause),
        }
    }

    /// Shows an event to the trace and to the checkers that look at its kind.
    fn tell(&mut self, what: What<'_, W::Process>) -> Result<(), Failure> {
        let Self { checkers, lookers, trace, running, names, events, now, options, .. } = self;
        *events += 1;
        if *events > options.events_max {
            let detail = format!("more than {} events by {now}", options.events_max);
            return Err(Failure::Liveness(Violation::new("run away", detail)));
        }
        let event = Event { number: *events, time: *now, what };
        trace.record(&event, names);
        for place in lookers.of(EventKind::of(&event.what)) {
            checkers[*place].on_event(&event, running).map_err(Failure::Safety)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, index: usize) -> Result<(), Failure> {
        if self.calm {
            return Ok(());
        }
        let action = self.plan.steps[index].action.clone();
        self.tell(What::Planned(&action))?;
        self.act(action)
    }

    /// Carries out the steps of the plan that wait for this moment. A request waits until the
    /// process has done what it is doing.
    fn trigger(&mut self, moment: When<Id<W>>) -> Result<(), Failure> {
        for index in self.triggers.remove(&moment).unwrap_or_default() {
            if self.plan.steps[index].action.is_request() {
                self.schedule.add_first(self.now, Due::Plan(index));
            } else {
                self.carry_out(index)?;
            }
        }
        Ok(())
    }

    fn machine(&mut self, process: Id<W>) -> &mut Machine<W> {
        self.machines.get_mut(process).expect("every id of a world has a machine")
    }

    /// What has been kept of the run.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The virtual time.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How many events there were.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The processes that run.
    pub const fn running(&self) -> &Running<W::Process> {
        &self.running
    }

    /// The world.
    pub const fn world(&self) -> &W {
        &self.world
    }

    /// The disk of a process; none if there is no such process.
    pub fn disk(&self, process: Id<W>) -> Option<&W::Disk> {
        self.machines.get(process).map(|machine| &machine.disk)
    }

    /// How many disk operations and syncs each process has made.
    pub fn io_counts(&self) -> BTreeMap<Id<W>, IoCount> {
        let count = |machine: &Machine<W>| machine.io_count();
        self.machines.iter().map(|(id, machine)| (id, count(machine))).collect()
    }
}

/// How much a process's disk has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoCount {
    /// Operations, as [`Disk::operations`](crate::Disk::operations) counts them.
    pub operations: u64,
    /// Successful syncs of the simulator's asking.
    pub syncs: u64,
}
