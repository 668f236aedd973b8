//! A connection as the rest of the server sees it: whom to tell, and what is known of it.

mod outbox;
mod socket;

pub(crate) use outbox::{Asked, Outbox, Task};
pub(crate) use socket::{Socket, write_now};

use crate::clock::wall_ms;
use crate::shared::Shared;
use crate::stats::ConnectionStats;
use outbox::Flushed;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::reply::put_frame;
use zoarium_proto::{ConnId, SessionId};
use zoarium_tree::access::Identities;

/// How much may wait for a client that does not read before it is cut off, in bytes. Apache has no
/// such limit, so that one client can use up a server's memory.
pub(crate) const OUTBOX_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How much may come at once for a client that does read: all replies behind one write, and what it
/// watches of one batch. In bytes.
const OUTBOX_BURST_BYTES_MAX: usize = 8 * OUTBOX_BYTES_MAX;

/// How many emptied buffers are kept for other connections, and how large they may be.
const SPARE_MAX: usize = 64;
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// Apache's `nio.sessionlessCnxnTimeout` by default; only shown, until there is a session.
const SESSIONLESS_TIMEOUT_MS: u64 = 10_000;

/// The part of a connection that its own task shares with the peer loop and the operators.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    pub(crate) remote: SocketAddr,
    pub(crate) stats: ConnectionStats,
    outbox: Mutex<Outbox>,
    /// The session, 0 before the handshake is done.
    session: AtomicI64,
    /// When the client was last heard of, in milliseconds of the server's monotonic clock.
    heard_ms: AtomicU64,
    /// The session's timeout in milliseconds; before the handshake, how long to wait for it.
    timeout_ms: AtomicU64,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub(crate) established_ms: u64,
    identities: Mutex<Identities>,
    overflowed: AtomicBool,
}

impl Connection {
    pub(crate) fn new(
        id: ConnId,
        remote: SocketAddr,
        identities: Identities,
        heard_ms: u64,
    ) -> Self {
        Self {
            id,
            remote,
            stats: ConnectionStats::default(),
            outbox: Mutex::default(),
            session: AtomicI64::new(0),
            heard_ms: AtomicU64::new(heard_ms),
            timeout_ms: AtomicU64::new(SESSIONLESS_TIMEOUT_MS),
            established_ms: u64::try_from(wall_ms()).unwrap_or(0),
            identities: Mutex::new(identities),
            overflowed: AtomicBool::new(false),
        }
    }

    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outbox for one more frame, or `None` if the client has let too many pile up. It is then
    /// cut off.
    pub(crate) fn outbox_with_room(&self) -> Option<MutexGuard<'_, Outbox>> {
        let mut outbox = self.outbox();
        if outbox.closed {
            return None;
        }
        let bytes_max =
            if outbox.left_by_client { OUTBOX_BYTES_MAX } else { OUTBOX_BURST_BYTES_MAX };
        if outbox.frames.len() > bytes_max {
            self.overflowed.store(true, Relaxed);
            outbox.closed = true;
            outbox.frames = Vec::new();
            return None;
        }
        Some(outbox)
    }

    /// Whether the client was cut off because it does not read.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed.load(Relaxed)
    }

    /// Tells the connection's task to close once everything is sent.
    pub(crate) fn close(&self) {
        let mut outbox = self.outbox();
        outbox.closed = true;
        let waker = outbox.waker.take();
        drop(outbox);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the connection's task see that its client [is silent](Self::is_silent).
    pub(crate) fn wake(&self) {
        let waker = self.outbox().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Counts what was answered, and has what is in the outbox sent: by the caller if the
    /// connection's task sleeps and `may_write` allows it, or else by the task, which the result
    /// wakes. An emptied buffer is left in `spare`.
    #[must_use]
    pub(crate) fn flush(
        &self,
        shared: &Shared,
        may_write: bool,
        spare: &mut Vec<Vec<u8>>,
    ) -> Option<Waker> {
        let mut outbox = self.outbox();
        self.note_answered(&mut outbox, shared);
        let flushed = outbox.flush(may_write);
        let packets = outbox.packets;
        if outbox.frames.is_empty() && packets > 0 {
            outbox.packets = 0;
            self.stats.sent(packets);
            shared.stats.packets_sent.add(packets);
            let frames = std::mem::take(&mut outbox.frames);
            let is_kept = (1..=SPARE_BYTES_MAX).contains(&frames.capacity());
            if is_kept && spare.len() < SPARE_MAX {
                spare.push(frames);
            }
        }
        match flushed {
            Flushed::Done => None,
            Flushed::Wake => outbox.waker.take(),
        }
    }

    fn note_answered(&self, outbox: &mut Outbox, shared: &Shared) {
        let answered = outbox.just_answered();
        if answered.is_empty() {
            return;
        }
        let (now, now_ms) = (Instant::now(), shared.clock.mono_ms());
        shared.stats.packets_received.add(answered.len() as u64);
        // What was read in one turn has waited equally long.
        let alike = |a: &Asked, b: &Asked| a.at == b.at && a.op.is_write() == b.op.is_write();
        for requests in answered.chunk_by(alike) {
            let count = requests.len() as u64;
            let Some(last) = requests.iter().rfind(|it| it.xid.0 >= 0).or(requests.last()) else {
                continue;
            };
            let latency = now.duration_since(last.at);
            let zxid = shared.last_zxid();
            self.stats.answered(count, (last.op, last.xid.0), zxid, latency, now_ms);
            shared.stats.latency.record_many(latency, count);
            let metrics = &shared.metrics;
            let is_write = last.op.is_write();
            let kind = if is_write { &metrics.updatelatency } else { &metrics.readlatency };
            kind.record_many(latency, count);
        }
        outbox.forget_answered();
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.session.load(Acquire) {
            0 => None,
            id => Some(SessionId(id)),
        }
    }

    /// Hands the client its session, or the news that it is over, which is the last it hears.
    pub(crate) fn connected(&self, response: &ConnectResponse) {
        let mut outbox = self.outbox();
        put_frame(&mut outbox.frames, |out| response.encode(out));
        outbox.packets += 1;
        outbox.closed |= response.session == SessionId::NONE;
        self.timeout_ms.store(u64::try_from(response.timeout_ms).unwrap_or(0), Relaxed);
        // Last: the connection's task goes on when it sees a session. It looks while it holds the
        // outbox, so it sees one whose answer it finds there.
        self.session.store(response.session.0, Release);
    }

    /// Whether the client has a session and was not heard of for as long as that may be. For its
    /// session it waits as long as that takes.
    pub(crate) fn is_silent(&self, now_ms: u64) -> bool {
        self.session().is_some()
            && now_ms.saturating_sub(self.heard_ms()) >= self.timeout_ms.load(Relaxed)
    }

    /// How long the client may be silent.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.load(Relaxed))
    }

    /// Requests under way in the peer loop.
    pub(crate) fn under_way(&self) -> u64 {
        self.outbox().under_way() as u64
    }

    pub(crate) fn heard_ms(&self) -> u64 {
        self.heard_ms.load(Relaxed)
    }

    pub(crate) fn set_heard_ms(&self, ms: u64) {
        self.heard_ms.store(ms, Relaxed);
    }

    pub(crate) fn identities(&self) -> Identities {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_identities(&self, identities: Identities) {
        *self.identities.lock().unwrap_or_else(PoisonError::into_inner) = identities;
    }
}

/// A connection shared between its task and the others.
pub(crate) type SharedConnection = Arc<Connection>;

#[cfg(test)]
mod tests {
    use super::*;

    /// Also a client that asks for nothing, so that nobody has anything to flush.
    #[test]
    fn closing_wakes_the_task() {
        struct Woken(AtomicBool);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Relaxed);
            }
        }
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let remote = SocketAddr::from(([127, 0, 0, 1], 1));
        let connection = Connection::new(ConnId(1), remote, Identities::new([]), 0);
        connection.outbox().waker = Some(Arc::clone(&woken).into());
        connection.close();
        assert!(connection.outbox().closed);
        assert!(woken.0.load(Relaxed));
    }
    #[test]
    fn client_is_silent_once_the_timeout_of_its_session_has_passed() {
        let remote = SocketAddr::from(([127, 0, 0, 1], 1));
        let connection = Connection::new(ConnId(1), remote, Identities::new([]), 500);
        assert!(!connection.is_silent(1_000_000), "it waits for its session as long as that takes");
        let session = SessionId(7);
        let response =
            ConnectResponse { timeout_ms: 4000, session, password: [0; 16], read_only: None };
        connection.connected(&response);
        assert!(!connection.is_silent(4499));
        assert!(connection.is_silent(4500));
        connection.set_heard_ms(600);
        assert!(!connection.is_silent(4500));
    }
}
