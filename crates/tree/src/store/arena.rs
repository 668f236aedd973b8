//! Where znode records live: fixed-size blocks, so that growth never copies the world.

use alloc::boxed::Box;
use alloc::vec::Vec;
use zoarium_proto::RawStat;

use super::children::Children;
use crate::acls::AclKey;

/// The place of a znode's record; stable for the znode's life, reused after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u32);

impl Slot {
    /// The root's place, and the parent of the root.
    pub(crate) const ROOT: Self = Self(0);

    const BLOCK_BITS: u32 = 12;

    const fn block(self) -> usize {
        (self.0 >> Self::BLOCK_BITS) as usize
    }

    const fn offset(self) -> usize {
        (self.0 & ((1 << Self::BLOCK_BITS) - 1)) as usize
    }
}

/// Records per block.
const BLOCK: usize = 1 << Slot::BLOCK_BITS;

/// All that is kept of a znode: 112 bytes and one allocation for name and data.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The stored part of the stat.
    pub(crate) stat: RawStat,
    /// CRC-32 of path and data, where a change of the stat goes on from.
    pub(crate) content_crc: u32,
    /// This znode's part of the tree digest; 0 if it has none.
    pub(crate) digest: u32,
    /// The parent; the root's is itself.
    pub(crate) parent: Slot,
    /// The ACL.
    pub(crate) acl: AclKey,
    /// Which chunk of the parent's listing has the name.
    pub(crate) chunk: u32,
    head: Head,
    /// Name, then data.
    content: Box<[u8]>,
    /// The children, if there are any.
    pub(crate) children: Option<Box<Children>>,
}

/// The length of the name and three flags in one word.
#[derive(Clone, Copy, Debug, Default)]
struct Head(u32);

impl Head {
    /// The record is in use.
    const LIVE: u32 = 1 << 31;
    /// The data is null.
    const NULL_DATA: u32 = 1 << 30;
    /// The znode is left out of the tree digest.
    const NO_DIGEST: u32 = 1 << 29;

    const fn name_length(self) -> usize {
        (self.0 & !(Self::LIVE | Self::NULL_DATA | Self::NO_DIGEST)) as usize
    }

    const fn is(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    const fn with(self, flag: u32, on: bool) -> Self {
        Self(if on { self.0 | flag } else { self.0 & !flag })
    }
}

impl Record {
    /// The longest name in bytes; frames are bounded far below it.
    pub(crate) const NAME_LENGTH_MAX: usize = (Head::NO_DIGEST - 1) as usize;

    /// A record that has no listing and no digest yet.
    ///
    /// # Panics
    /// If the name is longer than [`Record::NAME_LENGTH_MAX`].
    pub(crate) fn new(parent: Slot, name: &str, data: Option<&[u8]>, in_digest: bool) -> Self {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        assert!(name.len() <= Self::NAME_LENGTH_MAX, "name of {length} bytes or more");
        let head = Head(length).with(Head::LIVE, true).with(Head::NO_DIGEST, !in_digest);
        Self {
            parent,
            head: head.with(Head::NULL_DATA, data.is_none()),
            content: join(name.as_bytes(), data.unwrap_or_default()),
            ..Self::default()
        }
    }

    pub(crate) const fn is_live(&self) -> bool {
        self.head.is(Head::LIVE)
    }

    pub(crate) const fn is_in_digest(&self) -> bool {
        !self.head.is(Head::NO_DIGEST)
    }

    pub(crate) fn name(&self) -> &[u8] {
        &self.content[..self.head.name_length()]
    }

    /// The name as text.
    pub(crate) fn name_text(&self) -> &str {
        str::from_utf8(self.name()).expect("a record is made with a str as its name")
    }

    pub(crate) fn data(&self) -> Option<&[u8]> {
        let data = &self.content[self.head.name_length()..];
        (!self.head.is(Head::NULL_DATA)).then_some(data)
    }

    pub(crate) fn data_length(&self) -> usize {
        self.content.len() - self.head.name_length()
    }

    pub(crate) fn set_data(&mut self, data: Option<&[u8]>) {
        self.head = self.head.with(Head::NULL_DATA, data.is_none());
        let data = data.unwrap_or_default();
        if data.len() == self.data_length() {
            self.content[self.head.name_length()..].copy_from_slice(data);
        } else {
            self.content = join(self.name(), data);
        }
    }
}

fn join(name: &[u8], data: &[u8]) -> Box<[u8]> {
    let mut content = Vec::with_capacity(name.len() + data.len());
    content.extend_from_slice(name);
    content.extend_from_slice(data);
    content.into_boxed_slice()
}

/// The records.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    blocks: Vec<Vec<Record>>,
    free: Vec<Slot>,
    /// Places given out so far; the next new one.
    used: u32,
}

impl Arena {
    /// The record at `slot`, in use or not.
    pub(crate) fn get(&self, slot: Slot) -> &Record {
        &self.blocks[slot.block()][slot.offset()]
    }

    /// The record at `slot`, to change it.
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Record {
        &mut self.blocks[slot.block()][slot.offset()]
    }

    /// How many records are in use.
    pub(crate) fn live(&self) -> usize {
        self.used as usize - self.free.len()
    }

    /// The first place that was never used: every record in use is before it.
    pub(crate) const fn end(&self) -> Slot {
        Slot(self.used)
    }

    /// Places a record. Without `reuse` it goes to the end.
    ///
    /// # Panics
    /// At 2³² records.
    pub(crate) fn insert(&mut self, record: Record, reuse: bool) -> Slot {
        if reuse && let Some(slot) = self.free.pop() {
            *self.get_mut(slot) = record;
            return slot;
        }
        let slot = self.end();
        self.used = self.used.checked_add(1).expect("2^32 records take half a terabyte");
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(record),
            // The first block grows as it must, so that a small tree stays small.
            last => {
                let capacity = if last.is_none() { 8 } else { BLOCK };
                let mut block = Vec::with_capacity(capacity);
                block.push(record);
                self.blocks.push(block);
            }
        }
        slot
    }

    /// Takes a record out.
    pub(crate) fn remove(&mut self, slot: Slot) -> Record {
        self.free.push(slot);
        core::mem::take(self.get_mut(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_as_small_as_it_says() {
        assert_eq!(size_of::<Record>(), 112);
        assert_eq!(size_of::<Children>(), 40);
    }

    #[test]
    fn null_data_is_not_empty_data() {
        let mut record = Record::new(Slot::ROOT, "ü", None, true);
        assert_eq!((record.name(), record.data()), ("ü".as_bytes(), None));
        record.set_data(Some(b""));
        assert_eq!((record.name(), record.data()), ("ü".as_bytes(), Some(&b""[..])));
        record.set_data(Some(b"four"));
        record.set_data(Some(b"FOUR"));
        assert_eq!((record.name(), record.data()), ("ü".as_bytes(), Some(&b"FOUR"[..])));
        assert!(record.is_live() && record.is_in_digest());
    }

    #[test]
    fn places_are_reused_only_when_allowed() {
        let mut arena = Arena::default();
        let record = || Record::new(Slot::ROOT, "x", None, false);
        let first = arena.insert(record(), true);
        arena.remove(first);
        assert!(!arena.get(first).is_live());
        let second = arena.insert(record(), false);
        assert_ne!(first, second);
        assert_eq!(arena.insert(record(), true), first);
        assert_eq!(arena.live(), 2);
    }
}
