//! A server as one process: peer, tree, watches and connections, closed into one step.
//!
//! It does what production's peer loop, connections and snapshot thread do, in the same order, by
//! the same functions of `peer`, `tree` and `persistence`.

mod connections;
mod deliver;
mod records;
mod snapshots;
mod start;

pub use records::SessionRecord;
pub use start::MemberOptions;

use crate::bug::Bug;
use crate::disk::SnapshotDue;
use crate::participant::{Body, Message, Name, Output, Participant, Request, Timer};
use connections::Connections;
use records::Records;
use snapshots::Snapshots;
use std::collections::VecDeque;
use std::time::Duration;
use zoarium_peer::Peer;
use zoarium_process::{Effect, Effects, Input, Now, PersistSeq};
use zoarium_proto::{ConnId, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::watches::Watches;

type Fx = Effects<Participant>;

/// A server.
#[derive(Debug)]
pub struct Member {
    options: MemberOptions,
    peer: Peer,
    tree: Tree,
    watches: Watches,
    connections: Connections,
    snapshots: Snapshots,
    snapshot_due: SnapshotDue,
    records: Records,
    peer_effects: Effects<Peer>,
    /// What recovery found.
    recovered: Recovery,
    planted: Planted,
}

/// What recovery found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The last txn.
    pub last_zxid: Zxid,
    /// How many digests the tree did not have.
    pub digest_mismatches: u64,
    /// What cannot be after any crash of a server that is alone.
    pub oddities: Vec<String>,
}

/// What planted bugs need to remember.
#[derive(Debug, Default)]
struct Planted {
    is_deaf: bool,
    events: u64,
    /// Frames until their txns are durable.
    held: VecDeque<(PersistSeq, Name, Message)>,
    late_events: Vec<(Name, Message)>,
    /// A part of a multi that is still to be applied.
    rest_of_multi: Vec<Vec<u8>>,
    /// The last record that the peer believes durable.
    believed: PersistSeq,
    replies: Vec<(Name, Message)>,
}

/// How long the rest of a multi waits.
const REST_OF_MULTI_AFTER: Duration = Duration::from_millis(20);

impl Member {
    /// The tree as far as it is applied.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What the last recovery found.
    pub const fn recovered(&self) -> &Recovery {
        &self.recovered
    }

    /// The sessions as a bystander knows them.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionRecord> {
        self.records.sessions()
    }

    /// The options.
    pub const fn options(&self) -> &MemberOptions {
        &self.options
    }

    fn has(&self, bug: Bug) -> bool {
        self.options.bug == Some(bug)
    }

    pub(crate) fn step(&mut self, now: Now, input: Input<Participant>, fx: &mut Fx) {
        if self.planted.is_deaf {
            return;
        }
        let late_events = std::mem::take(&mut self.planted.late_events);
        match input {
            Input::Start => self.feed(now, Input::Start, fx),
            Input::LinkUp(_) => {}
            Input::LinkDown(client) => self.drop_connection_of(now, client, fx),
            Input::Message { from, message } => self.on_message(now, from, message, fx),
            Input::Timer(Timer::Peer(timer)) => self.on_peer_timer(now, timer, fx),
            Input::Timer(Timer::Snapshot) => self.on_snapshot_timer(now, fx),
            Input::Timer(Timer::RestOfMulti) => self.apply_rest_of_multi(),
            Input::Persisted { upto } => self.on_persisted(now, upto, fx),
            Input::Request(Request::DiskFull(full)) => {
                self.feed(now, Input::Request(zoarium_peer::Request::DiskFull(full)), fx);
            }
            // These are for clients.
            Input::Request(Request::Do(_))
            | Input::Timer(Timer::Ping | Timer::Dial | Timer::Probe) => {}
        }
        self.planted.replies.drain(..).rev().for_each(|(to, message)| fx.send(to, message));
        late_events.into_iter().for_each(|(to, message)| fx.send(to, message));
    }

    /// Hands an input to the peer and does what it wants done.
    fn feed(&mut self, now: Now, input: Input<Peer>, fx: &mut Fx) {
        self.feed_at(now, now, input, fx);
    }

    /// As [`Member::feed`]; what the peer takes for the time may be wrong.
    fn feed_at(&mut self, believed: Now, now: Now, input: Input<Peer>, fx: &mut Fx) {
        let is_tick = matches!(input, Input::Timer(zoarium_peer::Timer::Sessions));
        self.peer.step(believed, &self.tree, input, &mut self.peer_effects);
        let effects: Vec<Effect<Peer>> = self.peer_effects.drain().collect();
        let mut asked = None;
        for effect in effects {
            match effect {
                Effect::Persist { seq, record } => {
                    asked = Some(seq);
                    if let zoarium_zab::Record::Append(txn) = &record {
                        self.note_decision(now, &txn.bytes, is_tick, fx);
                    }
                    fx.persist(seq, record);
                }
                Effect::SetTimer { timer, at } => fx.set_timer(Timer::Peer(timer), at),
                Effect::CancelTimer(timer) => fx.cancel_timer(Timer::Peer(timer)),
                Effect::Output(output) => self.carry_out(now, output, fx),
                Effect::Send { to, .. } => unreachable!("a standalone server has no link {to:?}"),
            }
        }
        if let Some(upto) = asked.filter(|_| self.believes_early()) {
            self.planted.believed = upto;
            self.feed(now, Input::Persisted { upto }, fx);
        }
    }

    fn believes_early(&self) -> bool {
        self.has(Bug::AckBeforeSync) || self.has(Bug::ReadBeforeSync)
    }

    fn on_persisted(&mut self, now: Now, upto: PersistSeq, fx: &mut Fx) {
        if !self.believes_early() {
            self.feed(now, Input::Persisted { upto }, fx);
        }
        while let Some((seq, to, message)) = self.planted.held.pop_front() {
            if seq > upto {
                self.planted.held.push_front((seq, to, message));
                break;
            }
            fx.send(to, message);
        }
        if self.snapshot_due.take() {
            self.begin_snapshot(now, fx);
        }
    }

    fn on_peer_timer(&mut self, now: Now, timer: zoarium_peer::Timer, fx: &mut Fx) {
        let mut at = now;
        if timer == zoarium_peer::Timer::Sessions {
            if self.has(Bug::ExpiredSessionKept) {
                return fx.set_timer(Timer::Peer(timer), now.mono + self.options.peer.tick);
            }
            if self.has(Bug::SessionExpiredEarly) {
                at.mono = now.mono + crate::client::TIMEOUT * 3 / 4;
            }
            let heard = self.connections.heard();
            self.feed(now, Input::Request(zoarium_peer::Request::Heard(heard)), fx);
        }
        self.feed_at(at, now, Input::Timer(timer), fx);
        if at != now {
            // The shifted clock has put the next tick too far away.
            fx.set_timer(Timer::Peer(timer), now.mono + self.options.peer.tick);
        }
    }

    /// Sends a frame to a connection's client.
    fn send(&mut self, conn: ConnId, frame: Vec<u8>, fx: &mut Fx) {
        self.send_body(conn, Body::Frame(frame.into()), fx);
    }

    fn send_body(&mut self, conn: ConnId, body: Body, fx: &mut Fx) {
        let Some((to, connection)) = self.connections.address(conn) else { return };
        let message = Message { connection, body };
        if self.has(Bug::ReadBeforeSync) && self.must_hold(to) {
            let seq = self.planted.believed;
            self.planted.held.push_back((seq, to, message));
        } else if self.has(Bug::RepliesReversed) {
            self.planted.replies.push((to, message));
        } else {
            fx.send(to, message);
        }
    }

    fn must_hold(&self, to: Name) -> bool {
        self.planted.held.iter().any(|(_, held, _)| *held == to) || self.connections.is_acking
    }

    /// Notes a txn that ends a session, at the moment at which that is decided.
    fn note_decision(&mut self, now: Now, txn: &[u8], is_tick: bool, fx: &mut Fx) {
        let Some(record) = self.records.closing(txn) else { return };
        if is_tick {
            fx.output(Output::Expired {
                session: record.session,
                silent_ms: millis(now.mono.saturating_since(record.heard)),
                timeout_ms: millis(record.timeout),
            });
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
