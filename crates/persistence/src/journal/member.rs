//! From the files of an ensemble's member to what it has to know before it looks for a leader.

use super::history::Logged;
use crate::dir::{DataDirs, Dir};
use crate::epochs::{Epochs, recover_epochs};
use crate::error::StorageError;
use crate::recovery::{Recovered, RecoveryEvent, RecoveryOptions, recover};
use crate::warning::StorageWarning;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use zoarium_proto::path::CONFIG;
use zoarium_proto::{Membership, Zxid};
use zoarium_tree::Tree;

/// How a member's files are read.
#[derive(Clone, Copy, Debug)]
pub struct MemberOptions {
    /// How recovery treats what it finds.
    pub recovery: RecoveryOptions,
    /// How many of the newest transactions are wanted (`zookeeper.commitLogCount`).
    pub tail_max: usize,
}

/// What a member has on disk.
#[derive(Debug)]
pub struct RecoveredMember {
    /// The tree, and all that every server wants to know.
    pub recovered: Recovered,
    /// What it has promised, and whose history it has.
    pub epochs: Epochs,
    /// The newest transactions of the log since the snapshot, without a gap up to the last.
    pub tail: Vec<Logged>,
    /// The oldest zxid that the history can be cut back to: as far as the snapshot has seen that the
    /// tree was recovered from. Older snapshots may lead further back, but to find out they would
    /// all have to be read.
    pub floor: Zxid,
    /// The newest membership in the history, committed or not, if it has one.
    pub membership: Option<Membership>,
}

/// Reads the files of a member, as [`recover`] does, and makes the epoch files agree with what it
/// finds ([`recover_epochs`]): a missing one follows from the history (ZOOKEEPER-1653), and neither
/// stays behind it, so that no epoch is used twice (ZOOKEEPER-582, 2307).
///
/// # Errors
/// As [`recover`] and [`recover_epochs`].
pub fn recover_member<D: Dir + Clone>(
    dirs: &DataDirs<D>,
    options: &MemberOptions,
    mut on_event: impl FnMut(RecoveryEvent<'_>),
) -> Result<RecoveredMember, StorageError> {
    let mut tail = VecDeque::new();
    let mut recovered = recover(dirs, &options.recovery, |event| {
        if let RecoveryEvent::Applied(zxid, txn) = event {
            tail.push_back((zxid, txn.to_vec()));
            if tail.len() > options.tail_max {
                tail.pop_front();
            }
        }
        on_event(event);
    })?;
    let warnings = &mut recovered.warnings;
    let epochs = recover_epochs(&dirs.snapshots, recovered.last_zxid, warnings)?;
    let membership = membership_in(&recovered.tree, warnings);
    // Without a snapshot there is nothing to go back to.
    let floor = match recovered.last_snapshot {
        Some(_) => recovered.snapshot_seen,
        None => recovered.last_zxid,
    };
    Ok(RecoveredMember { tail: tail.into(), floor, epochs, membership, recovered })
}

/// A reconfiguration is applied as a change of a znode's data, so the newest one is there, whether
/// it came by snapshot or log.
fn membership_in(tree: &Tree, warnings: &mut Vec<StorageWarning>) -> Option<Membership> {
    let data = tree.find(CONFIG)?.data().filter(|data| !data.is_empty())?;
    match Membership::parse(&String::from_utf8_lossy(data)) {
        Ok(membership) => Some(membership),
        // Whoever may write there may write anything.
        Err(source) => {
            warnings.push(StorageWarning::NoMembership { source });
            None
        }
    }
}
