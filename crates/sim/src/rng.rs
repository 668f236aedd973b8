//! Pseudo-random numbers: the same for ever, on every platform.

use std::time::Duration;

/// A million parts: the unit of chances and rates.
pub const MILLION: u32 = 1_000_000;

/// xoshiro256**, seeded by SplitMix64 (Blackman and Vigna).
///
/// A simulation has many of these, one per link, disk and process, so that taking one fault out of a
/// plan leaves as much as possible of the rest of the run as it was.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of this seed; any seed is as good as any other.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        Self { state: [(); 4].map(|()| split_mix(&mut state)) }
    }

    /// The generator of one subject of a run: `labels` say which.
    pub fn stream(seed: u64, labels: &[u64]) -> Self {
        Self::new(labels.iter().fold(seed, |seed, label| mix(seed, *label)))
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below `limit`, or 0 if that is 0. The bias is below one in 2⁶⁴ / `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next_u64() % limit }
    }

    /// An index into `length` things, or 0 if there are none.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// True `parts` times in a million.
    pub fn chance(&mut self, parts: u32) -> bool {
        self.below(u64::from(MILLION)) < u64::from(parts)
    }

    /// True half of the time.
    pub fn coin(&mut self) -> bool {
        self.next_u64() >> 63 == 1
    }

    /// A duration from `low` to `high`, both included; `low` if they are the wrong way round.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = u64::try_from(high.saturating_sub(low).as_nanos()).unwrap_or(u64::MAX - 1);
        low + Duration::from_nanos(self.below(span.saturating_add(1)))
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// Puts them into any order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.index(last + 1));
        }
    }
}

/// A number made of two: of a seed and a label, another seed.
pub(crate) fn mix(seed: u64, label: u64) -> u64 {
    let mut state = seed ^ label.wrapping_mul(0xa076_1d64_78bd_642f);
    split_mix(&mut state)
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_algorithm() {
        let mut state = 0;
        assert_eq!(split_mix(&mut state), 0xe220_a839_7b1d_cdaf);
        assert_eq!(split_mix(&mut state), 0x6e78_9e6a_a1b9_65f4);
        let mut rng = Rng { state: [1, 2, 3, 4] };
        assert_eq!(
            [(); 4].map(|()| rng.next_u64()),
            [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240]
        );
    }

    #[test]
    fn ranges_include_both_ends() {
        let mut rng = Rng::new(1);
        let [low, high] = [3, 5].map(Duration::from_nanos);
        let mut seen: Vec<_> = (0..100).map(|_| rng.between(low, high).as_nanos()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [3, 4, 5]);
        assert_eq!(rng.between(high, low), high);
        assert_eq!((rng.below(0), rng.index(0)), (0, 0));
    }

    #[test]
    fn chances_hold_on_average() {
        let mut rng = Rng::new(2);
        let hits = (0..100_000).filter(|_| rng.chance(250_000)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!(!rng.chance(0) && rng.chance(MILLION));
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let first = |labels: &[u64]| Rng::stream(7, labels).next_u64();
        let all = [first(&[]), first(&[0]), first(&[1]), first(&[0, 1]), first(&[1, 0])];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one));
        }
    }
}
