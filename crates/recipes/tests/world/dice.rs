//! Randomness from a seed.

use std::sync::{Arc, Mutex};

/// A generator of random numbers (SplitMix64). Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    pub(crate) fn seed(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Another generator, which does not depend on when this one is asked.
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.seed())
    }

    /// A number below `limit`.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        self.seed() % limit
    }

    /// True once in `times` times.
    pub(crate) fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Up to so many milliseconds.
    pub(crate) fn millis(&self, limit: u64) -> std::time::Duration {
        std::time::Duration::from_micros(self.below(limit * 1000))
    }
}
