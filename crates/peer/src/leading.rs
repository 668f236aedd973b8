//! What a leader does, and a standalone server: it decides what requests become, lets sessions
//! expire and reaps containers.

use crate::carried::{self, Forwarded};
use crate::local_sessions::{Standing, Upgrade};
use crate::peer::{Peer, Role};
use crate::pipeline::Origin;
use crate::prep::{Context, Prep, Undecodable};
use crate::request::{ClientRequest, Connect, Output, Timer};
use crate::sessions::Owner;
use bytes::{Bytes, BytesMut};
use core::time::Duration;
use zoarium_process::{Effects, Input, Now};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{ConnId, ErrorCode, OpCode, Reader, ServerId, SessionId, Xid, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::access::Identities;
use zoarium_zab::{Forward, Request, Txn};

/// How many transaction bytes share an allocation.
const ENCODED_CHUNK_BYTES: usize = 64 * 1024;

/// What waits until there is a zxid for it, or for what is before it.
#[derive(Debug)]
pub(crate) enum Waiting {
    Connect(Connect),
    Client(ClientRequest),
    Refuse {
        conn: ConnId,
        xid: Xid,
        error: ErrorCode,
    },
    Forwarded {
        from: ServerId,
        request: Forwarded,
    },
    Expiry(SessionId),
    /// The end of a session of this server's own.
    Closed {
        session: SessionId,
        conn: ConnId,
        xid: Xid,
    },
}

impl Waiting {
    /// The connection that waits for an answer to a request.
    pub(crate) const fn request_conn(&self) -> Option<ConnId> {
        match self {
            Self::Client(request) => Some(request.conn),
            Self::Refuse { conn, .. } | Self::Closed { conn, .. } => Some(*conn),
            Self::Connect(_) | Self::Forwarded { .. } | Self::Expiry(_) => None,
        }
    }
}

/// An answer to a learner's question about a session. It is held back until what was proposed
/// before is committed: some of that may be requests of the session from where it was, and the
/// learner could take them for what the client asks it next.
#[derive(Debug)]
pub(crate) struct Revalidated {
    after: Zxid,
    pub(crate) to: ServerId,
    session: SessionId,
    lives: bool,
}

/// Whose transaction is to be decided, and where it will stand.
struct Asker<'a> {
    session: SessionId,
    standing: Standing,
    cxid: i32,
    identities: Option<&'a Identities>,
    zxid: Zxid,
}

impl Asker<'_> {
    /// The server itself, about a session or [`SessionId::NONE`].
    const fn server(session: SessionId, zxid: Zxid) -> Self {
        Self { session, standing: Standing::Global(Ok(())), cxid: 0, identities: None, zxid }
    }
}

impl Peer {
    /// The zxid for a proposal, unless others wait for one already.
    fn free_zxid(&self) -> Option<Zxid> {
        self.agreement.next_zxid().filter(|_| self.backlog.is_empty())
    }

    /// Does what had to wait, as far as there are zxids for it.
    pub(crate) fn work_off_backlog(&mut self, now: Now, tree: &Tree, effects: &mut Effects<Self>) {
        while !self.backlog.is_empty() && self.agreement.next_zxid().is_some() {
            let Some(waiting) = self.backlog.pop_front() else { return };
            // It is to find nothing before it.
            let behind = core::mem::take(&mut self.backlog);
            match waiting {
                Waiting::Connect(connect) => self.on_connect(now, tree, connect, effects),
                Waiting::Client(request) => self.decide_client(now, tree, request, effects),
                Waiting::Refuse { conn, xid, error } => {
                    self.pass(conn, Output::Refuse { conn, xid, error }, effects);
                }
                Waiting::Forwarded { from, request } => {
                    self.decide_for_learner(now, tree, from, request);
                }
                Waiting::Expiry(session) => self.expire(now, tree, session),
                Waiting::Closed { session, conn, xid } => {
                    self.close_locally(session, conn, xid, effects);
                }
            }
            self.backlog.extend(behind);
        }
    }

    /// A client of this server opens a session or renews one.
    pub(crate) fn lead_connect(
        &mut self,
        now: Now,
        tree: &Tree,
        connect: Connect,
        timeout_ms: i32,
        effects: &mut Effects<Self>,
    ) {
        let (conn, session) = (connect.conn, connect.session);
        if session == SessionId::NONE {
            return self.open_session(now, tree, connect, timeout_ms, effects);
        }
        let read_only = connect.read_only.map(|_| false);
        let response = if self.sessions.is_open(session) {
            self.sessions.renew(session, timeout_ms, now.mono);
            self.sessions.attach(session, conn);
            self.sessions.set_owner(session, Owner::Here);
            ConnectResponse { timeout_ms, session, password: session.password(), read_only }
        } else {
            ConnectResponse::expired(read_only)
        };
        effects.output(Output::Connected { conn, response });
    }

    fn open_session(
        &mut self,
        now: Now,
        tree: &Tree,
        connect: Connect,
        timeout_ms: i32,
        effects: &mut Effects<Self>,
    ) {
        let conn = connect.conn;
        if self.disk_full {
            return effects.output(Output::Close { conn });
        }
        let Some(zxid) = self.free_zxid() else {
            return self.backlog.push_back(Waiting::Connect(connect));
        };
        let session = self.ids.take();
        self.sessions.add(session, timeout_ms, now.mono);
        self.sessions.attach(session, conn);
        self.sessions.set_owner(session, Owner::Here);
        let read_only = connect.read_only.map(|_| false);
        let origin = Origin::Connect { conn, session, timeout_ms, read_only };
        let txn = self.decide(now, tree, &Asker::server(session, zxid), |prep, cx| {
            prep.create_session(cx, timeout_ms)
        });
        self.propose(now, zxid, txn, Some(origin));
    }

    /// A request of this server's client.
    pub(crate) fn decide_client(
        &mut self,
        now: Now,
        tree: &Tree,
        request: ClientRequest,
        effects: &mut Effects<Self>,
    ) {
        let (conn, session, xid, op) = (request.conn, request.session, request.xid, request.op);
        self.sessions.heard(session, now.mono);
        let refuse = |error| Output::Refuse { conn, xid, error };
        if op.is_write() && op != OpCode::CloseSession && self.disk_full {
            return self.refuse(conn, xid, ErrorCode::SystemError, effects);
        }
        let Some(mut zxid) = self.free_zxid() else {
            return self.backlog.push_back(Waiting::Client(request));
        };
        if let Some(zab) = self.zab()
            && op == OpCode::Sync
        {
            let to = zab.id();
            self.pipeline.sync(request);
            return self.agreement.step(now, Input::Request(Request::Sync { to }));
        }
        if !op.is_write() {
            return self.pass(conn, Output::Answer(request), effects);
        }
        if let Upgrade::Needed { timeout_ms } = self.upgrade_for(session, op, &request.body) {
            self.upgrade(now, tree, session, timeout_ms, zxid);
            let Some(next) = self.free_zxid() else {
                return self.backlog.push_back(Waiting::Client(request));
            };
            zxid = next;
        }
        let asker = Asker {
            session,
            standing: self.standing(session, Owner::Here),
            cxid: xid.0,
            identities: Some(&request.identities),
            zxid,
        };
        let txn =
            self.try_decide(now, tree, &asker, |prep, cx| prep.client_write(cx, op, &request.body));
        self.prep.take_over_quota().for_each(|over| effects.output(Output::OverQuota(over)));
        match txn {
            Ok(txn) => {
                if op == OpCode::CloseSession {
                    self.sessions.close(session);
                }
                self.propose(now, zxid, txn, Some(Origin::Request { conn, xid, op }));
            }
            Err(Undecodable) => self.pass(conn, refuse(ErrorCode::MarshallingError), effects),
        }
    }

    /// Makes a session of this server known to all.
    fn upgrade(&mut self, now: Now, tree: &Tree, session: SessionId, timeout_ms: i32, zxid: Zxid) {
        self.note_upgrading(session);
        self.sessions.add(session, timeout_ms, now.mono);
        self.sessions.set_owner(session, Owner::Here);
        let txn = self.decide(now, tree, &Asker::server(session, zxid), |prep, cx| {
            prep.create_session(cx, timeout_ms)
        });
        self.propose(now, zxid, txn, None);
    }

    /// A request of a learner's client.
    pub(crate) fn decide_forwarded(
        &mut self,
        now: Now,
        tree: &Tree,
        from: ServerId,
        request: &Forward,
    ) {
        let Ok(request) = Forwarded::decode(request) else {
            unreachable!("a request of {from} that no decoder let in");
        };
        self.decide_for_learner(now, tree, from, request);
    }

    /// Whatever it is, the learner waits for a transaction.
    fn decide_for_learner(&mut self, now: Now, tree: &Tree, from: ServerId, request: Forwarded) {
        let Some(zxid) = self.free_zxid() else {
            return self.backlog.push_back(Waiting::Forwarded { from, request });
        };
        let Forwarded { session, cxid, op, body, identities } = &request;
        let (session, owner) = (*session, Owner::Learner(from));
        self.sessions.heard(session, now.mono);
        let asker =
            |standing| Asker { session, standing, cxid: *cxid, identities: Some(identities), zxid };
        let certain = Standing::Global(Ok(()));
        let txn = match op {
            Some(OpCode::Sync) => {
                return self.agreement.step(now, Input::Request(Request::Sync { to: from }));
            }
            Some(OpCode::CreateSession) => {
                let timeout_ms = Reader::new(body).int();
                self.try_decide(now, tree, &asker(certain), |prep, cx| {
                    Ok(prep.create_session(cx, timeout_ms.map_err(|_| Undecodable)?))
                })
                .inspect(|_| {
                    self.sessions.add(session, timeout_ms.unwrap_or_default(), now.mono);
                    self.sessions.set_owner(session, owner);
                })
            }
            Some(op) if op.is_write() => {
                let standing = self.standing(session, owner);
                if *op == OpCode::CloseSession {
                    self.sessions.close(session);
                }
                self.try_decide(now, tree, &asker(standing), |prep, cx| {
                    prep.client_write(cx, *op, body)
                })
            }
            Some(_) | None => Ok(self.decide(now, tree, &asker(certain), |prep, cx| {
                prep.refuse(cx, ErrorCode::Unimplemented)
            })),
        };
        let txn = txn.unwrap_or_else(|Undecodable| {
            self.decide(now, tree, &asker(certain), |prep, cx| {
                prep.refuse(cx, ErrorCode::MarshallingError)
            })
        });
        self.propose(now, zxid, txn, None);
    }

    /// A learner asks whether the session of a client that has come to it lives.
    pub(crate) fn answer_revalidation(
        &mut self,
        now: Now,
        from: ServerId,
        question: &[u8],
        effects: &mut Effects<Self>,
    ) {
        let Ok((session, timeout_ms)) = carried::decode_question(question) else {
            unreachable!("a question of {from} that no decoder let in");
        };
        let lives = self.sessions.is_open(session);
        if lives {
            self.sessions.renew(session, timeout_ms, now.mono);
            self.sessions.set_owner(session, Owner::Learner(from));
            // The client has left this server, and is not to be served twice.
            if let Some(conn) = self.sessions.detach(session) {
                effects.output(Output::Close { conn });
            }
        }
        let after = self.pipeline.newest_proposal();
        let answer = Revalidated { after: after.unwrap_or(Zxid::ZERO), to: from, session, lives };
        match after {
            Some(_) => self.revalidated.push_back(answer),
            None => self.send_revalidated(now, &answer),
        }
    }

    /// Answers those who have waited for `zxid`.
    pub(crate) fn finish_revalidations(&mut self, now: Now, zxid: Zxid) {
        while let Some(due) = self.revalidated.pop_front_if(|next| next.after <= zxid) {
            self.send_revalidated(now, &due);
        }
    }

    fn send_revalidated(&mut self, now: Now, answer: &Revalidated) {
        let Revalidated { to, session, .. } = *answer;
        // Meanwhile it may have ended, as the client asked where it was before.
        let lives = answer.lives && self.sessions.is_open(session);
        let answer = carried::encode_answer(session, lives);
        self.agreement.step(now, Input::Request(Request::Revalidated { to, answer }));
    }

    /// A session's deadline has come.
    pub(crate) fn expire(&mut self, now: Now, tree: &Tree, session: SessionId) {
        let Some(zxid) = self.free_zxid() else {
            return self.backlog.push_back(Waiting::Expiry(session));
        };
        let asker = Asker::server(session, zxid);
        let txn = self.decide(now, tree, &asker, Prep::expire_session);
        self.propose(now, zxid, txn, None);
    }

    /// Proposes the next due container or TTL znode, and looks for new ones when there is none.
    pub(crate) fn on_reaper_timer(&mut self, now: Now, tree: &Tree, effects: &mut Effects<Self>) {
        let leads = matches!(self.role, Role::Leading);
        if leads && self.to_reap.is_empty() {
            let never_used_ms = self.options.container_never_used_ms();
            self.to_reap.extend(tree.reap_candidates(now.wall_ms, never_used_ms));
        }
        if leads
            && !self.disk_full
            && let Some(zxid) = self.free_zxid()
            && let Some(path) = self.to_reap.pop_front()
        {
            let asker = Asker::server(SessionId::NONE, zxid);
            let txn = self.decide(now, tree, &asker, |prep, cx| prep.reap(cx, &path));
            self.propose(now, zxid, txn, None);
        }
        // With a full disk the rest waits as well; nothing is gained by asking often.
        let delay = if self.to_reap.is_empty() || self.disk_full {
            self.options.reaper_interval
        } else {
            Duration::from_secs(60) / self.options.reaper_per_minute_max.max(1)
        };
        effects.set_timer(Timer::Reaper, now.mono + delay);
    }

    fn decide(
        &mut self,
        now: Now,
        tree: &Tree,
        asker: &Asker<'_>,
        how: impl for<'p> FnOnce(&'p mut Prep, &Context<'_>) -> &'p [u8],
    ) -> Bytes {
        match self.try_decide(now, tree, asker, |prep, cx| Ok(how(prep, cx))) {
            Ok(txn) => txn,
            Err(Undecodable) => unreachable!("nothing was decoded"),
        }
    }

    fn try_decide(
        &mut self,
        now: Now,
        tree: &Tree,
        asker: &Asker<'_>,
        how: impl for<'p> FnOnce(&'p mut Prep, &Context<'_>) -> Result<&'p [u8], Undecodable>,
    ) -> Result<Bytes, Undecodable> {
        let cx = Context {
            tree,
            options: &self.options,
            zab: self.agreement.zab(),
            identities: asker.identities.unwrap_or(&self.nobody),
            session: asker.session,
            standing: asker.standing,
            cxid: asker.cxid,
            zxid: asker.zxid,
            time_ms: now.wall_ms,
        };
        how(&mut self.prep, &cx).map(|txn| cut(&mut self.encoded, txn))
    }

    fn propose(&mut self, now: Now, zxid: Zxid, bytes: Bytes, origin: Option<Origin>) {
        self.pipeline.propose(zxid, origin, self.prep.take_foresight());
        let txn = Txn { zxid, bytes, membership: self.prep.take_membership() };
        self.agreement.propose(now, txn);
    }
}

/// A shared copy of `txn`, cut from a larger allocation.
fn cut(encoded: &mut BytesMut, txn: &[u8]) -> Bytes {
    if encoded.capacity() < txn.len() {
        encoded.reserve(txn.len().max(ENCODED_CHUNK_BYTES));
    }
    encoded.extend_from_slice(txn);
    encoded.split().freeze()
}
