//! The peer: one match over what can happen, and what it is in its ensemble.

use crate::agreement::Agreement;
use crate::leading::{Revalidated, Waiting};
use crate::learning::Learning;
use crate::local_sessions::Local;
use crate::options::PeerOptions;
use crate::pipeline::Pipeline;
use crate::prep::Prep;
use crate::request::{ClientRequest, Output, Request, Timer};
use crate::session_ids::SessionIds;
use crate::sessions::Sessions;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use bytes::BytesMut;
use zoarium_process::{Effect, Effects, Input, Instant, Now};
use zoarium_proto::{ConnId, ErrorCode, ServerId, SessionId};
use zoarium_tree::Tree;
use zoarium_tree::access::Identities;
use zoarium_zab::{Channel, Zab};

/// One member of an ensemble; standalone, the only one.
#[derive(Debug)]
pub struct Peer {
    pub(crate) options: PeerOptions,
    pub(crate) sessions: Sessions,
    pub(crate) local: Local,
    pub(crate) prep: Prep,
    pub(crate) pipeline: Pipeline,
    pub(crate) agreement: Agreement,
    /// Effects of the agreement while they are worked off; else empty, and kept for its memory.
    agreed: Effects<Zab>,
    pub(crate) role: Role,
    /// Since when the tree is another one than what is known of it.
    tree_replaced: Option<Now>,
    pub(crate) ids: SessionIds,
    pub(crate) disk_full: bool,
    /// Who the peer itself is when it asks.
    pub(crate) nobody: Identities,
    /// Containers and TTL znodes found due and not yet proposed.
    pub(crate) to_reap: VecDeque<String>,
    /// What a leader cannot propose yet, for want of a zxid.
    pub(crate) backlog: VecDeque<Waiting>,
    /// What a leader has not told its learners yet of sessions they have asked about.
    pub(crate) revalidated: VecDeque<Revalidated>,
    /// Where encoded transactions are cut from, so that they share allocations.
    pub(crate) encoded: BytesMut,
}

/// What a peer does for clients.
#[derive(Debug)]
pub(crate) enum Role {
    /// Nothing: there is no leader.
    Idle,
    /// Answers reads, without a leader.
    ReadOnly,
    /// Decides.
    Leading,
    /// Has a leader decide.
    Learning(Learning),
}

impl Peer {
    /// A standalone server whose history is `tree`. Every session of the tree gets its timeout in
    /// full.
    pub fn new(options: PeerOptions, tree: &Tree, now: Now) -> Self {
        Self::with(options, Agreement::alone(tree.last_zxid()), Role::Leading, tree, now)
    }

    /// A member of an ensemble, whose history is `tree` as far as `zab` knows.
    pub fn member(options: PeerOptions, zab: Zab, tree: &Tree, now: Now) -> Self {
        Self::with(options, Agreement::ensemble(zab), Role::Idle, tree, now)
    }

    fn with(options: PeerOptions, agreement: Agreement, role: Role, tree: &Tree, now: Now) -> Self {
        let start_ms = u64::try_from(now.wall_ms).unwrap_or(0);
        let mut peer = Self {
            prep: Prep::new(tree, options.digest_enabled),
            sessions: Sessions::new(options.tick),
            local: Local::new(options.tick),
            pipeline: Pipeline::default(),
            agreement,
            agreed: Effects::new(),
            role,
            tree_replaced: None,
            ids: SessionIds::new(options.server_id, start_ms),
            disk_full: false,
            nobody: Identities::new([]),
            to_reap: VecDeque::new(),
            backlog: VecDeque::new(),
            revalidated: VecDeque::new(),
            encoded: BytesMut::new(),
            options,
        };
        peer.look_at(tree, now);
        peer
    }

    /// A peer with the same settings and another history, as after a restore. Nothing may be under
    /// way in this one, which is standalone.
    ///
    /// # Panics
    /// If something is, or it is not.
    #[must_use]
    pub fn with_history(&self, tree: &Tree, now: Now) -> Self {
        assert_eq!(self.proposals(), 0, "proposals would be lost with the old history");
        assert!(self.zab().is_none(), "a member's history is its ensemble's");
        let mut peer = Self::new(self.options.clone(), tree, now);
        // Numbers of sessions that clients have seen are not handed out again.
        peer.ids.go_on_after(&self.ids);
        peer
    }

    /// Takes one input. `tree` is the state as far as it is applied; see [`Output::is_barrier`].
    pub fn step(&mut self, now: Now, tree: &Tree, input: Input<Self>, effects: &mut Effects<Self>) {
        if let Some(since) = self.tree_replaced.take() {
            self.look_at(tree, since);
        }
        match input {
            Input::Start => self.on_start(now, effects),
            Input::Request(request) => self.on_request(now, tree, request, effects),
            Input::Timer(Timer::Sessions) => self.on_sessions_timer(now, tree, effects),
            Input::Timer(Timer::Reaper) => self.on_reaper_timer(now, tree, effects),
            Input::Timer(Timer::ReadOnly) => self.on_read_only_timer(now, effects),
            Input::Timer(Timer::Zab(timer)) => self.agreement.step(now, Input::Timer(timer)),
            Input::Persisted { upto } => self.agreement.step(now, Input::Persisted { upto }),
            Input::LinkUp(link) => {
                if link.channel == Channel::Learner {
                    self.revalidated.retain(|answer| answer.to != link.peer);
                }
                self.agreement.step(now, Input::LinkUp(link));
            }
            Input::LinkDown(link) => self.agreement.step(now, Input::LinkDown(link)),
            Input::Message { from, message } => {
                self.agreement.step(now, Input::Message { from, message });
            }
        }
        self.settle(now, tree, effects);
    }

    /// The sessions by deadline, for operators.
    pub fn session_buckets(&self) -> impl Iterator<Item = (Instant, &BTreeSet<SessionId>)> {
        self.sessions.buckets()
    }

    /// The sessions that only this server knows by deadline, for operators.
    pub fn local_session_buckets(&self) -> impl Iterator<Item = (Instant, &BTreeSet<SessionId>)> {
        self.local.sessions.buckets()
    }

    /// Number of this server's proposals that are not yet committed.
    pub const fn proposals(&self) -> usize {
        self.pipeline.proposals()
    }

    /// The agreement of the ensemble; `None` if this server is standalone.
    pub const fn zab(&self) -> Option<&Zab> {
        self.agreement.zab()
    }

    /// Takes stock of a tree that is not the one of the last step.
    fn look_at(&mut self, tree: &Tree, now: Now) {
        self.prep = Prep::new(tree, self.options.digest_enabled);
        self.sessions.replace_by(tree.sessions().iter(), now.mono);
        for session in tree.sessions().keys() {
            self.local.note_known(*session);
        }
        self.ids.keep_clear_of(tree);
    }

    fn on_start(&mut self, now: Now, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Sessions, self.next_sessions_timer(now));
        effects.set_timer(Timer::Reaper, now.mono + self.options.reaper_interval);
        self.agreement.step(now, Input::Start);
    }

    /// Twice a tick in an ensemble, so that a leader hears of its learners' sessions in time.
    fn next_sessions_timer(&self, now: Now) -> Instant {
        let half = self.options.tick / 2;
        let tick = self.sessions.next_tick(now.mono);
        match self.zab() {
            Some(_) => tick.min(self.sessions.next_tick(now.mono + half) - half),
            None => tick,
        }
    }

    fn on_request(&mut self, now: Now, tree: &Tree, request: Request, effects: &mut Effects<Self>) {
        use zoarium_zab::Request as Zab;
        match request {
            Request::Connect(connect) => self.on_connect(now, tree, connect, effects),
            Request::Client(request) => self.on_client(now, tree, request, effects),
            Request::Refuse { conn, xid, error } => self.refuse(conn, xid, error, effects),
            Request::Disconnected { conn } => {
                self.sessions.disconnected(conn);
                self.local.disconnected(conn);
                if let Role::Learning(learning) = &mut self.role {
                    learning.disconnected(conn);
                }
            }
            Request::Heard(sessions) => {
                sessions.iter().for_each(|(id, at)| self.local.sessions.heard(*id, *at));
                match &mut self.role {
                    Role::Idle | Role::ReadOnly => {}
                    Role::Leading => {
                        sessions.into_iter().for_each(|(id, at)| self.sessions.heard(id, at));
                    }
                    Role::Learning(learning) => learning.on_heard(&sessions),
                }
            }
            Request::DiskFull(full) => self.disk_full = full,
            Request::HistoryRead { read, txns } => {
                self.agreement.step(now, Input::Request(Zab::HistoryRead { read, txns }));
            }
            Request::SnapshotSent { to } => {
                self.agreement.step(now, Input::Request(Zab::SnapshotSent { to }));
            }
            Request::SnapshotReceived => {
                self.agreement.step(now, Input::Request(Zab::SnapshotReceived));
            }
        }
    }

    fn on_client(
        &mut self,
        now: Now,
        tree: &Tree,
        request: ClientRequest,
        effects: &mut Effects<Self>,
    ) {
        let conn = request.conn;
        // What is still to come of a connection that was told to close follows requests that may
        // be lost, above all those under way at a change of leaders. It must not be done without
        // them.
        let known = self.sessions.is_on(request.session, conn)
            || self.local.sessions.is_on(request.session, conn)
            || self.local.is_leaving(conn);
        if !known {
            effects.output(Output::Unanswered { conn });
            return effects.output(Output::Close { conn });
        }
        if self.ask_locally(now, &request, effects) {
            return;
        }
        match self.role {
            Role::Idle => effects.output(Output::Unanswered { conn }),
            Role::ReadOnly => self.read_only_client(request, effects),
            Role::Leading => self.decide_client(now, tree, request, effects),
            Role::Learning(_) => self.forward_client(now, request, effects),
        }
    }

    fn on_sessions_timer(&mut self, now: Now, tree: &Tree, effects: &mut Effects<Self>) {
        if let Role::Leading = self.role {
            for session in self.sessions.expire(now.mono) {
                self.expire(now, tree, session);
            }
        }
        self.expire_locally(now, effects);
        effects.set_timer(Timer::Sessions, self.next_sessions_timer(now));
    }

    /// Works off what the agreement has decided.
    fn settle(&mut self, now: Now, tree: &Tree, effects: &mut Effects<Self>) {
        let mut agreed = core::mem::take(&mut self.agreed);
        // What is done about them adds more, which come behind all of these.
        while self.agreement.take_effects(&mut agreed) {
            for effect in agreed.drain() {
                match effect {
                    Effect::Send { to, message } => effects.send(to, message),
                    Effect::Persist { seq, record } => effects.persist(seq, record),
                    Effect::SetTimer { timer, at } => effects.set_timer(Timer::Zab(timer), at),
                    Effect::CancelTimer(timer) => effects.cancel_timer(Timer::Zab(timer)),
                    Effect::Output(output) => self.on_agreed(now, tree, output, effects),
                }
            }
        }
        self.agreed = agreed;
    }

    fn on_agreed(
        &mut self,
        now: Now,
        tree: &Tree,
        output: zoarium_zab::Output,
        effects: &mut Effects<Self>,
    ) {
        use zoarium_zab::Output as Zab;
        match output {
            Zab::Deliver(txn) => {
                self.deliver(now, txn, effects);
                self.work_off_backlog(now, tree, effects);
            }
            Zab::Forwarded { from, request } => {
                self.decide_forwarded(now, tree, from, &request);
            }
            Zab::Revalidate { from, question } => {
                self.answer_revalidation(now, from, &question, effects);
            }
            Zab::Revalidated(answer) => self.on_revalidated(now, &answer, effects),
            Zab::Touched { sessions, .. } => {
                crate::carried::decode_touched(&sessions)
                    .for_each(|session| self.sessions.heard(session, now.mono));
            }
            Zab::Ping { zxid } => self.on_ping(now, zxid),
            Zab::Synced => {
                self.pipeline.synced();
                self.tell_due(effects);
            }
            Zab::Looking { why } => self.on_looking(now, why, effects),
            Zab::Joining { leader } => {
                self.end_read_only(effects);
                effects.output(Output::Joining { leader });
            }
            Zab::Elected => {
                self.end_read_only(effects);
                effects.output(Output::Elected);
            }
            Zab::Serving { leader, epoch } => {
                self.on_serving(now, leader);
                self.put_config(effects);
                effects.output(Output::Serving { leader, epoch });
            }
            Zab::Truncate { to } => {
                self.tree_replaced = Some(now);
                effects.output(Output::Truncate { to });
            }
            Zab::InstallSnapshot { zxid } => {
                self.tree_replaced = Some(now);
                effects.output(Output::InstallSnapshot { zxid });
            }
            Zab::SendSnapshot { to, zxid } => effects.output(Output::SendSnapshot { to, zxid }),
            Zab::ReceiveSnapshot { zxid } => effects.output(Output::ReceiveSnapshot { zxid }),
            Zab::ReadHistory { read, from, upto } => {
                effects.output(Output::ReadHistory { read, from, upto });
            }
            Zab::Connect { leader } => effects.output(Output::Dial { leader }),
            Zab::Disconnect { link, why } => effects.output(Output::Disconnect { link, why }),
            Zab::Activated(membership) => effects.output(Output::Activated(membership)),
        }
    }

    fn on_looking(&mut self, now: Now, why: zoarium_zab::Reason, effects: &mut Effects<Self>) {
        self.role = Role::Idle;
        self.pipeline.give_up().for_each(|output| effects.output(output));
        for waiting in self.backlog.drain(..) {
            if let Some(conn) = waiting.request_conn() {
                effects.output(Output::Unanswered { conn });
            }
        }
        self.revalidated.clear();
        self.to_reap.clear();
        self.sessions.detach_all();
        self.local.detach_all();
        effects.output(Output::Looking { why });
        self.await_read_only(now, effects);
    }

    fn on_serving(&mut self, now: Now, leader: ServerId) {
        let leads = self.zab().is_some_and(|zab| zab.id() == leader);
        self.role = if leads { Role::Leading } else { Role::Learning(Learning::new()) };
        self.local.sessions.restart(now.mono);
        // What was delivered on the way here is not in the tree yet.
        self.tree_replaced = Some(now);
    }

    /// No transaction tells of the first membership, nor of one that this server has heard of in an
    /// election (Apache: `initConfigInZKDatabase`).
    pub(crate) fn put_config(&self, effects: &mut Effects<Self>) {
        if let Some(zab) = self.zab() {
            effects.output(Output::PutConfig(Arc::clone(zab.membership())));
        }
    }

    pub(crate) fn refuse(
        &mut self,
        conn: ConnId,
        xid: zoarium_proto::Xid,
        error: ErrorCode,
        effects: &mut Effects<Self>,
    ) {
        if let Role::Idle = self.role {
            return effects.output(Output::Unanswered { conn });
        }
        if !self.backlog.is_empty() {
            return self.backlog.push_back(Waiting::Refuse { conn, xid, error });
        }
        self.pass(conn, Output::Refuse { conn, xid, error }, effects);
    }
}
