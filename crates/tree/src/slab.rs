//! Values in numbered places: blocks of fixed size, so that growth never copies the world.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Number of bits of a place within its block.
const BLOCK_BITS: u32 = 12;

/// Places in a block.
const BLOCK: usize = 1 << BLOCK_BITS;

/// Places of the first block when it begins, so that a small tree stays small.
const FIRST_BLOCK: usize = 8;

/// Values by number. What is taken out leaves a default behind.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    blocks: Vec<Vec<T>>,
    free: Vec<u32>,
    /// Places given out so far; the next new one.
    used: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), free: Vec::new(), used: 0 }
    }
}

impl<T: Default> Slab<T> {
    /// How many places are in use.
    pub(crate) fn live(&self) -> usize {
        self.used as usize - self.free.len()
    }

    /// The first place that was never used: every place in use is before it.
    pub(crate) const fn end(&self) -> u32 {
        self.used
    }

    /// Bytes that are reserved.
    pub(crate) fn bytes(&self) -> usize {
        let values: usize = self.blocks.iter().map(Vec::capacity).sum();
        values * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }

    /// Every value, in use or not.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// Places a value. Without `reuse` it goes to the end.
    ///
    /// # Panics
    /// At 2³² places.
    pub(crate) fn insert(&mut self, value: T, reuse: bool) -> u32 {
        if reuse && let Some(place) = self.free.pop() {
            self[place] = value;
            return place;
        }
        let place = self.used;
        self.used = self.used.checked_add(1).expect("2^32 values do not fit in memory");
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(value),
            last => {
                let capacity = if last.is_none() { FIRST_BLOCK } else { BLOCK };
                let mut block = Vec::with_capacity(capacity);
                block.push(value);
                self.blocks.push(block);
            }
        }
        place
    }

    /// The value in a place, if it was ever given out.
    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.blocks.get(block_of(place))?.get(offset_of(place))
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, place: u32) -> T {
        self.free.push(place);
        core::mem::take(&mut self[place])
    }
}

/// The value in a place that was given out, in use or not.
impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: u32) -> &T {
        &self.blocks[block_of(place)][offset_of(place)]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, place: u32) -> &mut T {
        &mut self.blocks[block_of(place)][offset_of(place)]
    }
}

const fn block_of(place: u32) -> usize {
    (place >> BLOCK_BITS) as usize
}

const fn offset_of(place: u32) -> usize {
    place as usize % BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_reused_only_when_allowed() {
        let mut slab = Slab::default();
        let first = slab.insert('a', true);
        assert_eq!(slab.remove(first), 'a');
        let second = slab.insert('b', false);
        assert_ne!(first, second);
        assert_eq!(slab.insert('c', true), first);
        assert_eq!((slab.live(), slab.end()), (2, 2));
    }
}
