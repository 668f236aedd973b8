//! A standalone server in memory: a peer, its tree and its watches, driven as production drives them,
//! with a disk that is always done.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Mutex, Weak};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use zoarium_peer::{
    ClientRequest, Connect, Delivery, EnsembleOptions, Order, Origin, Output, Peer, PeerOptions,
    Request, Route, Timer, answer_closed, answer_delivery, answer_refusal, answer_sync,
};
use zoarium_process::{Effect, Effects, Input, Now};
use zoarium_proto::connect::{ConnectRequest, ConnectResponse};
use zoarium_proto::reply::{ReplyHeader, put_frame, put_header_frame};
use zoarium_proto::request::RequestHeader;
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{ConnId, Id, OpCode, Reader, SessionId, WatchedEvent, Xid};
use zoarium_tree::access::{AccessRules, Identities};
use zoarium_tree::read::{self, ReadContext};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Change, Tree, TreeOptions};

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(20);

/// The server's end of a connection.
struct Connection {
    session: Option<SessionId>,
    is_dialed: bool,
    order: Order,
    answered: u64,
    /// Dropped when the server closes the connection.
    frames: mpsc::UnboundedSender<Vec<u8>>,
}

pub(crate) struct Server {
    origin: Instant,
    peer: Peer,
    tree: Tree,
    watches: Watches,
    rules: AccessRules,
    connections: BTreeMap<ConnId, Connection>,
    last_connection: u64,
    timers: BTreeMap<Timer, zoarium_process::Instant>,
    heard: BTreeMap<SessionId, zoarium_process::Instant>,
}

fn options() -> PeerOptions {
    PeerOptions {
        server_id: 1,
        tick: Duration::from_millis(100),
        session_timeout_ms_min: 200,
        session_timeout_ms_max: 60_000,
        ttl_enabled: true,
        quota_enforced: true,
        digest_enabled: true,
        close_session_lists: true,
        reconfig_enabled: false,
        txn_bytes_max: 2 * 0xF_FFFF,
        reaper_interval: Duration::from_millis(500),
        reaper_per_minute_max: 10_000,
        container_never_used_max: None,
        leader_serves: true,
        access: AccessRules::default(),
        ensemble: EnsembleOptions::default(),
    }
}

fn anybody() -> Identities {
    Identities::new([Id::new("ip", "127.0.0.1")])
}

/// Lets a server's timers fire for as long as it is there.
pub(crate) async fn tick(server: Weak<Mutex<Server>>) {
    while let Some(server) = server.upgrade() {
        server.lock().unwrap().fire_timers();
        drop(server);
        tokio::time::sleep(TICK).await;
    }
}

impl Server {
    pub(crate) fn new(origin: Instant) -> Self {
        let tree = Tree::new(TreeOptions::default());
        let now = Now { mono: zoarium_process::Instant::ORIGIN, wall_ms: 1_000_000 };
        let mut server = Self {
            origin,
            peer: Peer::new(options(), &tree, now),
            tree,
            watches: Watches::new(0),
            rules: AccessRules::default(),
            connections: BTreeMap::new(),
            last_connection: 0,
            timers: BTreeMap::new(),
            heard: BTreeMap::new(),
        };
        server.step(Input::Start);
        server
    }

    pub(crate) fn children(&self, path: &str) -> Vec<String> {
        let (mut out, mut watches) = (Vec::new(), Watches::new(0));
        let (session, conn, xid) = (SessionId::NONE, ConnId(0), Xid(1));
        let ids = &anybody();
        let cx = ReadContext { tree: &self.tree, rules: &self.rules, ids, session, conn, xid };
        let mut body = Vec::new();
        zoarium_proto::jute::put_text(&mut body, path);
        body.push(0);
        read::answer(OpCode::GetChildren, &body, &cx, &mut watches, &mut out);
        // Behind the frame's length and the header.
        let mut reader = Reader::new(&out[4 + 16..]);
        let count = reader.int().unwrap_or(0);
        (0..count).map(|_| reader.text().unwrap().unwrap().into_owned()).collect()
    }

    pub(crate) fn watches(&self) -> usize {
        self.watches.len()
    }

    fn now(&self) -> Now {
        let since = self.origin.elapsed();
        let wall_ms = 1_000_000 + i64::try_from(since.as_millis()).unwrap();
        Now { mono: zoarium_process::Instant::from_origin(since), wall_ms }
    }

    fn fire_timers(&mut self) {
        let now = self.now().mono;
        let due = self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer);
        for timer in due.collect::<Vec<_>>() {
            self.timers.remove(&timer);
            let heard = std::mem::take(&mut self.heard).into_iter().collect();
            self.step(Input::Request(Request::Heard(heard)));
            self.step(Input::Timer(timer));
        }
    }

    fn step(&mut self, input: Input<Peer>) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut effects = Effects::new();
            self.peer.step(self.now(), &self.tree, input, &mut effects);
            for effect in effects.drain().collect::<Vec<_>>() {
                match effect {
                    Effect::Persist { seq: upto, .. } => inputs.push(Input::Persisted { upto }),
                    Effect::SetTimer { timer, at } => drop(self.timers.insert(timer, at)),
                    Effect::CancelTimer(timer) => drop(self.timers.remove(&timer)),
                    Effect::Output(output) => self.carry_out(output),
                    Effect::Send { .. } => unreachable!("it is alone"),
                }
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for ensembles")]
    fn carry_out(&mut self, output: Output) {
        let mut out = Vec::new();
        match output {
            Output::Deliver(delivery) => self.deliver(&delivery),
            Output::Answer(request) => {
                let (conn, xid, body) = (request.conn, request.xid, &request.body);
                match request.op {
                    OpCode::Sync => answer_sync(xid, self.tree.last_zxid(), body, &mut out),
                    op => self.read(op, conn, request.session, xid, body, &mut out),
                }
                self.reply(conn, out);
            }
            Output::Refuse { conn, xid, error } => {
                answer_refusal(xid, self.tree.last_zxid(), error, &mut out);
                self.reply(conn, out);
            }
            Output::Closed { conn, xid } => {
                answer_closed(xid, self.tree.last_zxid(), &mut out);
                self.reply(conn, out);
            }
            Output::Connected { conn, response } => self.connected(conn, &response),
            Output::Close { conn } => self.close(conn),
            Output::Unanswered { .. } | Output::OverQuota(_) | Output::PutConfig(_) => {}
            other => unreachable!("{other:?}"),
        }
    }

    fn deliver(&mut self, delivery: &Delivery) {
        let txn = LoggedTxn::decode(&delivery.txn).unwrap();
        let (mut events, mut out) = (Vec::new(), Vec::new());
        let watches = &mut self.watches;
        let applied = self.tree.apply(&txn, &mut |change: Change<'_>| {
            watches.trigger(&change, &mut |conn, kind, path, _| {
                let mut frame = Vec::new();
                let event = WatchedEvent { kind, path: path.into(), zxid: Some(change.zxid) };
                put_frame(&mut frame, |out| event.encode(out));
                events.push((conn, frame));
            });
        });
        if let Some(Origin::Request { xid, op, .. }) = delivery.origin {
            answer_delivery(xid, op, &txn, &applied, &mut out);
        }
        for (conn, frame) in events {
            self.send(conn, frame);
        }
        match delivery.origin {
            Some(Origin::Request { conn, .. }) => self.reply(conn, out),
            Some(Origin::Connect { conn, session, timeout_ms, read_only }) => {
                let password = session.password();
                let response = ConnectResponse { timeout_ms, session, password, read_only };
                self.connected(conn, &response);
            }
            None => {}
        }
    }

    fn connected(&mut self, conn: ConnId, response: &ConnectResponse) {
        let mut frame = Vec::new();
        put_frame(&mut frame, |out| response.encode(out));
        self.send(conn, frame);
        match self.connections.get_mut(&conn) {
            Some(connection) if response.timeout_ms > 0 => {
                connection.session = Some(response.session);
            }
            _ => self.close(conn),
        }
    }

    fn reply(&mut self, conn: ConnId, frame: Vec<u8>) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.answered += 1;
            connection.order.on_answered(connection.answered);
        }
        self.send(conn, frame);
    }

    fn send(&mut self, conn: ConnId, frame: Vec<u8>) {
        if let Some(connection) = self.connections.get(&conn) {
            // Its client may have gone.
            let _gone = connection.frames.send(frame);
        }
    }

    fn read(
        &mut self,
        op: OpCode,
        conn: ConnId,
        session: SessionId,
        xid: Xid,
        body: &[u8],
        out: &mut Vec<u8>,
    ) {
        let ids = &anybody();
        let cx = ReadContext { tree: &self.tree, rules: &self.rules, ids, session, conn, xid };
        read::answer(op, body, &cx, &mut self.watches, out);
    }

    /// A new connection: what it is called, and what the server sends on it.
    pub(crate) fn connect(&mut self) -> (u64, mpsc::UnboundedReceiver<Vec<u8>>) {
        self.last_connection += 1;
        let (frames, receiver) = mpsc::unbounded_channel();
        let order = Order::default();
        let connection = Connection { session: None, is_dialed: false, order, answered: 0, frames };
        self.connections.insert(ConnId(self.last_connection), connection);
        (self.last_connection, receiver)
    }

    /// A connection is gone.
    pub(crate) fn disconnect(&mut self, call: u64) {
        self.close(ConnId(call));
    }

    fn close(&mut self, conn: ConnId) {
        if self.connections.remove(&conn).is_some() {
            self.watches.remove_connection(conn);
            self.step(Input::Request(Request::Disconnected { conn }));
        }
    }

    /// A frame has come, without its length.
    pub(crate) fn take(&mut self, call: u64, frame: Vec<u8>) {
        let conn = ConnId(call);
        let now = self.now().mono;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let frame = Bytes::from(frame);
        let mut reader = Reader::new(&frame);
        if !std::mem::replace(&mut connection.is_dialed, true) {
            let asked = ConnectRequest::decode(&mut reader).unwrap();
            let (last_zxid_seen, timeout_ms) = (asked.last_zxid_seen, asked.timeout_ms);
            let password = Bytes::copy_from_slice(asked.password.unwrap_or_default());
            let (session, read_only) = (asked.session, asked.read_only);
            let connect =
                Connect { conn, last_zxid_seen, timeout_ms, session, password, read_only };
            return self.step(Input::Request(Request::Connect(connect)));
        }
        let header = RequestHeader::decode(&mut reader).unwrap();
        let (op, xid) = (header.op().unwrap(), header.xid);
        let Some(session) = connection.session else { return };
        self.heard.insert(session, now);
        let body = frame.slice(reader.offset()..);
        match (connection.order.route(op), op) {
            (Route::Here, OpCode::Ping) => {
                let mut out = Vec::new();
                put_header_frame(&mut out, ReplyHeader::ok(xid, self.tree.last_zxid()));
                self.send(conn, out);
            }
            (Route::Here, _) => {
                let mut out = Vec::new();
                self.read(op, conn, session, xid, &body, &mut out);
                self.send(conn, out);
            }
            (Route::PeerLoop, _) => {
                let identities = anybody();
                let request = ClientRequest { conn, session, xid, op, body, identities };
                self.step(Input::Request(Request::Client(request)));
            }
        }
    }
}
