//! What is kept of each znode: a record of fixed size, and beside it what not every znode has.

use alloc::boxed::Box;
use core::num::NonZeroU32;
use zoarium_proto::{RawStat, Zxid};

use super::NewZnode;
use super::children::Children;
use super::contents::{Cell, Contents};
use crate::acls::AclKey;
use crate::digest::is_counted;
use crate::footprint::Footprint;
use crate::slab::Slab;

/// The place of a znode's record; stable for the znode's life, reused after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u32);

impl Slot {
    /// The root's place, and the parent of the root.
    pub(crate) const ROOT: Self = Self(0);

    /// A place that no znode is ever in.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// What every znode has: one line of a processor's cache. Name and data lie in [`Contents`].
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Record {
    pub(crate) czxid: Zxid,
    ctime: i64,
    /// See [`zoarium_proto::create::Owner`].
    pub(crate) owner: i64,
    /// This znode's part of the tree digest; 0 if it has none.
    pub(crate) digest: u32,
    /// The parent; the root's is itself.
    pub(crate) parent: Slot,
    /// The ACL.
    pub(crate) acl: AclKey,
    /// Which chunk of the parent's listing has the name.
    pub(crate) chunk: u32,
    head: Head,
    data_length: u32,
    /// Name, then data.
    content: Cell,
    /// One more than the place of its [`Extra`], if it has one.
    extra: Option<NonZeroU32>,
}

/// What a znode has that was changed after its create, or has or had children.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) mzxid: Zxid,
    pub(crate) mtime: i64,
    pub(crate) pzxid: Zxid,
    pub(crate) version: i32,
    pub(crate) cversion: i32,
    pub(crate) aversion: i32,
    children: Option<Box<Children>>,
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

    pub(crate) const fn is_live(&self) -> bool {
        self.head.is(Head::LIVE)
    }

    pub(crate) const fn is_in_digest(&self) -> bool {
        !self.head.is(Head::NO_DIGEST)
    }

    pub(crate) const fn data_length(&self) -> usize {
        self.data_length as usize
    }

    const fn length(&self) -> usize {
        self.head.name_length() + self.data_length()
    }

    fn set_data_length(&mut self, data: Option<&[u8]>) {
        let length = data.map_or(0, <[u8]>::len);
        self.data_length = u32::try_from(length).expect("data comes in frames below 2 GiB");
        self.head = self.head.with(Head::NULL_DATA, data.is_none());
    }
}

/// All znodes but for how they hang together.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    records: Slab<Record>,
    extras: Slab<Extra>,
    contents: Contents,
}

impl Arena {
    /// The record at `slot`, in use or not.
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> &Record {
        &self.records[slot.0]
    }

    /// The record at `slot`, if there ever was one.
    #[inline]
    pub(super) fn record(&self, slot: Slot) -> Option<&Record> {
        self.records.get(slot.0)
    }

    /// The record at `slot`, to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Record {
        &mut self.records[slot.0]
    }

    #[inline(always)]
    pub(crate) fn name(&self, record: &Record) -> &[u8] {
        self.contents.get(record.content, 0, record.head.name_length())
    }

    /// The name as text.
    pub(crate) fn name_text(&self, record: &Record) -> &str {
        str::from_utf8(self.name(record)).expect("a record is made with a str as its name")
    }

    #[inline]
    pub(crate) fn data(&self, record: &Record) -> Option<&[u8]> {
        let data = self.contents.get(record.content, record.head.name_length(), record.length());
        (!record.head.is(Head::NULL_DATA)).then_some(data)
    }

    pub(crate) fn set_data(&mut self, slot: Slot, data: Option<&[u8]>) {
        let record = &mut self.records[slot.0];
        let length = record.length();
        record.set_data_length(data);
        let (name_length, data) = (record.head.name_length(), data.unwrap_or_default());
        record.content = self.contents.replace(record.content, length, name_length, data);
    }

    /// The stored part of the stat.
    #[inline]
    pub(crate) fn stat(&self, record: &Record) -> RawStat {
        let Record { czxid, ctime, owner, .. } = *record;
        match self.extra(record) {
            None => RawStat { owner, ..as_created(czxid, ctime) },
            Some(extra) => RawStat {
                czxid,
                mzxid: extra.mzxid,
                pzxid: extra.pzxid,
                ctime,
                mtime: extra.mtime,
                version: extra.version,
                cversion: extra.cversion,
                aversion: extra.aversion,
                owner,
            },
        }
    }

    pub(crate) fn set_stat(&mut self, slot: Slot, stat: &RawStat) {
        let record = &mut self.records[slot.0];
        record.czxid = stat.czxid;
        record.ctime = stat.ctime;
        record.owner = stat.owner;
        let plain = RawStat { owner: stat.owner, ..as_created(stat.czxid, stat.ctime) };
        if record.extra.is_none() && *stat == plain {
            return;
        }
        let extra = self.extra_mut(slot);
        extra.mzxid = stat.mzxid;
        extra.pzxid = stat.pzxid;
        extra.mtime = stat.mtime;
        extra.version = stat.version;
        extra.cversion = stat.cversion;
        extra.aversion = stat.aversion;
    }

    /// The children, if there are any.
    #[inline]
    pub(crate) fn children(&self, record: &Record) -> Option<&Children> {
        self.extra(record)?.children.as_deref()
    }

    /// Takes the listing of the children out, to change it.
    pub(super) fn take_children(&mut self, slot: Slot) -> Option<Box<Children>> {
        self.extra_mut(slot).children.take()
    }

    /// Puts the listing of the children back, if any are left.
    pub(super) fn put_children(&mut self, slot: Slot, children: Box<Children>) {
        if children.count() > 0 {
            self.extra_mut(slot).children = Some(children);
        }
    }

    #[inline]
    fn extra(&self, record: &Record) -> Option<&Extra> {
        record.extra.map(|extra| &self.extras[extra.get() - 1])
    }

    /// What is kept of the znode beside its record, to change it. It is made if it is not there.
    pub(crate) fn extra_mut(&mut self, slot: Slot) -> &mut Extra {
        let record = &mut self.records[slot.0];
        if let Some(extra) = record.extra {
            return &mut self.extras[extra.get() - 1];
        }
        let RawStat { mzxid, mtime, pzxid, .. } = as_created(record.czxid, record.ctime);
        let extra = self.extras.insert(Extra { mzxid, mtime, pzxid, ..Extra::default() }, true);
        record.extra = NonZeroU32::new(extra + 1);
        &mut self.extras[extra]
    }

    /// How many records are in use.
    pub(crate) fn live(&self) -> usize {
        self.records.live()
    }

    /// The first place that was never used: every record in use is before it.
    pub(crate) const fn end(&self) -> Slot {
        Slot(self.records.end())
    }

    /// Bytes that are reserved.
    pub(super) fn footprint(&self) -> Footprint {
        let children = self.extras.iter().filter_map(|extra| extra.children.as_ref());
        Footprint {
            records: self.records.bytes(),
            extras: self.extras.bytes(),
            contents: self.contents.bytes(),
            index: 0,
            listings: children.map(|children| children.bytes()).sum(),
        }
    }

    /// Places a record that has no digest yet. Without `reuse` it goes to the end.
    ///
    /// # Panics
    /// If the name is longer than [`Record::NAME_LENGTH_MAX`], and at 2³² records.
    pub(super) fn insert(&mut self, znode: &NewZnode<'_>, reuse: bool) -> Slot {
        let NewZnode { parent, name, acl, .. } = *znode;
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        assert!(name.len() <= Record::NAME_LENGTH_MAX, "name of {length} bytes or more");
        let head =
            Head(length).with(Head::LIVE, true).with(Head::NO_DIGEST, !is_counted(znode.path));
        let content = self.contents.insert(name.as_bytes(), znode.data.unwrap_or_default());
        let mut record = Record { parent, acl, head, content, ..Record::default() };
        record.set_data_length(znode.data);
        let slot = Slot(self.records.insert(record, reuse));
        self.set_stat(slot, &znode.stat);
        slot
    }

    /// Takes a record out. Its name and data are gone.
    pub(super) fn remove(&mut self, slot: Slot) -> Record {
        let record = self.records.remove(slot.0);
        self.contents.remove(record.content, record.length());
        if let Some(extra) = record.extra {
            self.extras.remove(extra.get() - 1);
        }
        record
    }
}

/// The stat of a znode that nothing has happened to since its create, but for the owner.
const fn as_created(czxid: Zxid, ctime: i64) -> RawStat {
    RawStat {
        czxid,
        mzxid: czxid,
        pzxid: czxid,
        ctime,
        mtime: ctime,
        version: 0,
        cversion: 0,
        aversion: 0,
        owner: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_as_small_as_it_says() {
        assert_eq!(size_of::<Record>(), 64);
        assert_eq!(size_of::<Extra>(), 48);
        assert_eq!(size_of::<Children>(), 40);
    }

    #[test]
    fn null_data_is_not_empty_data() {
        let mut arena = Arena::default();
        let slot = arena.insert(&NewZnode::for_test("ü", None), true);
        let content = |arena: &Arena| {
            let record = arena.get(slot);
            assert!(record.is_live() && record.is_in_digest());
            assert_eq!(arena.name(record), "ü".as_bytes());
            arena.data(record).map(<[u8]>::to_vec)
        };
        assert_eq!(content(&arena), None);
        for data in [&b""[..], b"four", b"FOUR", &[7; 5000], b"five!"] {
            arena.set_data(slot, Some(data));
            assert_eq!(content(&arena).unwrap(), data);
        }
    }

    #[test]
    fn stat_is_kept_whatever_it_says() {
        let mut arena = Arena::default();
        let plain = RawStat { owner: 9, ..as_created(Zxid(5), 6) };
        for stat in [
            plain,
            RawStat { mzxid: Zxid(7), ..plain },
            RawStat { pzxid: Zxid(7), ..plain },
            RawStat { mtime: -1, ..plain },
            RawStat { version: 1, ..plain },
            RawStat { cversion: 1, ..plain },
            RawStat { aversion: -1, ..plain },
        ] {
            let slot = arena.insert(&NewZnode { stat, ..NewZnode::for_test("x", None) }, true);
            assert_eq!(arena.stat(arena.get(slot)), stat);
            assert_eq!(arena.get(slot).extra.is_some(), stat != plain);
            arena.set_stat(slot, &RawStat { version: 3, ..plain });
            arena.set_stat(slot, &plain);
            assert_eq!(arena.stat(arena.get(slot)), plain);
            arena.remove(slot);
        }
        assert_eq!((arena.live(), arena.extras.live()), (0, 0));
    }
}
