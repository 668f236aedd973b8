//! What comes in on connections, as production's client port treats it.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::participant::{Body, Name};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;
use zoarium_peer::{ClientRequest, Connect, Order, Request, Route, answer_sync};
use zoarium_process::{Input, Instant, Now};
use zoarium_proto::connect::ConnectRequest;
use zoarium_proto::reply::{ReplyHeader, put_header_frame};
use zoarium_proto::request::RequestHeader;
use zoarium_proto::{ConnId, Id, OpCode, Reader, SessionId, Xid};
use zoarium_tree::access::Identities;
use zoarium_tree::read::{self, ReadContext};

/// The connections of a server.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: BTreeMap<ConnId, Connection>,
    last: u64,
    /// When clients were last heard of whose connections have gone since that was told.
    departed: Vec<(SessionId, Instant)>,
    /// Whether what is being sent acknowledges a write; for planted bugs.
    pub(super) is_acking: bool,
}

#[derive(Debug)]
struct Connection {
    client: Name,
    number: u64,
    session: Option<SessionId>,
    is_dialed: bool,
    /// When something came last, to the millisecond as in production.
    heard: Instant,
    order: Order,
    answered: u64,
}

impl Connection {
    fn last_heard(&self) -> Option<(SessionId, Instant)> {
        Some((self.session?, self.heard))
    }
}

impl Connections {
    /// When each client was last heard of.
    pub(super) fn heard(&mut self) -> Vec<(SessionId, Instant)> {
        let mut heard = std::mem::take(&mut self.departed);
        heard.extend(self.all.values().filter_map(Connection::last_heard));
        heard
    }

    pub(super) fn address(&self, conn: ConnId) -> Option<(Name, u64)> {
        self.all.get(&conn).map(|connection| (connection.client, connection.number))
    }

    pub(super) fn session(&self, conn: ConnId) -> Option<SessionId> {
        self.all.get(&conn)?.session
    }

    /// Counts an answer; false if the connection is gone.
    pub(super) fn answered(&mut self, conn: ConnId) -> bool {
        let Some(connection) = self.all.get_mut(&conn) else { return false };
        connection.answered += 1;
        connection.order.on_answered(connection.answered);
        true
    }

    pub(super) fn connected(&mut self, conn: ConnId, session: SessionId) {
        if let Some(connection) = self.all.get_mut(&conn) {
            connection.session = Some(session);
        }
    }

    pub(super) fn remove(&mut self, conn: ConnId) {
        let gone = self.all.remove(&conn);
        self.departed.extend(gone.and_then(|connection| connection.last_heard()));
    }

    fn find(&self, client: Name, number: u64) -> Option<ConnId> {
        let is_it = |it: &Connection| it.client == client && it.number == number;
        self.all.iter().find(|(_, it)| is_it(it)).map(|(conn, _)| *conn)
    }

    /// All connections of a client, or of all clients.
    fn of(&self, client: Option<Name>) -> Vec<ConnId> {
        let all = self.all.iter();
        let of = all.filter(|(_, it)| client.is_none_or(|client| it.client == client));
        of.map(|(conn, _)| *conn).collect()
    }
}

impl Member {
    /// The session of a connection, by its client and the client's count.
    pub fn session(&self, client: Name, number: u64) -> Option<SessionId> {
        self.connections.session(self.connections.find(client, number)?)
    }

    pub(super) fn drop_connections_of(&mut self, now: Now, client: Name, fx: &mut Fx) {
        for conn in self.connections.of(Some(client)) {
            self.drop_connection(now, conn, fx);
        }
    }

    /// Closes all connections: there is no leader.
    pub(super) fn close_connections(&mut self, now: Now, fx: &mut Fx) {
        for conn in self.connections.of(None) {
            self.send_body(conn, Body::Close, fx);
            self.drop_connection(now, conn, fx);
        }
    }

    pub(super) fn drop_connection(&mut self, now: Now, conn: ConnId, fx: &mut Fx) {
        self.connections.remove(conn);
        self.watches.remove_connection(conn);
        self.feed(now, Input::Request(Request::Disconnected { conn }), fx);
    }

    pub(super) fn on_body(&mut self, now: Now, from: Name, number: u64, body: Body, fx: &mut Fx) {
        let conn = self.connections.find(from, number);
        match (body, conn) {
            (Body::Open, _) => {
                self.connections.last += 1;
                let conn = ConnId(self.connections.last);
                let connection = Connection {
                    client: from,
                    number,
                    session: None,
                    is_dialed: false,
                    heard: in_millis(now.mono),
                    order: Order::default(),
                    answered: 0,
                };
                self.connections.all.insert(conn, connection);
            }
            (Body::Frame(frame), Some(conn)) => {
                let connection = self.connections.all.get_mut(&conn).expect("it was found there");
                if std::mem::replace(&mut connection.is_dialed, true) {
                    self.on_frame(now, conn, &frame, fx);
                } else {
                    self.on_handshake(now, conn, &frame, fx);
                }
            }
            (Body::Close, Some(conn)) => self.drop_connection(now, conn, fx),
            (Body::Frame(_) | Body::Close, None) => {}
        }
    }

    fn on_handshake(&mut self, now: Now, conn: ConnId, frame: &[u8], fx: &mut Fx) {
        let Ok(connect) = ConnectRequest::decode(&mut Reader::new(frame)) else { return };
        let password = Bytes::copy_from_slice(connect.password.unwrap_or_default());
        let connect = Connect {
            conn,
            last_zxid_seen: connect.last_zxid_seen,
            timeout_ms: connect.timeout_ms,
            session: connect.session,
            password,
            read_only: connect.read_only,
        };
        if self.has(Bug::SessionResurrected) {
            self.connections.connected(conn, connect.session);
        }
        self.feed(now, Input::Request(Request::Connect(connect)), fx);
    }

    fn on_frame(&mut self, now: Now, conn: ConnId, frame: &Bytes, fx: &mut Fx) {
        let mut reader = Reader::new(frame);
        let Ok(header) = RequestHeader::decode(&mut reader) else { return };
        let Some(op) = header.op() else { return };
        let Some(session) = self.connections.session(conn) else { return };
        let body = frame.slice(reader.offset()..);
        let heard = in_millis(now.mono);
        if self.is_leading() {
            self.records.heard(session, heard);
        }
        let answers_sync = self.has(Bug::SyncUnconfirmed) && self.is_leading();
        let Some(connection) = self.connections.all.get_mut(&conn) else { return };
        connection.heard = heard;
        let overtakes = self.options.bug == Some(Bug::ReadOvertakesWrite);
        let route = if overtakes && !op.is_write() && op != OpCode::Sync {
            Route::Here
        } else if answers_sync && op == OpCode::Sync {
            connection.order.route(OpCode::Exists)
        } else {
            connection.order.route(op)
        };
        match route {
            Route::Here => self.answer_here(conn, session, header.xid, op, &body, fx),
            Route::PeerLoop => {
                let body = self.sabotaged(op, body);
                let identities = Identities::new([Id::new("ip", "127.0.0.1")]);
                let request =
                    ClientRequest { conn, session, xid: header.xid, op, body, identities };
                self.feed(now, Input::Request(Request::Client(request)), fx);
            }
        }
    }

    fn answer_here(
        &mut self,
        conn: ConnId,
        session: SessionId,
        xid: Xid,
        op: OpCode,
        body: &[u8],
        fx: &mut Fx,
    ) {
        let mut out = Vec::new();
        if op == OpCode::Ping {
            put_header_frame(&mut out, ReplyHeader::ok(xid, self.tree.last_zxid()));
        } else if op == OpCode::Sync {
            // A planted bug's: else it goes to the peer loop.
            answer_sync(xid, self.tree.last_zxid(), body, &mut out);
        } else {
            let ids = &Identities::new([Id::new("ip", "127.0.0.1")]);
            let rules = &self.options.peer.access;
            let cx = ReadContext { tree: &self.tree, rules, ids, session, conn, xid };
            read::answer(op, body, &cx, &mut self.watches, &mut out);
        }
        if self.has(Bug::CatchUpLost) && xid == Xid::SET_WATCHES {
            out.clear();
            put_header_frame(&mut out, ReplyHeader::ok(xid, self.tree.last_zxid()));
        }
        if self.has(Bug::ZxidOfRead) && out.len() > 16 {
            // Frame length, xid, then the zxid, of which this is the last byte.
            out[15] = out[15].saturating_sub(3);
        }
        self.send_frames(conn, &out, fx);
    }

    /// Sends each of some frames without its length.
    pub(super) fn send_frames(&mut self, conn: ConnId, frames: &[u8], fx: &mut Fx) {
        let mut reader = Reader::new(frames);
        while let Ok(Some(frame)) = reader.buffer() {
            self.send(conn, frame.to_vec(), fx);
            if reader.is_at_end() {
                return;
            }
        }
    }
}

fn in_millis(at: Instant) -> Instant {
    Instant::from_origin(Duration::from_millis(super::millis(at.since_origin())))
}
