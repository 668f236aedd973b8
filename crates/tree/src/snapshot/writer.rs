//! Writing a snapshot while transactions go on.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::take;

use bytes::BufMut;
use zoarium_proto::acl::encode_list;
use zoarium_proto::jute::{length, put_buffer, put_text};
use zoarium_proto::txn::TxnDigest;
use zoarium_proto::{Acl, Perms, Zxid};

use super::{END_OF_ZNODES, OPEN_ACL_KEY};
use crate::Tree;
use crate::acls::AclKey;
use crate::store::arena::Slot;

/// What a znode costs of a budget at least, written or skipped, in bytes: time under the lock is
/// what a budget bounds.
const STEP_COST: usize = 64;

/// What follows the bytes that [`SnapshotCursor::next`] appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes.
    More,
    /// A seal over all bytes so far, and then more of this cursor.
    Seal,
    /// Nothing; the snapshot is complete.
    End,
    /// Nothing; another tree has taken the place of the one that began the snapshot, as a SNAP
    /// sync does, and no snapshot comes of it.
    Lost,
}

/// A snapshot under way. Its tree goes on changing, so the snapshot is fuzzy: a znode that is
/// changed meanwhile is written as it is when its turn comes. Replaying the transactions after
/// [`SnapshotCursor::zxid`] makes the tree exact again.
///
/// Of the znodes that were there at the beginning, each that was not deleted meanwhile is written
/// once, after its parent. Those created later are left to replay.
#[derive(Debug)]
pub struct SnapshotCursor {
    identity: Arc<()>,
    zxid: Zxid,
    part: Part,
    with_last_zxid: bool,
    /// Sessions and ACLs, as they were at the beginning.
    head: Vec<u8>,
    /// Znodes from here on are younger than the snapshot.
    slots_end: Slot,
    /// ACLs from here on are younger than the map that was written. A znode that has one is
    /// written with this key, which nobody is allowed anything by; replay brings the right one
    /// (ZOOKEEPER-3306).
    acls_end: AclKey,
    /// The path of the znode last written.
    path: String,
    stack: Vec<Level>,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Head,
    Znodes,
    Digest,
    LastZxid,
    End,
}

/// Siblings, as they were when their parent was written.
#[derive(Debug)]
struct Level {
    siblings: alloc::vec::IntoIter<Slot>,
    /// How much of the path is the parent's.
    parent_length: usize,
}

impl Tree {
    /// Begins a snapshot; takes time only by the number of sessions and ACLs. Until
    /// [`Tree::end_snapshot`] the memory of deleted znodes is not used again, so every cursor has
    /// to come back.
    ///
    /// `with_last_zxid` says whether the part that releases from 3.9 on know is written.
    pub fn begin_snapshot(&mut self, with_last_zxid: bool) -> SnapshotCursor {
        self.store.snapshots_running += 1;
        let mut head = Vec::new();
        head.put_i32(length(self.sessions.len()));
        for (session, timeout_ms) in &self.sessions {
            head.put_i64(session.0);
            head.put_i32(*timeout_ms);
        }
        let acls_end = self.acls.end();
        let acls = self.acls.iter();
        head.put_i32(length(acls.len() + 1));
        for (key, list) in acls {
            head.put_i64(key.to_wire());
            head.put_slice(list.encoded());
        }
        head.put_i64(acls_end.to_wire());
        head.put_slice(&encode_list(&[Acl::new(Perms(0), "world", "anyone")]));
        SnapshotCursor {
            identity: self.identity.clone(),
            zxid: self.last_zxid,
            part: Part::Head,
            with_last_zxid,
            head,
            slots_end: self.store.arena.end(),
            acls_end,
            path: String::new(),
            stack: Vec::new(),
        }
    }

    /// Ends a snapshot, complete or not. Of another tree's cursor nothing has to be ended.
    pub fn end_snapshot(&mut self, cursor: SnapshotCursor) {
        if Arc::ptr_eq(&self.identity, &cursor.identity) {
            self.store.snapshots_running -= 1;
        }
    }
}

impl SnapshotCursor {
    /// The last transaction that is wholly in the snapshot: its name.
    pub const fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// Appends about `budget` bytes to `out`, read from the tree that began the snapshot. It
    /// exceeds the budget by at most one znode and, in the first call, by sessions and ACLs.
    pub fn next(&mut self, tree: &Tree, budget: usize, out: &mut Vec<u8>) -> Progress {
        if !Arc::ptr_eq(&self.identity, &tree.identity) {
            return Progress::Lost;
        }
        match self.part {
            Part::Head => {
                out.append(&mut take(&mut self.head));
                let siblings = alloc::vec![Slot::ROOT].into_iter();
                self.stack.push(Level { siblings, parent_length: 0 });
                self.part = Part::Znodes;
                Progress::More
            }
            Part::Znodes => self.znodes(tree, budget, out),
            Part::Digest => {
                self.part = Part::LastZxid;
                if !tree.options.digest_enabled {
                    return self.next(tree, budget, out);
                }
                // A tree in the middle of fuzzy replay has no digest that anyone could compare.
                let is_fuzzy = tree.digests.is_fuzzy();
                let zxid = if is_fuzzy { Zxid::ZERO } else { tree.last_zxid };
                out.put_i64(zxid.to_wire());
                out.put_i32(TxnDigest::VERSION);
                out.put_u64(if is_fuzzy { 0 } else { tree.digest() });
                Progress::Seal
            }
            Part::LastZxid => {
                self.part = Part::End;
                if !self.with_last_zxid {
                    return Progress::End;
                }
                // As it is at the end, not at the beginning: what restores a snapshot without a
                // log must not hand out zxids that its znodes have (Apache's restore command).
                out.put_i64(tree.seen().to_wire());
                Progress::Seal
            }
            Part::End => Progress::End,
        }
    }

    fn znodes(&mut self, tree: &Tree, budget: usize, out: &mut Vec<u8>) -> Progress {
        // However small the budget, one step is made.
        let mut left = budget.max(1);
        while left > 0 {
            let Some(level) = self.stack.last_mut() else {
                put_text(out, END_OF_ZNODES);
                self.part = Part::Digest;
                return Progress::Seal;
            };
            self.path.truncate(level.parent_length);
            let Some(slot) = level.siblings.next() else {
                self.stack.pop();
                continue;
            };
            let before = out.len();
            self.znode(tree, slot, out);
            left = left.saturating_sub((out.len() - before).max(STEP_COST));
        }
        Progress::More
    }

    /// Writes one znode, if it is of the snapshot, and goes down to its children.
    fn znode(&mut self, tree: &Tree, slot: Slot, out: &mut Vec<u8>) {
        if slot >= self.slots_end {
            return;
        }
        let arena = &tree.store.arena;
        let record = arena.get(slot);
        if !record.is_live() {
            return;
        }
        if slot != Slot::ROOT {
            self.path.push('/');
            self.path.push_str(arena.name_text(record));
        }
        put_text(out, &self.path);
        put_buffer(out, arena.data(record));
        out.put_i64(self.acl_key(record.acl));
        arena.stat(record).encode(out);
        if let Some(children) = arena.children(record) {
            let siblings = children.to_slots().into_iter();
            self.stack.push(Level { siblings, parent_length: self.path.len() });
        }
    }

    fn acl_key(&self, key: AclKey) -> i64 {
        if key == AclKey::OPEN { OPEN_ACL_KEY } else { key.min(self.acls_end).to_wire() }
    }
}
