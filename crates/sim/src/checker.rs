//! What must hold, and what it is called when it does not.

use crate::event::Event;
use crate::event_kind::EventKind;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use zoarium_process::Process;

/// The processes that run at a moment, paused ones included.
pub type Running<P> = BTreeMap<<P as zoarium_process::Protocol>::Id, P>;

/// Watches a run and finds fault. One checker has one subject.
pub trait Checker<P: Process>: Debug {
    /// What it is shown. All, unless it says otherwise: a run is faster if it does.
    fn looks_at(&self) -> &'static [EventKind] {
        &EventKind::ALL
    }

    /// Sees everything that happens of the kinds that it looks at, in order, with the processes as
    /// they are then.
    ///
    /// # Errors
    /// With the first thing that must not be.
    fn on_event(&mut self, event: &Event<'_, P>, running: &Running<P>) -> Result<(), Violation>;

    /// Whether all has happened that must happen in the end. Asked now and then in the second
    /// phase of a plan.
    ///
    /// # Errors
    /// With what is missing.
    fn settled(&self, running: &Running<P>) -> Result<(), Violation> {
        let _ = running;
        Ok(())
    }

    /// Judges the run as a whole, when it has ended without failure.
    ///
    /// # Errors
    /// With what must not be.
    fn finish(&mut self, running: &Running<P>) -> Result<(), Violation> {
        let _ = running;
        Ok(())
    }
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule. Two failures are the same one if their rules are.
    pub rule: String,
    /// How it was broken, with values.
    pub detail: String,
}

impl Violation {
    /// A violation of `rule`.
    pub fn new(rule: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { rule: rule.into(), detail: detail.into() }
    }
}

impl Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.rule, self.detail)
    }
}

impl std::error::Error for Violation {}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something happened that must not.
    Safety(Violation),
    /// Something did not happen that must.
    Liveness(Violation),
    /// The code under test or the simulator panicked, or a run of one seed was not like another.
    Crash(Violation),
    /// The plan cannot be carried out.
    Plan(Violation),
}

impl Failure {
    /// The rule that was broken.
    pub const fn violation(&self) -> &Violation {
        match self {
            Self::Safety(it) | Self::Liveness(it) | Self::Crash(it) | Self::Plan(it) => it,
        }
    }

    /// Whether both are of one kind and break one rule, however they came about.
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.violation().rule == other.violation().rule
    }
}

impl Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Safety(_) => "safety violation",
            Self::Liveness(_) => "liveness failure",
            Self::Crash(_) => "crash",
            Self::Plan(_) => "unusable plan",
        };
        write!(out, "{kind}: {}", self.violation())
    }
}

impl std::error::Error for Failure {}
