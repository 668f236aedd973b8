//! The only place where the server reads a clock for its peer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zoarium_process::{Instant, Now};

/// The origin of monotonic time for this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock whose origin lies an hour back, so that no deadline computed from "long ago" falls
    /// before it.
    pub(crate) fn start() -> Self {
        let now = std::time::Instant::now();
        Self { origin: now.checked_sub(Duration::from_secs(3600)).unwrap_or(now) }
    }

    /// Both clocks.
    pub(crate) fn now(&self) -> Now {
        Now { mono: self.mono(), wall_ms: wall_ms() }
    }

    /// Monotonic time.
    pub(crate) fn mono(&self) -> Instant {
        Instant::from_origin(self.origin.elapsed())
    }

    /// Milliseconds of monotonic time, for storage in an atomic.
    pub(crate) fn mono_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The standard library's form of an instant.
    pub(crate) fn to_std(self, instant: Instant) -> std::time::Instant {
        self.origin + instant.since_origin()
    }
}

/// Milliseconds since the Unix epoch; negative before it.
pub(crate) fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}
