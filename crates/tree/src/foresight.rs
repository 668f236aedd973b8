//! What a decision knows of its transaction's application, so that this need not find it out again.
//!
//! Only the server that decides has it. All others, and it itself when it replays its log, go by the
//! transaction alone, so whatever was foreseen wrongly shows as a digest that does not match.

use alloc::vec::Vec;

use zoarium_proto::Zxid;

use crate::store::arena::Slot;

/// A znode that a transaction changes.
#[derive(Clone, Copy, Debug)]
pub struct Foreseen {
    /// Its create, by which it is known from another one in its place.
    pub(crate) czxid: Zxid,
    /// Where it was found; [`Slot::NONE`] if it was not there yet.
    pub(crate) place: Slot,
    /// What it counts in the tree's digest after the change.
    pub(crate) digest: u32,
}

impl Foreseen {
    /// A znode that the tree does not have.
    pub const NEW: Self = Self { czxid: Zxid::ZERO, place: Slot::NONE, digest: 0 };

    /// What it counts in the tree's digest; 0 if digests are off.
    pub const fn digest(&self) -> u32 {
        self.digest
    }

    /// The same znode, if it counts something else.
    #[must_use]
    pub const fn with_digest(self, digest: u32) -> Self {
        Self { digest, ..self }
    }
}

/// What a write changes.
#[derive(Clone, Copy, Debug)]
pub struct ForeseenWrite {
    /// The znode at its path.
    pub znode: Foreseen,
    /// The parent of that, for a create or delete.
    pub parent: Foreseen,
}

impl ForeseenWrite {
    /// A write that changes one znode, or none.
    pub const fn of(znode: Foreseen) -> Self {
        Self { znode, parent: Foreseen::NEW }
    }
}

/// What a transaction changes.
#[derive(Clone, Debug, Default)]
pub enum Foresight {
    /// Nobody knows.
    #[default]
    Nothing,
    /// This.
    Write(ForeseenWrite),
    /// What each part does, if it is a multi.
    Multi(Vec<ForeseenWrite>),
}

impl Foresight {
    pub(crate) const fn write(&self) -> Option<&ForeseenWrite> {
        match self {
            Self::Write(write) => Some(write),
            Self::Nothing | Self::Multi(_) => None,
        }
    }

    /// What a part of a multi does.
    pub(crate) fn part(&self, number: usize) -> Option<&ForeseenWrite> {
        match self {
            Self::Multi(writes) => writes.get(number),
            Self::Nothing | Self::Write(_) => None,
        }
    }
}
