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
    /// Version of the election protocol. There is one.
    ELECTION_ALG: File "electionAlg", Choice<ElectionAlgorithm> =
        Choice { words: ElectionAlgorithm::WORDS }, ElectionAlgorithm::Fast;
    /// Opens the quorum and election ports on all addresses instead of the server line's.
    QUORUM_LISTEN_ON_ALL_IPS: File "quorumListenOnAllIPs", Bool = Bool, false;
    /// Role of this server. The `server.N` line counts when they differ.
    PEER_TYPE: File "peerType", Choice<Role> = Choice { words: Role::WORDS }, Role::Participant;
    /// Allows several addresses in a server line. Here the key in `zoo.cfg` suffices; Apache
    /// looks at the system property when it reads the server lines.
    MULTI_ADDRESS_ENABLED: FileOrProperty "multiAddress.enabled", Bool = Bool, false;
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
    /// How long a new leader waits for a quorum to join it before it heeds that one of its voters
    /// is looking again; `tickTime` unless set.
    MAX_TIME_TO_WAIT_FOR_EPOCH: Property "leader.maxTimeToWaitForEpoch", Maybe<OrOff<Time>> =
        Maybe(OrOff { off: OffWhen::Negative, meaning: "initLimit", on: MILLIS }), ();
    /// An observer that has lost its leader waits for a random time below this and
    /// `observer.reconnectDelayMs` together before it joins one again.
    OBSERVER_ELECTION_DELAY: Property "observer.election.DelayMs", Time = MILLIS, 200;
    /// See `observer.election.DelayMs`.
    OBSERVER_RECONNECT_DELAY: Property "observer.reconnectDelayMs", Time = MILLIS, 0;
    /// Most observers that are sent a snapshot at the same time; the others come again.
    MAX_CONCURRENT_SNAP_SYNCS: Property "leader.maxConcurrentSnapSyncs", Int<u32> =
        Int::new(1, INT, ""), 10;
    /// How long connecting to an address of another member may take.
    CNX_TIMEOUT: Property "cnxTimeout", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 5000;
    /// How long a new election connection may take to say whose it is; -1 is `syncLimit`.
    QUORUM_CNXN_TIMEOUT: Property "quorumCnxnTimeoutMs", OrOff<Time> =
        OrOff { off: OffWhen::Negative, meaning: "syncLimit", on: MILLIS }, None;
    /// TCP keepalive on connections between servers.
    TCP_KEEP_ALIVE: Property "tcpKeepAlive", Bool = Bool, false;
    /// Attempts to open the ports between servers before giving up.
    ELECTION_PORT_BIND_RETRY: Property "electionPortBindRetry", OrOff<Int<u32>> =
        OrOff { off: OffWhen::NotPositive, meaning: "for ever", on: Int::new(1, INT, "") }, Some(3);
    /// First wait for votes during an election.
    MIN_NOTIFICATION_INTERVAL: Property "fastleader.minNotificationInterval", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 200;
    /// Longest wait for votes; it doubles up to here.
    MAX_NOTIFICATION_INTERVAL: Property "fastleader.maxNotificationInterval", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 60000;
}
