//! SNAP.

use super::support::{INFO, Raw, Seats, Server, leader_link, learner_link, names, packet_bytes};
use crate::links::LinkEvent;
use crate::links::listen::Port;
use crate::links::snapshot::{SnapshotSlice, SnapshotSource};
use std::sync::{Arc, Mutex};
use zoarium_proto::quorum::put_snapshot_signature;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, ServerId, SessionId, Zxid};
use zoarium_tree::snapshot::{Progress, SnapshotCursor};
use zoarium_tree::{Tree, TreeOptions};
use zoarium_zab::wire::Direction;
use zoarium_zab::{Message, Packet, Reason};

/// A tree that is sent, as a server would send it.
#[derive(Debug)]
struct Source {
    tree: Arc<Mutex<Tree>>,
    cursor: Option<SnapshotCursor>,
    slice_bytes: usize,
}

impl Source {
    fn new(tree: &Arc<Mutex<Tree>>, slice_bytes: usize) -> Box<Self> {
        let cursor = Some(tree.lock().unwrap().begin_snapshot(true));
        Box::new(Self { tree: Arc::clone(tree), cursor, slice_bytes })
    }
}

impl SnapshotSource for Source {
    fn next(&mut self, out: &mut Vec<u8>) -> SnapshotSlice {
        let tree = self.tree.lock().unwrap();
        match self.cursor.as_mut().unwrap().next(&tree, self.slice_bytes, out) {
            Progress::More => SnapshotSlice::More,
            Progress::Seal | Progress::End => SnapshotSlice::End,
            Progress::Lost => SnapshotSlice::Lost,
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(cursor) = self.cursor.take() {
            self.tree.lock().unwrap().end_snapshot(cursor);
        }
    }
}

/// A tree with this many znodes below the root, each with some data.
fn tree(znodes: u64) -> Arc<Mutex<Tree>> {
    let mut tree = Tree::new(TreeOptions::default());
    for count in 1..=znodes {
        let header = TxnHeader { session: SessionId(1), cxid: 0, zxid: Zxid(count), time_ms: 1000 };
        let data = vec![count.to_be_bytes()[7]; (count % 2000) as usize];
        let txn = Txn::Create(CreateTxn {
            path: format!("/{count}").into(),
            data: Some(&data),
            acl: AclList::OPEN,
            kind: CreateKind::Plain { ephemeral: false, with_stat: false },
            parent_cversion: -1,
        });
        tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
    }
    Arc::new(Mutex::new(tree))
}

/// Learner 1 and leader 2, connected.
async fn connected(seats: &Seats) -> (Server, Server) {
    let mut learner = Server::start(1, &seats.membership).await.quorum_only();
    let mut leader = Server::start(2, &seats.membership).await.quorum_only();
    learner.links.dial(ServerId(2));
    learner.until("up leader 2").await;
    learner.send(leader_link(2), Packet::FollowerInfo(INFO));
    leader.until("learner 1: FOLLOWERINFO").await;
    (learner, leader)
}

#[tokio::test(flavor = "multi_thread")]
async fn tree_arrives_as_it_was_between_what_is_sent_before_and_after() {
    let seats = Seats::of([1, 2]);
    let (mut learner, mut leader) = connected(&seats).await;
    let tree = tree(5_000);
    leader.links.send(learner_link(1), &Message::Quorum(Packet::Sync));
    leader.links.send_snapshot(ServerId(1), Zxid(5_000), Source::new(&tree, 10_000));
    leader.links.send(learner_link(1), &Message::Quorum(Packet::UpToDate));
    leader.links.flush();
    assert_eq!(learner.said().await, "leader 2: SYNC");
    assert_eq!(learner.said().await, "leader 2: SNAP");
    let event = learner.next().await;
    let LinkEvent::SnapshotArrived { leader: from, zxid, tree: arrived } = event else {
        panic!("{event:?}")
    };
    assert_eq!((from, zxid), (ServerId(2), Zxid(5_000)));
    assert_eq!(arrived.digest(), tree.lock().unwrap().digest());
    assert_eq!(arrived.znode_count(), tree.lock().unwrap().znode_count());
    assert_eq!(learner.said().await, "leader 2: UPTODATE");
    assert_eq!(leader.said().await, "snapshot sent to 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_follows_a_snapshot_before_it_is_dealt_with() {
    let seats = Seats::of([1, 2]);
    let (mut learner, mut leader) = connected(&seats).await;
    leader.links.send_snapshot(ServerId(1), Zxid(9), Source::new(&tree(9), 1000));
    leader.links.send(learner_link(1), &Message::Quorum(Packet::UpToDate));
    leader.links.flush();
    assert_eq!(leader.said().await, "snapshot sent to 1");
    while !learner.said().await.starts_with("snapshot") {}
    let batch = learner.batch.take();
    assert!(learner.is_silent().await);
    drop(batch);
    assert_eq!(learner.said().await, "leader 2: UPTODATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_snapshot_closes_the_link_and_ends_at_the_source() {
    #[derive(Debug)]
    struct Lost(Option<tokio::sync::oneshot::Sender<()>>);
    impl SnapshotSource for Lost {
        fn next(&mut self, out: &mut Vec<u8>) -> SnapshotSlice {
            out.extend([0; 4]);
            SnapshotSlice::Lost
        }
    }
    impl Drop for Lost {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
        }
    }
    let seats = Seats::of([1, 2]);
    let (mut learner, mut leader) = connected(&seats).await;
    let (dropped, is_dropped) = tokio::sync::oneshot::channel();
    leader.links.send_snapshot(ServerId(1), Zxid(1), Box::new(Lost(Some(dropped))));
    leader.links.flush();
    assert_eq!(leader.said().await, "down learner 1");
    learner.until("down leader 2").await;
    is_dropped.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_that_nobody_reads_is_given_up_with_its_link() {
    let seats = Seats::of([2]);
    let mut leader = Server::start(2, &seats.membership).await.quorum_only();
    let raw = Raw::learner(seats.address(2, Port::Quorum), 1).await;
    leader.until("learner 1: FOLLOWERINFO").await;
    let tree = tree(60_000);
    leader.links.send_snapshot(ServerId(1), Zxid(1), Source::new(&tree, 100_000));
    leader.links.flush();
    leader.links.disconnect(learner_link(1), &Reason::RoleOver);
    drop(raw);
    // The cursor has come back when this is the only user of the tree.
    while Arc::strong_count(&tree) > 1 {
        tokio::task::yield_now().await;
    }
}

const SNAP_STREAM: &[u8] =
    include_bytes!("../../../../proto/tests/captures/quorum/e4_snap.s1-s2.conn2.s2-to-s1.bin");

#[tokio::test(flavor = "multi_thread")]
async fn apaches_snapshot_arrives_wherever_it_is_cut() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(2, Port::Quorum);
    let mut one = Server::start(1, &seats.membership).await;
    for cut in 1..SNAP_STREAM.len() {
        one.links.dial(ServerId(2));
        assert_eq!(one.said().await, "up leader 2");
        let mut raw = Raw::accept(&listener).await;
        raw.send(&SNAP_STREAM[..cut]).await;
        tokio::task::yield_now().await;
        raw.send(&SNAP_STREAM[cut..]).await;
        assert_eq!(one.said().await, "leader 2: LEADERINFO");
        assert_eq!(one.said().await, "leader 2: SNAP");
        assert_eq!(one.said().await, "snapshot 0x100000018 of 16 znodes from 2", "cut at {cut}");
        assert_eq!(one.said().await, "leader 2: NEWLEADER");
        one.links.disconnect(leader_link(2), &Reason::RoleOver);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_that_is_none_closes_the_link() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(2, Port::Quorum);
    let mut one = Server::start(1, &seats.membership).await;
    let snap = packet_bytes(&Packet::Snap { zxid: Zxid(1) }, Direction::ToLearner, 2);
    assert_eq!(names(&snap), ["SNAP"]);
    let mut empty = vec![0; 8];
    empty.extend([0, 0, 0, 1, b'/']);
    put_snapshot_signature(&mut empty);
    let mut unsigned = empty.clone();
    *unsigned.last_mut().unwrap() = b'?';
    let huge = [&[0; 8][..], &[0, 0, 0, 0], &0x7FFF_FFFF_i32.to_be_bytes()].concat();
    for (bytes, whole) in [
        (&[0xFF; 16][..], false),
        (&empty[..6], false),
        (&unsigned, false),
        (&huge, false),
        (&empty, true),
    ] {
        one.links.dial(ServerId(2));
        assert_eq!(one.said().await, "up leader 2");
        let mut raw = Raw::accept(&listener).await;
        raw.send(&snap).await;
        raw.send(bytes).await;
        assert_eq!(one.said().await, "leader 2: SNAP");
        if whole {
            assert!(one.said().await.starts_with("snapshot 0x1 "));
        }
        drop(raw);
        assert_eq!(one.said().await, "down leader 2", "{bytes:?}");
    }
}
