//! A driver for one peer, with what must hold of every step checked on the way.

use super::ask::Ask;
use super::front::Front;
use crate::{Connect, EnsembleOptions, Output, Peer, PeerOptions, Request, Timer};
use bytes::Bytes;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;
use zoarium_process::{Effect, Effects, Input, Instant, Now, PersistSeq};
use zoarium_proto::txn::{LoggedTxn, Txn};
use zoarium_proto::{ConnId, SessionId, Zxid};
use zoarium_tree::access::AccessRules;
use zoarium_tree::{Tree, TreeOptions};
use zoarium_zab::Record;

/// The wall clock when monotonic time is 0.
pub(super) const WALL_MS: i64 = 1_000_000;

/// A server of one peer, its disk and its clients.
#[derive(Debug)]
pub(super) struct World {
    pub(super) options: PeerOptions,
    pub(super) peer: Peer,
    pub(super) front: Front,
    pub(super) mono_ms: u64,
    pub(super) wall_ms: i64,
    effects: Effects<Peer>,
    timers: BTreeMap<Timer, Instant>,
    /// Every transaction proposed, and how many of them are durable.
    pub(super) log: Vec<Bytes>,
    durable: usize,
    /// What the peer has told and is not yet carried out.
    outputs: VecDeque<Output>,
    heard: BTreeMap<SessionId, Instant>,
}

pub(super) fn options() -> PeerOptions {
    PeerOptions {
        server_id: 1,
        tick: Duration::from_millis(2000),
        session_timeout_ms_min: 4000,
        session_timeout_ms_max: 40_000,
        ttl_enabled: true,
        quota_enforced: true,
        digest_enabled: true,
        close_session_lists: true,
        reconfig_enabled: true,
        txn_bytes_max: 2 * 0xF_FFFF,
        reaper_interval: Duration::from_secs(60),
        reaper_per_minute_max: 10_000,
        container_never_used_max: None,
        leader_serves: true,
        access: AccessRules::default(),
        ensemble: EnsembleOptions::default(),
    }
}

impl World {
    /// Over an empty tree.
    pub(super) fn new() -> Self {
        Self::configured(|_| {})
    }

    /// With options other than the usual ones.
    pub(super) fn configured(change: impl FnOnce(&mut PeerOptions)) -> Self {
        let mut options = options();
        change(&mut options);
        Self::with(options, Tree::new(TreeOptions::default()))
    }

    pub(super) fn with(options: PeerOptions, tree: Tree) -> Self {
        let now = Now { mono: Instant::ORIGIN, wall_ms: WALL_MS };
        let mut world = Self {
            peer: Peer::new(options.clone(), &tree, now),
            front: Front::new(tree, options.access.clone()),
            options,
            mono_ms: 0,
            wall_ms: WALL_MS,
            effects: Effects::new(),
            timers: BTreeMap::new(),
            log: Vec::new(),
            durable: 0,
            outputs: VecDeque::new(),
            heard: BTreeMap::new(),
        };
        world.step(Input::Start);
        world
    }

    /// Replaces the peer by one that starts from the tree. What is not durable is lost.
    pub(super) fn restart(&mut self) {
        self.persist(0);
        self.log.truncate(self.durable);
        self.front.crash();
        self.timers.clear();
        self.peer = Peer::new(self.options.clone(), &self.front.tree, self.now());
        self.log.clear();
        self.durable = 0;
        self.step(Input::Start);
    }

    fn now(&self) -> Now {
        Now {
            mono: Instant::from_origin(Duration::from_millis(self.mono_ms)),
            wall_ms: self.wall_ms,
        }
    }

    /// Opens a session, or asks to renew one.
    pub(super) fn connect(&mut self, connect: Connect) {
        self.front.connect(connect.conn, connect.session);
        self.step(Input::Request(Request::Connect(connect)));
    }

    pub(super) fn disconnect(&mut self, conn: ConnId) {
        self.front.disconnect(conn);
        self.step(Input::Request(Request::Disconnected { conn }));
    }

    pub(super) fn request(&mut self, conn: ConnId, ask: Ask) {
        let request = self.front.request(conn, ask);
        self.step(Input::Request(Request::Client(request)));
    }

    pub(super) fn disk_full(&mut self, full: bool) {
        self.step(Input::Request(Request::DiskFull(full)));
    }

    /// Notes a sign of life of a connection's client, to be reported before the next tick.
    pub(super) fn hear(&mut self, conn: ConnId) {
        self.heard.insert(self.front.session(conn), self.now().mono);
    }

    /// Lets time pass, timers fire on the way.
    pub(super) fn advance_to(&mut self, mono_ms: u64, mut after_each: impl FnMut(&mut Self)) {
        loop {
            let next =
                self.timers.iter().min_by_key(|(_, at)| **at).map(|(timer, at)| (*timer, *at));
            let due = next.map(|(timer, at)| (timer, millis(at)));
            let Some((timer, at_ms)) = due.filter(|(_, at_ms)| *at_ms <= mono_ms) else { break };
            self.pass_time(at_ms.max(self.mono_ms));
            self.timers.remove(&timer);
            if timer == Timer::Sessions {
                let heard = core::mem::take(&mut self.heard).into_iter().collect();
                self.step(Input::Request(Request::Heard(heard)));
            }
            self.step(Input::Timer(timer));
            after_each(self);
        }
        self.pass_time(mono_ms);
    }

    /// Lets time pass; no timer fires.
    pub(super) fn pass_time(&mut self, mono_ms: u64) {
        self.wall_ms += i64::try_from(mono_ms - self.mono_ms).unwrap();
        self.mono_ms = mono_ms;
    }

    /// How many proposals are not durable.
    pub(super) const fn volatile(&self) -> usize {
        self.log.len() - self.durable
    }

    /// Makes the next `count` proposals durable.
    pub(super) fn persist(&mut self, count: usize) {
        self.durable = self.log.len().min(self.durable + count);
        let upto = PersistSeq(u64::try_from(self.durable).unwrap());
        self.step(Input::Persisted { upto });
        self.deliver(usize::MAX);
    }

    /// Makes proposals durable without carrying out what follows.
    pub(super) fn persist_only(&mut self, count: usize) {
        self.durable = self.log.len().min(self.durable + count);
        let upto = PersistSeq(u64::try_from(self.durable).unwrap());
        self.step(Input::Persisted { upto });
    }

    /// Carries out the next `count` outputs.
    pub(super) fn deliver(&mut self, count: usize) {
        for _ in 0..count.min(self.outputs.len()) {
            let output = self.outputs.pop_front().unwrap();
            if let Some(output) = self.front.carry_out(output) {
                panic!("{output:?} of a standalone server");
            }
        }
    }

    /// Makes everything durable and carries it out.
    pub(super) fn settle(&mut self) {
        self.persist(self.volatile());
        assert_eq!(self.peer.proposals(), 0);
    }

    fn step(&mut self, input: Input<Peer>) {
        let now = self.now();
        self.peer.step(now, &self.front.tree, input, &mut self.effects);
        let effects: Vec<_> = self.effects.drain().collect();
        for effect in effects {
            match effect {
                Effect::Persist { seq, record } => self.on_persist(seq, record),
                Effect::SetTimer { timer, at } => {
                    self.timers.insert(timer, at);
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Output(output) => self.outputs.push_back(output),
                Effect::Send { to, message } => panic!("{message:?} for {to:?}, whom nobody knows"),
            }
        }
    }

    fn on_persist(&mut self, seq: PersistSeq, record: Record) {
        let Record::Append(zoarium_zab::Txn { zxid, bytes: txn, .. }) = record else {
            panic!("{record:?} of a standalone server")
        };
        let logged = LoggedTxn::decode(&txn).unwrap();
        let mut again = Vec::new();
        logged.encode(&mut again);
        // A closeSession without its list is read as one with an empty list.
        let no_paths = matches!(&logged.txn, Txn::CloseSession { paths } if paths.is_empty());
        if logged.digest.is_some() || !no_paths {
            assert_eq!(again, txn, "{zxid} is not the encoding of what it decodes to");
        }
        assert_eq!(logged.header.zxid, zxid);
        let in_log = self.log.len() - self.durable + self.undelivered_txns();
        let expected = self.front.tree.last_zxid().0 + u64::try_from(in_log).unwrap() + 1;
        assert_eq!(zxid, Zxid(expected), "zxids are consecutive");
        assert!(txn.len() <= self.options.txn_bytes_max, "{zxid} has {} bytes", txn.len());
        self.log.push(txn);
        assert_eq!(seq, PersistSeq(u64::try_from(self.log.len()).unwrap()));
    }

    fn undelivered_txns(&self) -> usize {
        self.outputs.iter().filter(|output| matches!(output, Output::Deliver(_))).count()
    }
}

fn millis(at: Instant) -> u64 {
    u64::try_from(at.since_origin().as_millis()).unwrap()
}
