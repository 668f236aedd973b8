//! A connection as the rest of the server sees it: whom to tell, and what is known of it.

use crate::clock::wall_ms;
use crate::stats::ConnectionStats;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
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

/// Apache's `nio.sessionlessCnxnTimeout` by default; only shown, until there is a session.
const SESSIONLESS_TIMEOUT_MS: u64 = 10_000;

/// What the peer loop has for a connection: events and replies, as frames, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Frames to send.
    pub(crate) frames: Vec<u8>,
    /// How many requests of this connection have been answered in all.
    pub(crate) answered: u64,
    /// Packets among the frames, for the statistics.
    pub(crate) packets: u64,
    /// The connection's task leaves the frames here because its client has not read the last ones.
    pub(crate) left_by_client: bool,
    /// Nothing follows; close after sending.
    pub(crate) closed: bool,
}

/// The part of a connection that its own task shares with the peer loop and the operators.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    pub(crate) remote: SocketAddr,
    pub(crate) stats: ConnectionStats,
    outbox: Mutex<Outbox>,
    /// Wakes the connection's task.
    pub(crate) wake: Notify,
    /// The session, 0 before the handshake is done.
    session: AtomicI64,
    /// When the client was last heard of, in milliseconds of the server's monotonic clock.
    heard_ms: AtomicU64,
    /// The session's timeout in milliseconds; before the handshake, how long to wait for it.
    timeout_ms: AtomicU64,
    /// Requests under way in the peer loop.
    under_way: AtomicU64,
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
            wake: Notify::new(),
            session: AtomicI64::new(0),
            heard_ms: AtomicU64::new(heard_ms),
            timeout_ms: AtomicU64::new(SESSIONLESS_TIMEOUT_MS),
            under_way: AtomicU64::new(0),
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
        self.outbox().closed = true;
        self.wake.notify_one();
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
        drop(outbox);
        self.timeout_ms.store(u64::try_from(response.timeout_ms).unwrap_or(0), Relaxed);
        // Last: the connection's task goes on when it sees a session.
        self.session.store(response.session.0, Release);
    }

    /// How long the client may be silent.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.load(Relaxed))
    }

    /// Requests under way in the peer loop.
    pub(crate) fn under_way(&self) -> u64 {
        self.under_way.load(Relaxed)
    }

    pub(crate) fn set_under_way(&self, count: u64) {
        self.under_way.store(count, Relaxed);
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
