//! Numbers of the protocol that are not zxids.

use core::fmt;

/// The reign of a leader: the high half of its zxids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(
    /// At most [`Epoch::MAX`].
    pub u32,
);

impl Epoch {
    /// The last epoch. Apache keeps zxids in a signed `long`, and a negative one compares as old.
    pub const MAX: Self = Self(0x7fff_ffff);

    /// The epoch after this one, or `None` when epochs are used up.
    pub fn next(self) -> Option<Self> {
        (self < Self::MAX).then(|| Self(self.0 + 1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an election, by which late votes are told from current ones (Apache's
/// `logicalclock`, on the wire `electionEpoch`). It starts at 0 with the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(pub u64);

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Numbers the questions about the log on disk, so that an answer to a question of an earlier
/// reign is not taken for one of this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);
