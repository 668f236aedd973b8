//! Storage settings, typed.

use super::error::ConfigError;
use super::keys::storage as keys;
use super::kind::{Fault, Kind, Notation};
use super::settings::Settings;
use std::path::PathBuf;
use std::time::Duration;

/// Where data lie, when they are written, and what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Holds `version-2` with the snapshots, `myid` and `initialize`.
    pub data_dir: PathBuf,
    /// Holds `version-2` with the transaction log.
    pub log_dir: PathBuf,
    /// Makes the directories when they are missing.
    pub create_dirs: bool,
    /// Starts with an empty tree when there are no data; else `initialize` must be there.
    pub create_db: bool,
    /// Transactions between snapshots: a random number from half of it to all. At least 2.
    pub snap_count: u32,
    /// Bytes of log between snapshots, in the same way; `None`: not by size.
    pub snap_size_bytes: Option<u64>,
    /// Step in which a log file grows, in bytes; 0: as it is written.
    pub prealloc_bytes: u64,
    /// Waits for the disk before acknowledging.
    pub force_sync: bool,
    /// An fsync that takes longer is logged.
    pub fsync_warning: Duration,
    /// Writes may wait this long for others to share an fsync; zero: they do not wait.
    pub flush_delay: Duration,
    /// How long to look for a further write within `flush_delay`.
    pub max_write_queue_poll: Duration,
    /// Writes that share an fsync at most; `None`: unlimited.
    pub max_batch_size: Option<u32>,
    /// Longest log file in bytes; `None`: unlimited.
    pub txn_log_size_bytes: Option<u64>,
    /// How snapshots are compressed.
    pub compression: SnapshotCompression,
    /// Accepts a log without any snapshot.
    pub trust_empty_snapshot: bool,
    /// Keeps a digest of the tree.
    pub digest_enabled: bool,
    /// Writes the last zxid at the end of a snapshot.
    pub serialize_last_processed_zxid: bool,
    /// Lists the deleted ephemeral znodes in a closeSession transaction.
    pub close_session_txn: bool,
    /// What is deleted and when; `None`: nothing.
    pub purge: Option<Purge>,
}

/// Deleting old snapshots and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    /// Snapshots kept, at least 3.
    pub retain: u32,
    /// Time between two purges; the first is at the start.
    pub interval: Duration,
}

impl Purge {
    /// `PurgeTxnLog` refuses to keep fewer.
    const RETAIN_MIN: u32 = 3;
}

/// How a snapshot is compressed; its file's name ends accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotCompression {
    /// Not.
    None,
    /// gzip, `.gz`.
    Gzip,
    /// Snappy with Java's framing, `.snappy`.
    Snappy,
}

impl SnapshotCompression {
    /// How the methods are written.
    pub(crate) const WORDS: &'static [(&'static str, Self)] =
        &[("", Self::None), ("gz", Self::Gzip), ("snappy", Self::Snappy)];
}

impl Storage {
    /// `SyncRequestProcessor` needs two.
    const SNAP_COUNT_MIN: u32 = 2;

    pub(crate) fn read(settings: &mut Settings, source: &str) -> Self {
        let data_dir = settings.value(&keys::DATA_DIR).unwrap_or_default();
        if settings.setting(&keys::DATA_DIR).is_none() {
            let (path, when) = (source.to_owned(), "by every server");
            settings.errors.push(ConfigError::Missing { path, key: "dataDir", when });
        }
        let flush_delay = settings.value(&keys::FLUSH_DELAY).unwrap_or_default();
        let poll = settings.value(&keys::MAX_WRITE_QUEUE_POLL_TIME);
        Self {
            log_dir: settings.value(&keys::DATA_LOG_DIR).unwrap_or_else(|| data_dir.clone()),
            data_dir,
            create_dirs: settings.value(&keys::DATADIR_AUTOCREATE),
            create_db: settings.value(&keys::DB_AUTOCREATE),
            snap_count: settings.raised(&keys::SNAP_COUNT, Self::SNAP_COUNT_MIN),
            snap_size_bytes: settings.value(&keys::SNAP_SIZE_LIMIT),
            prealloc_bytes: settings.value(&keys::PRE_ALLOC_SIZE),
            force_sync: settings.value(&keys::FORCE_SYNC),
            fsync_warning: settings.value(&keys::FSYNC_WARNING_THRESHOLD),
            flush_delay,
            max_write_queue_poll: poll.unwrap_or(flush_delay / 3),
            max_batch_size: settings.value(&keys::MAX_BATCH_SIZE),
            txn_log_size_bytes: settings.value(&keys::TXN_LOG_SIZE_LIMIT),
            compression: settings.value(&keys::SNAPSHOT_COMPRESSION),
            trust_empty_snapshot: settings.value(&keys::SNAPSHOT_TRUST_EMPTY),
            digest_enabled: settings.value(&keys::DIGEST_ENABLED),
            serialize_last_processed_zxid: settings.value(&keys::SERIALIZE_LAST_PROCESSED_ZXID),
            close_session_txn: settings.value(&keys::CLOSE_SESSION_TXN),
            purge: purge(settings),
        }
    }
}

fn purge(settings: &mut Settings) -> Option<Purge> {
    let retain = settings.raised(&keys::SNAP_RETAIN_COUNT, Purge::RETAIN_MIN);
    let interval = settings.value(&keys::PURGE_INTERVAL)?;
    Some(Purge { retain, interval })
}

/// `autopurge.purgeInterval`: hours, or since 3.10 a number with one of the units ms, s, m, h, d.
#[derive(Debug, Clone, Copy)]
pub struct PurgeInterval;

impl PurgeInterval {
    /// The units, with their length in milliseconds. `ms` is tried before `s`.
    const UNITS: [(&'static str, u64); 5] =
        [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    const HOUR_MS: u64 = 3_600_000;
}

impl Kind for PurgeInterval {
    type Value = Option<Duration>;
    type Default = u32;

    fn parse(&self, text: &str, _: Notation) -> Result<Self::Value, Fault> {
        let with_unit = |(unit, length)| Some((text.strip_suffix(unit)?.trim_end(), length));
        let (number, length) =
            Self::UNITS.into_iter().find_map(with_unit).unwrap_or((text, Self::HOUR_MS));
        let number: i32 = number.parse().map_err(|_| Fault::NotANumber)?;
        let number = u64::try_from(number).ok().filter(|number| *number > 0);
        Ok(number.map(|number| Duration::from_millis(number.saturating_mul(length))))
    }

    fn allowed(&self) -> String {
        "-2147483648 to 2147483647 (hours), or with a unit: ms, s, m, h, d; 0 or less: off"
            .to_owned()
    }

    fn default_value(&self, default: u32) -> Self::Value {
        Some(Duration::from_millis(u64::from(default) * Self::HOUR_MS))
    }

    fn default_text(&self, default: u32) -> Option<String> {
        Some(default.to_string())
    }
}
