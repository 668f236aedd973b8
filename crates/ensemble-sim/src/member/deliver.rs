//! What the peer tells, carried out in order as production's peer loop does.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::participant::{Body, Output};
use zoarium_peer::{Delivery, Origin, answer_closed, answer_delivery, answer_refusal, answer_sync};
use zoarium_process::Now;
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{ConnId, OpCode, ServerId, SessionId, WatchedEvent};
use zoarium_tree::Change;
use zoarium_tree::read::{self, ReadContext};
use zoarium_zab::Epoch;

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
            zoarium_peer::Output::Closed { conn, xid } => {
                let mut out = Vec::new();
                answer_closed(xid, self.tree.last_zxid(), &mut out);
                self.reply(conn, &out, fx);
            }
            zoarium_peer::Output::PutConfig(membership) => {
                let text = membership.to_string();
                self.tree.put_config(text.as_bytes(), membership.version, now.wall_ms);
            }
            zoarium_peer::Output::Connected { conn, response } => {
                self.connect(now, conn, response, fx);
            }
            zoarium_peer::Output::OverQuota(_) => {}
            zoarium_peer::Output::Close { conn } => {
                self.send_body(conn, Body::Close, fx);
                self.drop_connection(now, conn, fx);
            }
            zoarium_peer::Output::Activated(it) => drop(self.members.replace(Some(it))),
            // Its connection is gone, or on its way.
            zoarium_peer::Output::Unanswered { conn } => {
                self.connections.answered(conn);
            }
            zoarium_peer::Output::Looking { why } => {
                self.is_serving = false;
                fx.output(Output::Looking(why));
                self.close_connections(now, fx);
            }
            zoarium_peer::Output::Joining { leader } => fx.output(Output::Joining(leader)),
            zoarium_peer::Output::Elected => fx.output(Output::Elected),
            zoarium_peer::Output::ServingReadOnly => {
                unreachable!("no server of the simulation is set up so")
            }
            zoarium_peer::Output::Serving { leader, epoch } => self.serve(now, leader, epoch, fx),
            zoarium_peer::Output::Truncate { .. }
            | zoarium_peer::Output::InstallSnapshot { .. } => {
                unreachable!("{output:?} is waited for")
            }
            zoarium_peer::Output::SendSnapshot { to, zxid } => {
                self.send_snapshot(now, to, zxid, fx);
            }
            zoarium_peer::Output::ReceiveSnapshot { zxid } => self.receive_snapshot(zxid),
            zoarium_peer::Output::ReadHistory { read, from, upto } => {
                self.ask_for_history(now, (read, from, upto), fx);
            }
            zoarium_peer::Output::Dial { leader } => self.dial_leader(now, leader, fx),
            zoarium_peer::Output::Disconnect { link, why } => {
                fx.output(Output::Closed(link, why));
                self.disconnect(link, fx);
            }
        }
    }

    /// Clients are served from here on; the leader's epoch has begun.
    fn serve(&mut self, now: Now, leader: ServerId, epoch: Epoch, fx: &mut Fx) {
        self.is_serving = true;
        self.misconduct.is_new_leader = self.is_leading();
        self.records.restart(self.tree.sessions(), now.mono);
        let zxids = (self.tree.last_zxid(), self.tree.seen());
        fx.output(Output::Serving { leader, epoch, zxids });
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
        if !is_over && self.is_leading() {
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
        if self.is_leading() {
            self.records.delivered(&txn, now.mono);
        }
        self.sabotage(now, &mut txn, fx);
        let mut events = Vec::new();
        let watches = &mut self.watches;
        let applied =
            self.tree.apply_foreseen(&txn, &delivery.foresight, &mut |change: Change<'_>| {
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
        let digest = (!self.tree.is_fuzzy()).then(|| self.tree.digest());
        fx.output(Output::Applied { zxid, txn, digest_matches, digest });
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
}
