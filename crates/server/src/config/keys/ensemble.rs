//! Keys that mean something to a member of an ensemble.

use super::{Key, Place, Subject, keys};
use crate::config::ensemble::ElectionAlgorithm;
use crate::config::kind::{
    Bool, Choice, FilePath, Fraction, Int, Maybe, OffWhen, OrOff, Time, TimeUnit, YES_NO,
};
use crate::config::membership::Role;

const INT: i64 = i32::MAX as i64;
const MILLIS: Time = Time { unit: TimeUnit::Milliseconds, min: 0, max: INT };
const TICKS: Int<u32> = Int::new(1, INT, "ticks");
const UNSET_TICKS: OrOff<Int<u32>> =
    OrOff { off: OffWhen::NotPositive, meaning: "not set", on: TICKS };

keys! {
    "Ensemble";
    /// Runs as a single server when there is only one participant.
    STANDALONE_ENABLED: File "standaloneEnabled", Bool = Bool, true;
    /// Allows changing the membership while running.
    RECONFIG_ENABLED: File "reconfigEnabled", Bool = Bool, false;
    /// File with the `server.N`, `group.N` and `weight.N` lines; the version is its name's end.
    DYNAMIC_CONFIG_FILE: File "dynamicConfigFile", Maybe<FilePath> = Maybe(FilePath), ();
    /// Time for learners to connect to and synchronize with the leader. Required in an ensemble.
    INIT_LIMIT: File "initLimit", OrOff<Int<u32>> = UNSET_TICKS, None;
    /// Time within which leader and learners must hear each other. Required in an ensemble.
    SYNC_LIMIT: File "syncLimit", OrOff<Int<u32>> = UNSET_TICKS, None;
    /// Time for a learner to connect to the leader; `initLimit` unless set.
    CONNECT_TO_LEARNER_MASTER_LIMIT: File "connectToLearnerMasterLimit", OrOff<Int<u32>> =
        OrOff { off: OffWhen::NotPositive, meaning: "initLimit", on: TICKS }, None;
    /// Port on which followers serve observers.
    OBSERVER_MASTER_PORT: File "observerMasterPort", OrOff<Int<u16>> =
        OrOff { off: OffWhen::NotPositive, meaning: "they do not", on: Int::new(1, 65535, "") },
        None;
    /// Version of the election protocol. There is one.
    ELECTION_ALG: File "electionAlg", Choice<ElectionAlgorithm> =
        Choice { words: ElectionAlgorithm::WORDS }, ElectionAlgorithm::Fast;
    /// Opens the quorum and election ports on all addresses instead of the server line's.
    QUORUM_LISTEN_ON_ALL_IPS: File "quorumListenOnAllIPs", Bool = Bool, false;
    /// Role of this server. The `server.N` line counts when they differ.
    PEER_TYPE: File "peerType", Choice<Role> = Choice { words: Role::WORDS }, Role::Participant;
    /// Observers write the log and snapshots too.
    SYNC_ENABLED: File "syncEnabled", Bool = Bool, true;
    /// The same as `syncEnabled`, which it overrides.
    OBSERVER_SYNC_ENABLED: Property "observer.syncEnabled", Maybe<Bool> = Maybe(Bool), ();
    /// Allows several addresses in a server line. Here the key in `zoo.cfg` suffices; Apache
    /// looks at the system property when it reads the server lines.
    MULTI_ADDRESS_ENABLED: FileOrProperty "multiAddress.enabled", Bool = Bool, false;
    /// Looks which of them answers before connecting.
    MULTI_ADDRESS_CHECK_ENABLED: FileOrProperty "multiAddress.reachabilityCheckEnabled",
        Bool = Bool, true;
    /// How long to wait for the answer.
    MULTI_ADDRESS_CHECK_TIMEOUT: FileOrProperty "multiAddress.reachabilityCheckTimeoutMs",
        Time = MILLIS, 1000;
    /// File that says whether this server of two may go on alone.
    ORACLE_PATH: File "oraclePath", Maybe<FilePath> = Maybe(FilePath), ();
    /// Serves reads while there is no quorum, to clients that allow it. A system property without
    /// prefix: `-Dreadonlymode.enabled=true`.
    READ_ONLY_MODE: Bare "readonlymode.enabled", Bool = Bool, false;
    /// `no`: the leader opens no client port.
    LEADER_SERVES: Property "leaderServes", Choice<bool> = YES_NO, true;
    /// Committed proposals kept in memory to bring learners up to date; at least 500.
    COMMIT_LOG_COUNT: Property "commitLogCount", Int<u32> = Int::new(0, INT, ""), 500;
    /// Learners are brought up to date from log files up to this share of a snapshot's size.
    SNAPSHOT_SIZE_FACTOR: Property "snapshotSizeFactor", OrOff<Fraction> =
        OrOff { off: OffWhen::Negative, meaning: "never from files", on: Fraction }, Some(0.33);
    /// Brings every learner up to date by a snapshot, for tests.
    FORCE_SNAPSHOT_SYNC: Property "forceSnapshotSync", Bool = Bool, false;
    /// Learners that the leader sends a snapshot at the same time.
    MAX_CONCURRENT_SNAP_SYNCS: Property "leader.maxConcurrentSnapSyncs", Int<u32> =
        Int::new(1, INT, ""), 10;
    /// Learners that the leader sends a diff at the same time.
    MAX_CONCURRENT_DIFF_SYNCS: Property "leader.maxConcurrentDiffSyncs", Int<u32> =
        Int::new(1, INT, ""), 100;
    /// How long a new leader waits for a quorum's epochs; -1 is `initLimit`.
    MAX_TIME_TO_WAIT_FOR_EPOCH: Property "leader.maxTimeToWaitForEpoch", OrOff<Time> =
        OrOff { off: OffWhen::Negative, meaning: "initLimit", on: MILLIS }, None;
    /// Pause between a learner's attempts to connect to the leader.
    LEADER_CONNECT_DELAY: Property "leaderConnectDelayDuringRetryMs", Time = MILLIS, 100;
    /// How long connecting for an election may take.
    CNX_TIMEOUT: Property "cnxTimeout", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 5000;
    /// Time without data after which an election connection is closed; -1 is `syncLimit`.
    QUORUM_CNXN_TIMEOUT: Property "quorumCnxnTimeoutMs", OrOff<Time> =
        OrOff { off: OffWhen::Negative, meaning: "syncLimit", on: MILLIS }, None;
    /// TCP keepalive on election connections.
    TCP_KEEP_ALIVE: Property "tcpKeepAlive", Bool = Bool, false;
    /// Attempts to open the election port before giving up.
    ELECTION_PORT_BIND_RETRY: Property "electionPortBindRetry", OrOff<Int<u32>> =
        OrOff { off: OffWhen::NotPositive, meaning: "for ever", on: Int::new(1, INT, "") }, Some(3);
    /// First wait for votes during an election.
    MIN_NOTIFICATION_INTERVAL: Property "fastleader.minNotificationInterval", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 200;
    /// Longest wait for votes; it doubles up to here.
    MAX_NOTIFICATION_INTERVAL: Property "fastleader.maxNotificationInterval", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 60000;
    /// Pause before an observer connects to the leader again.
    OBSERVER_RECONNECT_DELAY: Property "observer.reconnectDelayMs", Time = MILLIS, 0;
    /// Pause before an observer looks for a leader.
    OBSERVER_ELECTION_DELAY: Property "observer.election.DelayMs", Time = MILLIS, 200;
    /// Bytes of proposals that a follower keeps for its observers.
    OBSERVER_MASTER_SIZE_LIMIT: Property "observerMaster.sizeLimit", Int<usize> =
        Int::new(1, INT, "bytes"), 32 * 1024 * 1024;
}
