//! The tree as a whole: what it holds, how it is asked.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;

use zoarium_proto::create::Owner;
use zoarium_proto::path::{self, RESERVED};
use zoarium_proto::{AclList, RawStat, SessionId, Zxid};

use crate::acls::{AclKey, Acls};
use crate::digest::{self, DigestAt, Digests};
use crate::hash::Seed;
use crate::index::HashedPath;
use crate::owners::Owners;
use crate::quota::Quotas;
use crate::store::arena::{Extra, Record, Slot};
use crate::store::{NewZnode, Store};
use crate::znode::Znode;

/// How a tree behaves.
#[derive(Clone, Copy, Debug)]
pub struct TreeOptions {
    /// Whether the digest is kept up (`zookeeper.digest.enabled`).
    pub digest_enabled: bool,
    /// Whether negative owners are read as the TTLs of 3.5.3 (`zookeeper.emulate353TTLNodes`).
    pub emulate_353_ttl: bool,
    /// The key of the hash tables; random in production, because clients choose paths.
    pub hash_seed: u64,
}

impl Default for TreeOptions {
    /// Apache's defaults, and a fixed key.
    fn default() -> Self {
        Self { digest_enabled: true, emulate_353_ttl: false, hash_seed: 0 }
    }
}

impl TreeOptions {
    pub(crate) const fn owner(&self, raw: i64) -> Owner {
        if self.emulate_353_ttl { Owner::from_raw_353(raw) } else { Owner::from_raw(raw) }
    }
}

/// The replicated state.
///
/// It is plain data. Readers share it under a lock that the server holds; there is one writer.
#[derive(Debug)]
pub struct Tree {
    pub(crate) options: TreeOptions,
    pub(crate) store: Store,
    pub(crate) acls: Acls,
    pub(crate) owners: Owners,
    pub(crate) sessions: BTreeMap<SessionId, i32>,
    pub(crate) quotas: Quotas,
    pub(crate) digests: Digests,
    pub(crate) last_zxid: Zxid,
    /// Bytes of all paths and data.
    pub(crate) data_size: usize,
    /// Shared with the cursors of its snapshots, so that they know their tree from another that
    /// took its place.
    pub(crate) identity: Arc<()>,
}

impl Tree {
    /// The tree of an ensemble that never ran: the root and what is reserved below `/zookeeper`.
    pub fn new(options: TreeOptions) -> Self {
        let mut tree = Self::bare(options);
        tree.add_reserved();
        tree
    }

    /// A tree with a root only, not even counted yet.
    pub(crate) fn bare(options: TreeOptions) -> Self {
        let seed = Seed::new(options.hash_seed);
        let mut tree = Self {
            options,
            store: Store::new(seed.clone()),
            acls: Acls::new(seed),
            owners: Owners::default(),
            sessions: BTreeMap::new(),
            quotas: Quotas::default(),
            digests: Digests::new(options.digest_enabled),
            last_zxid: Zxid::ZERO,
            // Apache counts the root twice, as "" and as "/".
            data_size: 1,
            identity: Arc::default(),
        };
        tree.refresh_digest(Slot::ROOT, "/", None);
        tree
    }

    /// Adds the reserved znodes that are not there.
    pub(crate) fn add_reserved(&mut self) {
        for path in RESERVED {
            let Some((parent, name)) = parent_and_name(path) else { continue };
            let Some(parent) = self.store.find(parent) else { continue };
            let (acl, aversion) = match path {
                path::CONFIG => (AclList::READ_ONLY, -1),
                _ => (AclList::OPEN, 0),
            };
            let stat = RawStat { aversion, ..RawStat::default() };
            let acl = self.acquire_acl(acl);
            let znode = NewZnode { parent, name, path, data: Some(b""), stat, acl };
            if self.add(&znode, None).is_err() {
                self.acls.release(acl);
            }
        }
    }

    /// The znode at `path`. The root is found as `/` and as the empty path.
    pub fn find(&self, path: &str) -> Option<Znode<'_>> {
        self.store.find(path).map(|slot| Znode::new(self, slot))
    }

    /// The path with its hash, for [`Tree::find_hashed`] of this tree alone. The root's path is then
    /// empty.
    pub fn hashed<'p>(&self, path: &'p str) -> HashedPath<'p> {
        self.store.hashed(path)
    }

    /// The znode at a path that this tree has hashed.
    pub fn find_hashed(&self, path: HashedPath<'_>) -> Option<Znode<'_>> {
        self.store.find_hashed(path).map(|slot| Znode::new(self, slot))
    }

    /// The last transaction applied.
    pub const fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// Says that every transaction up to `zxid` is applied, as after an epoch began or a snapshot
    /// was loaded.
    pub fn set_last_zxid(&mut self, zxid: Zxid) {
        self.last_zxid = zxid;
    }

    /// The digest of the tree; 0 if digests are off.
    pub const fn digest(&self) -> u64 {
        self.digests.sum()
    }

    /// The digests after every 128th transaction, oldest first, the last 1024 of them.
    pub fn digest_history(&self) -> impl Iterator<Item = DigestAt> + '_ {
        self.digests.history()
    }

    /// The highest zxid that is known to have left something in the tree. While it is above
    /// [`Tree::last_zxid`] the tree came of a fuzzy snapshot and is of no one moment: nobody may
    /// read it before replay has come there.
    pub fn seen(&self) -> Zxid {
        self.last_zxid.max(self.digests.fuzzy_until().unwrap_or_default())
    }

    /// Whether the tree may be of no one moment: it came from a snapshot that was taken while
    /// transactions went on, and it is not known that all of them are applied.
    pub const fn is_fuzzy(&self) -> bool {
        self.digests.is_fuzzy()
    }

    /// Leaves digests uncompared until the transaction `zxid` is applied: for a tree that is known
    /// to be fuzzy up to there.
    pub fn ignore_digests_until(&mut self, zxid: Zxid) {
        self.digests.pause_until(zxid);
    }

    /// Apache's count of znodes: the root counts twice, so an empty server has 5.
    pub fn znode_count(&self) -> usize {
        self.store.arena.live() + 1
    }

    /// Bytes of all paths and data; 44 on an empty server, as Apache counts.
    pub const fn data_size(&self) -> usize {
        self.data_size
    }

    /// How many ephemerals there are.
    pub const fn ephemerals_count(&self) -> usize {
        self.owners.ephemerals_count()
    }

    /// The durable sessions with their timeouts in milliseconds.
    pub const fn sessions(&self) -> &BTreeMap<SessionId, i32> {
        &self.sessions
    }

    /// The paths of a session's ephemerals.
    pub fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = String> + '_ {
        self.owners.ephemerals(session).map(|slot| self.store.path(slot))
    }

    /// The sessions that own ephemerals, in order.
    pub fn sessions_with_ephemerals(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.owners.sessions()
    }

    /// How many znodes are below the one at `path`; `None` if there is none at `path`.
    pub fn descendants_count(&self, path: &str) -> Option<usize> {
        let slot = self.store.find(path)?;
        if slot == Slot::ROOT {
            return Some(self.store.arena.live() - 1);
        }
        Some(self.store.descendants(slot).count())
    }

    /// The paths of the containers and TTL znodes whose time has come at `now_ms`, the leader's
    /// clock. A container that never had a child is spared until it is older than
    /// `max_never_used_ms`; with `None` it is for ever (Apache's `ContainerManager`).
    pub fn reap_candidates(
        &self,
        now_ms: i64,
        max_never_used_ms: Option<i64>,
    ) -> impl Iterator<Item = String> + '_ {
        let is_due = move |slot: &Slot| {
            let record = self.store.arena.get(*slot);
            let stat = self.store.stat(*slot);
            let idle_ms = now_ms.saturating_sub(stat.mtime);
            self.store.arena.children(record).is_none()
                && match self.options.owner(stat.owner) {
                    Owner::None | Owner::Session(_) => false,
                    Owner::Container => {
                        stat.cversion > 0 || max_never_used_ms.is_some_and(|ms| idle_ms > ms)
                    }
                    Owner::Ttl(ttl_ms) => idle_ms > ttl_ms,
                }
        };
        self.owners.reapable().filter(is_due).map(|slot| self.store.path(slot))
    }
}

/// The changes of the store with all that goes with them: ACL users, owners, sizes, digest. The
/// rules of transactions and quotas are above.
impl Tree {
    /// Adds a znode, or gives back the one that is there. Its digest is computed if it is not known, as
    /// below.
    pub(crate) fn add(&mut self, znode: &NewZnode<'_>, digest: Option<u32>) -> Result<Slot, Slot> {
        let slot = self.store.insert(znode)?;
        self.owners.insert(slot, self.options.owner(znode.stat.owner));
        self.data_size += znode.path.len() + znode.data.map_or(0, <[u8]>::len);
        self.refresh_digest(slot, znode.path, digest);
        Ok(slot)
    }

    /// Removes a znode without children. The caller releases the record's ACL.
    pub(crate) fn cut(&mut self, slot: Slot, path: &str) -> Record {
        let record = self.store.remove(slot, path);
        self.owners.remove(slot, self.options.owner(record.owner));
        self.data_size -= path.len() + record.data_length();
        self.digests.replace(record.digest, 0);
        record
    }

    /// Replaces a znode's data.
    pub(crate) fn put_data(
        &mut self,
        slot: Slot,
        path: &str,
        data: Option<&[u8]>,
        digest: Option<u32>,
    ) {
        let arena = &mut self.store.arena;
        self.data_size -= arena.get(slot).data_length();
        arena.set_data(slot, data);
        self.data_size += data.map_or(0, <[u8]>::len);
        self.refresh_digest(slot, path, digest);
    }

    /// The number of an ACL for one more znode.
    pub(crate) fn acquire_acl(&mut self, acl: AclList<'_>) -> AclKey {
        self.acls.acquire(acl, self.store.snapshots_running == 0)
    }

    /// Replaces a znode's ACL; the use of the new one is counted already.
    pub(crate) fn put_acl(&mut self, slot: Slot, acl: AclKey) {
        let old = core::mem::replace(&mut self.store.arena.get_mut(slot).acl, acl);
        self.acls.release(old);
    }

    /// Makes the root what a snapshot says.
    pub(crate) fn replace_root(&mut self, data: Option<&[u8]>, stat: RawStat, acl: AclKey) {
        self.put_acl(Slot::ROOT, acl);
        self.store.arena.set_stat(Slot::ROOT, &stat);
        self.put_data(Slot::ROOT, "/", data, None);
    }

    /// Changes a znode's stat.
    pub(crate) fn change_stat(
        &mut self,
        slot: Slot,
        digest: Option<u32>,
        change: impl FnOnce(&mut Extra),
    ) {
        if digest.is_some() || !self.digests.enabled {
            change(self.store.arena.extra_mut(slot));
            return self.put_digest(slot, digest.unwrap_or(0));
        }
        let before = self.store.stat(slot);
        change(self.store.arena.extra_mut(slot));
        let after = self.store.stat(slot);
        let digest = digest::with_stat(self.store.arena.get(slot).digest, &before, &after);
        self.put_digest(slot, digest);
    }

    /// Brings a znode's digest up to its content and stat.
    fn refresh_digest(&mut self, slot: Slot, path: &str, digest: Option<u32>) {
        if self.digests.enabled {
            let arena = &self.store.arena;
            let record = arena.get(slot);
            let compute = || digest::of_znode(path, arena.data(record), &arena.stat(record));
            let digest = digest.unwrap_or_else(compute);
            self.put_digest(slot, digest);
        }
    }

    fn put_digest(&mut self, slot: Slot, digest: u32) {
        let record = self.store.arena.get_mut(slot);
        if self.digests.enabled && record.is_in_digest() {
            self.digests.replace(core::mem::replace(&mut record.digest, digest), digest);
        }
    }
}

/// Splits a path into that of the parent, empty for the root, and the name. `None` if the path is
/// the root's or none that a znode can have.
pub(crate) fn parent_and_name(path: &str) -> Option<(&str, &str)> {
    let (parent, name) = path::split_at_last_slash(path)?;
    let is_name = !name.is_empty() && name.len() <= Record::NAME_LENGTH_MAX && parent != "/";
    is_name.then_some((parent, name))
}
