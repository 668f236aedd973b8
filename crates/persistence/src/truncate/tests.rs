use super::*;
use crate::log::{LogOptions, LogWriter};
use crate::mem_dir::{Fault, MemDir, MemDisk, Survival};
use crate::names::Compression;
use crate::recovery::recover;
use crate::snapshot::write_snapshot;
use crate::testing::{create, fixture};
use zoarium_proto::txn::LoggedTxn;
use zoarium_tree::Tree;

fn dirs(version_2: &MemDir) -> DataDirs<MemDir> {
    let (snapshots, logs) = (version_2.clone(), version_2.clone());
    DataDirs { root: MemDir::new(), snapshots, logs, logs_apart: false }
}

fn options() -> RecoveryOptions {
    RecoveryOptions::default()
}

fn last(dirs: &DataDirs<MemDir>) -> u64 {
    recover(dirs, &options(), |_| {}).unwrap().last_zxid.0
}

/// Snapshots at 0, 10 and 20, logs from 1, 11 and 21 to 25.
fn three_logs(disk: &MemDisk) -> DataDirs<MemDir> {
    let dirs = dirs(&disk.dir("d"));
    let mut tree = Tree::new(TreeOptions::default());
    for to in [0_u64, 10, 20, 25] {
        let from = tree.last_zxid();
        let log = LogOptions { reserve: 4096, ..LogOptions::default() };
        let mut writer = LogWriter::new(dirs.logs.clone(), from, log);
        for zxid in from.0 + 1..=to {
            let bytes = create(Zxid(zxid), 30);
            tree.apply(&LoggedTxn::decode(&bytes).unwrap(), &mut |_| {});
            writer.append(Zxid(zxid), &bytes);
        }
        writer.sync().unwrap();
        if to < 25 {
            write_snapshot(&dirs.snapshots, &mut tree, Compression::Gzip, true).unwrap();
        }
    }
    dirs
}

#[test]
fn the_log_is_cut_where_apache_cuts_it() {
    let before = fixture("ensemble/trunc-before/s2/version-2");
    let after = fixture("ensemble/trunc-after/s2/version-2");
    let to = Zxid(0x1_0000_001a);
    assert_eq!(truncate(&dirs(&before), to, &options()).unwrap(), to);
    let log = "log.100000001";
    assert!(before.bytes(log).unwrap() == after.bytes(log).unwrap());
}

#[test]
fn what_is_later_goes_and_nothing_else() {
    for to in 0..=25 {
        let disk = MemDisk::new();
        let dirs = three_logs(&disk);
        assert_eq!(truncate(&dirs, Zxid(to), &options()).unwrap(), Zxid(to));
        assert_eq!(last(&disk_dirs(&disk, Survival::OnlySynced)), to);
        for name in dirs.logs.names().unwrap() {
            let first = crate::names::parse_log_name(&name);
            let snapshot = SnapshotName::parse(&name).map(|name| name.zxid);
            assert!(first.or(snapshot).is_some_and(|zxid| zxid.0 <= to), "{to} {name}");
        }
    }
}

#[test]
fn a_zxid_that_is_not_there_cuts_before_it() {
    let dirs = three_logs(&MemDisk::new());
    assert_eq!(truncate(&dirs, Zxid(40), &options()).unwrap(), Zxid(25));
    let mut writer = LogWriter::new(dirs.logs.clone(), Zxid(25), LogOptions::default());
    writer.append(Zxid::new(2, 1), &create(Zxid::new(2, 1), 1));
    writer.sync().unwrap();
    assert_eq!(truncate(&dirs, Zxid::new(1, 7), &options()).unwrap(), Zxid(25));
    assert_eq!(last(&dirs), 25);
}

#[test]
fn a_fuzzy_snapshot_that_has_seen_more_goes_too() {
    let dirs = three_logs(&MemDisk::new());
    let mut tree = recover(&dirs, &options(), |_| {}).unwrap().tree;
    let mut cursor = tree.begin_snapshot(true);
    let dir = dirs.snapshots.clone();
    let mut writer = crate::SnapshotWriter::begin(dir, cursor.zxid(), Compression::None).unwrap();
    let bytes = create(Zxid(26), 30);
    tree.apply(&LoggedTxn::decode(&bytes).unwrap(), &mut |_| {});
    while writer.fill(&mut cursor, &tree, 1000) == crate::Filled::More {}
    writer.finish().unwrap();
    assert_eq!(truncate(&dirs, Zxid(25), &options()).unwrap(), Zxid(25));
    assert!(!dirs.snapshots.names().unwrap().contains(&"snapshot.19".into()));
    assert_eq!(last(&dirs), 25);
}

#[test]
fn nothing_changes_if_no_snapshot_is_early_enough() {
    let disk = MemDisk::new();
    let dirs = three_logs(&disk);
    dirs.snapshots.remove("snapshot.0.gz").unwrap();
    let (names, before) = (dirs.logs.names().unwrap(), disk.operations());
    let error = truncate(&dirs, Zxid(5), &options()).unwrap_err();
    assert!(matches!(error, StorageError::NothingBefore { to: Zxid(5) }), "{error}");
    assert_eq!((dirs.logs.names().unwrap(), disk.operations()), (names, before));
}

#[test]
fn damage_behind_the_cut_goes_with_it() {
    let dirs = three_logs(&MemDisk::new());
    let mut bytes = dirs.logs.bytes("log.15").unwrap();
    let at = 16 + 2 * (create(Zxid(21), 30).len() + 13) + 60;
    bytes[at] ^= 1;
    dirs.logs.put("log.15", &bytes).unwrap();
    assert!(recover(&dirs, &options(), |_| {}).is_err());
    assert_eq!(truncate(&dirs, Zxid(22), &options()).unwrap(), Zxid(22));
    assert_eq!(last(&dirs), 22);
}

#[test]
fn an_interrupted_truncation_can_be_repeated() {
    for to in [5, 20, 23] {
        let mut at = 0;
        loop {
            let disk = MemDisk::new();
            let dirs = three_logs(&disk);
            disk.fail_at(disk.operations() + at, Fault::Halt);
            let done = truncate(&dirs, Zxid(to), &options()).is_ok();
            for survival in [
                Survival::Everything,
                Survival::OnlySynced,
                Survival::Sectors { seed: at },
                Survival::TornLastWrite { seed: at },
            ] {
                let after = disk_dirs(&disk, survival);
                let found = last(&after);
                assert!(
                    (to..=25).contains(&found) && (!done || found == to),
                    "{to} {at} {survival:?}"
                );
                assert_eq!(truncate(&after, Zxid(to), &options()).unwrap(), Zxid(to));
                assert_eq!(last(&after), to);
            }
            if done {
                break;
            }
            at += 1;
        }
        assert!(at >= 3, "{at}");
    }
}

fn disk_dirs(disk: &MemDisk, survival: Survival) -> DataDirs<MemDir> {
    dirs(&disk.crash(survival).dir("d"))
}
