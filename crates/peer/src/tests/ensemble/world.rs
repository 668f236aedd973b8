//! The driver of an ensemble: one clock, perfect links, disks that are instant unless they are
//! stalled. What must hold at every step is checked on the way.

use super::super::ask::Ask;
use super::super::world::{WALL_MS, options};
use super::links::{Item, Links, pair};
use super::server::{Server, tree_of};
use crate::{ClientRequest, Connect, Order, Output, Peer, PeerOptions, Request, Route, Timer};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;
use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use zoarium_process::{Effect, Effects, Input, Instant, Now};
use zoarium_proto::{ConnId, Membership, OpCode, ServerId, SessionId, Xid, Zxid};
use zoarium_zab::{Link, Message, Packet, Record, Txn, ZabOptions};

#[derive(Debug)]
pub(super) struct World {
    setup: Setup,
    /// The first membership.
    membership: Arc<Membership>,
    now: Instant,
    servers: BTreeMap<ServerId, Server>,
    pub(super) links: Links,
    /// Where each connection is or was.
    homes: BTreeMap<ConnId, ServerId>,
    /// What happens next; `None` if nothing is happening.
    inputs: Option<VecDeque<(ServerId, Input<Peer>)>>,
    /// The digest of every tree after a transaction.
    digests: BTreeMap<Zxid, u64>,
    /// Every transaction of a leader, in order.
    pub(super) proposed: Vec<Txn>,
    /// What everybody was told, in order.
    pub(super) told: Vec<String>,
}

/// How an ensemble is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) voters: u64,
    pub(super) observers: u64,
    pub(super) peer: fn(&mut PeerOptions),
    pub(super) zab: fn(&mut ZabOptions),
}

impl Default for Setup {
    fn default() -> Self {
        Self { voters: 3, observers: 0, peer: |_| {}, zab: |_| {} }
    }
}

impl World {
    /// Servers 1 to `voters` vote, the observers after them only learn. All are started, and the
    /// one with the highest id leads.
    pub(super) fn new(setup: Setup) -> Self {
        let mut lines = String::new();
        for id in 1..=setup.voters + setup.observers {
            let role = if id <= setup.voters { "participant" } else { "observer" };
            lines += &format!("server.{id}=host{id}:2888:3888:{role};2181\n");
        }
        let membership = Arc::new(Membership::parse(&lines).unwrap());
        let mut world = Self {
            setup,
            membership: Arc::clone(&membership),
            now: Instant::ORIGIN,
            servers: BTreeMap::new(),
            links: Links::default(),
            homes: BTreeMap::new(),
            inputs: None,
            digests: BTreeMap::new(),
            proposed: Vec::new(),
            told: Vec::new(),
        };
        for id in membership.members.keys() {
            world.add(*id, setup, &membership);
        }
        for id in membership.members.keys() {
            world.start(*id);
        }
        world.stabilize();
        world
    }

    /// Starts a server that knows the first membership and is not in it.
    pub(super) fn add_stranger(&mut self, id: ServerId) {
        self.add(id, self.setup, &Arc::clone(&self.membership));
        self.start(id);
    }

    /// Adds a server, which is not started.
    fn add(&mut self, id: ServerId, setup: Setup, membership: &Arc<Membership>) {
        let mut peer = options();
        peer.server_id = u8::try_from(id.0).unwrap();
        (setup.peer)(&mut peer);
        let mut zab = ZabOptions { tick: peer.tick, reconfig_enabled: true, ..ZabOptions::new(id) };
        (setup.zab)(&mut zab);
        self.servers.insert(id, Server::new(peer, zab, Arc::clone(membership)));
    }

    pub(super) fn server(&mut self, id: ServerId) -> &mut Server {
        self.servers.get_mut(&id).unwrap_or_else(|| panic!("there is no server {id}"))
    }

    pub(super) fn start(&mut self, id: ServerId) {
        let now = self.clocks();
        self.server(id).start(now);
        self.step(id, Input::Start);
    }

    pub(super) fn crash(&mut self, id: ServerId) {
        self.server(id).crash();
        self.links.close_all(|end, _| end == id);
    }

    /// Cuts the links between two servers; new ones do not come up.
    pub(super) fn cut(&mut self, a: ServerId, b: ServerId) {
        self.links.cut.insert(pair(a, b));
        self.links.close_all(|end, other| pair(end, other) == pair(a, b));
    }

    fn clocks(&self) -> Now {
        let wall_ms = WALL_MS + i64::try_from(self.now.since_origin().as_millis()).unwrap();
        Now { mono: self.now, wall_ms }
    }

    /// Where a connection is, or was.
    pub(super) fn home(&self, conn: ConnId) -> ServerId {
        *self.homes.get(&conn).unwrap_or_else(|| panic!("there is no c{conn}"))
    }

    pub(super) fn connect(&mut self, id: ServerId, connect: Connect) {
        let before = self.homes.insert(connect.conn, id);
        assert!(before.is_none(), "a connection connects twice");
        self.server(id).front.connect(connect.conn, connect.session);
        self.step(id, Input::Request(Request::Connect(connect)));
    }

    /// The client breaks its connection.
    pub(super) fn drop_connection(&mut self, conn: ConnId) {
        let id = self.home(conn);
        let server = self.server(id);
        server.front.disconnect(conn);
        server.lively.remove(&conn);
        self.step(id, Input::Request(Request::Disconnected { conn }));
    }

    pub(super) fn request(&mut self, conn: ConnId, ask: Ask) {
        let id = self.home(conn);
        let mut order = Order::default();
        let server = self.server(id);
        // What is under way, as the connection itself counts it.
        for _ in 0..server.front.under_way(conn) {
            order.route(OpCode::Sync);
        }
        let route = order.would_route(ask.op);
        let request = server.front.request(conn, ask);
        match route {
            Route::Here => {
                server.front.answer(&request);
                self.take_told(id);
            }
            Route::PeerLoop => self.step(id, Input::Request(Request::Client(request))),
        }
    }

    /// A request that a connection had sent before it was closed.
    pub(super) fn late_request(&mut self, conn: ConnId, session: SessionId, ask: Ask) {
        let id = self.home(conn);
        let server = self.server(id);
        server.front.note_under_way(conn);
        let identities = zoarium_tree::access::Identities::new([]);
        let (op, body) = (ask.op, ask.body.into());
        let request = ClientRequest { conn, session, xid: Xid(99), op, body, identities };
        self.step(id, Input::Request(Request::Client(request)));
    }

    /// Notes a sign of life of a connection's client.
    pub(super) fn hear(&mut self, conn: ConnId) {
        let (id, now) = (self.home(conn), self.now);
        let server = self.server(id);
        let session = server.front.session(conn);
        server.heard.insert(session, now);
    }

    /// Hands an input over, after those that come of it already.
    pub(super) fn step(&mut self, id: ServerId, input: Input<Peer>) {
        if let Some(inputs) = &mut self.inputs {
            return inputs.push_back((id, input));
        }
        self.inputs = Some([(id, input)].into());
        while let Some((id, input)) = self.inputs.as_mut().and_then(VecDeque::pop_front) {
            self.step_peer(id, input);
        }
        self.inputs = None;
    }

    fn step_peer(&mut self, id: ServerId, input: Input<Peer>) {
        let now = self.clocks();
        let server = self.server(id);
        let Some(peer) = &mut server.peer else { return };
        let mut effects = Effects::new();
        peer.step(now, &server.front.tree, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, message } => {
                    if let Message::Quorum(Packet::Proposal(txn)) = &message {
                        self.note_proposal(txn);
                    }
                    self.links.send(id, to, Item::Message(message));
                }
                Effect::Persist { seq, record } => self.persist(id, seq, record),
                Effect::SetTimer { timer, at } => drop(self.server(id).timers.insert(timer, at)),
                Effect::CancelTimer(timer) => drop(self.server(id).timers.remove(&timer)),
                Effect::Output(output) => self.output(id, output),
            }
        }
    }

    /// Carries an output out, or later if the server is slow and the output does not matter to
    /// the next step.
    fn output(&mut self, id: ServerId, output: Output) {
        let now = output.is_barrier() || matches!(output, Output::SendSnapshot { .. });
        self.server(id).outputs.push_back(output);
        if now || !self.server(id).slow {
            self.carry_out(id);
        }
    }

    fn take_told(&mut self, id: ServerId) {
        let told = core::mem::take(&mut self.server(id).front.told);
        self.told.extend(told);
    }

    fn note_proposal(&mut self, txn: &Txn) {
        if self.proposed.last().is_none_or(|last| last.zxid < txn.zxid) {
            self.proposed.push(txn.clone());
        }
    }

    fn persist(&mut self, id: ServerId, seq: zoarium_process::PersistSeq, record: Record) {
        let server = self.server(id);
        server.disk.write(seq, record, server.received.as_ref());
    }

    /// Carries out everything told.
    pub(super) fn carry_out(&mut self, id: ServerId) {
        while let Some(output) = self.server(id).outputs.pop_front() {
            let server = self.server(id);
            let delivers = matches!(output, Output::Deliver(_));
            let before = server.front.conns();
            let rest = server.front.carry_out(output);
            let serving = server.peer().zab().is_some_and(|zab| zab.serving().is_some());
            self.take_told(id);
            if delivers && serving {
                self.check_digest(id);
            }
            if let Some(rest) = rest {
                self.carry_out_own(id, rest);
            }
            self.report_gone(id, &before);
        }
    }

    /// The connections that were closed are gone.
    fn report_gone(&mut self, id: ServerId, before: &[ConnId]) {
        let after = self.server(id).front.conns();
        for conn in before.iter().filter(|conn| !after.contains(conn)) {
            self.server(id).lively.remove(conn);
            self.step(id, Input::Request(Request::Disconnected { conn: *conn }));
        }
    }

    /// Trees that have come as far are the same.
    fn check_digest(&mut self, id: ServerId) {
        let tree = &self.server(id).front.tree;
        let (zxid, digest) = (tree.last_zxid(), tree.digest());
        let first = *self.digests.entry(zxid).or_insert(digest);
        assert_eq!(first, digest, "the tree of server {id} differs at {zxid}");
    }

    fn carry_out_own(&mut self, id: ServerId, output: Output) {
        let server = self.servers.get_mut(&id).unwrap();
        match output {
            Output::Looking { why } => {
                self.told.push(format!("server {id} looks for a leader: {why}"));
                for conn in server.front.conns() {
                    server.front.disconnect(conn);
                    self.told.push(format!("c{conn} closed"));
                }
            }
            Output::Serving { leader, epoch } => {
                self.told.push(format!("server {id} serves, {leader} leads epoch {epoch}"));
            }
            Output::ServingReadOnly => {
                self.told.push(format!("server {id} serves read-only"));
            }
            Output::Truncate { to } => {
                let mut history = server.disk.history();
                history.retain(|txn| txn.zxid <= to);
                server.front.tree = tree_of(&history);
            }
            Output::InstallSnapshot { zxid } => {
                let history = server.received.take().unwrap();
                server.front.tree = tree_of(&history);
                server.front.tree.set_last_zxid(zxid);
            }
            Output::SendSnapshot { to, zxid } => {
                let mut history = server.disk.history();
                history.retain(|txn| txn.zxid <= zxid);
                let snap = Message::Quorum(Packet::Snap { zxid });
                self.links.send(id, Link::learner(to), Item::Message(snap));
                self.links.send(id, Link::learner(to), Item::Snapshot(history));
            }
            Output::ReadHistory { read, from, upto } => {
                let txns = server.disk.read(from, upto);
                self.step(id, Input::Request(Request::HistoryRead { read, txns }));
            }
            Output::Dial { leader } => self.dial(id, leader),
            Output::Disconnect { link, .. } => self.links.close(id, link),
            Output::Activated(membership) => server.membership = membership,
            Output::PutConfig(membership) => {
                let text = membership.to_string();
                server.front.tree.put_config(text.as_bytes(), membership.version, 0);
            }
            Output::Joining { .. } | Output::Elected | Output::ReceiveSnapshot { .. } => {}
            Output::Deliver(_)
            | Output::Answer(_)
            | Output::Refuse { .. }
            | Output::Closed { .. }
            | Output::Connected { .. }
            | Output::OverQuota(_)
            | Output::Close { .. }
            | Output::Unanswered { .. } => unreachable!("it concerns clients"),
        }
    }

    fn dial(&mut self, id: ServerId, leader: ServerId) {
        let link = Link::leader(leader);
        let there = self.servers.get(&leader).is_some_and(|server| server.peer.is_some());
        if !there || self.links.cut.contains(&pair(id, leader)) {
            return self.step(id, Input::LinkDown(link));
        }
        if self.links.is_open(leader, Link::learner(id)) {
            self.links.close(leader, Link::learner(id));
            self.step(leader, Input::LinkDown(Link::learner(id)));
        }
        let back = self.links.connect(id, link);
        self.step(id, Input::LinkUp(link));
        self.step(leader, Input::LinkUp(back));
    }

    fn connect_elections(&mut self) {
        let running: Vec<ServerId> = self.running();
        for (index, a) in running.iter().enumerate() {
            for b in &running[index + 1..] {
                let open = self.links.is_open(*a, Link::election(*b))
                    || self.links.is_open(*b, Link::election(*a));
                if !open && !self.links.cut.contains(&pair(*a, *b)) {
                    self.links.connect(*a, Link::election(*b));
                    self.step(*a, Input::LinkUp(Link::election(*b)));
                    self.step(*b, Input::LinkUp(Link::election(*a)));
                }
            }
        }
    }

    pub(super) fn running(&self) -> Vec<ServerId> {
        self.servers.iter().filter(|(_, server)| server.peer.is_some()).map(|(id, _)| *id).collect()
    }

    /// Lets everything happen that needs no time: messages, disks, and the timers that end an
    /// election or dial again.
    pub(super) fn stabilize(&mut self) {
        loop {
            while self.turn() {}
            let soon = |timer| {
                use zoarium_zab::Timer as Zab;
                matches!(timer, Timer::Zab(Zab::Decide | Zab::Connect))
            };
            match self.next_timer(soon) {
                Some(timer) => self.fire(timer),
                None => return,
            }
        }
    }

    /// The next message or write; false if there is none.
    fn turn(&mut self) -> bool {
        self.connect_elections();
        if let Some((id, link, item)) = self.links.take() {
            self.arrive(id, link, item);
            return true;
        }
        for id in self.running() {
            if let Some(upto) = self.server(id).disk.sync() {
                self.step(id, Input::Persisted { upto });
                return true;
            }
        }
        false
    }

    fn arrive(&mut self, id: ServerId, link: Link, item: Item) {
        match item {
            Item::Message(message) => self.step(id, Input::Message { from: link, message }),
            Item::Snapshot(history) => {
                self.server(id).received = Some(history);
                self.step(id, Input::Request(Request::SnapshotReceived));
                self.step(link.peer, Input::Request(Request::SnapshotSent { to: id }));
            }
            Item::Down => self.step(id, Input::LinkDown(link)),
        }
    }

    fn next_timer(&self, wanted: impl Fn(Timer) -> bool) -> Option<(Instant, ServerId, Timer)> {
        let all = self.servers.iter().flat_map(|(id, server)| {
            server.timers.iter().map(move |(timer, at)| (*at, *id, *timer))
        });
        all.filter(|(_, _, timer)| wanted(*timer)).min()
    }

    fn fire(&mut self, (at, id, timer): (Instant, ServerId, Timer)) {
        self.now = self.now.max(at);
        let now = self.now;
        let server = self.server(id);
        server.timers.remove(&timer);
        if timer == Timer::Sessions {
            for conn in server.lively.clone() {
                let session = server.front.session(conn);
                server.heard.insert(session, now);
            }
            let heard = core::mem::take(&mut server.heard).into_iter().collect();
            self.step(id, Input::Request(Request::Heard(heard)));
        }
        self.step(id, Input::Timer(timer));
    }

    /// Lets time pass, with everything in between.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            while self.turn() {}
            match self.next_timer(|_| true).filter(|(at, _, _)| *at <= until) {
                Some(timer) => self.fire(timer),
                None => break,
            }
        }
        self.now = self.now.max(until);
    }

    pub(super) fn server_ref(&self, id: ServerId) -> &Server {
        &self.servers[&id]
    }

    pub(super) fn now_ms(&self) -> u128 {
        self.now.since_origin().as_millis()
    }

    /// Whether nothing keeps anything from happening.
    pub(super) fn is_calm(&self) -> bool {
        let busy = self.servers.values().any(|server| server.disk.stalled || server.slow);
        !busy && self.links.held.is_empty()
    }

    /// How many requests are under way on all servers.
    pub(super) fn under_way(&self) -> usize {
        self.servers.values().map(|server| server.front.under_way_in_all()).sum()
    }
}
