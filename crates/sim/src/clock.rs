//! The clocks of one machine: monotonic with a drift, and a wall clock that may jump.

use crate::rng::MILLION;
use crate::time::Time;
use std::time::Duration;
use zoarium_process::{Instant, Now};

/// How fast a clock runs, in millionths of true speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u32);

impl Rate {
    /// As fast as true time.
    pub const TRUE: Self = Self(MILLION);
}

/// The clocks of one machine. They outlive the process that reads them.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Since when `rate` holds.
    since: Time,
    /// What the monotonic clock showed then.
    shown: Duration,
    rate: Rate,
    /// What the wall clock shows when the monotonic one shows zero, in milliseconds since 1970.
    wall_origin_ms: i64,
}

impl Clock {
    /// A clock that shows `shown` at the start of the simulation, beside a wall clock that shows
    /// `wall_ms`.
    pub fn new(shown: Duration, wall_ms: i64) -> Self {
        let wall_origin_ms = wall_ms.saturating_sub(millis(shown));
        Self { since: Time::START, shown, rate: Rate::TRUE, wall_origin_ms }
    }

    /// What both show at a time not before the last change of rate.
    pub fn at(&self, time: Time) -> Now {
        let passed = time.since(self.since).as_nanos();
        let passed = passed * u128::from(self.rate.0) / u128::from(MILLION);
        let mono = self.shown + Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX));
        let wall_ms = self.wall_origin_ms.saturating_add(millis(mono));
        Now { mono: Instant::from_origin(mono), wall_ms }
    }

    /// The first time, not before `now`, at which the monotonic clock shows `shown` or more, if
    /// its rate stays.
    pub fn when(&self, shown: Instant, now: Time) -> Time {
        let ahead = shown.since_origin().saturating_sub(self.shown).as_nanos();
        let rate = u128::from(self.rate.0.max(1));
        let passed = (ahead * u128::from(MILLION)).div_ceil(rate);
        let passed = Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX));
        (self.since + passed).max(now)
    }

    /// Changes the speed from `now` on.
    pub fn set_rate(&mut self, rate: Rate, now: Time) {
        self.shown = self.at(now).mono.since_origin();
        self.since = now;
        self.rate = rate;
    }

    /// Makes the wall clock jump, forwards or back.
    pub fn jump(&mut self, by_ms: i64) {
        self.wall_origin_ms = self.wall_origin_ms.saturating_add(by_ms);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn monotonic_time_drifts_and_never_goes_back() {
        let mut clock = Clock::new(seconds(100), 5000);
        let shown =
            |clock: &Clock, at| clock.at(Time::after_start(seconds(at))).mono.since_origin();
        assert_eq!(shown(&clock, 10), seconds(110));
        clock.set_rate(Rate(2 * MILLION), Time::after_start(seconds(10)));
        assert_eq!(shown(&clock, 10), seconds(110));
        assert_eq!(shown(&clock, 15), seconds(120));
        clock.set_rate(Rate(MILLION / 2), Time::after_start(seconds(15)));
        assert_eq!(shown(&clock, 17), seconds(121));
    }

    #[test]
    fn a_clock_shows_what_when_promises() {
        let mut clock = Clock::new(seconds(1), 0);
        for rate in [1, 333_333, MILLION - 1, MILLION, 1_999_999] {
            clock.set_rate(Rate(rate), Time(12_345));
            let shown = clock.at(Time(12_345)).mono + Duration::from_nanos(777);
            let when = clock.when(shown, Time(12_345));
            assert!(clock.at(when).mono >= shown);
            assert!(clock.at(Time(when.0 - 1)).mono < shown);
        }
        assert_eq!(clock.when(Instant::ORIGIN, Time(99_999)), Time(99_999));
    }

    #[test]
    fn the_wall_clock_jumps_alone() {
        let mut clock = Clock::new(seconds(7), 1_000_000);
        let before = clock.at(Time::after_start(seconds(1)));
        clock.jump(-2_000_000);
        let after = clock.at(Time::after_start(seconds(1)));
        assert_eq!(before.mono, after.mono);
        assert_eq!((before.wall_ms, after.wall_ms), (1_001_000, -999_000));
    }
}
