//! The digest of a tree: the sum of its znodes' digests, kept up change by change, so that servers
//! can compare their trees after every transaction.
//!
//! Version 2, as Apache's `DigestCalculator` computes it: CRC-32 of path, data and the stored stat.
//! The root's path is empty, and what is below `/zookeeper` does not count, because it differs
//! between servers.

use alloc::collections::VecDeque;
use core::iter::zip;

use crc32fast::Hasher;
use zoarium_proto::txn::TxnDigest;
use zoarium_proto::{RawStat, Zxid};

/// What fits into so many bytes is brought together and then digested in one go, which takes less than
/// one digest that goes on with the other.
const TOGETHER_MAX: usize = 256;

/// What a znode counts in the digest of its tree; 0 below `/zookeeper`.
pub fn of_znode(path: &str, data: Option<&[u8]>, stat: &RawStat) -> u32 {
    if !is_counted(path) {
        return 0;
    }
    let path = if path == "/" { "" } else { path };
    let (data, stat) = (data.unwrap_or_default(), stat.to_digest_input());
    let mut together = [0; TOGETHER_MAX];
    let mut hasher = Hasher::new();
    if let Some(together) = together.get_mut(..path.len() + data.len() + stat.len()) {
        let (before, behind) = together.split_at_mut(path.len());
        let (middle, end) = behind.split_at_mut(data.len());
        before.copy_from_slice(path.as_bytes());
        middle.copy_from_slice(data);
        end.copy_from_slice(&stat);
        hasher.update(together);
    } else {
        hasher.update(path.as_bytes());
        hasher.update(data);
        hasher.update(&stat);
    }
    hasher.finalize()
}

/// What a znode that has counted `digest` counts with another stat, if it counts at all. Path and data
/// are not needed: the CRCs of two texts of one length differ by what is different in the texts
/// alone, for a CRC from a register of zeros is linear and does not see zeros that come first.
pub fn with_stat(digest: u32, before: &RawStat, after: &RawStat) -> u32 {
    let mut difference = before.to_digest_input();
    zip(&mut difference, after.to_digest_input()).for_each(|(byte, other)| *byte ^= other);
    let mut hasher = Hasher::new_with_initial(!0);
    hasher.update(&difference);
    digest ^ !hasher.finalize()
}

/// Whether a znode at `path` has a part in the tree's digest.
pub fn is_counted(path: &str) -> bool {
    !path.starts_with("/zookeeper/")
}

/// The digest of a tree after a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestAt {
    /// The transaction.
    pub zxid: Zxid,
    /// The digest.
    pub value: u64,
}

/// A digest is remembered when this divides the zxid.
const HISTORY_INTERVAL: u64 = 128;

/// How many digests are remembered.
const HISTORY_LENGTH: usize = 1024;

/// The running digest of a tree.
#[derive(Debug)]
pub(crate) struct Digests {
    pub(crate) enabled: bool,
    sum: u64,
    history: VecDeque<DigestAt>,
    /// Until replay over a fuzzy snapshot has come far enough, the tree is of no one moment, and
    /// comparing means nothing.
    fuzzy: Option<Fuzzy>,
}

/// How far is far enough.
#[derive(Clone, Copy, Debug)]
enum Fuzzy {
    /// When this transaction is done.
    Until {
        zxid: Zxid,
        /// The digest that the snapshot promises.
        promised: Option<u64>,
    },
    /// Nobody knows for certain how far the snapshot saw: when a transaction leaves the digest that
    /// it was logged with.
    UntilMatch {
        /// As far as it has surely seen.
        seen: Zxid,
    },
}

impl Digests {
    pub(crate) const fn new(enabled: bool) -> Self {
        Self { enabled, sum: 0, history: VecDeque::new(), fuzzy: None }
    }

    pub(crate) const fn sum(&self) -> u64 {
        self.sum
    }

    pub(crate) fn history(&self) -> impl Iterator<Item = DigestAt> + '_ {
        self.history.iter().copied()
    }

    /// Puts a znode's new digest in the place of its old one.
    pub(crate) fn replace(&mut self, old: u32, new: u32) {
        self.sum = self.sum.wrapping_sub(old.into()).wrapping_add(new.into());
    }

    /// Whether comparing means nothing.
    pub(crate) const fn is_fuzzy(&self) -> bool {
        self.fuzzy.is_some()
    }

    /// The zxid before which comparing surely means nothing.
    pub(crate) const fn fuzzy_until(&self) -> Option<Zxid> {
        match self.fuzzy {
            Some(Fuzzy::Until { zxid, .. } | Fuzzy::UntilMatch { seen: zxid }) => Some(zxid),
            None => None,
        }
    }

    /// Takes the promise of a snapshot that begins at `zxid`. Whether it holds, if it is for the
    /// beginning.
    pub(crate) fn promise(&mut self, digest: DigestAt, zxid: Zxid) -> Option<bool> {
        let DigestAt { zxid: until, value } = digest;
        if !self.enabled {
            return None;
        }
        if until == zxid {
            return Some(value == self.sum);
        }
        self.fuzzy = Some(Fuzzy::Until { zxid: until, promised: Some(value) });
        None
    }

    /// Stops comparing until the transaction `zxid` is done.
    pub(crate) fn pause_until(&mut self, zxid: Zxid) {
        self.fuzzy = Some(Fuzzy::Until { zxid, promised: None });
    }

    /// Stops comparing until a transaction leaves the digest that it was logged with. The tree has
    /// seen at least `seen`.
    pub(crate) const fn pause_until_match(&mut self, seen: Zxid) {
        self.fuzzy = Some(Fuzzy::UntilMatch { seen });
    }

    /// Takes note that a transaction is done. Whether the tree is as it should be, if that can
    /// be said.
    pub(crate) fn after(&mut self, zxid: Zxid, logged: Option<TxnDigest>) -> Option<bool> {
        let logged = logged.filter(|logged| logged.version == TxnDigest::VERSION);
        let promised = match self.fuzzy {
            Some(Fuzzy::Until { zxid: until, promised }) if until <= zxid => {
                self.fuzzy = None;
                promised.filter(|_| until == zxid)
            }
            Some(Fuzzy::UntilMatch { .. }) if logged.is_some_and(|it| it.value == self.sum) => {
                self.fuzzy = None;
                None
            }
            Some(Fuzzy::Until { .. } | Fuzzy::UntilMatch { .. }) | None => None,
        };
        if !self.enabled || self.is_fuzzy() {
            return None;
        }
        if zxid.0.is_multiple_of(HISTORY_INTERVAL) {
            if self.history.len() == HISTORY_LENGTH {
                self.history.pop_front();
            }
            self.history.push_back(DigestAt { zxid, value: self.sum });
        }
        let expected = [promised, logged.map(|digest| digest.value)];
        let mut expected = expected.into_iter().flatten().peekable();
        expected.peek()?;
        Some(expected.all(|value| value == self.sum))
    }
}
