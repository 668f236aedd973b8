//! How long to wait before the servers are tried again.

use crate::random::Random;
use core::time::Duration;

/// Delays that double from round to round, each with jitter, so that clients that lost the same
/// server do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The delay after the first round of all servers failed. Default 100 ms.
    pub first: Duration,
    /// No delay is longer. Default 10 s.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// The delay after `rounds` failed, from 1: between half of the full delay and all of it.
    /// After no failed round it is zero.
    pub fn delay(&self, rounds: u32, random: &mut Random) -> Duration {
        let Some(doublings) = rounds.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        random.jittered(self.first.saturating_mul(factor).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let mut random = Random::new(1);
        assert_eq!(backoff.delay(0, &mut random), Duration::ZERO);
        for (rounds, full_ms) in [(1, 100), (2, 200), (5, 1600), (8, 10_000), (u32::MAX, 10_000)] {
            let full = Duration::from_millis(full_ms);
            let delay = backoff.delay(rounds, &mut random);
            assert!(delay >= full / 2 && delay <= full, "{rounds}: {delay:?}");
        }
    }
}
