//! Why a connection ended.

use core::time::Duration;
use zoarium_proto::{DecodeError, SessionId, Xid, Zxid};

use crate::frame::FrameError;
use crate::sasl::SaslError;

/// Why a connection ended. The session goes on over another one, unless it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The server closed it, the network broke it, or it could not be made.
    #[error("the connection is closed")]
    Closed,
    /// The server could not be reached, or did not answer the handshake, in time.
    #[error("no session within {0:?}")]
    NoAnswer(Duration),
    /// The server, or the network, has been silent for too long.
    #[error("nothing heard for {0:?}")]
    Silent(Duration),
    /// The server sent bytes that are no frame.
    #[error(transparent)]
    NoFrame(#[from] FrameError),
    /// The server sent a frame that is no record of the kind that was due.
    #[error("the server sent a malformed record: {0}")]
    Malformed(#[from] DecodeError),
    /// The server sent something well-formed that the protocol does not allow.
    #[error("the server broke the protocol: {0}")]
    Misbehaved(#[from] Misbehaved),
    /// The server sent a SASL token that proves nothing or cannot be answered.
    #[error(transparent)]
    Sasl(#[from] SaslError),
    /// The server says that the session is over.
    #[error("the server says that the session is over")]
    SessionOver,
    /// The server refuses an identity of this client.
    #[error("the server refuses an identity of this client")]
    AuthFailed,
    /// The connection was with a read-only server, and another one takes writes.
    #[error("another server takes writes")]
    ReadWriteServerFound,
    /// The list of servers has changed.
    #[error("the list of servers has changed")]
    ServersChanged,
    /// The client has ended its session.
    #[error("the client is closed")]
    Ended,
}

/// What a server must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaved {
    /// Answer something else than the oldest request without an answer.
    #[error("an answer to {answered:?}, while {awaited:?} is the oldest request without one")]
    OutOfOrder {
        /// What it answered.
        answered: Xid,
        /// What it should have answered; `None` if nothing.
        awaited: Option<Xid>,
    },
    /// Answer from a state older than one that this session has seen.
    #[error("an answer as of {answered} after {seen} was seen")]
    WentBack {
        /// The state of the answer.
        answered: Zxid,
        /// A state that was seen before this connection.
        seen: Zxid,
    },
    /// Hand out a session in the place of the one asked for.
    #[error("session {answered} in the place of {asked}")]
    OtherSession {
        /// The session asked for.
        asked: SessionId,
        /// The one that was given.
        answered: SessionId,
    },
    /// Answer a request for a new session with none.
    #[error("no session for a request of a new one")]
    NoSession,
    /// Refuse to set the watches of an earlier connection again.
    #[error("watches are not set again: error {0}")]
    WatchesRefused(i32),
    /// Refuse a persistent watch that others rely on.
    #[error("a persistent watch is refused that other watches rely on")]
    WatchRefused,
}
