//! Random runs break what theory says they break, and nothing else.

use zoarium_lab::Kind;
use zoarium_lab::explore::{Seeds, Study};

/// What a test has time for; `zoarium lab explore --all` tries more.
fn seeds(study: &Study) -> Seeds {
    let count = match study.kind {
        Kind::TwoPhaseCommit | Kind::ThreePhaseCommit | Kind::BasicPaxos | Kind::FastPaxos => 100,
        Kind::MultiPaxos => 30,
        Kind::Zab => 12,
    };
    Seeds { first: 1, count }
}

#[test]
fn no_rule_breaks_that_theory_says_holds() {
    for study in Study::all() {
        let exploration = study.explore("", seeds(study), &mut |_| ()).unwrap();
        let broken: Vec<_> = exploration.broken.iter().map(|(rule, it)| (rule, it.first)).collect();
        assert!(exploration.is_as_predicted(), "{}: {broken:?}", study.name);
    }
}
