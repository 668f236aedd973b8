//! A server: the driver of one [`Zab`].

use super::conversations::Conversations;
use super::disk::Disk;
use super::labels::short;
use super::sessions;
use super::{Entry, Message, Request, Setup, Tamper, id, membership, value};
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::{Birth, State};
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use zoarium_process::{Effect, Effects, Input, Now, Process};
use zoarium_proto::{Membership, ServerId, Zxid};
use zoarium_zab::{Epoch, Forward, Link, Output, Packet, PeerState, Record, Txn, Zab};

type Fx = Effects<Server>;

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    name: Name,
    setup: Setup,
    zab: Zab,
    conversations: Conversations,
    /// What has been applied.
    tree: Vec<Txn>,
    /// The leader's snapshot, while it is not the tree yet.
    received: Vec<Txn>,
    serving: Option<(ServerId, Epoch)>,
    /// What this server has proposed as a leader and is not applied.
    outstanding: VecDeque<Value>,
    /// How much of the tree was told to the outside as delivered.
    told: usize,
    /// Clients' commands that are not answered.
    clients: BTreeSet<Value>,
    /// Followers that were sent NEWLEADER, for a leader that is tampered with.
    newcomers: BTreeSet<ServerId>,
    /// What Zab is to be handed next, after what it is doing.
    inbox: VecDeque<Input<Zab>>,
}

impl Process for Server {
    fn step(&mut self, now: Now, input: Input<Self>, fx: &mut Fx) {
        match input {
            Input::Start => self.inbox.push_back(Input::Start),
            Input::LinkUp(other) => {
                self.conversations.link_up(id(other));
                self.inbox.push_back(Input::LinkUp(Link::election(id(other))));
            }
            Input::LinkDown(other) => {
                let down = self.conversations.link_down(id(other));
                self.inbox.extend(down.into_iter().map(Input::LinkDown));
            }
            Input::Message { from, message } => self.on_message(id(from), message, fx),
            Input::Timer(timer) => self.inbox.push_back(Input::Timer(timer)),
            Input::Persisted { upto } => self.inbox.push_back(Input::Persisted { upto }),
            Input::Request(Request::Do(commands)) => {
                for command in commands {
                    self.on_command(command, fx);
                    self.drive(now, fx);
                }
            }
            Input::Request(Request::Close(session)) => self.on_close(&session, fx),
            Input::Request(Request::Reconfigure(voters)) => self.on_reconfigure(&voters, fx),
        }
        self.drive(now, fx);
    }
}

impl Server {
    pub(super) fn recover(setup: Setup, birth: &Birth<'_, Entry>) -> Self {
        let disk = Disk::replay(birth.records.iter());
        let options = setup.options(birth.name);
        let members = disk.membership().unwrap_or_else(|| Arc::clone(&setup.membership));
        let recovered = disk.recovered(options.committed_log_max);
        Self {
            name: birth.name,
            zab: Zab::new(options, members, recovered),
            setup,
            conversations: Conversations::default(),
            tree: disk.history(),
            received: Vec::new(),
            serving: None,
            outstanding: VecDeque::new(),
            told: 0,
            clients: BTreeSet::new(),
            newcomers: BTreeSet::new(),
            inbox: VecDeque::new(),
        }
    }

    /// Hands Zab what has come, and carries out what it wants, until there is nothing more.
    fn drive(&mut self, now: Now, fx: &mut Fx) {
        let mut effects = Effects::new();
        while let Some(input) = self.inbox.pop_front() {
            self.zab.step(now, input, &mut effects);
            let list: Vec<Effect<Zab>> = effects.drain().collect();
            list.into_iter().for_each(|effect| self.carry_out(effect, fx));
        }
    }

    fn on_message(&mut self, from: ServerId, message: Message, fx: &mut Fx) {
        match message {
            Message::Vote(notification) => {
                let message = zoarium_zab::Message::Election(notification);
                self.inbox.push_back(Input::Message { from: Link::election(from), message });
            }
            Message::Open { connection } => {
                if self.conversations.accept(from, connection) {
                    self.inbox.push_back(Input::LinkDown(Link::learner(from)));
                }
                fx.send(self.setup.name(from), Message::Opened { connection });
            }
            Message::Opened { connection } => {
                if let Some(link) = self.conversations.link_of(from, connection, false) {
                    self.inbox.push_back(Input::LinkUp(link));
                }
            }
            Message::Packet { connection, by_learner, packet } => {
                if let Some(from) = self.conversations.link_of(from, connection, by_learner) {
                    if self.conversations.name(from) {
                        self.inbox.push_back(Input::LinkUp(from));
                    }
                    let message = zoarium_zab::Message::Quorum(packet);
                    self.inbox.push_back(Input::Message { from, message });
                }
            }
            Message::Snapshot { connection, txns, .. } => {
                if self.conversations.link_of(from, connection, false).is_some() {
                    self.received = txns;
                    let received = zoarium_zab::Request::SnapshotReceived;
                    self.inbox.push_back(Input::Request(received));
                }
            }
            Message::Close { connection, by_learner } => {
                if let Some(link) = self.conversations.link_of(from, connection, by_learner) {
                    self.conversations.forget(link);
                    self.inbox.push_back(Input::LinkDown(link));
                }
            }
        }
    }

    /// A client's command: a leader proposes it, a follower hands it on.
    fn on_command(&mut self, command: Value, fx: &mut Fx) {
        match (self.zab.next_zxid(), self.serving) {
            (Some(zxid), Some(_)) => {
                self.clients.insert(command.clone());
                self.propose(zxid, &command, None, fx);
            }
            (None, Some((leader, _))) if leader != id(self.name) => {
                self.clients.insert(command.clone());
                let bytes = Bytes::copy_from_slice(command.as_str().as_bytes());
                let forward = Forward { bytes, auth: Bytes::new() };
                self.inbox.push_back(Input::Request(zoarium_zab::Request::Forward(forward)));
            }
            (_, Some(_) | None) => {
                fx.output(Said::Note(format!("does not serve, refuses {command}")));
            }
        }
    }

    /// A session has ended, as its leader finds.
    fn on_close(&mut self, session: &Value, fx: &mut Fx) {
        let (Some(zxid), Some(_)) = (self.zab.next_zxid(), self.serving) else {
            return fx.output(Said::Note(format!("does not lead, cannot close {session}")));
        };
        let applied = self.tree.iter().map(|txn| value(&txn.bytes));
        let history: Vec<Value> = applied.chain(self.outstanding.iter().cloned()).collect();
        match sessions::close(session, &history) {
            Some(close) => self.propose(zxid, &close, None, fx),
            None => fx.output(Said::Note(format!("{session} is closed already"))),
        }
    }

    fn on_reconfigure(&mut self, voters: &[u8], fx: &mut Fx) {
        let observers = self.setup.names().map(Name::number).filter(|id| !voters.contains(id));
        let members = membership(voters.iter().copied(), observers);
        let (Some(zxid), Ok(members)) = (self.zab.next_zxid(), Membership::parse(&members)) else {
            return fx.output(Said::Note("cannot reconfigure".to_owned()));
        };
        let members = Membership { version: zxid, ..members };
        let command = Value::from(format!("voters {voters:?}").as_str());
        self.propose(zxid, &command, Some(Arc::new(members)), fx);
    }

    fn propose(
        &mut self,
        zxid: Zxid,
        command: &Value,
        membership: Option<Arc<Membership>>,
        fx: &mut Fx,
    ) {
        fx.output(Said::Broadcast { round: zxid.epoch().into(), value: command.clone() });
        self.outstanding.push_back(command.clone());
        let bytes = Bytes::copy_from_slice(command.as_str().as_bytes());
        let txn = Txn { zxid, bytes, membership };
        self.inbox.push_back(Input::Request(zoarium_zab::Request::Propose(txn)));
    }

    fn carry_out(&mut self, effect: Effect<Zab>, fx: &mut Fx) {
        match effect {
            Effect::Send { to, message: zoarium_zab::Message::Election(notification) } => {
                if self.conversations.is_reachable(to.peer) {
                    fx.send(self.setup.name(to.peer), Message::Vote(notification));
                }
            }
            Effect::Send { to, message: zoarium_zab::Message::Quorum(packet) } => {
                self.send(to, packet, fx);
            }
            Effect::Persist { seq, record } => {
                let snapshot = match &record {
                    Record::Snapshot { .. } => self.received.clone(),
                    Record::AcceptedEpoch(_)
                    | Record::CurrentEpoch(_)
                    | Record::Append(_)
                    | Record::Truncate { .. } => Vec::new(),
                };
                fx.persist(seq, Entry { record, snapshot });
            }
            Effect::SetTimer { timer, at } => fx.set_timer(timer, at),
            Effect::CancelTimer(timer) => fx.cancel_timer(timer),
            Effect::Output(output) => self.on_output(output, fx),
        }
    }

    fn send(&mut self, link: Link, packet: Packet, fx: &mut Fx) {
        let Some(message) = self.conversations.pack(link, packet.clone()) else { return };
        let to = self.setup.name(link.peer);
        if matches!(packet, Packet::NewLeader { .. }) {
            self.newcomers.insert(link.peer);
        }
        let is_lost = match (self.setup.tamper, &packet) {
            (Tamper::LosesProposals, Packet::Proposal(_))
            | (Tamper::LosesCommits, Packet::Commit(_)) => self.newcomers.remove(&link.peer),
            (Tamper::DoublesProposals, Packet::Proposal(_)) => {
                fx.send(to, message.clone());
                false
            }
            _ => false,
        };
        if !is_lost {
            fx.send(to, message);
        }
    }

    fn on_output(&mut self, output: Output, fx: &mut Fx) {
        match output {
            Output::Looking { why } => {
                self.serving = None;
                self.outstanding.clear();
                fx.output(Said::Note(format!("looking: {why}")));
            }
            Output::Serving { leader, epoch } => {
                self.serving = Some((leader, epoch));
                if leader == id(self.name) {
                    fx.output(Said::Leads { round: epoch.0.into() });
                }
                self.tell(fx);
            }
            Output::Deliver(txn) => {
                self.outstanding.pop_front();
                self.tree.push(txn);
                self.tell(fx);
            }
            Output::Truncate { to } => {
                self.tree.retain(|txn| txn.zxid <= to);
                self.told = self.told.min(self.tree.len());
            }
            Output::InstallSnapshot { .. } => {
                self.tree = std::mem::take(&mut self.received);
                self.told = self.told.min(self.tree.len());
            }
            Output::SendSnapshot { to, zxid } => self.send_snapshot(to, zxid, fx),
            Output::ReceiveSnapshot { .. } => self.received.clear(),
            Output::ReadHistory { read, .. } => {
                let answer = zoarium_zab::Request::HistoryRead { read, txns: None };
                self.inbox.push_back(Input::Request(answer));
            }
            Output::Connect { leader } => self.connect(leader, fx),
            Output::Disconnect { link, why } => {
                if let Some(close) = self.conversations.close(link) {
                    let peer = self.setup.name(link.peer);
                    fx.output(Said::Note(format!("closes the link with {peer}: {why}")));
                    fx.send(peer, close);
                }
            }
            Output::Forwarded { request, .. } => {
                if let Some(zxid) = self.zab.next_zxid() {
                    self.propose(zxid, &value(&request.bytes), None, fx);
                }
            }
            Output::Ping { zxid } => {
                let pong = zoarium_zab::Request::Pong { zxid, touched: Bytes::new() };
                self.inbox.push_back(Input::Request(pong));
            }
            // Sessions are the affair of servers; and the simulator's links need no dialling.
            Output::Joining { .. }
            | Output::Elected
            | Output::Revalidate { .. }
            | Output::Revalidated(_)
            | Output::Touched { .. }
            | Output::Synced
            | Output::Activated(_) => {}
        }
    }

    /// Tells the outside what is delivered, once it is known to stay.
    fn tell(&mut self, fx: &mut Fx) {
        if self.serving.is_none() {
            return;
        }
        while let Some(txn) = self.tree.get(self.told) {
            self.told += 1;
            let (place, value) = (self.told as u64, value(&txn.bytes));
            fx.output(Said::Delivered { place, value: value.clone() });
            if self.clients.remove(&value) {
                let answer = Value::from(short(txn.zxid).as_str());
                fx.output(Said::Answered { request: value, answer });
            }
        }
    }

    fn connect(&mut self, leader: ServerId, fx: &mut Fx) {
        let link = Link::leader(leader);
        if self.conversations.is_reachable(leader) {
            fx.send(self.setup.name(leader), self.conversations.dial(leader));
        } else {
            self.inbox.push_back(Input::LinkDown(link));
        }
    }

    fn send_snapshot(&mut self, to: ServerId, zxid: Zxid, fx: &mut Fx) {
        self.send(Link::learner(to), Packet::Snap { zxid }, fx);
        if let Some((connection, _)) = self.conversations.find(Link::learner(to)) {
            let txns = self.tree.clone();
            fx.send(self.setup.name(to), Message::Snapshot { connection, zxid, txns });
            self.inbox.push_back(Input::Request(zoarium_zab::Request::SnapshotSent { to }));
        }
    }

    pub(super) fn shown(&self) -> State {
        let word = match (self.zab.state(), self.serving) {
            (PeerState::Looking, _) => "LOOKING".to_owned(),
            (PeerState::Leading, Some((_, epoch))) => format!("LEADING {epoch}"),
            (PeerState::Leading, None) => "leading".to_owned(),
            (PeerState::Following, Some((_, epoch))) => format!("FOLLOWING {epoch}"),
            (PeerState::Following, None) => "following".to_owned(),
            (PeerState::Observing, Some((_, epoch))) => format!("OBSERVING {epoch}"),
            (PeerState::Observing, None) => "observing".to_owned(),
        };
        let (last, _) = self.zab.zxids();
        let last = if last.counter() > 0 { format!(" ({})", short(last)) } else { String::new() };
        State::new(format!("{word}{last}"))
    }
}
