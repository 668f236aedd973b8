//! What can go wrong with a recipe.

use zoarium_client::Verdict;

/// Why a recipe could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client could not. What may be tried again was tried again, so this is a refusal, or the
    /// outcome of a write that is unknown ([`Error::may_be_done`]), or the client is closed.
    #[error(transparent)]
    Client(#[from] zoarium_client::Error),
    /// A znode does not hold what the recipe keeps there.
    #[error("{path}: {bytes} bytes that are no {wanted}")]
    Data {
        /// The znode.
        path: String,
        /// What was expected.
        wanted: &'static str,
        /// How much data was found.
        bytes: usize,
    },
    /// What was held is lost.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// A result that the type of the value cannot hold.
    #[error("{path}: the result is out of range")]
    OutOfRange {
        /// The znode of the value.
        path: String,
    },
    /// Another process that is alive has registered the same id.
    #[error("{path} belongs to somebody else")]
    Taken {
        /// The znode.
        path: String,
    },
}

impl Error {
    /// Whether the server may have done what was asked.
    pub const fn may_be_done(&self) -> bool {
        match self {
            Self::Client(error) => error.may_be_done(),
            Self::Data { .. } | Self::Lost(_) | Self::OutOfRange { .. } | Self::Taken { .. } => {
                false
            }
        }
    }
}

/// Why something is not held any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The session is over, or nobody can say that it is not.
    #[error("lost with the session")]
    Session,
    /// Somebody has deleted the znode that stands for it.
    #[error("its znode was deleted")]
    Deleted,
    /// The client is closed.
    #[error("lost with the client")]
    Closed,
}

/// Whether an operation that can be repeated without harm should be.
pub(crate) const fn may_work_later(error: &zoarium_client::Error) -> bool {
    !matches!(error.verdict(), Verdict::Never)
}
