//! What a follower or an observer does: it has its leader decide, and tells it which sessions live.

use crate::carried;
use crate::local_sessions::Upgrade;
use crate::peer::{Peer, Role};
use crate::pipeline::Origin;
use crate::prep::{self, Undecodable};
use crate::request::{ClientRequest, Connect, Output};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use zoarium_process::{Effects, Input, Instant, Now};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{ConnId, ErrorCode, OpCode, SessionId, Zxid};
use zoarium_zab::Request;

/// The affairs between a learner and its leader.
#[derive(Debug)]
pub(crate) struct Learning {
    /// Sessions heard of since the leader asked last.
    touched: BTreeSet<SessionId>,
    /// Whom the driver had heard of when it reported last, and when. It may know that to the
    /// millisecond only, so what it says of two signs of life is compared, and not with the clock.
    reported: BTreeMap<SessionId, Instant>,
    /// Clients that have come with a session of which the leader is asked whether it lives. The
    /// answers come in this order, also for those that are gone, which are `None`.
    revalidating: BTreeMap<SessionId, VecDeque<Option<Returning>>>,
}

#[derive(Clone, Copy, Debug)]
struct Returning {
    conn: ConnId,
    timeout_ms: i32,
    read_only: Option<bool>,
}

impl Learning {
    pub(crate) const fn new() -> Self {
        Self { touched: BTreeSet::new(), reported: BTreeMap::new(), revalidating: BTreeMap::new() }
    }

    /// Notes whom the driver has heard of, and when last.
    pub(crate) fn on_heard(&mut self, sessions: &[(SessionId, Instant)]) {
        let is_news = |(session, at): &&(SessionId, Instant)| {
            self.reported.get(session).is_none_or(|reported| reported < at)
        };
        self.touched.extend(sessions.iter().filter(is_news).map(|(session, _)| *session));
        self.reported = sessions.iter().copied().collect();
    }

    /// Forgets a client that has gone.
    pub(crate) fn disconnected(&mut self, conn: ConnId) {
        for client in self.revalidating.values_mut().flatten() {
            if client.is_some_and(|client| client.conn == conn) {
                *client = None;
            }
        }
    }
}

impl Peer {
    /// A client of this server opens a session or renews one.
    pub(crate) fn learn_connect(
        &mut self,
        now: Now,
        connect: &Connect,
        timeout_ms: i32,
        effects: &mut Effects<Self>,
    ) {
        let (conn, session) = (connect.conn, connect.session);
        let read_only = connect.read_only.map(|_| false);
        if session == SessionId::NONE {
            if self.disk_full {
                return effects.output(Output::Close { conn });
            }
            let session = self.ids.take();
            let origin = Origin::Connect { conn, session, timeout_ms, read_only };
            let asks = (session, 0, OpCode::CreateSession);
            return self.forward(now, asks, &timeout_ms.to_be_bytes(), None, origin);
        }
        let Role::Learning(learning) = &mut self.role else { return };
        let client = Returning { conn, timeout_ms, read_only };
        learning.revalidating.entry(session).or_default().push_back(Some(client));
        let question = carried::encode_question(session, timeout_ms);
        self.agreement.step(now, Input::Request(Request::Revalidate(question)));
    }

    /// The leader has said whether a session lives.
    pub(crate) fn on_revalidated(&mut self, now: Now, answer: &[u8], effects: &mut Effects<Self>) {
        let Ok((session, lives)) = carried::decode_answer(answer) else {
            unreachable!("a leader's answer that no decoder let in");
        };
        let Role::Learning(learning) = &mut self.role else { return };
        let Some(clients) = learning.revalidating.get_mut(&session) else { return };
        let client = clients.pop_front();
        if clients.is_empty() {
            learning.revalidating.remove(&session);
        }
        let Some(Returning { conn, timeout_ms, read_only }) = client.flatten() else { return };
        let response = if lives {
            // Its createSession may still be on the way here.
            self.sessions.add(session, timeout_ms, now.mono);
            if let Some(before) = self.sessions.detach(session) {
                effects.output(Output::Close { conn: before });
            }
            self.sessions.renew(session, timeout_ms, now.mono);
            self.sessions.attach(session, conn);
            ConnectResponse { timeout_ms, session, password: session.password(), read_only }
        } else {
            ConnectResponse::expired(read_only)
        };
        effects.output(Output::Connected { conn, response });
    }

    /// A request of this server's client.
    pub(crate) fn forward_client(
        &mut self,
        now: Now,
        request: ClientRequest,
        effects: &mut Effects<Self>,
    ) {
        let (conn, session, xid, op) = (request.conn, request.session, request.xid, request.op);
        if let Role::Learning(learning) = &mut self.role {
            learning.touched.insert(session);
        }
        let asks = (session, xid.0, op);
        if op == OpCode::Sync {
            let forward =
                carried::forward(asks, &request.body, Some(&request.identities), &mut self.encoded);
            self.pipeline.sync(request);
            return self.agreement.step(now, Input::Request(Request::Forward(forward)));
        }
        if !op.is_write() {
            return self.pass(conn, Output::Answer(request), effects);
        }
        if self.disk_full && op != OpCode::CloseSession {
            let error = ErrorCode::SystemError;
            return self.pass(conn, Output::Refuse { conn, xid, error }, effects);
        }
        // A leader of Apache's may leave some of these without an answer, and whatever is behind
        // them.
        if let Err(Undecodable) = prep::check_decodable(op, &request.body) {
            let error = ErrorCode::MarshallingError;
            return self.pass(conn, Output::Refuse { conn, xid, error }, effects);
        }
        match self.upgrade_for(session, op, &request.body) {
            Upgrade::Needed { timeout_ms } => {
                self.note_upgrading(session);
                let asks = (session, 0, OpCode::CreateSession);
                let body = timeout_ms.to_be_bytes();
                let forward = carried::forward(asks, &body, None, &mut self.encoded);
                self.agreement.step(now, Input::Request(Request::Forward(forward)));
            }
            // A leader tells best which part of a multi it was.
            Upgrade::Refused if op != OpCode::Multi => {
                let error = ErrorCode::EphemeralOnLocalSession;
                return self.pass(conn, Output::Refuse { conn, xid, error }, effects);
            }
            Upgrade::Unneeded | Upgrade::Refused => {}
        }
        let origin = Origin::Request { conn, xid, op };
        // Closing takes no argument; a client's would be taken for the next record.
        let body = if op == OpCode::CloseSession { &[][..] } else { &request.body };
        self.forward(now, asks, body, Some(&request.identities), origin);
    }

    fn forward(
        &mut self,
        now: Now,
        asks: (SessionId, i32, OpCode),
        body: &[u8],
        identities: Option<&zoarium_tree::access::Identities>,
        origin: Origin,
    ) {
        let forward = carried::forward(asks, body, identities, &mut self.encoded);
        let after = self.zab().map_or(Zxid::ZERO, |zab| zab.zxids().0);
        self.pipeline.forward(asks, after, origin);
        self.agreement.step(now, Input::Request(Request::Forward(forward)));
    }

    /// The leader wants to know which sessions live.
    pub(crate) fn on_ping(&mut self, now: Now, zxid: Zxid) {
        let Role::Learning(learning) = &mut self.role else { return };
        let touched = core::mem::take(&mut learning.touched);
        let touched = touched
            .into_iter()
            .filter_map(|session| Some((session, self.sessions.timeout_ms(session)?)));
        let touched = carried::encode_touched(touched);
        self.agreement.step(now, Input::Request(Request::Pong { zxid, touched }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use std::vec::Vec;

    #[test]
    fn sign_of_life_behind_a_report_counts_however_coarse_the_clock_is() {
        let at = |ms| Instant::from_origin(Duration::from_millis(ms));
        let mut learning = Learning::new();
        let mut touched = |sessions: &[(SessionId, Instant)]| {
            learning.on_heard(sessions);
            core::mem::take(&mut learning.touched).into_iter().collect::<Vec<_>>()
        };
        let [one, other] = [SessionId(1), SessionId(2)];
        // The report is made some time into that millisecond.
        assert_eq!(touched(&[(one, at(10))]), [one]);
        assert_eq!(touched(&[(one, at(10)), (other, at(10))]), [other]);
        assert_eq!(touched(&[(one, at(11)), (other, at(10))]), [one]);
    }
}
