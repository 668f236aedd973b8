//! Peers that do not read, and a loop that does not keep up.

use super::support::{Raw, Seats, Server, learner_link, names, options, packet_bytes, soon};
use crate::links::LinkOptions;
use crate::links::connection::IN_FLIGHT_BYTES_MAX;
use crate::links::listen::Port;
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use zoarium_proto::Zxid;
use zoarium_zab::wire::Direction;
use zoarium_zab::{Forward, Message, Packet, Txn};

const MIB: usize = 1 << 20;

fn proposal(bytes: usize) -> Message {
    let bytes = Bytes::from(vec![7; bytes]);
    Message::Quorum(Packet::Proposal(Txn { zxid: Zxid(1), bytes, membership: None }))
}

#[tokio::test(flavor = "multi_thread")]
async fn learner_that_does_not_read_is_closed_and_others_are_served() {
    let seats = Seats::of([2]);
    let options = LinkOptions { out_bytes_max: 8 * MIB, ..options(2) };
    let mut two = Server::start_with(options, &seats.membership).await;
    let address = seats.address(2, Port::Quorum);
    let _deaf = Raw::learner(address, 1).await;
    two.until("learner 1: FOLLOWERINFO").await;
    let mut good = Raw::learner(address, 3).await;
    two.until("learner 3: FOLLOWERINFO").await;
    // More than systems buffer, and than may wait here, in many batches.
    for _ in 0..64 {
        two.links.send(learner_link(1), &proposal(MIB));
        two.links.flush();
    }
    two.send(learner_link(3), Packet::UpToDate);
    assert_eq!(two.said().await, "down learner 1");
    assert_eq!(names(&good.read(20).await), ["UPTODATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_for_an_idle_learner_may_be_larger_than_what_may_wait() {
    let seats = Seats::of([2]);
    let options = LinkOptions { out_bytes_max: MIB, ..options(2) };
    let mut two = Server::start_with(options, &seats.membership).await;
    let mut raw = Raw::learner(seats.address(2, Port::Quorum), 1).await;
    two.until("learner 1: FOLLOWERINFO").await;
    for _ in 0..40 {
        two.links.send(learner_link(1), &proposal(MIB / 2));
    }
    two.links.flush();
    two.send(learner_link(1), Packet::UpToDate);
    let bytes = raw.read(40 * (MIB / 2 + 20) + 20).await;
    assert_eq!(names(&bytes[bytes.len() - 20..]), ["UPTODATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_is_not_read_while_the_loop_is_behind() {
    let seats = Seats::of([2]);
    let mut two = Server::start(2, &seats.membership).await;
    let mut raw = Raw::learner(seats.address(2, Port::Quorum), 1).await;
    two.until("learner 1: FOLLOWERINFO").await;
    two.batch = None;
    let request = Forward { bytes: Bytes::from(vec![0; 1000]), auth: Bytes::new() };
    let request = packet_bytes(&Packet::Request(request), Direction::ToLeader, 1);
    let all = request.repeat(64 * MIB / request.len());
    let writing = tokio::spawn(async move {
        raw.stream.write_all(&all).await.unwrap();
        raw
    });
    let mut waiting = Vec::new();
    while waiting.iter().map(|batch: &crate::links::Batch| batch.bytes).sum::<usize>()
        <= IN_FLIGHT_BYTES_MAX
    {
        waiting.push(two.next_batch().await);
    }
    assert!(two.is_silent().await);
    let mut count = 0;
    for mut batch in waiting {
        while two.links.next(&mut batch).is_some() {
            count += 1;
        }
    }
    while count < 64 * MIB / request.len() {
        assert_eq!(two.said().await, "learner 1: REQUEST");
        count += 1;
    }
    drop(soon(writing).await.unwrap());
    assert_eq!(two.said().await, "down learner 1");
}
