//! What must hold of a run, whatever the protocol: judges over what processes say.
//!
//! The names of properties are those of the literature: agreement, validity and integrity of
//! consensus (Lamport; Cachin, Guerraoui, Rodrigues), and for a replicated log those of the Zab
//! paper (Junqueira, Reed, Serafini, *Zab: High-performance broadcast for primary-backup systems*,
//! 2011, §III).
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a judge looks at its subject and passes over the rest"
)]

mod commit;
mod consensus;
mod liveness;
mod log;

pub(crate) use commit::CommitValidity;
pub(crate) use consensus::{Agreement, Validity};
pub(crate) use liveness::{Converges, Decides};
pub(crate) use log::{OneLeader, PrimaryOrder, Registers, TotalOrder};

/// What the rules are called. Explorations predict which of them break.
pub(crate) mod rules {
    /// No two processes decide differently, and none changes its mind.
    pub(crate) const AGREEMENT: &str = "agreement";
    /// What is decided was proposed.
    pub(crate) const VALIDITY: &str = "validity";
    /// No place has two chosen values.
    pub(crate) const ONE_CHOSEN: &str = "one value is chosen";
    /// Processes deliver the same commands in the same order, without gaps.
    pub(crate) const TOTAL_ORDER: &str = "total order";
    /// Who delivers what a primary broadcast, has delivered what it broadcast before.
    pub(crate) const PRIMARY_ORDER: &str = "primary order";
    /// A read returns the last write that was finished before it began, or a later one.
    pub(crate) const FRESH_READS: &str = "fresh reads";
    /// Everyone who runs decides, though others have crashed for good.
    pub(crate) const NON_BLOCKING: &str = "non-blocking";
    /// Everyone decides in the end, when all are back and nothing fails.
    pub(crate) const TERMINATION: &str = "termination";
    /// An epoch has one leader.
    pub(crate) const ONE_LEADER: &str = "one leader an epoch";
}

#[cfg(test)]
mod tests;
