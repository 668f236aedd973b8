//! A running server: from a configuration to threads and ports, and back.

use crate::audit;
use crate::client_port::{self, Guards};
use crate::clock::{Clock, wall_ms};
use crate::config::clients::ClientPort;
use crate::config::{Loaded, ServerConfig};
use crate::disk::real_dir::RealDir;
use crate::disk::{Disk, HistoryReads, Log, SnapshotPace};
use crate::duties::{LOOP, WORKERS};
use crate::dynamic_files::DynamicFiles;
use crate::links::{Links, ListenError, Sink};
use crate::member;
use crate::metrics::Metrics;
use crate::operator::Operator;
use crate::peer_loop::member::Member;
use crate::peer_loop::restoring::SnapshotTarget;
use crate::peer_loop::{LoopEvent, PeerLoop};
use crate::settings::{journal_options, limits, peer_options, recovery_options, snapshot_options};
use crate::shared::Shared;
use crate::snapshots::{SnapshotThread, Snapshots, Taken};
use crate::standing::Standing;
use crate::workers::{Worker, visit};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{oneshot, watch};
use zoarium_peer::Peer;
use zoarium_persistence::journal::{MemberOptions, recover_member};
use zoarium_persistence::recovery::RecoveryEvent;
use zoarium_persistence::{DataDirs, Journal, Recovered, StorageError, purge};
use zoarium_zab::Zab;

/// Why a server does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data directory cannot be made or opened.
    #[error("data directory {}: {source}", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is on disk cannot be served, or can no longer be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The client port cannot be opened.
    #[error("client port {address}: {source}{}", advice(source, *address))]
    ClientPort {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A name is no address of this host.
    #[error("{host}: {source}; expected a name or address of this host")]
    Address {
        /// The name.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The admin server's port cannot be opened.
    #[error(transparent)]
    Admin(#[from] crate::admin::http::BindError),
    /// The ports between servers cannot be opened.
    #[error(transparent)]
    PeerPorts(#[from] ListenError),
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for: {0}")]
    Signals(io::Error),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(io::Error),
}

/// What an operator can do about a port that cannot be opened.
fn advice(error: &io::Error, address: SocketAddr) -> String {
    let port = address.port();
    if error.kind() == io::ErrorKind::AddrInUse {
        format!(
            ". Another process has it: `ss -ltnp 'sport = :{port}'` says which. If it is another \
             ZooKeeper, stop it or set clientPort"
        )
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        ". Ports below 1024 need privileges".to_owned()
    } else {
        String::new()
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) snapshots: Arc<Snapshots>,
    disk: Arc<Disk>,
    stop: watch::Sender<bool>,
    /// Resolves when the log has failed.
    failed: oneshot::Receiver<StorageError>,
    threads: Vec<JoinHandle<()>>,
    local: SocketAddr,
    admin: Option<SocketAddr>,
    audited: bool,
}

impl Server {
    /// Recovers the data, opens the client port and serves.
    ///
    /// # Errors
    /// [`ServerError`]
    pub async fn start(loaded: Loaded) -> Result<Self, ServerError> {
        let audited = loaded.config.audit;
        let started = Self::recover_and_serve(loaded).await;
        if audited {
            audit::server_started(started.is_err());
        }
        started
    }

    async fn recover_and_serve(loaded: Loaded) -> Result<Self, ServerError> {
        let config = &loaded.config;
        let clock = Clock::start();
        let listener = bind(config).await?;
        let local = listener.local_addr().map_err(ServerError::Thread)?;
        let dirs = open_dirs(config)?;
        let (Found { recovered, zab }, recovery_times) = recover(config, &dirs)?;
        let Recovered { tree, last_snapshot, .. } = recovered;
        let options = peer_options(config);
        let standing = zab.as_ref().map_or(Standing::alone(), Standing::member);
        let peer = match zab {
            None => Peer::new(options, &tree, clock.now()),
            Some(zab) => Peer::member(options, zab, &tree, clock.now()),
        };
        let journal = Journal::new(dirs.clone(), tree.last_zxid(), journal_options(config));
        let stale = last_snapshot.is_none_or(|zxid| zxid < tree.last_zxid());
        let access = crate::settings::access(&config.access);
        let guards = Guards::new(config, clock.mono_ms());
        let shared = Arc::new(Shared::new(tree, standing, limits(config), guards, access, clock));
        shared.duties.tell(LoopEvent::Start);
        recovery_times.record(&shared.metrics);
        let snapshots = Arc::new(Snapshots::default());
        let pace = SnapshotPace {
            txns: config.storage.snap_count.into(),
            bytes: config.storage.snap_size_bytes,
        };
        let log = Log::new(Arc::clone(&shared), Arc::clone(&snapshots), journal, pace);
        let disk = Arc::new(Disk::new(log));
        if let Some(zxid) = last_snapshot {
            snapshots.note(Taken { zxid, wall_ms: wall_ms() });
        }
        // A member takes it when it serves.
        snapshots.hold(peer.zab().is_some());
        if stale {
            snapshots.request();
        }
        let member = Self::member(config, &peer, &shared, &disk, &dirs).await?;
        let (stop, stopped) = watch::channel(false);
        let (fail, failed) = oneshot::channel();
        let (threads, admin, audited) = (Vec::new(), None, config.audit);
        let mut server =
            Self { shared, snapshots, disk, stop, failed, threads, local, admin, audited };
        server.spawn_threads(config, dirs, peer, member, fail)?;
        let (shared, snapshots) = (Arc::clone(&server.shared), Arc::clone(&server.snapshots));
        let operator = Arc::new(Operator::new(shared, snapshots, loaded, local.port()));
        server.admin = operator.serve_http(&server.stop).await?;
        tokio::spawn(client_port::serve(listener, operator, Arc::clone(&server.shared), stopped));
        Ok(server)
    }

    /// Opens the ports between servers, if there are others.
    async fn member(
        config: &ServerConfig,
        peer: &Peer,
        shared: &Arc<Shared>,
        disk: &Arc<Disk>,
        dirs: &DataDirs<RealDir>,
    ) -> Result<Option<Member>, ServerError> {
        let (Some(ensemble), Some(zab)) = (&config.ensemble, peer.zab()) else { return Ok(None) };
        let sink = Arc::clone(shared) as Arc<dyn Sink>;
        let options = member::link_options(config, ensemble);
        let links =
            Links::start(options, zab.membership(), ensemble.proposed.as_ref(), sink).await?;
        let recovery = recovery_options(config);
        let history = HistoryReads {
            shared: Arc::clone(shared),
            disk: Arc::clone(disk),
            dirs: dirs.clone(),
            snapshot_share: ensemble.synchronization.snapshot_size_factor.unwrap_or_default(),
            txn_bytes_max: recovery.max_txn_size,
            runtime: Handle::current(),
        };
        let dynamic = ensemble.config_file.clone().filter(|_| config.reconfig_enabled);
        let dynamic = dynamic.map(|config| DynamicFiles { config, own: ensemble.my_id });
        Ok(Some(Member::new(links, history, recovery, dynamic)))
    }

    fn spawn_threads(
        &mut self,
        config: &ServerConfig,
        dirs: DataDirs<RealDir>,
        peer: Peer,
        member: Option<Member>,
        fail: oneshot::Sender<StorageError>,
    ) -> Result<(), ServerError> {
        let options = snapshot_options(&config.storage);
        let target = SnapshotTarget {
            dir: dirs.snapshots.clone(),
            compression: options.compression,
            with_last_zxid: options.with_last_zxid,
        };
        let snapshot_thread = SnapshotThread {
            snapshots: Arc::clone(&self.snapshots),
            shared: Arc::clone(&self.shared),
            disk: Arc::clone(&self.disk),
            dirs,
            options,
        };
        let is_alone = member.is_none();
        let peer_loop = self.peer_loop(peer, target, config.audit, member);
        let mut spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = Builder::new().name(name.to_owned()).spawn(run);
            self.threads.push(thread.map_err(ServerError::Thread)?);
            Ok::<_, ServerError>(())
        };
        self.shared.peer_loop.put(peer_loop);
        let fail = Arc::new(Mutex::new(Some(fail)));
        for number in 0..WORKERS {
            let worker = Arc::new(Worker {
                number,
                shared: Arc::clone(&self.shared),
                disk: Arc::clone(&self.disk),
                fail: Arc::clone(&fail),
            });
            if number == LOOP && is_alone && can_hand_over() {
                self.shared.duties.expect_guest();
                tokio::spawn(visit(Arc::downgrade(&worker), Arc::clone(&self.shared.guest)));
            }
            spawn(&format!("worker-{}", number + 1), Box::new(move || worker.run()))?;
        }
        spawn("snapshots", Box::new(|| snapshot_thread.run()))
    }

    fn peer_loop(
        &self,
        peer: Peer,
        target: SnapshotTarget,
        audit: bool,
        member: Option<Member>,
    ) -> PeerLoop {
        let (shared, disk) = (Arc::clone(&self.shared), Arc::clone(&self.disk));
        PeerLoop::new(peer, shared, disk, Arc::clone(&self.snapshots), target, audit, member)
    }

    /// Where clients connect.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Where the admin server is, if there is one.
    pub const fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Waits for the log to fail. While it does not, this does not return.
    pub async fn failure(&mut self) -> StorageError {
        match (&mut self.failed).await {
            Ok(error) => error,
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops: takes no more connections and requests, makes durable what is under way, and ends
    /// the threads. Sessions live on in the data.
    pub fn stop(mut self) {
        if self.audited {
            audit::server_stops();
        }
        self.stop.send_replace(true);
        self.shared.duties.tell(LoopEvent::Stop);
        self.disk.stop();
        self.snapshots.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread ended with a panic");
            }
        }
        // So that its task ends.
        self.shared.guest.notify_one();
        // Last, so that replies to what has become durable may still go out.
        for connection in self.shared.connections.all() {
            connection.close();
        }
    }
}

/// Whether a task of this runtime can leave its thread's other tasks to another thread.
fn can_hand_over() -> bool {
    Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread
}

/// Opens the client port. Its connections inherit what is set here: for each, that would be a system
/// call more.
async fn bind(config: &ServerConfig) -> Result<TcpListener, ServerError> {
    let port = config.client_port.port;
    let address = match &config.client_port.host {
        None => any_address(port),
        Some(host) => resolve(host, port).await?,
    };
    let backlog = config.client_port.listen_backlog.unwrap_or(ClientPort::DEFAULT_BACKLOG);
    let opened = bound(address).and_then(|socket| {
        socket.set_nodelay(true)?;
        socket.set_keepalive(config.client_port.tcp_keep_alive)?;
        socket.listen(backlog)
    });
    opened.map_err(|source| ServerError::ClientPort { address, source })
}

/// The address of a host of this configuration.
///
/// # Errors
/// If the name is unknown.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<SocketAddr, ServerError> {
    let unknown = |source| ServerError::Address { host: host.to_owned(), source };
    let mut found = tokio::net::lookup_host((host, port)).await.map_err(unknown)?;
    found.next().ok_or_else(|| unknown(io::ErrorKind::AddrNotAvailable.into()))
}

/// All addresses, of both families where the system has both.
pub(crate) fn any_address(port: u16) -> SocketAddr {
    let both = SocketAddr::from(([0_u16; 8], port));
    match TcpSocket::new_v6().and_then(|socket| socket.bind(SocketAddr::from(([0_u16; 8], 0)))) {
        Ok(()) => both,
        Err(_) => SocketAddr::from(([0_u8; 4], port)),
    }
}

pub(crate) fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    bound(address)?.listen(backlog)
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn open_dirs(config: &ServerConfig) -> Result<DataDirs<RealDir>, ServerError> {
    let storage = &config.storage;
    let open = |path: PathBuf| {
        open_dir(&path, storage.create_dirs).map_err(|source| ServerError::DataDir { path, source })
    };
    let path = storage.log_dir.join("version-2");
    // Of all directories this one is written to last.
    let logs = open(path.clone())?;
    logs.lock().map_err(|source| ServerError::DataDir { path, source })?;
    Ok(DataDirs {
        root: open(storage.data_dir.clone())?,
        snapshots: open(storage.data_dir.join("version-2"))?,
        logs,
        logs_apart: storage.log_dir != storage.data_dir,
    })
}

/// Opens a directory; makes it first, so that it is there after a power cut too, if `create` allows
/// it.
fn open_dir(path: &Path, create: bool) -> io::Result<RealDir> {
    if create && !path.exists() {
        let missing: Vec<_> = path.ancestors().take_while(|it| !it.exists()).collect();
        std::fs::create_dir_all(path)?;
        for parent in missing.into_iter().filter_map(Path::parent) {
            let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            std::fs::File::open(here)?.sync_all()?;
        }
    }
    RealDir::open(path)
}

fn recover(
    config: &ServerConfig,
    dirs: &DataDirs<RealDir>,
) -> Result<(Found, RecoveryTimes), ServerError> {
    let began = Instant::now();
    let mut snapshot_loaded = began;
    purge::remove_leftovers(dirs)?;
    let mut shown = began;
    let found = find(config, dirs, |event| {
        if let RecoveryEvent::SnapshotProgress(_) = event {
            snapshot_loaded = Instant::now();
        }
        if shown.elapsed() >= PROGRESS_INTERVAL {
            shown = Instant::now();
            show_progress(event);
        }
    })?;
    let recovered = &found.recovered;
    for warning in &recovered.warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!(
        zxid = %recovered.last_zxid,
        znodes = recovered.tree.znode_count(),
        txns = recovered.stats.txns_applied,
        ms = began.elapsed().as_millis(),
        "data recovered"
    );
    let times = RecoveryTimes {
        snapshot: snapshot_loaded - began,
        log: snapshot_loaded.elapsed(),
        txns: recovered.stats.txns_applied,
    };
    Ok((found, times))
}

/// What is on disk.
struct Found {
    recovered: Recovered,
    /// Of a member of an ensemble.
    zab: Option<Zab>,
}

fn find(
    config: &ServerConfig,
    dirs: &DataDirs<RealDir>,
    on_event: impl FnMut(RecoveryEvent<'_>),
) -> Result<Found, StorageError> {
    let options = recovery_options(config);
    match &config.ensemble {
        None => {
            let recovered = zoarium_persistence::recover(dirs, &options, on_event)?;
            Ok(Found { recovered, zab: None })
        }
        Some(ensemble) => {
            let tail_max = ensemble.synchronization.commit_log_count as usize;
            let options = MemberOptions { recovery: options, tail_max };
            let found = recover_member(dirs, &options, on_event)?;
            let (recovered, zab) = member::agreement(config, ensemble, found);
            Ok(Found { recovered, zab: Some(zab) })
        }
    }
}

/// How long recovery took.
struct RecoveryTimes {
    snapshot: Duration,
    log: Duration,
    /// Transactions replayed from the log.
    txns: u64,
}

impl RecoveryTimes {
    fn record(&self, metrics: &Metrics) {
        metrics.dbinittime.record(self.snapshot + self.log);
        metrics.startup_snap_load_time.record(self.snapshot);
        metrics.startup_txns_load_time.record(self.log);
        metrics.startup_txns_loaded.record(self.txns);
    }
}

/// How often an operator is told how far recovery is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

fn show_progress(event: RecoveryEvent<'_>) {
    let (what, progress) = match event {
        RecoveryEvent::SnapshotProgress(progress) => ("snapshot", progress),
        RecoveryEvent::LogProgress(progress) => ("log", progress),
        RecoveryEvent::Applied(..) => return,
    };
    let percent = (progress.done * 100).checked_div(progress.total).unwrap_or(100);
    tracing::info!(bytes = progress.done, of = progress.total, "reading the {what}: {percent} %");
}
