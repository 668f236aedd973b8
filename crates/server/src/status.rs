//! What the admin interfaces ask of a running server, as plain data.
//!
//! [`AdminSource`] is implemented once, by the running server; everything in [`crate::admin`] and
//! the gauges of [`crate::metrics`] are made from what it returns. Its methods may take locks and
//! read directories, so they are called from threads that may block.

use std::error::Error;
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;

use zoarium_proto::{SessionId, Zxid};

use crate::metrics::Metrics;
use crate::stats::{ConnectionStatsReading, ServerStatsReading, SizesReading};

/// The running server, seen by who operates it.
///
/// Facts are gathered at the call and may differ a little between calls. `None` from
/// [`AdminSource::status`] means that the server does not serve (no quorum, and not read-only);
/// the other facts about what it serves are not asked for then.
pub trait AdminSource: Send + Sync {
    /// The numbers of `srvr` and `mntr`; `None` while not serving. Cheap enough to ask every
    /// second.
    fn status(&self) -> Option<ServerStatus>;
    /// The same with the numbers of open files, which the system has to count.
    fn full_status(&self) -> Option<ServerStatus> {
        self.status()
    }
    /// What was counted since the start.
    fn metrics(&self) -> &Metrics;
    /// Sizes of the data directories. Reads them.
    fn directory_sizes(&self) -> DirectorySizes;
    /// All client connections, four letter words among them, of plain and TLS ports.
    fn connections(&self) -> Vec<ConnectionStatus>;
    /// When connections are closed for being idle, soonest first.
    fn connection_expiries(&self) -> Vec<ExpiryBucket<ConnectionName>>;
    /// The sessions.
    fn sessions(&self) -> Sessions;
    /// Sessions that own ephemerals, with their paths.
    fn ephemerals(&self) -> Vec<(SessionId, Vec<String>)>;
    /// How much is watched. This and the next two: watches on data only, as in Apache.
    fn watch_summary(&self) -> WatchSummary;
    /// Watched paths by session.
    fn watches_by_session(&self) -> Vec<(SessionId, Vec<String>)>;
    /// Watching sessions by path.
    fn watches_by_path(&self) -> Vec<(String, Vec<SessionId>)>;
    /// The digests of the tree that are kept, oldest first.
    fn digests(&self) -> Vec<DigestStatus>;
    /// The newest snapshot, `None` before the first.
    fn last_snapshot(&self) -> Option<LastSnapshot>;
    /// The settings in force.
    fn configuration(&self) -> Configuration;
    /// The configuration file as it was at start.
    fn initial_configuration(&self) -> String;
    /// The place in the ensemble; `None` when standalone, read-only or not serving.
    fn ensemble(&self) -> Option<EnsembleStatus>;
    /// Observers that follow this server.
    fn observers(&self) -> Vec<ObserverConnection>;
    /// `envi`: names and values in the order in which to show them. Also asked while not serving.
    fn environment(&self) -> Vec<(String, String)>;
    /// Settings that are Java system properties in Apache, in any order; secrets are hidden later.
    /// Also asked while not serving.
    fn system_properties(&self) -> Vec<(String, String)>;
    /// The trace mask. It has no effect, but what was set can be read back.
    fn trace_mask(&self) -> i64;

    /// Sets the trace mask.
    fn set_trace_mask(&self, mask: i64);
    /// Resets the server's statistics and its metrics (`srst`).
    fn reset_server_stats(&self);
    /// Resets the statistics of all connections (`crst`).
    fn reset_connection_stats(&self);
    /// Resets the statistics of the observers' connections (`orst`).
    fn reset_observer_stats(&self);
    /// Whether who has this auth info may do everything on `/`, which is what snapshot, restore
    /// and shedding ask for. `auth` is empty for schemes that look at the connection.
    ///
    /// # Errors
    /// When not.
    fn authorize(&self, scheme: &str, auth: &[u8], peer: SocketAddr) -> Result<(), AuthorizeError>;
    /// Writes a snapshot of the present state and returns when it is on disk.
    ///
    /// # Errors
    /// When it could not be written.
    fn take_snapshot(&self) -> Result<SnapshotFile, ActionError>;
    /// Replaces the state by a snapshot and returns its last zxid. Blocks while reading.
    ///
    /// # Errors
    /// When the snapshot is not whole or could not be stored; the state is then unchanged.
    fn restore(&self, snapshot: &mut dyn Read) -> Result<Zxid, ActionError>;
    /// Closes this share of the client connections, 0 to 100 percent, and returns how many.
    fn shed_connections(&self, percentage: u8) -> u64;
}

/// Why an action failed, to be logged.
pub type ActionError = Box<dyn Error + Send + Sync>;

/// Why somebody may not do something.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// Scheme unknown, or the auth info is wrong.
    #[error("not authenticated")]
    NotAuthenticated,
    /// Known, and not allowed.
    #[error("not authorized")]
    NotAuthorized,
    /// It could not be found out.
    #[error("authorization could not be decided")]
    Failed(#[source] ActionError),
}

/// The numbers of `srvr` and `mntr`.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// `<version>-<commit>, built on <date>`: clients read up to the `-`.
    pub version: String,
    /// What the server is.
    pub mode: Mode,
    /// What it counted.
    pub stats: ServerStatsReading,
    /// Since it began to serve.
    pub uptime_ms: u64,
    /// The last transaction that was applied.
    pub last_zxid: Zxid,
    /// Requests taken in and not answered.
    pub outstanding_requests: u64,
    /// Open client connections, four letter words among them.
    pub connections: u64,
    /// Znodes, `/zookeeper` and below among them.
    pub znode_count: u64,
    /// Watches on data and on children.
    pub watch_count: u64,
    /// Ephemeral znodes.
    pub ephemerals_count: u64,
    /// Bytes of all paths and data.
    pub approximate_data_size: u64,
    /// Sessions that the whole ensemble knows.
    pub global_sessions: u64,
    /// Sessions that only this server knows.
    pub local_sessions: u64,
    /// Open files of the process. This and the next only from [`AdminSource::full_status`].
    pub file_descriptors_open: u64,
    /// How many it may open.
    pub file_descriptors_max: u64,
    /// Chance, 0 to 1, that the connection throttle refuses a connection.
    pub connection_drop_probability: f64,
    /// TLS handshakes going on.
    pub tls_handshakes: u64,
    /// Quotas by namespace.
    pub quotas: Vec<QuotaStatus>,
}

/// What a server is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Alone.
    Standalone,
    /// Leading an ensemble.
    Leader(LeaderStatus),
    /// Following a leader.
    Follower(FollowerStatus),
    /// Following without a vote.
    Observer(ObserverStatus),
    /// Cut off from the quorum and answering reads of clients that allow it.
    ReadOnly,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standalone => "standalone",
            Self::Leader(_) => "leader",
            Self::Follower(_) => "follower",
            Self::Observer(_) => "observer",
            Self::ReadOnly => "read-only",
        })
    }
}

impl Mode {
    /// What `mntr` calls the state of the peer, such as `leading - broadcast`; members only.
    pub fn peer_state(&self) -> Option<String> {
        match self {
            Self::Standalone | Self::ReadOnly => None,
            Self::Leader(leader) => Some(format!("leading - {}", leader.phase)),
            Self::Follower(follower) => Some(format!("following - {}", follower.phase)),
            Self::Observer(observer) => Some(format!("observing - {}", observer.phase)),
        }
    }
}

/// Where a member is in ZAB (Apache: `ZabState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZabPhase {
    /// Looking for a leader.
    Election,
    /// Agreeing on the epoch.
    Discovery,
    /// Bringing histories together.
    Synchronization,
    /// At work.
    Broadcast,
}

impl fmt::Display for ZabPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Election => "election",
            Self::Discovery => "discovery",
            Self::Synchronization => "synchronization",
            Self::Broadcast => "broadcast",
        })
    }
}

/// A leader's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderStatus {
    /// Voting members of the ensemble.
    pub quorum_size: u64,
    /// Where it is in ZAB.
    pub phase: ZabPhase,
    /// Connected learners.
    pub learners: u64,
    /// Followers in step.
    pub synced_followers: u64,
    /// Followers in step that do not vote.
    pub synced_non_voting_followers: u64,
    /// Observers in step.
    pub synced_observers: u64,
    /// Syncs that wait for a commit.
    pub pending_syncs: u64,
    /// Of this leadership.
    pub uptime_ms: u64,
    /// Bytes of the proposals.
    pub proposal_sizes: SizesReading,
}

/// A follower's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerStatus {
    /// Voting members of the ensemble.
    pub quorum_size: u64,
    /// Where it is in ZAB.
    pub phase: ZabPhase,
    /// Observers that follow this follower; `None` when it takes none.
    pub synced_observers: Option<u64>,
}

/// An observer's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverStatus {
    /// Voting members of the ensemble.
    pub quorum_size: u64,
    /// Where it is in ZAB.
    pub phase: ZabPhase,
    /// The server that it follows.
    pub master_id: u64,
}

/// The quota of a namespace, that is a first path element, summed up; -1 for no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaStatus {
    /// The namespace, without `/`.
    pub namespace: String,
    /// Znodes allowed: the hard limit if there is one.
    pub count_limit: i64,
    /// Bytes allowed: the hard limit if there is one.
    pub bytes_limit: i64,
    /// Znodes there.
    pub count: i64,
    /// Bytes there.
    pub bytes: i64,
}

/// Bytes in the two data directories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectorySizes {
    /// Snapshots.
    pub data: u64,
    /// Logs.
    pub log: u64,
}

/// One client connection.
#[derive(Clone, Debug)]
pub struct ConnectionStatus {
    /// The client.
    pub remote: SocketAddr,
    /// Came in on a TLS port.
    pub secure: bool,
    /// Waits to read: bit 1; waits to write: bit 4 (Java's `SelectionKey`).
    pub interest_ops: u32,
    /// Requests taken in and not answered.
    pub outstanding_requests: u64,
    /// [`SessionId::NONE`] before the handshake, and for four letter words.
    pub session_id: SessionId,
    /// The session's timeout.
    pub session_timeout_ms: u32,
    /// When it was accepted, in ms since 1970.
    pub established_ms: u64,
    /// What it counted.
    pub stats: ConnectionStatsReading,
}

/// Things that expire together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryBucket<T> {
    /// On the server's monotonic clock.
    pub expires_ms: u64,
    /// The same moment in ms since 1970.
    pub expires_wall_ms: u64,
    /// What expires.
    pub members: Vec<T>,
}

/// What `dump` says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionName {
    /// The client.
    pub remote: SocketAddr,
    /// [`SessionId::NONE`] before the handshake.
    pub session_id: SessionId,
}

/// The sessions as far as this server knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Sessions of this server alone; `None` unless local sessions are enabled.
    pub local: Option<Vec<ExpiryBucket<SessionId>>>,
    /// Sessions of the ensemble.
    pub global: GlobalSessions,
}

/// Who expires sessions knows when; others know their timeouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobalSessions {
    /// Of a standalone server or a leader, soonest first.
    Expiring(Vec<ExpiryBucket<SessionId>>),
    /// Of a learner or a read-only server: ids and timeouts in ms, by id.
    Known(Vec<(SessionId, u32)>),
}

/// How much is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchSummary {
    /// Connections that watch or, as Apache keeps their entry, once did.
    pub connections: u64,
    /// Paths that are watched.
    pub paths: u64,
    /// Pairs of these.
    pub watches: u64,
}

/// The digest of the tree after a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestStatus {
    /// The transaction.
    pub zxid: Zxid,
    /// The digest.
    pub digest: i64,
    /// How it is computed.
    pub version: i32,
}

/// The newest snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSnapshot {
    /// The last transaction that is surely in it.
    pub zxid: Zxid,
    /// When it was taken, in seconds since 1970.
    pub taken_seconds: u64,
}

/// The settings that `conf` shows; -1 stands for unset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Plain client port.
    pub client_port: i32,
    /// TLS client port.
    pub secure_client_port: i32,
    /// Where snapshots are, `version-2` included.
    pub data_dir: String,
    /// Where logs are, `version-2` included.
    pub data_log_dir: String,
    /// Length of a tick.
    pub tick_time_ms: u32,
    /// Connections allowed from one address, 0 for any number.
    pub client_connections_max: i32,
    /// Shortest session timeout.
    pub session_timeout_ms_min: i32,
    /// Longest session timeout.
    pub session_timeout_ms_max: i32,
    /// Length of the accept queue.
    pub listen_backlog: i32,
    /// `myid`; 0 when standalone.
    pub server_id: u64,
    /// Of a member of an ensemble.
    pub quorum: Option<QuorumConfiguration>,
}

/// What a member's `conf` adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumConfiguration {
    /// Ticks to connect and synchronize.
    pub init_limit: u32,
    /// Ticks to answer.
    pub sync_limit: u32,
    /// Election ports of this server.
    pub election_ports: Vec<u16>,
    /// Quorum ports of this server.
    pub quorum_ports: Vec<u16>,
    /// Whether this server does not vote.
    pub is_observer: bool,
    /// The ensemble in its canonical text, without a newline at its end; `None` while read-only.
    pub membership: Option<String>,
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host as configured, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A server's place in its ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnsembleStatus {
    /// This server.
    pub server_id: u64,
    /// Whether it leads.
    pub is_leader: bool,
    /// Whether its vote counts under the present configuration.
    pub is_voting: bool,
    /// The leader's id and address; `None` when unknown.
    pub leader: Option<(u64, String)>,
    /// Where it talks to learners or its leader.
    pub quorum_addresses: Vec<HostPort>,
    /// Where it takes part in elections.
    pub election_addresses: Vec<HostPort>,
    /// Where it serves clients.
    pub client_address: Option<HostPort>,
    /// Where it is in ZAB.
    pub phase: ZabPhase,
    /// All voting members, by id.
    pub voting_members: Vec<VotingMember>,
}

/// A member that votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VotingMember {
    /// Its id.
    pub server_id: u64,
    /// Where it talks to learners or its leader.
    pub quorum_addresses: Vec<HostPort>,
    /// Where it takes part in elections.
    pub election_addresses: Vec<HostPort>,
    /// Where it serves clients, if that is part of the membership.
    pub client_address: Option<HostPort>,
}

/// An observer that follows this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverConnection {
    /// The observer's end of the connection.
    pub remote: SocketAddr,
    /// Its id.
    pub server_id: u64,
    /// When it connected, in ms since 1970.
    pub established_ms: u64,
    /// Packets waiting to be sent.
    pub queued_packets: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Packets from it.
    pub packets_received: u64,
    /// Packets to it.
    pub packets_sent: u64,
    /// Requests that it forwarded.
    pub requests: u64,
    /// The last zxid sent to it.
    pub last_zxid: Zxid,
}

/// A snapshot that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Where.
    pub path: PathBuf,
    /// The zxid in its name.
    pub zxid: Zxid,
}
