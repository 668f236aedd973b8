//! Latencies, counted in buckets that are as fine as they need to be.

/// Below 2^9 ns a bucket is one nanosecond wide; above, each power of two has 256 buckets, so that
/// no value is off by more than half of 1/256.
const PRECISION_BITS: u32 = 8;

/// How many buckets there are: values beyond 2^37 ns (more than two minutes) fall into the last.
const BUCKETS: usize = bucket(1 << 37) + 1;

/// How often a latency was seen, from a nanosecond to two minutes, within 0.2 %.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u32]>,
    total: u64,
    sum_ns: u64,
    max_ns: u64,
}

#[expect(clippy::cast_possible_truncation, reason = "shifted so that less than 10 bits are left")]
const fn bucket(value: u64) -> usize {
    let magnitude = u64::BITS - (value >> PRECISION_BITS).leading_zeros();
    let shift = magnitude.saturating_sub(1);
    ((shift as usize) << PRECISION_BITS) + (value >> shift) as usize
}

/// The middle of a bucket, in nanoseconds.
fn middle(bucket: usize) -> u64 {
    let precision = 1 << PRECISION_BITS;
    if bucket < 2 * precision {
        return bucket as u64;
    }
    let shift = bucket / precision - 1;
    (((bucket - shift * precision) as u64) << shift) + (1 << (shift - 1))
}

impl Default for Histogram {
    fn default() -> Self {
        let counts = vec![0; BUCKETS].into_boxed_slice();
        Self { counts, total: 0, sum_ns: 0, max_ns: 0 }
    }
}

impl Histogram {
    /// Counts one latency, in nanoseconds.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        let counted = &mut self.counts[bucket(ns).min(BUCKETS - 1)];
        *counted = counted.saturating_add(1);
        self.total += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total += other.total;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many latencies were counted.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The longest, in nanoseconds; exact.
    pub const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The mean in nanoseconds; 0 of nothing.
    pub fn mean_ns(&self) -> u64 {
        self.sum_ns.checked_div(self.total).unwrap_or(0)
    }

    /// The latency, in nanoseconds, that `quantile` (from 0 to 1) of all do not exceed; 0 of
    /// nothing.
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        let wanted = (self.total as f64 * quantile).ceil().max(1.0);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen as f64 >= wanted {
                return middle(bucket).min(self.max_ns);
            }
        }
        self.max_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_kept_within_a_five_hundredth() {
        for value in (0..40).map(|power| 1_u64 << power).flat_map(|v| [v - 1, v, v + v / 3]) {
            if value >= 1 << 37 {
                continue;
            }
            let kept = middle(bucket(value));
            let off = kept.abs_diff(value) as f64;
            assert!(off <= value as f64 / 500.0, "{value} is kept as {kept}");
        }
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut last = 0;
        for value in 0..1 << 16 {
            let found = bucket(value);
            assert!(found == last || found == last + 1, "{value}: {last}, then {found}");
            last = found;
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile_ns(0.99), histogram.mean_ns()), (0, 0));
        (1..=1000).for_each(|us| histogram.record(us * 1000));
        for (quantile, expected) in [(0.0, 1000), (0.5, 500_000), (0.99, 990_000), (1.0, 1_000_000)]
        {
            let found = histogram.quantile_ns(quantile);
            assert!(found.abs_diff(expected) <= expected / 400, "{quantile}: {found}");
        }
        assert_eq!((histogram.max_ns(), histogram.mean_ns()), (1_000_000, 500_500));
    }

    #[test]
    fn absurd_latencies_fall_into_the_last_bucket() {
        let mut histogram = Histogram::default();
        histogram.record(u64::MAX);
        histogram.record(1 << 40);
        assert_eq!((histogram.total(), histogram.max_ns()), (2, u64::MAX));
        assert!(histogram.quantile_ns(0.5) >= 1 << 37);
    }
}
