//! Random runs: what theory says about a protocol under some faults, held against thousands of
//! seeds.

mod faults;
mod studies;
mod trial;

use crate::kind::Kind;
use crate::nearest::nearest;
use crate::play::Unplayable;
use crate::protocols::basic_paxos::BasicPaxos;
use crate::protocols::fast_paxos::FastPaxos;
use crate::protocols::multi_paxos::Replica;
use crate::protocols::three_phase_commit::ThreePhase;
use crate::protocols::two_phase_commit::TwoPhase;
use crate::protocols::zab::Server;
use crate::run::Run;
use std::collections::BTreeMap;

pub use faults::{Crashes, Faults};

/// A protocol under some faults, and what theory says becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Study {
    /// Its name on the command line.
    pub name: &'static str,
    /// Of which protocol.
    pub kind: Kind,
    /// What theory says.
    pub says: &'static str,
    /// Settings that are not the default.
    pub settings: &'static str,
    /// What goes wrong.
    pub faults: Faults,
    /// The rules that break.
    pub breaks: &'static [&'static str],
    /// Rules that may break too, as a consequence. No others do.
    pub may_break: &'static [&'static str],
}

/// What came of a study.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// Which study.
    pub study: &'static Study,
    /// How many runs there were.
    pub seeds: u64,
    /// How much happened in them.
    pub events: u64,
    /// The rules that were broken.
    pub broken: BTreeMap<String, Counterexample>,
}

/// How a rule was broken.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// By how many seeds.
    pub seeds: u64,
    /// By which first.
    pub first: u64,
    /// The shortest way that was found, as a script.
    pub script: String,
    /// What happens in it, up to the moment at which the rule breaks.
    pub run: Run,
}

/// Which seeds a study tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// How far an exploration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many runs there were,
    pub done: u64,
    /// how many of them broke a rule,
    pub broken: u64,
    /// and whether they are all done and shortest ways are looked for.
    pub shrinking: bool,
}

/// Who is told how far an exploration is.
pub type Watch<'a> = &'a mut dyn FnMut(Progress);

/// With so many seeds, a rule that breaks is seen to. Fewer that find nothing prove nothing.
pub const SEEDS_ENOUGH: u64 = 1000;

impl Study {
    /// All studies, protocol by protocol.
    pub fn all() -> &'static [Self] {
        studies::STUDIES
    }

    /// The study of that name; of a protocol, all its studies.
    ///
    /// # Errors
    /// With a message that names the one that was meant, if any is near, and all there are.
    pub fn find(name: &str) -> Result<Vec<&'static Self>, String> {
        let is_it = |study: &&Self| study.name == name || study.kind.key() == name;
        let found: Vec<&Self> = Self::all().iter().filter(is_it).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<&str> = Self::all().iter().map(|study| study.name).collect();
        let keys = Kind::ALL.map(Kind::key);
        let meant = nearest(name, keys.into_iter().chain(names.iter().copied()));
        let meant = crate::settings::meant(meant);
        Err(format!("no study {name}{meant}; there are: {}", names.join(", ")))
    }

    /// Whether theory says that a rule may break.
    pub fn predicts(&self, rule: &str) -> bool {
        self.breaks.iter().chain(self.may_break).any(|predicted| *predicted == rule)
    }

    /// Tries seeds, with more settings if wanted. `watch` is told after every run how far it is.
    ///
    /// # Errors
    /// If the settings cannot be used.
    pub fn explore(
        &'static self,
        settings: &str,
        seeds: Seeds,
        watch: Watch<'_>,
    ) -> Result<Exploration, Unplayable> {
        match self.kind {
            Kind::TwoPhaseCommit => trial::explore::<TwoPhase>(self, settings, seeds, watch),
            Kind::ThreePhaseCommit => trial::explore::<ThreePhase>(self, settings, seeds, watch),
            Kind::BasicPaxos => trial::explore::<BasicPaxos>(self, settings, seeds, watch),
            Kind::MultiPaxos => trial::explore::<Replica>(self, settings, seeds, watch),
            Kind::FastPaxos => trial::explore::<FastPaxos>(self, settings, seeds, watch),
            Kind::Zab => trial::explore::<Server>(self, settings, seeds, watch),
        }
    }
}

impl Exploration {
    /// Whether just those rules broke that theory says do, as far as so many seeds can tell.
    pub fn is_as_predicted(&self) -> bool {
        (self.seeds < SEEDS_ENOUGH || self.is_complete())
            && self.broken.keys().all(|rule| self.study.predicts(rule))
    }

    /// Whether all rules broke that theory says do.
    pub fn is_complete(&self) -> bool {
        self.study.breaks.iter().all(|rule| self.broken.contains_key(*rule))
    }
}
