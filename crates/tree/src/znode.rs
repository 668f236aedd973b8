//! What can be read of a znode.

use alloc::string::String;
use alloc::vec::Vec;

use zoarium_proto::create::Owner;
use zoarium_proto::{AclList, RawStat, Stat};

use crate::Tree;
use crate::foresight::Foreseen;
use crate::store::arena::{Record, Slot};
use crate::store::children::Children;

/// A znode of a tree, to read.
#[derive(Clone, Copy, Debug)]
pub struct Znode<'a> {
    tree: &'a Tree,
    slot: Slot,
    record: &'a Record,
}

impl<'a> Znode<'a> {
    pub(crate) fn new(tree: &'a Tree, slot: Slot) -> Self {
        Self { tree, slot, record: tree.store.arena.get(slot) }
    }

    /// Its path; the root's is `/`.
    pub fn path(&self) -> String {
        self.tree.store.path(self.slot)
    }

    /// Its data; `None` is null, which is not empty.
    #[inline]
    pub fn data(&self) -> Option<&'a [u8]> {
        self.tree.store.arena.data(self.record)
    }

    /// The stored part of its stat.
    #[inline]
    pub fn raw(&self) -> RawStat {
        self.tree.store.arena.stat(self.record)
    }

    /// What a client sees of it.
    #[inline]
    pub fn stat(&self) -> Stat {
        let data_length = i32::try_from(self.record.data_length()).unwrap_or(i32::MAX);
        let num_children = i32::try_from(self.num_children()).unwrap_or(i32::MAX);
        self.raw().to_stat(self.owner(), data_length, num_children)
    }

    /// Its ACL.
    #[inline]
    pub fn acl(&self) -> AclList<'a> {
        self.tree.acls.list(self.record.acl)
    }

    /// Who or what it belongs to.
    pub const fn owner(&self) -> Owner {
        self.tree.options.owner(self.record.owner)
    }

    /// How many children it has.
    pub fn num_children(&self) -> usize {
        self.listing().map_or(0, Children::count)
    }

    /// The names of its children, in no particular order.
    pub fn children(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let arena = &self.tree.store.arena;
        self.listing().into_iter().flat_map(move |children| children.names(arena))
    }

    /// Appends the names of its children as a jute vector of strings, in no particular order.
    pub fn encode_children(&self, out: &mut Vec<u8>) {
        match self.listing() {
            Some(children) => children.encode(&self.tree.store.arena, out),
            None => out.extend_from_slice(&[0; 4]),
        }
    }

    fn listing(&self) -> Option<&'a Children> {
        self.tree.store.arena.children(self.record)
    }

    /// What the tree's digest counts for it; see [`crate::digest::of_znode`]. 0 if digests are off.
    pub const fn digest(&self) -> u32 {
        self.record.digest
    }

    /// Where it is and what it counts, for those who decide about it.
    pub const fn foreseen(&self) -> Foreseen {
        let Record { czxid, digest, .. } = *self.record;
        Foreseen { czxid, place: self.slot, digest }
    }
}
