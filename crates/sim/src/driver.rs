//! What a seed-hunting binary does between its arguments and its exit code.

use crate::checker::{Failure, Violation};
use crate::experiment::{Experiment, Report, run};
use crate::plan::Plan;
use crate::shrink::shrink;
use crate::trace::TraceLevel;
use crate::world::Id;
use std::fmt::{self, Write};
use std::time::Duration;

/// What to hunt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// The first seed.
    pub first: u64,
    /// How many seeds, one after the other.
    pub count: u64,
    /// What was compiled: a seed means the same only there.
    pub commit: String,
    /// The command to which ` --seed N` is added to replay one seed.
    pub command: String,
    /// How many runs shrinking may take.
    pub shrink_runs_max: u32,
    /// Whether to run every seed twice, to see that nothing but the seed decides.
    pub twice: bool,
    /// How many of the last lines of a failing run are shown.
    pub lines: usize,
}

/// What came of it, for the exit code of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Passed,
    /// The arguments or the plan cannot be used.
    Unusable,
    /// A panic, or two runs of one seed that differ.
    Crash,
    /// Something did not happen that must.
    Liveness,
    /// Something happened that must not.
    Safety,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Unusable => 2,
            Self::Crash => 3,
            Self::Liveness => 4,
            Self::Safety => 5,
        }
    }
}

impl From<&Result<(), Failure>> for Exit {
    fn from(result: &Result<(), Failure>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(Failure::Plan(_)) => Self::Unusable,
            Err(Failure::Crash(_)) => Self::Crash,
            Err(Failure::Liveness(_)) => Self::Liveness,
            Err(Failure::Safety(_)) => Self::Safety,
        }
    }
}

/// Runs seed after seed and stops at the first that fails, which it shrinks and shows.
///
/// # Errors
/// If `out` cannot be written to.
pub fn hunt<E: Experiment>(
    experiment: &E,
    hunt: &Hunt,
    out: &mut dyn Write,
) -> Result<Exit, fmt::Error> {
    let last = hunt.first.saturating_add(hunt.count.saturating_sub(1));
    writeln!(out, "commit {}, seeds {} to {last}", hunt.commit, hunt.first)?;
    let mut simulated = Duration::ZERO;
    for seed in (hunt.first..).take(usize::try_from(hunt.count).unwrap_or(usize::MAX)) {
        // Said before the run: a process that aborts says nothing afterwards.
        writeln!(out, "{}", hunt.replay(seed))?;
        let plan = experiment.plan(seed);
        let level = if hunt.twice { TraceLevel::Digest } else { TraceLevel::Nothing };
        let mut report = run(experiment, &plan, level);
        if hunt.twice {
            let again = run(experiment, &plan, level);
            report.result = report.result.clone().and_then(|()| compare(&report, &again));
        }
        simulated += report.ended.since_start();
        if let Err(failure) = &report.result {
            show(experiment, hunt, &plan, failure, out)?;
            return Ok(Exit::from(&report.result));
        }
    }
    let minutes = simulated.as_secs() / 60;
    writeln!(out, "{} seeds passed, {minutes} minutes of simulated time", hunt.count)?;
    Ok(Exit::Passed)
}

/// Runs one plan and shows all of it, and its failure.
///
/// # Errors
/// If `out` cannot be written to.
pub fn replay<E: Experiment>(
    experiment: &E,
    plan: &Plan<Id<E::World>>,
    out: &mut dyn Write,
) -> Result<Exit, fmt::Error> {
    let report = run(experiment, plan, TraceLevel::Lines(usize::MAX));
    report.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    match &report.result {
        Ok(()) => writeln!(out, "passed: {} events in {}", report.events, report.ended)?,
        Err(failure) => writeln!(out, "{failure}")?,
    }
    Ok(Exit::from(&report.result))
}

impl Hunt {
    fn replay(&self, seed: u64) -> String {
        format!("seed {seed}, commit {}: {} --seed {seed}", self.commit, self.command)
    }
}

fn compare<I>(one: &Report<I>, other: &Report<I>) -> Result<(), Failure> {
    if one.digest == other.digest && one.events == other.events {
        return Ok(());
    }
    let detail = format!("{} events, then {} others", one.events, other.events);
    Err(Failure::Crash(Violation::new("one seed makes one run", detail)))
}

fn show<E: Experiment>(
    experiment: &E,
    hunt: &Hunt,
    plan: &Plan<Id<E::World>>,
    failure: &Failure,
    out: &mut dyn Write,
) -> fmt::Result {
    writeln!(out, "{failure}")?;
    writeln!(out, "shrinking {} steps…", plan.steps.len())?;
    let shrunk = shrink(experiment, plan, failure, hunt.shrink_runs_max);
    let names = experiment.names(plan.seed);
    writeln!(out, "{} steps after {} runs:\n", shrunk.plan.steps.len(), shrunk.runs)?;
    writeln!(out, "{}", shrunk.plan.script(&names))?;
    let report = run(experiment, &shrunk.plan, TraceLevel::Lines(hunt.lines));
    report.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out, "{}", shrunk.failure)?;
    writeln!(out, "{}", hunt.replay(plan.seed))
}
