//! The znodes: where they are, how they hang together, how a path finds one.
//!
//! Nothing here knows what a transaction is; [`crate::apply`] keeps the rules.

pub(crate) mod arena;
mod children;
mod index;

use alloc::string::String;
use alloc::vec::Vec;

use arena::{Arena, Record, Slot};
use index::Index;

use crate::hash::Seed;

/// All znodes of a tree.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) arena: Arena,
    index: Index,
    /// While a snapshot is being taken, no slot is used a second time: the snapshot holds slots
    /// from earlier, and must not find another znode in one.
    pub(crate) snapshots_running: u32,
}

impl Store {
    /// A store with a root.
    pub(crate) fn new(seed: Seed) -> Self {
        let mut arena = Arena::default();
        arena.insert(Record::new(Slot::ROOT, "", Some(b""), true), false);
        Self { arena, index: Index::new(seed), snapshots_running: 0 }
    }

    /// The znode at `path`. The root is found as `/` and as the empty path.
    pub(crate) fn find(&self, path: &str) -> Option<Slot> {
        match path {
            "" | "/" => Some(Slot::ROOT),
            path => self.index.find(path, |slot| is_at(&self.arena, slot, path)),
        }
    }

    /// Places a znode under its parent, or gives back the one that is at `path` already.
    pub(crate) fn insert(&mut self, path: &str, record: Record) -> Result<Slot, Slot> {
        let parent = record.parent;
        let vacancy = self.index.vacancy(path, |slot| is_at(&self.arena, slot, path))?;
        let slot = self.arena.insert(record, self.snapshots_running == 0);
        vacancy.fill(slot);
        let mut children = self.arena.get_mut(parent).children.take().unwrap_or_default();
        children.insert(slot, &mut self.arena);
        self.arena.get_mut(parent).children = Some(children);
        Ok(slot)
    }

    /// Takes out the znode in `slot`, which is at `path`, has no children and is not the root.
    pub(crate) fn remove(&mut self, slot: Slot, path: &str) -> Record {
        let parent = self.arena.get(slot).parent;
        if let Some(mut children) = self.arena.get_mut(parent).children.take() {
            children.remove(slot, &mut self.arena);
            if children.count() > 0 {
                self.arena.get_mut(parent).children = Some(children);
            }
        }
        self.index.remove(path, slot);
        self.arena.remove(slot)
    }

    /// The path of the znode in `slot`; the root's is `/`.
    pub(crate) fn path(&self, slot: Slot) -> String {
        if slot == Slot::ROOT {
            return String::from("/");
        }
        let length: usize = self.lineage(slot).map(|record| 1 + record.name().len()).sum();
        let mut path = alloc::vec![b'/'; length];
        let mut end = length;
        for record in self.lineage(slot) {
            let start = end - record.name().len();
            path[start..end].copy_from_slice(record.name());
            end = start - 1;
        }
        String::from_utf8(path).expect("names are only ever copied from a str")
    }

    /// The znode in `slot` and its ancestors, without the root.
    fn lineage(&self, slot: Slot) -> impl Iterator<Item = &Record> {
        let mut slot = slot;
        core::iter::from_fn(move || {
            if slot == Slot::ROOT {
                return None;
            }
            let record = self.arena.get(slot);
            slot = record.parent;
            Some(record)
        })
    }

    /// The znodes below the one in `slot`, each before its own children.
    pub(crate) fn descendants(&self, slot: Slot) -> impl Iterator<Item = Slot> + '_ {
        let mut pending: Vec<Slot> = self.children(slot).collect();
        core::iter::from_fn(move || {
            let slot = pending.pop()?;
            pending.extend(self.children(slot));
            Some(slot)
        })
    }

    /// The children of the znode in `slot`.
    pub(crate) fn children(&self, slot: Slot) -> impl Iterator<Item = Slot> + '_ {
        self.arena.get(slot).children.iter().flat_map(|children| children.slots())
    }
}

/// Whether the znode in `slot` is the one at `path`: the names upward from it are those of the path
/// from its end.
fn is_at(arena: &Arena, mut slot: Slot, path: &str) -> bool {
    let mut rest = path.as_bytes();
    while slot != Slot::ROOT {
        let record = arena.get(slot);
        let Some(head) = rest.strip_suffix(record.name()) else { return false };
        let Some(parent) = head.strip_suffix(b"/") else { return false };
        rest = parent;
        slot = record.parent;
    }
    rest.is_empty()
}
