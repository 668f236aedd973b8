//! A summary of many values that threads record without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Values below this have a bucket each; above, every power of two is cut into this many.
const LINEAR: usize = 1 << LINEAR_BITS;
const LINEAR_BITS: u32 = 4;
/// Larger values count as this one. In microseconds it is 19 hours.
const VALUE_MAX: u64 = (1 << 36) - 1;
const BUCKETS: usize = bucket(VALUE_MAX) + 1;

/// The bucket of a value: exact below 16, then at most 1/16 of the value wide.
#[expect(clippy::cast_possible_truncation, reason = "at most 35 and 15")]
const fn bucket(value: u64) -> usize {
    if value < LINEAR as u64 {
        return value as usize;
    }
    let exponent = value.ilog2();
    let step = (value >> (exponent - LINEAR_BITS)) as usize & (LINEAR - 1);
    (exponent - LINEAR_BITS + 1) as usize * LINEAR + step
}

/// The middle of the values that share a bucket.
const fn middle(bucket: usize) -> u64 {
    if bucket < LINEAR {
        return bucket as u64;
    }
    let shift = bucket / LINEAR - 1;
    let lowest = ((LINEAR + bucket % LINEAR) as u64) << shift;
    lowest + ((1 << shift) >> 1)
}

/// Count, sum, extremes and a histogram. Every word is updated on its own: a reader in the middle
/// of a [`Distribution::record`] may see the sum without the count, which is good enough for
/// monitoring and costs the request path two additions.
#[derive(Debug)]
pub struct Distribution {
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    /// Made by the first value: they are 4 KiB, and most of what can be measured never happens.
    buckets: OnceLock<Box<[AtomicU64]>>,
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            buckets: OnceLock::new(),
        }
    }
}

impl Distribution {
    /// Adds one value. Values above 2³⁶ − 1 count as that.
    pub fn record(&self, value: u64) {
        self.record_many(value, 1);
    }

    /// Adds the same value `count` times.
    pub fn record_many(&self, value: u64, count: u64) {
        let value = value.min(VALUE_MAX);
        let buckets = self.buckets.get_or_init(no_counts);
        buckets[bucket(value)].fetch_add(count, Relaxed);
        self.sum.fetch_add(value.saturating_mul(count), Relaxed);
        // The extremes seldom move, so look before writing to a line that all cores share.
        if value < self.min.load(Relaxed) {
            self.min.fetch_min(value, Relaxed);
        }
        if value > self.max.load(Relaxed) {
            self.max.fetch_max(value, Relaxed);
        }
    }

    /// What was recorded since the start or the last reset.
    pub fn read(&self) -> Reading {
        let buckets = self.buckets.get().map_or_else(
            || vec![0; BUCKETS],
            |counts| counts.iter().map(|count| count.load(Relaxed)).collect(),
        );
        let count = buckets.iter().sum();
        let extreme = |value: &AtomicU64| if count == 0 { 0 } else { value.load(Relaxed) };
        Reading {
            count,
            sum: self.sum.load(Relaxed),
            min: extreme(&self.min),
            max: extreme(&self.max),
            buckets,
        }
    }

    /// Forgets everything.
    pub fn reset(&self) {
        for count in self.buckets.get().into_iter().flatten() {
            count.store(0, Relaxed);
        }
        self.sum.store(0, Relaxed);
        self.min.store(u64::MAX, Relaxed);
        self.max.store(0, Relaxed);
    }
}

fn no_counts() -> Box<[AtomicU64]> {
    (0..BUCKETS).map(|_| AtomicU64::new(0)).collect()
}

/// A [`Distribution`] at one moment, in the unit that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The smallest, 0 when there is none.
    pub min: u64,
    /// The largest, 0 when there is none.
    pub max: u64,
    buckets: Vec<u64>,
}

impl Reading {
    /// The mean, 0 when there is no value.
    pub fn average(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The value that a share `q` (0 to 1) of all values do not exceed, exact below 16 and within
    /// 1/32 above. `None` when there is no value.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is between 1 and the count"
    )]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        // A reset between two loads can leave min above max, which `clamp` would refuse.
        Some(middle(bucket).max(self.min).min(self.max))
    }

    /// What was recorded after `earlier` was read: counts and sum; the extremes stay those of the
    /// whole. After a reset, all of it.
    pub fn since(&self, earlier: &Self) -> Self {
        if earlier.count == 0 || earlier.count > self.count {
            return self.clone();
        }
        let buckets: Vec<u64> = self
            .buckets
            .iter()
            .zip(&earlier.buckets)
            .map(|(new, old)| new.saturating_sub(*old))
            .collect();
        Self {
            count: buckets.iter().sum(),
            sum: self.sum.saturating_sub(earlier.sum),
            min: self.min,
            max: self.max,
            buckets,
        }
    }
}

/// What a recorded number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Itself.
    Plain,
    /// Microseconds, to be shown in milliseconds.
    Micros,
}

impl Unit {
    /// How many recorded units make one that is shown.
    pub const fn per_shown(self) -> u64 {
        match self {
            Self::Plain => 1,
            Self::Micros => 1000,
        }
    }
}

/// A summary of plain numbers: sizes, counts.
#[derive(Debug, Default)]
pub struct Summary(pub(super) Distribution);

impl Summary {
    pub(super) const UNIT: Unit = Unit::Plain;

    /// Adds one value.
    pub fn record(&self, value: u64) {
        self.0.record(value);
    }

    /// What was recorded.
    pub fn read(&self) -> Reading {
        self.0.read()
    }
}

/// A summary of durations. It keeps microseconds and shows milliseconds, the unit of all of
/// Apache's times.
#[derive(Debug, Default)]
pub struct Timing(pub(super) Distribution);

impl Timing {
    pub(super) const UNIT: Unit = Unit::Micros;

    /// Adds one duration.
    pub fn record(&self, duration: Duration) {
        self.0.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds the same duration `count` times.
    pub fn record_many(&self, duration: Duration, count: u64) {
        self.0.record_many(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), count);
    }

    /// What was recorded, in microseconds.
    pub fn read(&self) -> Reading {
        self.0.read()
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_hold_their_middle() {
        assert_eq!(bucket(0), 0);
        for index in 0..BUCKETS {
            assert_eq!(bucket(middle(index)), index, "middle {}", middle(index));
        }
        for value in [15, 16, 31, 32, 33, 1000, 1 << 20, VALUE_MAX] {
            assert!(bucket(value) - bucket(value - 1) <= 1, "gap below {value}");
        }
    }

    #[test]
    fn quantiles_are_within_a_thirty_second_of_the_truth() {
        let distribution = Distribution::default();
        for value in 1..=100_000 {
            distribution.record(value);
        }
        let reading = distribution.read();
        for (q, truth) in [(0.5, 50_000.0), (0.95, 95_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let value = reading.quantile(q).unwrap() as f64;
            assert!((value - truth).abs() <= truth / 32.0, "q {q}: {value}");
        }
        assert_eq!((reading.count, reading.min, reading.max), (100_000, 1, 100_000));
        assert!((reading.average() - 50_000.5).abs() < 1e-6);
    }

    #[test]
    fn nothing_recorded_reads_as_zero_without_quantiles() {
        let distribution = Distribution::default();
        distribution.record(u64::MAX);
        assert_eq!(distribution.read().max, VALUE_MAX);
        distribution.reset();
        let reading = distribution.read();
        assert_eq!((reading.count, reading.sum, reading.min, reading.max), (0, 0, 0, 0));
        assert_eq!(reading.quantile(0.5), None);
        assert_eq!(reading.average(), 0.0);
    }

    #[test]
    fn a_later_reading_minus_an_earlier_one_holds_what_came_between() {
        let distribution = Distribution::default();
        distribution.record(5);
        let earlier = distribution.read();
        distribution.record(7);
        distribution.record(7);
        let between = distribution.read().since(&earlier);
        assert_eq!((between.count, between.sum), (2, 14));
        assert_eq!(between.quantile(0.5), Some(7));
    }

    #[test]
    fn no_value_is_lost_when_threads_record_together() {
        let distribution = Distribution::default();
        std::thread::scope(|scope| {
            for start in 0..4 {
                let distribution = &distribution;
                scope.spawn(move || (0..1000).for_each(|i| distribution.record(start * 1000 + i)));
            }
        });
        let reading = distribution.read();
        assert_eq!((reading.count, reading.sum), (4000, 4000 * 3999 / 2));
        assert_eq!((reading.min, reading.max), (0, 3999));
    }
}
