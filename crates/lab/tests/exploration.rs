//! Random runs break what theory says they break, and nothing else.

use zoarium_lab::explore::{Exploration, Seeds, Study};

/// Seeds a study; enough of them are tried by `zoarium lab explore --all`.
const SEEDS: Seeds = Seeds { first: 1, count: 100 };

fn explore(study: &'static Study, seeds: Seeds) -> Exploration {
    study.explore("", seeds, &mut |_| ()).unwrap()
}

#[test]
fn no_rule_breaks_that_theory_says_holds() {
    for study in Study::all() {
        let exploration = explore(study, SEEDS);
        let broken: Vec<_> = exploration.broken.iter().map(|(rule, it)| (rule, it.first)).collect();
        assert!(exploration.is_as_predicted(), "{}: {broken:?}", study.name);
    }
}
