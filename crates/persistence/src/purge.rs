//! Removing what recovery will not need.

use crate::dir::{DataDirs, Dir};
use crate::error::StorageError;
use crate::io;
use crate::names::{SnapshotName, TEMPORARY_PREFIX, log_name, logs_among, snapshots_among};
use crate::snapshot::verify_snapshot;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use zoarium_proto::Zxid;

/// The fewest snapshots that may be kept, and Apache's default (`autopurge.snapRetainCount`).
pub const SNAPSHOTS_KEPT_MIN: u32 = 3;

/// Removes snapshots and logs beyond the `keep` newest intact snapshots (at least
/// [`SNAPSHOTS_KEPT_MIN`]) and returns the paths of what it removed. With fewer intact snapshots
/// nothing is removed.
///
/// Intact means read to the end and found to fit its seal: Apache looks at the last bytes only and
/// would keep three damaged snapshots and throw away the one that is needed (ZOOKEEPER-3231).
/// Older files go first, so that a crash in between leaves nothing that has a hole.
///
/// # Errors
/// If a file cannot be read or removed.
pub fn purge<D: Dir>(dirs: &DataDirs<D>, keep: u32) -> Result<Vec<String>, StorageError> {
    purge_knowing(dirs, keep, &mut BTreeSet::new())
}

/// As [`purge`], but does not read the snapshots `intact`, and adds those that it has read and found
/// so. For a server that takes one snapshot after the other: to read all that are kept each time
/// costs more than to write the new one.
///
/// # Errors
/// As [`purge`].
pub fn purge_knowing<D: Dir>(
    dirs: &DataDirs<D>,
    keep: u32,
    intact: &mut BTreeSet<SnapshotName>,
) -> Result<Vec<String>, StorageError> {
    let keep = keep.max(SNAPSHOTS_KEPT_MIN);
    let snapshots = snapshots_among(&io::names(&dirs.snapshots)?);
    let mut count = 0;
    let mut oldest_kept = None;
    for &name in snapshots.iter().rev() {
        if intact.contains(&name) || is_intact(&dirs.snapshots, name)? {
            intact.insert(name);
            count += 1;
            if count == keep {
                oldest_kept = Some(name.zxid);
                break;
            }
        }
    }
    let Some(oldest_kept) = oldest_kept else { return Ok(Vec::new()) };
    intact.retain(|name| name.zxid >= oldest_kept);

    let mut removed = Vec::new();
    for log in logs_not_needed(&logs_among(&io::names(&dirs.logs)?), oldest_kept) {
        remove(&dirs.logs, &log_name(log), &mut removed)?;
    }
    for name in snapshots.iter().filter(|name| name.zxid < oldest_kept) {
        remove(&dirs.snapshots, &name.file(), &mut removed)?;
    }
    Ok(removed)
}

/// Removes what a crash left of snapshots that were being written or received. To be called only
/// while none is.
///
/// # Errors
/// If a file cannot be removed.
pub fn remove_leftovers<D: Dir>(dirs: &DataDirs<D>) -> Result<(), StorageError> {
    for name in io::names(&dirs.snapshots)? {
        let unfinished = name.strip_prefix(TEMPORARY_PREFIX).and_then(SnapshotName::parse);
        if unfinished.or_else(|| SnapshotName::parse_staged(&name)).is_some() {
            io::remove(&dirs.snapshots, &name)?;
        }
    }
    Ok(())
}

/// All logs before the one that the txn after `zxid` may be in.
fn logs_not_needed(logs: &[Zxid], zxid: Zxid) -> impl Iterator<Item = Zxid> {
    let needed = logs.partition_point(|&first| first <= zxid).saturating_sub(1);
    logs[..needed].iter().copied()
}

fn is_intact<D: Dir>(dir: &D, name: SnapshotName) -> Result<bool, StorageError> {
    match verify_snapshot(dir, name) {
        Ok(()) => Ok(true),
        // What cannot be read now may be readable later.
        Err(error @ StorageError::Io { .. }) => Err(error),
        Err(_damaged) => Ok(false),
    }
}

fn remove<D: Dir>(dir: &D, name: &str, removed: &mut Vec<String>) -> Result<(), StorageError> {
    io::remove(dir, name)?;
    removed.push(dir.path_of(name));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem_dir::MemDir;
    use crate::names::Compression;
    use crate::snapshot::write_snapshot;
    use zoarium_tree::{Tree, TreeOptions};

    fn data(snapshots: &[u64], logs: &[u64]) -> DataDirs<MemDir> {
        let dir = MemDir::new();
        for &zxid in snapshots {
            let mut tree = Tree::new(TreeOptions::default());
            tree.set_last_zxid(Zxid(zxid));
            write_snapshot(&dir, &mut tree, Compression::None, true).unwrap();
        }
        for &zxid in logs {
            dir.put(&log_name(Zxid(zxid)), b"").unwrap();
        }
        DataDirs { root: dir.clone(), snapshots: dir.clone(), logs: dir, logs_apart: false }
    }

    #[test]
    fn the_log_that_the_oldest_kept_snapshot_needs_stays() {
        for (logs, removed) in [
            (&[1, 0x15, 0x25, 0x35][..], &["log.1"][..]),
            (&[1, 0x20, 0x35], &["log.1"]),
            (&[1, 0x21, 0x35], &[]),
            (&[0x30], &[]),
            (&[], &[]),
        ] {
            let dirs = data(&[0, 0x10, 0x20, 0x30, 0x40], logs);
            let mut expected: Vec<_> = removed.iter().map(|name| dirs.logs.path_of(name)).collect();
            expected.extend(["mem/snapshot.0".into(), "mem/snapshot.10".into()]);
            let mut found = purge(&dirs, 3).unwrap();
            found.sort_by_key(|path| path.contains("snapshot"));
            assert_eq!(found, expected, "{logs:x?}");
        }
    }

    #[test]
    fn damaged_snapshots_are_not_counted() {
        let dirs = data(&[0, 0x10, 0x20, 0x30, 0x40, 0x50], &[1, 0x11]);
        for name in ["snapshot.30", "snapshot.50"] {
            let mut bytes = dirs.snapshots.bytes(name).unwrap();
            bytes[60] ^= 1;
            dirs.snapshots.put(name, &bytes).unwrap();
        }
        assert_eq!(purge(&dirs, 3).unwrap(), ["mem/snapshot.0"]);
    }

    #[test]
    fn what_is_known_to_be_intact_is_not_read_again() {
        let dirs = data(&[0, 0x10, 0x20, 0x30], &[]);
        let mut intact = BTreeSet::new();
        assert_eq!(purge_knowing(&dirs, 3, &mut intact).unwrap(), ["mem/snapshot.0"]);
        assert_eq!(intact.len(), 3);
        dirs.snapshots.put("snapshot.20", b"damaged").unwrap();
        let newer = data(&[0x40], &[]).snapshots.bytes("snapshot.40").unwrap();
        dirs.snapshots.put("snapshot.40", &newer).unwrap();
        assert_eq!(purge(&dirs, 3).unwrap().len(), 0, "one that looks sees the damage");
        assert_eq!(purge_knowing(&dirs, 3, &mut intact).unwrap(), ["mem/snapshot.10"]);
        assert!(intact.iter().map(|name| name.zxid.0).eq([0x20, 0x30, 0x40]));
    }

    #[test]
    fn fewer_than_three_are_never_kept() {
        let dirs = data(&[0, 0x10, 0x20], &[1, 0x11]);
        assert_eq!(purge(&dirs, 1).unwrap().len(), 0);
        assert_eq!(purge(&data(&[0, 1, 2, 3, 4, 5], &[]), 5).unwrap(), ["mem/snapshot.0"]);
    }

    #[test]
    fn only_unfinished_snapshots_are_leftovers() {
        let dirs = data(&[0], &[1]);
        let kept = ["currentEpoch.tmp", "received.snapshot.7", "tmp.other"];
        let gone = ["tmp.snapshot.5", "tmp.snapshot.6.gz", "tmp.received.snapshot.8.gz"];
        for name in kept.into_iter().chain(gone) {
            dirs.snapshots.put(name, b"").unwrap();
        }
        remove_leftovers(&dirs).unwrap();
        let names = dirs.snapshots.names().unwrap();
        let [epoch, received, other] = kept;
        assert_eq!(names, [epoch, "log.1", received, "snapshot.0", other]);
    }
}
