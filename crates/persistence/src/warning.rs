//! What recovery noticed and could live with. The caller logs these; none is silent.

use crate::error::StorageError;
use alloc::string::String;
use core::fmt;
use zoarium_proto::Zxid;
use zoarium_proto::membership::TextError;

/// Something an operator should know although the data is good.
#[derive(Debug)]
pub enum StorageWarning {
    /// A log file's last write was cut short by a crash. What was lost had never been
    /// acknowledged.
    TornTail {
        /// Which file.
        file: String,
        /// Where the intact part ends.
        offset: u64,
        /// The last intact entry, or what came before the file.
        last: Zxid,
        /// The last whole entry beyond the tear, if any: unusable without what is lost.
        discarded: Option<Zxid>,
    },
    /// A log file was created and a crash came before its first entry (ZOOKEEPER-2332).
    EmptyLog {
        /// Which file.
        file: String,
    },
    /// A snapshot cannot be loaded, so an older one is tried.
    SnapshotSkipped {
        /// Why.
        error: StorageError,
    },
    /// The tree is not the one that the leader, or the snapshot's writer, had.
    DigestMismatch {
        /// After which txn first.
        first: Zxid,
        /// After how many.
        mismatches: u64,
    },
    /// The snapshot holds parts of txns that the log ends before. Reads are not consistent until
    /// they have been fetched from the ensemble.
    SnapshotAheadOfLog {
        /// The last txn applied.
        last: Zxid,
        /// The last txn that the snapshot has seen.
        seen: Zxid,
    },
    /// The history reaches into a later epoch than `currentEpoch` says.
    CurrentEpochRaised {
        /// What the file said.
        from: u32,
        /// The epoch of the last zxid.
        to: u32,
    },
    /// `acceptedEpoch` was behind `currentEpoch` (ZOOKEEPER-2307).
    AcceptedEpochRaised {
        /// What the file said.
        from: u32,
        /// The current epoch.
        to: u32,
    },
    /// `/zookeeper/config` holds something else than a membership.
    NoMembership {
        /// What is wrong with it.
        source: TextError,
    },
}

impl fmt::Display for StorageWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornTail { file, offset, last, discarded } => {
                write!(f, "{file} was cut short by a crash at byte {offset}, after zxid {last}; ")?;
                match discarded {
                    None => f.write_str("nothing acknowledged is lost"),
                    Some(zxid) => write!(
                        f,
                        "unacknowledged entries beyond it, up to zxid {zxid}, are ignored"
                    ),
                }
            }
            Self::EmptyLog { file } => write!(f, "{file} has no entry; it is ignored"),
            Self::SnapshotSkipped { error } => write!(f, "an older snapshot is used: {error}"),
            Self::DigestMismatch { first, mismatches } => write!(
                f,
                "the tree has another digest than was recorded, at {mismatches} zxids, first at \
                 {first}: this server's data differ from its ensemble's"
            ),
            Self::SnapshotAheadOfLog { last, seen } => write!(
                f,
                "the log ends at zxid {last}, the snapshot has seen {seen}; no reads are served \
                 until the ensemble has sent the difference"
            ),
            Self::CurrentEpochRaised { from, to } => {
                write!(f, "currentEpoch was {from} but the history reaches epoch {to}; raised")
            }
            Self::AcceptedEpochRaised { from, to } => {
                write!(f, "acceptedEpoch was {from}, behind currentEpoch {to}; raised")
            }
            Self::NoMembership { source } => {
                write!(f, "/zookeeper/config holds no membership and is ignored: {source}")
            }
        }
    }
}
