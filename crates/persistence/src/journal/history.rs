//! Reading the log for a learner that lacks older transactions than memory has.

use crate::dir::{DataDirs, Dir};
use crate::error::StorageError;
use crate::io;
use crate::log_reader::LogReader;
use crate::names::snapshots_among;
use alloc::vec::Vec;
use zoarium_proto::Zxid;

/// A logged transaction: its zxid, and the same bytes as in its proposal.
pub type Logged = (Zxid, Vec<u8>);

/// How much of the log is read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Bytes of all transactions together; `None` for no limit.
    pub total: Option<u64>,
    /// Bytes of a single one.
    pub txn: u32,
}

/// Reads the log from the last transaction at or before `from` up to `upto`, which has to be
/// durable.
///
/// It only reads files, and may do so beside the thread that writes them. Files that are removed
/// meanwhile make it an error or `None`.
///
/// `None` if what is there is not for certain one history: the log does not reach back to `from`,
/// lacks transactions (ZOOKEEPER-2418), has more bytes than allowed, or goes through a snapshot that
/// was received. Of the latter, a server of ours keeps no log from before it; Apache's does,
/// whatever its history was then (ZOOKEEPER-2846). Such a log does not have the very transaction
/// that the snapshot is named after. So each snapshot inside the range must have its transaction in
/// the log.
///
/// # Errors
/// If a file cannot be read or is damaged.
pub fn read_history<D: Dir>(
    dirs: &DataDirs<D>,
    from: Zxid,
    upto: Zxid,
    limits: HistoryLimits,
) -> Result<Option<Vec<Logged>>, StorageError> {
    let mut log = LogReader::open_around(&dirs.logs, from, limits.txn)?;
    let mut history: Vec<Logged> = Vec::new();
    let mut size = 0;
    while history.last().is_none_or(|(last, _)| *last < upto) {
        let entry = match log.next() {
            Ok(Some(entry)) if entry.zxid <= upto => entry,
            Ok(_) => break,
            Err(StorageError::ZxidHole { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if entry.zxid <= from {
            history.clear();
            size = 0;
        } else if history.is_empty() {
            return Ok(None);
        }
        size += entry.txn.len() as u64;
        if limits.total.is_some_and(|limit| size > limit) {
            return Ok(None);
        }
        history.push((entry.zxid, entry.txn.to_vec()));
    }
    let is_one = meets_snapshots(dirs, &history, upto)?;
    Ok(is_one.then_some(history))
}

/// Whether every snapshot from behind the beginning up to `upto` has its transaction in the log.
/// False for an empty log.
fn meets_snapshots<D: Dir>(
    dirs: &DataDirs<D>,
    history: &[Logged],
    upto: Zxid,
) -> Result<bool, StorageError> {
    let Some((first, _)) = history.first() else { return Ok(false) };
    let snapshots = snapshots_among(&io::names(&dirs.snapshots)?);
    let mut inside = snapshots.iter().filter(|name| name.zxid > *first && name.zxid <= upto);
    Ok(inside.all(|name| history.binary_search_by_key(&name.zxid, |(zxid, _)| *zxid).is_ok()))
}

/// The length of the newest snapshot in bytes, as it is on disk: what a learner would have to be
/// sent instead of a part of the log. `None` if there is none.
///
/// # Errors
/// If it cannot be told.
pub fn newest_snapshot_size<D: Dir>(dirs: &DataDirs<D>) -> Result<Option<u64>, StorageError> {
    let snapshots = snapshots_among(&io::names(&dirs.snapshots)?);
    let newest = snapshots.last().map(|name| io::open(&dirs.snapshots, &name.file()));
    newest.map(|file| file?.size()).transpose()
}
