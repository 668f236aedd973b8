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
use zoarium_proto::{RawStat, SessionId, Zxid};
use zoarium_tree::digest::Content;
use zoarium_tree::{Tree, Znode};

/// A znode as it will be.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) raw: RawStat,
    /// How the tree reads the owner in `raw`.
    pub(super) owner: Owner,
    pub(super) num_children: usize,
    /// Bytes of data.
    pub(super) data_length: i64,
    content_crc: u32,
    acl: KeptAcl,
    /// What the tree's digest counts for it; 0 if it is new or digests are off.
    digest: u64,
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
            digest: znode.digest(),
            raw: znode.raw(),
            owner: znode.owner(),
            num_children: znode.num_children(),
            data_length: data_length(znode.data()),
            content_crc: znode.content_crc(),
            acl: KeptAcl::new(znode.acl()),
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

    /// Counts a child; the result is the cversion that the transaction carries. As in the tree,
    /// one that is not higher (after the highest of all) leaves the stat as it is.
    pub(super) fn add_child(&mut self, zxid: Zxid) -> i32 {
        self.num_children += 1;
        let cversion = self.raw.cversion.wrapping_add(1);
        if cversion > self.raw.cversion {
            self.raw.cversion = cversion;
            self.raw.pzxid = zxid;
        }
        cversion
    }

    pub(super) fn set_acl(&mut self, acl: AclList<'_>, version: i32) {
        self.raw.aversion = version;
        self.acl = KeptAcl::new(acl);
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

    /// The znode as it will be, or `None` if it will not exist.
    pub(super) fn record(&self, path: &str, tree: &Tree) -> Option<Record> {
        let path = root_alias(path);
        match self.changes.newest(path) {
            Some(newest) => newest.state.clone(),
            None => tree.find(path).as_ref().map(Record::of),
        }
    }

    pub(super) fn exists(&self, path: &str, tree: &Tree) -> bool {
        let path = root_alias(path);
        match self.changes.newest(path) {
            Some(newest) => newest.state.is_some(),
            None => tree.find(path).is_some(),
        }
    }

    /// Notes a new znode.
    pub(super) fn create(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        acl: AclList<'_>,
        owner: Owner,
        (zxid, time_ms): (Zxid, i64),
    ) {
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
            data_length: 0,
            content_crc: 0,
            acl: KeptAcl::new(acl),
            digest: 0,
        };
        self.change_content(path, record, data, zxid);
    }

    /// Notes a znode's new data.
    pub(super) fn set_data(
        &mut self,
        path: &str,
        mut record: Record,
        (data, version): (Option<&[u8]>, i32),
        (zxid, time_ms): (Zxid, i64),
    ) {
        record.raw.version = version;
        record.raw.mzxid = zxid;
        record.raw.mtime = time_ms;
        self.change_content(path, record, data, zxid);
    }

    fn change_content(&mut self, path: &str, mut record: Record, data: Option<&[u8]>, zxid: Zxid) {
        let content = Content::new(path, data);
        record.data_length = data_length(data);
        record.content_crc = content.crc();
        self.change_to(path, record, content, zxid);
    }

    /// Notes a znode's new state.
    pub(super) fn change(&mut self, path: &str, record: Record, zxid: Zxid) {
        let content = Content::from_crc(record.content_crc);
        self.change_to(path, record, content, zxid);
    }

    fn change_to(&mut self, path: &str, mut record: Record, content: Content, zxid: Zxid) {
        let path = root_alias(path);
        let after = self.digest.map_or(0, |_| content.znode(path, &record.raw));
        let before = core::mem::replace(&mut record.digest, after);
        self.push(path, before, after, Some(record), zxid);
    }

    /// Notes that a znode goes.
    pub(super) fn delete(
        &mut self,
        (path, znode): (&str, &Record),
        (parent_path, mut parent): (&str, Record),
        zxid: Zxid,
    ) {
        self.push(path, znode.digest, 0, None, zxid);
        parent.num_children = parent.num_children.saturating_sub(1);
        parent.raw.pzxid = parent.raw.pzxid.max(zxid);
        self.change(parent_path, parent, zxid);
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

    fn push(&mut self, path: &str, out: u64, in_: u64, state: Option<Record>, zxid: Zxid) {
        let digest = self.digest;
        self.changes.push(path, Change { zxid, state, digest });
        self.digest = digest.map(|sum| sum.wrapping_sub(out).wrapping_add(in_));
    }
}

/// The root is kept under its empty name, as in the tree.
fn root_alias(path: &str) -> &str {
    if path == "/" { "" } else { path }
}
