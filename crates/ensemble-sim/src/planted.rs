//! Planted bugs, and how many seeds it takes to find them.

use crate::bug::Bug;
use crate::ensemble::Trial;
use zoarium_sim::{Experiment, Failure, TraceLevel, run};

/// A planted bug that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seed that shows it.
    pub seed: u64,
    /// How.
    pub failure: Failure,
}

/// Looks for a planted bug with the seeds from 1 to `seeds_max`.
pub fn find(bug: Bug, seeds_max: u64) -> Option<Found> {
    let trial = Trial::of_bug(bug);
    (1..=seeds_max).find_map(|seed| {
        let failure = run(&trial, &trial.plan(seed), TraceLevel::Nothing).result.err()?;
        Some(Found { seed, failure })
    })
}
