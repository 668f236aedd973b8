//! The peer: one match over what can happen.

use crate::options::PeerOptions;
use crate::pipeline::{Delivery, Origin, Pipeline};
use crate::prep::{Context, Prep, Undecodable};
use crate::request::{ClientRequest, Connect, LogRecord, Output, Request, Timer};
use crate::sessions::Sessions;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use bytes::{Bytes, BytesMut};
use core::time::Duration;
use zoarium_process::{Effects, Input, Instant, Now, PersistSeq};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{ConnId, ErrorCode, OpCode, SessionId, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::access::Identities;

/// One member of an ensemble; standalone, the only one.
#[derive(Debug)]
pub struct Peer {
    options: PeerOptions,
    sessions: Sessions,
    prep: Prep,
    pipeline: Pipeline,
    /// The zxid of the newest proposal.
    last_zxid: Zxid,
    next_session: SessionId,
    disk_full: bool,
    /// Who the peer itself is when it asks.
    nobody: Identities,
    /// Containers and TTL znodes found due and not yet proposed.
    to_reap: VecDeque<String>,
    /// Where encoded transactions are cut from, so that they share allocations.
    encoded: BytesMut,
}

/// How many transaction bytes share an allocation.
const ENCODED_CHUNK_BYTES: usize = 64 * 1024;

impl Peer {
    /// A peer whose history is `tree`. Every session of the tree gets its timeout in full.
    pub fn new(options: PeerOptions, tree: &Tree, now: Now) -> Self {
        let mut sessions = Sessions::new(options.tick);
        for (id, timeout_ms) in tree.sessions() {
            sessions.add(*id, *timeout_ms, now.mono);
        }
        let start_ms = u64::try_from(now.wall_ms).unwrap_or(0);
        let first = SessionId::first(options.server_id, start_ms);
        let own = |id: &&SessionId| id.server_id() == options.server_id;
        let newest_known = tree.sessions().keys().rev().find(own).copied();
        Self {
            prep: Prep::new(tree, options.digest_enabled),
            sessions,
            pipeline: Pipeline::default(),
            last_zxid: tree.last_zxid(),
            next_session: newest_known.map_or(first, |known| first.max(beyond(known, tree))),
            disk_full: false,
            nobody: Identities::new([]),
            to_reap: VecDeque::new(),
            encoded: BytesMut::new(),
            options,
        }
    }

    /// A peer with the same settings and another history, as after a restore. Nothing may be under
    /// way in this one.
    ///
    /// # Panics
    /// If something is.
    #[must_use]
    pub fn with_history(&self, tree: &Tree, now: Now) -> Self {
        assert_eq!(self.proposals(), 0, "proposals would be lost with the old history");
        let mut peer = Self::new(self.options.clone(), tree, now);
        // Numbers of sessions that clients have seen are not handed out again.
        peer.next_session = peer.next_session.max(self.next_session);
        peer
    }

    /// Takes one input. `tree` is the state as far as it is applied.
    pub fn step(&mut self, now: Now, tree: &Tree, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, effects),
            Input::Request(Request::Connect(connect)) => {
                self.on_connect(now, tree, &connect, effects);
            }
            Input::Request(Request::Client(request)) => {
                self.on_client(now, tree, request, effects);
            }
            Input::Request(Request::Refuse { conn, xid, error }) => {
                self.pass(conn, Output::Refuse { conn, xid, error }, effects);
            }
            Input::Request(Request::Disconnected { conn }) => self.sessions.disconnected(conn),
            Input::Request(Request::Heard(sessions)) => {
                sessions.into_iter().for_each(|(id, at)| self.sessions.heard(id, at));
            }
            Input::Request(Request::DiskFull(full)) => self.disk_full = full,
            Input::Timer(Timer::Sessions) => self.on_sessions_timer(now, tree, effects),
            Input::Timer(Timer::Reaper) => self.on_reaper_timer(now, tree, effects),
            Input::Persisted { upto } => self.on_persisted(now, upto, effects),
            Input::LinkUp(id) | Input::LinkDown(id) => {
                unreachable!("a standalone server has no link to {id:?}")
            }
            Input::Message { message, .. } => match message {},
        }
    }

    /// The sessions by deadline, for operators.
    pub fn session_buckets(&self) -> impl Iterator<Item = (Instant, &BTreeSet<SessionId>)> {
        self.sessions.buckets()
    }

    /// Number of proposals that are not yet committed.
    pub const fn proposals(&self) -> usize {
        self.pipeline.proposals()
    }

    fn on_start(&self, now: Now, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Sessions, self.sessions.next_tick(now.mono));
        effects.set_timer(Timer::Reaper, now.mono + self.options.reaper_interval);
    }

    fn on_connect(
        &mut self,
        now: Now,
        tree: &Tree,
        connect: &Connect,
        effects: &mut Effects<Self>,
    ) {
        let conn = connect.conn;
        // This server has not seen what the client has: it must find another.
        if connect.last_zxid_seen > tree.last_zxid().to_wire() {
            return effects.output(Output::Close { conn });
        }
        let timeout_ms = connect
            .timeout_ms
            .clamp(self.options.session_timeout_ms_min, self.options.session_timeout_ms_max);
        if connect.session == SessionId::NONE {
            return self.open_session(now, tree, connect, timeout_ms, effects);
        }
        let session = connect.session;
        // Session ids are no secret: any stat of an ephemeral has one. Only who has the password
        // too may take the session from the connection it is on.
        let entitled = connect.password == session.password()[..];
        if entitled && let Some(before) = self.sessions.detach(session) {
            effects.output(Output::Close { conn: before });
        }
        let response = if entitled && self.sessions.is_open(session) {
            self.sessions.renew(session, timeout_ms, conn, now.mono);
            ConnectResponse {
                timeout_ms,
                session,
                password: session.password(),
                read_only: connect.read_only.map(|_| false),
            }
        } else {
            ConnectResponse::expired(connect.read_only.map(|_| false))
        };
        effects.output(Output::Connected { conn, response });
    }

    fn open_session(
        &mut self,
        now: Now,
        tree: &Tree,
        connect: &Connect,
        timeout_ms: i32,
        effects: &mut Effects<Self>,
    ) {
        if self.disk_full {
            return effects.output(Output::Close { conn: connect.conn });
        }
        let session = self.next_session;
        self.next_session = session.next();
        let zxid = self.next_zxid();
        let cx = Context {
            tree,
            options: &self.options,
            identities: &self.nobody,
            session,
            session_open: true,
            cxid: 0,
            zxid,
            time_ms: now.wall_ms,
        };
        let txn = self.prep.create_session(&cx, timeout_ms);
        let txn = cut(&mut self.encoded, txn);
        self.sessions.add(session, timeout_ms, now.mono);
        self.sessions.attach(session, connect.conn);
        let origin = Origin::Connect {
            conn: connect.conn,
            session,
            timeout_ms,
            read_only: connect.read_only.map(|_| false),
        };
        self.propose(Delivery { zxid, txn, closes: None, origin: Some(origin) }, effects);
    }

    fn on_client(
        &mut self,
        now: Now,
        tree: &Tree,
        request: ClientRequest,
        effects: &mut Effects<Self>,
    ) {
        let ClientRequest { conn, session, xid, op, .. } = request;
        self.sessions.heard(session, now.mono);
        if !op.is_write() {
            return self.pass(conn, Output::Answer(request), effects);
        }
        if self.disk_full && op != OpCode::CloseSession {
            let error = ErrorCode::SystemError;
            return self.pass(conn, Output::Refuse { conn, xid, error }, effects);
        }
        let zxid = self.next_zxid();
        let cx = Context {
            tree,
            options: &self.options,
            identities: &request.identities,
            session,
            session_open: self.sessions.is_open(session),
            cxid: xid.0,
            zxid,
            time_ms: now.wall_ms,
        };
        let txn = self.prep.client_write(&cx, op, &request.body);
        let txn = txn.map(|txn| cut(&mut self.encoded, txn));
        self.prep.take_over_quota().for_each(|over| effects.output(Output::OverQuota(over)));
        match txn {
            Ok(txn) => {
                if op == OpCode::CloseSession {
                    self.sessions.close(session);
                }
                let closes = (op == OpCode::CloseSession).then_some(session);
                let origin = Some(Origin::Request { conn, xid, op });
                self.propose(Delivery { zxid, txn, closes, origin }, effects);
            }
            Err(Undecodable) => {
                let error = ErrorCode::MarshallingError;
                self.pass(conn, Output::Refuse { conn, xid, error }, effects);
            }
        }
    }

    fn on_persisted(&mut self, now: Now, upto: PersistSeq, effects: &mut Effects<Self>) {
        let sessions = &mut self.sessions;
        self.pipeline.commit(upto, |output| {
            let (mut opened, mut closed) = (None, None);
            if let Output::Deliver(delivery) = &output {
                closed = delivery.closes;
                if let Some(Origin::Connect { session, .. }) = delivery.origin {
                    opened = Some(session);
                }
            }
            effects.output(output);
            if let Some(session) = opened {
                // A slow disk has eaten into the timeout before the client knew of the session.
                sessions.heard(session, now.mono);
            }
            if let Some(conn) = closed.and_then(|session| sessions.remove(session)) {
                effects.output(Output::Close { conn });
            }
        });
    }

    fn on_sessions_timer(&mut self, now: Now, tree: &Tree, effects: &mut Effects<Self>) {
        for session in self.sessions.expire(now.mono) {
            self.propose_own(now, tree, session, effects, |prep, cx| prep.expire_session(cx));
        }
        effects.set_timer(Timer::Sessions, self.sessions.next_tick(now.mono));
    }

    /// Proposes the next due container or TTL znode, and looks for new ones when there is none.
    fn on_reaper_timer(&mut self, now: Now, tree: &Tree, effects: &mut Effects<Self>) {
        if self.to_reap.is_empty() {
            let never_used_ms = self.options.container_never_used_ms();
            self.to_reap.extend(tree.reap_candidates(now.wall_ms, never_used_ms));
        }
        if !self.disk_full
            && let Some(path) = self.to_reap.pop_front()
        {
            self.propose_own(now, tree, SessionId::NONE, effects, |prep, cx| prep.reap(cx, &path));
        }
        // With a full disk the rest waits as well; nothing is gained by asking often.
        let delay = if self.to_reap.is_empty() || self.disk_full {
            self.options.reaper_interval
        } else {
            Duration::from_secs(60) / self.options.reaper_per_minute_max.max(1)
        };
        effects.set_timer(Timer::Reaper, now.mono + delay);
    }

    /// Proposes a transaction that no client asked for.
    fn propose_own(
        &mut self,
        now: Now,
        tree: &Tree,
        session: SessionId,
        effects: &mut Effects<Self>,
        decide: impl for<'p> FnOnce(&'p mut Prep, &Context<'_>) -> &'p [u8],
    ) {
        let zxid = self.next_zxid();
        let cx = Context {
            tree,
            options: &self.options,
            identities: &self.nobody,
            session,
            session_open: false,
            cxid: 0,
            zxid,
            time_ms: now.wall_ms,
        };
        let txn = cut(&mut self.encoded, decide(&mut self.prep, &cx));
        let closes = (session != SessionId::NONE).then_some(session);
        self.propose(Delivery { zxid, txn, closes, origin: None }, effects);
    }

    fn next_zxid(&self) -> Zxid {
        // A lone server starts the next epoch by itself when the counter is used up.
        self.last_zxid.next().unwrap_or(Zxid::new(self.last_zxid.epoch() + 1, 1))
    }

    fn propose(&mut self, delivery: Delivery, effects: &mut Effects<Self>) {
        let zxid = delivery.zxid;
        assert!(zxid > self.last_zxid, "{zxid} proposed after {}", self.last_zxid);
        self.last_zxid = zxid;
        let record = LogRecord { zxid, txn: delivery.txn.clone() };
        let seq = self.pipeline.propose(delivery);
        effects.persist(seq, record);
    }

    /// Tells a connection something behind what is under way. While the disk is full the queue
    /// stands still: then only that counts which is under way for this connection.
    fn pass(&mut self, conn: ConnId, output: Output, effects: &mut Effects<Self>) {
        if self.disk_full && !self.pipeline.has_for(conn) {
            return effects.output(output);
        }
        if let Some(output) = self.pipeline.pass(output) {
            effects.output(output);
        }
    }
}

/// An id that was not handed out before, even if the clock was set back: behind `known` there may
/// have been sessions that are over and forgotten, at most one for each transaction. Their clients
/// still have id and password, and would take the session of whoever got the id next.
fn beyond(known: SessionId, tree: &Tree) -> SessionId {
    SessionId(known.0.wrapping_add(tree.last_zxid().counter().into())).next()
}

/// A shared copy of `txn`, cut from a larger allocation.
fn cut(encoded: &mut BytesMut, txn: &[u8]) -> Bytes {
    if encoded.capacity() < txn.len() {
        encoded.reserve(txn.len().max(ENCODED_CHUNK_BYTES));
    }
    encoded.extend_from_slice(txn);
    encoded.split().freeze()
}
