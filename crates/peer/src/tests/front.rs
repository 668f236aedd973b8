//! What clients see of a server: its tree and watches, their connections, and what each was told.

use super::ask::Ask;
use super::reply_text::{error_text, result_text};
use crate::{
    ClientRequest, Delivery, Origin, Output, answer_closed, answer_delivery, answer_refusal,
    answer_sync,
};
use std::collections::{BTreeMap, VecDeque};
use std::format;
use std::string::String;
use std::vec::Vec;
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::txn::{LoggedTxn, Txn};
use zoarium_proto::{ConnId, Id, OpCode, Reader, SessionId, Xid};
use zoarium_tree::access::{AccessRules, Identities};
use zoarium_tree::read::{self, ReadContext};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Change, Outcome, Tree};

#[derive(Debug)]
pub(super) struct Front {
    pub(super) tree: Tree,
    watches: Watches,
    rules: AccessRules,
    clients: BTreeMap<ConnId, Client>,
    /// Requests handed to the peer and not answered, of those too who are gone.
    under_way: BTreeMap<ConnId, usize>,
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

impl Front {
    pub(super) fn new(tree: Tree, rules: AccessRules) -> Self {
        Self {
            tree,
            watches: Watches::new(1),
            rules,
            clients: BTreeMap::new(),
            under_way: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    pub(super) fn connect(&mut self, conn: ConnId, session: SessionId) {
        let client = Client {
            session,
            identities: Identities::new([Id::new("ip", "127.0.0.1")]),
            last_xid: 0,
            waiting: VecDeque::new(),
            last_zxid: 0,
        };
        let before = self.clients.insert(conn, client);
        assert!(before.is_none(), "a connection connects twice");
    }

    /// Forgets a connection; whether it was there.
    pub(super) fn disconnect(&mut self, conn: ConnId) -> bool {
        self.watches.remove_connection(conn);
        self.clients.remove(&conn).is_some()
    }

    /// Forgets everybody, and what was under way for them.
    pub(super) fn crash(&mut self) {
        self.clients.clear();
        self.under_way.clear();
        self.watches = Watches::new(1);
    }

    /// The session of a connection.
    pub(super) fn session(&self, conn: ConnId) -> SessionId {
        self.clients[&conn].session
    }

    /// The connections that are up.
    pub(super) fn conns(&self) -> Vec<ConnId> {
        self.clients.keys().copied().collect()
    }

    /// How many requests are under way for a connection.
    pub(super) fn under_way(&self, conn: ConnId) -> usize {
        self.under_way.get(&conn).copied().unwrap_or(0)
    }

    /// How many requests are under way for all.
    pub(super) fn under_way_in_all(&self) -> usize {
        self.under_way.values().sum()
    }

    pub(super) fn add_identity(&mut self, conn: ConnId, id: Id) {
        let client = self.clients.get_mut(&conn).unwrap();
        client.identities = client.identities.with([id]).unwrap();
    }

    /// A client's next request, from now on under way.
    pub(super) fn request(&mut self, conn: ConnId, ask: Ask) -> ClientRequest {
        let client = self.clients.get_mut(&conn).unwrap();
        client.last_xid += 1;
        let xid = Xid(client.last_xid);
        client.waiting.push_back((xid, ask.op));
        let (session, identities) = (client.session, client.identities.clone());
        let (op, body) = (ask.op, ask.body.into());
        self.note_under_way(conn);
        ClientRequest { conn, session, xid, op, body, identities }
    }

    pub(super) fn note_under_way(&mut self, conn: ConnId) {
        *self.under_way.entry(conn).or_default() += 1;
    }

    fn note_answered(&mut self, conn: ConnId) {
        let under_way = self.under_way.get_mut(&conn).expect("nothing was asked");
        *under_way = under_way.checked_sub(1).expect("answered more than was asked");
    }

    /// Does what concerns clients; gives back what does not.
    pub(super) fn carry_out(&mut self, output: Output) -> Option<Output> {
        match output {
            Output::Deliver(delivery) => self.apply(&delivery),
            Output::Answer(request) => self.answer(&request),
            Output::Refuse { conn, xid, error } => {
                let mut out = Vec::new();
                answer_refusal(xid, self.tree.last_zxid(), error, &mut out);
                self.take_reply(conn, &out);
            }
            Output::Closed { conn, xid } => {
                let mut out = Vec::new();
                answer_closed(xid, self.tree.last_zxid(), &mut out);
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
                if self.disconnect(conn) {
                    self.tell(format!("c{conn} closed"));
                }
            }
            Output::Unanswered { conn } => {
                self.note_answered(conn);
                if let Some(client) = self.clients.get_mut(&conn) {
                    let (xid, _) = client.waiting.pop_front().unwrap();
                    self.tell(format!("c{conn} #{} unanswered", xid.0));
                }
            }
            Output::Looking { .. }
            | Output::ServingReadOnly
            | Output::Joining { .. }
            | Output::Elected
            | Output::PutConfig(_)
            | Output::Serving { .. }
            | Output::Truncate { .. }
            | Output::SendSnapshot { .. }
            | Output::ReceiveSnapshot { .. }
            | Output::InstallSnapshot { .. }
            | Output::ReadHistory { .. }
            | Output::Dial { .. }
            | Output::Disconnect { .. }
            | Output::Activated(_) => return Some(output),
        }
        None
    }

    fn apply(&mut self, delivery: &Delivery) {
        let txn = LoggedTxn::decode(&delivery.txn).unwrap();
        let mut events = Vec::new();
        let watches = &mut self.watches;
        let applied =
            self.tree.apply_foreseen(&txn, &delivery.foresight, &mut |change: Change<'_>| {
                watches.trigger(&change, &mut |conn, event, path, _| {
                    events.push(format!("c{conn} {event:?} {path}"));
                });
            });
        events.into_iter().for_each(|event| self.told.push(event));
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

    /// Answers a read or a sync from the tree as it is.
    pub(super) fn answer(&mut self, request: &ClientRequest) {
        let ClientRequest { conn, session, xid, op, body, identities } = request;
        let mut out = Vec::new();
        if *op == OpCode::Sync {
            answer_sync(*xid, self.tree.last_zxid(), body, &mut out);
        } else {
            let cx = ReadContext {
                tree: &self.tree,
                rules: &self.rules,
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
        self.note_answered(conn);
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
