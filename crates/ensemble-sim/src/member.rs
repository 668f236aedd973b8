//! A server as one process: peer, tree, watches and connections, closed into one step.
//!
//! It does what production's peer loop, connections, links and snapshot thread do, in the same
//! order, by the same functions of `peer`, `tree` and `persistence`. Alone it has clients only; in
//! an ensemble it has links with the other servers too (`member/links.rs`), sends and takes
//! snapshots (`member/transfer.rs`) and goes back in history (`member/history.rs`).

mod codec;
mod connections;
mod deliver;
mod history;
mod links;
mod misconduct;
mod records;
mod sabotage;
mod snapshots;
mod start;
mod transfer;

pub use records::SessionRecord;
pub use start::{MemberOptions, ZabSetup};

use crate::bug::Bug;
use crate::disk::{Handover, MembershipFile};
use crate::participant::{Body, Message, Name, Output, Participant, Request, Timer};
use connections::Connections;
use history::Histories;
use links::Links;
use misconduct::Misconduct;
use records::Records;
use sabotage::Planted;
use snapshots::Snapshots;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use transfer::Transfers;
use zoarium_peer::Peer;
use zoarium_persistence::journal::Lineage;
use zoarium_process::{Effect, Effects, Input, Now, PersistSeq};
use zoarium_proto::{ConnId, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::watches::Watches;
use zoarium_zab::Record;

type Fx = Effects<Participant>;

/// A server.
#[derive(Debug)]
pub struct Member {
    options: MemberOptions,
    peer: Peer,
    tree: Tree,
    watches: Watches,
    connections: Connections,
    links: Links,
    transfers: Transfers,
    histories: Histories,
    snapshots: Snapshots,
    handover: Rc<Handover>,
    members: Rc<MembershipFile>,
    records: Records,
    peer_effects: Effects<Peer>,
    /// Memory for effects that are being carried out.
    under_way: VecDeque<Effect<Peer>>,
    /// What the peer is still to take in, once the effects of its last step are carried out.
    peer_inputs: VecDeque<(Now, Input<Peer>)>,
    is_stepping: bool,
    /// The last record that the peer has asked for, and the last that is durable.
    asked: PersistSeq,
    persisted: PersistSeq,
    /// Counts the histories that trees have come from.
    lineage: Lineage,
    /// Stands between the effects of a step until the disk has done what the tree waits for.
    barrier: Option<Barrier>,
    /// What has come meanwhile.
    waiting: VecDeque<Input<Participant>>,
    is_serving: bool,
    /// What recovery found.
    recovered: Recovery,
    planted: Planted,
    misconduct: Misconduct,
}

/// Effects that are carried out when another history is durable and its tree has taken the place
/// of the present one.
#[derive(Debug)]
struct Barrier {
    until: PersistSeq,
    tree: NextTree,
    rest: VecDeque<Effect<Peer>>,
}

/// Where another tree comes from.
#[derive(Clone, Copy, Debug)]
enum NextTree {
    /// The disk has gone back to this zxid.
    ReadBack(Zxid),
    /// The leader has sent it.
    Arrived(Zxid),
}

/// What recovery found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The last txn.
    pub last_zxid: Zxid,
    /// How many digests the tree did not have.
    pub digest_mismatches: u64,
    /// What cannot be after any crash.
    pub oddities: Vec<String>,
    /// Whether the tree is of one moment.
    pub is_whole: bool,
    /// acceptedEpoch and currentEpoch.
    pub epochs: (u32, u32),
    /// Whether all that was written was taken away.
    pub is_wiped: bool,
}

impl Member {
    /// The tree as far as it is applied.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The peer.
    pub const fn peer(&self) -> &Peer {
        &self.peer
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

    /// Whether clients are served; always, if the server is alone.
    pub const fn is_serving(&self) -> bool {
        self.is_serving
    }

    /// Whether this server decides.
    pub fn is_leading(&self) -> bool {
        match self.peer.zab() {
            Some(zab) => zab.serving().is_some_and(|(leader, _)| leader == zab.id()),
            None => true,
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.options.bug == Some(bug)
    }

    pub(crate) fn step(&mut self, now: Now, input: Input<Participant>, fx: &mut Fx) {
        if self.planted.is_deaf {
            return;
        }
        let late_events = std::mem::take(&mut self.planted.late_events);
        if let Input::Persisted { upto } = input
            && self.barrier.as_ref().is_some_and(|barrier| barrier.until <= upto)
        {
            self.pass_barrier(now, fx);
        }
        if self.barrier.is_some() || !self.waiting.is_empty() {
            self.waiting.push_back(input);
        } else {
            self.take_in(now, input, fx);
        }
        while self.barrier.is_none()
            && let Some(input) = self.waiting.pop_front()
        {
            self.take_in(now, input, fx);
        }
        self.planted.replies.drain(..).rev().for_each(|(to, message)| fx.send(to, message));
        late_events.into_iter().for_each(|(to, message)| fx.send(to, message));
    }

    fn take_in(&mut self, now: Now, input: Input<Participant>, fx: &mut Fx) {
        match input {
            Input::Start => self.feed(now, Input::Start, fx),
            Input::LinkUp(Name::Server(server)) => self.on_server_up(now, server, fx),
            Input::LinkUp(Name::Client(_)) => {}
            Input::LinkDown(Name::Server(server)) => self.on_server_down(now, server, fx),
            Input::LinkDown(client @ Name::Client(_)) => self.drop_connections_of(now, client, fx),
            Input::Message { from, message: Message::Client { connection, body } } => {
                self.on_body(now, from, connection, body, fx);
            }
            Input::Message { from: Name::Server(from), message: Message::Server(segment) } => {
                self.on_segment(now, from, segment, fx);
            }
            Input::Timer(timer) => self.on_timer(now, timer, fx),
            Input::Persisted { upto } => self.on_persisted(now, upto, fx),
            Input::Request(Request::DiskFull(full)) => {
                self.feed(now, Input::Request(zoarium_peer::Request::DiskFull(full)), fx);
            }
            Input::Request(Request::Break(port, server)) => {
                self.break_connections(now, port, server, fx);
            }
            // These are for clients.
            Input::Request(Request::Do(_))
            | Input::Message { from: Name::Client(_), message: Message::Server(_) } => {}
        }
    }

    fn on_timer(&mut self, now: Now, timer: Timer, fx: &mut Fx) {
        match timer {
            Timer::Peer(timer) => self.on_peer_timer(now, timer, fx),
            Timer::Snapshot => self.on_snapshot_timer(now, fx),
            Timer::RestOfMulti => self.apply_rest_of_multi(),
            Timer::Transfer(learner) => self.on_transfer_timer(now, learner, fx),
            Timer::DialOver => self.on_dial_over(now, fx),
            Timer::Redial(server) => self.dial_for_elections(server, fx),
            Timer::HistoryRead => self.on_history_timer(now, fx),
            // These are for clients.
            Timer::Session(_) | Timer::Dial | Timer::Probe => {}
        }
    }

    /// Hands an input to the peer and does what it wants done.
    fn feed(&mut self, now: Now, input: Input<Peer>, fx: &mut Fx) {
        self.feed_at(now, now, input, fx);
    }

    /// As [`Member::feed`]; what the peer takes for the time may be wrong.
    ///
    /// What is fed while effects are carried out waits until all of them are: the peer looks at
    /// the tree, which must be as far as it was told.
    fn feed_at(&mut self, believed: Now, now: Now, input: Input<Peer>, fx: &mut Fx) {
        self.peer_inputs.push_back((believed, input));
        self.work(now, fx);
    }

    /// Lets the peer take in what there is, unless it is about to or has to wait.
    fn work(&mut self, now: Now, fx: &mut Fx) {
        if std::mem::replace(&mut self.is_stepping, true) {
            return;
        }
        while self.barrier.is_none()
            && let Some((believed, input)) = self.peer_inputs.pop_front()
        {
            let is_tick = matches!(input, Input::Timer(zoarium_peer::Timer::Sessions));
            let asked = self.asked;
            self.peer.step(believed, &self.tree, input, &mut self.peer_effects);
            let mut effects = std::mem::take(&mut self.under_way);
            effects.extend(self.peer_effects.drain());
            self.carry_out_all(now, effects, is_tick, fx);
            if self.asked > asked && self.believes_early() {
                let upto = self.asked;
                self.planted.believed = upto;
                self.peer_inputs.push_back((now, Input::Persisted { upto }));
            }
        }
        self.is_stepping = false;
    }

    /// Carries effects out in order, up to one that has to wait for the disk.
    fn carry_out_all(
        &mut self,
        now: Now,
        mut effects: VecDeque<Effect<Peer>>,
        is_tick: bool,
        fx: &mut Fx,
    ) {
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Persist { seq, record } => {
                    self.asked = seq;
                    self.persist(now, seq, record, is_tick, fx);
                }
                Effect::SetTimer { timer, at } => fx.set_timer(Timer::Peer(timer), at),
                Effect::CancelTimer(timer) => fx.cancel_timer(Timer::Peer(timer)),
                Effect::Send { to, message } => self.send_on_link(now, to, message, fx),
                Effect::Output(zoarium_peer::Output::Truncate { to }) => {
                    let tree = NextTree::ReadBack(to);
                    self.barrier = Some(Barrier { until: self.asked, tree, rest: effects });
                    return;
                }
                Effect::Output(zoarium_peer::Output::InstallSnapshot { zxid }) => {
                    let tree = NextTree::Arrived(zxid);
                    self.barrier = Some(Barrier { until: self.asked, tree, rest: effects });
                    return;
                }
                Effect::Output(output) => self.carry_out(now, output, fx),
            }
        }
        self.under_way = effects;
    }

    fn persist(&mut self, now: Now, seq: PersistSeq, record: Record, is_tick: bool, fx: &mut Fx) {
        if let Record::Append(txn) = &record {
            self.note_decision(now, &txn.bytes, is_tick, fx);
        }
        if self.trusts(&record) {
            self.pretend_persisted(now, seq);
        }
        fx.persist(seq, record);
    }

    fn on_persisted(&mut self, now: Now, upto: PersistSeq, fx: &mut Fx) {
        self.persisted = upto;
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
        if self.handover.snapshot_due.take() {
            self.begin_snapshot(now, fx);
        }
        self.publish_snapshot(fx);
    }

    fn on_peer_timer(&mut self, now: Now, timer: zoarium_peer::Timer, fx: &mut Fx) {
        if timer != zoarium_peer::Timer::Sessions {
            return self.feed(now, Input::Timer(timer), fx);
        }
        if self.has(Bug::ExpiredSessionKept) {
            return fx.set_timer(Timer::Peer(timer), now.mono + self.options.peer.tick);
        }
        let heard = self.connections.heard();
        self.records.reported(&heard);
        self.feed(now, Input::Request(zoarium_peer::Request::Heard(heard)), fx);
        self.look_at_sessions(now, fx);
    }

    /// Sends a frame to a connection's client.
    fn send(&mut self, conn: ConnId, frame: Vec<u8>, fx: &mut Fx) {
        self.send_body(conn, Body::Frame(frame.into()), fx);
    }

    fn send_body(&mut self, conn: ConnId, body: Body, fx: &mut Fx) {
        let Some((to, connection)) = self.connections.address(conn) else { return };
        let message = Message::Client { connection, body };
        if self.has(Bug::ReadBeforeSync) && self.must_hold(to) {
            let seq = self.planted.believed;
            self.planted.held.push_back((seq, to, message));
        } else if self.has(Bug::RepliesReversed) {
            self.planted.replies.push((to, message));
        } else {
            fx.send(to, message);
        }
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
