//! One client's connection: its own task reads requests, answers what it can from the shared tree,
//! hands the rest to the peer loop, and writes replies and events.

mod guarded;

use super::frames::{FrameError, complete_frame, take_frame};
use super::large_requests::{OfConnection as LargeRequests, TooMuch};
use super::request_throttle::Verdict;
use super::unsent::Unsent;
use super::{auth, handshake};
use crate::connection::{Asked, SharedConnection, Socket, Task};
use crate::metrics::Metrics;
use crate::operator::Operator;
use crate::peer_loop::{FRAME_LENGTH_BYTES, LoopEvent};
use crate::shared::Shared;
use crate::stats::SizesTally;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use zoarium_peer::{ClientRequest, Order, Request, Route};
use zoarium_proto::reply::{ReplyHeader, put_frame, put_header_frame};
use zoarium_proto::request::RequestHeader;
use zoarium_proto::{DecodeError, ErrorCode, OpCode, Reader, SessionId, Xid, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::access::Identities;
use zoarium_tree::read::{self, ReadContext};

/// Replies that may wait for the socket before no more requests are taken, in bytes.
const REPLIES_BYTES_MAX: usize = 256 * 1024;

/// Reads of one connection that may be under way in the peer loop: their replies may all be built
/// at once.
const READS_UNDER_WAY_MAX: u64 = 64;

/// Requests taken before other tasks get their turn.
const REQUESTS_A_TURN_MAX: usize = 256;

const SCRATCH_BYTES: usize = 64 * 1024;

/// What is kept of the thread's buffer for replies after a turn that needed more.
const SCRATCH_KEPT_BYTES: usize = 2 * 1024 * 1024;

thread_local! {
    /// Where sockets are read into and replies are built, so that an idle connection keeps no
    /// buffer and a busy one allocates none.
    static SCRATCH: RefCell<(Box<[u8]>, Vec<u8>)> =
        RefCell::new((vec![0; SCRATCH_BYTES].into(), Vec::with_capacity(SCRATCH_BYTES)));
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closing {
    #[error("the client closed it")]
    ByClient,
    #[error("the session is closed, expired or moved")]
    BySession,
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("nothing heard for {0:?}")]
    Idle(Duration),
    #[error("authentication refused")]
    AuthFailed,
    #[error("not authenticated with a scheme of enforce.auth.schemes")]
    AuthRequired,
    #[error("refused by the connection throttle")]
    Throttled,
    #[error("a request waited longer than its session lives")]
    Stale,
    #[error("the client closed it while a request waited")]
    Abandoned,
    #[error("{0}")]
    TooMuch(#[from] TooMuch),
    #[error("the first frame is no handshake: {0}")]
    Handshake(#[from] DecodeError),
    #[error("the client does not read what it is sent")]
    NotReading,
}

/// A connection after its handshake.
#[derive(Debug)]
pub(super) struct Client {
    reader: OwnedReadHalf,
    socket: Arc<Socket>,
    conn: SharedConnection,
    shared: Arc<Shared>,
    /// Bytes read and not yet taken.
    unread: BytesMut,
    unsent: Unsent,
    order: Order,
    /// What goes to the peer loop at the end of this turn.
    asked: Vec<Asked>,
    /// How many requests went there that change nothing, and how many of them are answered.
    reads_asked: u64,
    reads_answered: u64,
    turn_began: Instant,
    /// What was answered without the peer loop this turn.
    at_once: AtOnce,
    session: SessionId,
    session_timeout: Duration,
    identities: Identities,
    /// Nothing is served before the client has authenticated.
    must_authenticate: bool,
    /// Since when the first request in `unread` has waited for the request throttle.
    waits_since: Option<Instant>,
    large_requests: Option<Box<LargeRequests>>,
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

/// Runs a connection to its end.
pub(super) async fn run(
    stream: TcpStream,
    conn: SharedConnection,
    operator: Arc<Operator>,
    shared: Arc<Shared>,
) {
    let handshake = handshake::run(stream, &conn, operator, &shared).await;
    let closing = match handshake {
        Ok(Some(connected)) => {
            let mut client = Client::new(connected, Arc::clone(&conn), Arc::clone(&shared));
            client.serve().await
        }
        Ok(None) => return,
        Err(closing) => closing,
    };
    note_end(&closing, &shared.metrics);
    tracing::debug!(conn = %conn.id, remote = %conn.remote, reason = %closing, "connection ends");
}

/// Counts what Apache counts of the ends of connections.
fn note_end(closing: &Closing, metrics: &Metrics) {
    match closing {
        Closing::ByClient | Closing::Abandoned => metrics.connection_drop_count.increment(),
        Closing::Idle(_) => metrics.sessionless_connections_expired.increment(),
        Closing::BySession
        | Closing::Frame(_)
        | Closing::Io(_)
        | Closing::AuthFailed
        | Closing::AuthRequired
        | Closing::Throttled
        | Closing::Stale
        | Closing::TooMuch(_)
        | Closing::Handshake(_)
        | Closing::NotReading => {}
    }
}

impl Client {
    fn new(connected: handshake::Connected, conn: SharedConnection, shared: Arc<Shared>) -> Self {
        let (reader, writer) = connected.stream.into_split();
        let identities = conn.identities();
        let large_requests = shared.guards.large_requests.clone();
        Self {
            reader,
            socket: Arc::new(Socket::new(writer)),
            unread: connected.unread,
            session: connected.session,
            session_timeout: connected.timeout,
            waits_since: None,
            large_requests: large_requests.map(|all| Box::new(LargeRequests::new(all))),
            must_authenticate: shared.guards.must_authenticate(&identities),
            identities,
            conn,
            shared,
            unsent: Unsent::default(),
            order: Order::default(),
            asked: Vec::new(),
            reads_asked: 0,
            reads_answered: 0,
            turn_began: Instant::now(),
            at_once: AtOnce::default(),
        }
    }

    async fn serve(&mut self) -> Closing {
        let closing = self.serve_until_closing().await;
        // Nobody else holds the socket of a connection that has ended.
        self.conn.outbox().task = Task::InTurn;
        closing
    }

    async fn serve_until_closing(&mut self) -> Closing {
        let sleep = tokio::time::sleep(self.session_timeout);
        tokio::pin!(sleep);
        loop {
            let more = match self.turn() {
                Ok(more) => more,
                Err(closing) => {
                    self.send_rest().await;
                    return closing;
                }
            };
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let waits = self.waits_since.is_some();
            let takes = self.takes_requests() && !waits;
            let sends = !self.unsent.is_empty();
            let Self { reader, socket, unread, conn, shared, .. } = self;
            tokio::select! {
                read = std::future::poll_fn(|cx| poll_read(reader, unread, cx)), if takes => {
                    match read {
                        Ok(0) => return Closing::ByClient,
                        Ok(count) => {
                            conn.set_heard_ms(shared.clock.mono_ms());
                            shared.metrics.bytes_received_count.add(count as u64);
                        }
                        Err(error) => return error.into(),
                    }
                }
                ready = socket.writable(), if sends => {
                    if let Err(error) = ready {
                        return error.into();
                    }
                }
                () = conn.wake.notified() => {}
                abandoned = shared.guards.room_or_abandoned(socket.stream()), if waits => {
                    shared.metrics.request_throttle_wait_count.increment();
                    if abandoned {
                        shared.metrics.stale_requests_dropped.increment();
                        return Closing::Abandoned;
                    }
                }
                () = &mut sleep => match self.idle_left() {
                    Some(left) => sleep.as_mut().reset(tokio::time::Instant::now() + left),
                    None => return Closing::Idle(self.session_timeout),
                },
            }
        }
    }

    /// Does all that can be done without waiting. The result says whether there is more.
    fn turn(&mut self) -> Result<bool, Closing> {
        let was_stuck = self.is_stuck();
        SCRATCH.with_borrow_mut(|(_, out)| {
            let closing = self.take_requests(out);
            let sent = self.send(out);
            out.clear();
            out.shrink_to(SCRATCH_KEPT_BYTES);
            let more = closing?;
            sent?;
            let more = if was_stuck { !self.is_stuck() } else { more && self.takes_requests() };
            Ok(more || self.has_news_or_rests())
        })
    }

    /// Moves replies and events into `out`, then answers requests behind them.
    fn take_requests(&mut self, out: &mut Vec<u8>) -> Result<bool, Closing> {
        let shared = Arc::clone(&self.shared);
        let mut to_loop = Vec::new();
        let taken = self.take_requests_until_full(&shared, &mut to_loop, out);
        if !to_loop.is_empty() {
            self.conn.outbox().asked.extend(self.asked.drain(..));
            shared.under_way.fetch_add(to_loop.len(), Relaxed);
            shared.ask(to_loop);
        }
        self.note_at_once();
        taken
    }

    fn take_requests_until_full(
        &mut self,
        shared: &Shared,
        to_loop: &mut Vec<LoopEvent>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Closing> {
        // While this lock is held nothing is applied. What was applied before it has put its
        // events into the outbox, so a client hears of a change before it can read its effect.
        let mut tree = None;
        self.receive(out)?;
        self.turn_began = Instant::now();
        for taken in 0.. {
            if !self.takes_requests() {
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
                self.refuse(OpCode::Error, header.xid, ErrorCode::Unimplemented, to_loop, out);
                self.unread.advance(4 + length);
                continue;
            };
            match self.throttle(op, to_loop.len()) {
                Verdict::Go => {}
                Verdict::Wait => break,
                Verdict::Drop => return Err(Closing::Stale),
                Verdict::Refuse => {
                    self.refuse(op, header.xid, ErrorCode::ThrottledOp, to_loop, out);
                    self.unread.advance(4 + length);
                    continue;
                }
            }
            match self.order.route(op) {
                Route::PeerLoop => {
                    self.enter_if_large(length)?;
                    to_loop.push(self.hand_over(op, header.xid, length));
                }
                Route::Here => {
                    if tree.is_none() {
                        tree = Some(shared.tree());
                        self.receive(out)?;
                    }
                    let tree = tree.as_deref().expect("it was just locked");
                    self.answer(op, header.xid, length, tree, out)?;
                    self.unread.advance(4 + length);
                }
            }
        }
        Ok(false)
    }

    fn hand_over(&mut self, op: OpCode, xid: Xid, length: usize) -> LoopEvent {
        let body = take_frame(&mut self.unread, length, RequestHeader::WIRE_SIZE);
        self.note_asked(op, xid);
        self.conn.stats.received(1);
        LoopEvent::Request(Request::Client(ClientRequest {
            conn: self.conn.id,
            session: self.session,
            xid,
            op,
            body,
            identities: self.identities.clone(),
        }))
    }

    /// Notes a request that goes to the peer loop.
    fn note_asked(&mut self, op: OpCode, xid: Xid) {
        self.asked.push(Asked { at: self.turn_began, op, xid });
        self.reads_asked += u64::from(!op.is_write());
    }

    /// Answers the request in the first frame, of `length` bytes.
    fn answer(
        &mut self,
        op: OpCode,
        xid: Xid,
        length: usize,
        tree: &Tree,
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
            let cx = ReadContext {
                tree,
                rules: &self.shared.access,
                ids: &self.identities,
                session: self.session,
                conn: self.conn.id,
                xid,
            };
            read::answer(op, body, &cx, &mut self.shared.watch_table(), out);
        }
        self.at_once.count += 1;
        self.at_once.last = (op, xid);
        self.at_once.sizes.note(out.len() - start - FRAME_LENGTH_BYTES);
        Ok(())
    }

    /// Counts what was answered without the peer loop, all together.
    fn note_at_once(&mut self) {
        let AtOnce { count, last: (op, xid), sizes } = std::mem::take(&mut self.at_once);
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

    /// Whether there is more for the client by now. If not, others may write to it until the next
    /// turn, if it has read all.
    fn has_news_or_rests(&mut self) -> bool {
        let is_stuck = self.is_stuck();
        let wants_answers =
            !self.takes_requests() || self.waits_since.is_some() || self.large_requests.is_some();
        let mut outbox = self.conn.outbox();
        if outbox.closed || (!is_stuck && !outbox.frames.is_empty()) {
            return true;
        }
        outbox.task = if self.unsent.is_empty() {
            Task::Sleeps { socket: Arc::clone(&self.socket), wants_answers }
        } else {
            Task::Waits
        };
        false
    }

    /// Whether another request may be read: not while this client has left replies unread, and not
    /// while the server has more writes under way than it should and some are this client's.
    fn takes_requests(&self) -> bool {
        !self.is_stuck()
            && self.reads_asked - self.reads_answered < READS_UNDER_WAY_MAX
            && (self.order.under_way() == 0
                || self.shared.under_way.load(Relaxed) < self.shared.limits.outstanding_max)
    }

    /// Whether the client has left so much unread that nothing more is done for it.
    const fn is_stuck(&self) -> bool {
        self.unsent.len() >= REPLIES_BYTES_MAX
    }

    /// Writes as much as the socket takes; keeps the rest.
    fn send(&mut self, out: &[u8]) -> io::Result<()> {
        if self.unread.is_empty() {
            // An idle connection keeps no memory for requests.
            self.unread = BytesMut::new();
        }
        self.unsent.send(out, &self.socket)
    }

    /// Writes the last replies of a connection that is about to close.
    async fn send_rest(&mut self) {
        let write = self.socket.write_all(self.unsent.rest());
        let _unread_by_client = tokio::time::timeout(super::LAST_WORDS_MAX, write).await;
    }

    /// How long the client may still be silent; `None` if it has been for too long.
    fn idle_left(&self) -> Option<Duration> {
        let silent = self.shared.clock.mono_ms().saturating_sub(self.conn.heard_ms());
        let left = self.session_timeout.checked_sub(Duration::from_millis(silent))?;
        (!left.is_zero()).then_some(left)
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

/// Reads what is there, through a buffer that all connections of the thread share.
fn poll_read(
    reader: &mut OwnedReadHalf,
    unread: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    SCRATCH.with_borrow_mut(|(bytes, _)| {
        let mut buffer = ReadBuf::new(bytes);
        ready!(Pin::new(reader).poll_read(cx, &mut buffer))?;
        unread.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
}
