//! Going back to an earlier zxid, because a leader's history ends there (TRUNC).

use crate::dir::{DataDirs, Dir};
use crate::error::StorageError;
use crate::io;
use crate::log::LOG_HEADER_SIZE;
use crate::log_reader::LogReader;
use crate::names::{SnapshotName, log_name, logs_among, snapshots_among};
use crate::recovery::RecoveryOptions;
use crate::snapshot::load_snapshot;
use zoarium_proto::Zxid;
use zoarium_tree::TreeOptions;

/// Removes everything after `to` from logs and snapshots and returns where the history ends now:
/// at `to` or, if it is in no file, at the last zxid before. The tree must be recovered anew after
/// that, and the log continued by a new [`LogWriter`](crate::log::LogWriter).
///
/// Differences to Apache: the cut is after the last entry up to `to`, never after a later one; and
/// snapshots that hold anything later go too, or the next start would bring it back
/// (ZOOKEEPER-4837). They go first, and logs from the newest on, so that a crash in between leaves
/// a longer history but never a hole; the leader then asks for the same again.
///
/// # Errors
/// [`StorageError::NothingBefore`], with nothing changed, if no snapshot would be left to begin
/// with. An error of the file system means that the server must not go on (ZOOKEEPER-3701).
pub fn truncate<D: Dir>(
    dirs: &DataDirs<D>,
    to: Zxid,
    options: &RecoveryOptions,
) -> Result<Zxid, StorageError> {
    let snapshots = snapshots_among(&io::names(&dirs.snapshots)?);
    let mut later = Later { names: &snapshots, from: snapshots.len() };
    let base = later.split_off(dirs, to, options)?;
    let (last, cut) = find_cut(dirs, base, to, options.max_txn_size)?;
    for name in later.newest_first() {
        io::remove(&dirs.snapshots, &name.file())?;
    }
    io::sync(&dirs.snapshots)?;
    cut_logs(&dirs.logs, to, cut)?;
    Ok(last)
}

/// The snapshots that have to go, oldest first, as the end of all.
struct Later<'n> {
    names: &'n [SnapshotName],
    from: usize,
}

impl Later<'_> {
    /// Finds the newest snapshot that can stay and lets those behind it go.
    fn split_off<D: Dir>(
        &mut self,
        dirs: &DataDirs<D>,
        to: Zxid,
        options: &RecoveryOptions,
    ) -> Result<Zxid, StorageError> {
        let tree = TreeOptions { digest_enabled: false, ..options.tree };
        while let Some(name) = self.from.checked_sub(1).map(|last| self.names[last]) {
            if name.zxid <= to {
                match load_snapshot(
                    &dirs.snapshots,
                    name,
                    tree,
                    options.max_txn_size,
                    &mut |_, _| {},
                ) {
                    // A fuzzy snapshot holds parts of txns after the one in its name.
                    Ok(loaded) if loaded.seen <= to => return Ok(name.zxid),
                    Ok(_ahead) => {}
                    Err(error @ StorageError::Io { .. }) => return Err(error),
                    Err(_damaged) => {}
                }
            }
            self.from -= 1;
        }
        Err(StorageError::NothingBefore { to })
    }

    fn newest_first(&self) -> impl Iterator<Item = &SnapshotName> {
        self.names[self.from..].iter().rev()
    }
}

/// A log file, by the zxid of its name, and the length in bytes that it must get.
type Cut = (Zxid, u64);

/// Where the history ends after the cut, and where to cut.
fn find_cut<D: Dir>(
    dirs: &DataDirs<D>,
    base: Zxid,
    to: Zxid,
    max_txn_size: u32,
) -> Result<(Zxid, Option<Cut>), StorageError> {
    let mut log = LogReader::open(&dirs.logs, base, max_txn_size)?;
    let mut last = base;
    loop {
        let before = log.place();
        match log.next() {
            Ok(Some(entry)) if entry.zxid <= to => last = entry.zxid,
            Ok(Some(entry)) => {
                let offset = entry.offset;
                return Ok((last, log.place().map(|(first, _)| (first, offset))));
            }
            Ok(None) => return Ok((last, None)),
            // Whatever is wrong behind the cut goes with it.
            Err(_) if last == to && before.is_some() => return Ok((last, before)),
            Err(error) => return Err(error),
        }
    }
}

fn cut_logs<D: Dir>(dir: &D, to: Zxid, cut: Option<Cut>) -> Result<(), StorageError> {
    let is_later = |&first: &Zxid| first > to || cut.is_some_and(|(file, _)| first > file);
    let logs = logs_among(&io::names(dir)?);
    for first in logs.iter().copied().rev().filter(is_later) {
        io::remove(dir, &log_name(first))?;
    }
    io::sync(dir)?;
    match cut.filter(|(first, _)| !is_later(first)) {
        Some((first, size)) if size > LOG_HEADER_SIZE as u64 => {
            let mut file = io::open_to_change(dir, &log_name(first))?;
            file.set_size(size)?;
            file.sync_data()
        }
        Some((first, _)) => {
            io::remove(dir, &log_name(first))?;
            io::sync(dir)
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
