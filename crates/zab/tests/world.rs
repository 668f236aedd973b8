//! A world of peers, links, disks and one clock, in which everything happens when it is told to.

pub(crate) mod checker;
pub(crate) mod disk;
pub(crate) mod network;
pub(crate) mod trace;
pub(crate) mod tree;

use bytes::Bytes;
use checker::Checker;
use disk::Disk;
use network::{Item, Network, Place};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tree::Tree;
use zoarium_process::{Effect, Effects, Input, Instant, Now, PersistSeq, Process};
use zoarium_proto::{Membership, ServerId};
use zoarium_zab::{
    Epoch, Link, Message, Output, Packet, PeerState, Record, Request, Timer, Txn, Zab, ZabOptions,
};

/// One server of the world, running or not.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) zab: Option<Zab>,
    pub(crate) disk: Disk,
    pub(crate) tree: Tree,
    pub(crate) options: ZabOptions,
    pub(crate) timers: BTreeMap<Timer, Instant>,
    /// A snapshot that has arrived and is not the tree yet.
    received: Option<Tree>,
    /// The file of the membership in force, once there was another than in the beginning.
    pub(crate) membership: Option<Arc<Membership>>,
    /// What its owner answers at once.
    answers: VecDeque<Request>,
    pub(crate) serving: Option<(ServerId, Epoch)>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) membership: Arc<Membership>,
    pub(crate) servers: BTreeMap<ServerId, Server>,
    pub(crate) network: Network,
    pub(crate) checker: Checker,
    /// What has happened since it was last taken.
    pub(crate) trace: Vec<String>,
}

/// Short times, so that a test's trace is short too.
pub(crate) fn options(id: ServerId) -> ZabOptions {
    ZabOptions {
        tick: Duration::from_millis(1000),
        init_limit: 5,
        sync_limit: 3,
        ..ZabOptions::new(id)
    }
}

impl World {
    /// Servers 1 to `voters` vote, the `observers` after them only learn. None is started.
    pub(crate) fn new(voters: u64, observers: u64) -> Self {
        let mut lines = String::new();
        for id in 1..=voters + observers {
            let role = if id <= voters { "participant" } else { "observer" };
            lines += &format!("server.{id}=host{id}:2888:3888:{role}\n");
        }
        Self::with_membership(&lines)
    }

    pub(crate) fn with_membership(lines: &str) -> Self {
        let membership = Arc::new(Membership::parse(lines).unwrap());
        let servers = membership.members.keys().map(|id| (*id, Server::new(options(*id))));
        Self {
            now: Instant::ORIGIN,
            servers: servers.collect(),
            membership,
            network: Network::default(),
            checker: Checker::default(),
            trace: Vec::new(),
        }
    }

    pub(crate) fn server(&mut self, id: ServerId) -> &mut Server {
        self.servers.get_mut(&id).unwrap()
    }

    /// A server that the membership does not name: a follower that does not vote.
    pub(crate) fn add(&mut self, id: ServerId) {
        self.servers.insert(id, Server::new(options(id)));
    }

    /// Starts a server from its disk.
    pub(crate) fn start(&mut self, id: ServerId) {
        let membership = Arc::clone(&self.membership);
        let server = self.server(id);
        assert!(server.zab.is_none(), "server {id} runs already");
        let membership = server.membership.clone().unwrap_or(membership);
        let recovered = server.disk.recover(server.options.committed_log_max);
        server.tree = server.disk.history();
        server.zab = Some(Zab::new(server.options.clone(), membership, recovered));
        self.step(id, Input::Start);
        self.connect_elections();
    }

    /// Kills a server. Of what it has written and not synced, `survive` records are on disk.
    pub(crate) fn crash(&mut self, id: ServerId, survive: usize) {
        let server = self.server(id);
        server.zab = None;
        let before = server.disk.history();
        server.disk.crash(survive);
        server.timers.clear();
        server.answers.clear();
        server.received = None;
        server.serving = None;
        self.check_forgotten(id, &before);
        self.network.crash(id);
        self.network.sweep();
    }

    /// Brings up every election link that can be.
    pub(crate) fn connect_elections(&mut self) {
        let running: Vec<ServerId> = self.running();
        for (index, a) in running.iter().enumerate() {
            for b in &running[index + 1..] {
                // Both ends must have noticed that the last connection is gone.
                if !self.network.is_open(*a, Link::election(*b))
                    && !self.network.is_open(*b, Link::election(*a))
                    && !self.network.is_blocked(*a, *b)
                {
                    self.network.connect(*a, Link::election(*b));
                    self.step(*a, Input::LinkUp(Link::election(*b)));
                    self.step(*b, Input::LinkUp(Link::election(*a)));
                }
            }
        }
    }

    pub(crate) fn running(&self) -> Vec<ServerId> {
        self.servers.iter().filter(|(_, server)| server.zab.is_some()).map(|(id, _)| *id).collect()
    }

    /// Delivers the first thing under way to one end of a connection.
    pub(crate) fn deliver(&mut self, place: Place) {
        let Some((id, link, item)) = self.network.take(place) else { return };
        match item {
            Item::Message(message) => {
                self.trace_message(id, link, &message);
                self.step(id, Input::Message { from: link, message });
            }
            Item::Snapshot(tree) => {
                self.server(id).received = Some(tree);
                self.step(id, Input::Request(Request::SnapshotReceived));
                self.step(link.peer, Input::Request(Request::SnapshotSent { to: id }));
            }
            Item::Closed => {
                self.network.sweep();
                self.step(id, Input::LinkDown(link));
            }
        }
    }

    /// Makes the oldest `count` records of a server durable.
    pub(crate) fn sync(&mut self, id: ServerId, count: usize) {
        let before = self.server(id).disk.history();
        if let Some(upto) = self.server(id).disk.sync(count) {
            self.check_forgotten(id, &before);
            self.step(id, Input::Persisted { upto });
        }
    }

    /// What a disk has lost and is committed must still be durable.
    fn check_forgotten(&mut self, id: ServerId, before: &Tree) {
        let after = self.server(id).disk.history();
        if !after.txns.starts_with(&before.txns) {
            let lost = before.txns.iter().filter(|txn| !after.txns.contains(txn));
            let committed = |txn: &&Txn| self.checker.committed.contains(txn);
            let lost: Vec<Txn> = lost.filter(committed).cloned().collect();
            self.check_durability(&lost);
        }
    }

    /// The newest membership that is committed.
    pub(crate) fn committed_membership(&self) -> &Arc<Membership> {
        let newest = self.checker.committed.iter().rev().find_map(|txn| txn.membership.as_ref());
        newest.unwrap_or(&self.membership)
    }

    /// Commit durability: transactions are on the disks of a quorum. With none given, the newest
    /// one is looked at, which every disk has behind all others.
    fn check_durability(&self, txns: &[Txn]) {
        let newest = self.checker.committed.last();
        for txn in txns.iter().chain(newest) {
            let mut holders = BTreeSet::new();
            for (id, server) in &self.servers {
                if server.disk.has(txn) {
                    holders.insert(*id);
                }
            }
            let durable = self.committed_membership().is_quorum(&holders);
            assert!(durable, "committed {} is only on {holders:?}", txn.zxid);
        }
    }

    /// The earliest timer of `wanted` kinds.
    pub(crate) fn next_timer(
        &self,
        wanted: impl Fn(Timer) -> bool,
    ) -> Option<(Instant, ServerId, Timer)> {
        let all = self.servers.iter().flat_map(|(id, server)| {
            server.timers.iter().map(move |(timer, at)| (*at, *id, *timer))
        });
        all.filter(|(_, _, timer)| wanted(*timer)).min()
    }

    /// Lets a timer come due, at its time or now if that has passed.
    pub(crate) fn fire(&mut self, (at, id, timer): (Instant, ServerId, Timer)) {
        self.now = self.now.max(at);
        self.server(id).timers.remove(&timer);
        self.step(id, Input::Timer(timer));
    }

    /// Has the leader, if there is one, propose.
    pub(crate) fn propose(&mut self, id: ServerId, text: &str) -> bool {
        self.propose_with(id, text, None)
    }

    pub(crate) fn propose_with(
        &mut self,
        id: ServerId,
        text: &str,
        membership: Option<Arc<Membership>>,
    ) -> bool {
        let next = self.server(id).zab.as_ref().and_then(Zab::next_zxid);
        let Some(zxid) = next else { return false };
        let membership = membership.map(|membership| {
            Arc::new(Membership { version: zxid, ..Membership::clone(&membership) })
        });
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let txn = Txn { zxid, bytes, membership };
        self.checker.on_propose(&txn);
        self.step(id, Input::Request(Request::Propose(txn)));
        true
    }

    /// Cuts or blocks, both ways.
    pub(crate) fn cut(&mut self, a: ServerId, b: ServerId) {
        self.network.blocked.insert((a, b));
        self.network.blocked.insert((b, a));
        for (id, link) in self.network.cut(a, b) {
            if self.servers[&id].zab.is_some() {
                self.step(id, Input::LinkDown(link));
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.network.blocked.clear();
        self.connect_elections();
    }

    pub(crate) fn step(&mut self, id: ServerId, input: Input<Zab>) {
        let now = Now { mono: self.now, wall_ms: 0 };
        let mut effects = Effects::new();
        let Some(zab) = &mut self.server(id).zab else { return };
        zab.step(now, input, &mut effects);
        let list: Vec<Effect<Zab>> = effects.drain().collect();
        for effect in list {
            self.carry_out(id, effect);
        }
        while let Some(answer) = self.server(id).answers.pop_front() {
            self.step(id, Input::Request(answer));
        }
    }

    fn carry_out(&mut self, id: ServerId, effect: Effect<Zab>) {
        match effect {
            Effect::Send { to, message } => {
                if let Message::Quorum(packet) = &message {
                    let disk = &self.servers[&id].disk;
                    self.checker.on_sent(id, packet, disk);
                }
                self.network.send(id, to, Item::Message(message));
            }
            Effect::Persist { seq, record } => self.persist(id, seq, record),
            Effect::SetTimer { timer, at } => {
                self.server(id).timers.insert(timer, at);
            }
            Effect::CancelTimer(timer) => {
                self.server(id).timers.remove(&timer);
            }
            Effect::Output(output) => self.output(id, output),
        }
    }

    fn persist(&mut self, id: ServerId, seq: PersistSeq, record: Record) {
        self.trace_record(id, &record);
        let server = self.servers.get_mut(&id).unwrap();
        if let Record::CurrentEpoch(epoch) = &record
            && server.zab.as_ref().is_some_and(|zab| zab.state() == PeerState::Leading)
        {
            self.checker.on_epoch_entered(id, *epoch, &server.tree);
        }
        server.disk.write(seq, record, server.received.as_ref());
    }

    fn output(&mut self, id: ServerId, output: Output) {
        self.trace_output(id, &output);
        let server = self.servers.get_mut(&id).unwrap();
        match output {
            Output::Looking { .. } => server.serving = None,
            Output::Joining { .. } | Output::Elected => {}
            Output::Serving { leader, epoch } => {
                server.serving = Some((leader, epoch));
                self.checker.on_serving(id, epoch, leader == id, &server.tree);
                self.check_durability(&[]);
            }
            Output::Deliver(txn) => {
                server.tree.apply(txn.clone());
                if server.serving.is_some() {
                    self.checker.on_committed(id, server.tree.txns.len() - 1, &txn);
                    self.check_durability(&[txn]);
                }
            }
            Output::Truncate { to } => {
                server.tree.truncate(to);
            }
            Output::InstallSnapshot { .. } => {
                server.tree = server.received.take().unwrap();
            }
            Output::SendSnapshot { to, zxid } => {
                let tree = Tree { zxid, ..server.tree.clone() };
                let snap = Message::Quorum(Packet::Snap { zxid });
                self.network.send(id, Link::learner(to), Item::Message(snap));
                self.network.send(id, Link::learner(to), Item::Snapshot(tree));
            }
            Output::ReceiveSnapshot { .. } => server.received = None,
            Output::ReadHistory { read, from, upto } => {
                let txns = server.disk.read(from, upto);
                server.answers.push_back(Request::HistoryRead { read, txns });
            }
            Output::Connect { leader } => self.connect(id, leader),
            Output::Disconnect { link, .. } => {
                self.network.close(id, link);
                self.network.sweep();
            }
            Output::Ping { zxid } => {
                server.answers.push_back(Request::Pong { zxid, touched: Bytes::new() });
            }
            Output::Activated(membership) => server.membership = Some(membership),
            Output::Forwarded { .. }
            | Output::Revalidate { .. }
            | Output::Revalidated(_)
            | Output::Touched { .. }
            | Output::Synced => {}
        }
    }

    fn connect(&mut self, id: ServerId, leader: ServerId) {
        let link = Link::leader(leader);
        let there = self.servers[&leader].zab.is_some() && !self.network.is_blocked(id, leader);
        if !there {
            return self.step(id, Input::LinkDown(link));
        }
        // The leader may not have noticed that the last connection is gone.
        if self.network.is_open(leader, Link::learner(id)) {
            self.network.close(leader, Link::learner(id));
            self.step(leader, Input::LinkDown(Link::learner(id)));
        }
        let back = self.network.connect(id, link);
        self.step(id, Input::LinkUp(link));
        self.step(leader, Input::LinkUp(back));
    }

    /// Lets everything happen that is due without the clock being to blame: messages, disks, and
    /// the timers that end an election or dial again.
    pub(crate) fn stabilize(&mut self) {
        for _ in 0..100_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// The next thing of [`World::stabilize`]; false if there is none.
    pub(crate) fn turn(&mut self) -> bool {
        if self.settle() {
            return true;
        }
        let soon = |timer| matches!(timer, Timer::Decide | Timer::Connect);
        let Some(timer) = self.next_timer(soon) else { return false };
        self.fire(timer);
        true
    }

    /// The next message or write; false if there is none.
    fn settle(&mut self) -> bool {
        self.connect_elections();
        if let Some(place) = self.network.deliverable().first() {
            self.deliver(*place);
        } else if let Some(id) = self.writing().first() {
            self.sync(*id, usize::MAX);
        } else {
            return false;
        }
        true
    }

    pub(crate) fn writing(&self) -> Vec<ServerId> {
        let writing = self.servers.iter().filter(|(_, s)| s.zab.is_some() && !s.disk.is_idle());
        writing.map(|(id, _)| *id).collect()
    }

    /// Lets time pass, with everything in between.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            while self.settle() {}
            match self.next_timer(|_| true).filter(|(at, _, _)| *at <= until) {
                Some(timer) => self.fire(timer),
                None => break,
            }
        }
        self.now = self.now.max(until);
    }
}

impl Server {
    fn new(options: ZabOptions) -> Self {
        Self {
            zab: None,
            disk: Disk::default(),
            tree: Tree::default(),
            options,
            timers: BTreeMap::new(),
            received: None,
            membership: None,
            answers: VecDeque::new(),
            serving: None,
        }
    }
}

/// A test that fails shows how it came to it.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let shown = self.trace.len().saturating_sub(100);
            self.trace[shown..].iter().for_each(|line| println!("{line}"));
        }
    }
}
