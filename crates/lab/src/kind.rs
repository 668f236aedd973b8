//! The protocols of the lab.

use crate::nearest::nearest;
use crate::play::{self, Changes, Unplayable};
use crate::protocols::basic_paxos::BasicPaxos;
use crate::protocols::fast_paxos::FastPaxos;
use crate::protocols::multi_paxos::Replica;
use crate::protocols::three_phase_commit::ThreePhase;
use crate::protocols::two_phase_commit::TwoPhase;
use crate::protocols::zab::Server;
use crate::run::Run;
use crate::scenario::Scenario;
use crate::scenarios;
use crate::settings::Setting;

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Two-phase commit.
    TwoPhaseCommit,
    /// Three-phase commit.
    ThreePhaseCommit,
    /// Basic Paxos: one value.
    BasicPaxos,
    /// Multi-Paxos: a log.
    MultiPaxos,
    /// Fast Paxos.
    FastPaxos,
    /// Zab, the protocol of our servers.
    Zab,
}

impl Kind {
    /// All there are, the oldest first.
    pub const ALL: [Self; 6] = [
        Self::TwoPhaseCommit,
        Self::ThreePhaseCommit,
        Self::BasicPaxos,
        Self::MultiPaxos,
        Self::FastPaxos,
        Self::Zab,
    ];

    /// As it is called on the command line.
    pub const fn key(self) -> &'static str {
        match self {
            Self::TwoPhaseCommit => "2pc",
            Self::ThreePhaseCommit => "3pc",
            Self::BasicPaxos => "paxos",
            Self::MultiPaxos => "multi-paxos",
            Self::FastPaxos => "fast-paxos",
            Self::Zab => "zab",
        }
    }

    /// As it is called in a text.
    pub const fn title(self) -> &'static str {
        match self {
            Self::TwoPhaseCommit => "Two-phase commit",
            Self::ThreePhaseCommit => "Three-phase commit",
            Self::BasicPaxos => "Basic Paxos",
            Self::MultiPaxos => "Multi-Paxos",
            Self::FastPaxos => "Fast Paxos",
            Self::Zab => "Zab",
        }
    }

    /// Where it was published.
    pub const fn paper(self) -> &'static str {
        match self {
            Self::TwoPhaseCommit => "Gray, Notes on Data Base Operating Systems, 1978",
            Self::ThreePhaseCommit => "Skeen, Nonblocking Commit Protocols, 1981",
            Self::BasicPaxos => "Lamport, The Part-Time Parliament, 1998; Paxos Made Simple, 2001",
            Self::MultiPaxos => "Lamport, Paxos Made Simple, 2001, §3",
            Self::FastPaxos => "Lamport, Fast Paxos, 2006",
            Self::Zab => {
                "Junqueira, Reed, Serafini, Zab: High-performance broadcast for \
                          primary-backup systems, 2011"
            }
        }
    }

    /// The protocol of that name.
    ///
    /// # Errors
    /// With a message that names those there are, and the one that was meant.
    pub fn find(key: &str) -> Result<Self, String> {
        let keys = Self::ALL.map(Self::key);
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.key() == key) {
            return Ok(kind);
        }
        let meant = crate::settings::meant(nearest(key, keys));
        Err(format!("no protocol {key}{meant}; there are: {}", keys.join(", ")))
    }

    /// Its scenarios, in the order of telling.
    pub const fn scenarios(self) -> &'static [Scenario] {
        match self {
            Self::TwoPhaseCommit => scenarios::two_phase_commit::SCENARIOS,
            Self::ThreePhaseCommit => scenarios::three_phase_commit::SCENARIOS,
            Self::BasicPaxos => scenarios::basic_paxos::SCENARIOS,
            Self::MultiPaxos => scenarios::multi_paxos::SCENARIOS,
            Self::FastPaxos => scenarios::fast_paxos::SCENARIOS,
            Self::Zab => scenarios::zab::SCENARIOS,
        }
    }

    /// Plays a script.
    ///
    /// # Errors
    /// If settings or script cannot be used.
    pub fn play(self, settings: &str, script: &str, changes: &Changes) -> Result<Run, Unplayable> {
        match self {
            Self::TwoPhaseCommit => play::play::<TwoPhase>(settings, script, changes),
            Self::ThreePhaseCommit => play::play::<ThreePhase>(settings, script, changes),
            Self::BasicPaxos => play::play::<BasicPaxos>(settings, script, changes),
            Self::MultiPaxos => play::play::<Replica>(settings, script, changes),
            Self::FastPaxos => play::play::<FastPaxos>(settings, script, changes),
            Self::Zab => play::play::<Server>(settings, script, changes),
        }
    }

    /// The settings it has.
    pub fn settings(self) -> Vec<Setting> {
        match self {
            Self::TwoPhaseCommit => play::settings::<TwoPhase>(),
            Self::ThreePhaseCommit => play::settings::<ThreePhase>(),
            Self::BasicPaxos => play::settings::<BasicPaxos>(),
            Self::MultiPaxos => play::settings::<Replica>(),
            Self::FastPaxos => play::settings::<FastPaxos>(),
            Self::Zab => play::settings::<Server>(),
        }
    }
}
