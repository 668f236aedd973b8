//! What the protocols cost and what they stand, measured from runs.
//!
//! Nothing in the table is computed from a formula. The formulas stand beside it, and whoever
//! changes a protocol so that they no longer agree is told.

mod benches;
mod conflicts;
mod measure;
mod table;

use crate::kind::Kind;
use crate::play::Unplayable;

pub use conflicts::{Conflict, conflict, conflicts};
pub use table::{columns, conflict_table, table};

/// A protocol's costs and limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The protocol, and which variant of it.
    pub name: &'static str,
    /// The protocol.
    pub kind: Kind,
    /// Messages for one decision without faults.
    pub messages: Cost,
    /// Message delays from the request until the coordinator, proposer or leader knows; with it
    /// the time until the disks are done counts for nothing.
    pub delays_one: Cost,
    /// Message delays until everybody knows.
    pub delays_all: Cost,
    /// Durable writes that somebody waits for.
    pub writes: Cost,
    /// How many processes may be dead, beside the leader, and the request still succeeds.
    pub tolerates: Cost,
    /// If the leader dies for good at some point after the request: how often the others do not
    /// finish,
    pub blocked: usize,
    /// of how many such points.
    pub crash_points: usize,
    /// If the network is cut in two at some point: how often a rule breaks,
    pub split: usize,
    /// of how many such points.
    pub partition_points: usize,
}

/// Something counted, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// As it was counted.
    pub found: usize,
    /// The formula that should come to the same.
    pub formula: &'static str,
    /// What the formula comes to.
    pub expected: usize,
}

impl Cost {
    /// Whether it is what it should be.
    pub const fn is_as_expected(&self) -> bool {
        self.found == self.expected
    }
}

impl Row {
    /// Whether all costs are what they should be.
    pub fn is_as_expected(&self) -> bool {
        let costs =
            [&self.messages, &self.delays_one, &self.delays_all, &self.writes, &self.tolerates];
        costs.into_iter().all(Cost::is_as_expected)
    }
}

/// The smallest and the largest number of participants, acceptors or servers to compare with.
pub const SIZES: std::ops::RangeInclusive<u8> = 3..=7;

/// Measures all protocols with `n` participants, acceptors or servers, of [`SIZES`].
///
/// # Errors
/// If a run cannot be played.
pub fn compare(n: u8) -> Result<Vec<Row>, Unplayable> {
    benches::all(n).iter().map(measure::measure).collect()
}
