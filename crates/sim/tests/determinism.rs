//! One seed makes one run, and a crash can be put at every operation.

mod toy;

use std::collections::BTreeSet;
use std::time::Duration;
use toy::{Bug, Trial};
use zoarium_sim::{Action, Experiment, Keep, Names, Plan, TraceLevel, When, crash_points, run};

#[test]
fn one_seed_makes_one_run() {
    let trial = Trial { bug: Bug::None };
    let mut digests = BTreeSet::new();
    for seed in 1..=20 {
        let once = run(&trial, &trial.plan(seed), TraceLevel::Lines(usize::MAX));
        let again = run(&trial, &trial.plan(seed), TraceLevel::Lines(usize::MAX));
        assert_eq!(once.lines, again.lines, "seed {seed}");
        assert_eq!(once.digest, run(&trial, &trial.plan(seed), TraceLevel::Digest).digest);
        digests.insert(once.digest);
    }
    assert_eq!(digests.len(), 20);
}

#[test]
fn a_plan_read_from_its_script_makes_the_same_run() {
    let trial = Trial { bug: Bug::None };
    for seed in 1..=20 {
        let names: Names<u8> = trial.names(seed);
        let plan = trial.plan(seed);
        let copy = Plan::parse(&plan.script(&names), &names).unwrap();
        assert_eq!(plan, copy, "seed {seed}");
    }
}

/// Three appends in peace.
fn script() -> Plan<u8> {
    let script = "
        seed 3
        run 3s
        settle 1 2 3 within 5s
        at 500ms request 1 append 7
        at 600ms request 1 append 8
        at 700ms request 1 append 9";
    Plan::parse(script, &(1..=3).collect()).expect("the script is written above")
}

#[test]
fn there_is_a_crash_for_every_operation_and_whatever_the_disk_keeps() {
    let trial = Trial { bug: Bug::None };
    let report = run(&trial, &script(), TraceLevel::Nothing);
    // Each of three processes appends and syncs three records, each by itself.
    for count in report.io.values() {
        assert_eq!((count.operations, count.syncs), (6, 3));
    }
    let plans = crash_points(&trial, &script(), Duration::from_millis(100));
    assert_eq!(plans.len(), 3 * (6 * Keep::EACH.len() + 3));
    for plan in &plans {
        let report = run(&trial, plan, TraceLevel::Lines(usize::MAX));
        assert_eq!(report.result, Ok(()), "{}", report.lines.join("\n"));
        let crashes = report.lines.iter().filter(|line| line.contains(" crashed, disk keeps"));
        assert_eq!(crashes.count(), 1, "{:?}", plan.steps.last());
    }
}

#[test]
fn a_crash_instead_of_an_operation_finds_the_hasty_primary() {
    let trial = Trial { bug: Bug::HastyPrimary };
    let slow = Action::SlowDisk(1, Duration::from_millis(20));
    let plan = script().at(Duration::ZERO, slow);
    let plans = crash_points(&trial, &plan, Duration::from_millis(10));
    let failing =
        plans.iter().filter(|plan| run(&trial, plan, TraceLevel::Nothing).result.is_err());
    let failing: Vec<_> = failing.filter_map(|plan| plan.steps.last()).collect();
    assert!(!failing.is_empty());
    assert!(failing.iter().all(|step| matches!(step.when, When::Io(..) | When::Sync(..))));
}
