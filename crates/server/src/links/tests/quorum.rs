//! The quorum port.

use super::support::{
    INFO, Raw, Seats, Server, leader_link, learner_link, names, packet_bytes, refusal,
};
use crate::links::LinkEvent;
use crate::links::listen::Port;
use bytes::Bytes;
use expect_test::expect;
use zoarium_proto::{ServerId, Zxid};
use zoarium_zab::wire::Direction;
use zoarium_zab::{Forward, Message, Packet, Reason};

#[tokio::test(flavor = "multi_thread")]
async fn learner_and_leader_talk_in_order() {
    const COUNT: u64 = 5_000;
    let seats = Seats::of([1, 2]);
    let mut learner = Server::start(1, &seats.membership).await.quorum_only();
    let mut leader = Server::start(2, &seats.membership).await.quorum_only();
    learner.links.dial(ServerId(2));
    learner.until("up leader 2").await;
    learner.send(leader_link(2), Packet::FollowerInfo(INFO));
    leader.until("up learner 1").await;
    assert_eq!(leader.said().await, "learner 1: FOLLOWERINFO");
    for count in 0..COUNT {
        leader.links.send(learner_link(1), &Message::Quorum(Packet::Commit(Zxid(count))));
        let bytes = Bytes::from(vec![count.to_be_bytes()[7]; 16 + (count % 3000) as usize]);
        let request = Packet::Request(Forward { bytes, auth: Bytes::new() });
        learner.links.send(leader_link(2), &Message::Quorum(request));
        if count % 7 == 0 {
            leader.links.flush();
            learner.links.flush();
        }
    }
    leader.links.flush();
    learner.links.flush();
    for count in 0..COUNT {
        let LinkEvent::Message { message: Message::Quorum(packet), .. } = learner.next().await
        else {
            panic!("no packet")
        };
        assert_eq!(packet, Packet::Commit(Zxid(count)));
        let LinkEvent::Message { message: Message::Quorum(Packet::Request(request)), .. } =
            leader.next().await
        else {
            panic!("no packet")
        };
        assert_eq!(request.bytes.len(), 16 + (count % 3000) as usize);
        assert!(request.bytes.iter().all(|byte| *byte == count.to_be_bytes()[7]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_that_cannot_be_reached_is_down() {
    let seats = Seats::of([1, 2]);
    let mut one = Server::start(1, &seats.without(&[2])).await;
    one.links.dial(ServerId(2));
    assert_eq!(one.said().await, "down leader 2");
    one.links.set_membership(&seats.membership, None);
    one.links.dial(ServerId(2));
    assert_eq!(one.said().await, "down leader 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_that_was_given_up_is_not_heard_of() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(2, Port::Quorum);
    let mut one = Server::start(1, &seats.membership).await;
    one.links.dial(ServerId(2));
    one.links.disconnect(leader_link(2), &Reason::RoleOver);
    one.links.dial(ServerId(2));
    assert_eq!(one.said().await, "up leader 2");
    one.send(leader_link(2), Packet::FollowerInfo(INFO));
    let expected = packet_bytes(&Packet::FollowerInfo(INFO), Direction::ToLeader, 1);
    // The first connection may have come about, and is closed then.
    let mut raw = Raw::accept(&listener).await;
    let mut first = [0];
    if raw.stream.peek(&mut first).await.unwrap() == 0 {
        raw = Raw::accept(&listener).await;
    }
    assert_eq!(raw.read(expected.len()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_connection_of_a_learner_replaces_the_older_one() {
    let seats = Seats::of([1, 2]);
    let mut two = Server::start(2, &seats.membership).await;
    let address = seats.address(2, Port::Quorum);
    let mut old = Raw::learner(address, 1).await;
    assert_eq!(two.said().await, "up learner 1");
    assert_eq!(two.said().await, "learner 1: FOLLOWERINFO");
    let mut new = Raw::learner(address, 1).await;
    assert_eq!(two.said().await, "down learner 1");
    assert_eq!(two.said().await, "up learner 1");
    assert_eq!(two.said().await, "learner 1: FOLLOWERINFO");
    assert_eq!(old.read_to_end().await, b"");
    two.send(learner_link(1), Packet::UpToDate);
    two.links.disconnect(learner_link(1), &Reason::RoleOver);
    assert_eq!(names(&new.read_to_end().await), ["UPTODATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_a_disconnect_leaves_and_nothing_comes_after_it() {
    let seats = Seats::of([2]);
    let mut two = Server::start(2, &seats.membership).await;
    let mut raw = Raw::learner(seats.address(2, Port::Quorum), 1).await;
    assert_eq!(two.said().await, "up learner 1");
    raw.send(&packet_bytes(&Packet::Ack(Zxid(1)), Direction::ToLeader, 1)).await;
    let mut waiting = vec![two.next_batch().await];
    for _ in 0..1000 {
        let ping = Packet::Ping { zxid: Zxid(7), touched: Bytes::new() };
        two.links.send(learner_link(1), &Message::Quorum(ping));
    }
    two.links.flush();
    two.links.disconnect(learner_link(1), &Reason::RoleOver);
    raw.send(&packet_bytes(&Packet::Ack(Zxid(2)), Direction::ToLeader, 1)).await;
    assert_eq!(names(&raw.read_to_end().await).len(), 1000);
    // What had arrived before is not heard of either.
    waiting.extend(two.batch.take());
    for batch in &mut waiting {
        assert!(two.links.next(batch).is_none());
    }
    let _again = Raw::learner(seats.address(2, Port::Quorum), 1).await;
    assert_eq!(two.said().await, "up learner 1");
    assert_eq!(two.said().await, "learner 1: FOLLOWERINFO");
}

#[tokio::test(flavor = "multi_thread")]
async fn message_for_an_old_connection_does_not_leave_on_the_new_one() {
    let seats = Seats::of([2]);
    let mut two = Server::start(2, &seats.membership).await;
    let address = seats.address(2, Port::Quorum);
    let _old = Raw::learner(address, 1).await;
    two.until("learner 1: FOLLOWERINFO").await;
    let mut new = Raw::learner(address, 1).await;
    // The new connection has come; the loop does not know yet.
    let mut down = two.next_batch().await;
    two.send(learner_link(1), Packet::UpToDate);
    assert!(matches!(two.links.next(&mut down), Some(LinkEvent::Down(_))));
    two.until("learner 1: FOLLOWERINFO").await;
    two.send(learner_link(1), Packet::Sync);
    two.links.disconnect(learner_link(1), &Reason::RoleOver);
    assert_eq!(names(&new.read_to_end().await), ["SYNC"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_is_wrong_and_what_is_expected() {
    let own = packet_bytes(&Packet::FollowerInfo(INFO), Direction::ToLeader, 2);
    let ack = packet_bytes(&Packet::Ack(Zxid(1)), Direction::ToLeader, 3);
    let old = [&11_i32.to_be_bytes()[..], &[0; 8], &8_i32.to_be_bytes(), &[0; 8], &[0xFF; 4]];
    let mut shown = String::new();
    for bytes in [
        &own[..7],
        &[0x16, 0x03, 0x01],
        &0x5f24_3501_3501_edcc_i64.to_be_bytes(),
        b"GET / HTTP/1.1\r\n\r\n",
        &ack,
        &old.concat(),
        &own,
    ] {
        shown += &refusal(Port::Quorum, bytes).await;
        shown.push('\n');
    }
    expect![[r#"
        it has not said who it is in 50ms; expected FOLLOWERINFO or OBSERVERINFO
        it begins with a TLS handshake, and TLS between servers is not supported
        it begins to authenticate with SASL, which is not supported between servers
        the first packet has type 1195725856; expected FOLLOWERINFO (11) or OBSERVERINFO (16)
        the first packet has type 3; expected FOLLOWERINFO (11) or OBSERVERINFO (16)
        LearnerInfo of 8 bytes; expected 20, which releases since 3.5 send
        it has this server's own id 2; expected another
    "#]]
    .assert_eq(&shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn second_address_of_a_member_is_tried_when_the_first_does_not_answer() {
    let seats = Seats::of([1, 2, 3]);
    let mut membership = seats.without(&[3]);
    let others = membership.members.get_mut(&ServerId(2)).unwrap();
    let nobody = others.addresses.clone();
    others.addresses = [nobody, seats.membership.members[&ServerId(3)].addresses.clone()].concat();
    let _listener = seats.listen(3, Port::Quorum);
    let mut one = Server::start(1, &membership).await;
    one.links.dial(ServerId(2));
    assert_eq!(one.said().await, "up leader 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_closes_its_own_connection_only() {
    let seats = Seats::of([2]);
    let mut two = Server::start(2, &seats.membership).await;
    let address = seats.address(2, Port::Quorum);
    let mut good = Raw::learner(address, 1).await;
    two.until("learner 1: FOLLOWERINFO").await;
    let ack = packet_bytes(&Packet::Ack(Zxid(1)), Direction::ToLeader, 3);
    for rubbish in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 0x03, 0x01, 0x02, 0x00], &ack] {
        let mut raw = Raw::connect(address).await;
        raw.send(rubbish).await;
        assert_eq!(raw.read_to_end().await, b"", "{rubbish:?}");
    }
    let mut later = Raw::learner(address, 5).await;
    two.until("learner 5: FOLLOWERINFO").await;
    later.send(&[0x80; 32]).await;
    assert_eq!(two.said().await, "down learner 5");
    good.send(&ack).await;
    assert_eq!(two.said().await, "learner 1: ACK");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_good_is_heard_before_what_is_not() {
    let seats = Seats::of([2]);
    let mut two = Server::start(2, &seats.membership).await;
    let mut raw = Raw::learner(seats.address(2, Port::Quorum), 1).await;
    two.until("learner 1: FOLLOWERINFO").await;
    let ack = packet_bytes(&Packet::Ack(Zxid(1)), Direction::ToLeader, 1);
    raw.send(&[&ack[..], &[0x80; 32]].concat()).await;
    assert_eq!(two.said().await, "learner 1: ACK");
    assert_eq!(two.said().await, "down learner 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apaches_learner_sent_is_read_wherever_it_is_cut() {
    let bytes =
        include_bytes!("../../../../proto/tests/captures/quorum/e4_snap.s1-s2.conn2.s1-to-s2.bin");
    let expected =
        ["FOLLOWERINFO", "ACKEPOCH", "ACK", "ACK", "PING", "PING", "PING", "PING", "PING"];
    let seats = Seats::of([2]);
    let mut two = Server::start(2, &seats.membership).await;
    for cut in 1..bytes.len() {
        let mut raw = Raw::connect(seats.address(2, Port::Quorum)).await;
        raw.send(&bytes[..cut]).await;
        tokio::task::yield_now().await;
        raw.send(&bytes[cut..]).await;
        assert_eq!(two.said().await, "up learner 1");
        for name in expected {
            assert_eq!(two.said().await, format!("learner 1: {name}"), "cut at {cut}");
        }
        drop(raw);
        assert_eq!(two.said().await, "down learner 1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apaches_leader_sent_is_read_wherever_it_is_cut() {
    let bytes =
        include_bytes!("../../../../proto/tests/captures/quorum/e3_diff.s1-s2.conn2.s2-to-s1.bin");
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(2, Port::Quorum);
    let mut one = Server::start(1, &seats.membership).await;
    let expected = names(bytes);
    for cut in (1..bytes.len()).step_by(7) {
        one.links.dial(ServerId(2));
        assert_eq!(one.said().await, "up leader 2");
        let mut raw = Raw::accept(&listener).await;
        raw.send(&bytes[..cut]).await;
        tokio::task::yield_now().await;
        raw.send(&bytes[cut..]).await;
        for name in &expected {
            assert_eq!(one.said().await, format!("leader 2: {name}"), "cut at {cut}");
        }
        drop(raw);
        assert_eq!(one.said().await, "down leader 2");
    }
}
