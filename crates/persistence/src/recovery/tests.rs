use super::*;
use crate::log::{LogOptions, LogWriter};
use crate::mem_dir::{MemDir, MemDisk};
use crate::names::log_name;
use crate::testing::create;
use alloc::format;
use alloc::string::{String, ToString};
use zoarium_proto::txn::LoggedTxn;

fn dirs(disk: &MemDisk) -> DataDirs<MemDir> {
    let version_2 = disk.dir("data/version-2");
    let (snapshots, logs) = (version_2.clone(), version_2);
    DataDirs { root: disk.dir("data"), snapshots, logs, logs_apart: false }
}

fn recover_from(dirs: &DataDirs<MemDir>) -> Result<Recovered, StorageError> {
    recover(dirs, &RecoveryOptions::default(), |_| {})
}

fn warnings(recovered: &Recovered) -> String {
    recovered.warnings.iter().map(|warning| format!("{warning}\n")).collect()
}

/// Logs txns `from..=to`, each a create, and returns the tree after them.
fn log(dirs: &DataDirs<MemDir>, mut tree: Tree, to: u64) -> Tree {
    let last = tree.last_zxid();
    let options = LogOptions { reserve: 0, ..LogOptions::default() };
    let mut writer = LogWriter::new(dirs.logs.clone(), last, options);
    for zxid in last.0 + 1..=to {
        let bytes = create(Zxid(zxid), 30);
        tree.apply(&LoggedTxn::decode(&bytes).unwrap(), &mut |_| {});
        writer.append(Zxid(zxid), &bytes);
    }
    writer.sync().unwrap();
    tree
}

fn snapshot(dirs: &DataDirs<MemDir>, tree: &mut Tree) {
    write_snapshot(&dirs.snapshots, tree, Compression::None, true).unwrap();
}

/// Snapshots at 0, 10 and 20, logs from 1, 11 and 21 to 25.
fn three_snapshots() -> (DataDirs<MemDir>, Tree) {
    let dirs = dirs(&MemDisk::new());
    let mut tree = Tree::new(TreeOptions::default());
    snapshot(&dirs, &mut tree);
    for to in [10, 20] {
        tree = log(&dirs, tree, to);
        snapshot(&dirs, &mut tree);
    }
    let tree = log(&dirs, tree, 25);
    (dirs, tree)
}

fn damage(dir: &MemDir, name: &str, at: usize) {
    let mut bytes = dir.bytes(name).unwrap();
    bytes[at] ^= 1;
    dir.put(name, &bytes).unwrap();
}

#[test]
fn the_newest_snapshot_and_the_log_since_make_the_tree() {
    let (dirs, tree) = three_snapshots();
    let recovered = recover_from(&dirs).unwrap();
    assert_eq!(recovered.tree.digest(), tree.digest());
    assert_eq!((recovered.last_zxid, recovered.seen), (Zxid(25), Zxid(25)));
    assert_eq!(recovered.last_snapshot, Some(Zxid(20)));
    assert_eq!(recovered.stats.txns_applied, 5);
    assert_eq!(warnings(&recovered), "");
    assert!(!recovered.untrusted);
}

#[test]
fn an_older_snapshot_does_if_the_logs_since_it_are_there() {
    let (dirs, tree) = three_snapshots();
    damage(&dirs.snapshots, "snapshot.14", 100);
    let recovered = recover_from(&dirs).unwrap();
    assert_eq!(recovered.tree.digest(), tree.digest());
    assert_eq!(recovered.last_snapshot, Some(Zxid(10)));
    assert_eq!(recovered.stats.snapshots_skipped, 1);
    assert!(warnings(&recovered).contains("an older snapshot is used: data/version-2/snapshot.14"));

    dirs.logs.remove("log.b").unwrap();
    let error = recover_from(&dirs).unwrap_err().to_string();
    assert!(error.contains("snapshot.14"), "{error}");
    assert!(error.contains("the log lacks transactions"), "{error}");
}

#[test]
fn damaged_snapshots_and_nothing_else_are_refused() {
    let (dirs, _) = three_snapshots();
    for name in ["snapshot.0", "snapshot.a", "snapshot.14"] {
        damage(&dirs.snapshots, name, 100);
    }
    let error = recover_from(&dirs).unwrap_err().to_string();
    assert!(error.starts_with("none of 3 snapshots can be loaded"), "{error}");
}

#[test]
fn a_missing_log_is_a_hole() {
    let (dirs, _) = three_snapshots();
    dirs.logs.rename("log.15", "log.17").unwrap();
    assert_eq!(recover_from(&dirs).unwrap().last_zxid, Zxid(25), "a name may be wrong");
    dirs.logs.remove("log.17").unwrap();
    assert_eq!(recover_from(&dirs).unwrap().last_zxid, Zxid(20), "the end may be missing");
    let mut writer = LogWriter::new(dirs.logs.clone(), Zxid(21), LogOptions::default());
    writer.append(Zxid(22), &create(Zxid(22), 1));
    writer.sync().unwrap();
    let error = recover_from(&dirs).unwrap_err().to_string();
    assert!(error.contains("has zxid 0x16 at byte 16 where 0x14 must be followed"), "{error}");
}

#[test]
fn an_empty_server_is_trusted_or_not() {
    for (marker, trust_empty, untrusted) in
        [(false, true, false), (true, false, false), (true, true, false), (false, false, true)]
    {
        let dirs = dirs(&MemDisk::new());
        if marker {
            dirs.root.put(INITIALIZE_MARKER, b"").unwrap();
        }
        let options = RecoveryOptions { trust_empty, ..RecoveryOptions::default() };
        let recovered = recover(&dirs, &options, |_| {}).unwrap();
        assert_eq!(recovered.untrusted, untrusted, "{marker} {trust_empty}");
        assert_eq!(recovered.last_snapshot, (!untrusted).then_some(Zxid::ZERO));
        let names = dirs.snapshots.names().unwrap();
        assert_eq!(names.first().map(String::as_str), (!untrusted).then_some("snapshot.0"));
        assert_eq!(dirs.root.names().unwrap().len(), 0);
        assert_eq!(recovered.tree.znode_count(), 5);
    }
}

#[test]
fn the_marker_goes_also_when_there_are_data() {
    let (dirs, _) = three_snapshots();
    dirs.root.put(INITIALIZE_MARKER, b"").unwrap();
    recover_from(&dirs).unwrap();
    assert_eq!(dirs.root.names().unwrap().len(), 0);
}

#[test]
fn a_log_without_a_snapshot_is_refused_unless_told_otherwise() {
    let dirs = dirs(&MemDisk::new());
    let tree = log(&dirs, Tree::new(TreeOptions::default()), 7);
    let error = recover_from(&dirs).unwrap_err().to_string();
    assert!(error.starts_with("there are log entries but no snapshot: data/version-2/log.1"));
    let options =
        RecoveryOptions { trust_log_without_snapshot: true, ..RecoveryOptions::default() };
    let recovered = recover(&dirs, &options, |_| {}).unwrap();
    assert_eq!(recovered.tree.digest(), tree.digest());
    assert_eq!(recovered.last_snapshot, None, "the caller takes one");
}

#[test]
fn empty_logs_and_a_damaged_empty_snapshot_are_an_empty_server() {
    // What a crash of Apache's server leaves in its first moments.
    let dirs = dirs(&MemDisk::new());
    dirs.logs.put("log.1", b"").unwrap();
    dirs.snapshots.put("snapshot.0", b"ZKSN\0\0").unwrap();
    let recovered = recover_from(&dirs).unwrap();
    assert_eq!(recovered.last_snapshot, Some(Zxid::ZERO));
    let warnings = warnings(&recovered);
    assert!(warnings.contains("snapshot.0 is incomplete"), "{warnings}");
    assert!(warnings.contains("log.1 has no entry"), "{warnings}");
    assert_eq!(recover_from(&dirs).unwrap().last_snapshot, Some(Zxid::ZERO));
}

#[test]
fn exchanged_directories_are_refused() {
    let disk = MemDisk::new();
    let dirs = DataDirs { logs: disk.dir("logs"), logs_apart: true, ..dirs(&disk) };
    recover_from(&dirs).unwrap();
    dirs.logs.put("snapshot.5", b"").unwrap();
    let error = recover_from(&dirs).unwrap_err().to_string();
    assert!(error.starts_with("logs/snapshot.5 is a snapshot in the log directory"), "{error}");
    dirs.logs.remove("snapshot.5").unwrap();
    dirs.snapshots.put("log.5", b"").unwrap();
    let error = recover_from(&dirs).unwrap_err().to_string();
    assert!(error.contains("log.5 is a transaction log in the snapshot directory"), "{error}");
}

#[test]
fn a_snapshot_that_has_seen_more_than_the_log_is_told_of() {
    let (dirs, _) = three_snapshots();
    let mut tree = recover_from(&dirs).unwrap().tree;
    let mut cursor = tree.begin_snapshot(true);
    let dir = dirs.snapshots.clone();
    let mut writer = crate::SnapshotWriter::begin(dir, cursor.zxid(), Compression::None).unwrap();
    let mut zxid = 25;
    while writer.fill(&mut cursor, &tree, 500) == crate::Filled::More {
        zxid += 1;
        let bytes = create(Zxid(zxid), 30);
        tree.apply(&LoggedTxn::decode(&bytes).unwrap(), &mut |_| {});
    }
    assert_eq!(writer.finish().unwrap().zxid, Zxid(25));
    let recovered = recover_from(&dirs).unwrap();
    // The last txn came after the last section.
    assert_eq!((recovered.last_zxid, recovered.seen), (Zxid(25), Zxid(zxid - 1)));
    assert!(warnings(&recovered).contains("no reads are served until"));
}

#[test]
fn a_digest_that_differs_is_counted_and_not_fatal() {
    let (dirs, _) = three_snapshots();
    let mut txn = create(Zxid(26), 30);
    txn.extend_from_slice(&2_i32.to_be_bytes());
    txn.extend_from_slice(&12345_u64.to_be_bytes());
    let mut writer = LogWriter::new(dirs.logs.clone(), Zxid(25), LogOptions::default());
    writer.append(Zxid(26), &txn);
    writer.sync().unwrap();
    let recovered = recover_from(&dirs).unwrap();
    assert_eq!(recovered.last_zxid, Zxid(26));
    assert_eq!(recovered.stats.digest_mismatches, 1);
    assert!(warnings(&recovered).contains("at 1 zxids, first at 0x1a"));
}

#[test]
fn an_unknown_txn_is_refused() {
    let (dirs, _) = three_snapshots();
    let mut txn = create(Zxid(26), 30);
    txn[31] = 99;
    let mut writer = LogWriter::new(dirs.logs.clone(), Zxid(25), LogOptions::default());
    writer.append(Zxid(26), &txn);
    writer.sync().unwrap();
    let error = recover_from(&dirs).unwrap_err().to_string();
    assert!(error.contains("zxid 0x1a, is no transaction this version knows: unknown"), "{error}");
}

#[test]
fn events_tell_of_each_txn_and_of_all_bytes() {
    let (dirs, _) = three_snapshots();
    let mut applied = Vec::new();
    let (mut snapshot, mut log) = (None, None);
    recover(&dirs, &RecoveryOptions::default(), |event| match event {
        RecoveryEvent::SnapshotProgress(progress) => snapshot = Some(progress),
        RecoveryEvent::LogProgress(progress) => log = Some(progress),
        RecoveryEvent::Applied(zxid, txn) => {
            assert_eq!(txn, create(zxid, 30));
            applied.push(zxid.0);
        }
    })
    .unwrap();
    assert_eq!(applied, [21, 22, 23, 24, 25]);
    let size = dirs.logs.bytes(&log_name(Zxid(21))).unwrap().len() as u64;
    assert_eq!(log, Some(Progress { done: size, total: size }));
    let snapshot = snapshot.unwrap();
    assert!(snapshot.done > 0 && snapshot.done <= snapshot.total);
}
