//! The children of one znode, ready to be sent.
//!
//! Few children are kept as their slots alone. From nine on, the listing is a list of chunks that
//! hold the names as they stand on the wire, so that an answer to getChildren is one copy per
//! chunk. A child's record knows its chunk, so that a removal touches one chunk of bounded size
//! even under a parent with a million children.

use alloc::vec::Vec;

use bytes::BufMut;
use zoarium_proto::jute::length;

use super::arena::{Arena, Slot};

/// Most children that are kept as slots alone.
const FEW: usize = 8;

/// A chunked listing this small goes back to slots alone; half of [`FEW`], so that one create and
/// one delete in turn do not convert each time.
const FEW_AGAIN: usize = FEW / 2;

/// Most names in a chunk.
const CHUNK_NAMES: usize = 64;

/// A chunk with this many bytes takes no more names.
const CHUNK_BYTES: usize = 4096;

/// A chunk with so few names is merged into the open one.
const CHUNK_SPARSE: usize = CHUNK_NAMES / 4;

/// The children of a znode that has any.
#[derive(Debug)]
pub(crate) enum Children {
    Few(Few),
    Many(Many),
}

#[derive(Debug, Default)]
pub(crate) struct Few {
    slots: [Slot; FEW],
    count: u8,
}

#[derive(Debug, Default)]
pub(crate) struct Many {
    chunks: Vec<Chunk>,
    count: u32,
    /// The chunk that takes new names.
    open: u32,
}

#[derive(Debug, Default)]
struct Chunk {
    slots: Vec<Slot>,
    /// For each slot in turn: length and name.
    names: Vec<u8>,
}

impl Default for Children {
    fn default() -> Self {
        Self::Few(Few::default())
    }
}

impl Children {
    pub(crate) const fn count(&self) -> usize {
        match self {
            Self::Few(few) => few.count as usize,
            Self::Many(many) => many.count as usize,
        }
    }

    /// Appends the names as a jute vector of strings.
    pub(crate) fn encode(&self, arena: &Arena, out: &mut Vec<u8>) {
        out.put_i32(length(self.count()));
        match self {
            Self::Few(few) => {
                few.slots().iter().for_each(|slot| put_name(out, arena.name(arena.get(*slot))));
            }
            Self::Many(many) => {
                out.reserve(many.chunks.iter().map(|chunk| chunk.names.len()).sum());
                many.chunks.iter().for_each(|chunk| out.extend_from_slice(&chunk.names));
            }
        }
    }

    /// The children's slots, in the order of [`Children::names`].
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let (few, chunks) = self.parts();
        few.iter().chain(chunks.iter().flat_map(|chunk| &chunk.slots)).copied()
    }

    /// The same slots, copied chunk by chunk: of a million in about a millisecond.
    pub(crate) fn to_slots(&self) -> Vec<Slot> {
        let (few, chunks) = self.parts();
        let mut slots = Vec::with_capacity(self.count());
        slots.extend_from_slice(few);
        chunks.iter().for_each(|chunk| slots.extend_from_slice(&chunk.slots));
        slots
    }

    /// The children's names.
    pub(crate) fn names<'a>(&'a self, arena: &'a Arena) -> impl Iterator<Item = &'a str> + 'a {
        let (few, chunks) = self.parts();
        let few = few.iter().map(|slot| arena.name(arena.get(*slot)));
        let chunked = chunks.iter().flat_map(|chunk| WireNames(&chunk.names));
        few.chain(chunked)
            .map(|name| str::from_utf8(name).expect("names are only ever copied from a str"))
    }

    /// Bytes that are reserved.
    pub(crate) fn bytes(&self) -> usize {
        let many = match self {
            Self::Few(_) => 0,
            Self::Many(many) => {
                let chunk = |chunk: &Chunk| {
                    chunk.slots.capacity() * size_of::<Slot>() + chunk.names.capacity()
                };
                many.chunks.capacity() * size_of::<Chunk>()
                    + many.chunks.iter().map(chunk).sum::<usize>()
            }
        };
        size_of::<Self>() + many
    }

    fn parts(&self) -> (&[Slot], &[Chunk]) {
        match self {
            Self::Few(few) => (few.slots(), &[]),
            Self::Many(many) => (&[], &many.chunks),
        }
    }

    /// Adds a child whose record is in place, and notes its chunk there.
    pub(crate) fn insert(&mut self, slot: Slot, arena: &mut Arena) {
        if let Self::Few(few) = self {
            if few.insert(slot) {
                return;
            }
            let mut many = Many::default();
            few.slots().iter().for_each(|slot| many.insert(*slot, arena));
            *self = Self::Many(many);
        }
        if let Self::Many(many) = self {
            many.insert(slot, arena);
        }
    }

    /// Removes a child whose record is still in place.
    pub(crate) fn remove(&mut self, slot: Slot, arena: &mut Arena) {
        match self {
            Self::Few(few) => few.remove(slot),
            Self::Many(many) => {
                many.remove(slot, arena);
                if many.count as usize <= FEW_AGAIN {
                    let mut few = Few::default();
                    self.slots().for_each(|slot| {
                        few.insert(slot);
                    });
                    *self = Self::Few(few);
                }
            }
        }
    }
}

impl Few {
    fn slots(&self) -> &[Slot] {
        &self.slots[..usize::from(self.count)]
    }

    /// Whether there was room.
    fn insert(&mut self, slot: Slot) -> bool {
        let Some(free) = self.slots.get_mut(usize::from(self.count)) else { return false };
        *free = slot;
        self.count += 1;
        true
    }

    fn remove(&mut self, slot: Slot) {
        if let Some(at) = self.slots().iter().position(|child| *child == slot) {
            self.count -= 1;
            self.slots.swap(at, usize::from(self.count));
        }
    }
}

impl Many {
    fn insert(&mut self, slot: Slot, arena: &mut Arena) {
        if self.chunks.get(self.open as usize).is_none_or(Chunk::is_full) {
            self.open = u32::try_from(self.chunks.len()).expect("fewer chunks than slots");
            self.chunks.push(Chunk::default());
        }
        arena.get_mut(slot).chunk = self.open;
        self.chunks[self.open as usize].push(slot, arena.name(arena.get(slot)));
        self.count += 1;
    }

    fn remove(&mut self, slot: Slot, arena: &mut Arena) {
        let at = arena.get(slot).chunk;
        let chunk = &mut self.chunks[at as usize];
        if !chunk.remove(slot) {
            return;
        }
        self.count -= 1;
        if at == self.open || chunk.slots.len() > CHUNK_SPARSE {
            return;
        }
        let chunk = core::mem::take(chunk);
        self.close_gap(at, arena);
        self.count -= u32::try_from(chunk.slots.len()).expect("a chunk is small");
        chunk.slots.iter().for_each(|slot| self.insert(*slot, arena));
    }

    /// Moves the last chunk to the place of the emptied one.
    fn close_gap(&mut self, at: u32, arena: &mut Arena) {
        self.chunks.swap_remove(at as usize);
        let Some(moved) = self.chunks.get(at as usize) else { return };
        moved.slots.iter().for_each(|slot| arena.get_mut(*slot).chunk = at);
        if self.open as usize == self.chunks.len() {
            self.open = at;
        }
    }
}

impl Chunk {
    fn is_full(&self) -> bool {
        self.slots.len() >= CHUNK_NAMES || self.names.len() >= CHUNK_BYTES
    }

    fn push(&mut self, slot: Slot, name: &[u8]) {
        self.slots.push(slot);
        put_name(&mut self.names, name);
        if self.is_full() {
            self.names.shrink_to_fit();
        }
    }

    /// Whether it was there.
    fn remove(&mut self, slot: Slot) -> bool {
        let Some(at) = self.slots.iter().position(|child| *child == slot) else { return false };
        self.slots.remove(at);
        let mut names = WireNames(&self.names);
        let start: usize = names.by_ref().take(at).map(|name| 4 + name.len()).sum();
        if let Some(name) = names.next() {
            let end = start + 4 + name.len();
            self.names.drain(start..end);
        }
        true
    }
}

fn put_name(out: &mut Vec<u8>, name: &[u8]) {
    out.put_i32(length(name.len()));
    out.extend_from_slice(name);
}

/// The names in a chunk's encoded form.
struct WireNames<'a>(&'a [u8]);

impl<'a> Iterator for WireNames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest;
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NewZnode;
    use std::collections::BTreeSet;
    use std::format;
    use std::string::String;

    fn check(children: &Children, arena: &Arena, expected: &BTreeSet<(String, Slot)>) {
        assert_eq!(children.count(), expected.len());
        let names = children.names(arena).map(String::from);
        let found: BTreeSet<_> = names.zip(children.slots()).collect();
        assert_eq!(found, *expected);
        let mut listing = Vec::new();
        children.encode(arena, &mut listing);
        let (count, names) = listing.split_first_chunk().unwrap();
        assert_eq!(u32::from_be_bytes(*count) as usize, expected.len());
        let names: BTreeSet<_> = WireNames(names).collect();
        assert!(names.into_iter().eq(expected.iter().map(|(name, _)| name.as_bytes())));
    }

    #[test]
    fn listing_is_a_plain_set_through_growth_and_decay() {
        let mut arena = Arena::default();
        let mut children = Children::default();
        let mut expected = BTreeSet::new();
        let mut random = 1u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        // Percent of inserts: grow, churn, shrink to nothing, grow again.
        for (percent, steps) in [(90, 800), (50, 3000), (10, 1500), (80, 300), (30, 400)] {
            for step in 0..steps {
                if next(100) < percent {
                    let name = format!("{percent}-{step}{}", "n".repeat(next(150) as usize));
                    let slot = arena.insert(&NewZnode::for_test(&name, None), true);
                    children.insert(slot, &mut arena);
                    expected.insert((name, slot));
                } else if !expected.is_empty() {
                    let at = next(u32::try_from(expected.len()).unwrap()) as usize;
                    let victim = expected.iter().nth(at).unwrap().clone();
                    children.remove(victim.1, &mut arena);
                    arena.remove(victim.1);
                    expected.remove(&victim);
                }
                if step % 50 == 0 {
                    check(&children, &arena, &expected);
                }
            }
            check(&children, &arena, &expected);
        }
    }

    #[test]
    fn sparse_chunks_do_not_stay() {
        let mut arena = Arena::default();
        let mut children = Children::default();
        let slots: Vec<Slot> = (0..10_000)
            .map(|n| {
                let slot = arena.insert(&NewZnode::for_test(&format!("{n}"), None), true);
                children.insert(slot, &mut arena);
                slot
            })
            .collect();
        for slot in slots.iter().enumerate().filter(|(n, _)| n % 10 != 0).map(|(_, slot)| *slot) {
            children.remove(slot, &mut arena);
        }
        let Children::Many(many) = &children else { panic!("1000 children are many") };
        assert!(many.chunks.len() < 1000 / CHUNK_SPARSE, "{} chunks", many.chunks.len());
    }
}
