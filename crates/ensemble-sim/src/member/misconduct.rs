//! What planted bugs make of what servers tell each other and keep.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::client::TIMEOUT;
use bytes::Bytes;
use std::time::Duration;
use zoarium_peer::{Peer, Timer};
use zoarium_process::{Input, Now, PersistSeq};
use zoarium_proto::{OpCode, Reader, Zxid};
use zoarium_zab::{Channel, Link, Message, Packet, Record, Vote};

/// What planted bugs in an ensemble need to remember.
#[derive(Debug, Default)]
pub(super) struct Misconduct {
    /// The vote for itself with which the server has started.
    first_vote: Option<Vote>,
    /// The leader's link, while the server serves without its UPTODATE.
    hasty: Option<Link>,
    /// Whether the server has begun to lead and not looked at sessions since.
    pub(super) is_new_leader: bool,
}

/// One COMMIT in so many is lost.
const COMMITS_PER_LOSS: u32 = 20;

impl Member {
    /// Whether a record is taken for durable as soon as it is asked for.
    pub(super) fn trusts(&self, record: &Record) -> bool {
        match record {
            Record::Append(_) => self.has(Bug::ProposalAckedBeforeSync),
            Record::AcceptedEpoch(_) => self.has(Bug::PromiseBeforeSync),
            Record::CurrentEpoch(_) => self.has(Bug::NewLeaderAckedBeforeSync),
            Record::Truncate { .. } | Record::Snapshot { .. } => false,
        }
    }

    /// Lets the peer believe that a record is durable.
    pub(super) fn pretend_persisted(&mut self, now: Now, upto: PersistSeq) {
        self.peer_inputs.push_back((now, Input::Persisted { upto }));
    }

    /// What becomes of a message to another server.
    pub(super) fn spoil(&mut self, now: Now, link: Link, message: Message) -> Option<Message> {
        let Some(bug) = self.options.bug else { return Some(message) };
        match message {
            Message::Election(mut notification) => {
                if bug == Bug::StaleVote
                    && let Some(vote) = &mut notification.vote
                    && vote.leader.0 == u64::from(self.options.peer.server_id)
                {
                    *vote = *self.misconduct.first_vote.get_or_insert(*vote);
                }
                Some(Message::Election(notification))
            }
            Message::Quorum(packet) => {
                self.spoil_packet(now, bug, link, packet).map(Message::Quorum)
            }
        }
    }

    fn spoil_packet(&mut self, now: Now, bug: Bug, link: Link, packet: Packet) -> Option<Packet> {
        let reply = |packet| Input::Message { from: link, message: Message::Quorum(packet) };
        let fake = match (bug, &packet) {
            (Bug::CommitWithoutQuorum, Packet::Proposal(txn)) => Some(Packet::Ack(txn.zxid)),
            (Bug::ReconfiguredWithoutQuorum, Packet::Proposal(txn)) if txn.membership.is_some() => {
                Some(Packet::Ack(txn.zxid))
            }
            (Bug::LeaderUnaffirmed, Packet::NewLeader { epoch, .. }) => {
                Some(Packet::Ack(Zxid::new(epoch.0, 0)))
            }
            (Bug::ServesBeforeUpToDate, Packet::Ack(zxid))
                if zxid.counter() == 0 && self.misconduct.hasty.is_none() =>
            {
                self.misconduct.hasty = Some(link);
                Some(Packet::UpToDate)
            }
            (Bug::SyncAnsweredEarly, Packet::Request(request)) if is_sync(&request.bytes) => {
                self.peer_inputs.push_back((now, reply(Packet::Sync)));
                return None;
            }
            (Bug::CommitLost, Packet::Commit(zxid))
                if zxid.counter().is_multiple_of(COMMITS_PER_LOSS) =>
            {
                return None;
            }
            _ => None,
        };
        if let Some(fake) = fake {
            self.peer_inputs.push_back((now, reply(fake)));
        }
        Some(self.altered(bug, packet))
    }

    fn altered(&self, bug: Bug, packet: Packet) -> Packet {
        match (bug, packet) {
            (Bug::TruncOffByOne, Packet::Trunc { to }) => {
                Packet::Trunc { to: to.next().unwrap_or(to) }
            }
            (Bug::DiffOverDivergentLog, Packet::Trunc { to }) => Packet::Diff { last: to },
            (Bug::TouchNotForwarded, Packet::Ping { zxid, .. }) => {
                Packet::Ping { zxid, touched: Bytes::new() }
            }
            (Bug::StaleVote, Packet::AckEpoch { current: Some(current), last }) => {
                let first = self.misconduct.first_vote;
                let (current, last) = first.map_or((current, last), |it| (it.epoch, it.zxid));
                Packet::AckEpoch { current: Some(current), last }
            }
            (_, packet) => packet,
        }
    }

    /// What the peer is to hear instead of a message, and around it.
    pub(super) fn overheard(&mut self, bug: Bug, link: Link, message: Message) -> Vec<Input<Peer>> {
        let input = |message| Input::Message { from: link, message };
        let packet = |packet| input(Message::Quorum(packet));
        match (bug, message) {
            (Bug::ServesBeforeUpToDate, Message::Quorum(Packet::UpToDate))
                if self.misconduct.hasty.take() == Some(link) =>
            {
                Vec::new()
            }
            (Bug::ActivationLost, Message::Quorum(Packet::CommitAndActivate { zxid, .. })) => {
                vec![packet(Packet::Commit(zxid))]
            }
            (Bug::DeliveredBeforeCommit, Message::Quorum(Packet::Proposal(txn)))
                if self.is_serving =>
            {
                let zxid = txn.zxid;
                vec![packet(Packet::Proposal(txn)), packet(Packet::Commit(zxid))]
            }
            (Bug::MovedSessionServed, Message::Quorum(Packet::Request(request))) => {
                let timeout_ms = i32::try_from(TIMEOUT.as_millis()).unwrap_or(i32::MAX);
                let session = request.bytes.get(..8).unwrap_or_default();
                let question = [session, &timeout_ms.to_be_bytes()].concat();
                let question = packet(Packet::Revalidate(question.into()));
                vec![question, packet(Packet::Request(request))]
            }
            (Bug::ExpiredSessionRevalidated, Message::Quorum(Packet::Revalidate(answer)))
                if link.channel == Channel::Leader =>
            {
                let mut answer = answer.to_vec();
                if let Some(lives) = answer.last_mut() {
                    *lives = 1;
                }
                vec![packet(Packet::Revalidate(answer.into()))]
            }
            (_, message) => vec![input(message)],
        }
    }

    /// Whether a message is a sync that is to be answered at once.
    pub(super) fn asks_for_unconfirmed_sync(&self, message: &Message) -> bool {
        let Message::Quorum(Packet::Request(request)) = message else { return false };
        self.has(Bug::SyncUnconfirmed) && self.is_leading() && is_sync(&request.bytes)
    }

    /// The link to the leader is gone, and with it what was done on it.
    pub(super) fn forget_misconduct(&mut self) {
        self.misconduct.hasty = None;
    }

    /// What the peer takes for the time when it looks at sessions.
    pub(super) fn believed_time(&mut self, now: Now) -> Now {
        let mut believed = now;
        if self.has(Bug::SessionExpiredEarly) {
            believed.mono = now.mono + TIMEOUT * 3 / 4;
        }
        let is_new = std::mem::take(&mut self.misconduct.is_new_leader);
        if is_new && self.has(Bug::NewLeaderExpires) {
            believed.mono = now.mono + TIMEOUT + Duration::from_secs(1);
        }
        believed
    }

    /// Looks at sessions at a time of its own.
    pub(super) fn look_at_sessions(&mut self, now: Now, fx: &mut Fx) {
        let believed = self.believed_time(now);
        self.feed_at(believed, now, Input::Timer(Timer::Sessions), fx);
        if believed != now {
            // The shifted clock has put the next tick too far away.
            let next = now.mono + self.options.peer.tick / 2;
            fx.set_timer(crate::participant::Timer::Peer(Timer::Sessions), next);
        }
    }
}

fn is_sync(request: &[u8]) -> bool {
    let mut reader = Reader::new(request);
    let op = reader.long().and_then(|_| reader.int()).and_then(|_| reader.int());
    op.ok().and_then(OpCode::from_wire) == Some(OpCode::Sync)
}
