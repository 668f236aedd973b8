use super::*;
use crate::epochs::{Epochs, read_epoch};
use crate::mem_dir::{Fault, MemDir, MemDisk, Survival};
use crate::names::Compression;
use crate::recovery::{Recovered, recover};
use crate::snapshot::{Filled, SnapshotWriter, write_snapshot};
use crate::testing::{create, fixture};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use zoarium_proto::txn::LoggedTxn;
use zoarium_tree::{Tree, TreeOptions};

mod histories;
mod members;

const ALL_SURVIVALS: [Survival; 4] = [
    Survival::Everything,
    Survival::OnlySynced,
    Survival::Sectors { seed: 3 },
    Survival::TornLastWrite { seed: 3 },
];

fn dirs(disk: &MemDisk) -> DataDirs<MemDir> {
    let (snapshots, logs) = (disk.dir("data/version-2"), disk.dir("logs/version-2"));
    DataDirs { root: disk.dir("data"), snapshots, logs, logs_apart: true }
}

fn options() -> JournalOptions {
    let log = LogOptions { reserve: 4096, ..LogOptions::default() };
    JournalOptions { log, recovery: RecoveryOptions::default() }
}

fn recovered(disk: &MemDisk) -> Recovered {
    recover(&dirs(disk), &RecoveryOptions::default(), |_| {}).unwrap()
}

/// The journal of a server that starts, and its tree.
fn start(disk: &MemDisk) -> (Journal<MemDir>, Tree) {
    let Recovered { tree, last_zxid, .. } = recovered(disk);
    (Journal::new(dirs(disk), last_zxid, options()), tree)
}

fn zxid(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(epoch, counter)
}

/// Appends and applies the transactions of an epoch, from one to another.
fn append(journal: &mut Journal<MemDir>, tree: &mut Tree, epoch: u32, from: u32, to: u32) {
    for counter in from..=to {
        let bytes = create(zxid(epoch, counter), 30);
        journal.append(zxid(epoch, counter), &bytes);
        tree.apply(&LoggedTxn::decode(&bytes).unwrap(), &mut |_| {});
    }
}

/// A server with the transactions 1 to 9 of epoch 1, durable.
fn nine(disk: &MemDisk) -> (Journal<MemDir>, Tree) {
    let (mut journal, mut tree) = start(disk);
    append(&mut journal, &mut tree, 1, 1, 9);
    journal.sync().unwrap();
    (journal, tree)
}

/// A tree that another server could have.
fn foreign_tree(epoch: u32, last: u32) -> Tree {
    let mut tree = Tree::new(TreeOptions::default());
    for counter in 1..=last {
        let bytes = create(zxid(epoch, counter), 10);
        tree.apply(&LoggedTxn::decode(&bytes).unwrap(), &mut |_| {});
    }
    tree.set_last_zxid(zxid(epoch, last));
    tree
}

fn stage(disk: &MemDisk, tree: &mut Tree) {
    stage_snapshot(&dirs(disk), tree, Compression::Gzip, true).unwrap();
}

fn files(disk: &MemDisk) -> Vec<String> {
    let dirs = dirs(disk);
    let mut names = dirs.snapshots.names().unwrap();
    names.retain(|name| !name.ends_with("Epoch"));
    names.extend(dirs.logs.names().unwrap());
    names
}

/// Does something that fails at each of its operations in turn, and looks at what every kind of
/// crash leaves then. The last time it does not fail.
fn at_each_crash(
    prepare: impl Fn(&MemDisk) -> (Journal<MemDir>, Tree),
    act: impl Fn(&mut Journal<MemDir>, &mut Tree) -> Result<(), StorageError>,
    look: impl Fn(&MemDisk, bool),
) {
    for at in 0.. {
        let disk = MemDisk::new();
        let (mut journal, mut tree) = prepare(&disk);
        disk.fail_at(disk.operations() + at, Fault::Halt);
        let done = act(&mut journal, &mut tree).is_ok();
        ALL_SURVIVALS.iter().for_each(|survival| look(&disk.crash(*survival), done));
        if done {
            return assert!(at > 2, "{at}");
        }
    }
}

/// ZOOKEEPER-4643, ZOOKEEPER-3911, ZOOKEEPER-4785.
#[test]
fn epoch_is_never_ahead_of_its_history() {
    at_each_crash(
        nine,
        |journal, tree| {
            append(journal, tree, 1, 10, 12);
            journal.current_epoch(2)
        },
        |disk, done| {
            let claimed = read_epoch(&dirs(disk).snapshots, EpochFile::Current).unwrap();
            assert!(!done || claimed == Some(2));
            let last = recovered(disk).last_zxid;
            assert!(claimed != Some(2) || last == zxid(1, 12), "{claimed:?} {last}");
        },
    );
}

/// ZOOKEEPER-1291, ZOOKEEPER-2307.
#[test]
fn promise_is_durable_and_never_behind_the_epoch_that_follows_it() {
    at_each_crash(
        nine,
        |journal, _| journal.accepted_epoch(3).and_then(|()| journal.current_epoch(3)),
        |disk, done| {
            let read = |file| read_epoch(&dirs(disk).snapshots, file).unwrap().unwrap_or(0);
            let (accepted, current) = (read(EpochFile::Accepted), read(EpochFile::Current));
            assert!(accepted >= current, "{accepted} {current}");
            assert!(!done || (accepted, current) == (3, 3));
        },
    );
}

/// ZOOKEEPER-1489.
#[test]
fn log_goes_on_in_a_new_file_after_a_truncation() {
    let disk = MemDisk::new();
    let (mut journal, _) = nine(&disk);
    assert_eq!(journal.truncate(zxid(1, 4)).unwrap(), zxid(1, 4));
    assert_eq!((journal.last(), journal.lineage()), (zxid(1, 4), Lineage(1)));
    let mut tree = recovered(&disk).tree;
    append(&mut journal, &mut tree, 2, 1, 3);
    journal.sync().unwrap();
    assert_eq!(files(&disk), ["snapshot.0", "log.100000001", "log.200000001"]);
    let after = recovered(&disk.crash(Survival::OnlySynced));
    assert_eq!((after.last_zxid, after.tree.digest()), (zxid(2, 3), tree.digest()));
}

/// ZOOKEEPER-4837: nothing brings back what was cut off, least of all a snapshot that has it.
#[test]
fn truncation_takes_snapshots_that_have_more() {
    at_each_crash(
        |disk| {
            let (mut journal, mut tree) = nine(disk);
            journal.roll().unwrap();
            write_snapshot(&dirs(disk).snapshots, &mut tree, Compression::None, true).unwrap();
            append(&mut journal, &mut tree, 1, 10, 12);
            journal.sync().unwrap();
            (journal, tree)
        },
        |journal, _| journal.truncate(zxid(1, 7)).map(drop),
        |disk, done| {
            let last = recovered(disk).last_zxid;
            assert!(if done { last == zxid(1, 7) } else { last >= zxid(1, 7) }, "{last}");
        },
    );
}

/// ZOOKEEPER-1549: a snapshot begun before a truncation may have what was cut off.
#[test]
fn snapshot_of_another_history_is_not_published() {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    let begun = journal.lineage();
    let mut cursor = tree.begin_snapshot(true);
    let dir = dirs(&disk).snapshots;
    let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), Compression::None).unwrap();
    while writer.fill(&mut cursor, &tree, 1 << 20) == Filled::More {}
    tree.end_snapshot(cursor);
    let complete = writer.complete().unwrap();
    journal.truncate(zxid(1, 4)).unwrap();
    assert_eq!(journal.publish(complete, begun).unwrap(), None);
    assert_eq!(files(&disk), ["snapshot.0", "log.100000001"]);
}

#[test]
fn snapshot_is_not_published_before_the_log_it_has_seen() {
    at_each_crash(
        nine,
        |journal, tree| {
            append(journal, tree, 1, 10, 12);
            let mut cursor = tree.begin_snapshot(true);
            let dir = journal.dirs.snapshots.clone();
            let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), Compression::None)?;
            while writer.fill(&mut cursor, tree, 1 << 20) == Filled::More {}
            tree.end_snapshot(cursor);
            let published = journal.publish(writer.complete()?, journal.lineage())?;
            assert_eq!(published.map(|name| name.zxid), Some(zxid(1, 12)));
            Ok(())
        },
        |disk, _| {
            let logs = dirs(disk).logs;
            let mut log = crate::LogReader::open(&logs, Zxid::ZERO, 1 << 20).unwrap();
            while log.next().unwrap().is_some() {}
            assert_eq!(recovered(disk).last_zxid, log.last());
        },
    );
}

/// ZOOKEEPER-3701: a server that goes on has a history that nobody knows.
#[test]
fn failed_truncation_ends_the_journal() {
    for at in 1.. {
        let disk = MemDisk::new();
        let (mut journal, mut tree) = nine(&disk);
        disk.fail_at(disk.operations() + at, Fault::Error);
        let Err(error) = journal.truncate(zxid(1, 4)) else { return assert!(at > 3, "{at}") };
        assert!(matches!(error, StorageError::Io { .. }), "{error}");
        append(&mut journal, &mut tree, 1, 10, 10);
        for error in [
            journal.write().unwrap_err(),
            journal.sync().unwrap_err(),
            journal.roll().unwrap_err(),
            journal.accepted_epoch(5).unwrap_err(),
            journal.current_epoch(5).unwrap_err(),
            journal.truncate(zxid(1, 4)).unwrap_err(),
            journal.install_snapshot(zxid(1, 4)).unwrap_err(),
        ] {
            assert!(matches!(error, StorageError::LogFailed), "{error}");
        }
    }
}

#[test]
fn truncation_to_what_is_not_there_says_how_far_the_history_goes() {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    append(&mut journal, &mut tree, 3, 1, 2);
    assert_eq!(journal.truncate(zxid(3, 0)).unwrap(), zxid(1, 9), "a zxid that begins an epoch");
    let error = journal.truncate(zxid(2, 4)).unwrap_err();
    assert!(matches!(error, StorageError::NotInHistory { to, last }
        if to == zxid(2, 4) && last == zxid(1, 9)));
    assert_eq!(recovered(&disk).last_zxid, zxid(1, 9));
    assert!(matches!(journal.sync().unwrap_err(), StorageError::LogFailed));
}

#[test]
fn truncation_without_a_beginning_changes_nothing() {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    write_snapshot(&dirs(&disk).snapshots, &mut tree, Compression::None, true).unwrap();
    dirs(&disk).snapshots.remove("snapshot.0").unwrap();
    let error = journal.truncate(zxid(1, 4)).unwrap_err();
    assert!(matches!(error, StorageError::NothingBefore { .. }), "{error}");
    append(&mut journal, &mut tree, 1, 10, 10);
    journal.sync().unwrap();
    assert_eq!((recovered(&disk).last_zxid, journal.lineage()), (zxid(1, 10), Lineage(0)));
}

/// ZOOKEEPER-2846: neither older logs nor newer ones are of this history.
#[test]
fn received_snapshot_is_all_there_is() {
    for (epoch, last) in [(1, 3), (2, 0), (2, 5), (5, 0)] {
        let disk = MemDisk::new();
        let (mut journal, mut tree) = nine(&disk);
        append(&mut journal, &mut tree, 3, 1, 4);
        journal.roll().unwrap();
        write_snapshot(&dirs(&disk).snapshots, &mut tree, Compression::None, true).unwrap();
        append(&mut journal, &mut tree, 3, 5, 6);

        let mut received = foreign_tree(epoch, last);
        stage(&disk, &mut received);
        journal.install_snapshot(zxid(epoch, last)).unwrap();
        assert_eq!((journal.last(), journal.lineage()), (zxid(epoch, last), Lineage(1)));
        assert_eq!(files(&disk), [format!("snapshot.{:x}.gz", zxid(epoch, last).0)]);
        append(&mut journal, &mut received, 6, 1, 2);
        journal.sync().unwrap();
        let after = recovered(&disk.crash(Survival::OnlySynced));
        assert_eq!((after.last_zxid, after.tree.digest()), (zxid(6, 2), received.digest()));
        assert_eq!(after.seen, after.last_zxid);
    }
}

#[test]
fn crash_leaves_the_old_history_or_the_received_one() {
    for (epoch, last) in [(1, 3), (2, 0), (2, 5), (5, 0)] {
        let old = nine(&MemDisk::new()).1.digest();
        let new = foreign_tree(epoch, last).digest();
        at_each_crash(
            |disk| {
                let (journal, tree) = nine(disk);
                stage(disk, &mut foreign_tree(epoch, last));
                (journal, tree)
            },
            |journal, _| journal.install_snapshot(zxid(epoch, last)),
            |disk, done| {
                let Recovered { last_zxid, tree, .. } = recovered(disk);
                let is_new = (last_zxid, tree.digest()) == (zxid(epoch, last), new);
                let is_old = (last_zxid, tree.digest()) == (zxid(1, 9), old);
                assert!(is_new || (is_old && !done), "{last_zxid}");
            },
        );
    }
}

/// ZOOKEEPER-2872, ZOOKEEPER-3642: what was not whole counts for nothing, and is not looked for.
#[test]
fn interrupted_snapshot_leaves_the_old_history() {
    at_each_crash(
        nine,
        |journal, _| {
            let tree = &mut foreign_tree(2, 30);
            stage_snapshot(&journal.dirs, tree, Compression::None, true)
        },
        |disk, _| {
            crate::purge::remove_leftovers(&dirs(disk)).unwrap();
            assert_eq!(recovered(disk).last_zxid, zxid(1, 9));
            let (mut journal, _) = start(disk);
            let error = journal.install_snapshot(zxid(2, 30)).unwrap_err();
            assert!(matches!(error, StorageError::NotStaged { .. }), "{error}");
            assert_eq!(recovered(disk).last_zxid, zxid(1, 9));
        },
    );
}

#[test]
fn what_is_not_to_be_installed_goes() {
    let disk = MemDisk::new();
    let (mut journal, _) = nine(&disk);
    stage(&disk, &mut foreign_tree(2, 3));
    stage(&disk, &mut foreign_tree(2, 4));
    unstage_snapshot(&dirs(&disk), zxid(2, 3)).unwrap();
    unstage_snapshot(&dirs(&disk), zxid(2, 3)).unwrap();
    let staged = "tmp.received.snapshot.200000004.gz";
    assert_eq!(files(&disk), ["snapshot.0", staged, "log.100000001"]);
    journal.install_snapshot(zxid(2, 4)).unwrap();
    assert_eq!(files(&disk), ["snapshot.200000004.gz"]);
}

#[test]
fn full_disk_is_waited_for() {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    let mut received = foreign_tree(2, 5);
    append(&mut journal, &mut tree, 1, 10, 200);
    disk.set_capacity(Some(disk.used()));
    assert!(journal.accepted_epoch(2).unwrap_err().is_full());
    assert!(journal.truncate(zxid(1, 4)).unwrap_err().is_full());
    let staged = stage_snapshot(&dirs(&disk), &mut received, Compression::None, true);
    assert!(staged.unwrap_err().is_full());
    assert!(!files(&disk).iter().any(|name| name.starts_with("tmp.")));
    assert!(journal.install_snapshot(zxid(2, 5)).unwrap_err().is_full());

    disk.set_capacity(None);
    journal.accepted_epoch(2).unwrap();
    assert_eq!(recovered(&disk).last_zxid, zxid(1, 200));
    journal.truncate(zxid(1, 4)).unwrap();
    stage(&disk, &mut received);
    journal.install_snapshot(zxid(2, 5)).unwrap();
    assert_eq!(recovered(&disk).last_zxid, zxid(2, 5));
}

#[test]
fn restored_state_is_followed_by_its_own_zxids() {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    tree.set_last_zxid(zxid(4, 7));
    write_snapshot(&dirs(&disk).snapshots, &mut tree, Compression::None, true).unwrap();
    journal.jump_to(zxid(4, 7)).unwrap();
    append(&mut journal, &mut tree, 4, 8, 9);
    journal.sync().unwrap();
    assert_eq!((recovered(&disk).last_zxid, journal.lineage()), (zxid(4, 9), Lineage(1)));
}
