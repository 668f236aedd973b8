//! From a path's hash to candidates for what is known of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use hashbrown::HashTable;
use hashbrown::hash_table;

use crate::hash::Seed;

/// The table is split so that growing one part never pauses for long: at five million znodes a
/// shard holds ten thousand entries.
const SHARDS: usize = 512;

/// A path with its hash, which is then computed once for all who look for the path.
#[derive(Clone, Copy, Debug)]
pub struct HashedPath<'p> {
    path: &'p str,
    hash: PathHash,
}

impl<'p> HashedPath<'p> {
    /// The path. The root's is empty.
    pub const fn path(&self) -> &'p str {
        self.path
    }

    /// The hash, all of whose bits are good.
    pub const fn hash(&self) -> u64 {
        self.hash.0
    }
}

/// The hash of a full path.
#[derive(Clone, Copy, Debug)]
struct PathHash(u64);

impl PathHash {
    /// The half that is kept with each entry. A table that grows needs it, so no path is read; and
    /// a candidate whose half differs is none, so its record is not read. Loading a million znodes
    /// takes a fifth longer without.
    const fn tag(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    const fn shard(self) -> usize {
        self.0 as usize % SHARDS
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry<P> {
    tag: u32,
    place: P,
}

/// What the shard's table goes by: it takes its bucket from the low bits and its own small tag
/// from the high ones.
const fn spread(tag: u32) -> u64 {
    ((tag as u64) << 32) | tag as u64
}

/// A hash table from paths to places of type `P` that does not hold the paths.
#[derive(Debug)]
pub(crate) struct Index<P> {
    shards: Box<[HashTable<Entry<P>>]>,
    /// Seeded, because clients choose paths.
    seed: Seed,
}

impl<P: Copy + PartialEq> Index<P> {
    pub(crate) fn new(seed: Seed) -> Self {
        let shards: Vec<_> = (0..SHARDS).map(|_| HashTable::new()).collect();
        Self { shards: shards.into_boxed_slice(), seed }
    }

    fn hash(&self, path: &str) -> PathHash {
        PathHash(self.seed.hash(path.as_bytes()))
    }

    /// A path with its hash in this index.
    pub(crate) fn hashed<'p>(&self, path: &'p str) -> HashedPath<'p> {
        HashedPath { path, hash: self.hash(path) }
    }

    /// The place for `path`: one with its hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, path: &str, is_it: impl Fn(P) -> bool) -> Option<P> {
        self.find_hashed(self.hashed(path), is_it)
    }

    /// The same, for a path that this index has hashed.
    #[inline]
    pub(crate) fn find_hashed(
        &self,
        HashedPath { hash, .. }: HashedPath<'_>,
        is_it: impl Fn(P) -> bool,
    ) -> Option<P> {
        let tag = hash.tag();
        self.shards[hash.shard()]
            .find(spread(tag), |entry| entry.tag == tag && is_it(entry.place))
            .map(|entry| entry.place)
    }

    /// Room for the place of `path`, or the place that is there.
    pub(crate) fn vacancy(
        &mut self,
        path: &str,
        is_it: impl Fn(P) -> bool,
    ) -> Result<Vacancy<'_, P>, P> {
        let hash = self.hash(path);
        let tag = hash.tag();
        let is_it = |entry: &Entry<P>| entry.tag == tag && is_it(entry.place);
        let rehash = |entry: &Entry<P>| spread(entry.tag);
        match self.shards[hash.shard()].entry(spread(tag), is_it, rehash) {
            hash_table::Entry::Occupied(entry) => Err(entry.get().place),
            hash_table::Entry::Vacant(entry) => Ok(Vacancy { tag, entry }),
        }
    }

    /// Bytes that are reserved.
    pub(crate) fn bytes(&self) -> usize {
        let shard = |shard: &HashTable<Entry<P>>| size_of_val(shard) + shard.allocation_size();
        self.shards.iter().map(shard).sum()
    }

    pub(crate) fn remove(&mut self, path: &str, place: P) {
        let hash = self.hash(path);
        let shard = &mut self.shards[hash.shard()];
        if let Ok(entry) = shard.find_entry(spread(hash.tag()), |entry| entry.place == place) {
            entry.remove();
        }
    }
}

/// Room for one more place.
pub(crate) struct Vacancy<'a, P> {
    tag: u32,
    entry: hash_table::VacantEntry<'a, Entry<P>>,
}

impl<P> Vacancy<'_, P> {
    pub(crate) fn fill(self, place: P) {
        self.entry.insert(Entry { tag: self.tag, place });
    }
}
