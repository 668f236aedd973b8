//! Where a tree's memory is.

use crate::Tree;

/// Bytes that a tree has reserved for its znodes, by what they are for. What the allocator adds to
/// that, it keeps to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// What every znode has.
    pub records: usize,
    /// What znodes have that were changed after their create, or had children.
    pub extras: usize,
    /// Names and data.
    pub contents: usize,
    /// From paths to records.
    pub index: usize,
    /// The children's names, as they are sent.
    pub listings: usize,
}

impl Footprint {
    /// The parts, each with its name.
    pub const fn parts(&self) -> [(&'static str, usize); 5] {
        [
            ("record", self.records),
            ("extra", self.extras),
            ("name and data", self.contents),
            ("index", self.index),
            ("listing", self.listings),
        ]
    }
}

impl Tree {
    /// Where the memory is. Takes time in proportion to the number of znodes.
    pub fn footprint(&self) -> Footprint {
        self.store.footprint()
    }
}
