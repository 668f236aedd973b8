//! A server that is nothing but facts.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use zoarium_proto::{SessionId, Zxid};
use zoarium_server::metrics::{Metrics, Timing};
use zoarium_server::stats::{ConnectionStatsReading, ServerStatsReading, SizesReading};
use zoarium_server::status::{
    ActionError, AdminSource, AuthorizeError, Configuration, ConnectionName, ConnectionStatus,
    DigestStatus, DirectorySizes, EnsembleStatus, ExpiryBucket, FollowerStatus, GlobalSessions,
    HostPort, LastSnapshot, LeaderStatus, Mode, ObserverConnection, ObserverStatus,
    QuorumConfiguration, ServerStatus, Sessions, SnapshotFile, VotingMember, WatchSummary,
    ZabPhase,
};

pub(crate) const VERSION: &str =
    "3.9.5-293c895a8d966a3ecb92872be4a1daf87d725da2, built on 2026-02-11 20:18 UTC";

pub(crate) struct Fake {
    pub(crate) status: Option<ServerStatus>,
    pub(crate) metrics: Metrics,
    pub(crate) sizes: DirectorySizes,
    pub(crate) connections: Vec<ConnectionStatus>,
    pub(crate) connection_expiries: Vec<ExpiryBucket<ConnectionName>>,
    pub(crate) sessions: Sessions,
    pub(crate) ephemerals: Vec<(SessionId, Vec<String>)>,
    pub(crate) watch_summary: WatchSummary,
    pub(crate) watches: Vec<(SessionId, Vec<String>)>,
    pub(crate) watches_by_path: Vec<(String, Vec<SessionId>)>,
    pub(crate) digests: Vec<DigestStatus>,
    pub(crate) last_snapshot: Option<LastSnapshot>,
    pub(crate) configuration: Configuration,
    pub(crate) ensemble: Option<EnsembleStatus>,
    pub(crate) observers: Vec<ObserverConnection>,
    pub(crate) trace_mask: AtomicI64,
    pub(crate) snapshot: Option<PathBuf>,
    /// How long it takes to say how it is.
    pub(crate) slowness: Duration,
    /// What was done, in order.
    pub(crate) actions: Mutex<Vec<String>>,
}

impl Fake {
    /// A standalone server with two idle sessions, as far as most captures agree on it.
    pub(crate) fn standalone() -> Self {
        Self {
            status: Some(status(Mode::Standalone)),
            metrics: Metrics::default(),
            sizes: DirectorySizes { data: 67_109_358, log: 67_109_358 },
            connections: Vec::new(),
            connection_expiries: Vec::new(),
            sessions: Sessions { local: None, global: GlobalSessions::Expiring(Vec::new()) },
            ephemerals: Vec::new(),
            watch_summary: WatchSummary::default(),
            watches: Vec::new(),
            watches_by_path: Vec::new(),
            digests: Vec::new(),
            last_snapshot: None,
            configuration: Configuration {
                client_port: 21900,
                secure_client_port: -1,
                data_dir: "/var/zookeeper/version-2".to_owned(),
                data_log_dir: "/var/zookeeper/version-2".to_owned(),
                tick_time_ms: 2000,
                client_connections_max: 60,
                session_timeout_ms_min: 4000,
                session_timeout_ms_max: 40000,
                listen_backlog: -1,
                server_id: 0,
                quorum: None,
            },
            ensemble: None,
            observers: Vec::new(),
            trace_mask: AtomicI64::new(306),
            snapshot: None,
            slowness: Duration::ZERO,
            actions: Mutex::default(),
        }
    }

    /// A member of the captured ensemble of participants 1 to 3 and observer 4.
    pub(crate) fn member(server_id: u16, mode: Mode) -> Self {
        let is_observer = matches!(mode, Mode::Observer(_));
        let ensemble = EnsembleStatus {
            server_id: server_id.into(),
            is_leader: matches!(mode, Mode::Leader(_)),
            is_voting: !is_observer,
            leader: Some((3, "127.0.0.1".to_owned())),
            quorum_addresses: vec![local(21930 + server_id)],
            election_addresses: vec![local(21940 + server_id)],
            client_address: Some(local(21920 + server_id)),
            phase: ZabPhase::Broadcast,
            voting_members: (1..=3).map(voting_member).collect(),
        };
        let membership = "server.1=127.0.0.1:21931:21941:participant;127.0.0.1:21921\n\
             server.2=127.0.0.1:21932:21942:participant;127.0.0.1:21922\n\
             server.3=127.0.0.1:21933:21943:participant;127.0.0.1:21923\n\
             server.4=127.0.0.1:21934:21944:observer;127.0.0.1:21924\n\
             version=0";
        let mut fake = Self::standalone();
        fake.status = Some(status(mode));
        fake.sizes = DirectorySizes { data: 67_109_602, log: 67_109_602 };
        fake.ensemble = Some(ensemble);
        fake.configuration.client_port = i32::from(21920 + server_id);
        fake.configuration.tick_time_ms = 1000;
        fake.configuration.session_timeout_ms_min = 2000;
        fake.configuration.session_timeout_ms_max = 20000;
        fake.configuration.server_id = server_id.into();
        fake.configuration.quorum = Some(QuorumConfiguration {
            init_limit: 10,
            sync_limit: 5,
            election_ports: vec![21940 + server_id],
            quorum_ports: vec![21930 + server_id],
            is_observer,
            membership: Some(membership.to_owned()),
        });
        fake
    }

    pub(crate) fn status_mut(&mut self) -> &mut ServerStatus {
        self.status.as_mut().expect("the fake serves")
    }

    /// Sets what `srvr` counts: packets received and sent, and how many requests took how many
    /// milliseconds.
    pub(crate) fn traffic(&mut self, received: u64, sent: u64, latencies: &[(u64, u32)]) {
        let timing = Timing::default();
        for (ms, requests) in latencies {
            (0..*requests).for_each(|_| timing.record(Duration::from_millis(*ms)));
        }
        let stats = &mut self.status_mut().stats;
        stats.packets_received = received;
        stats.packets_sent = sent;
        stats.latency = timing.read();
    }

    fn act(&self, action: impl Into<String>) {
        self.actions.lock().unwrap().push(action.into());
    }
}

fn status(mode: Mode) -> ServerStatus {
    ServerStatus {
        version: VERSION.to_owned(),
        mode,
        stats: ServerStatsReading {
            client_response_sizes: SizesReading { last: 89, min: 16, max: 107 },
            ..ServerStatsReading::default()
        },
        uptime_ms: 3840,
        last_zxid: Zxid(0x1c),
        outstanding_requests: 0,
        connections: 3,
        znode_count: 10,
        watch_count: 4,
        ephemerals_count: 3,
        approximate_data_size: 83,
        global_sessions: 2,
        local_sessions: 0,
        file_descriptors_open: 64,
        file_descriptors_max: 20000,
        connection_drop_probability: 0.0,
        tls_handshakes: 0,
        quotas: Vec::new(),
    }
}

pub(crate) fn leader() -> Mode {
    Mode::Leader(LeaderStatus {
        quorum_size: 3,
        phase: ZabPhase::Broadcast,
        learners: 2,
        synced_followers: 2,
        synced_non_voting_followers: 0,
        synced_observers: 0,
        pending_syncs: 0,
        uptime_ms: 12787,
        proposal_sizes: SizesReading { last: 63, min: 36, max: 92 },
    })
}

pub(crate) fn follower() -> Mode {
    Mode::Follower(FollowerStatus {
        quorum_size: 3,
        phase: ZabPhase::Broadcast,
        synced_observers: Some(0),
    })
}

pub(crate) fn observer() -> Mode {
    Mode::Observer(ObserverStatus { quorum_size: 3, phase: ZabPhase::Broadcast, master_id: 3 })
}

fn local(port: u16) -> HostPort {
    HostPort { host: "127.0.0.1".to_owned(), port }
}

fn voting_member(server_id: u16) -> VotingMember {
    VotingMember {
        server_id: server_id.into(),
        quorum_addresses: vec![local(21930 + server_id)],
        election_addresses: vec![local(21940 + server_id)],
        client_address: Some(local(21920 + server_id)),
    }
}

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The connection of a four letter word.
pub(crate) fn word_connection(port: u16) -> ConnectionStatus {
    ConnectionStatus {
        remote: address(port),
        secure: false,
        interest_ops: 0,
        outstanding_requests: 0,
        session_id: SessionId::NONE,
        session_timeout_ms: 0,
        established_ms: 1_795_438_583_700,
        stats: ConnectionStatsReading {
            packets_received: 1,
            last_operation: "NA",
            last_cxid: -1,
            last_zxid: -1,
            ..ConnectionStatsReading::default()
        },
    }
}

pub(crate) fn bucket<T: Clone>(seconds: u64, members: &[T]) -> ExpiryBucket<T> {
    // Wall clock minus monotonic clock of the host of the captures.
    const BOOT_MS: u64 = 1_795_436_999_000;
    let expires_wall_ms = 1_795_438_500_000 + seconds * 1000;
    let expires_ms = expires_wall_ms - BOOT_MS;
    ExpiryBucket { expires_ms, expires_wall_ms, members: members.to_vec() }
}

impl AdminSource for Fake {
    fn status(&self) -> Option<ServerStatus> {
        std::thread::sleep(self.slowness);
        self.status.clone()
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn directory_sizes(&self) -> DirectorySizes {
        self.sizes
    }

    fn connections(&self) -> Vec<ConnectionStatus> {
        self.connections.clone()
    }

    fn connection_expiries(&self) -> Vec<ExpiryBucket<ConnectionName>> {
        self.connection_expiries.clone()
    }

    fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    fn ephemerals(&self) -> Vec<(SessionId, Vec<String>)> {
        self.ephemerals.clone()
    }

    fn watch_summary(&self) -> WatchSummary {
        self.watch_summary
    }

    fn watches_by_session(&self) -> Vec<(SessionId, Vec<String>)> {
        self.watches.clone()
    }

    fn watches_by_path(&self) -> Vec<(String, Vec<SessionId>)> {
        self.watches_by_path.clone()
    }

    fn digests(&self) -> Vec<DigestStatus> {
        self.digests.clone()
    }

    fn last_snapshot(&self) -> Option<LastSnapshot> {
        self.last_snapshot
    }

    fn configuration(&self) -> Configuration {
        self.configuration.clone()
    }

    fn initial_configuration(&self) -> String {
        "tickTime=2000\nclientPort=2181\n".to_owned()
    }

    fn ensemble(&self) -> Option<EnsembleStatus> {
        self.ensemble.clone()
    }

    fn observers(&self) -> Vec<ObserverConnection> {
        self.observers.clone()
    }

    fn environment(&self) -> Vec<(String, String)> {
        [("zookeeper.version", VERSION), ("host.name", "localhost"), ("os.name", "Linux")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    fn system_properties(&self) -> Vec<(String, String)> {
        [("zookeeper.b", "2"), ("zookeeper.a", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    fn trace_mask(&self) -> i64 {
        self.trace_mask.load(Relaxed)
    }

    fn set_trace_mask(&self, mask: i64) {
        self.trace_mask.store(mask, Relaxed);
    }

    fn reset_server_stats(&self) {
        self.act("reset server");
    }

    fn reset_connection_stats(&self) {
        self.act("reset connections");
    }

    fn reset_observer_stats(&self) {
        self.act("reset observers");
    }

    fn authorize(&self, scheme: &str, auth: &[u8], _: SocketAddr) -> Result<(), AuthorizeError> {
        match (scheme, auth) {
            ("digest", b"root:pw") => Ok(()),
            ("digest", b"user:pw") => Err(AuthorizeError::NotAuthorized),
            ("broken", _) => Err(AuthorizeError::Failed("no such znode".into())),
            _ => Err(AuthorizeError::NotAuthenticated),
        }
    }

    fn take_snapshot(&self) -> Result<SnapshotFile, ActionError> {
        self.act("snapshot");
        let path = self.snapshot.clone().ok_or("disk full")?;
        Ok(SnapshotFile { path, zxid: Zxid(0x1e) })
    }

    fn restore(&self, snapshot: &mut dyn Read) -> Result<Zxid, ActionError> {
        let mut bytes = Vec::new();
        snapshot.read_to_end(&mut bytes)?;
        if !bytes.starts_with(b"ZKSN") {
            return Err("not a snapshot".into());
        }
        self.act(format!("restore {} bytes", bytes.len()));
        Ok(Zxid(30))
    }

    fn shed_connections(&self, percentage: u8) -> u64 {
        self.act(format!("shed {percentage}"));
        7
    }
}
