use super::*;
use crate::disk::rig::{Rig, foreign_tree, txns};
use zoarium_zab::Record;

fn zxid(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(epoch, counter)
}

fn staged(rig: &mut Rig) -> Staged {
    loop {
        if let LoopEvent::SnapshotStaged(staged) = rig.event() {
            return staged;
        }
    }
}

#[test]
fn received_snapshot_becomes_the_history_by_its_record() {
    let mut rig = Rig::running();
    rig.persist(txns(1, 1, 9));
    let mut receiving = Receiving::default();
    let tree = foreign_tree(&rig, 2, 4);
    let digest = tree.digest();
    receiving.arrived(tree, &rig.snapshots);
    let staged = staged(&mut rig);
    assert!(receiving.staged(staged).unwrap());
    assert_eq!(rig.recovered().recovered.last_zxid, zxid(1, 9), "it only lies beside");

    rig.queue([Record::Snapshot { zxid: zxid(2, 4) }]);
    let tree = *receiving.take(&rig.snapshots);
    drop(rig.shared.replace_tree(&mut rig.shared.tree_mut(), tree));
    rig.persist(txns(2, 5, 6));
    assert_eq!(rig.files(), ["log.200000005", "snapshot.200000004"]);
    assert_eq!(rig.snapshots.last().map(|taken| taken.zxid), Some(zxid(2, 4)));
    let member = rig.recovered();
    assert_eq!((member.recovered.last_zxid, member.floor), (zxid(2, 6), zxid(2, 4)));
    assert_eq!(member.recovered.tree.digest(), rig.shared.tree().digest());
    assert_ne!(member.recovered.tree.digest(), digest);
    // Snapshots of the new tree are of the new history.
    assert_eq!(rig.snapshots.take().unwrap().zxid, zxid(2, 6));
}

#[test]
fn what_a_leader_that_is_gone_has_sent_is_not_installed() {
    let mut rig = Rig::running();
    let mut receiving = Receiving::default();
    receiving.arrived(foreign_tree(&rig, 2, 4), &rig.snapshots);
    let first = staged(&mut rig);
    receiving.forget();
    assert!(!receiving.staged(first).unwrap());
    receiving.arrived(foreign_tree(&rig, 3, 1), &rig.snapshots);
    receiving.arrived(foreign_tree(&rig, 3, 2), &rig.snapshots);
    // The thread may or may not have come to the one in the middle.
    while !receiving.staged(staged(&mut rig)).unwrap() {}
    assert_eq!(rig.files(), ["snapshot.0", "tmp.received.snapshot.300000002"]);
    assert_eq!(receiving.take(&rig.snapshots).last_zxid(), zxid(3, 2));
    // What is to be installed stays, whatever comes.
    receiving.arrived(foreign_tree(&rig, 4, 1), &rig.snapshots);
    assert!(receiving.staged(staged(&mut rig)).unwrap());
    let both = ["tmp.received.snapshot.300000002", "tmp.received.snapshot.400000001"];
    assert_eq!(rig.files()[1..], both);
}

#[test]
fn snapshot_that_cannot_be_written_is_an_error_once() {
    let mut receiving = Receiving::default();
    let rig = Rig::new();
    receiving.arrived(foreign_tree(&rig, 2, 4), &rig.snapshots);
    let failed = || Staged { receipt: Receipt(1), tree: Err(StorageError::LogFailed) };
    assert!(receiving.staged(failed()).is_err());
    assert!(!receiving.staged(failed()).unwrap());
}

#[test]
fn snapshot_of_a_tree_whose_history_is_behind_is_not_taken() {
    let mut rig = Rig::running();
    rig.persist(txns(1, 1, 9));
    rig.persist([Record::Truncate { to: zxid(1, 4) }]);
    let refused = rig.snapshots.take().unwrap_err();
    assert_eq!(refused.to_string(), "the history has become another one meanwhile");
    let tree = rig.disk.read_back(zxid(1, 4), &rig.options().recovery).unwrap();
    drop(rig.shared.replace_tree(&mut rig.shared.tree_mut(), tree));
    assert_eq!(rig.snapshots.take().unwrap().zxid, zxid(1, 4));
    assert!(!rig.files().iter().any(|name| name.starts_with("tmp.")), "{:?}", rig.files());
}

#[test]
fn only_operators_get_snapshots_of_a_member_that_does_not_serve() {
    let mut rig = Rig::running();
    rig.snapshots.hold(true);
    rig.persist(txns(1, 1, 3));
    rig.snapshots.request();
    rig.stop().unwrap();
    assert_eq!(rig.snapshots.last().map(|taken| taken.zxid), None);

    let mut rig = Rig::running();
    rig.snapshots.hold(true);
    rig.persist(txns(1, 1, 3));
    assert_eq!(rig.snapshots.take().unwrap().zxid, zxid(1, 3));
    rig.snapshots.request();
    rig.persist(txns(1, 4, 4));
    rig.snapshots.hold(false);
    let deadline = Instant::now() + Duration::from_secs(30);
    while rig.snapshots.last().map(|taken| taken.zxid) != Some(zxid(1, 4)) {
        assert!(Instant::now() < deadline, "what was held is taken when it may be");
        std::thread::yield_now();
    }
}
