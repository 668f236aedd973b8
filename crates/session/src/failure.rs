//! Why a request has no reply, and what its caller may do about it.

use zoarium_proto::{ErrorCode, OpCode};

/// Why a request has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server refused it.
    #[error("the server answered {0}")]
    Refused(ErrorCode),
    /// The server refused it with a code that no version of ZooKeeper has.
    #[error("the server answered {0}, which is no known error")]
    RefusedStrangely(i32),
    /// One part of a transaction was refused, so nothing of it was done.
    #[error("part {index} of the transaction was answered {code}")]
    Aborted {
        /// Which part, from 0.
        index: usize,
        /// Why.
        code: ErrorCode,
    },
    /// Its frame is longer than servers take. It was not sent.
    #[error("a request of {length} bytes, servers take at most {max}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// What servers take.
        max: usize,
    },
    /// It did not leave this process.
    #[error("the request was not sent: {0}")]
    NotSent(Cause),
    /// It was sent, and nobody knows whether the server has done it.
    #[error("the request was sent and not answered: {0}")]
    Unanswered(Cause),
}

/// What ended the wait for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The connection broke.
    #[error("the connection is lost")]
    ConnectionLost,
    /// The session is over.
    #[error("the session is lost")]
    SessionLost,
    /// It was for another session than the present one.
    #[error("it is for a session that is lost")]
    OtherSession,
    /// The client has closed the session.
    #[error("the session is closed")]
    Closed,
    /// The server does not accept an identity of this client.
    #[error("authentication failed")]
    AuthFailed,
}

/// What a caller may do about a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was not done, or doing it again changes nothing: try again.
    Retry,
    /// It may have been done: look before trying again.
    Unknown,
    /// It was not done, and trying the same again is of no use.
    Never,
}

impl Failure {
    /// What the caller of a request of type `op` may do.
    pub const fn verdict(&self, op: OpCode) -> Verdict {
        match self {
            Self::NotSent(Cause::ConnectionLost | Cause::SessionLost) => Verdict::Retry,
            Self::NotSent(Cause::OtherSession | Cause::Closed | Cause::AuthFailed)
            | Self::TooLong { .. } => Verdict::Never,
            Self::Unanswered(_) if op.is_write() => Verdict::Unknown,
            Self::Unanswered(Cause::ConnectionLost | Cause::SessionLost) => Verdict::Retry,
            Self::Unanswered(Cause::OtherSession | Cause::Closed | Cause::AuthFailed) => {
                Verdict::Never
            }
            Self::Refused(code) | Self::Aborted { code, .. } => verdict_of_code(*code, op),
            Self::RefusedStrangely(_) => Verdict::Never,
        }
    }

    /// Whether the server may have done the request.
    pub const fn may_be_done(&self, op: OpCode) -> bool {
        matches!(self.verdict(op), Verdict::Unknown)
    }

    /// The error code of a refusal.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(code) | Self::Aborted { code, .. } => Some(*code),
            Self::RefusedStrangely(_)
            | Self::TooLong { .. }
            | Self::NotSent(_)
            | Self::Unanswered(_) => None,
        }
    }

    /// The failure that a reply header's error stands for; 0 is none.
    pub(crate) fn of_wire(error: i32) -> Self {
        ErrorCode::from_wire(error).map_or(Self::RefusedStrangely(error), Self::Refused)
    }
}

const fn verdict_of_code(code: ErrorCode, op: OpCode) -> Verdict {
    match code {
        // Refused at the door.
        ErrorCode::ThrottledOp | ErrorCode::SessionExpired => Verdict::Retry,
        // The server itself does not know how far it came.
        ErrorCode::SystemError
        | ErrorCode::ConnectionLoss
        | ErrorCode::OperationTimeout
        | ErrorCode::RequestTimeout
        | ErrorCode::SessionMoved => match op.is_write() {
            true => Verdict::Unknown,
            false => Verdict::Retry,
        },
        ErrorCode::RuntimeInconsistency
        | ErrorCode::DataInconsistency
        | ErrorCode::MarshallingError
        | ErrorCode::Unimplemented
        | ErrorCode::BadArguments
        | ErrorCode::UnknownSession
        | ErrorCode::NewConfigNoQuorum
        | ErrorCode::ReconfigInProgress
        | ErrorCode::ApiError
        | ErrorCode::NoNode
        | ErrorCode::NoAuth
        | ErrorCode::BadVersion
        | ErrorCode::NoChildrenForEphemerals
        | ErrorCode::NodeExists
        | ErrorCode::NotEmpty
        | ErrorCode::InvalidCallback
        | ErrorCode::InvalidAcl
        | ErrorCode::AuthFailed
        | ErrorCode::NotReadOnly
        | ErrorCode::EphemeralOnLocalSession
        | ErrorCode::NoWatcher
        | ErrorCode::ReconfigDisabled
        | ErrorCode::SessionClosedRequireAuth
        | ErrorCode::QuotaExceeded => Verdict::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_writes_that_left_have_an_unknown_outcome() {
        use Cause::*;
        for (failure, of_write, of_read) in [
            (Failure::NotSent(ConnectionLost), Verdict::Retry, Verdict::Retry),
            (Failure::NotSent(SessionLost), Verdict::Retry, Verdict::Retry),
            (Failure::NotSent(OtherSession), Verdict::Never, Verdict::Never),
            (Failure::NotSent(Closed), Verdict::Never, Verdict::Never),
            (Failure::NotSent(AuthFailed), Verdict::Never, Verdict::Never),
            (Failure::Unanswered(ConnectionLost), Verdict::Unknown, Verdict::Retry),
            (Failure::Unanswered(SessionLost), Verdict::Unknown, Verdict::Retry),
            (Failure::Unanswered(Closed), Verdict::Unknown, Verdict::Never),
            (Failure::TooLong { length: 2, max: 1 }, Verdict::Never, Verdict::Never),
            (Failure::Refused(ErrorCode::NoNode), Verdict::Never, Verdict::Never),
            (Failure::Refused(ErrorCode::ThrottledOp), Verdict::Retry, Verdict::Retry),
            (Failure::Refused(ErrorCode::SystemError), Verdict::Unknown, Verdict::Retry),
            (Failure::RefusedStrangely(-999), Verdict::Never, Verdict::Never),
        ] {
            assert_eq!(failure.verdict(OpCode::SetData), of_write, "{failure}");
            assert_eq!(failure.verdict(OpCode::GetData), of_read, "{failure}");
        }
    }

    #[test]
    fn codes_that_nobody_knows_are_kept_as_they_came() {
        assert_eq!(Failure::of_wire(-101), Failure::Refused(ErrorCode::NoNode));
        assert_eq!(Failure::of_wire(-999), Failure::RefusedStrangely(-999));
        assert_eq!(Failure::of_wire(1), Failure::RefusedStrangely(1));
    }
}
