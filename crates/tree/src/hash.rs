//! Keyed hashing of what clients choose.

use core::fmt;
use core::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// The key of a tree's hash tables. Clients choose paths and ACLs; without a key they could choose
/// them to collide.
#[derive(Clone)]
pub(crate) struct Seed {
    shared: SharedSeed,
    own: u64,
}

impl Seed {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { shared: SharedSeed::from_u64(seed), own: seed.rotate_left(32) }
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.own, &self.shared);
        hasher.write(bytes);
        hasher.finish()
    }
}

impl fmt::Debug for Seed {
    /// Does not show the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}
