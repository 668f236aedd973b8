//! When a failed operation is tried again.

use crate::error::Error;
use std::fmt::Debug;
use std::time::Duration;
use zoarium_session::random::Random;

/// Decides whether a failed operation is tried again.
///
/// It is asked only for failures that are safe to repeat ([`Verdict::Retry`](crate::Verdict)): the
/// request was not sent, or was a read. What is tried again takes its place behind all that was
/// asked for meanwhile.
pub trait RetryPolicy: Debug + Send + Sync {
    /// How long to wait before the next attempt; `None` to give up. `retries` counts attempts after
    /// the first, `elapsed` is the time since the first.
    fn delay(
        &self,
        retries: u32,
        elapsed: Duration,
        error: &Error,
        random: &mut Random,
    ) -> Option<Duration>;
}

/// Never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl RetryPolicy for Never {
    fn delay(&self, _: u32, _: Duration, _: &Error, _: &mut Random) -> Option<Duration> {
        None
    }
}

/// Delays that double, each with jitter between half of it and all of it.
#[derive(Clone, Copy, Debug)]
pub struct Exponential {
    /// The first delay.
    pub first: Duration,
    /// No delay is longer.
    pub longest: Duration,
    /// How many times at most.
    pub retries_max: u32,
    /// No attempt starts later than this after the first.
    pub elapsed_max: Duration,
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(5),
            retries_max: 10,
            elapsed_max: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy for Exponential {
    fn delay(
        &self,
        retries: u32,
        elapsed: Duration,
        _: &Error,
        random: &mut Random,
    ) -> Option<Duration> {
        let factor = 1_u32.checked_shl(retries).unwrap_or(u32::MAX);
        let delay = random.jittered(self.first.saturating_mul(factor).min(self.longest));
        (retries < self.retries_max && elapsed + delay <= self.elapsed_max).then_some(delay)
    }
}

/// The same delay each time.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// The delay.
    pub delay: Duration,
    /// How many times at most.
    pub retries_max: u32,
}

impl RetryPolicy for Fixed {
    fn delay(&self, retries: u32, _: Duration, _: &Error, _: &mut Random) -> Option<Duration> {
        (retries < self.retries_max).then_some(self.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Acl;

    #[test]
    fn exponential_delays_end_by_count_and_by_time() {
        let error = Error::Acl(Acl::new([]).unwrap_err());
        let mut random = Random::new(1);
        let policy = Exponential::default();
        let mut delay = |retries, elapsed| {
            policy.delay(retries, Duration::from_secs(elapsed), &error, &mut random)
        };
        assert!(delay(0, 0).unwrap() <= Duration::from_millis(100));
        assert!(delay(9, 0).unwrap() >= Duration::from_millis(2500));
        assert_eq!(delay(10, 0), None);
        assert_eq!(delay(9, 60), None);
    }
}
