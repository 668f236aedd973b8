//! Seeds pass, planted bugs do not, and one seed makes one run.

use std::collections::BTreeSet;
use zoarium_ensemble_sim::{Bug, Ensemble, Name, Participant, Scripted, Trial, find};
use zoarium_sim::{
    Checker, Checkers, Event, EventKind, Experiment, Failure, Plan, Running, TraceLevel, Violation,
    run,
};

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

/// A checker that looks and says nothing: others may need what it keeps.
#[derive(Debug)]
struct Muted(Box<dyn Checker<Participant>>);

impl Checker<Participant> for Muted {
    fn looks_at(&self) -> &'static [EventKind] {
        self.0.looks_at()
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Result<(), Violation> {
        let _unsaid = self.0.on_event(event, running);
        Ok(())
    }
}

/// A trial in which one checker alone may find fault.
#[derive(Debug)]
struct Alone {
    trial: Trial,
    checker: &'static str,
}

impl Experiment for Alone {
    type World = Ensemble;

    fn world(&self, seed: u64) -> Ensemble {
        self.trial.world(seed)
    }

    fn checkers(&self) -> Checkers<Participant> {
        let muted = |checker: Box<dyn Checker<Participant>>| match is_named(&checker, self.checker)
        {
            true => checker,
            false => Box::new(Muted(checker)),
        };
        self.trial.checkers().into_iter().map(muted).collect()
    }

    fn plan(&self, seed: u64) -> Plan<Name> {
        self.trial.plan(seed)
    }
}

fn is_named(checker: &impl std::fmt::Debug, name: &str) -> bool {
    let shown = format!("{checker:?}");
    shown.split(|c: char| !c.is_alphanumeric()).next() == Some(name)
}

/// Each checker, and a planted bug that it finds although all others are silent.
const FOUND_ALONE: [(&str, Bug); 14] = [
    ("Zab", Bug::ProposalAckedBeforeSync),
    ("Order", Bug::ZxidOfRead),
    ("Writes", Bug::AckBeforeSync),
    ("Contents", Bug::DataTruncated),
    ("Syncs", Bug::SyncAnsweredEarly),
    ("Stability", Bug::DataTruncated),
    ("Durability", Bug::AckBeforeSync),
    ("Digests", Bug::DataTruncated),
    ("Multis", Bug::MultiLosesPart),
    ("Watches", Bug::WatchLost),
    ("Ephemerals", Bug::EphemeralLeftBehind),
    ("Sequences", Bug::SequenceReused),
    ("Sessions", Bug::ExpiredSessionKept),
    ("Liveness", Bug::DeafAfterRestart),
];

#[test]
fn each_checker_finds_a_planted_bug_by_itself() {
    let all = Trial::default().checkers();
    assert_eq!(all.len(), FOUND_ALONE.len());
    for (checker, bug) in FOUND_ALONE {
        assert!(all.iter().any(|it| is_named(it, checker)), "no checker {checker}");
        let alone = Alone { trial: Trial::of_bug(bug), checker };
        let finds = |seed| {
            let result = run(&alone, &alone.plan(seed), TraceLevel::Nothing).result;
            matches!(result, Err(Failure::Safety(_) | Failure::Liveness(_)))
        };
        assert!((1..=SEEDS_MAX).any(finds), "{checker} does not find {bug:?}");
    }
}
