//! From a path's hash to candidates for its znode.

use alloc::boxed::Box;
use alloc::vec::Vec;
use hashbrown::HashTable;

use super::arena::Slot;
use crate::hash::Seed;

/// The table is split so that growing one part never pauses for long: at five million znodes a
/// shard holds ten thousand entries.
const SHARDS: usize = 512;

/// The hash of a full path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathHash(u64);

impl PathHash {
    /// The half that is kept with each entry. A table that grows needs it, so no path is walked;
    /// and a candidate whose half differs is none, so its record is not read.
    #[expect(clippy::cast_possible_truncation, reason = "the high half is meant")]
    const fn tag(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    const fn shard(self) -> usize {
        self.0 as usize % SHARDS
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    slot: Slot,
}

/// What the shard's table goes by: it takes its bucket from the low bits and its own small tag
/// from the high ones.
const fn spread(tag: u32) -> u64 {
    ((tag as u64) << 32) | tag as u64
}

/// A hash table from paths to slots that does not hold the paths.
#[derive(Debug)]
pub(crate) struct Index {
    shards: Box<[HashTable<Entry>]>,
    /// Seeded, because clients choose paths.
    seed: Seed,
}

impl Index {
    pub(crate) fn new(seed: Seed) -> Self {
        let shards: Vec<_> = (0..SHARDS).map(|_| HashTable::new()).collect();
        Self { shards: shards.into_boxed_slice(), seed }
    }

    pub(crate) fn hash(&self, path: &str) -> PathHash {
        PathHash(self.seed.hash(path.as_bytes()))
    }

    /// The entry with this hash for which `is_it` holds.
    pub(crate) fn find(&self, hash: PathHash, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let tag = hash.tag();
        self.shards[hash.shard()]
            .find(spread(tag), |entry| entry.tag == tag && is_it(entry.slot))
            .map(|entry| entry.slot)
    }

    pub(crate) fn insert(&mut self, hash: PathHash, slot: Slot) {
        let tag = hash.tag();
        self.shards[hash.shard()]
            .insert_unique(spread(tag), Entry { tag, slot }, |entry| spread(entry.tag));
    }

    pub(crate) fn remove(&mut self, hash: PathHash, slot: Slot) {
        let shard = &mut self.shards[hash.shard()];
        if let Ok(entry) = shard.find_entry(spread(hash.tag()), |entry| entry.slot == slot) {
            entry.remove();
        }
    }
}
