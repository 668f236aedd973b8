//! Values under small numbers that are used again after they are given back.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// A slab. Numbers are `u32` because they are kept once an entry and entries are many; the memory
/// of a machine ends before the numbers do.
#[derive(Debug)]
pub(super) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.items[slot as usize] = Some(item);
            return slot;
        }
        let slot = u32::try_from(self.items.len()).expect("4 billion items do not fit in memory");
        self.items.push(Some(item));
        slot
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let item = self.items[slot as usize].take();
        if item.is_some() {
            self.free.push(slot);
        }
        item
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().flatten()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, slot: u32) -> &T {
        self.items[slot as usize].as_ref().expect("slots are looked up while they are in use")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, slot: u32) -> &mut T {
        self.items[slot as usize].as_mut().expect("slots are looked up while they are in use")
    }
}
