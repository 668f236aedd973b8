//! The owner of the peer: the only caller of [`Peer::step`] and the only writer of the tree. It
//! carries out what the peer decides, batch by batch, on whichever worker has that duty
//! ([`crate::duties`]).

pub(crate) mod member;
mod milestones;
pub(crate) mod restoring;
mod tally;
mod writing;

use crate::audit::Audit;
use crate::connection::SharedConnection;
use crate::disk::Disk;
use crate::duties::{FEW_JOBS, Schedule};
use crate::links::Batch;
use crate::quota_log::QuotaLog;
use crate::shared::Shared;
use crate::snapshots::{Snapshots, Staged};
use member::Member;
use restoring::{Restore, Restoring, SnapshotTarget};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, mpsc};
use std::task::Waker;
use tally::{Fired, Tally, report_prepared};
use writing::to_flush;

use zoarium_peer::{
    Connect, Delivery, Origin, Output, Peer, Request, Timer, answer_closed, answer_delivery,
    answer_refusal, answer_sync,
};
use zoarium_process::{Effect, Effects, Input, Instant, PersistSeq};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::reply::put_frame;
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{AclList, ConnId, EventType, OpCode, Perms, SessionId, WatchedEvent, Zxid};
use zoarium_tree::read::{self, ReadContext};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Change, Tree};
use zoarium_zab::Record;

/// The length before each frame, which is not part of a reply's size.
pub(crate) const FRAME_LENGTH_BYTES: usize = 4;

/// Everything that can wake the peer loop.
#[derive(Debug)]
pub(crate) enum LoopEvent {
    /// The first.
    Start,
    /// A connection asks for its session.
    Connect(SharedConnection, Connect),
    /// A request.
    Request(Request),
    /// A connection is gone.
    Gone(ConnId),
    /// Records up to this one are on disk.
    Persisted(PersistSeq),
    /// Other members are heard of.
    Links(Batch),
    /// The disk is full, or has room again.
    DiskFull(bool),
    /// The leader's snapshot is durable beside the history, or cannot be made so.
    SnapshotStaged(Staged),
    /// An operator asks for the sessions by deadline.
    Inspect(mpsc::Sender<Vec<(Instant, Vec<SessionId>)>>),
    /// An operator wants another state.
    Restore(Box<Restore>),
    /// Finish what is here, then end.
    Stop,
}

/// The connections that have asked for a session.
pub(crate) type Connections = HashMap<ConnId, SharedConnection>;

/// What the peer is to hear.
#[derive(Debug)]
enum Work {
    Input(Input<Peer>),
    /// One after the other, as what it says to one may make the next void.
    Links(Batch),
    /// The leader's snapshot, and what came behind it.
    Staged(Staged),
}

/// The loop's own state.
#[derive(Debug)]
pub(crate) struct PeerLoop {
    peer: Peer,
    shared: Arc<Shared>,
    disk: Arc<Disk>,
    connections: Connections,
    /// When clients were last heard of whose connections have gone since that was told.
    departed: Vec<(SessionId, Instant)>,
    timers: BTreeMap<Timer, Instant>,
    effects: Effects<Peer>,
    /// What is to be told, in order, once the tree is locked.
    outputs: Vec<Output>,
    records: Vec<(PersistSeq, Record)>,
    /// Connections that have something to read.
    to_flush: Vec<SharedConnection>,
    /// Tasks of connections that have to do the rest by themselves.
    to_wake: Vec<Waker>,
    /// Emptied outboxes, so that an idle connection keeps no memory and a busy one allocates none.
    spare: Vec<Vec<u8>>,
    quota_log: QuotaLog,
    tally: Tally,
    audit: Option<Audit>,
    restoring: Restoring,
    snapshots: Arc<Snapshots>,
    /// `None` for a standalone server.
    member: Option<Member>,
    stopping: bool,
}

impl PeerLoop {
    /// A loop for this peer; `target` is where restored states go, and `audit` says whether it
    /// writes the audit log.
    pub(crate) fn new(
        peer: Peer,
        shared: Arc<Shared>,
        disk: Arc<Disk>,
        snapshots: Arc<Snapshots>,
        target: SnapshotTarget,
        audit: bool,
        member: Option<Member>,
    ) -> Self {
        Self {
            peer,
            shared,
            disk,
            connections: Connections::new(),
            departed: Vec::new(),
            timers: BTreeMap::new(),
            effects: Effects::new(),
            outputs: Vec::new(),
            records: Vec::new(),
            to_flush: Vec::new(),
            to_wake: Vec::new(),
            spare: Vec::new(),
            quota_log: QuotaLog::default(),
            tally: Tally::default(),
            audit: audit.then(Audit::new),
            restoring: Restoring::new(target),
            snapshots,
            member,
            stopping: false,
        }
    }

    /// Sees to a batch of events, and to the timers that are due. The result is `None` after
    /// [`LoopEvent::Stop`].
    pub(crate) fn turn(&mut self, events: &mut Vec<LoopEvent>) -> Option<Schedule> {
        let work: Vec<_> = events.drain(..).filter_map(|event| self.admit(event)).collect();
        self.step_batch(work);
        self.run_due_timers();
        self.restore_when_settled();
        let at = self.timers.values().min().map(|at| self.shared.clock.to_std(*at));
        // All that takes long is done without clients.
        let is_serving = self.peer.zab().is_none_or(|zab| zab.serving().is_some());
        let is_quick = is_serving && !self.restoring.is_asked();
        (!self.stopping).then_some(Schedule { at, is_quick })
    }

    /// What the peer is to hear of an event.
    fn admit(&mut self, event: LoopEvent) -> Option<Work> {
        Some(Work::Input(match self.restoring.screen(event, &self.shared)? {
            LoopEvent::Start => Input::Start,
            LoopEvent::Connect(connection, connect) => {
                self.connections.insert(connection.id, connection);
                Input::Request(Request::Connect(connect))
            }
            LoopEvent::Request(request) => {
                if let Some(audit) = &mut self.audit {
                    audit.admit(&request, &self.connections);
                }
                Input::Request(request)
            }
            LoopEvent::Gone(conn) => {
                let gone = self.connections.remove(&conn);
                self.departed.extend(gone.as_ref().and_then(last_heard));
                // Here and not in the connection's task: a read of its that took the loop's road
                // may have set a watch after the task had ended.
                self.shared.watches().remove_connection(conn);
                Input::Request(Request::Disconnected { conn })
            }
            LoopEvent::Persisted(upto) => Input::Persisted { upto },
            LoopEvent::Links(batch) => return Some(Work::Links(batch)),
            LoopEvent::DiskFull(full) => Input::Request(Request::DiskFull(full)),
            LoopEvent::SnapshotStaged(staged) => return Some(Work::Staged(staged)),
            LoopEvent::Inspect(asker) => {
                let buckets = self.peer.session_buckets();
                let buckets = buckets.map(|(at, ids)| (at, ids.iter().copied().collect()));
                // An operator who has gone away needs no answer.
                let _gone = asker.send(buckets.collect());
                return None;
            }
            LoopEvent::Restore(restore) => {
                self.restoring.ask(restore);
                return None;
            }
            LoopEvent::Stop => {
                self.stopping = true;
                return None;
            }
        }))
    }

    fn run_due_timers(&mut self) {
        let now = self.shared.clock.mono();
        let due: Vec<Timer> =
            self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            self.timers.remove(&timer);
            let heard = (timer == Timer::Sessions).then(|| self.heard());
            let heard = heard.map(|heard| Input::Request(Request::Heard(heard)));
            let inputs = heard.into_iter().chain([Input::Timer(timer)]);
            self.step_batch(inputs.map(Work::Input));
            if timer == Timer::Zab(zoarium_zab::Timer::HalfTick) {
                self.note_standing();
            }
        }
    }

    /// When each client was last heard of. A session lives on for its timeout after the last sign
    /// of life, even if the connection went right behind it. Connections that were silent for too
    /// long are told to end, a tick late at most, as sessions are.
    fn heard(&mut self) -> Vec<(SessionId, Instant)> {
        let now_ms = self.shared.clock.mono_ms();
        self.connections.values().filter(|it| it.is_silent(now_ms)).for_each(|it| it.wake());
        let mut heard = std::mem::take(&mut self.departed);
        heard.extend(self.connections.values().filter_map(last_heard));
        heard
    }

    fn step_batch(&mut self, work: impl IntoIterator<Item = Work>) {
        let shared = Arc::clone(&self.shared);
        let mut work: VecDeque<Work> = work.into_iter().collect();
        loop {
            self.step_until_barrier(&mut work, &shared);
            // Before the disk: others can make the same durable meanwhile.
            self.flush_links();
            self.persist();
            self.deliver(&shared);
            if work.is_empty() {
                return;
            }
        }
    }

    /// Steps through the work, up to where the tree must be brought up to date.
    fn step_until_barrier(&mut self, work: &mut VecDeque<Work>, shared: &Shared) {
        let tree = shared.tree();
        // What comes in one batch came at one time.
        let now = shared.clock.now();
        let began = std::time::Instant::now();
        let mut requests = 0;
        let mut is_barrier = false;
        while !is_barrier && let Some(next) = work.pop_front() {
            let input = match next {
                Work::Input(input) => Some(input),
                Work::Links(batch) => self.next_of_links(batch, work),
                Work::Staged(staged) => self.on_staged(staged, work),
            };
            let Some(input) = input else { continue };
            requests += u64::from(matches!(input, Input::Request(_)));
            self.peer.step(now, &tree, input, &mut self.effects);
            is_barrier = self.sort_effects();
        }
        report_prepared(requests, began.elapsed(), shared);
    }

    /// Has the records made durable: if they are many, while others are told, or else afterwards,
    /// which saves waking somebody for it.
    fn persist(&mut self) {
        if self.records.is_empty() {
            return;
        }
        let many = self.records.len() > FEW_JOBS;
        self.disk.append(self.records.drain(..));
        if !self.outputs.is_empty() && (many || self.outputs.iter().any(Output::is_barrier)) {
            self.disk.start();
        }
    }

    /// Sorts what a step has asked for by when it is to be done. The result says whether all of it
    /// must be done before the next step.
    fn sort_effects(&mut self) -> bool {
        let mut effects = std::mem::take(&mut self.effects);
        let mut is_barrier = false;
        for effect in effects.drain() {
            match effect {
                Effect::Persist { seq, record } => {
                    self.on_proposed(&record);
                    self.records.push((seq, record));
                }
                Effect::SetTimer { timer, at } => {
                    self.timers.insert(timer, at);
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Output(output) => {
                    is_barrier |= output.is_barrier();
                    self.sort_output(output);
                }
                Effect::Send { to, message } => self.send(to, &message),
            }
        }
        self.effects = effects;
        is_barrier
    }

    /// Tells the outside, in order. The tree stays locked over the batch, so that nobody reads
    /// half of it and every event is in its outbox before its cause can be read.
    fn deliver(&mut self, shared: &Shared) {
        if self.outputs.is_empty() {
            return;
        }
        self.read_back_what_is_cut();
        let mut tree = shared.tree_mut();
        let mut watches = shared.watches();
        let began = std::time::Instant::now();
        let outputs = std::mem::take(&mut self.outputs);
        for output in &outputs {
            self.carry_out(output, &mut tree, &mut watches);
        }
        shared.note_applied(&tree);
        self.tally.outputs += outputs.len() as u64;
        self.tally.report(began.elapsed(), shared);
        drop(watches);
        drop(tree);
        self.outputs = outputs;
        self.outputs.clear();
        self.flush_connections(shared);
        if let Some(throttle) = &shared.guards.request_throttle {
            throttle.wake();
        }
    }

    fn carry_out(&mut self, output: &Output, tree: &mut Tree, watches: &mut Watches) {
        match output {
            Output::Deliver(delivery) => self.apply(delivery, tree, watches),
            Output::Answer(request) => {
                let shared = Arc::clone(&self.shared);
                self.reply(request.conn, tree, watches, |watches, out| {
                    let (xid, body) = (request.xid, &request.body);
                    if request.op == OpCode::Sync {
                        return answer_sync(xid, tree.last_zxid(), body, out);
                    }
                    let (session, conn) = (request.session, request.conn);
                    let (rules, ids) = (&shared.access, &request.identities);
                    let cx = ReadContext { tree, rules, ids, session, conn, xid };
                    read::answer(request.op, body, &cx, watches, out);
                });
            }
            Output::Refuse { conn, xid, error } => {
                let zxid = tree.last_zxid();
                if let Some(audit) = &mut self.audit {
                    audit.refused(*conn, &self.shared.access);
                }
                self.reply(*conn, tree, watches, |_, out| answer_refusal(*xid, zxid, *error, out));
            }
            Output::Closed { conn, xid } => {
                let zxid = tree.last_zxid();
                self.reply(*conn, tree, watches, |_, out| answer_closed(*xid, zxid, out));
            }
            Output::Connected { conn, response } => self.connect(*conn, response),
            Output::OverQuota(over) => {
                self.quota_log.note(over, self.shared.clock.mono_ms(), &self.shared.metrics);
            }
            Output::Close { conn } => {
                // Its task is woken when all it has been told is written.
                if let Some(connection) = to_flush(&mut self.to_flush, *conn, &self.connections) {
                    connection.outbox().closed = true;
                }
            }
            Output::Unanswered { .. } => self.forget_request(),
            Output::Looking { why } => self.on_looking(why, watches),
            Output::ServingReadOnly => self.on_serving_read_only(),
            Output::Joining { leader } => self.on_joining(*leader),
            Output::Elected => self.on_elected(),
            Output::Serving { leader, epoch } => self.on_serving(*leader, *epoch),
            Output::Truncate { .. } => self.put_back(tree),
            Output::InstallSnapshot { zxid } => self.install(tree, *zxid),
            Output::ReceiveSnapshot { zxid } => {
                tracing::info!(%zxid, "the leader sends all of its state");
            }
            Output::PutConfig(membership) => self.put_config(membership, tree),
            Output::Activated(membership) => self.on_activated(membership),
            Output::SendSnapshot { .. }
            | Output::ReadHistory { .. }
            | Output::Dial { .. }
            | Output::Disconnect { .. } => unreachable!("{output:?} was carried out already"),
        }
    }

    fn apply(&mut self, delivery: &Delivery, tree: &mut Tree, watches: &mut Watches) {
        let txn = LoggedTxn::decode(&delivery.txn).unwrap_or_else(|error| {
            panic!("own transaction {} is unreadable: {error}", delivery.zxid)
        });
        let shared = Arc::clone(&self.shared);
        let applied = tree.apply_foreseen(&txn, &delivery.foresight, &mut |change: Change<'_>| {
            if let (Some(audit), Some(session)) = (&mut self.audit, delivery.closes) {
                audit.ephemeral_gone(session, change.path);
            }
            let mut fired = Fired::default();
            watches.trigger(&change, &mut |conn, kind, path, acl| {
                fired.note(kind);
                self.notify(&shared, conn, kind, path, change.zxid, acl);
            });
            fired.report(&shared);
        });
        shared.note_digest(&applied, delivery.zxid);
        if let Some(member) = &mut self.member {
            member.milestones.commit(delivery.zxid, &shared);
        }
        match delivery.origin {
            Some(Origin::Request { conn, xid, op }) => {
                if let Some(audit) = &mut self.audit {
                    audit.finished(conn, &applied.outcome, &shared.access);
                }
                let answer = |_: &mut Watches, out: &mut Vec<u8>| {
                    answer_delivery(xid, op, &txn, &applied, out);
                };
                self.reply(conn, tree, watches, answer);
            }
            Some(Origin::Connect { conn, session, timeout_ms, read_only }) => {
                let password = session.password();
                let response = ConnectResponse { timeout_ms, session, password, read_only };
                self.connect(conn, &response);
            }
            None => self.tally.expired_sessions += u64::from(delivery.closes.is_some()),
        }
    }

    /// Sends an event, if its receiver may read the znode (or was refused it, and must not learn
    /// of it by its watch either).
    fn notify(
        &mut self,
        shared: &Shared,
        conn: ConnId,
        kind: EventType,
        path: &str,
        zxid: Zxid,
        acl: AclList<'_>,
    ) {
        let Some(connection) = to_flush(&mut self.to_flush, conn, &self.connections) else {
            return;
        };
        let may_read = acl == AclList::OPEN
            || shared.access.allows(acl, Perms::READ, &connection.identities());
        if !may_read {
            return;
        }
        if let Some(mut outbox) = connection.outbox_with_room() {
            let event = WatchedEvent { kind, path: path.into(), zxid: Some(zxid) };
            outbox.provide(&mut self.spare);
            let start = outbox.frames.len();
            put_frame(&mut outbox.frames, |out| event.encode(out));
            outbox.packets += 1;
            self.tally.event_bytes += (outbox.frames.len() - start - FRAME_LENGTH_BYTES) as u64;
        }
    }

    /// Appends a reply to a connection's outbox, if the connection is still there, and those to the
    /// reads that have waited for it.
    fn reply(
        &mut self,
        conn: ConnId,
        tree: &Tree,
        watches: &mut Watches,
        fill: impl FnOnce(&mut Watches, &mut Vec<u8>),
    ) {
        self.tally.answered += 1;
        let Some(connection) = to_flush(&mut self.to_flush, conn, &self.connections) else {
            self.tally.stale_replies += 1;
            return;
        };
        let Some(mut outbox) = connection.outbox_with_room() else { return };
        outbox.provide(&mut self.spare);
        let sizes = &mut self.tally.replies;
        let start = outbox.frames.len();
        outbox.reply(|out| fill(watches, out));
        sizes.note(outbox.frames.len() - start - FRAME_LENGTH_BYTES);
        let rules = &self.shared.access;
        let session = connection.session().unwrap_or(SessionId::NONE);
        self.tally.answered += outbox.answer_reads(|asked, body, ids, out| {
            let start = out.len();
            let cx = ReadContext { tree, rules, ids, session, conn, xid: asked.xid };
            read::answer(asked.op, body, &cx, watches, out);
            sizes.note(out.len() - start - FRAME_LENGTH_BYTES);
        });
    }

    fn connect(&mut self, conn: ConnId, response: &ConnectResponse) {
        let Some(connection) = self.connections.get(&conn) else { return };
        // Its timeout begins here, as that of the session does, however long a slow disk took.
        connection.set_heard_ms(self.shared.clock.mono_ms());
        connection.connected(response);
        self.to_flush.push(Arc::clone(connection));
    }
}

/// The connection's session, if it has one, and when its client was last heard of.
fn last_heard(connection: &SharedConnection) -> Option<(SessionId, Instant)> {
    let at = std::time::Duration::from_millis(connection.heard_ms());
    Some((connection.session()?, Instant::from_origin(at)))
}
