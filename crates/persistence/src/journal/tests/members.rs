//! What a member knows when it starts.

use super::*;
use crate::epochs::write_epoch;
use zoarium_proto::ServerId;
use zoarium_proto::path::CONFIG;
use zoarium_proto::txn::{Txn, TxnHeader};

fn member(dirs: &DataDirs<MemDir>) -> RecoveredMember {
    let options = MemberOptions { recovery: RecoveryOptions::default(), tail_max: 5 };
    recover_member(dirs, &options, |_| {}).unwrap()
}

fn warnings(member: &RecoveredMember) -> Vec<String> {
    member.recovered.warnings.iter().map(|warning| format!("{warning}")).collect()
}

#[test]
fn tail_is_the_end_of_the_log_since_the_snapshot() {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    let zxids = |disk| {
        let tail = member(&dirs(disk)).tail;
        tail.into_iter().map(|(zxid, _)| zxid.counter()).collect::<Vec<_>>()
    };
    assert_eq!(zxids(&disk), [5, 6, 7, 8, 9]);
    write_snapshot(&dirs(&disk).snapshots, &mut tree, Compression::None, true).unwrap();
    assert_eq!(zxids(&disk), []);
    append(&mut journal, &mut tree, 1, 10, 11);
    journal.sync().unwrap();
    assert_eq!(zxids(&disk), [10, 11]);
    let options = MemberOptions { recovery: RecoveryOptions::default(), tail_max: 0 };
    assert_eq!(recover_member(&dirs(&disk), &options, |_| {}).unwrap().tail, []);
}

#[test]
fn history_can_be_cut_as_far_as_the_floor() {
    let disk = MemDisk::new();
    let (mut journal, mut tree) = nine(&disk);
    assert_eq!(member(&dirs(&disk)).floor, Zxid::ZERO);
    // A snapshot that has seen 12 when it is complete.
    let mut cursor = tree.begin_snapshot(true);
    let dir = dirs(&disk).snapshots;
    let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), Compression::None).unwrap();
    append(&mut journal, &mut tree, 1, 10, 12);
    while writer.fill(&mut cursor, &tree, 100) == Filled::More {}
    tree.end_snapshot(cursor);
    journal.publish(writer.complete().unwrap(), Lineage(0)).unwrap();
    append(&mut journal, &mut tree, 1, 13, 14);
    journal.sync().unwrap();
    let floor = member(&dirs(&disk)).floor;
    assert_eq!(floor, zxid(1, 12));
    dirs(&disk).snapshots.remove("snapshot.0").unwrap();
    assert!(journal.truncate(zxid(1, 11)).is_err());
    assert_eq!(journal.truncate(floor).unwrap(), floor);
}

/// ZOOKEEPER-1653, ZOOKEEPER-2307, ZOOKEEPER-582.
#[test]
fn epochs_follow_from_the_history_where_files_are_missing_or_behind() {
    for (stored, expected, raised) in [
        ((None, None), (4, 4), 0),
        ((Some(4), Some(4)), (4, 4), 0),
        ((Some(7), Some(5)), (7, 5), 0),
        ((Some(4), Some(1)), (4, 4), 1),
        ((Some(2), Some(6)), (6, 6), 1),
        ((None, Some(2)), (4, 4), 1),
        ((Some(6), None), (6, 4), 0),
    ] {
        let disk = MemDisk::new();
        let (mut journal, mut tree) = nine(&disk);
        append(&mut journal, &mut tree, 4, 1, 2);
        journal.sync().unwrap();
        let dirs = dirs(&disk);
        for (file, epoch) in [(EpochFile::Accepted, stored.0), (EpochFile::Current, stored.1)] {
            match epoch {
                Some(epoch) => write_epoch(&dirs.snapshots, file, epoch).unwrap(),
                None => assert!(dirs.snapshots.bytes(file.name()).is_err()),
            }
        }
        let member = member(&dirs);
        let (accepted, current) = expected;
        assert_eq!(member.epochs, Epochs { accepted, current }, "{stored:?}");
        assert_eq!(warnings(&member).len(), raised, "{stored:?} {:?}", warnings(&member));
    }
}

#[test]
fn apache_members_are_read() {
    for (server, last, current) in [("s1", zxid(3, 5), 3), ("s3", zxid(3, 5), 3)] {
        let version_2 = fixture(&format!("ensemble/final/{server}/version-2"));
        let (snapshots, logs) = (version_2.clone(), version_2);
        let dirs = DataDirs { root: MemDir::new(), snapshots, logs, logs_apart: false };
        let member = member(&dirs);
        assert_eq!((member.recovered.last_zxid, member.epochs.current), (last, current));
        assert_eq!(member.tail.last().map(|(zxid, _)| *zxid), Some(last), "{server}");
        assert_eq!(warnings(&member), [""; 0], "{server}");
    }
}

#[test]
fn newest_membership_of_the_history_is_told() {
    let version_2 = fixture("reconfig/s1/version-2");
    let (snapshots, logs) = (version_2.clone(), version_2);
    let dirs = DataDirs { root: MemDir::new(), snapshots, logs, logs_apart: false };
    let membership = member(&dirs).membership.unwrap();
    assert!(membership.version > zxid(1, 0));
    assert!(membership.members.contains_key(&ServerId(2)));
}

fn reconfigure(journal: &mut Journal<MemDir>, zxid: Zxid, text: &str) {
    let header = TxnHeader { session: zoarium_proto::SessionId(7), cxid: 1, zxid, time_ms: 0 };
    let (path, data) = (CONFIG.into(), Some(text.as_bytes()));
    let txn = Txn::Reconfig { path, data, version: -1 };
    let mut bytes = Vec::new();
    LoggedTxn { header, txn, digest: None }.encode(&mut bytes);
    journal.append(zxid, &bytes);
}

#[test]
fn proposed_membership_survives_in_the_log_alone() {
    let disk = MemDisk::new();
    let (mut journal, _) = nine(&disk);
    assert_eq!(member(&dirs(&disk)).membership, None);
    let line = "server.4=localhost:1:2:participant;3";
    reconfigure(&mut journal, zxid(1, 10), &format!("{line}\nversion=10000000a"));
    journal.sync().unwrap();
    let membership = member(&dirs(&disk)).membership.unwrap();
    assert_eq!(membership.version, zxid(1, 10));
    assert!(membership.is_participant(ServerId(4)));
    // Cut off, it is forgotten.
    journal.truncate(zxid(1, 9)).unwrap();
    assert_eq!(member(&dirs(&disk)).membership, None);
    reconfigure(&mut journal, zxid(1, 10), "nonsense");
    journal.sync().unwrap();
    let member = member(&dirs(&disk));
    assert_eq!(member.membership, None);
    assert!(warnings(&member)[0].starts_with("/zookeeper/config holds no membership"));
}
