//! Changes that are decided but not yet applied (Apache: `outstandingChanges`).
//!
//! A znode's newest record counts before the tree does. A record goes when the tree has reached
//! its zxid.

mod changes;

use super::data_length;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use changes::{Change, Changes};
use zoarium_proto::acl::AclList;
use zoarium_proto::create::Owner;
use zoarium_proto::{ErrorCode, RawStat, SessionId, Zxid};
use zoarium_tree::{Foreseen, ForeseenWrite, HashedPath, Tree, Znode, digest};

/// A znode as it will be.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) raw: RawStat,
    /// How the tree reads the owner in `raw`.
    pub(super) owner: Owner,
    pub(super) num_children: usize,
    /// Bytes of data.
    pub(super) data_length: i64,
    acl: KeptAcl,
    /// Where it is in the tree, and what it counts in its digest.
    foreseen: Foreseen,
}

#[derive(Clone, Debug)]
enum KeptAcl {
    /// What nearly every znode has; no allocation.
    Open,
    Other(Arc<[u8]>),
}

impl KeptAcl {
    fn new(acl: AclList<'_>) -> Self {
        if acl == AclList::OPEN { Self::Open } else { Self::Other(acl.encoded().into()) }
    }
}

impl Record {
    fn of(znode: &Znode<'_>) -> Self {
        Self {
            raw: znode.raw(),
            owner: znode.owner(),
            num_children: znode.num_children(),
            data_length: data_length(znode.data()),
            acl: KeptAcl::new(znode.acl()),
            foreseen: znode.foreseen(),
        }
    }

    pub(super) fn acl(&self) -> AclList<'_> {
        match &self.acl {
            KeptAcl::Open => AclList::OPEN,
            KeptAcl::Other(encoded) => {
                AclList::from_encoded(encoded).expect("it was an ACL list when it was kept")
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Outstanding {
    changes: Changes,
    /// The digest of the tree once all this is applied; `None` if digests are off.
    digest: Option<u64>,
}

impl Outstanding {
    pub(super) fn new(tree: &Tree, digest_enabled: bool) -> Self {
        Self { changes: Changes::new(), digest: digest_enabled.then(|| tree.digest()) }
    }

    /// Drops what the tree has reached.
    pub(super) fn forget_applied(&mut self, tree: &Tree) {
        self.changes.drop_until(tree.last_zxid());
        if self.changes.is_empty() && self.digest.is_some() {
            self.digest = Some(tree.digest());
        }
    }

    /// The digest of the tree once all this is applied; `None` if digests are off.
    pub(super) const fn digest(&self) -> Option<u64> {
        self.digest
    }

    /// The znode as it will be.
    ///
    /// # Errors
    /// [`ErrorCode::NoNode`] if it will not exist.
    pub(super) fn record(&self, path: HashedPath<'_>, tree: &Tree) -> Result<Record, ErrorCode> {
        let Some(newest) = self.changes.newest(path) else {
            return match tree.find_hashed(path) {
                Some(znode) => Ok(Record::of(&znode)),
                None => Err(ErrorCode::NoNode),
            };
        };
        newest.state.clone().ok_or(ErrorCode::NoNode)
    }

    pub(super) fn exists(&self, path: HashedPath<'_>, tree: &Tree) -> bool {
        match self.changes.newest(path) {
            Some(newest) => newest.state.is_some(),
            None => tree.find_hashed(path).is_some(),
        }
    }

    /// Notes a new znode.
    pub(super) fn create(
        &mut self,
        path: HashedPath<'_>,
        data: Option<&[u8]>,
        acl: AclList<'_>,
        owner: Owner,
        (zxid, time_ms): (Zxid, i64),
    ) -> Foreseen {
        let raw = RawStat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time_ms,
            mtime: time_ms,
            owner: owner.to_raw(),
            ..RawStat::default()
        };
        let record = Record {
            raw,
            owner,
            num_children: 0,
            data_length: data_length(data),
            acl: KeptAcl::new(acl),
            foreseen: Foreseen::NEW,
        };
        let digest = self.digest.map_or(0, |_| digest::of_znode(path.path(), data, &raw));
        self.push(path, record, digest, zxid)
    }

    /// Notes a znode's new data.
    pub(super) fn set_data(
        &mut self,
        path: HashedPath<'_>,
        mut record: Record,
        (data, version): (Option<&[u8]>, i32),
        (zxid, time_ms): (Zxid, i64),
    ) -> Foreseen {
        record.raw.version = version;
        record.raw.mzxid = zxid;
        record.raw.mtime = time_ms;
        record.data_length = data_length(data);
        let digest = self.digest.map_or(0, |_| digest::of_znode(path.path(), data, &record.raw));
        self.push(path, record, digest, zxid)
    }

    /// Notes a znode's new ACL.
    pub(super) fn set_acl(
        &mut self,
        path: HashedPath<'_>,
        mut record: Record,
        (acl, version): (AclList<'_>, i32),
        zxid: Zxid,
    ) -> Foreseen {
        record.acl = KeptAcl::new(acl);
        self.set_stat(path, record, zxid, |raw| raw.aversion = version)
    }

    /// Notes a znode's new child, with the cversion that the transaction carries. As in the tree,
    /// one that is not higher (after the highest of all) leaves the stat as it is.
    pub(super) fn add_child(
        &mut self,
        path: HashedPath<'_>,
        mut record: Record,
        zxid: Zxid,
    ) -> (Foreseen, i32) {
        record.num_children += 1;
        let cversion = record.raw.cversion.wrapping_add(1);
        let parent = self.set_stat(path, record, zxid, |raw| {
            if cversion > raw.cversion {
                raw.cversion = cversion;
                raw.pzxid = zxid;
            }
        });
        (parent, cversion)
    }

    fn set_stat(
        &mut self,
        path: HashedPath<'_>,
        mut record: Record,
        zxid: Zxid,
        change: impl FnOnce(&mut RawStat),
    ) -> Foreseen {
        let before = record.raw;
        change(&mut record.raw);
        let digest = match self.digest {
            Some(_) if digest::is_counted(path.path()) => {
                digest::with_stat(record.foreseen.digest(), &before, &record.raw)
            }
            Some(_) | None => 0,
        };
        self.push(path, record, digest, zxid)
    }

    /// Notes that a znode goes.
    pub(super) fn delete(
        &mut self,
        (path, znode): (HashedPath<'_>, &Record),
        (parent_path, mut parent): (HashedPath<'_>, Record),
        zxid: Zxid,
    ) -> ForeseenWrite {
        let znode = znode.foreseen;
        self.push_change(path, None, (znode.digest(), 0), zxid);
        parent.num_children = parent.num_children.saturating_sub(1);
        let parent =
            self.set_stat(parent_path, parent, zxid, |raw| raw.pzxid = raw.pzxid.max(zxid));
        ForeseenWrite { znode, parent }
    }

    /// Undoes all changes of `zxid`, which must be the newest.
    pub(super) fn roll_back(&mut self, zxid: Zxid) {
        while let Some(change) = self.changes.pop_of(zxid) {
            self.digest = change.digest;
        }
    }

    /// Adds the session's ephemerals that are being created to `paths`, and takes away those that
    /// are being deleted.
    pub(super) fn correct_ephemerals(&self, session: SessionId, paths: &mut BTreeSet<String>) {
        for (path, change) in self.changes.iter() {
            if change.state.as_ref().is_some_and(|state| state.owner == Owner::Session(session)) {
                paths.insert(String::from(path));
            } else {
                paths.remove(path);
            }
        }
    }

    /// Notes what becomes of a znode, and that it counts `digest` then.
    fn push(
        &mut self,
        path: HashedPath<'_>,
        mut record: Record,
        digest: u32,
        zxid: Zxid,
    ) -> Foreseen {
        let before = record.foreseen.digest();
        let foreseen = record.foreseen.with_digest(digest);
        record.foreseen = foreseen;
        self.push_change(path, Some(record), (before, digest), zxid);
        foreseen
    }

    fn push_change(
        &mut self,
        path: HashedPath<'_>,
        state: Option<Record>,
        (before, after): (u32, u32),
        zxid: Zxid,
    ) {
        let digest = self.digest;
        self.changes.push(path, Change { zxid, state, digest });
        self.digest = digest.map(|sum| sum.wrapping_sub(before.into()).wrapping_add(after.into()));
    }
}
