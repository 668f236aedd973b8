//! Reading the log for learners.

use super::*;

const LIMITS: HistoryLimits = HistoryLimits { total: None, txn: 1 << 20 };

fn read(disk: &MemDisk, from: Zxid, upto: Zxid) -> Option<Vec<Zxid>> {
    let read = read_history(&dirs(disk), from, upto, LIMITS).unwrap()?;
    for (zxid, bytes) in &read {
        assert_eq!(*bytes, create(*zxid, 30));
    }
    Some(read.into_iter().map(|(zxid, _)| zxid).collect())
}

/// Transactions 1 to 9 of epoch 1 and 1 to 3 of epoch 3, in three files.
fn three_files() -> (MemDisk, Journal<MemDir>, Tree) {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = start(&disk);
    append(&mut journal, &mut tree, 1, 1, 4);
    journal.roll().unwrap();
    append(&mut journal, &mut tree, 1, 5, 9);
    journal.roll().unwrap();
    append(&mut journal, &mut tree, 3, 1, 3);
    journal.sync().unwrap();
    (disk, journal, tree)
}

#[test]
fn reading_begins_with_the_last_one_at_or_before() {
    let (disk, ..) = three_files();
    let all: Vec<Zxid> =
        (1..=9).map(|counter| zxid(1, counter)).chain((1..=3).map(|it| zxid(3, it))).collect();
    for (from, upto, range) in [
        (zxid(1, 1), zxid(3, 3), 0..12),
        (zxid(1, 3), zxid(1, 3), 2..3),
        (zxid(1, 4), zxid(1, 6), 3..6),
        (zxid(1, 5), zxid(3, 1), 4..10),
        // Between epochs, where no transaction is.
        (zxid(1, 12), zxid(3, 2), 8..11),
        (zxid(2, 0), zxid(3, 0), 8..9),
        (zxid(3, 0), zxid(3, 9), 8..12),
        // As far as there is something.
        (zxid(3, 5), zxid(3, 9), 11..12),
    ] {
        assert_eq!(read(&disk, from, upto).as_deref(), Some(&all[range]), "{from} to {upto}");
    }
    assert_eq!(read(&disk, Zxid::ZERO, zxid(3, 3)), None, "the log begins with the first");
}

#[test]
fn what_is_purged_is_not_reached() {
    let (disk, ..) = three_files();
    dirs(&disk).logs.remove("log.100000001").unwrap();
    assert_eq!(read(&disk, zxid(1, 4), zxid(3, 3)), None);
    assert_eq!(read(&disk, zxid(1, 5), zxid(3, 3)).map(|read| read.len()), Some(8));
}

/// ZOOKEEPER-2418.
#[test]
fn nothing_is_read_over_a_gap() {
    let (disk, ..) = three_files();
    dirs(&disk).logs.remove("log.100000005").unwrap();
    assert_eq!(read(&disk, zxid(1, 2), zxid(1, 4)).map(|read| read.len()), Some(3));
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    journal.jump_to(zxid(1, 12)).unwrap();
    append(&mut journal, &mut tree, 1, 13, 14);
    journal.sync().unwrap();
    assert_eq!(read(&disk, zxid(1, 2), zxid(1, 14)), None);
    assert_eq!(read(&disk, zxid(1, 13), zxid(1, 14)).map(|read| read.len()), Some(2));
}

/// ZOOKEEPER-2846: Apache's server keeps the log from before a received snapshot, here with
/// 0x200000003, which the ensemble has voted down.
#[test]
fn nothing_is_read_over_a_snapshot_that_was_received() {
    let version_2 = fixture("ensemble/final/s3/version-2");
    let (snapshots, logs) = (version_2.clone(), version_2);
    let dirs = DataDirs { root: MemDir::new(), snapshots, logs, logs_apart: false };
    let read = |from, upto| {
        let read = read_history(&dirs, from, upto, LIMITS).unwrap();
        read.map(|read| read.into_iter().map(|(zxid, _)| zxid).collect::<Vec<_>>())
    };
    assert_eq!(read(zxid(2, 3), zxid(3, 4)), None);
    assert_eq!(read(zxid(1, 26), zxid(3, 4)), None);
    assert_eq!(read(zxid(3, 4), zxid(3, 4)), Some([zxid(3, 4)].into()));
    // Its own snapshots are no obstacle.
    assert_eq!(read(zxid(1, 25), zxid(2, 1)).map(|read| read.len()), Some(3));
}

#[test]
fn too_much_is_not_read() {
    let (disk, ..) = three_files();
    let size: usize = (1..=3).map(|counter| create(zxid(3, counter), 30).len()).sum();
    let limited = |total| {
        let limits = HistoryLimits { total: Some(total), ..LIMITS };
        read_history(&dirs(&disk), zxid(3, 1), zxid(3, 3), limits).unwrap().is_some()
    };
    assert!(limited(size as u64));
    assert!(!limited(size as u64 - 1));
    let snapshot = dirs(&disk).snapshots.bytes("snapshot.0").unwrap().len();
    assert_eq!(newest_snapshot_size(&dirs(&disk)).unwrap(), Some(snapshot as u64));
    assert_eq!(newest_snapshot_size(&dirs(&MemDisk::new())).unwrap(), None);
}

/// As while a writer is at it: the end of the log is never looked at.
#[test]
fn what_is_behind_the_end_does_not_matter() {
    let (disk, mut journal, mut tree) = three_files();
    append(&mut journal, &mut tree, 3, 4, 6);
    journal.write().unwrap();
    for seed in 0..32 {
        let torn = disk.crash(Survival::TornLastWrite { seed });
        assert_eq!(read(&torn, zxid(1, 9), zxid(3, 3)).map(|read| read.len()), Some(4));
    }
}
