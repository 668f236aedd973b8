//! Making a failing plan smaller while it still fails in the same way.

use crate::checker::Failure;
use crate::disk::Keep;
use crate::experiment::{Experiment, Report, run};
use crate::plan::{Action, Plan, Step, When};
use crate::trace::TraceLevel;
use crate::world::Id;
use std::time::Duration;

/// A smaller plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk<I> {
    /// The plan.
    pub plan: Plan<I>,
    /// How it fails.
    pub failure: Failure,
    /// How many runs it took.
    pub runs: u32,
}

/// Takes steps out of a plan, and makes those that are left simpler, while a failure like
/// `failure` stays. At most `runs_max` runs.
pub fn shrink<E: Experiment>(
    experiment: &E,
    plan: &Plan<Id<E::World>>,
    failure: &Failure,
    runs_max: u32,
) -> Shrunk<Id<E::World>> {
    let best = Shrunk { plan: plan.clone(), failure: failure.clone(), runs: 0 };
    let mut shrinker = Shrinker { experiment, best, runs_max };
    shrinker.cut_the_end();
    loop {
        let before = shrinker.best.plan.clone();
        shrinker.drop_steps();
        shrinker.simplify_steps();
        if shrinker.best.plan == before || shrinker.is_spent() {
            return shrinker.best;
        }
    }
}

/// How many seeds each smaller plan is tried with.
const SEEDS: u64 = 4;

/// The seeds of a shrunk plan differ from the first one from this bit on: what an experiment draws
/// of a seed for itself, as who takes part, it takes from the bits below ([`setup_seed`]).
const SEED_BITS: u32 = 48;

/// The part of a seed that shrinking leaves as it is.
pub const fn setup_seed(seed: u64) -> u64 {
    seed & ((1 << SEED_BITS) - 1)
}

/// How much longer than the first failure took the others may take.
const SLACK: Duration = Duration::from_secs(1);

struct Shrinker<'a, E: Experiment> {
    experiment: &'a E,
    best: Shrunk<Id<E::World>>,
    runs_max: u32,
}

impl<E: Experiment> Shrinker<'_, E> {
    const fn is_spent(&self) -> bool {
        self.best.runs >= self.runs_max
    }

    /// Takes a plan over if it fails in the same way, with its own seed or one of a few others:
    /// without some of its steps a plan may need another order of what is left.
    fn try_plan(&mut self, plan: Plan<Id<E::World>>) -> bool {
        for turn in 0..SEEDS {
            let seed = plan.seed.wrapping_add(turn << SEED_BITS);
            if self.is_spent() {
                return false;
            }
            self.best.runs += 1;
            let plan = Plan { seed, ..plan.clone() };
            if let Err(failure) = self.run(&plan).result
                && failure.is_like(&self.best.failure)
            {
                self.best.plan = plan;
                self.best.failure = failure;
                return true;
            }
        }
        false
    }

    fn run(&self, plan: &Plan<Id<E::World>>) -> Report<Id<E::World>> {
        run(self.experiment, plan, TraceLevel::Nothing)
    }

    /// Ends the plan where it failed. What a liveness failure needs to be one stays.
    fn cut_the_end(&mut self) {
        if matches!(self.best.failure, Failure::Liveness(_)) {
            return;
        }
        let ended = self.run(&self.best.plan).ended.since_start();
        self.best.runs += 1;
        let mut plan = self.best.plan.clone();
        plan.steps.retain(|step| match step.when {
            When::At(time) => time <= ended,
            When::Effect(..) | When::Io(..) | When::Sync(..) => true,
        });
        plan.lasts = plan.lasts.min(ended + SLACK);
        plan.settle = None;
        self.try_plan(plan);
    }

    /// Tries to do without runs of steps, long ones first (Zeller and Hildebrandt's delta
    /// debugging, greedily).
    fn drop_steps(&mut self) {
        let mut length = self.best.plan.steps.len().div_ceil(2);
        while length > 0 {
            let mut end = self.best.plan.steps.len();
            while end > 0 && !self.is_spent() {
                let start = end.saturating_sub(length);
                let mut plan = self.best.plan.clone();
                plan.steps.drain(start..end);
                self.try_plan(plan);
                end = start;
            }
            length = if length == 1 { 0 } else { length.div_ceil(2) };
        }
    }

    /// Tries a simpler form of every step.
    fn simplify_steps(&mut self) {
        for index in 0..self.best.plan.steps.len() {
            for simpler in simpler(&self.best.plan.steps[index]) {
                let mut plan = self.best.plan.clone();
                plan.steps[index] = simpler;
                if self.try_plan(plan) {
                    break;
                }
            }
        }
    }
}

/// Simpler steps in the place of one, the simplest first.
fn simpler<I: Copy + PartialEq>(step: &Step<I>) -> Vec<Step<I>> {
    let Action::Crash { process, keep, down_for } = step.action else { return Vec::new() };
    let all = [(Keep::All, None), (Keep::Synced, None), (keep, None), (Keep::All, down_for)];
    let simpler = all.map(|(keep, down_for)| {
        let action = Action::Crash { process, keep, down_for };
        Step { when: step.when, action }
    });
    simpler.into_iter().take_while(|simpler| simpler != step).collect()
}
