use super::rig::{Rig, foreign_tree, txns};
use super::*;
use crate::peer_loop::LoopEvent;
use std::sync::Arc;
use tokio::runtime::Runtime;
use zoarium_peer::Request;
use zoarium_persistence::journal::stage_snapshot;
use zoarium_persistence::names::Compression;
use zoarium_persistence::snapshot::{Filled, SnapshotWriter};
use zoarium_persistence::{Dir, Epochs};
use zoarium_zab::{Epoch, ReadId};

fn zxid(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(epoch, counter)
}

/// A snapshot of the present tree, complete and without its name, and what belongs to it.
fn complete(rig: &Rig) -> (CompleteSnapshot<RealDir>, Lineage, Ticket) {
    let mut tree = rig.shared.tree_mut();
    let lineage = rig.shared.lineage();
    let mut cursor = tree.begin_snapshot(true);
    let dir = rig.dirs.snapshots.clone();
    let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), Compression::None).unwrap();
    while writer.fill(&mut cursor, &tree, 1 << 20) == Filled::More {}
    tree.end_snapshot(cursor);
    (writer.complete().unwrap(), lineage, rig.disk.ticket())
}

#[test]
fn records_of_every_kind_become_durable_in_order() {
    let mut rig = Rig::running();
    let mut received = foreign_tree(&rig, 3, 2);
    stage_snapshot(&rig.dirs, &mut received, Compression::None, true).unwrap();
    let mut records = vec![Record::AcceptedEpoch(Epoch(2))];
    records.extend(txns(1, 1, 5));
    records.push(Record::Truncate { to: zxid(1, 3) });
    records.extend(txns(2, 1, 2));
    records.push(Record::CurrentEpoch(Epoch(2)));
    records.push(Record::AcceptedEpoch(Epoch(4)));
    records.push(Record::Snapshot { zxid: zxid(3, 2) });
    records.extend(txns(4, 1, 3));
    let upto = rig.queue(records);
    let mut persisted = PersistSeq::default();
    while persisted < upto {
        let LoopEvent::Persisted(seq) = rig.event() else { panic!("something else happened") };
        assert!(seq > persisted);
        persisted = seq;
    }
    rig.stop().unwrap();
    let member = rig.recovered();
    assert_eq!(member.recovered.last_zxid, zxid(4, 3));
    assert_eq!(member.epochs, Epochs { accepted: 4, current: 4 });
    assert_eq!(member.recovered.tree.znode_count(), 5 + 2 + 3);
    assert_eq!(rig.files(), ["log.400000001", "snapshot.300000002"]);
}

#[test]
fn tree_is_read_back_when_the_truncation_is_durable() {
    let mut rig = Rig::running();
    rig.queue(txns(1, 1, 9));
    rig.queue([Record::Truncate { to: zxid(1, 4) }]);
    let tree = rig.disk.read_back(zxid(1, 4), &rig.options().recovery).unwrap();
    assert_eq!((tree.last_zxid(), tree.znode_count()), (zxid(1, 4), 5 + 4));
    rig.persist(txns(2, 1, 2));
    // No log has the zxid that begins an epoch.
    rig.queue([Record::Truncate { to: zxid(2, 0) }]);
    let tree = rig.disk.read_back(zxid(2, 0), &rig.options().recovery).unwrap();
    assert_eq!((tree.last_zxid(), tree.znode_count()), (zxid(2, 0), 5 + 4));
    rig.persist(txns(3, 1, 1));
    rig.stop().unwrap();
    assert_eq!(rig.recovered().recovered.last_zxid, zxid(3, 1));
}

/// ZOOKEEPER-3701.
#[test]
fn truncation_that_fails_ends_the_disk_and_all_who_wait() {
    let mut rig = Rig::running();
    rig.persist(txns(1, 1, 9));
    rig.dirs.snapshots.remove("snapshot.0").unwrap();
    rig.queue([Record::Truncate { to: zxid(1, 4) }]);
    let error = rig.disk.read_back(zxid(1, 4), &rig.options().recovery).unwrap_err();
    assert!(matches!(error, StorageError::LogFailed), "{error}");
    let error = rig.stop().unwrap_err();
    assert!(matches!(error, StorageError::NothingBefore { .. }), "{error}");
}

/// ZOOKEEPER-1549.
#[test]
fn snapshot_of_what_was_cut_off_is_not_published() {
    let mut rig = Rig::running();
    rig.persist(txns(1, 1, 9));
    let (snapshot, lineage, ticket) = complete(&rig);
    rig.persist([Record::Truncate { to: zxid(1, 4) }]);
    assert_eq!(rig.disk.publish(snapshot, lineage, ticket).unwrap(), None);
    // One of the old tree, which the peer loop has not replaced yet, is as bad.
    let (snapshot, lineage, ticket) = complete(&rig);
    assert_eq!(rig.disk.publish(snapshot, lineage, ticket).unwrap(), None);
    let tree = rig.disk.read_back(zxid(1, 4), &rig.options().recovery).unwrap();
    drop(rig.shared.replace_tree(&mut rig.shared.tree_mut(), tree));
    let (snapshot, lineage, ticket) = complete(&rig);
    let published = rig.disk.publish(snapshot, lineage, ticket).unwrap();
    assert_eq!(published.map(|name| name.zxid), Some(zxid(1, 4)));
    assert_eq!(rig.files(), ["log.100000001", "snapshot.0", "snapshot.100000004"]);
}

#[test]
fn snapshot_waits_for_the_log_that_it_has_seen() {
    let mut rig = Rig::new();
    rig.queue(txns(1, 1, 3));
    let (snapshot, lineage, ticket) = complete(&rig);
    let disk = Arc::clone(&rig.disk);
    let publisher = std::thread::spawn(move || disk.publish(snapshot, lineage, ticket));
    assert!(!rig.files().contains(&"snapshot.100000003".to_owned()));
    rig.run_disk();
    assert_eq!(publisher.join().unwrap().unwrap().map(|name| name.zxid), Some(zxid(1, 3)));
    let log = zoarium_persistence::LogReader::open(&rig.dirs.logs, zxid(1, 2), 1 << 20);
    assert_eq!(log.unwrap().next().unwrap().map(|entry| entry.zxid), Some(zxid(1, 3)));
}

#[test]
fn snapshot_is_given_up_with_a_log_that_has_ended() {
    let mut rig = Rig::new();
    rig.run_disk();
    rig.stop().unwrap();
    rig.queue(txns(1, 1, 3));
    let (snapshot, lineage, ticket) = complete(&rig);
    let error = rig.disk.publish(snapshot, lineage, ticket).unwrap_err();
    assert!(matches!(error, StorageError::LogFailed), "{error}");
}

#[test]
fn files_are_not_purged_under_a_truncation() {
    let mut rig = Rig::new();
    let disk = Arc::clone(&rig.disk);
    let purging = disk.files();
    rig.run_disk();
    let upto = rig.queue(txns(1, 1, 3).chain([Record::Truncate { to: zxid(1, 2) }]));
    assert!(matches!(rig.event(), LoopEvent::Persisted(seq) if seq < upto));
    assert_eq!(rig.recovered().recovered.last_zxid, zxid(1, 3));
    drop(purging);
    assert!(matches!(rig.event(), LoopEvent::Persisted(seq) if seq == upto));
    assert_eq!(rig.recovered().recovered.last_zxid, zxid(1, 2));
}

fn reads(rig: &Rig, runtime: &Runtime, snapshot_share: f64) -> HistoryReads {
    HistoryReads {
        shared: Arc::clone(&rig.shared),
        disk: Arc::clone(&rig.disk),
        dirs: rig.dirs.clone(),
        snapshot_share,
        txn_bytes_max: 1 << 20,
        runtime: runtime.handle().clone(),
    }
}

fn answer(rig: &mut Rig) -> (ReadId, Option<Vec<Zxid>>) {
    loop {
        if let LoopEvent::Request(Request::HistoryRead { read, txns }) = rig.event() {
            return (read, txns.map(|txns| txns.iter().map(|txn| txn.zxid).collect()));
        }
    }
}

#[test]
fn history_is_read_as_far_as_it_was_queued() {
    let runtime = Runtime::new().unwrap();
    let mut rig = Rig::new();
    rig.queue(txns(1, 1, 5));
    let reads = reads(&rig, &runtime, 0.0);
    reads.read(ReadId(7), zxid(1, 2), zxid(1, 4));
    rig.run_disk();
    let wanted = (2..=4).map(|counter| zxid(1, counter)).collect();
    assert_eq!(answer(&mut rig), (ReadId(7), Some(wanted)));
    rig.persist(txns(1, 6, 300));
    reads.read(ReadId(8), zxid(1, 300), zxid(1, 300));
    assert_eq!(answer(&mut rig), (ReadId(8), Some(vec![zxid(1, 300)])));
    reads.read(ReadId(9), Zxid::ZERO, zxid(1, 4));
    assert_eq!(answer(&mut rig), (ReadId(9), None));
}

#[test]
fn more_history_than_a_share_of_the_snapshot_is_not_read() {
    let runtime = Runtime::new().unwrap();
    let mut rig = Rig::running();
    rig.persist(txns(1, 1, 100));
    let (snapshot, lineage, ticket) = complete(&rig);
    rig.disk.publish(snapshot, lineage, ticket).unwrap();
    rig.persist(txns(1, 101, 110));
    let reads = reads(&rig, &runtime, 0.33);
    reads.read(ReadId(1), zxid(1, 1), zxid(1, 110));
    assert_eq!(answer(&mut rig), (ReadId(1), None));
    reads.read(ReadId(2), zxid(1, 108), zxid(1, 110));
    assert_eq!(answer(&mut rig).1.map(|read| read.len()), Some(3));
}

#[test]
fn damaged_history_is_not_sent_to_anyone() {
    let runtime = Runtime::new().unwrap();
    let mut rig = Rig::running();
    rig.persist(txns(1, 1, 9));
    rig.stop().unwrap();
    let mut log = rig.dirs.logs.open_to_change("log.100000001").unwrap();
    zoarium_persistence::DirFile::write_at(&mut log, 200, b"damage").unwrap();
    reads(&rig, &runtime, 0.0).read(ReadId(1), zxid(1, 1), zxid(1, 9));
    assert_eq!(answer(&mut rig), (ReadId(1), None));
}
