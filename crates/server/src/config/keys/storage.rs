//! Where data lie, when they are written, and what is kept.

use super::{Key, Place, Subject, keys};
use crate::config::kind::{
    Bool, Choice, FilePath, Int, Kibibytes, Maybe, OffWhen, OrOff, Time, TimeUnit, YES_NO,
};
use crate::config::storage::{PurgeInterval, SnapshotCompression};

const MILLIS: Time = Time { unit: TimeUnit::Milliseconds, min: 0, max: i64::MAX };

keys! {
    "Storage";
    /// Directory of the snapshots, in its `version-2`, and of `myid`.
    DATA_DIR: File "dataDir", Maybe<FilePath> = Maybe(FilePath), ();
    /// Directory of the transaction log; `dataDir` unless set. A disk of its own makes writes fast.
    DATA_LOG_DIR: File "dataLogDir", Maybe<FilePath> = Maybe(FilePath), ();
    /// Makes the directories when they are missing.
    DATADIR_AUTOCREATE: Property "datadir.autocreate", Bool = Bool, true;
    /// Starts with an empty tree when there are no data. If false, the file `initialize` in
    /// `dataDir` says that being empty is right.
    DB_AUTOCREATE: Property "db.autocreate", Bool = Bool, true;
    /// A snapshot is taken after this many transactions: a random number from half of it to all.
    SNAP_COUNT: Property "snapCount", Int<u32> = Int::new(0, i32::MAX as i64, ""), 100_000;
    /// A snapshot is also taken after this many bytes of log, chosen at random in the same way.
    SNAP_SIZE_LIMIT: Property "snapSizeLimitInKb", OrOff<Kibibytes> =
        OrOff { off: OffWhen::NotPositive, meaning: "not by size", on: Kibibytes { min: 1 } },
        Some(4_194_304);
    /// The log file grows in steps of this size.
    PRE_ALLOC_SIZE: Property "preAllocSize", Kibibytes = Kibibytes { min: 0 }, 65536;
    /// Waits until the disk has a transaction before acknowledging it. `no` loses acknowledged
    /// writes when the machine stops.
    FORCE_SYNC: Property "forceSync", Choice<bool> = YES_NO, true;
    /// An fsync that takes longer than this is logged.
    FSYNC_WARNING_THRESHOLD: PropertyOrBare "fsync.warningthresholdms", Time = MILLIS, 1000;
    /// Writes may wait this long for others to share an fsync.
    FLUSH_DELAY: Property "flushDelay", OrOff<Time> =
        OrOff { off: OffWhen::NotPositive, meaning: "no wait", on: MILLIS }, None;
    /// How long to look for a further write within `flushDelay`; a third of it unless set.
    MAX_WRITE_QUEUE_POLL_TIME: Property "maxWriteQueuePollTime",
        Maybe<Time> = Maybe(MILLIS), ();
    /// Writes that share an fsync at most.
    MAX_BATCH_SIZE: Property "maxBatchSize", OrOff<Int<u32>> =
        OrOff {
            off: OffWhen::NotPositive,
            meaning: "unlimited",
            on: Int::new(1, i32::MAX as i64, ""),
        },
        Some(1000);
    /// A log file longer than this is ended and the next one begun.
    TXN_LOG_SIZE_LIMIT: Property "txnLogSizeLimitInKb", OrOff<Kibibytes> =
        OrOff { off: OffWhen::NotPositive, meaning: "unlimited", on: Kibibytes { min: 1 } }, None;
    /// How snapshots are compressed: not, by gzip or by Snappy. All three are read.
    SNAPSHOT_COMPRESSION: Property "snapshot.compression.method", Choice<SnapshotCompression> =
        Choice { words: SnapshotCompression::WORDS }, SnapshotCompression::None;
    /// Accepts a log without any snapshot, as versions before 3.5 may have left it.
    SNAPSHOT_TRUST_EMPTY: Property "snapshot.trust.empty", Bool = Bool, false;
    /// Keeps a digest of the tree and compares it while replaying and following.
    DIGEST_ENABLED: Property "digest.enabled", Bool = Bool, true;
    /// Writes the last zxid at the end of a snapshot, which makes it readable to 3.9 and newer
    /// as a point in history; older ones ignore it.
    SERIALIZE_LAST_PROCESSED_ZXID: Property "serializeLastProcessedZxid.enabled",
        Bool = Bool, true;
    /// Lists in a closeSession transaction the ephemeral znodes it deletes.
    CLOSE_SESSION_TXN: Property "closeSessionTxn.enabled", Bool = Bool, true;
    /// Snapshots that purging keeps, with the logs that belong to them; at least 3.
    SNAP_RETAIN_COUNT: File "autopurge.snapRetainCount", Int<u32> =
        Int::new(0, i32::MAX as i64, ""), 3;
    /// How often old snapshots and logs are deleted. Apache's default is 0, off.
    PURGE_INTERVAL: File "autopurge.purgeInterval", PurgeInterval = PurgeInterval, 24;
}
