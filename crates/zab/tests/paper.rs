//! One test for each property that the Zab paper proves and `Zab.tla` checks, under its name, and
//! for each message that its sender could not legally send.
//!
//! The world's checkers watch all of them all the time; here each has a story in which it would be
//! broken first.

use crate::world::World;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use zoarium_process::Input;
use zoarium_proto::{Membership, ServerId, Zxid};
use zoarium_zab::{
    CONNECT_PATIENCE, CONNECT_PAUSE, EPOCH_LEAP_MAX, Epoch, LearnerInfo, Link, Message, Packet,
    PeerState, Record, Txn, Zab,
};

const ONE: ServerId = ServerId(1);
const TWO: ServerId = ServerId(2);
const THREE: ServerId = ServerId(3);
const FOUR: ServerId = ServerId(4);
const FIVE: ServerId = ServerId(5);

const INIT: Duration = Duration::from_secs(10);

/// An ensemble of `voters` in which the greatest leads epoch 1.
fn established(voters: u64) -> World {
    let mut world = World::new(voters, 0);
    (1..=voters).for_each(|id| world.start(ServerId(id)));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.servers[&ServerId(voters)].serving, Some((ServerId(voters), Epoch(1))));
    world.trace.clear();
    world
}

fn texts(world: &World, id: ServerId) -> Vec<String> {
    let txns = world.servers[&id].tree.txns.iter();
    txns.map(|txn| String::from_utf8_lossy(&txn.bytes).into_owned()).collect()
}

fn serves(world: &World, id: ServerId) -> Option<(ServerId, Epoch)> {
    world.servers[&id].serving
}

fn state(world: &World, id: ServerId) -> PeerState {
    world.servers[&id].zab.as_ref().map(Zab::state).unwrap()
}

fn txn(zxid: Zxid) -> Txn {
    Txn { zxid, bytes: Bytes::from_static(b"forged"), membership: None }
}

/// Hands `id` a packet as if its leader or learner `from` had sent it.
fn inject(world: &mut World, id: ServerId, link: Link, packet: Packet) {
    world.step(id, Input::Message { from: link, message: Message::Quorum(packet) });
}

#[test]
fn survivors_of_a_leader_do_not_wait_for_one_another_when_all_have_spoken() {
    for voters in [3, 5] {
        let mut world = established(voters);
        world.crash(ServerId(voters), 0);
        // Links take no time here, and no one is left who might know better. Who decides first may
        // have to dial twice.
        world.pass(CONNECT_PAUSE);
        let next = ServerId(voters - 1);
        for id in (1..voters).map(ServerId) {
            assert_eq!(serves(&world, id), Some((next, Epoch(2))), "{id} of {voters}");
        }
    }
}

#[test]
fn who_begins_to_look_late_hears_the_votes_that_it_has_missed() {
    let mut world = established(3);
    world.cut(TWO, THREE);
    world.pass(Duration::from_millis(1));
    assert_eq!(
        (state(&world, ONE), state(&world, TWO)),
        (PeerState::Following, PeerState::Looking)
    );
    world.crash(THREE, 0);
    world.pass(CONNECT_PAUSE);
    assert_eq!(serves(&world, ONE), Some((TWO, Epoch(2))), "not a notification interval later");
}

#[test]
fn leadership1_two_who_lead_at_once_lead_different_epochs() {
    let mut world = established(5);
    // The old leader does not know that it is cut off.
    for id in [ONE, TWO, THREE] {
        world.network.blocked.insert((FIVE, id));
    }
    let silence = Duration::from_millis(3300);
    world.pass(silence);
    assert_eq!(serves(&world, FIVE), Some((FIVE, Epoch(1))));
    world.pass(Duration::from_secs(2));
    assert_eq!(serves(&world, THREE), Some((THREE, Epoch(2))));
}

#[test]
fn leadership2_no_epoch_is_led_twice_even_if_its_first_leader_never_served() {
    let mut world = World::new(3, 0);
    (1..=3).for_each(|id| world.start(ServerId(id)));
    while world.servers[&THREE].disk.accepted < Epoch(1) {
        assert!(world.turn());
    }
    // LEADERINFO is lost.
    world.cut(THREE, ONE);
    world.cut(THREE, TWO);
    world.crash(THREE, 0);
    world.pass(INIT);
    world.start(THREE);
    world.heal();
    world.pass(INIT);
    let (leader, epoch) = serves(&world, ONE).unwrap();
    assert_eq!((leader, epoch), (TWO, Epoch(1)));
    // It had promised itself epoch 1, and now serves in another's epoch 1, for which its promise
    // did not count.
    assert!(world.trace.iter().any(|line| line == "3>2 ACKEPOCH current none, last 0x0"));
    assert_eq!(serves(&world, THREE), Some((TWO, Epoch(1))));
}

#[test]
fn prefix_consistency_and_agreement_a_cut_off_leader_s_proposal_comes_nowhere() {
    let mut world = established(3);
    world.propose(THREE, "a");
    world.stabilize();
    world.cut(THREE, ONE);
    world.cut(THREE, TWO);
    assert!(world.propose(THREE, "lost"));
    world.pass(Duration::from_secs(5));
    world.propose(TWO, "b");
    world.stabilize();
    world.heal();
    world.pass(INIT);
    for id in [ONE, TWO, THREE] {
        assert_eq!(texts(&world, id), ["a", "b"], "{id}");
    }
}

#[test]
fn integrity_what_was_proposed_once_is_delivered_once() {
    let mut world = established(3);
    world.propose(THREE, "a");
    world.stabilize();
    for _ in 0..3 {
        world.crash(ONE, 0);
        world.start(ONE);
        world.pass(Duration::from_secs(5));
    }
    assert_eq!(texts(&world, ONE), ["a"]);
}

#[test]
fn total_order_and_local_primary_order_a_late_quorum_waits_for_the_earlier_one() {
    let mut world = established(5);
    for id in [TWO, THREE] {
        world.network.blocked.insert((FIVE, id));
    }
    world.propose(FIVE, "a");
    world.propose(FIVE, "b");
    // Both followers have b, as the links keep order; but their ACKs for it alone do not count.
    world.stabilize();
    assert_eq!(texts(&world, FIVE), ["a", "b"]);
    assert_eq!(texts(&world, TWO), Vec::<String>::new());
    world.heal();
    world.stabilize();
    assert_eq!(texts(&world, TWO), ["a", "b"]);
}

#[test]
fn global_primary_order_a_new_leader_delivers_the_old_epoch_first() {
    let mut world = established(3);
    // One follower has the proposal; nobody knows whether it was committed.
    world.cut(THREE, TWO);
    world.propose(THREE, "a");
    while !world.servers[&ONE].disk.history().txns.iter().any(|txn| txn.bytes == "a") {
        assert!(world.turn());
    }
    world.crash(THREE, 0);
    world.heal();
    world.pass(INIT);
    let (leader, epoch) = serves(&world, TWO).unwrap();
    assert_eq!((leader, epoch), (ONE, Epoch(2)), "who has more history leads");
    world.propose(leader, "b");
    world.stabilize();
    assert_eq!(texts(&world, TWO), ["a", "b"]);
}

#[test]
fn primary_integrity_who_lacks_history_does_not_lead() {
    let mut world = established(3);
    world.crash(THREE, 0);
    world.pass(INIT);
    // 2 leads epoch 2 with 1; then 3, which has the greatest id and the least history, is back.
    world.propose(TWO, "a");
    world.stabilize();
    world.crash(ONE, 0);
    world.crash(TWO, 0);
    world.start(THREE);
    world.start(ONE);
    world.pass(INIT);
    assert_eq!(serves(&world, THREE), Some((ONE, Epoch(3))));
    assert_eq!(texts(&world, THREE), ["a"]);
}

#[test]
fn primary_integrity_a_leader_does_not_lead_who_has_more_history() {
    let mut world = World::new(3, 0);
    (2..=3).for_each(|id| world.start(ServerId(id)));
    while state(&world, THREE) != PeerState::Leading {
        assert!(world.turn());
    }
    world.cut(THREE, TWO);
    let one = Link::learner(ONE);
    let info = LearnerInfo { accepted: Epoch(1), membership_version: Zxid::ZERO };
    world.step(THREE, Input::LinkUp(one));
    inject(&mut world, THREE, one, Packet::FollowerInfo(info));
    world.stabilize();
    let promise = Packet::AckEpoch { current: Some(Epoch(1)), last: Zxid::new(1, 1) };
    inject(&mut world, THREE, one, promise);
    let closed = world.trace.last().unwrap();
    assert!(closed.contains("closes link with 1: learner is ahead"), "{closed}");
}

#[test]
fn commit_durability_an_acknowledged_write_survives_the_crash_of_all() {
    let mut world = established(3);
    world.propose(THREE, "a");
    // The client is answered when the leader delivers.
    while texts(&world, THREE).is_empty() {
        assert!(world.turn());
    }
    for id in [ONE, TWO, THREE] {
        world.crash(id, 0);
    }
    for id in [ONE, TWO] {
        world.start(id);
    }
    world.pass(INIT);
    assert_eq!(texts(&world, ONE), ["a"]);
    assert_eq!(texts(&world, TWO), ["a"]);
}

#[test]
fn epochs_are_promised_before_they_are_agreed_on() {
    let mut world = World::new(3, 0);
    (1..=3).for_each(|id| world.start(ServerId(id)));
    // The checker watches every ACKEPOCH and every ACK of NEWLEADER; here the order on disk.
    world.pass(Duration::from_secs(1));
    let position = |id: u64, text: &str| {
        let line = format!("{id}: disk: {text}");
        world.trace.iter().position(|traced| *traced == line)
    };
    for id in 1..=3 {
        assert!(position(id, "acceptedEpoch 1") < position(id, "currentEpoch 1"), "{id}");
    }
    let offered = world.trace.iter().position(|line| line.contains("LEADERINFO"));
    assert!(position(3, "acceptedEpoch 1") < offered, "ZOOKEEPER-1291");
}

#[test]
fn an_older_epoch_than_promised_is_refused() {
    let mut world = established(3);
    world.crash(ONE, 0);
    world.start(ONE);
    while state(&world, ONE) == PeerState::Looking {
        assert!(world.turn());
    }
    inject(&mut world, ONE, Link::leader(THREE), Packet::LeaderInfo { epoch: Epoch(0) });
    assert_eq!(state(&world, ONE), PeerState::Looking);
}

#[test]
fn a_promise_that_no_election_led_to_harms_only_who_made_it() {
    let mut world = established(3);
    for promised in [EPOCH_LEAP_MAX + 2, Epoch::MAX.0] {
        world.crash(ONE, 0);
        world.server(ONE).disk.accepted = Epoch(promised);
        world.start(ONE);
        world.pass(Duration::from_secs(3));
        assert_eq!(serves(&world, THREE), Some((THREE, Epoch(1))), "no reason to elect anew");
        assert_eq!(serves(&world, ONE), None);
    }
    // It is there, and votes, when the next epoch is chosen.
    world.crash(THREE, 0);
    world.start(THREE);
    world.pass(INIT);
    assert_eq!(serves(&world, THREE).map(|(_, epoch)| epoch), Some(Epoch(2)));
}

#[test]
fn who_takes_a_call_and_hangs_up_late_is_not_called_again() {
    for (waits, then) in
        [(CONNECT_PAUSE, PeerState::Following), (2 * CONNECT_PATIENCE, PeerState::Looking)]
    {
        let mut world = World::new(3, 0);
        [ONE, THREE].into_iter().for_each(|id| world.start(id));
        while state(&world, ONE) == PeerState::Looking {
            assert!(world.turn());
        }
        // THREE does not hear who calls.
        world.network.blocked.insert((ONE, THREE));
        world.pass(waits);
        world.step(ONE, Input::LinkDown(Link::leader(THREE)));
        assert_eq!(state(&world, ONE), then, "after {waits:?}");
    }
}

#[test]
fn message_illegal_history_before_it_was_asked_for() {
    let packets = [
        Packet::UpToDate,
        Packet::Diff { last: Zxid::ZERO },
        Packet::Trunc { to: Zxid::ZERO },
        Packet::LeaderInfo { epoch: Epoch(9) },
        Packet::Ack(Zxid::ZERO),
    ];
    for packet in packets {
        let mut world = established(3);
        let name = packet.name();
        inject(&mut world, ONE, Link::leader(THREE), packet);
        assert_eq!(state(&world, ONE), PeerState::Looking, "{name}");
    }
}

#[test]
fn proposal_inconsistent_a_gap_is_not_logged() {
    let mut world = established(3);
    let gap = Packet::Proposal(txn(Zxid::new(1, 5)));
    inject(&mut world, ONE, Link::leader(THREE), gap);
    assert_eq!(state(&world, ONE), PeerState::Looking);
    world.stabilize();
    assert_eq!(world.servers[&ONE].disk.history().txns, []);
}

#[test]
fn proposal_inconsistent_an_epoch_that_has_not_begun_is_not_logged() {
    let mut world = established(3);
    let early = Packet::Proposal(txn(Zxid::new(9, 1)));
    inject(&mut world, ONE, Link::leader(THREE), early);
    assert_eq!(state(&world, ONE), PeerState::Looking);
    assert_eq!(world.servers[&ONE].zab.as_ref().unwrap().zxids().0, Zxid::ZERO);
}

#[test]
fn a_learner_that_cannot_take_what_it_is_sent_asks_for_a_snapshot_once() {
    let mut world = established(3);
    world.propose(THREE, "a");
    world.propose(THREE, "b");
    world.stabilize();
    world.crash(ONE, 0);
    world.start(ONE);
    while !world.trace.iter().any(|line| line.starts_with("1>3 ACKEPOCH")) {
        assert!(world.turn());
    }
    let unknown = Packet::Trunc { to: Zxid::new(1, 7) };
    inject(&mut world, ONE, Link::leader(THREE), unknown);
    assert_eq!(state(&world, ONE), PeerState::Following);
    let closed = world.trace.iter().find(|line| line.contains("closes link")).unwrap();
    assert!(closed.contains("truncation to 0x100000007, last is 0x100000002"), "{closed}");
    while !world.trace.iter().any(|line| line == "1>3 ACKEPOCH current none, last 0x0") {
        assert!(world.turn());
    }
    inject(&mut world, ONE, Link::leader(THREE), Packet::Trunc { to: Zxid::new(1, 7) });
    assert_eq!(state(&world, ONE), PeerState::Looking);
    world.pass(INIT);
    assert_eq!(texts(&world, ONE), ["a", "b"]);
}

#[test]
fn commit_inconsistent_only_the_oldest_proposal_is_delivered() {
    let mut world = established(3);
    inject(&mut world, ONE, Link::leader(THREE), Packet::Commit(Zxid::new(1, 1)));
    assert_eq!(state(&world, ONE), PeerState::Looking, "commit without a proposal");
    assert_eq!(texts(&world, ONE), Vec::<String>::new());
}

#[test]
fn ack_inconsistent_votes_for_what_is_not_proposed_are_nothing() {
    let mut world = established(3);
    for id in [ONE, TWO] {
        let forged = Packet::Ack(Zxid::new(1, 1));
        inject(&mut world, THREE, Link::learner(id), forged);
    }
    world.network.blocked.insert((THREE, ONE));
    world.network.blocked.insert((THREE, TWO));
    world.propose(THREE, "a");
    world.sync(THREE, 1);
    assert_eq!(texts(&world, THREE), Vec::<String>::new());
}

#[test]
fn ack_inconsistent_a_learner_that_is_not_synchronized_has_no_vote() {
    let mut world = established(5);
    world.network.blocked.insert((FIVE, ONE));
    world.crash(ONE, 0);
    world.start(ONE);
    world.network.blocked.remove(&(FIVE, ONE));
    while !world.trace.iter().any(|line| line == "5>1 LEADERINFO epoch 1") {
        assert!(world.turn());
    }
    inject(&mut world, FIVE, Link::learner(ONE), Packet::Ack(Zxid::new(1, 1)));
    let closed = world.trace.last().unwrap();
    assert!(closed.contains("closes link with 1: ACK unexpected"), "{closed}");
}

#[test]
fn state_inconsistent_what_a_late_link_brings_is_ignored() {
    let mut world = established(3);
    // Neither is their leader, or their learner.
    inject(&mut world, ONE, Link::leader(TWO), Packet::Proposal(txn(Zxid::new(1, 1))));
    inject(&mut world, ONE, Link::learner(TWO), Packet::Ack(Zxid::new(1, 1)));
    inject(&mut world, THREE, Link::leader(ONE), Packet::UpToDate);
    for id in [ONE, TWO, THREE] {
        assert_eq!(serves(&world, id), Some((THREE, Epoch(1))));
    }
}

#[test]
fn a_membership_that_is_not_committed_is_not_put_in_force_by_joining() {
    let mut world = established(3);
    world.server(ONE).options.reconfig_enabled = true;
    world.crash(ONE, 0);
    world.start(ONE);
    // As Apache's leader would send it: the reconfiguration itself comes later, or never.
    let members = Membership::parse("server.3=c:2888:3888\nversion=100000007").unwrap();
    let early = Arc::new(members);
    while !world.trace.iter().any(|line| line.starts_with("1>3 ACKEPOCH")) {
        assert!(world.turn());
    }
    let three = Link::leader(THREE);
    inject(&mut world, ONE, three, Packet::Diff { last: Zxid::ZERO });
    let new_leader = Packet::NewLeader { epoch: Epoch(1), membership: early };
    inject(&mut world, ONE, three, new_leader);
    world.sync(ONE, usize::MAX);
    inject(&mut world, ONE, three, Packet::UpToDate);
    let zab = world.servers[&ONE].zab.as_ref().unwrap();
    assert_eq!(zab.serving(), Some((THREE, Epoch(1))));
    assert_eq!(zab.membership().version, Zxid::ZERO);
    assert!(zab.reconfiguring());
}

#[test]
fn a_leader_gives_way_to_a_voter_that_has_promised_more() {
    let mut world = World::new(5, 0);
    // 5 and 4 went into epoch 7 with a leader that came to nothing; the others know nothing of it.
    for id in [FOUR, FIVE] {
        world.server(id).disk.write(
            zoarium_process::PersistSeq(0),
            Record::AcceptedEpoch(Epoch(7)),
            None,
        );
        world.server(id).disk.sync(1);
    }
    for id in [ONE, TWO, THREE] {
        world.start(id);
    }
    world.pass(INIT);
    assert_eq!(serves(&world, ONE), Some((THREE, Epoch(1))));
    world.start(FOUR);
    world.start(FIVE);
    world.pass(INIT * 2);
    for id in [ONE, TWO, THREE, FOUR, FIVE] {
        let (_, epoch) = serves(&world, id).unwrap();
        assert!(epoch > Epoch(7), "{id} serves in epoch {epoch}");
    }
}

#[test]
fn an_empty_server_that_should_not_be_is_not_elected() {
    let mut world = World::new(3, 0);
    world.server(THREE).options.trust_history = false;
    (1..=3).for_each(|id| world.start(ServerId(id)));
    world.pass(INIT);
    for id in [ONE, TWO, THREE] {
        assert_eq!(serves(&world, id), Some((TWO, Epoch(1))), "ZOOKEEPER-261");
    }
}

#[test]
fn a_server_alone_is_its_own_quorum() {
    let mut world = World::new(1, 0);
    world.start(ONE);
    world.pass(Duration::from_secs(1));
    assert!(world.propose(ONE, "a"));
    assert_eq!(texts(&world, ONE), Vec::<String>::new(), "not before it is durable");
    world.stabilize();
    assert_eq!(texts(&world, ONE), ["a"]);
}
