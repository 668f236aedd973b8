//! Each distinct ACL is kept once; znodes hold its number.

use alloc::boxed::Box;
use alloc::vec::Vec;

use hashbrown::HashTable;
use zoarium_proto::AclList;

use crate::hash::Seed;

/// The number of an ACL in its [`Acls`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AclKey(u32);

impl AclKey {
    /// [`AclList::OPEN`], whose users are not counted.
    pub(crate) const OPEN: Self = Self(0);

    /// As a snapshot has it: −1 for the open ACL, from 1 on for the others.
    pub(crate) const fn to_wire(self) -> i64 {
        if self.0 == 0 { -1 } else { self.0 as i64 }
    }

    const fn entry(self) -> usize {
        self.0 as usize - 1
    }
}

#[derive(Debug)]
struct Entry {
    encoded: Box<[u8]>,
    /// Znodes that have it; 0 if the entry is free.
    users: u32,
}

/// The ACLs in use.
#[derive(Debug)]
pub(crate) struct Acls {
    /// Entry n has key n + 1.
    entries: Vec<Entry>,
    free: Vec<AclKey>,
    index: HashTable<AclKey>,
    seed: Seed,
}

impl Acls {
    pub(crate) const fn new(seed: Seed) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), index: HashTable::new(), seed }
    }

    /// The list with this number.
    #[inline]
    pub(crate) fn list(&self, key: AclKey) -> AclList<'_> {
        if key == AclKey::OPEN {
            return AclList::OPEN;
        }
        AclList::from_encoded(&self.entries[key.entry()].encoded)
            .expect("entries are copied from encoded lists")
    }

    /// The lists in use but the open one, with their numbers.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (AclKey, AclList<'_>)> {
        let mut keys: Vec<AclKey> = self.index.iter().copied().collect();
        keys.sort_unstable();
        keys.into_iter().map(|key| (key, self.list(key)))
    }

    /// The first number that was never given out: every number in use is before it.
    pub(crate) fn end(&self) -> AclKey {
        AclKey(u32::try_from(self.entries.len() + 1).expect("numbers are checked when given out"))
    }

    /// The number of this list for one more znode. Without `reuse` a list that is not there yet
    /// gets a number that was never used.
    ///
    /// # Panics
    /// At 2³² lists.
    pub(crate) fn acquire(&mut self, list: AclList<'_>, reuse: bool) -> AclKey {
        if list == AclList::OPEN {
            return AclKey::OPEN;
        }
        let hash = self.seed.hash(list.encoded());
        let entries = &mut self.entries;
        let same = |key: &AclKey| *entries[key.entry()].encoded == *list.encoded();
        if let Some(key) = self.index.find(hash, same).copied() {
            entries[key.entry()].users += 1;
            return key;
        }
        let entry = Entry { encoded: list.encoded().into(), users: 1 };
        let free = if reuse { self.free.pop() } else { None };
        let key = match free {
            Some(key) => {
                entries[key.entry()] = entry;
                key
            }
            None => {
                entries.push(entry);
                AclKey(u32::try_from(entries.len()).expect("2^32 lists take 200 gigabytes"))
            }
        };
        let seed = &self.seed;
        self.index.insert_unique(hash, key, |key| seed.hash(&entries[key.entry()].encoded));
        key
    }

    /// Gives this number, which has users, to one znode more.
    pub(crate) fn share(&mut self, key: AclKey) {
        if key != AclKey::OPEN {
            self.entries[key.entry()].users += 1;
        }
    }

    /// Takes one znode off the users of this number.
    pub(crate) fn release(&mut self, key: AclKey) {
        if key == AclKey::OPEN {
            return;
        }
        let entry = &mut self.entries[key.entry()];
        entry.users -= 1;
        if entry.users == 0 {
            let encoded = core::mem::take(&mut entry.encoded);
            if let Ok(found) = self.index.find_entry(self.seed.hash(&encoded), |at| *at == key) {
                found.remove();
            }
            self.free.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_proto::acl::encode_list;
    use zoarium_proto::{Acl, Perms};

    #[test]
    fn list_is_kept_while_it_has_users() {
        let encoded = encode_list(&[Acl::new(Perms::READ, "digest", "a:b")]);
        let list = AclList::from_encoded(&encoded).unwrap();
        let mut acls = Acls::new(Seed::new(1));
        assert_eq!(acls.acquire(AclList::OPEN, true), AclKey::OPEN);
        let key = acls.acquire(list, true);
        assert_eq!(acls.acquire(list, true), key);
        assert_eq!((key.to_wire(), acls.list(key)), (1, list));
        acls.release(key);
        assert_eq!(acls.iter().count(), 1);
        acls.release(key);
        assert_eq!(acls.iter().count(), 0);
        assert_eq!(acls.acquire(AclList::READ_ONLY, true), key);
    }

    #[test]
    fn number_is_not_reused_unless_allowed() {
        let mut acls = Acls::new(Seed::new(1));
        let key = acls.acquire(AclList::READ_ONLY, true);
        acls.release(key);
        assert_ne!(acls.acquire(AclList::READ_ONLY, false), key);
    }
}
