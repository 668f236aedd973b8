//! One study's runs: drawing, running, shrinking, recording.

use super::{Counterexample, Crashes, Exploration, Progress, Seeds, Study, Watch, faults};
use crate::judges::rules;
use crate::name::Name;
use crate::play::{self, Surroundings, Unplayable};
use crate::recorder::Recorder;
use crate::run::{Act, Lane, Moment, Run};
use crate::subject::{Stage, Subject};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use zoarium_sim::{
    Action, Checkers, Experiment, Failure, Options, Plan, Rng, Shrunk, Sim, Step, Time, TraceLevel,
    World, run, shrink,
};

/// How many seeds that break a rule are looked at for the shortest way to break it.
const SHRUNK_MAX: usize = 12;
/// How many runs shrinking one of them may take.
const SHRINK_RUNS_MAX: u32 = 300;

/// A study of a protocol with its types.
struct Trial<S: Subject> {
    study: &'static Study,
    setup: S::Setup,
    surroundings: Surroundings,
}

/// Tries seeds.
///
/// # Errors
/// If the settings cannot be used.
pub(super) fn explore<S: Subject>(
    study: &'static Study,
    settings: &str,
    seeds: Seeds,
    watch: Watch<'_>,
) -> Result<Exploration, Unplayable> {
    let settings = format!("{} {settings}", study.settings);
    let (surroundings, setup, _) = play::read::<S>(&settings)?;
    let trial = Trial::<S> { study, setup, surroundings };
    let mut events = 0;
    let mut progress = Progress { done: 0, broken: 0, shrinking: false };
    let mut failing: BTreeMap<String, Vec<(u64, Failure)>> = BTreeMap::new();
    for seed in seeds.first..seeds.first.saturating_add(seeds.count) {
        let report = run(&trial, &trial.plan(seed), TraceLevel::Nothing);
        events += report.events;
        if let Err(failure) = report.result {
            let rule = failure.violation().rule.clone();
            failing.entry(rule).or_default().push((seed, failure));
            progress.broken += 1;
        }
        progress.done += 1;
        watch(progress);
    }
    watch(Progress { shrinking: true, ..progress });
    let broken = failing.into_iter().map(|(rule, seeds)| (rule, trial.shortest(&seeds)));
    Ok(Exploration { study, seeds: seeds.count, events, broken: broken.collect() })
}

impl<S: Subject> Trial<S> {
    /// The shortest way to break a rule that a few of these seeds lead to.
    fn shortest(&self, failing: &[(u64, Failure)]) -> Counterexample {
        let shrunk = failing.iter().take(SHRUNK_MAX).map(|(seed, failure)| {
            let shrunk = shrink(self, &self.plan(*seed), failure, SHRINK_RUNS_MAX);
            let shrunk = self.with_all_who_live(shrunk);
            let run = self.record(&shrunk.plan, &shrunk.failure);
            let script = shrunk.plan.script(&self.names(*seed));
            (run.moments.len(), script, run)
        });
        let (_, script, run) = shrunk
            .min_by_key(|(length, script, _)| (*length, script.len()))
            .expect("a broken rule has a seed that breaks it");
        let first = failing.first().map_or(0, |(seed, _)| *seed);
        Counterexample { seeds: failing.len() as u64, first, script, run }
    }

    /// In the end all are connected who have not stopped for good: of those who were to stop, some
    /// need not.
    fn with_all_who_live(&self, shrunk: Shrunk<Name>) -> Shrunk<Name> {
        let mut plan = shrunk.plan.clone();
        let Some(settle) = &mut plan.settle else { return shrunk };
        let stops = |step: &Step<Name>| {
            let Action::Crash { process, down_for: None, .. } = step.action else { return None };
            Some(process)
        };
        let dead: Vec<Name> = plan.steps.iter().filter_map(stops).collect();
        settle.core =
            self.world(plan.seed).names().ids().filter(|name| !dead.contains(name)).collect();
        match run(self, &plan, TraceLevel::Nothing).result {
            Err(failure) if failure.is_like(&shrunk.failure) => Shrunk { plan, failure, ..shrunk },
            Ok(()) | Err(_) => shrunk,
        }
    }

    /// What happens in a run, up to its failure.
    fn record(&self, plan: &Plan<Name>, failure: &Failure) -> Run {
        let lanes = S::cast(&self.setup).into_iter();
        let lanes = lanes.map(|(name, role)| Lane { name: name.to_string(), role }).collect();
        let tape = Run { lanes, moments: Vec::new(), ended: Time::START, failure: None };
        let tape = Rc::new(RefCell::new(tape));
        let recorder = Box::new(Recorder::<S>::new(&self.setup, Rc::clone(&tape)));
        let mut checkers: Checkers<S> = vec![recorder];
        checkers.extend(self.checkers());
        let mut sim = Sim::new(self.world(0), self.options(0), plan.clone(), checkers);
        // It fails as it did before; that is what is recorded.
        let _ = sim.run();
        let mut run = tape.borrow().clone();
        run.ended = sim.now();
        let violation = failure.violation();
        let act = Act::Violated { rule: violation.rule.clone(), detail: violation.detail.clone() };
        if !run.moments.iter().any(|moment| moment.act == act) {
            let (time, vector) = (sim.now(), Vec::new());
            run.moments.push(Moment { time, lane: None, act, state: None, vector, lamport: 0 });
        }
        run
    }

    const fn liveness_rule(&self) -> &'static str {
        match self.study.faults.crashes {
            Crashes::Stop(_) => rules::NON_BLOCKING,
            Crashes::None | Crashes::Recover => rules::TERMINATION,
        }
    }
}

impl<S: Subject> Experiment for Trial<S> {
    type World = Stage<S>;

    fn world(&self, _: u64) -> Stage<S> {
        Stage { setup: self.setup.clone(), forgets: self.surroundings.forgets.clone() }
    }

    fn checkers(&self) -> Checkers<S> {
        let mut checkers = S::judges(&self.setup);
        checkers.extend(S::liveness(&self.setup, self.liveness_rule()));
        checkers
    }

    fn plan(&self, seed: u64) -> Plan<Name> {
        let mut rng = Rng::stream(seed, &[PLAN_STREAM]);
        let names: Vec<Name> = self.world(seed).names().ids().collect();
        let mut plan = faults::draw(&self.study.faults, &names, seed, &mut rng);
        for (ms, to, words) in S::workload(&self.setup, &mut rng) {
            plan = plan.request(std::time::Duration::from_millis(ms), to, words);
        }
        plan
    }

    fn options(&self, _: u64) -> Options {
        self.surroundings.options(S::LINKS)
    }
}

/// The label of the random numbers that plans are drawn with.
const PLAN_STREAM: u64 = 0x0065_7870_6c6f_7265;
