//! Why a tool cannot do its work.

use std::io;
use std::path::PathBuf;

use zoarium_persistence::StorageError;
use zoarium_proto::Zxid;

/// Why a tool cannot do its work. Each message says what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that cannot be looked at.
    #[error("cannot look at {path}: {source}")]
    Path {
        /// The path.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A directory without a server's files.
    #[error(
        "{path} is no ZooKeeper data directory: it has neither version-2 nor log.* or snapshot.* \
         files; name a dataDir, its version-2, a zoo.cfg, or a single log or snapshot"
    )]
    NoData {
        /// The directory.
        path: PathBuf,
    },
    /// A file that is neither a log, nor a snapshot, nor a `zoo.cfg`.
    #[error(
        "{path} is no zoo.cfg with a dataDir, and by its name neither a log (log.ZXID) nor a \
         snapshot (snapshot.ZXID)"
    )]
    NoConfig {
        /// The file.
        path: PathBuf,
    },
    /// A file that is not named as a snapshot is.
    #[error(
        "{file} is not named as a snapshot is: snapshot.ZXID, in lower-case hex, and .gz or .snappy \
         behind it if it is packed"
    )]
    NoSnapshotName {
        /// The file.
        file: String,
    },
    /// There is no snapshot to look at.
    #[error("{directory} has no snapshot")]
    NoSnapshot {
        /// Where there should be one.
        directory: String,
    },
    /// There is no log to look at.
    #[error("{directory} has no log")]
    NoLog {
        /// Where there should be one.
        directory: String,
    },
    /// The files do not reach back to a moment.
    #[error(
        "zxid {wanted} is before all that is kept: the oldest state that can be shown is that of \
         {oldest}"
    )]
    TooOld {
        /// The moment.
        wanted: Zxid,
        /// The oldest one.
        oldest: Zxid,
    },
    /// The files do not reach forward to a moment.
    #[error("the history ends at zxid {last}, before {wanted}")]
    TooNew {
        /// The moment.
        wanted: Zxid,
        /// The last one.
        last: Zxid,
    },
    /// A path that is not in the tree.
    #[error("there is no znode {path} at zxid {zxid}{}", .ancestor.as_ref().map(|there| format!("; the nearest ancestor there is {there}")).unwrap_or_default())]
    NoZnode {
        /// The path.
        path: String,
        /// In the tree as it was then.
        zxid: Zxid,
        /// The nearest znode above it that is there.
        ancestor: Option<String>,
    },
    /// The stored data.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is shown cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Whether nobody reads what is shown any more, which is no fault.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<serde_json::Error> for Error {
    /// What is shown as JSON can always be encoded, so this is the output's own error.
    fn from(error: serde_json::Error) -> Self {
        Self::Output(error.into())
    }
}
