//! Where a session is.

use crate::fault::Fault;
use alloc::string::String;
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use zoarium_process::Instant;
use zoarium_proto::membership::HostPort;
use zoarium_proto::{SessionId, Zxid};

/// Number of a session among those of one client, from 1. What belongs to a session (ephemerals,
/// locks) belongs to one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Where a session is. After [`State::Lost`] comes no [`State::Suspended`] before the next
/// [`State::Connected`]; after [`State::AuthFailed`] and [`State::Closed`] comes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There has been no session yet.
    Connecting,
    /// A server serves the session. All watches are set again before any request is served.
    Connected(Connected),
    /// There is no connection. The session may be alive: nobody can say what others see of it.
    Suspended {
        /// Which session.
        generation: Generation,
        /// When it is given up. No server ends it earlier because of this client's silence.
        until: Instant,
        /// Why the connection is gone.
        why: Fault,
    },
    /// The session is over: its ephemerals are gone or will be. Unless the client is told
    /// otherwise, it opens another one.
    Lost {
        /// Which session.
        generation: Generation,
        /// How that is known.
        why: Loss,
    },
    /// A server refused an identity of this client.
    AuthFailed,
    /// The client has closed its session, or let go of it.
    Closed,
}

impl State {
    /// Whether nothing comes after this state.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::AuthFailed | Self::Closed => true,
            Self::Connecting | Self::Connected(_) | Self::Suspended { .. } | Self::Lost { .. } => {
                false
            }
        }
    }
}

/// A session with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Which of the client's sessions.
    pub generation: Generation,
    /// Its id.
    pub session: SessionId,
    /// How long servers keep it without hearing from the client.
    pub timeout: Duration,
    /// Which server serves it.
    pub server: HostPort,
    /// Whether that server only takes reads.
    pub read_only: bool,
}

/// How it is known that a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A server said so.
    Expired,
    /// No server has been heard of for as long as a session lives.
    Unheard,
}

/// What proves that a session is one's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password(pub [u8; 16]);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What it takes to go on with a session in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The session.
    pub session: SessionId,
    /// Its password.
    pub password: Password,
    /// The newest state it has seen; servers that are behind it refuse the session.
    pub last_zxid: Zxid,
}

/// An identity that a client claims.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// How the credentials are to be understood, e.g. `digest`.
    pub scheme: String,
    /// The credentials, e.g. `user:password`.
    pub credentials: Bytes,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
