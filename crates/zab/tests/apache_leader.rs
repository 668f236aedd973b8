//! What a leader of Apache's says differently: with NEWLEADER it tells a membership that is proposed
//! and may never be committed.

use std::sync::Arc;
use zoarium_process::{Effect, Effects, Input, Instant, Now, PersistSeq, Process};
use zoarium_proto::{Membership, ServerId, Zxid};
use zoarium_zab::{
    Epoch, Link, Message, Notification, Packet, PeerState, Record, Recovered, Round, Txn, Vote,
    Zab, ZabOptions,
};

const LEADER: ServerId = ServerId(2);

fn members(ids: &[u64], version: Zxid) -> Arc<Membership> {
    let line = |id: &u64| format!("server.{id}=host{id}:2888:3888:participant\n");
    let text: String = ids.iter().map(line).collect();
    Arc::new(Membership { version, ..Membership::parse(&text).unwrap() })
}

/// A follower of server 2, which leads epoch 1; its disk does what it is told when it is told.
struct Follower {
    zab: Zab,
    records: Vec<Record>,
    asked: PersistSeq,
    sent: Vec<Packet>,
}

impl Follower {
    fn new() -> Self {
        let options = ZabOptions { reconfig_enabled: true, ..ZabOptions::new(ServerId(1)) };
        let membership = members(&[1, 2, 3], Zxid::ZERO);
        let zab = Zab::new(options, Arc::clone(&membership), Recovered::default());
        let (records, sent) = (Vec::new(), Vec::new());
        let mut follower = Self { zab, records, asked: PersistSeq::default(), sent };
        follower.step(Input::Start);
        let vote = Some(Vote { leader: LEADER, zxid: Zxid::ZERO, epoch: Epoch(0) });
        for (server, state) in [(LEADER, PeerState::Leading), (ServerId(3), PeerState::Following)] {
            let link = Link::election(server);
            follower.step(Input::LinkUp(link));
            let round = Round(1);
            let membership = Arc::clone(&membership);
            let told = Notification { state, vote, round, membership };
            follower.step(Input::Message { from: link, message: Message::Election(told) });
        }
        follower.step(Input::LinkUp(Link::leader(LEADER)));
        follower.hears(Packet::LeaderInfo { epoch: Epoch(1) });
        follower.syncs();
        follower
    }

    /// One that has heard of a proposed membership, and then NEWLEADER with it.
    fn told_of_a_proposal() -> (Self, Arc<Membership>) {
        let mut follower = Self::new();
        let proposed = members(&[1, 2, 4], Zxid::new(1, 1));
        follower.hears(Packet::Diff { last: Zxid::ZERO });
        let membership = Some(Arc::clone(&proposed));
        let (zxid, bytes) = (proposed.version, "members".into());
        follower.hears(Packet::Proposal(Txn { zxid, bytes, membership }));
        let membership = Arc::clone(&proposed);
        follower.hears(Packet::NewLeader { epoch: Epoch(1), membership });
        (follower, proposed)
    }

    fn step(&mut self, input: Input<Zab>) {
        let mut effects = Effects::new();
        self.zab.step(Now { mono: Instant::ORIGIN, wall_ms: 0 }, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Persist { seq, record } => {
                    self.asked = seq;
                    self.records.push(record);
                }
                Effect::Send { message: Message::Quorum(packet), .. } => self.sent.push(packet),
                Effect::Send { .. }
                | Effect::SetTimer { .. }
                | Effect::CancelTimer(_)
                | Effect::Output(_) => {}
            }
        }
    }

    fn hears(&mut self, packet: Packet) {
        let message = Message::Quorum(packet);
        self.step(Input::Message { from: Link::leader(LEADER), message });
    }

    fn syncs(&mut self) {
        self.step(Input::Persisted { upto: self.asked });
    }
}

/// Its proposal comes before, so that nothing is lost with what is known from NEWLEADER: whoever
/// has acknowledged that has the proposal in its log.
#[test]
fn proposed_membership_is_in_the_log_when_newleader_is_acknowledged() {
    let (mut follower, proposed) = Follower::told_of_a_proposal();
    let [Record::AcceptedEpoch(Epoch(1)), Record::Append(txn), Record::CurrentEpoch(Epoch(1))] =
        &follower.records[..]
    else {
        panic!("{:?}", follower.records);
    };
    assert_eq!(txn.membership.as_ref(), Some(&proposed));
    follower.sent.clear();
    follower.syncs();
    assert_eq!(follower.sent, [Packet::Ack(Zxid::new(1, 0))]);
}

#[test]
fn proposed_membership_is_in_force_when_it_is_committed_and_not_before() {
    let (mut follower, proposed) = Follower::told_of_a_proposal();
    follower.syncs();
    follower.hears(Packet::UpToDate);
    assert_eq!(follower.zab.membership().version, Zxid::ZERO);
    assert_eq!(follower.zab.proposed_membership(), Some(&proposed));
    let zxid = proposed.version;
    follower.hears(Packet::CommitAndActivate { zxid, designated: LEADER });
    assert_eq!(follower.zab.membership(), &proposed);
}
