//! A turn of a connection's task: all that can be done without waiting.

use super::{Client, Closing, FrameError, REPLIES_BYTES_MAX};
use crate::client_port::auth;
use crate::client_port::frames::{complete_frame, take_frame};
use crate::client_port::request_throttle::Verdict;
use crate::connection::{Asked, Task};
use crate::peer_loop::{FRAME_LENGTH_BYTES, LoopEvent};
use crate::shared::Shared;
use crate::stats::SizesTally;
use bytes::Buf;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;
use std::time::{Duration, Instant};
use zoarium_peer::{ClientRequest, Request, Route};
use zoarium_proto::reply::{ReplyHeader, put_frame, put_header_frame};
use zoarium_proto::request::RequestHeader;
use zoarium_proto::{ErrorCode, OpCode, Reader, Xid, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::read::{self, ReadContext};

/// Requests taken before other tasks get their turn.
const REQUESTS_A_TURN_MAX: usize = 256;

const SCRATCH_BYTES: usize = 64 * 1024;

/// What is kept of the thread's buffer for replies after a turn that needed more.
const SCRATCH_KEPT_BYTES: usize = 2 * 1024 * 1024;

thread_local! {
    /// Where sockets are read into and replies are built, so that an idle connection keeps no
    /// buffer and a busy one allocates none.
    pub(super) static SCRATCH: RefCell<(Box<[u8]>, Vec<u8>)> =
        RefCell::new((vec![0; SCRATCH_BYTES].into(), Vec::with_capacity(SCRATCH_BYTES)));
}

/// What a turn has gathered.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) began: Instant,
    /// What goes to the peer loop at its end.
    pub(super) to_loop: Vec<LoopEvent>,
    /// The requests among that, and reads that wait for some of them or for others before.
    asked: Vec<Asked>,
    /// What those reads ask, one behind the other.
    bodies: Vec<u8>,
    /// What was answered without the peer loop.
    at_once: AtOnce,
}

/// Requests answered on the spot.
#[derive(Debug)]
struct AtOnce {
    count: u64,
    last: (OpCode, Xid),
    sizes: SizesTally,
}

impl Default for AtOnce {
    fn default() -> Self {
        Self { count: 0, last: (OpCode::Ping, Xid::PING), sizes: SizesTally::default() }
    }
}

impl AtOnce {
    /// Notes a request whose reply's frame has so many bytes.
    fn note(&mut self, last: (OpCode, Xid), bytes: usize) {
        self.count += 1;
        self.last = last;
        self.sizes.note(bytes - FRAME_LENGTH_BYTES);
    }
}

impl Turn {
    fn begin() -> Self {
        Self {
            began: Instant::now(),
            to_loop: Vec::new(),
            asked: Vec::new(),
            bodies: Vec::new(),
            at_once: AtOnce::default(),
        }
    }
}

impl Client {
    /// Does all that can be done without waiting. The result says whether there is more.
    pub(super) fn turn(&mut self, waker: &Waker) -> Result<bool, Closing> {
        let was_stuck = self.is_stuck();
        SCRATCH.with_borrow_mut(|(_, out)| {
            let closing = self.take_requests(out);
            let sent = self.send(out);
            out.clear();
            out.shrink_to(SCRATCH_KEPT_BYTES);
            let more = closing?;
            sent?;
            self.awaits_answers = self.awaits_answers || !self.takes_requests();
            let more = if was_stuck { !self.is_stuck() } else { more && !self.awaits_answers };
            Ok(more || self.has_news_or_rests(waker))
        })
    }

    /// Moves replies and events into `out`, then answers requests behind them.
    fn take_requests(&mut self, out: &mut Vec<u8>) -> Result<bool, Closing> {
        let shared = Arc::clone(&self.shared);
        let mut turn = Turn::begin();
        let taken = self.take_requests_until_full(&shared, &mut turn, out);
        let passed = self.pass_on(&shared, &mut turn, out);
        self.note_at_once(turn.at_once);
        Ok(taken? | passed?)
    }

    /// Puts requests where they wait to be answered, and asks the peer loop what is for it. The
    /// result says whether some were answered here, so that there may be room for others.
    fn pass_on(
        &mut self,
        shared: &Shared,
        turn: &mut Turn,
        out: &mut Vec<u8>,
    ) -> Result<bool, Closing> {
        if turn.asked.is_empty() {
            return Ok(false);
        }
        let mut passed = Ok(false);
        let count = turn.asked.len();
        // Before anybody can answer them.
        shared.under_way.fetch_add(count, Relaxed);
        if !self.queue(turn) {
            // What the first of them would have waited for has been answered meanwhile. They must
            // not see the writes behind them, which the peer loop does not have yet.
            passed = self.answer_first_reads(shared, turn, out).map(|()| true);
            self.awaits_answers = false;
            if passed.is_err() {
                turn.asked.retain(|asked| asked.waits.is_none());
                turn.bodies.clear();
            }
            self.queue(turn);
        }
        self.conn.stats.received(turn.asked.len() as u64);
        shared.under_way.fetch_sub(count - turn.asked.len(), Relaxed);
        if !turn.to_loop.is_empty() {
            shared.ask(turn.to_loop.drain(..));
        }
        passed
    }

    /// Queues what the turn has gathered, unless it begins with reads that have nothing to wait
    /// for.
    fn queue(&self, turn: &Turn) -> bool {
        let Some(first) = turn.asked.first() else { return true };
        let mut outbox = self.conn.outbox();
        if first.waits.is_some() && outbox.is_settled() {
            return false;
        }
        outbox.ask(&turn.asked, &turn.bodies, &self.identities);
        true
    }

    /// Answers the reads that the turn's requests begin with.
    fn answer_first_reads(
        &mut self,
        shared: &Shared,
        turn: &mut Turn,
        out: &mut Vec<u8>,
    ) -> Result<(), Closing> {
        let tree = shared.tree();
        self.receive(out)?;
        let (mut count, mut read) = (0, 0);
        for asked in &turn.asked {
            let Some(length) = asked.waits else { break };
            let body = &turn.bodies[read..read + length];
            let start = out.len();
            let cx = self.read_context(&tree, asked.xid);
            read::answer(asked.op, body, &cx, &mut shared.watch_table(), out);
            turn.at_once.note((asked.op, asked.xid), out.len() - start);
            count += 1;
            read += length;
        }
        turn.asked.drain(..count);
        turn.bodies.drain(..read);
        let mut outbox = self.conn.outbox();
        outbox.note_reads_answered(count as u64);
        self.reads_answered = outbox.reads_answered;
        let before = self.order.under_way();
        self.order.on_answered(outbox.answered);
        drop(outbox);
        self.leave_if_large(before - self.order.under_way());
        Ok(())
    }

    fn read_context<'a>(&'a self, tree: &'a Tree, xid: Xid) -> ReadContext<'a> {
        ReadContext {
            tree,
            rules: &self.shared.access,
            ids: &self.identities,
            session: self.session,
            conn: self.conn.id,
            xid,
        }
    }

    fn take_requests_until_full(
        &mut self,
        shared: &Shared,
        turn: &mut Turn,
        out: &mut Vec<u8>,
    ) -> Result<bool, Closing> {
        // While this lock is held nothing is applied. What was applied before it has put its
        // events into the outbox, so a client hears of a change before it can read its effect.
        let mut tree = None;
        self.receive(out)?;
        for taken in 0.. {
            self.awaits_answers = !self.takes_requests();
            if self.awaits_answers {
                break;
            }
            if out.len() + self.unsent.len() > REPLIES_BYTES_MAX {
                // The socket may take all of it, and then nothing but the next turn looks at what
                // is left in `unread`.
                return Ok(true);
            }
            self.check_large()?;
            let Some(length) = complete_frame(&self.unread, shared.limits.frame_bytes_max)? else {
                self.waits_since = None;
                break;
            };
            if taken == REQUESTS_A_TURN_MAX {
                return Ok(true);
            }
            let mut reader = Reader::new(&self.unread[4..4 + length]);
            let header =
                RequestHeader::decode(&mut reader).map_err(|_| FrameError::TooShort { length })?;
            if self.must_authenticate {
                self.check_authenticates(header, out)?;
            }
            let Some(op) = offered(header) else {
                self.refuse(OpCode::Error, header.xid, ErrorCode::Unimplemented, turn, out);
                self.unread.advance(4 + length);
                continue;
            };
            match self.throttle(op, turn) {
                Verdict::Go => {}
                Verdict::Wait => break,
                Verdict::Drop => return Err(Closing::Stale),
                Verdict::Refuse => {
                    self.refuse(op, header.xid, ErrorCode::ThrottledOp, turn, out);
                    self.unread.advance(4 + length);
                    continue;
                }
            }
            match self.order.route(op) {
                Route::PeerLoop => {
                    self.enter_if_large(length)?;
                    self.hand_over(op, header.xid, length, turn);
                }
                Route::Here => {
                    if tree.is_none() {
                        tree = Some(shared.tree());
                        self.receive(out)?;
                    }
                    let tree = tree.as_deref().expect("it was just locked");
                    let at_once = &mut turn.at_once;
                    self.answer(op, header.xid, length, tree, at_once, out)?;
                    self.unread.advance(4 + length);
                }
            }
        }
        Ok(false)
    }

    /// Takes the first frame, of `length` bytes, for the peer loop, or lets it wait if it is a read.
    fn hand_over(&mut self, op: OpCode, xid: Xid, length: usize, turn: &mut Turn) {
        if !op.is_write() && op != OpCode::Sync {
            let body = &self.unread[4 + RequestHeader::WIRE_SIZE..4 + length];
            turn.bodies.extend_from_slice(body);
            let waits = Some(body.len());
            self.unread.advance(4 + length);
            return self.note_asked(op, xid, waits, turn);
        }
        let body = take_frame(&mut self.unread, length, RequestHeader::WIRE_SIZE);
        self.note_asked(op, xid, None, turn);
        turn.to_loop.push(LoopEvent::Request(Request::Client(ClientRequest {
            conn: self.conn.id,
            session: self.session,
            xid,
            op,
            body,
            identities: self.identities.clone(),
        })));
    }

    /// Notes a request that goes to the peer loop or waits.
    pub(super) fn note_asked(
        &mut self,
        op: OpCode,
        xid: Xid,
        waits: Option<usize>,
        turn: &mut Turn,
    ) {
        turn.asked.push(Asked { at: turn.began, op, xid, waits });
        self.reads_asked += u64::from(!op.is_write());
    }

    /// Answers the request in the first frame, of `length` bytes.
    fn answer(
        &mut self,
        op: OpCode,
        xid: Xid,
        length: usize,
        tree: &Tree,
        at_once: &mut AtOnce,
        out: &mut Vec<u8>,
    ) -> Result<(), Closing> {
        let body = &self.unread[4 + RequestHeader::WIRE_SIZE..4 + length];
        let start = out.len();
        if op == OpCode::Ping {
            put_header_frame(out, ReplyHeader::ok(Xid::PING, tree.last_zxid()));
        } else if op == OpCode::Auth {
            let remote = self.conn.remote.ip();
            let outcome = auth::answer(&self.shared, remote, &self.identities, xid, body, out);
            self.identities = outcome.ok_or(Closing::AuthFailed)?;
            self.conn.set_identities(self.identities.clone());
            self.must_authenticate = self.shared.guards.must_authenticate(&self.identities);
        } else if op == OpCode::Sasl {
            // No mechanism is configured: a null token tells the client to go on without.
            if !matches!(Reader::new(body).buffer(), Ok(Some(_))) {
                return Err(Closing::AuthFailed);
            }
            put_frame(out, |out| {
                ReplyHeader::ok(xid, Zxid::ZERO).encode(out);
                out.extend_from_slice(&(-1_i32).to_be_bytes());
            });
        } else {
            let cx = self.read_context(tree, xid);
            read::answer(op, body, &cx, &mut self.shared.watch_table(), out);
        }
        at_once.note((op, xid), out.len() - start);
        Ok(())
    }

    /// Counts what was answered without the peer loop, all together.
    fn note_at_once(&self, at_once: AtOnce) {
        let AtOnce { count, last: (op, xid), sizes } = at_once;
        if count == 0 {
            return;
        }
        let (zxid, now_ms) = (self.shared.last_zxid(), self.shared.clock.mono_ms());
        self.conn.stats.received(count);
        self.conn.stats.sent(count);
        self.conn.stats.answered(count, (op, xid.0), zxid, Duration::ZERO, now_ms);
        self.shared.note_replies(&sizes);
        self.shared.stats.packets_received.add(count);
        self.shared.stats.packets_sent.add(count);
        self.shared.stats.latency.record_many(Duration::ZERO, count);
        self.shared.metrics.readlatency.record_many(Duration::ZERO, count);
    }

    /// Takes what the peer loop has left for this connection.
    fn receive(&mut self, out: &mut Vec<u8>) -> Result<(), Closing> {
        let mut outbox = self.conn.outbox();
        if self.conn.overflowed() {
            return Err(Closing::NotReading);
        }
        outbox.task = Task::InTurn;
        outbox.left_by_client = self.is_stuck() && !outbox.closed;
        if outbox.left_by_client {
            return Ok(());
        }
        if !outbox.frames.is_empty() {
            out.append(&mut outbox.frames);
            outbox.frames.shrink_to(SCRATCH_BYTES);
            let packets = std::mem::take(&mut outbox.packets);
            self.conn.stats.sent(packets);
            self.shared.stats.packets_sent.add(packets);
        }
        let closed = outbox.closed;
        self.reads_answered = outbox.reads_answered;
        let before = self.order.under_way();
        self.order.on_answered(outbox.answered);
        drop(outbox);
        self.leave_if_large(before - self.order.under_way());
        if closed { Err(Closing::BySession) } else { Ok(()) }
    }
}

/// The operation, if clients may ask for it. The internal ones and a lone check
/// (ZOOKEEPER-2623) count as unknown.
fn offered(header: RequestHeader) -> Option<OpCode> {
    let op = header.op()?;
    let internal = matches!(
        op,
        OpCode::CreateSession | OpCode::Error | OpCode::Check | OpCode::DeleteContainer
    );
    (!internal).then_some(op)
}
