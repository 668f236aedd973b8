//! A driver for one peer, with what must hold of every step checked on the way.

use super::ask::Ask;
use super::reply_text::{error_text, result_text};
use crate::{
    ClientRequest, Connect, Delivery, Origin, Output, Peer, PeerOptions, Request, Timer,
    answer_delivery, answer_refusal, answer_sync,
};
use bytes::Bytes;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::format;
use std::string::String;
use std::vec::Vec;
use zoarium_process::{Effect, Effects, Input, Instant, Now, PersistSeq};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::txn::{LoggedTxn, Txn};
use zoarium_proto::{ConnId, Id, OpCode, Reader, SessionId, Xid, Zxid};
use zoarium_tree::access::{AccessRules, Identities};
use zoarium_tree::read::{self, ReadContext};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Change, Outcome, Tree, TreeOptions};
use zoarium_zab::Record;

/// The wall clock when monotonic time is 0.
pub(super) const WALL_MS: i64 = 1_000_000;

/// A server of one peer, its disk and its clients.
#[derive(Debug)]
pub(super) struct World {
    pub(super) options: PeerOptions,
    pub(super) peer: Peer,
    pub(super) tree: Tree,
    watches: Watches,
    pub(super) mono_ms: u64,
    pub(super) wall_ms: i64,
    effects: Effects<Peer>,
    timers: BTreeMap<Timer, Instant>,
    /// Every transaction proposed, and how many of them are durable.
    pub(super) log: Vec<Bytes>,
    durable: usize,
    /// What the peer has told and is not yet carried out.
    outputs: VecDeque<Output>,
    clients: BTreeMap<ConnId, Client>,
    heard: BTreeMap<SessionId, Instant>,
    /// What everybody was told, in order.
    pub(super) told: Vec<String>,
}

#[derive(Debug)]
struct Client {
    session: SessionId,
    identities: Identities,
    last_xid: i32,
    waiting: VecDeque<(Xid, OpCode)>,
    last_zxid: i64,
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
            options,
            tree,
            watches: Watches::new(1),
            mono_ms: 0,
            wall_ms: WALL_MS,
            effects: Effects::new(),
            timers: BTreeMap::new(),
            log: Vec::new(),
            durable: 0,
            outputs: VecDeque::new(),
            clients: BTreeMap::new(),
            heard: BTreeMap::new(),
            told: Vec::new(),
        };
        world.step(Input::Start);
        world
    }

    /// Replaces the peer by one that starts from the tree. What is not durable is lost.
    pub(super) fn restart(&mut self) {
        self.persist(0);
        self.log.truncate(self.durable);
        self.clients.clear();
        self.timers.clear();
        self.watches = Watches::new(1);
        self.peer = Peer::new(self.options.clone(), &self.tree, self.now());
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
        let client = Client {
            session: connect.session,
            identities: Identities::new([Id::new("ip", "127.0.0.1")]),
            last_xid: 0,
            waiting: VecDeque::new(),
            last_zxid: 0,
        };
        let before = self.clients.insert(connect.conn, client);
        assert!(before.is_none(), "a connection connects twice");
        self.step(Input::Request(Request::Connect(connect)));
    }

    pub(super) fn disconnect(&mut self, conn: ConnId) {
        self.clients.remove(&conn);
        self.watches.remove_connection(conn);
        self.step(Input::Request(Request::Disconnected { conn }));
    }

    /// The session of a connection.
    pub(super) fn session(&self, conn: ConnId) -> SessionId {
        self.clients[&conn].session
    }

    /// The connections that are up.
    pub(super) fn conns(&self) -> Vec<ConnId> {
        self.clients.keys().copied().collect()
    }

    pub(super) fn add_identity(&mut self, conn: ConnId, id: Id) {
        let client = self.clients.get_mut(&conn).unwrap();
        client.identities = client.identities.with([id]).unwrap();
    }

    pub(super) fn request(&mut self, conn: ConnId, ask: Ask) {
        let client = self.clients.get_mut(&conn).unwrap();
        client.last_xid += 1;
        let xid = Xid(client.last_xid);
        client.waiting.push_back((xid, ask.op));
        let (session, identities) = (client.session, client.identities.clone());
        let (op, body) = (ask.op, ask.body.into());
        let request = ClientRequest { conn, session, xid, op, body, identities };
        self.step(Input::Request(Request::Client(request)));
    }

    pub(super) fn disk_full(&mut self, full: bool) {
        self.step(Input::Request(Request::DiskFull(full)));
    }

    /// Notes a sign of life of a connection's client, to be reported before the next tick.
    pub(super) fn hear(&mut self, conn: ConnId) {
        self.heard.insert(self.session(conn), self.now().mono);
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
            self.carry_out(output);
        }
    }

    /// Makes everything durable and carries it out.
    pub(super) fn settle(&mut self) {
        self.persist(self.volatile());
        assert_eq!(self.peer.proposals(), 0);
    }

    fn step(&mut self, input: Input<Peer>) {
        let now = self.now();
        self.peer.step(now, &self.tree, input, &mut self.effects);
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
        let expected = self.tree.last_zxid().0 + u64::try_from(in_log).unwrap() + 1;
        assert_eq!(zxid, Zxid(expected), "zxids are consecutive");
        assert!(txn.len() <= self.options.txn_bytes_max, "{zxid} has {} bytes", txn.len());
        self.log.push(txn);
        assert_eq!(seq, PersistSeq(u64::try_from(self.log.len()).unwrap()));
    }

    fn undelivered_txns(&self) -> usize {
        self.outputs.iter().filter(|output| matches!(output, Output::Deliver(_))).count()
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Deliver(delivery) => self.apply(&delivery),
            Output::Answer(request) => self.answer(&request),
            Output::Refuse { conn, xid, error } => {
                let mut out = Vec::new();
                answer_refusal(xid, self.tree.last_zxid(), error, &mut out);
                self.take_reply(conn, &out);
            }
            Output::Connected { conn, response } => self.take_response(conn, &response),
            Output::OverQuota(over) => {
                let excess = over.excess;
                let kind = if excess.is_hard { "hard" } else { "soft" };
                let (measure, value, limit) = (excess.measure, excess.value, excess.limit);
                let prefix = over.prefix;
                self.tell(format!("over quota of {prefix}: {kind} {measure:?} {value} > {limit}"));
            }
            Output::Close { conn } => {
                if self.clients.remove(&conn).is_some() {
                    self.watches.remove_connection(conn);
                    self.tell(format!("c{conn} closed"));
                }
            }
            Output::Unanswered { .. }
            | Output::Looking { .. }
            | Output::Joining { .. }
            | Output::Elected
            | Output::Serving { .. }
            | Output::Truncate { .. }
            | Output::SendSnapshot { .. }
            | Output::ReceiveSnapshot { .. }
            | Output::InstallSnapshot { .. }
            | Output::ReadHistory { .. }
            | Output::Dial { .. }
            | Output::Disconnect { .. }
            | Output::Activated(_) => panic!("{output:?} of a standalone server"),
        }
    }

    fn apply(&mut self, delivery: &Delivery) {
        let txn = LoggedTxn::decode(&delivery.txn).unwrap();
        let mut events = Vec::new();
        let watches = &mut self.watches;
        let applied = self.tree.apply(&txn, &mut |change: Change<'_>| {
            watches.trigger(&change, &mut |conn, event, path, _| {
                events.push(format!("c{conn} {event:?} {path}"));
            });
        });
        events.into_iter().for_each(|event| self.tell(event));
        if txn.digest.is_some() {
            assert_eq!(applied.digest_matches, Some(true), "digest after {:?}", txn);
        }
        let refused = matches!(txn.txn, Txn::Error { .. });
        assert_eq!(matches!(applied.outcome, Outcome::Error(_)), refused, "{:?}", applied.outcome);
        match delivery.origin {
            Some(Origin::Request { conn, xid, op }) => {
                let mut out = Vec::new();
                answer_delivery(xid, op, &txn, &applied, &mut out);
                self.take_reply(conn, &out);
            }
            Some(Origin::Connect { conn, session, timeout_ms, read_only }) => {
                let password = session.password();
                let response = ConnectResponse { timeout_ms, session, password, read_only };
                self.take_response(conn, &response);
            }
            None => {}
        }
    }

    fn answer(&mut self, request: &ClientRequest) {
        let ClientRequest { conn, session, xid, op, body, identities } = request;
        let mut out = Vec::new();
        if *op == OpCode::Sync {
            answer_sync(*xid, self.tree.last_zxid(), body, &mut out);
        } else {
            let cx = ReadContext {
                tree: &self.tree,
                rules: &self.options.access,
                ids: identities,
                session: *session,
                conn: *conn,
                xid: *xid,
            };
            read::answer(*op, body, &cx, &mut self.watches, &mut out);
        }
        self.take_reply(*conn, &out);
    }

    fn take_reply(&mut self, conn: ConnId, frame: &[u8]) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        let mut frames = Reader::new(frame);
        let mut reader = Reader::new(frames.buffer().unwrap().unwrap());
        assert!(frames.is_at_end());
        let (expected, op) = client.waiting.pop_front().unwrap();
        let (xid, zxid, error) =
            (reader.int().unwrap(), reader.long().unwrap(), reader.int().unwrap());
        assert_eq!(xid, expected.0, "replies come in the order of requests");
        assert!(zxid >= client.last_zxid, "{zxid:#x} told after {:#x}", client.last_zxid);
        client.last_zxid = zxid;
        let text = match error {
            0 => result_text(op, &mut reader),
            error => error_text(error),
        };
        assert!(reader.is_at_end(), "more bytes than a reply to {op:?} has");
        self.tell(format!("c{conn} #{xid} {zxid:#x} {text}"));
    }

    fn take_response(&mut self, conn: ConnId, response: &ConnectResponse) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        let ConnectResponse { timeout_ms, session, password, read_only } = *response;
        if timeout_ms == 0 {
            assert_eq!((session, password), (SessionId::NONE, [0; 16]));
            self.clients.remove(&conn);
            return self.tell(format!("c{conn} expired"));
        }
        client.session = session;
        assert_eq!(password, session.password());
        let read_only = read_only.map_or_else(String::new, |value| format!(" read-only={value}"));
        self.tell(format!("c{conn} connected for {timeout_ms} ms{read_only}"));
    }

    fn tell(&mut self, text: String) {
        self.told.push(text);
    }
}

fn millis(at: Instant) -> u64 {
    u64::try_from(at.since_origin().as_millis()).unwrap()
}
