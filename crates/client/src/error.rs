//! What can go wrong, and what a caller may do about it.

use crate::acl::AclError;
use std::io;
use zoarium_proto::path::PathError;
use zoarium_proto::{ErrorCode, OpCode};
pub use zoarium_session::connect_string::ConnectStringError;
pub use zoarium_session::failure::{Cause, Failure, Verdict};

/// Why an operation has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path that no znode can have. Nothing was sent.
    #[error("{path:?}: {source}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it, and where.
        source: PathError,
    },
    /// An ACL that no server takes. Nothing was sent.
    #[error(transparent)]
    Acl(#[from] AclError),
    /// Options that do not go together. Nothing was sent.
    #[error("{path}: {why}")]
    Options {
        /// The znode's path.
        path: String,
        /// What does not go together.
        why: &'static str,
    },
    /// The server refused the request, or did not answer it, or was not asked.
    #[error("{op:?} {path}: {failure}")]
    Request {
        /// The operation.
        op: OpCode,
        /// On which path; empty for operations without one.
        path: String,
        /// Why it failed.
        failure: Failure,
    },
    /// Data that cannot be decompressed.
    #[error("{path}: {why}")]
    Compression {
        /// The znode's path.
        path: String,
        /// What the codec says.
        why: String,
    },
}

impl Error {
    /// What the caller may do: try again, look first whether it was done, or leave it.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Request { op, failure, .. } => failure.verdict(*op),
            Self::Path { .. } | Self::Acl(_) | Self::Options { .. } | Self::Compression { .. } => {
                Verdict::Never
            }
        }
    }

    /// Whether the server may have done what was asked.
    pub const fn may_be_done(&self) -> bool {
        matches!(self.verdict(), Verdict::Unknown)
    }

    /// The server's error code, if it has refused the request.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Request { failure, .. } => failure.code(),
            Self::Path { .. } | Self::Acl(_) | Self::Options { .. } | Self::Compression { .. } => {
                None
            }
        }
    }

    /// Whether there is no such znode.
    pub fn is_no_node(&self) -> bool {
        self.code() == Some(ErrorCode::NoNode)
    }

    /// Whether there is such a znode already.
    pub fn is_node_exists(&self) -> bool {
        self.code() == Some(ErrorCode::NodeExists)
    }

    /// Whether the znode has another version.
    pub fn is_bad_version(&self) -> bool {
        self.code() == Some(ErrorCode::BadVersion)
    }

    /// Whether the session was lost before the request was answered.
    pub const fn is_session_lost(&self) -> bool {
        matches!(
            self,
            Self::Request {
                failure: Failure::NotSent(Cause::SessionLost | Cause::OtherSession)
                    | Failure::Unanswered(Cause::SessionLost)
                    | Failure::Refused(ErrorCode::SessionExpired),
                ..
            }
        )
    }
}

/// Why a client could not be made, or did not get a session in time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connect string has a fault.
    #[error("connect string: {0}")]
    ConnectString(#[from] ConnectStringError),
    /// No server has given a session in time, and no attempt has ended.
    #[error("no server has given a session within {0:?}")]
    TimedOut(std::time::Duration),
    /// No server has given a session in time, and the last attempt ended like this.
    #[error("no server has given a session within {within:?}: {last}")]
    Unreachable {
        /// For how long servers were tried.
        within: std::time::Duration,
        /// Which server it was, and what was wrong.
        last: String,
    },
    /// A server refused an identity.
    #[error("authentication failed")]
    AuthFailed,
    /// The session that was to go on is over.
    #[error("the session is over")]
    SessionLost,
    /// There is no runtime to run on.
    #[error("not within a tokio runtime: {0}")]
    NoRuntime(io::Error),
}

/// Why a watch ended without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// Its session is lost.
    #[error("the session of the watch is lost")]
    SessionLost,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}
