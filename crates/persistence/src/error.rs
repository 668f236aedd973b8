//! What can be wrong with stored data, and what to do about it.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use zoarium_proto::{DecodeError, Zxid};

/// Why stored data cannot be read or written.
///
/// Each message names the file and ends with what the operator can do.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file system refused.
    #[error("cannot {operation} {file}: {source}{}", if *.full { "; free some space" } else { "" })]
    Io {
        /// What was tried.
        operation: Operation,
        /// On which file.
        file: String,
        /// Whether it may succeed once there is space.
        full: bool,
        /// What the file system said.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// A log writer is used after it failed.
    #[error(
        "the log cannot be written since an earlier failure, which leaves it open what is durable; \
         restart this server"
    )]
    LogFailed,
    /// A log file does not begin as one.
    #[error(
        "{file} is no transaction log: it begins with {found:#010x}, not with 0x5a4b4c47; if it is \
         foreign, move it away; if it is damaged, {RESTORE}"
    )]
    LogMagic {
        /// Which file.
        file: String,
        /// Its first four bytes.
        found: u32,
    },
    /// A log entry's length is impossible.
    #[error(
        "{file} is damaged: the entry at byte {offset}, after zxid {previous}, claims a length of \
         {length} bytes, limit {limit}; if the data may be that large, raise jute.maxbuffer, else \
         {RESTORE}"
    )]
    EntryLength {
        /// Which file.
        file: String,
        /// Where the entry begins.
        offset: u64,
        /// The entry before it.
        previous: Zxid,
        /// What it claims.
        length: i32,
        /// What was allowed: `jute.maxbuffer` plus the extra size.
        limit: u32,
    },
    /// A log entry is not what was written.
    #[error(
        "{file} is damaged: the entry at byte {offset}, after zxid {previous}, has checksum \
         {found:#x}, not {expected:#x}, and was not cut short by a crash; {RESTORE}"
    )]
    EntryChecksum {
        /// Which file.
        file: String,
        /// Where the entry begins.
        offset: u64,
        /// The entry before it.
        previous: Zxid,
        /// What the file says.
        expected: u64,
        /// What the bytes give.
        found: u64,
    },
    /// A log entry is not followed by its end mark, and not because it was cut short.
    #[error(
        "{file} is damaged: the entry at byte {offset}, after zxid {previous}, ends with {found:#04x}, \
         not 0x42, and was not cut short by a crash; {RESTORE}"
    )]
    EntryMark {
        /// Which file.
        file: String,
        /// Where the entry begins.
        offset: u64,
        /// The entry before it.
        previous: Zxid,
        /// What stands for the mark.
        found: u8,
    },
    /// Entries are missing inside a log file.
    #[error(
        "{file} is damaged: no entry begins at byte {offset}, after zxid {previous}, yet zxid \
         {later} stands at byte {later_offset}, and no crash leaves it so; {RESTORE}"
    )]
    EntriesLost {
        /// Which file.
        file: String,
        /// Where an entry should begin.
        offset: u64,
        /// The entry before it.
        previous: Zxid,
        /// The next one that is whole.
        later: Zxid,
        /// Where it begins.
        later_offset: u64,
    },
    /// Something stands where an entry should begin, and it is none.
    #[error(
        "{file} is damaged: what stands at byte {offset}, after zxid {previous}, is no entry and not \
         what a crash leaves; {RESTORE}"
    )]
    EntryMissing {
        /// Which file.
        file: String,
        /// Where an entry should begin.
        offset: u64,
        /// The entry before it.
        previous: Zxid,
    },
    /// A log entry is whole but no txn.
    #[error(
        "the entry at byte {offset} of {file}, zxid {zxid}, is no transaction this version knows: \
         {source}; start the version that wrote it, or {RESTORE}"
    )]
    Txn {
        /// Which file.
        file: String,
        /// Where the entry begins.
        offset: u64,
        /// Its zxid; zero if it is too short to have one.
        zxid: Zxid,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Txns between two entries are missing, or entries are out of order.
    #[error(
        "the log lacks transactions: {file} has zxid {found} at byte {offset} where {previous} must \
         be followed directly; restore the missing log files, or {RESTORE}"
    )]
    ZxidHole {
        /// Which file.
        file: String,
        /// Where the entry begins.
        offset: u64,
        /// The zxid before it.
        previous: Zxid,
        /// Its zxid.
        found: Zxid,
    },
    /// A snapshot cannot be unpacked.
    #[error("{file} is damaged: {problem} before byte {offset}; {OLDER_SNAPSHOT}")]
    Packing {
        /// Which file.
        file: String,
        /// What is wrong.
        problem: PackingProblem,
        /// How far it was read, in bytes of the file.
        offset: u64,
    },
    /// A snapshot does not begin as one.
    #[error(
        "{file} is no snapshot: it begins with {found:#010x}, not with 0x5a4b534e; {OLDER_SNAPSHOT}"
    )]
    SnapshotMagic {
        /// Which file.
        file: String,
        /// Its first four bytes, unpacked.
        found: u32,
    },
    /// A snapshot ends before it is complete.
    #[error("{file} is incomplete: it ends after {size} unpacked bytes; {OLDER_SNAPSHOT}")]
    SnapshotCut {
        /// Which file.
        file: String,
        /// Its length, unpacked.
        size: u64,
    },
    /// A snapshot is not what was written.
    #[error(
        "{file} is damaged: the seal at byte {offset} is {expected:#x}, the bytes before it give \
         {found:#x}; {OLDER_SNAPSHOT}"
    )]
    SnapshotSeal {
        /// Which file.
        file: String,
        /// Where the seal stands, in unpacked bytes.
        offset: u64,
        /// What the file says.
        expected: u64,
        /// What the bytes give.
        found: u64,
    },
    /// A snapshot has a record that is impossibly large.
    #[error(
        "{file} is damaged: it has a record of {size} bytes, limit {limit}; if the data may be that \
         large, raise jute.maxbuffer, else {OLDER_SNAPSHOT}"
    )]
    SnapshotRecord {
        /// Which file.
        file: String,
        /// How large the record claims to be, at least.
        size: usize,
        /// What was allowed.
        limit: usize,
    },
    /// A snapshot's bytes are as written but make no tree.
    #[error("{file} makes no tree: {source}; {OLDER_SNAPSHOT}")]
    SnapshotBody {
        /// Which file.
        file: String,
        /// What is wrong.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// There are snapshots, but none can be loaded.
    #[error(
        "none of {tried} snapshots can be loaded, and the logs alone are not enough; {RESTORE}; of \
         the newest: {newest}"
    )]
    NoValidSnapshot {
        /// How many there are.
        tried: usize,
        /// Why the newest one was refused.
        newest: Box<Self>,
    },
    /// A snapshot is damaged, and there is no way from an older one.
    #[error("{snapshot}; but of that older one, {source}")]
    OlderSnapshot {
        /// Why the newest one was refused.
        snapshot: Box<Self>,
        /// Why the newest one that can be loaded will not do.
        source: Box<Self>,
    },
    /// There is a log but no snapshot for it to start from (ZOOKEEPER-3056).
    #[error(
        "there are log entries but no snapshot: {file}; restore the snapshots, or, after an upgrade \
         from a version that wrote none, set snapshot.trust.empty=true for one start"
    )]
    LogWithoutSnapshot {
        /// The first log file with an entry.
        file: String,
    },
    /// A snapshot lies where only logs belong.
    #[error(
        "{file} is a snapshot in the log directory; if dataDir and dataLogDir were exchanged or \
         dataLogDir is new, correct the configuration or move the files"
    )]
    SnapshotAmongLogs {
        /// The first such file.
        file: String,
    },
    /// A log lies where only snapshots belong.
    #[error(
        "{file} is a transaction log in the snapshot directory; if dataDir and dataLogDir were \
         exchanged or dataLogDir is new, correct the configuration or move the files"
    )]
    LogAmongSnapshots {
        /// The first such file.
        file: String,
    },
    /// The log cannot be cut where a leader asked for it.
    #[error(
        "cannot go back to zxid {to}: no intact snapshot and log lead there; the data must be \
         fetched whole"
    )]
    NothingBefore {
        /// The zxid to go back to.
        to: Zxid,
    },
    /// A leader has ordered to go back to a transaction that is not there.
    #[error(
        "cannot go back to zxid {to}: it is not in the history, which ends at zxid {last} now; \
         restart this server, and its leader will send what is missing"
    )]
    NotInHistory {
        /// The zxid to go back to.
        to: Zxid,
        /// The last one before it.
        last: Zxid,
    },
    /// A snapshot is to be installed that was not received.
    #[error("{dir} has no received snapshot of zxid {zxid} to install; restart this server")]
    NotStaged {
        /// Which.
        zxid: Zxid,
        /// Where it should be.
        dir: String,
    },
    /// An epoch file or `myid` holds no number of its range.
    #[error("{file} must hold a number from 0 to {max}; correct it by hand")]
    Number {
        /// Which file.
        file: String,
        /// The largest number it may hold.
        max: u32,
    },
}

/// The way out when the log itself is damaged.
const RESTORE: &str = "restore the data directory from a copy, or, if the rest of the ensemble is \
                       healthy, empty it and let this server fetch the data";

/// The way out when a snapshot is damaged.
const OLDER_SNAPSHOT: &str = "move it away; an older one will do if the logs since it are there";

impl StorageError {
    /// Whether the disk was full: the same call may succeed later, and nothing was lost.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Io { full: true, .. })
    }
}

/// What was asked of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// List the directory.
    List,
    /// Open the file.
    Open,
    /// Read from it.
    Read,
    /// Create it.
    Create,
    /// Write to it.
    Write,
    /// Reserve space for it.
    Allocate,
    /// Cut it.
    Cut,
    /// Make it durable.
    Sync,
    /// Give it its name.
    Rename,
    /// Remove it.
    Remove,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Open => "open",
            Self::Read => "read",
            Self::Create => "create",
            Self::Write => "write",
            Self::Allocate => "reserve space for",
            Self::Cut => "cut",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
        })
    }
}

/// Why a packed snapshot cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackingProblem {
    /// The file does not begin as its suffix promises.
    #[error("wrong magic number")]
    Magic,
    /// The file ends inside the stream.
    #[error("unexpected end")]
    Cut,
    /// The stream uses something that no writer of snapshots does.
    #[error("unsupported stream")]
    Unsupported,
    /// The compressed data make no sense.
    #[error("corrupt stream")]
    Corrupt,
    /// The stream's own checksum or length is wrong.
    #[error("wrong checksum")]
    Checksum,
    /// A chunk is larger than any writer makes it.
    #[error("chunk too large")]
    ChunkTooLarge,
}
