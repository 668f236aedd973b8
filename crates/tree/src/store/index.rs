//! From a path's hash to candidates for its znode.

use alloc::boxed::Box;
use alloc::vec::Vec;
use hashbrown::HashTable;
use hashbrown::hash_table;

use super::arena::Slot;
use crate::hash::Seed;

/// The table is split so that growing one part never pauses for long: at five million znodes a
/// shard holds ten thousand entries.
const SHARDS: usize = 512;

/// The hash of a full path.
#[derive(Clone, Copy, Debug)]
struct PathHash(u64);

impl PathHash {
    /// The half that is kept with each entry. A table that grows needs it, so no path is walked;
    /// and a candidate whose half differs is none, so its record is not read.
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

    fn hash(&self, path: &str) -> PathHash {
        PathHash(self.seed.hash(path.as_bytes()))
    }

    /// The entry for `path`: one with its hash for which `is_it` holds.
    pub(crate) fn find(&self, path: &str, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let hash = self.hash(path);
        let tag = hash.tag();
        self.shards[hash.shard()]
            .find(spread(tag), |entry| entry.tag == tag && is_it(entry.slot))
            .map(|entry| entry.slot)
    }

    /// The place for an entry for `path`, or the slot that is there.
    pub(crate) fn vacancy(
        &mut self,
        path: &str,
        is_it: impl Fn(Slot) -> bool,
    ) -> Result<Vacancy<'_>, Slot> {
        let hash = self.hash(path);
        let tag = hash.tag();
        let is_it = |entry: &Entry| entry.tag == tag && is_it(entry.slot);
        let rehash = |entry: &Entry| spread(entry.tag);
        match self.shards[hash.shard()].entry(spread(tag), is_it, rehash) {
            hash_table::Entry::Occupied(entry) => Err(entry.get().slot),
            hash_table::Entry::Vacant(place) => Ok(Vacancy { tag, place }),
        }
    }

    pub(crate) fn remove(&mut self, path: &str, slot: Slot) {
        let hash = self.hash(path);
        let shard = &mut self.shards[hash.shard()];
        if let Ok(entry) = shard.find_entry(spread(hash.tag()), |entry| entry.slot == slot) {
            entry.remove();
        }
    }
}

/// A place for one more entry.
pub(crate) struct Vacancy<'a> {
    tag: u32,
    place: hash_table::VacantEntry<'a, Entry>,
}

impl Vacancy<'_> {
    pub(crate) fn fill(self, slot: Slot) {
        self.place.insert(Entry { tag: self.tag, slot });
    }
}
