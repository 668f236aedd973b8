//! What is run over and over: worlds with their checkers and plans.

use crate::checker::{Failure, Violation};
use crate::names::Names;
use crate::options::Options;
use crate::plan::Plan;
use crate::sim::{Checkers, IoCount, Sim};
use crate::time::Time;
use crate::trace::TraceLevel;
use crate::world::{Id, World};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Something to try with many seeds. Whatever its methods return may depend on their arguments
/// and on nothing else.
pub trait Experiment {
    /// What runs.
    type World: World;

    /// A new world.
    fn world(&self, seed: u64) -> Self::World;

    /// New checkers.
    fn checkers(&self) -> Checkers<<Self::World as World>::Process>;

    /// The plan of a seed.
    fn plan(&self, seed: u64) -> Plan<Id<Self::World>>;

    /// How long things take.
    fn options(&self, seed: u64) -> Options {
        let _ = seed;
        Options::default()
    }

    /// What the processes are called.
    fn names(&self, seed: u64) -> Names<Id<Self::World>> {
        self.world(seed).names()
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<I> {
    /// Whether it failed.
    pub result: Result<(), Failure>,
    /// When it ended.
    pub ended: Time,
    /// How many events there were.
    pub events: u64,
    /// The hash of its trace, if one was asked for.
    pub digest: u64,
    /// The end of its trace, if one was asked for.
    pub lines: Vec<String>,
    /// What each disk has done.
    pub io: BTreeMap<I, IoCount>,
}

/// Runs a plan. A panic of whatever takes part is a failure of the run.
pub fn run<E: Experiment>(
    experiment: &E,
    plan: &Plan<Id<E::World>>,
    trace: TraceLevel,
) -> Report<Id<E::World>> {
    let options = Options { trace, ..experiment.options(plan.seed) };
    let set_up = AssertUnwindSafe(|| {
        Sim::new(experiment.world(plan.seed), options, plan.clone(), experiment.checkers())
    });
    let mut sim = match catch_unwind(set_up) {
        Ok(sim) => sim,
        Err(panic) => return Report::of_crash(crash(&*panic)),
    };
    let run = catch_unwind(AssertUnwindSafe(|| sim.run()));
    Report {
        result: run.unwrap_or_else(|panic| Err(crash(&*panic))),
        ended: sim.now(),
        events: sim.events(),
        digest: sim.trace().digest(),
        lines: sim.trace().lines().map(str::to_owned).collect(),
        io: sim.io_counts(),
    }
}

impl<I: Ord> Report<I> {
    const fn of_crash(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            ended: Time::START,
            events: 0,
            digest: 0,
            lines: Vec::new(),
            io: BTreeMap::new(),
        }
    }
}

/// The failure that a panic is. Its rule is the message without its numbers, so that the same
/// assertion with other values is the same failure.
fn crash(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "a panic without words".to_owned());
    let first = text.lines().next().unwrap_or_default();
    let rule: String = first.chars().filter(|c| !c.is_ascii_digit()).collect();
    Failure::Crash(Violation::new(rule, text))
}
