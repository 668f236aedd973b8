//! Sessions that only this server knows (`localSessionsEnabled`; Apache: `LocalSessionTracker`,
//! `UpgradeableSessionTracker`). They cost no transaction, end with the server, and own no
//! ephemerals: before the first one such a session is made known to all.
//!
//! While it is being made known it is still here, and its clock stands still: the leader watches
//! over it from the moment that it decides. All that its client asks goes behind that to the
//! leader, the end of the session too, so nothing of it can be left over (ZOOKEEPER-3471).

use crate::leading::Waiting;
use crate::options::LocalSessions;
use crate::peer::{Peer, Role};
use crate::prep;
use crate::request::{ClientRequest, Connect, Output};
use crate::sessions::{Owner, Sessions};
use alloc::collections::{BTreeSet, VecDeque};
use core::time::Duration;
use zoarium_process::{Effects, Instant, Now};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{ConnId, ErrorCode, OpCode, SessionId, Xid};

/// How many sessions a leader remembers that have ended under it.
const ENDED_MAX: usize = 1 << 16;

#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) sessions: Sessions,
    /// Those that are being made known to all.
    upgrading: BTreeSet<SessionId>,
    /// Connections whose session is over; they are closed when what they asked before is answered.
    leaving: BTreeSet<ConnId>,
    ended: Ended,
}

/// Sessions of the ensemble that have ended, newest last. A leader that does not know a session
/// takes it for a learner's local one, and these are none: a request may have been on its way when
/// its session expired, and must not be done. Apache's leader does it.
#[derive(Debug, Default)]
struct Ended {
    ids: BTreeSet<SessionId>,
    order: VecDeque<SessionId>,
}

impl Ended {
    fn has(&self, session: SessionId) -> bool {
        self.ids.contains(&session)
    }

    fn add(&mut self, session: SessionId) {
        if self.ids.insert(session) {
            self.order.push_back(session);
        }
        if self.order.len() > ENDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// What a request does to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// Nothing.
    Unneeded,
    /// It makes ephemerals, and the session has to be made known to all before.
    Needed { timeout_ms: i32 },
    /// It makes ephemerals, which a local session may not have.
    Refused,
}

/// What a leader knows of a session that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the ensemble's; whether it may ask, or what its client is told if not.
    Global(Result<(), ErrorCode>),
    /// It is local, here or on the learner.
    Local,
}

impl Local {
    pub(crate) fn new(tick: Duration) -> Self {
        Self {
            sessions: Sessions::new(tick),
            upgrading: BTreeSet::new(),
            leaving: BTreeSet::new(),
            ended: Ended::default(),
        }
    }

    /// Forgets a connection.
    pub(crate) fn disconnected(&mut self, conn: ConnId) {
        self.sessions.disconnected(conn);
        self.leaving.remove(&conn);
    }

    /// All connections are told to close. What was under way to the leader is lost.
    pub(crate) fn detach_all(&mut self) {
        self.sessions.detach_all();
        self.upgrading.clear();
        self.leaving.clear();
    }

    /// The connections of all sessions.
    pub(crate) fn conns(&self) -> impl Iterator<Item = ConnId> {
        self.sessions.conns().chain(self.leaving.iter().copied())
    }

    /// Whether a connection's session is over.
    pub(crate) fn is_leaving(&self, conn: ConnId) -> bool {
        self.leaving.contains(&conn)
    }

    /// A session of the ensemble has ended.
    pub(crate) fn note_ended(&mut self, session: SessionId) {
        self.ended.add(session);
    }

    /// A session is known to all; the result is the connection it is on.
    pub(crate) fn note_known(&mut self, session: SessionId) -> Option<ConnId> {
        self.upgrading.remove(&session);
        self.sessions.remove(session)
    }

    /// Whether a session is only here, and nothing is done about it.
    fn is_settled(&self, session: SessionId) -> bool {
        self.sessions.is_open(session) && !self.upgrading.contains(&session)
    }

    /// Those whose deadline has come, with their connections.
    fn expire(&mut self, now: Instant) -> impl Iterator<Item = Option<ConnId>> {
        for session in &self.upgrading {
            self.sessions.heard(*session, now);
        }
        let expired = self.sessions.expire(now);
        expired.into_iter().map(|session| self.sessions.remove(session))
    }
}

impl Peer {
    pub(crate) fn local_sessions_enabled(&self) -> bool {
        self.zab().is_some() && self.options.ensemble.local_sessions != LocalSessions::Off
    }

    /// What a request does to the session that asks.
    pub(crate) fn upgrade_for(&self, session: SessionId, op: OpCode, body: &[u8]) -> Upgrade {
        if !self.local.is_settled(session) || !prep::makes_ephemerals(op, body) {
            return Upgrade::Unneeded;
        }
        match self.options.ensemble.local_sessions {
            LocalSessions::Off | LocalSessions::On { upgrading: false } => Upgrade::Refused,
            LocalSessions::On { upgrading: true } => {
                Upgrade::Needed { timeout_ms: self.local.sessions.timeout_ms(session).unwrap_or(0) }
            }
        }
    }

    /// Notes that a session is being made known to all.
    pub(crate) fn note_upgrading(&mut self, session: SessionId) {
        self.local.upgrading.insert(session);
    }

    /// Whether a session that came to `owner` may ask a leader, and how far it is known.
    pub(crate) fn standing(&mut self, session: SessionId, owner: Owner) -> Standing {
        if let Some(state) = self.sessions.check(session, owner) {
            return Standing::Global(state);
        }
        let is_open = match owner {
            Owner::Here => self.local.sessions.is_open(session),
            Owner::Learner(_) => {
                session.server_id() != self.options.server_id && !self.local.ended.has(session)
            }
        };
        match is_open && self.local_sessions_enabled() {
            true => Standing::Local,
            false => Standing::Global(Err(ErrorCode::SessionExpired)),
        }
    }

    /// Opens a session here, if that is how they are opened, or renews one. Gives back a handshake
    /// that is the ensemble's affair.
    pub(crate) fn connect_locally(
        &mut self,
        now: Now,
        connect: Connect,
        timeout_ms: i32,
        effects: &mut Effects<Self>,
    ) -> Option<Connect> {
        let (conn, mut session) = (connect.conn, connect.session);
        let opens = self.local_sessions_enabled() || self.is_read_only();
        if session == SessionId::NONE && opens {
            session = self.ids.take();
            self.local.sessions.add(session, timeout_ms, now.mono);
        }
        if !self.local.sessions.is_open(session) {
            return Some(connect);
        }
        self.local.sessions.renew(session, timeout_ms, now.mono);
        self.local.sessions.attach(session, conn);
        let read_only = connect.read_only.map(|_| self.is_read_only());
        let password = session.password();
        let response = ConnectResponse { timeout_ms, session, password, read_only };
        effects.output(Output::Connected { conn, response });
        None
    }

    /// Does what needs no leader for a local session, and what has to be done before its request
    /// can be decided. Whether that was all.
    pub(crate) fn ask_locally(
        &mut self,
        now: Now,
        request: &ClientRequest,
        effects: &mut Effects<Self>,
    ) -> bool {
        let (conn, session, xid, op) = (request.conn, request.session, request.xid, request.op);
        if self.local.is_leaving(conn) {
            self.refuse(conn, xid, ErrorCode::SessionExpired, effects);
            return true;
        }
        if !self.local.is_settled(session) {
            return false;
        }
        self.local.sessions.heard(session, now.mono);
        if op != OpCode::CloseSession {
            return false;
        }
        self.local.leaving.insert(conn);
        match self.backlog.is_empty() {
            true => self.close_locally(session, conn, xid, effects),
            false => self.backlog.push_back(Waiting::Closed { session, conn, xid }),
        }
        true
    }

    /// Ends a local session, behind what is under way.
    pub(crate) fn close_locally(
        &mut self,
        session: SessionId,
        conn: ConnId,
        xid: Xid,
        effects: &mut Effects<Self>,
    ) {
        self.local.sessions.remove(session);
        self.pass(conn, Output::Closed { conn, xid }, effects);
        self.pass(conn, Output::Close { conn }, effects);
    }

    /// A local session's deadline may have come.
    pub(crate) fn expire_locally(&mut self, now: Now, effects: &mut Effects<Self>) {
        if let Role::Idle = self.role {
            return;
        }
        for conn in self.local.expire(now.mono).flatten() {
            effects.output(Output::Close { conn });
        }
    }
}
