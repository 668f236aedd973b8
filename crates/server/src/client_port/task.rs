//! One client's connection: its own task reads requests, answers what it can from the shared tree,
//! hands the rest to the peer loop, and writes replies and events.

mod guarded;
mod turn;

use super::frames::FrameError;
use super::handshake::{self, Handshake};
use super::large_requests::{OfConnection as LargeRequests, TooMuch};
use super::unsent::Unsent;
use crate::connection::{Connection, SharedConnection, Socket, Task};
use crate::metrics::Metrics;
use crate::operator::Operator;
use crate::peer_loop::LoopEvent;
use crate::shared::Shared;
use bytes::BytesMut;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use turn::SCRATCH;
use zoarium_peer::Order;
use zoarium_proto::{DecodeError, SessionId};
use zoarium_tree::access::Identities;

/// Replies that may wait for the socket before no more requests are taken, in bytes.
const REPLIES_BYTES_MAX: usize = 256 * 1024;

/// Reads of one connection that may wait for its writes: their replies may all be built at once.
const READS_UNDER_WAY_MAX: u64 = 64;

/// Requests of one connection that may be under way: all others wait behind them. So many fill a
/// batch for the disk.
const UNDER_WAY_MAX: u64 = 128;

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

/// A connection whose client has asked for its session.
#[derive(Debug)]
struct Client {
    reader: OwnedReadHalf,
    conn: SharedConnection,
    shared: Arc<Shared>,
    /// Bytes read and not yet taken.
    unread: BytesMut,
    unsent: Unsent,
    order: Order,
    /// How many requests that change nothing could not be answered at once, and how many of them
    /// are by now.
    reads_asked: u64,
    reads_answered: u64,
    /// [`SessionId::NONE`] until the peer loop has told it.
    session: SessionId,
    identities: Identities,
    /// Nothing is served before the client has authenticated.
    must_authenticate: bool,
    /// The client has sent something before it had its session.
    is_early: bool,
    /// No more requests are taken before some are answered. Found once in a turn, and kept: others
    /// may go above or below the limit that all share at every moment, and a task that thought now
    /// this and now that would sleep without anybody to wake it.
    awaits_answers: bool,
    /// Since when the first request in `unread` has waited for the request throttle.
    waits_since: Option<Instant>,
    large_requests: Option<Box<LargeRequests>>,
}

/// Why a connection's task stops looking at its socket.
#[derive(Debug)]
enum Pause {
    /// Others have their turn before there is more to do.
    Others,
    /// A request waits for the request throttle.
    Room,
    /// It ends. In a box, as there is room for it in every idle connection.
    End(Box<Closing>),
}

impl Pause {
    fn end(closing: impl Into<Closing>) -> Self {
        Self::End(Box::new(closing.into()))
    }
}

/// Runs a connection to its end. What this future holds, every idle connection costs: so its
/// beginning is in a box.
pub(super) fn run(
    stream: TcpStream,
    conn: SharedConnection,
    operator: Arc<Operator>,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> {
    let handshake = handshake::run(stream, Arc::clone(&conn), operator, Arc::clone(&shared));
    let handshake = Box::pin(handshake);
    async move {
        let mut client = match handshake.await {
            Ok(Some(handshake)) => Client::open(handshake, &conn, &shared),
            Ok(None) => return leave(&conn, &shared, None),
            Err(closing) => return leave(&conn, &shared, Some(&closing)),
        };
        let closing = client.serve().await;
        leave(&conn, &shared, Some(&closing));
    }
}

fn leave(conn: &Connection, shared: &Shared, closing: Option<&Closing>) {
    if let Some(closing) = closing {
        note_end(closing, &shared.metrics);
        tracing::debug!(conn = %conn.id, remote = %conn.remote, reason = %closing, "connection ends");
    }
    let unanswered = conn.outbox().end();
    shared.under_way.fetch_sub(unanswered, Relaxed);
    shared.connections.remove(conn);
    shared.ask([LoopEvent::Gone(conn.id)]);
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
    /// Asks the peer loop for the session.
    fn open(handshake: Handshake, conn: &SharedConnection, shared: &Arc<Shared>) -> Self {
        let Handshake { stream, unread, connect } = handshake;
        let (reader, writer) = stream.into_split();
        // From here on the peer loop may write, and its first words are the session's.
        conn.outbox().socket = Some(Socket::new(writer));
        shared.ask([LoopEvent::Connect(Arc::clone(conn), connect)]);
        let identities = conn.identities();
        let large_requests = shared.guards.large_requests.clone();
        Self {
            reader,
            unread,
            session: SessionId::NONE,
            is_early: false,
            awaits_answers: false,
            waits_since: None,
            large_requests: large_requests.map(|all| Box::new(LargeRequests::new(all))),
            must_authenticate: shared.guards.must_authenticate(&identities),
            identities,
            conn: Arc::clone(conn),
            shared: Arc::clone(shared),
            unsent: Unsent::default(),
            order: Order::default(),
            reads_asked: 0,
            reads_answered: 0,
        }
    }

    async fn serve(&mut self) -> Closing {
        let closing = loop {
            let mut pause = poll_fn(|cx| self.poll_serve(cx, false)).await;
            if let Pause::Room = pause {
                pause = Box::pin(self.wait_for_room()).await;
            }
            if let Pause::End(closing) = pause {
                break closing;
            }
            tokio::task::yield_now().await;
        };
        if !self.unsent.is_empty() {
            Box::pin(self.send_rest()).await;
        }
        *closing
    }

    /// Does what there is to do, until it has to wait for something else than the socket or the
    /// peer loop. That a request waits for room is nothing new if `awaits_room`.
    fn poll_serve(&mut self, cx: &mut Context<'_>, awaits_room: bool) -> Poll<Pause> {
        let mut rests = false;
        loop {
            match self.poll_socket(cx) {
                Poll::Ready(Err(closing)) => return Poll::Ready(Pause::end(closing)),
                Poll::Pending if rests => break,
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            match self.turn(cx.waker()) {
                Ok(true) => return Poll::Ready(Pause::Others),
                Ok(false) => rests = true,
                Err(closing) => return Poll::Ready(Pause::end(closing)),
            }
        }
        if self.waits_since.is_some() && !awaits_room {
            return Poll::Ready(Pause::Room);
        }
        // The peer loop wakes those that are; a timer in each connection would be a third of it.
        if self.conn.is_silent(self.shared.clock.mono_ms()) {
            return Poll::Ready(Pause::end(Closing::Idle(self.conn.timeout())));
        }
        Poll::Pending
    }

    /// Goes on while a request waits for the request throttle, until there may be room.
    async fn wait_for_room(&mut self) -> Pause {
        let shared = Arc::clone(&self.shared);
        let Some(throttle) = &shared.guards.request_throttle else { return Pause::Others };
        tokio::select! {
            pause = poll_fn(|cx| self.poll_serve(cx, true)) => return pause,
            () = throttle.wait() => {}
        }
        shared.metrics.request_throttle_wait_count.increment();
        if throttle.is_abandoned(self.reader.as_ref()).await {
            shared.metrics.stale_requests_dropped.increment();
            return Pause::end(Closing::Abandoned);
        }
        Pause::Room
    }

    /// Ready when the socket has taken or brought something.
    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closing>> {
        if !self.unsent.is_empty()
            && let Poll::Ready(ready) = self.reader.as_ref().poll_write_ready(cx)
        {
            return Poll::Ready(ready.map_err(Closing::Io));
        }
        if !self.has_session() {
            return self.poll_early(cx);
        }
        if self.awaits_answers || self.waits_since.is_some() {
            return Poll::Pending;
        }
        let count = ready!(poll_read(&mut self.reader, &mut self.unread, cx))?;
        if count == 0 {
            let is_over = self.conn.outbox().closed;
            let closing = if is_over { Closing::BySession } else { Closing::ByClient };
            return Poll::Ready(Err(closing));
        }
        self.conn.set_heard_ms(self.shared.clock.mono_ms());
        self.shared.metrics.bytes_received_count.add(count as u64);
        Poll::Ready(Ok(()))
    }

    /// Whether the client has its session. The peer loop tells the client, not this task.
    fn has_session(&mut self) -> bool {
        if self.session == SessionId::NONE
            && let Some(session) = self.conn.session()
        {
            self.session = session;
        }
        self.session != SessionId::NONE
    }

    /// Nothing is read before there is a session: what the client sends early waits in the socket.
    fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closing>> {
        if self.is_early {
            return Poll::Pending;
        }
        let mut byte = [0; 1];
        let peeked = ready!(self.reader.as_ref().poll_peek(cx, &mut ReadBuf::new(&mut byte)))?;
        self.is_early = true;
        Poll::Ready(if peeked == 0 { Err(Closing::ByClient) } else { Ok(()) })
    }

    /// Whether there is more for the client by now. If not, others may write to it until the next
    /// turn, if it has read all, and wake this task by its `waker`.
    fn has_news_or_rests(&mut self, waker: &Waker) -> bool {
        let is_stuck = self.is_stuck();
        let wants_answers = match self.session {
            SessionId::NONE => self.is_early || !self.unread.is_empty(),
            _ => self.awaits_answers || self.waits_since.is_some() || self.large_requests.is_some(),
        };
        let mut outbox = self.conn.outbox();
        let is_new = self.session == SessionId::NONE && self.conn.session().is_some();
        if is_new || outbox.closed || (!is_stuck && !outbox.frames.is_empty()) {
            return true;
        }
        outbox.task =
            if self.unsent.is_empty() { Task::Sleeps { wants_answers } } else { Task::Waits };
        match &mut outbox.waker {
            Some(left) => left.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        false
    }

    /// Whether another request may be read: not before there is a session, nor while this client
    /// has left replies unread or has its share under way, nor while the server has more under way
    /// than it should and some are this client's.
    fn takes_requests(&self) -> bool {
        self.session != SessionId::NONE
            && !self.is_stuck()
            && self.order.under_way() < UNDER_WAY_MAX
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
        self.unsent.send(out, self.reader.as_ref())
    }

    /// Writes the last replies of a connection that is about to close.
    async fn send_rest(&mut self) {
        let write = super::write_all(self.reader.as_ref(), self.unsent.rest());
        let _unread_by_client = tokio::time::timeout(super::LAST_WORDS_MAX, write).await;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<A, B, C, D, F>(_run: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// With what the runtime adds, its memory comes in steps of 128 bytes.
    #[test]
    fn idle_connection_takes_little() {
        assert!(bytes_of(run) <= 280, "{}", bytes_of(run));
        assert!(size_of::<Connection>() <= 304, "{}", size_of::<Connection>());
    }
}
