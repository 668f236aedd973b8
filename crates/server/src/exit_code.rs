//! Exit codes of the server process: Apache's, so that scripts and supervisors keep working.

/// Why the server process ended (`org.apache.zookeeper.server.ExitCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Stopped as asked.
    ExecutionFinished = 0,
    /// An error nobody foresaw.
    UnexpectedError = 1,
    /// Bad arguments or a bad configuration.
    InvalidInvocation = 2,
    /// A data directory cannot be created, read or written.
    UnableToAccessDatadir = 3,
    /// The port of the HTTP admin server cannot be opened.
    ErrorStartingAdminServer = 4,
    /// A snapshot could not be taken after a transaction log was loaded.
    TxnLogErrorTakingSnapshot = 10,
    /// A follower was told to commit another txn than the next one it had logged.
    UnmatchedTxnCommit = 12,
    /// A learner sent its leader a packet that cannot be.
    QuorumPacketError = 13,
    /// The quorum or election port cannot be opened, after `electionPortBindRetry` attempts.
    UnableToBindQuorumPort = 14,
}

impl ExitCode {
    /// The line Apache writes to standard error with this code, for scripts that look for it.
    pub fn stderr_line(self) -> Option<&'static str> {
        match self {
            Self::InvalidInvocation => Some("Invalid config, exiting abnormally"),
            Self::UnableToAccessDatadir => Some("Unable to access datadir, exiting abnormally"),
            Self::ErrorStartingAdminServer => {
                Some("Unable to start AdminServer, exiting abnormally")
            }
            Self::ExecutionFinished
            | Self::UnexpectedError
            | Self::TxnLogErrorTakingSnapshot
            | Self::UnmatchedTxnCommit
            | Self::QuorumPacketError
            | Self::UnableToBindQuorumPort => None,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
