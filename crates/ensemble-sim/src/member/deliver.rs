//! What the peer tells, carried out in order as production's peer loop does.

use super::{Fx, Member, REST_OF_MULTI_AFTER};
use crate::bug::Bug;
use crate::participant::{Body, Output, Timer};
use zoarium_peer::{Delivery, Origin, answer_delivery, answer_refusal, answer_sync};
use zoarium_process::Now;
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn};
use zoarium_proto::{AclList, ConnId, OpCode, SessionId, WatchedEvent};
use zoarium_tree::Change;
use zoarium_tree::read::{self, ReadContext};

impl Member {
    pub(super) fn carry_out(&mut self, now: Now, output: zoarium_peer::Output, fx: &mut Fx) {
        match output {
            zoarium_peer::Output::Deliver(delivery) => self.deliver(now, &delivery, fx),
            zoarium_peer::Output::Answer(request) => {
                let mut out = Vec::new();
                let (conn, xid, body) = (request.conn, request.xid, &request.body);
                if request.op == OpCode::Sync {
                    answer_sync(xid, self.tree.last_zxid(), body, &mut out);
                } else {
                    let rules = &self.options.peer.access;
                    let (session, ids) = (request.session, &request.identities);
                    let cx = ReadContext { tree: &self.tree, rules, ids, session, conn, xid };
                    read::answer(request.op, body, &cx, &mut self.watches, &mut out);
                }
                self.reply(conn, &out, fx);
            }
            zoarium_peer::Output::Refuse { conn, xid, error } => {
                let mut out = Vec::new();
                answer_refusal(xid, self.tree.last_zxid(), error, &mut out);
                self.reply(conn, &out, fx);
            }
            zoarium_peer::Output::Connected { conn, response } => {
                self.connect(now, conn, response, fx);
            }
            zoarium_peer::Output::OverQuota(_) => {}
            zoarium_peer::Output::Close { conn } => {
                self.send_body(conn, Body::Close, fx);
                self.drop_connection(now, conn, fx);
            }
            // Its connection is gone, or on its way.
            zoarium_peer::Output::Unanswered { conn } => {
                self.connections.answered(conn);
            }
            zoarium_peer::Output::Closed { .. }
            | zoarium_peer::Output::Looking { .. }
            | zoarium_peer::Output::Joining { .. }
            | zoarium_peer::Output::Elected
            | zoarium_peer::Output::PutConfig(_)
            | zoarium_peer::Output::Serving { .. }
            | zoarium_peer::Output::Truncate { .. }
            | zoarium_peer::Output::SendSnapshot { .. }
            | zoarium_peer::Output::ReceiveSnapshot { .. }
            | zoarium_peer::Output::InstallSnapshot { .. }
            | zoarium_peer::Output::ReadHistory { .. }
            | zoarium_peer::Output::Dial { .. }
            | zoarium_peer::Output::Disconnect { .. }
            | zoarium_peer::Output::Activated(_) => {
                unreachable!("{output:?} of a standalone server")
            }
        }
    }

    fn reply(&mut self, conn: ConnId, frames: &[u8], fx: &mut Fx) {
        // With the planted bug reads are not counted, so they must not be counted off either.
        if self.has(Bug::ReadOvertakesWrite) || self.connections.answered(conn) {
            self.send_frames(conn, frames, fx);
        }
    }

    fn connect(&mut self, now: Now, conn: ConnId, response: ConnectResponse, fx: &mut Fx) {
        let mut response = response;
        let is_over = response.timeout_ms == 0;
        if let Some(session) = self.connections.session(conn).filter(|_| is_over) {
            // Only the planted bug has noted a session before there is one.
            response.session = session;
            response.timeout_ms = self.options.peer.session_timeout_ms_min;
        }
        if response.timeout_ms > 0 {
            self.connections.connected(conn, response.session);
            fx.output(Output::Connected(response.session));
        }
        if !is_over {
            self.records.opened(response.session, response.timeout_ms, now.mono);
        }
        let mut frame = Vec::new();
        response.encode(&mut frame);
        self.send(conn, frame, fx);
        if response.timeout_ms == 0 {
            self.send_body(conn, Body::Close, fx);
            self.drop_connection(now, conn, fx);
        }
    }

    fn deliver(&mut self, now: Now, delivery: &Delivery, fx: &mut Fx) {
        let mut txn = LoggedTxn::decode(&delivery.txn).unwrap_or_else(|error| {
            panic!("own transaction {} is unreadable: {error}", delivery.zxid)
        });
        self.sabotage(now, &mut txn, fx);
        let mut events = Vec::new();
        let watches = &mut self.watches;
        let applied = self.tree.apply(&txn, &mut |change: Change<'_>| {
            watches.trigger(&change, &mut |conn, kind, path, _| {
                let event = WatchedEvent { kind, path: path.into(), zxid: Some(change.zxid) };
                let mut frame = Vec::new();
                event.encode(&mut frame);
                events.push((conn, frame));
            });
        });
        let mut out = Vec::new();
        if let Some(Origin::Request { xid, op, .. }) = delivery.origin {
            answer_delivery(xid, op, &txn, &applied, &mut out);
        }
        let digest_matches = applied.digest_matches;
        let (zxid, txn) = (delivery.zxid, delivery.txn.clone());
        fx.output(Output::Applied { zxid, txn, digest_matches });
        self.leave_ephemeral(&delivery.txn);
        self.connections.is_acking = self.has(Bug::ReadBeforeSync);
        for (conn, frame) in events {
            self.notify(conn, frame, fx);
        }
        match delivery.origin {
            Some(Origin::Request { conn, .. }) => self.reply(conn, &out, fx),
            Some(Origin::Connect { conn, session, timeout_ms, read_only }) => {
                let password = SessionId::password(session);
                let response = ConnectResponse { timeout_ms, session, password, read_only };
                self.connect(now, conn, response, fx);
            }
            None => {}
        }
        self.connections.is_acking = false;
    }

    fn notify(&mut self, conn: ConnId, frame: Vec<u8>, fx: &mut Fx) {
        self.planted.events += 1;
        if self.has(Bug::WatchLost) && self.planted.events.is_multiple_of(5) {
            return;
        }
        if self.has(Bug::EventAfterData) {
            if let Some((to, connection)) = self.connections.address(conn) {
                let message =
                    crate::participant::Message { connection, body: Body::Frame(frame.into()) };
                self.planted.late_events.push((to, message));
            }
            return;
        }
        if self.has(Bug::WatchTwice) {
            self.send(conn, frame.clone(), fx);
        }
        self.send(conn, frame, fx);
    }

    /// Makes of a txn what a planted bug would.
    fn sabotage(&mut self, now: Now, txn: &mut LoggedTxn<'_>, fx: &mut Fx) {
        let Some(bug) = self.options.bug else { return };
        if let (Txn::SetData { data, .. }, Bug::DataTruncated) = (&mut txn.txn, bug) {
            *data = data.map(|data| &data[..data.len() / 2]);
        }
        let Txn::Multi(parts) = &mut txn.txn else { return };
        let is_sound = parts.len() > 1 && !parts.iter().any(|it| matches!(it, Txn::Error { .. }));
        if !is_sound || !matches!(bug, Bug::MultiLosesPart | Bug::MultiInTwoSteps) {
            return;
        }
        let Some(last) = parts.pop() else { return };
        txn.digest = None;
        if bug == Bug::MultiInTwoSteps {
            let mut rest = Vec::new();
            LoggedTxn { header: txn.header, txn: last, digest: None }.encode(&mut rest);
            self.planted.rest_of_multi.push(rest);
            fx.set_timer(Timer::RestOfMulti, now.mono + REST_OF_MULTI_AFTER);
        }
    }

    /// Brings one ephemeral of a session that a txn has ended back, as
    /// [`Bug::EphemeralLeftBehind`] does.
    fn leave_ephemeral(&mut self, txn: &[u8]) {
        let Ok(LoggedTxn { header, txn: Txn::CloseSession { paths }, .. }) = LoggedTxn::decode(txn)
        else {
            return;
        };
        let Some(path) = paths.into_iter().next().filter(|_| self.has(Bug::EphemeralLeftBehind))
        else {
            return;
        };
        let kind = CreateKind::Plain { ephemeral: true, with_stat: true };
        let create =
            CreateTxn { path, data: Some(b""), acl: AclList::OPEN, kind, parent_cversion: -1 };
        let again = LoggedTxn { header, txn: Txn::Create(create), digest: None };
        self.tree.apply(&again, &mut |_| {});
    }

    /// What [`Bug::MultiInTwoSteps`] has put off.
    pub(super) fn apply_rest_of_multi(&mut self) {
        for rest in std::mem::take(&mut self.planted.rest_of_multi) {
            if let Ok(txn) = LoggedTxn::decode(&rest) {
                self.tree.apply(&txn, &mut |_| {});
            }
        }
    }
}
