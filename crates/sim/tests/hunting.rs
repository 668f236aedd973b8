//! Bugs planted in the toy are found, told apart and made small.

mod toy;

use toy::{Bug, Trial};
use zoarium_sim::driver::{Exit, Hunt, hunt};
use zoarium_sim::{Action, Experiment, Failure, Names, Plan, TraceLevel, run, shrink};

fn names() -> Names<u8> {
    (1..=3).collect()
}

/// The first seed from 1 on with which a bug shows.
fn find(trial: &Trial) -> (Plan<u8>, Failure) {
    let failing = (1..200).find_map(|seed| {
        let plan = trial.plan(seed);
        run(trial, &plan, TraceLevel::Nothing).result.err().map(|failure| (plan, failure))
    });
    failing.expect("200 seeds find the bug")
}

/// Finds a bug and shrinks it to a script.
fn hunted(bug: Bug) -> (Failure, Plan<u8>) {
    let trial = Trial { bug };
    let (plan, failure) = find(&trial);
    let shrunk = shrink(&trial, &plan, &failure, 500);
    assert!(shrunk.failure.is_like(&failure));
    (shrunk.failure, shrunk.plan)
}

#[test]
fn a_correct_protocol_passes_many_seeds() {
    let trial = Trial { bug: Bug::None };
    for seed in 1..=100 {
        let plan = trial.plan(seed);
        let report = run(&trial, &plan, TraceLevel::Nothing);
        assert_eq!(report.result, Ok(()), "seed {seed}");
    }
}

#[test]
fn an_answer_before_its_record_is_durable_is_found() {
    let (failure, plan) = hunted(Bug::HastyPrimary);
    assert!(matches!(failure, Failure::Safety(_)), "{failure}");
    assert!(plan.steps.len() <= 4, "{}", plan.script(&names()));
}

#[test]
fn a_backup_that_promises_too_early_is_found_without_any_fault() {
    let (failure, plan) = hunted(Bug::HastyBackup);
    assert_eq!(failure.violation().rule, "durability");
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.steps.iter().all(|step| step.action.is_request()));
}

#[test]
fn what_is_never_sent_again_is_a_liveness_failure() {
    let (failure, plan) = hunted(Bug::NoResend);
    assert!(matches!(failure, Failure::Liveness(_)), "{failure}");
    assert_eq!(failure.violation().rule, "convergence");
    assert!(plan.steps.len() <= 2, "{}", plan.script(&names()));
}

#[test]
fn a_panic_is_a_failure_of_its_own_kind() {
    let (failure, _) = hunted(Bug::Assertion);
    assert_eq!(failure.violation().rule, "entry  after ");
    assert!(matches!(failure, Failure::Crash(_)));
}

#[test]
fn a_hunt_says_how_to_replay_and_ends_with_the_shrunk_script() {
    let arguments = Hunt {
        first: 1,
        count: 200,
        commit: "abc".into(),
        command: "hunt".into(),
        shrink_runs_max: 500,
        twice: true,
        lines: 20,
    };
    let mut out = String::new();
    let exit = hunt(&Trial { bug: Bug::NoResend }, &arguments, &mut out).unwrap();
    assert_eq!((exit, exit.code()), (Exit::Liveness, 4));
    assert!(
        out.starts_with("commit abc, seeds 1 to 200\nseed 1, commit abc: hunt --seed 1\n"),
        "{out}"
    );
    let script = out.split("\n\n").nth(1).expect("a script between blank lines");
    let plan = Plan::parse(script, &names()).unwrap();
    let trial = Trial { bug: Bug::NoResend };
    assert!(run(&trial, &plan, TraceLevel::Nothing).result.is_err());
    let last = out.lines().last().unwrap();
    assert_eq!(last, format!("seed {}, commit abc: hunt --seed {}", plan.seed, plan.seed));
}

#[test]
fn a_hunt_that_finds_nothing_passes() {
    let arguments = Hunt {
        first: 7,
        count: 3,
        commit: "abc".into(),
        command: "hunt".into(),
        shrink_runs_max: 0,
        twice: true,
        lines: 0,
    };
    let mut out = String::new();
    let exit = hunt(&Trial { bug: Bug::None }, &arguments, &mut out).unwrap();
    assert_eq!(exit.code(), 0);
    assert!(out.contains("\n3 seeds passed, "), "{out}");
}

#[test]
fn a_request_that_means_nothing_makes_a_plan_unusable() {
    let plan = Plan::parse("run 1s\nat 1ms request 1 sing", &names()).unwrap();
    assert!(matches!(plan.steps[0].action, Action::Request(1, _)));
    let report = run(&Trial { bug: Bug::None }, &plan, TraceLevel::Nothing);
    let error = report.result.unwrap_err();
    assert_eq!(
        error.to_string(),
        "unusable plan: requests mean something: request 1 sing: not an append"
    );
}
