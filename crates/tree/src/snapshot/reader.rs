//! Reading a snapshot.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use zoarium_proto::jute::DecodeError;
use zoarium_proto::txn::TxnDigest;
use zoarium_proto::{AclList, RawStat, Reader, SessionId, Zxid};

use super::{END_OF_ZNODES, OPEN_ACL_KEY};
use crate::acls::AclKey;
use crate::digest::{self, DigestAt};
use crate::store::NewZnode;
use crate::store::arena::Slot;
use crate::tree::{Tree, TreeOptions, parent_and_name};

/// Bytes that are no snapshot. Offsets count the bytes given to [`SnapshotLoader::feed`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A record that is none.
    #[error("snapshot record at byte {offset}: {source}")]
    Decode {
        /// Where the record starts; the source counts from there.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A count below zero.
    #[error("negative count {count} of {what} at byte {offset}")]
    NegativeCount {
        /// Where it stands.
        offset: u64,
        /// Of what.
        what: &'static str,
        /// Its value.
        count: i32,
    },
    /// The bytes end before the znodes do.
    #[error("snapshot ends at byte {offset}, after {znodes} znodes, before its first seal")]
    Truncated {
        /// Where it ends.
        offset: u64,
        /// Znodes read.
        znodes: u64,
    },
    /// A znode before its parent.
    #[error("znode {path:?} at byte {offset} comes before its parent")]
    ParentMissing {
        /// Where the znode starts.
        offset: u64,
        /// Its path.
        path: String,
    },
    /// A path that no znode can have.
    #[error("no path of a znode: {path:?} at byte {offset}")]
    BadPath {
        /// Where the znode starts.
        offset: u64,
        /// The path.
        path: String,
    },
    /// A second znode with the same path.
    #[error("second znode {path:?} at byte {offset}")]
    Duplicate {
        /// Where the znode starts.
        offset: u64,
        /// Its path.
        path: String,
    },
    /// A znode with an ACL that the map does not have.
    #[error("unknown ACL key {key} of znode {path:?} at byte {offset}")]
    UnknownAcl {
        /// Where the znode starts.
        offset: u64,
        /// Its path.
        path: String,
        /// The key.
        key: i64,
    },
}

/// How far [`SnapshotLoader::feed`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Bytes that are done with; the next call must begin with the byte after them.
    pub consumed: usize,
    /// What the next bytes are.
    pub next: Next,
}

/// What comes next in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More of the same section. Nothing can be consumed before the next call brings at least so
    /// many bytes; do not allocate by it before they are there.
    More {
        /// The count of bytes.
        needed: usize,
    },
    /// A seal over all bytes so far. After it the snapshot may end, or go on here.
    Seal,
    /// Nothing that belongs to a snapshot.
    End,
}

/// A snapshot that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The tree. If the snapshot was fuzzy, it is exact only after replay.
    pub tree: Tree,
    /// Whether the tree has the digest that the snapshot promised, if it promised one for the very
    /// zxid of its name. A promise for a later zxid is compared in replay, by [`Tree::apply`].
    pub digest_matches: Option<bool>,
    /// The last zxid that releases from 3.9 on write at the end.
    pub last_zxid: Option<Zxid>,
}

/// Makes a tree of a snapshot, as it comes.
#[derive(Debug)]
pub struct SnapshotLoader {
    tree: Tree,
    part: Part,
    /// Bytes consumed by earlier calls.
    offset: u64,
    znodes: u64,
    /// The file's keys and ours.
    acls: BTreeMap<i64, AclKey>,
    /// The path of the last znode.
    path: Vec<u8>,
    /// The last znode and its ancestors, with the lengths of their paths. Znodes come depth first,
    /// so the next one's parent is among them and need not be looked up.
    lineage: Vec<(Slot, usize)>,
    digest: Option<DigestAt>,
    last_zxid: Option<Zxid>,
    /// The highest zxid in the stats of the znodes that all servers have alike.
    newest: Zxid,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    SessionCount,
    Sessions { left: u32 },
    AclCount,
    Acls { left: u32 },
    Znodes,
    Digest,
    LastZxid,
    End,
}

/// Why a record was not taken.
enum Refusal {
    Decode(DecodeError),
    Load(LoadError),
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl SnapshotLoader {
    /// A loader that has read nothing.
    pub fn new(options: TreeOptions) -> Self {
        Self {
            tree: Tree::bare(options),
            part: Part::SessionCount,
            offset: 0,
            znodes: 0,
            acls: BTreeMap::new(),
            path: Vec::new(),
            lineage: Vec::new(),
            digest: None,
            last_zxid: None,
            newest: Zxid::ZERO,
        }
    }

    /// Takes as many whole records as `bytes` has, up to the next seal.
    ///
    /// # Errors
    /// If the bytes are no snapshot. The loader is of no use after that.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Fed, LoadError> {
        let mut reader = Reader::new(bytes);
        loop {
            let start = reader.offset();
            let taken = self.record(&mut reader);
            let offset = self.offset + start as u64;
            let (consumed, next) = match taken {
                Ok(None) => continue,
                Ok(Some(next)) => (reader.offset(), next),
                Err(Refusal::Decode(DecodeError::Truncated { offset: at, needed, .. })) => {
                    (start, Next::More { needed: (at - start).saturating_add(needed) })
                }
                Err(Refusal::Decode(source)) => return Err(LoadError::Decode { offset, source }),
                Err(Refusal::Load(error)) => return Err(error),
            };
            self.offset += consumed as u64;
            return Ok(Fed { consumed, next });
        }
    }

    /// Ends the reading at a place where a snapshot may end. `zxid` is that of its name.
    ///
    /// # Errors
    /// [`LoadError::Truncated`] before the first seal.
    pub fn finish(mut self, zxid: Zxid) -> Result<Loaded, LoadError> {
        match self.part {
            Part::Digest | Part::LastZxid | Part::End => {}
            Part::SessionCount
            | Part::Sessions { .. }
            | Part::AclCount
            | Part::Acls { .. }
            | Part::Znodes => {
                return Err(LoadError::Truncated { offset: self.offset, znodes: self.znodes });
            }
        }
        for key in self.acls.into_values() {
            self.tree.acls.release(key);
        }
        self.tree.add_reserved();
        self.tree.setup_quotas();
        self.tree.set_last_zxid(zxid);
        // A digest of before the snapshot began is of no use; nor is zero, which Apache writes
        // into the snapshot that follows a SNAP sync. A SNAP stream has none at all.
        let promised = self.digest.filter(|digest| digest.zxid > Zxid::ZERO && digest.zxid >= zxid);
        // How far the tree has seen the znodes have to tell. What was only deleted or left no stat
        // they cannot.
        let seen = self.newest.max(self.last_zxid.unwrap_or_default());
        let digest_matches = match promised {
            Some(digest) => self.tree.digests.promise(digest, zxid),
            None => {
                self.tree.digests.pause_until_match(seen);
                None
            }
        };
        if seen > self.tree.seen() {
            self.tree.ignore_digests_until(seen);
        }
        Ok(Loaded { tree: self.tree, digest_matches, last_zxid: self.last_zxid })
    }

    /// Takes one record, if all of it is there.
    fn record(&mut self, reader: &mut Reader<'_>) -> Result<Option<Next>, Refusal> {
        match self.part {
            Part::SessionCount => {
                self.part = Part::Sessions { left: self.count("sessions", reader)? };
            }
            Part::Sessions { left: 0 } => self.part = Part::AclCount,
            Part::Sessions { left } => {
                let (session, timeout_ms) = (SessionId(reader.long()?), reader.int()?);
                self.tree.sessions.insert(session, timeout_ms);
                self.part = Part::Sessions { left: left - 1 };
            }
            Part::AclCount => self.part = Part::Acls { left: self.count("ACLs", reader)? },
            Part::Acls { left: 0 } => self.part = Part::Znodes,
            Part::Acls { left } => {
                self.acl(reader)?;
                self.part = Part::Acls { left: left - 1 };
            }
            Part::Znodes => return self.znode(reader),
            Part::Digest => return self.digest(reader).map(Some),
            Part::LastZxid => {
                self.last_zxid = Some(Zxid::from_wire(reader.long()?));
                self.part = Part::End;
                return Ok(Some(Next::Seal));
            }
            Part::End => return Ok(Some(Next::End)),
        }
        Ok(None)
    }

    fn count(&self, what: &'static str, reader: &mut Reader<'_>) -> Result<u32, Refusal> {
        let offset = self.offset + reader.offset() as u64;
        let count = reader.int()?;
        let negative = Refusal::Load(LoadError::NegativeCount { offset, what, count });
        u32::try_from(count).map_err(|_| negative)
    }

    fn acl(&mut self, reader: &mut Reader<'_>) -> Result<(), Refusal> {
        let key = reader.long()?;
        let list = AclList::decode(reader)?.ok_or(DecodeError::Null { what: "ACL list" })?;
        // The map is a user of each ACL until the znodes have theirs.
        let ours = self.tree.acls.acquire(list, true);
        if let Some(replaced) = self.acls.insert(key, ours) {
            self.tree.acls.release(replaced);
        }
        Ok(())
    }

    fn znode(&mut self, reader: &mut Reader<'_>) -> Result<Option<Next>, Refusal> {
        let offset = self.offset + reader.offset() as u64;
        let path = reader.text_not_null("path")?;
        if path == END_OF_ZNODES {
            self.part = Part::Digest;
            return Ok(Some(Next::Seal));
        }
        let data = reader.buffer()?;
        let key = reader.long()?;
        let stat = RawStat::decode(reader)?;
        if digest::is_counted(&path) {
            let zxids = [stat.czxid, stat.mzxid, stat.pzxid].into_iter();
            // A zxid is a signed long to Apache; what is below zero is none.
            self.newest = zxids.filter(|zxid| zxid.to_wire() >= 0).fold(self.newest, Zxid::max);
        }
        self.place(&path, data, key, stat).map_err(|wrong| {
            let path = path.into_owned();
            Refusal::Load(match wrong {
                Misplaced::BadPath => LoadError::BadPath { offset, path },
                Misplaced::ParentMissing => LoadError::ParentMissing { offset, path },
                Misplaced::Duplicate => LoadError::Duplicate { offset, path },
                Misplaced::UnknownAcl => LoadError::UnknownAcl { offset, path, key },
            })
        })?;
        self.znodes += 1;
        Ok(None)
    }

    fn place(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        key: i64,
        stat: RawStat,
    ) -> Result<(), Misplaced> {
        let acl = match key {
            OPEN_ACL_KEY => AclKey::OPEN,
            key => *self.acls.get(&key).ok_or(Misplaced::UnknownAcl)?,
        };
        let slot = if path.is_empty() {
            if self.znodes > 0 {
                return Err(Misplaced::Duplicate);
            }
            self.tree.replace_root(data, stat, acl);
            Slot::ROOT
        } else {
            let (parent_path, name) = parent_and_name(path).ok_or(Misplaced::BadPath)?;
            let parent = self.parent(parent_path).ok_or(Misplaced::ParentMissing)?;
            let znode = NewZnode { parent, name, path, data, stat, acl };
            self.tree.add(&znode, None).map_err(|_| Misplaced::Duplicate)?
        };
        self.tree.acls.share(acl);
        self.path.clear();
        self.path.extend_from_slice(path.as_bytes());
        self.lineage.push((slot, path.len()));
        Ok(())
    }

    /// The parent of the next znode, with nothing after it in the lineage.
    fn parent(&mut self, path: &str) -> Option<Slot> {
        while let Some((slot, length)) = self.lineage.last() {
            if self.path.get(..*length) == Some(path.as_bytes()) {
                return Some(*slot);
            }
            self.lineage.pop();
        }
        // Not depth first, but the parent may have come. Before the root there is nothing.
        let slot = self.tree.store.find(path).filter(|_| self.znodes > 0)?;
        self.lineage.push((slot, path.len()));
        Some(slot)
    }

    /// Takes the digest, or the last zxid that stands in its place if the writer had digests off.
    /// Where the digest has its version, the last zxid has the upper half of its seal, zeros.
    fn digest(&mut self, reader: &mut Reader<'_>) -> Result<Next, Refusal> {
        let zxid = Zxid::from_wire(reader.long()?);
        let version = reader.clone().int()?;
        if version == 0 {
            self.last_zxid = Some(zxid);
            self.part = Part::End;
            return Ok(Next::Seal);
        }
        reader.int()?;
        if version < TxnDigest::VERSION {
            reader.text()?;
        } else {
            let value = reader.long()?.cast_unsigned();
            let known = version == TxnDigest::VERSION;
            self.digest = known.then_some(DigestAt { zxid, value });
        }
        self.part = Part::LastZxid;
        Ok(Next::Seal)
    }
}

/// Why a znode does not fit.
enum Misplaced {
    BadPath,
    ParentMissing,
    Duplicate,
    UnknownAcl,
}
