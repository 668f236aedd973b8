//! Seeds pass, planted bugs do not, and one seed makes one run.

use std::collections::BTreeSet;
use zoarium_ensemble_sim::{Bug, Scripted, Trial, find};
use zoarium_sim::{Experiment, TraceLevel, run};

/// How many seeds a planted bug may take here.
const SEEDS_MAX: u64 = 300;

#[test]
fn seeds_pass() {
    let trial = Trial::default();
    for seed in 1..=30 {
        let report = run(&trial, &trial.plan(seed), TraceLevel::Nothing);
        assert_eq!(report.result, Ok(()), "cargo xtask sim --seed {seed}");
    }
}

#[test]
fn planted_bugs_are_found() {
    let missed = Bug::ALL.into_iter().filter(|(bug, _)| find(*bug, SEEDS_MAX).is_none());
    let missed: Vec<&str> = missed.map(|(_, name)| name).collect();
    assert_eq!(missed, [""; 0]);
}

#[test]
fn one_seed_makes_one_run() {
    let trial = Trial::default();
    let mut digests = BTreeSet::new();
    for seed in 1..=3 {
        let [one, other] =
            [(); 2].map(|()| run(&trial, &trial.plan(seed), TraceLevel::Digest).digest);
        assert_eq!(one, other, "seed {seed}");
        digests.insert(one);
    }
    assert_eq!(digests.len(), 3);
}

/// One crash in so many is tried here; `cargo xtask sim --exhaust` tries all.
const CRASHES_PER_TEST: usize = 23;

#[test]
fn scripted_run_survives_crashes_at_each_operation_of_a_disk() {
    let scripted = Scripted::conversations();
    for plan in scripted.crash_points().iter().step_by(CRASHES_PER_TEST) {
        let report = run(&scripted, plan, TraceLevel::Nothing);
        assert_eq!(report.result, Ok(()), "{}", plan.script(&scripted.names(plan.seed)));
    }
}

#[test]
fn runs_that_have_failed_once_pass() {
    let results = Scripted::failed_once().map(|scripted| {
        (scripted.name, run(&scripted, &scripted.plan(0), TraceLevel::Nothing).result)
    });
    assert_eq!(results, results.clone().map(|(name, _)| (name, Ok(()))));
}
