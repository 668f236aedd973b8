//! A small random number generator, so that all that is random here comes from one seed.

use core::time::Duration;

/// PCG XSL RR 128/64. The same seed gives the same numbers everywhere; it is not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: u128,
}

/// The multiplier and the increment of the reference implementation.
const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
const INCREMENT: u128 = 0x5851_F42D_4C95_7F2D_1405_7B7E_F767_814F;

impl Random {
    /// All that follows is a function of the seed.
    pub const fn new(seed: u128) -> Self {
        // Seeds that are close to each other must not give numbers that are.
        let mixed = (seed ^ (seed >> 67)).wrapping_mul(MULTIPLIER);
        Self { state: (mixed ^ (mixed >> 59)).wrapping_mul(MULTIPLIER) }
    }

    const fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
    }

    /// The next 64 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded into one")]
    pub const fn bits(&mut self) -> u64 {
        self.advance();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// The next 128 bits.
    pub const fn wide_bits(&mut self) -> u128 {
        ((self.bits() as u128) << 64) | self.bits() as u128
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias is below one in 2^32 for any bound that
    /// is a length.
    #[expect(clippy::cast_possible_truncation, reason = "the quotient is below the bound")]
    pub const fn below(&mut self, bound: usize) -> usize {
        ((self.bits() as u128 * bound as u128) >> 64) as usize
    }

    /// A duration between half of `full` and all of it.
    pub fn jittered(&mut self, full: Duration) -> Duration {
        let half = full / 2;
        let steps = u32::try_from(self.below(1025)).expect("the bound is small");
        half + half * steps / 1024
    }

    /// Puts the items in a random order, each with the same probability.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// True in `favourable` of `total` cases.
    pub(crate) fn chance(&mut self, favourable: usize, total: usize) -> bool {
        self.below(total) < favourable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_a_function_of_the_seed() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [random.bits(), random.bits()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
        let mut random = Random::new(1);
        let mut seen = [0_u32; 5];
        for _ in 0..10_000 {
            seen[random.below(5)] += 1;
        }
        assert!(seen.iter().all(|count| (1800..2200).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn jitter_keeps_half_of_the_delay() {
        let mut random = Random::new(3);
        let full = Duration::from_secs(10);
        for _ in 0..1000 {
            let delay = random.jittered(full);
            assert!(delay >= full / 2 && delay <= full, "{delay:?}");
        }
    }
}
