//! The running server as its operators see it.

mod ensemble;

use crate::admin::four_letter::FourLetterWord;
use crate::admin::http;
use crate::client_port::ConnectionThrottle;
use crate::clock::wall_ms;
use crate::config::{self, Loaded, ServerConfig};
use crate::connection::SharedConnection;
use crate::links::ObserverLink;
use crate::metrics::Metrics;
use crate::metrics::process::ProcessUsage;
use crate::peer_loop::LoopEvent;
use crate::peer_loop::restoring::Restore;
use crate::restore;
use crate::server::{ServerError, resolve};
use crate::settings::recovery_options;
use crate::shared::Shared;
use crate::snapshots::Snapshots;
use crate::status::{
    ActionError, AdminSource, AuthorizeError, Configuration, ConnectionName, ConnectionStatus,
    DigestStatus, DirectorySizes, EnsembleStatus, ExpiryBucket, GlobalSessions, LastSnapshot,
    ObserverConnection, QuotaStatus, ServerStatus, Sessions, SnapshotFile, WatchSummary,
};
use crate::version;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use zoarium_process::Instant;
use zoarium_proto::txn::TxnDigest;
use zoarium_proto::{ConnId, Perms, SessionId, Zxid, path};
use zoarium_tree::Tree;
use zoarium_tree::access::{AuthOutcome, Identities, Remote};

/// Apache's trace mask before anybody set it.
const TRACE_MASK_DEFAULT: i64 = 306;

/// Below `dataDir`: where a snapshot to be restored is received.
const RESTORE_DIR: &str = "restore.tmp";

/// What is asked about a running server, answered from the same state that serves clients.
#[derive(Debug)]
pub(crate) struct Operator {
    shared: Arc<Shared>,
    snapshots: Arc<Snapshots>,
    loaded: Loaded,
    client_port: u16,
    started: Instant,
    trace_mask: AtomicI64,
    restoring: Mutex<()>,
}

impl Operator {
    pub(crate) fn new(
        shared: Arc<Shared>,
        snapshots: Arc<Snapshots>,
        loaded: Loaded,
        client_port: u16,
    ) -> Self {
        let started = shared.clock.mono();
        let trace_mask = AtomicI64::new(TRACE_MASK_DEFAULT);
        let restoring = Mutex::default();
        Self { shared, snapshots, loaded, client_port, started, trace_mask, restoring }
    }

    /// Serves the admin commands and metrics over HTTP, until `stop` says so. The result is the
    /// admin server's address, if there is one.
    ///
    /// # Errors
    /// If a port cannot be opened.
    pub(crate) async fn serve_http(
        self: &Arc<Self>,
        stop: &watch::Sender<bool>,
    ) -> Result<Option<SocketAddr>, ServerError> {
        if let config::admin::Metrics::Prometheus { host, port } = &self.config().metrics {
            let listener = http::bind(resolve(host, *port).await?).await?;
            let only_metrics =
                http::AdminOptions { command_url: None, ..http::AdminOptions::default() };
            self.spawn_http(listener, only_metrics, stop);
        }
        let Some(admin) = &self.config().admin else { return Ok(None) };
        let listener = http::bind(resolve(&admin.host, admin.port).await?).await?;
        let address = listener.local_addr().ok();
        let options = http::AdminOptions {
            command_url: Some(admin.command_url.clone()),
            idle_timeout: admin.idle_timeout,
            snapshot_enabled: admin.snapshot_enabled,
            restore_enabled: admin.restore_enabled,
            restore_interval: admin.rate_limit_interval,
            ..http::AdminOptions::default()
        };
        self.spawn_http(listener, options, stop);
        Ok(address)
    }

    fn spawn_http(
        self: &Arc<Self>,
        listener: TcpListener,
        options: http::AdminOptions,
        stop: &watch::Sender<bool>,
    ) {
        let mut stopped = stop.subscribe();
        let stopped = async move {
            // The sender goes with the server, which is as good as a stop.
            let _stopped = stopped.wait_for(|stopped| *stopped).await;
        };
        let source: Arc<dyn AdminSource> = Arc::<Self>::clone(self);
        tokio::spawn(async move {
            if let Err(error) = http::serve(listener, source, options, stopped).await {
                tracing::error!(%error, "the admin server ended");
            }
        });
    }

    /// Whether a four letter word may be answered.
    pub(crate) fn answers(&self, word: FourLetterWord) -> bool {
        word == FourLetterWord::TelnetClose || self.config().four_letter_words.allows(word.text())
    }

    const fn config(&self) -> &ServerConfig {
        &self.loaded.config
    }

    fn snapshot_dir(&self) -> PathBuf {
        self.config().storage.data_dir.join("version-2")
    }

    fn log_dir(&self) -> PathBuf {
        self.config().storage.log_dir.join("version-2")
    }

    /// A bucket of things that expire at `at`.
    fn bucket<T>(&self, at: Instant, members: Vec<T>) -> ExpiryBucket<T> {
        let left = at.saturating_since(self.shared.clock.mono());
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let now_ms = u64::try_from(wall_ms()).unwrap_or(0);
        ExpiryBucket {
            expires_ms: u64::try_from(at.since_origin().as_millis()).unwrap_or(u64::MAX),
            expires_wall_ms: now_ms.saturating_add(left_ms),
            members,
        }
    }

    /// The session of each connection that has one.
    fn sessions_by_connection(&self) -> HashMap<ConnId, SessionId> {
        let all = self.shared.connections.all();
        all.iter().filter_map(|it| Some((it.id, it.session()?))).collect()
    }

    fn status_of(&self, connection: &SharedConnection) -> ConnectionStatus {
        let timeout_ms = u32::try_from(connection.timeout().as_millis()).unwrap_or(u32::MAX);
        let stats = connection.stats.read();
        // Nothing is read behind a four letter word, nor during the handshake.
        let reads = connection.session().is_some() || stats.packets_received == 0;
        ConnectionStatus {
            remote: connection.remote,
            secure: false,
            interest_ops: reads.into(),
            outstanding_requests: connection.under_way(),
            session_id: connection.session().unwrap_or(SessionId::NONE),
            session_timeout_ms: timeout_ms,
            established_ms: connection.established_ms,
            stats,
        }
    }
}

impl AdminSource for Operator {
    fn status(&self) -> Option<ServerStatus> {
        let mode = self.mode()?;
        let watch_count = self.shared.watches().len() as u64;
        let throttle = self.shared.guards.connection_throttle.as_ref();
        let drop_probability = throttle.map_or(0.0, ConnectionThrottle::drop_probability);
        let tree = self.shared.tree();
        Some(ServerStatus {
            version: version::FULL.to_owned(),
            mode,
            stats: self.shared.stats.read(),
            uptime_ms: self.uptime_ms(),
            last_zxid: tree.last_zxid(),
            outstanding_requests: self.shared.under_way.load(Relaxed) as u64,
            connections: self.shared.connections.count() as u64,
            znode_count: tree.znode_count() as u64,
            watch_count,
            ephemerals_count: tree.ephemerals_count() as u64,
            approximate_data_size: tree.data_size() as u64,
            global_sessions: tree.sessions().len() as u64,
            local_sessions: 0,
            file_descriptors_open: 0,
            file_descriptors_max: 0,
            connection_drop_probability: drop_probability,
            tls_handshakes: 0,
            quotas: quotas(&tree),
        })
    }

    fn full_status(&self) -> Option<ServerStatus> {
        let usage = ProcessUsage::read().unwrap_or_default();
        Some(ServerStatus {
            file_descriptors_open: usage.file_descriptors_open,
            file_descriptors_max: usage.file_descriptors_max,
            ..self.status()?
        })
    }

    fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    fn directory_sizes(&self) -> DirectorySizes {
        DirectorySizes {
            data: size_of_dir(&self.snapshot_dir()),
            log: size_of_dir(&self.log_dir()),
        }
    }

    fn connections(&self) -> Vec<ConnectionStatus> {
        self.shared.connections.all().iter().map(|it| self.status_of(it)).collect()
    }

    fn connection_expiries(&self) -> Vec<ExpiryBucket<ConnectionName>> {
        let tick_ms =
            u64::try_from(self.config().sessions.tick_time.as_millis()).unwrap_or(1).max(1);
        let mut buckets: BTreeMap<u64, Vec<ConnectionName>> = BTreeMap::new();
        for connection in self.shared.connections.all() {
            let timeout_ms = u64::try_from(connection.timeout().as_millis()).unwrap_or(u64::MAX);
            let due = connection.heard_ms().saturating_add(timeout_ms);
            let session_id = connection.session().unwrap_or(SessionId::NONE);
            let name = ConnectionName { remote: connection.remote, session_id };
            buckets.entry((due / tick_ms + 1).saturating_mul(tick_ms)).or_default().push(name);
        }
        let at = |ms| Instant::from_origin(Duration::from_millis(ms));
        buckets.into_iter().map(|(ms, names)| self.bucket(at(ms), names)).collect()
    }

    fn sessions(&self) -> Sessions {
        if let Some(global) = self.known_sessions() {
            return Sessions { local: None, global };
        }
        let (asker, answer) = mpsc::channel();
        self.shared.duties.tell(LoopEvent::Inspect(asker));
        // No answer means that the server stops: there is nothing to tell then.
        let buckets = answer.recv().unwrap_or_default();
        let buckets = buckets.into_iter().map(|(at, ids)| self.bucket(at, ids)).collect();
        Sessions { local: None, global: GlobalSessions::Expiring(buckets) }
    }

    fn ephemerals(&self) -> Vec<(SessionId, Vec<String>)> {
        let tree = self.shared.tree();
        let of = |session| (session, tree.ephemerals(session).collect());
        tree.sessions_with_ephemerals().map(of).collect()
    }

    fn watch_summary(&self) -> WatchSummary {
        let summary = self.shared.watches().summary();
        WatchSummary {
            connections: summary.connections as u64,
            paths: summary.paths as u64,
            watches: summary.total as u64,
        }
    }

    fn watches_by_session(&self) -> Vec<(SessionId, Vec<String>)> {
        let sessions = self.sessions_by_connection();
        let watches = self.shared.watches();
        let of = |(conn, paths): (ConnId, Vec<&str>)| {
            let session = sessions.get(&conn)?;
            Some((*session, paths.into_iter().map(str::to_owned).collect()))
        };
        watches.by_connection().into_iter().filter_map(of).collect()
    }

    fn watches_by_path(&self) -> Vec<(String, Vec<SessionId>)> {
        let sessions = self.sessions_by_connection();
        let watches = self.shared.watches();
        let of = |(path, conns): (&str, Vec<ConnId>)| {
            let sessions = conns.iter().filter_map(|conn| sessions.get(conn).copied());
            (path.to_owned(), sessions.collect())
        };
        watches.by_path().into_iter().map(of).collect()
    }

    fn digests(&self) -> Vec<DigestStatus> {
        let tree = self.shared.tree();
        let history = tree.digest_history().map(|at| DigestStatus {
            zxid: at.zxid,
            digest: at.value.cast_signed(),
            version: TxnDigest::VERSION,
        });
        history.collect()
    }

    fn last_snapshot(&self) -> Option<LastSnapshot> {
        let taken = self.snapshots.last()?;
        let taken_seconds = u64::try_from(taken.wall_ms / 1000).unwrap_or(0);
        Some(LastSnapshot { zxid: taken.zxid, taken_seconds })
    }

    fn configuration(&self) -> Configuration {
        let config = self.config();
        let ms = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        let limit =
            |limit: Option<u32>| limit.map_or(0, |it| i32::try_from(it).unwrap_or(i32::MAX));
        let backlog = config.client_port.listen_backlog;
        Configuration {
            client_port: self.client_port.into(),
            secure_client_port: -1,
            data_dir: self.snapshot_dir().display().to_string(),
            data_log_dir: self.log_dir().display().to_string(),
            tick_time_ms: u32::try_from(config.sessions.tick_time.as_millis()).unwrap_or(u32::MAX),
            client_connections_max: limit(config.limits.connections_per_client),
            session_timeout_ms_min: ms(config.sessions.min_timeout),
            session_timeout_ms_max: ms(config.sessions.max_timeout),
            listen_backlog: backlog.map_or(-1, |it| i32::try_from(it).unwrap_or(i32::MAX)),
            server_id: config.ensemble.as_ref().map_or(0, |ensemble| ensemble.my_id.0),
            quorum: self.quorum_configuration(),
        }
    }

    fn initial_configuration(&self) -> String {
        String::from_utf8_lossy(self.loaded.file.as_deref().unwrap_or_default()).into_owned()
    }

    fn ensemble(&self) -> Option<EnsembleStatus> {
        self.place_in_ensemble()
    }

    fn observers(&self) -> Vec<ObserverConnection> {
        self.observer_links().iter().filter_map(ObserverLink::status).collect()
    }

    fn environment(&self) -> Vec<(String, String)> {
        version::environment()
    }

    fn system_properties(&self) -> Vec<(String, String)> {
        let properties = self.loaded.properties.iter();
        properties.map(|(name, setting)| (name.to_owned(), setting.value.clone())).collect()
    }

    fn trace_mask(&self) -> i64 {
        self.trace_mask.load(Relaxed)
    }

    fn set_trace_mask(&self, mask: i64) {
        self.trace_mask.store(mask, Relaxed);
    }

    fn reset_server_stats(&self) {
        self.shared.stats.reset();
        self.shared.metrics.reset();
    }

    fn reset_connection_stats(&self) {
        self.shared.connections.all().iter().for_each(|connection| connection.stats.reset());
    }

    fn reset_observer_stats(&self) {
        self.observer_links().iter().for_each(ObserverLink::reset);
    }

    fn authorize(&self, scheme: &str, auth: &[u8], peer: SocketAddr) -> Result<(), AuthorizeError> {
        let remote = Remote { address: peer.ip(), certificate: None };
        let held = Identities::new([]);
        let rules = &self.shared.access;
        let AuthOutcome::Accepted(ids) =
            rules.authenticate(Some(scheme), Some(auth), &remote, &held)
        else {
            return Err(AuthorizeError::NotAuthenticated);
        };
        let tree = self.shared.tree();
        let Some(root) = tree.find("/") else { return Err(AuthorizeError::NotAuthorized) };
        // Apache is content with any one of the permissions before 3.10.
        let each = [Perms::READ, Perms::WRITE, Perms::CREATE, Perms::DELETE, Perms::ADMIN];
        if each.into_iter().all(|perm| rules.allows(root.acl(), perm, &ids)) {
            Ok(())
        } else {
            Err(AuthorizeError::NotAuthorized)
        }
    }

    fn take_snapshot(&self) -> Result<SnapshotFile, ActionError> {
        let name = self.snapshots.take()?;
        Ok(SnapshotFile { path: self.snapshot_dir().join(name.file()), zxid: name.zxid })
    }

    fn restore(&self, snapshot: &mut dyn Read) -> Result<Zxid, ActionError> {
        let _one_at_a_time = self.restoring.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = self.config().storage.data_dir.join(RESTORE_DIR);
        let candidate = restore::load(snapshot, &scratch, &recovery_options(self.config()))?;
        let (asker, answer) = mpsc::channel();
        self.shared.duties.tell(LoopEvent::Restore(Box::new(Restore { candidate, asker })));
        Ok(answer.recv().map_err(|_| "the server stops")??)
    }

    fn shed_connections(&self, percentage: u8) -> u64 {
        let with_session = self.shared.connections.all();
        let with_session: Vec<_> =
            with_session.iter().filter(|connection| connection.session().is_some()).collect();
        let shed = with_session.len() * usize::from(percentage.min(100)) / 100;
        with_session.iter().take(shed).for_each(|connection| connection.close());
        shed as u64
    }
}

/// The quotas of each namespace, that is of each first name of a path.
fn quotas(tree: &Tree) -> Vec<QuotaStatus> {
    let Some(quotas) = tree.find(path::QUOTA) else { return Vec::new() };
    let of = |name: &str| {
        let quota = tree.quota(&format!("/{name}"))?;
        let limit = |hard: Option<i64>, soft: Option<i64>| hard.or(soft).unwrap_or(-1);
        Some(QuotaStatus {
            namespace: name.to_owned(),
            count_limit: limit(quota.limits.count_hard, quota.limits.count),
            bytes_limit: limit(quota.limits.bytes_hard, quota.limits.bytes),
            count: quota.usage.count,
            bytes: quota.usage.bytes,
        })
    };
    quotas.children().filter_map(of).collect()
}

/// The bytes of the files in a directory; 0 if it cannot be read.
fn size_of_dir(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|it| it.len()).sum()
}
