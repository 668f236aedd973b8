//! Random choices that cost next to nothing and are the same in every run.

/// xorshift64*.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        // The state must not be 0, so that any seed will do.
        Self(0x9E37_79B9_7F4A_7C15 ^ (seed << 1))
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A part of 1, which is less than 1.
    #[inline]
    pub(crate) fn part(&mut self) -> f64 {
        // 53 bits are what the type holds exactly.
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `n`, which must not be 0 for it to be one.
    #[inline]
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let product = u128::from(self.roll()) * n as u128;
        // The high half is below `n`.
        usize::try_from(product >> 64).unwrap_or(0)
    }
}
