//! The znodes: where they are, how they hang together, how a path finds one.
//!
//! Nothing here knows what a transaction is; [`crate::apply`] keeps the rules.

pub(crate) mod arena;
pub(crate) mod children;
mod contents;

use alloc::string::String;
use alloc::vec::Vec;

use arena::{Arena, Record, Slot};
use zoarium_proto::RawStat;

use crate::acls::AclKey;
use crate::footprint::Footprint;
use crate::foresight::Foreseen;
use crate::hash::Seed;
use crate::index::{HashedPath, Index};

/// A znode to be added.
#[derive(Debug)]
pub(crate) struct NewZnode<'a> {
    pub(crate) parent: Slot,
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) stat: RawStat,
    /// Its use of this ACL is counted already.
    pub(crate) acl: AclKey,
}

/// All znodes of a tree.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) arena: Arena,
    index: Index<Slot>,
    /// While a snapshot is being taken, no slot is used a second time: the snapshot holds slots
    /// from earlier, and must not find another znode in one.
    pub(crate) snapshots_running: u32,
}

impl Store {
    /// A store with a root.
    pub(crate) fn new(seed: Seed) -> Self {
        let mut arena = Arena::default();
        let root = NewZnode {
            parent: Slot::ROOT,
            name: "",
            path: "",
            data: Some(b""),
            stat: RawStat::default(),
            acl: AclKey::OPEN,
        };
        arena.insert(&root, false);
        Self { arena, index: Index::new(seed), snapshots_running: 0 }
    }

    /// The znode at `path`. The root is found as `/` and as the empty path.
    pub(crate) fn find(&self, path: &str) -> Option<Slot> {
        match path {
            "" | "/" => Some(Slot::ROOT),
            path => self.index.find(path, |slot| is_at(&self.arena, slot, path)),
        }
    }

    /// The path with its hash; the root's is then empty.
    pub(crate) fn hashed<'p>(&self, path: &'p str) -> HashedPath<'p> {
        self.index.hashed(if path == "/" { "" } else { path })
    }

    /// The znode at a path that this store has hashed.
    pub(crate) fn find_hashed(&self, path: HashedPath<'_>) -> Option<Slot> {
        match path.path() {
            "" => Some(Slot::ROOT),
            text => self.index.find_hashed(path, |slot| is_at(&self.arena, slot, text)),
        }
    }

    /// The znode that was foreseen, which would be at `path`, if it is still there. A slot may have
    /// been used anew, but no transaction creates a znode twice.
    #[inline]
    pub(crate) fn at(&self, foreseen: &Foreseen, path: &str) -> Option<Slot> {
        let Foreseen { place: slot, czxid, .. } = *foreseen;
        let record = self.arena.record(slot)?;
        let is_it = record.is_live()
            && record.czxid == czxid
            && path.as_bytes().ends_with(self.arena.name(record));
        is_it.then_some(slot)
    }

    /// Places a znode under its parent, or gives back the one that is at its path already.
    pub(crate) fn insert(&mut self, znode: &NewZnode<'_>) -> Result<Slot, Slot> {
        let NewZnode { parent, path, .. } = *znode;
        let arena = &self.arena;
        let is_it = |slot| is_at(arena, slot, path);
        let vacancy = self.index.vacancy(path, is_it)?;
        let slot = self.arena.insert(znode, self.snapshots_running == 0);
        vacancy.fill(slot);
        let mut children = self.arena.take_children(parent).unwrap_or_default();
        children.insert(slot, &mut self.arena);
        self.arena.put_children(parent, children);
        Ok(slot)
    }

    /// Takes out the znode in `slot`, which is at `path`, has no children and is not the root.
    pub(crate) fn remove(&mut self, slot: Slot, path: &str) -> Record {
        let parent = self.arena.get(slot).parent;
        if let Some(mut children) = self.arena.take_children(parent) {
            children.remove(slot, &mut self.arena);
            self.arena.put_children(parent, children);
        }
        self.index.remove(path, slot);
        self.arena.remove(slot)
    }

    /// The stored part of a znode's stat.
    pub(crate) fn stat(&self, slot: Slot) -> RawStat {
        self.arena.stat(self.arena.get(slot))
    }

    /// The path of the znode in `slot`; the root's is `/`.
    pub(crate) fn path(&self, slot: Slot) -> String {
        if slot == Slot::ROOT {
            return String::from("/");
        }
        let length: usize = self.lineage(slot).map(|name| 1 + name.len()).sum();
        let mut path = alloc::vec![b'/'; length];
        let mut end = length;
        for name in self.lineage(slot) {
            let start = end - name.len();
            path[start..end].copy_from_slice(name);
            end = start - 1;
        }
        String::from_utf8(path).expect("names are only ever copied from a str")
    }

    /// The names of the znode in `slot` and its ancestors, without the root.
    fn lineage(&self, slot: Slot) -> impl Iterator<Item = &[u8]> {
        let mut slot = slot;
        core::iter::from_fn(move || {
            if slot == Slot::ROOT {
                return None;
            }
            let record = self.arena.get(slot);
            slot = record.parent;
            Some(self.arena.name(record))
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

    /// Bytes that are reserved, by what they are for.
    pub(crate) fn footprint(&self) -> Footprint {
        Footprint { index: self.index.bytes(), ..self.arena.footprint() }
    }

    /// The children of the znode in `slot`.
    pub(crate) fn children(&self, slot: Slot) -> impl Iterator<Item = Slot> + '_ {
        let children = self.arena.children(self.arena.get(slot));
        children.into_iter().flat_map(|children| children.slots())
    }
}

/// Whether the znode in `slot` is the one at `path`: the names upward from it are those of the path
/// from its end.
fn is_at(arena: &Arena, slot: Slot, path: &str) -> bool {
    let mut rest = path.as_bytes();
    let mut record = arena.get(slot);
    loop {
        let name = arena.name(record);
        let Some(slash) = rest.len().checked_sub(name.len() + 1) else { return false };
        if rest[slash] != b'/' || rest[slash + 1..] != *name {
            return false;
        }
        if record.parent == Slot::ROOT {
            return slash == 0;
        }
        rest = &rest[..slash];
        record = arena.get(record.parent);
    }
}

#[cfg(test)]
impl<'a> NewZnode<'a> {
    pub(crate) fn for_test(name: &'a str, data: Option<&'a [u8]>) -> Self {
        let (parent, stat, acl) = (Slot::ROOT, RawStat::default(), AclKey::OPEN);
        Self { parent, name, path: name, data, stat, acl }
    }
}
