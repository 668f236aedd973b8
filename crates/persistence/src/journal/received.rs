//! A snapshot that came from the leader: kept beside the history first, then in its place.
//!
//! ```text
//! tmp.received.snapshot.N    being written, or whole and beside the history
//! received.snapshot.N        it is the history; whatever else there is, is void
//! snapshot.N                 nothing else is there
//! ```
//!
//! The first rename is the moment at which one history takes the place of the other: a crash before
//! it leaves the old one as it was, and after it recovery finishes what is left to do. Nothing that
//! was there may stay. A newer snapshot or log would be replayed on top; an older log would one day
//! be sent to a learner, whatever had been voted down in it (ZOOKEEPER-2846); and an older snapshot
//! would be the beginning of a hole that nobody can see, since the first transaction of an epoch may
//! follow anything.
//!
//! Apache's server ignores the first two names. If it is started after a crash in the few operations
//! between the renames, what it finds is the old history, or one without a snapshot, which it
//! refuses, or nothing.

use crate::dir::{DataDirs, Dir};
use crate::error::StorageError;
use crate::io;
use crate::names::{Compression, SnapshotName, log_name, logs_among, snapshots_among};
use crate::snapshot::write_whole;
use zoarium_proto::Zxid;
use zoarium_tree::Tree;

/// Writes a received tree beside the history and makes it durable, to be installed by
/// [`Journal::install_snapshot`](crate::Journal::install_snapshot) under the tree's last zxid. It
/// counts for nothing before; an earlier one of the same zxid is replaced.
///
/// It may run beside the thread that writes the log.
///
/// # Errors
/// If it cannot be written; the file is removed then, if that much can be done.
pub fn stage_snapshot<D: Dir + Clone>(
    dirs: &DataDirs<D>,
    tree: &mut Tree,
    compression: Compression,
    with_last_zxid: bool,
) -> Result<(), StorageError> {
    let name = SnapshotName { zxid: tree.last_zxid(), compression };
    // It is durable and keeps the name it has.
    write_whole(&dirs.snapshots, tree, name, name.staged_file(), with_last_zxid).map(drop)
}

/// Removes what [`stage_snapshot`] has left of a snapshot that will not be installed, if it has left
/// anything.
///
/// # Errors
/// If it cannot be removed.
pub fn unstage_snapshot<D: Dir>(dirs: &DataDirs<D>, zxid: Zxid) -> Result<(), StorageError> {
    for name in io::names(&dirs.snapshots)? {
        if SnapshotName::parse_staged(&name).is_some_and(|name| name.zxid == zxid) {
            io::remove(&dirs.snapshots, &name)?;
        }
    }
    Ok(())
}

/// Lets the staged snapshot of `zxid` take the place of everything.
pub(super) fn install<D: Dir>(dirs: &DataDirs<D>, zxid: Zxid) -> Result<(), StorageError> {
    let names = io::names(&dirs.snapshots)?;
    let staged = names.iter().filter_map(|name| SnapshotName::parse_staged(name));
    if let Some(name) = staged.filter(|name| name.zxid == zxid).max() {
        io::rename(&dirs.snapshots, &name.staged_file(), &name.received_file())?;
        io::sync(&dirs.snapshots)?;
    }
    match finish_install(dirs)? {
        Some(installed) if installed.zxid == zxid => Ok(()),
        Some(_) | None => Err(StorageError::NotStaged { zxid, dir: dirs.snapshots.path_of("") }),
    }
}

/// Finishes what an interrupted [`install`] has begun; does nothing if there was none. Can be
/// interrupted and repeated at will.
pub(crate) fn finish_install<D: Dir>(
    dirs: &DataDirs<D>,
) -> Result<Option<SnapshotName>, StorageError> {
    let names = io::names(&dirs.snapshots)?;
    let received = names.iter().filter_map(|name| SnapshotName::parse_received(name)).max();
    let Some(received) = received else { return Ok(None) };
    // Snapshots first: with logs only, Apache's server does not start.
    for name in snapshots_among(&names).iter().rev() {
        io::remove(&dirs.snapshots, &name.file())?;
    }
    io::sync(&dirs.snapshots)?;
    for first in logs_among(&io::names(&dirs.logs)?).into_iter().rev() {
        io::remove(&dirs.logs, &log_name(first))?;
    }
    io::sync(&dirs.logs)?;
    io::rename(&dirs.snapshots, &received.received_file(), &received.file())?;
    io::sync(&dirs.snapshots)?;
    Ok(Some(received))
}
