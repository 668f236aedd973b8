//! Virtual time.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// Time since the simulation began, as an outside observer measures it, in nanoseconds. What
/// processes see of it are their [`Clock`](crate::Clock)s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// When the simulation begins.
    pub const START: Self = Self(0);

    /// The time this long after the start.
    pub fn after_start(delay: Duration) -> Self {
        Self::START + delay
    }

    /// How long after the start this is.
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Stops at the end of time, 584 years after the start.
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// As `12.345ms`.
impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.since_start(), out)
    }
}
