//! What one server tells of itself at one moment.

use crate::admin;
use crate::target::Target;
use crate::word::{AskError, Word, ask};
use crate::words::conf::Conf;
use crate::words::metrics::Metrics;
use crate::words::srvr::{Role, Srvr, short_version};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How servers are asked.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// How long to wait for each answer.
    pub patience: Duration,
    /// The admin server's port, asked for metrics when the words refuse them.
    pub admin_port: u16,
}

impl Default for Asking {
    fn default() -> Self {
        Self { patience: Duration::from_secs(3), admin_port: admin::ADMIN_PORT }
    }
}

/// Whether a server serves clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It does.
    Serving,
    /// The process runs; it has no quorum, or has just started.
    NotServing,
    /// Nobody knows, and this is why.
    Unreachable(String),
}

/// What a server has told. What is `None` it has not.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Which server.
    pub target: Target,
    /// Whether it serves.
    pub state: State,
    /// When it was asked.
    #[serde(skip)]
    pub at: Instant,
    /// How long the first answer took, in milliseconds.
    pub answered_ms: f64,
    /// `srvr`.
    #[serde(flatten)]
    pub srvr: Srvr,
    /// Its id in the ensemble.
    pub id: Option<u64>,
    /// What it does in the ensemble, as in `following - broadcast`.
    pub peer_state: Option<String>,
    /// Quantiles of the latency of reads and writes.
    pub latencies: Latencies,
    /// What it has.
    pub gauges: Gauges,
    /// What a leader knows of its learners.
    pub learners: Learners,
    /// Words that the whitelist refuses.
    pub refused: Vec<Word>,
    /// `conf`.
    #[serde(skip)]
    pub conf: Conf,
    /// `mntr`.
    #[serde(skip)]
    pub metrics: Metrics,
}

/// Latencies in milliseconds, since the last reset or over a while, as the server has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// Half of all reads took no longer.
    pub read_p50: Option<f64>,
    /// 99 of 100 reads.
    pub read_p99: Option<f64>,
    /// Half of all writes.
    pub write_p50: Option<f64>,
    /// 99 of 100 writes.
    pub write_p99: Option<f64>,
    /// The mean time of a sync of the log.
    pub fsync_avg: Option<f64>,
    /// The longest.
    pub fsync_max: Option<f64>,
}

/// What a server has at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Gauges {
    /// Sessions of the ensemble, as far as this server knows, with its local ones.
    pub sessions: Option<u64>,
    /// Watches set here.
    pub watches: Option<u64>,
    /// Ephemerals.
    pub ephemerals: Option<u64>,
    /// About how many bytes paths and data take.
    pub data_bytes: Option<u64>,
    /// Open files and sockets.
    pub files: Option<u64>,
    /// How many there may be.
    pub files_max: Option<u64>,
    /// For how long it has served, in milliseconds.
    pub uptime_ms: Option<u64>,
    /// Elections since the process started.
    pub elections: Option<u64>,
}

/// What a leader knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Learners {
    /// How many servers vote.
    pub voters: Option<u64>,
    /// How many followers are in sync.
    pub synced_followers: Option<u64>,
    /// How many observers are.
    pub synced_observers: Option<u64>,
    /// How many are being brought up to date.
    pub pending_syncs: Option<u64>,
}

impl Facts {
    /// Asks a server what is of interest here: three words at the same time, and the admin server
    /// for what they refuse.
    pub async fn ask(target: &Target, asking: Asking) -> Self {
        let at = Instant::now();
        let word = |word| ask(target, word, asking.patience);
        let srvr = async { (word(Word::Srvr).await, at.elapsed()) };
        let ((srvr, answered), mntr, conf) = tokio::join!(srvr, word(Word::Mntr), word(Word::Conf));
        let refused = refused([&srvr, &mntr, &conf]);
        let metrics = match &mntr {
            Ok(text) => Metrics::parse(text),
            Err(AskError::Refused { .. }) => from_admin(target, asking).await,
            Err(_) => Metrics::default(),
        };
        let answers = Answers { srvr, metrics, conf: conf.ok(), refused };
        Self::of(target, answers, at, answered)
    }

    fn of(target: &Target, answers: Answers, at: Instant, answered: Duration) -> Self {
        let Answers { srvr, metrics, conf, refused } = answers;
        let state = match &srvr {
            Ok(_) => State::Serving,
            // The metrics may be there for all that.
            Err(AskError::Refused { .. }) if metrics != Metrics::default() => State::Serving,
            Err(AskError::NotServing) => State::NotServing,
            Err(error) => State::Unreachable(error.to_string()),
        };
        let conf = conf.as_deref().map(Conf::parse).unwrap_or_default();
        Self {
            target: target.clone(),
            state,
            at,
            answered_ms: (answered.as_secs_f64() * 1e5).round() / 100.0,
            srvr: filled(srvr.as_deref().map(Srvr::parse).unwrap_or_default(), &metrics),
            id: conf.id.filter(|id| *id != 0),
            peer_state: metrics.text("peer_state").map(str::to_owned),
            latencies: latencies(&metrics),
            gauges: gauges(&metrics),
            learners: learners(&metrics),
            refused,
            conf,
            metrics,
        }
    }

    /// The facts that these answers amount to: for tests and for those who have them from
    /// elsewhere.
    pub fn from_answers(target: &Target, srvr: &str, mntr: &str, conf: &str, at: Instant) -> Self {
        let answers = Answers {
            srvr: Ok(srvr.to_owned()),
            metrics: Metrics::parse(mntr),
            conf: Some(conf.to_owned()),
            refused: Vec::new(),
        };
        Self::of(target, answers, at, Duration::from_millis(1))
    }

    /// The facts of a server that has not answered.
    pub fn from_failure(target: &Target, error: AskError, at: Instant) -> Self {
        let answers = Answers {
            srvr: Err(error),
            metrics: Metrics::default(),
            conf: None,
            refused: Vec::new(),
        };
        Self::of(target, answers, at, Duration::ZERO)
    }

    /// Whether clients are served, if only to read.
    pub fn serves(&self) -> bool {
        self.state == State::Serving
    }

    /// Its role, while it has one.
    pub fn role(&self) -> Option<Role> {
        self.srvr.role
    }

    /// The epoch of its last transaction; none before the first.
    pub fn epoch(&self) -> Option<u64> {
        self.srvr.zxid.map(|zxid| zxid >> 32).filter(|epoch| *epoch > 0)
    }
}

struct Answers {
    srvr: Result<String, AskError>,
    metrics: Metrics,
    conf: Option<String>,
    refused: Vec<Word>,
}

fn refused(answers: [&Result<String, AskError>; 3]) -> Vec<Word> {
    let word = |answer: &Result<String, AskError>| match answer {
        Err(AskError::Refused { word }) => Some(*word),
        Ok(_) | Err(_) => None,
    };
    answers.into_iter().filter_map(word).collect()
}

async fn from_admin(target: &Target, asking: Asking) -> Metrics {
    let address = Target { host: target.host.clone(), port: asking.admin_port };
    let document = admin::ask(&address, "monitor", asking.patience).await;
    let metrics = document.map(|document| Metrics::from_document(&document)).unwrap_or_default();
    // Another server of the same host may have the admin port; metrics of another are none.
    let conf = admin::ask(&address, "configuration", asking.patience).await;
    let port = conf.ok().and_then(|conf| conf.get("client_port")?.as_u64());
    if port == Some(u64::from(target.port)) { metrics } else { Metrics::default() }
}

/// Puts in from the metrics what `srvr` has not told.
fn filled(srvr: Srvr, metrics: &Metrics) -> Srvr {
    let latency = || {
        let number = |name| metrics.number(name);
        Some((number("min_latency")?, number("avg_latency")?, number("max_latency")?))
    };
    Srvr {
        version: srvr.version.or_else(|| metrics.text("version").map(short_version)),
        role: srvr.role.or_else(|| metrics.text("server_state").and_then(Role::named)),
        zxid: srvr.zxid,
        latency_ms: srvr.latency_ms.or_else(latency),
        received: srvr.received.or_else(|| metrics.count("packets_received")),
        sent: srvr.sent.or_else(|| metrics.count("packets_sent")),
        connections: srvr.connections.or_else(|| metrics.count("num_alive_connections")),
        outstanding: srvr.outstanding.or_else(|| metrics.count("outstanding_requests")),
        znodes: srvr.znodes.or_else(|| metrics.count("znode_count")),
    }
}

fn latencies(metrics: &Metrics) -> Latencies {
    Latencies {
        read_p50: metrics.quantile("readlatency", "50"),
        read_p99: metrics.quantile("readlatency", "99"),
        write_p50: metrics.quantile("updatelatency", "50"),
        write_p99: metrics.quantile("updatelatency", "99"),
        fsync_avg: metrics.number("avg_fsynctime"),
        fsync_max: metrics.number("max_fsynctime"),
    }
}

fn gauges(metrics: &Metrics) -> Gauges {
    let sessions = match (metrics.count("global_sessions"), metrics.count("local_sessions")) {
        (Some(global), Some(local)) => Some(global.saturating_add(local)),
        (global, local) => global.or(local),
    };
    Gauges {
        sessions,
        watches: metrics.count("watch_count"),
        ephemerals: metrics.count("ephemerals_count"),
        data_bytes: metrics.count("approximate_data_size"),
        files: metrics.count("open_file_descriptor_count"),
        files_max: metrics.count("max_file_descriptor_count"),
        uptime_ms: metrics.count("uptime"),
        elections: metrics.count("looking_count"),
    }
}

fn learners(metrics: &Metrics) -> Learners {
    Learners {
        voters: metrics.count("quorum_size"),
        synced_followers: metrics.count("synced_followers"),
        synced_observers: metrics.count("synced_observers"),
        pending_syncs: metrics.count("pending_syncs"),
    }
}
