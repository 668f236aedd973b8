//! Client port, sessions and limits, typed.

use super::error::ConfigError;
use super::keys::{clients as keys, ensemble};
use super::membership::{HostPort, Member};
use super::nearest::nearest;
use super::settings::Settings;
use super::warning::ConfigWarning;
use std::net::IpAddr;
use std::time::Duration;

/// The port on which clients connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPort {
    /// Address or host name; `None` is all addresses, IPv4 and IPv6.
    pub host: Option<String>,
    /// Port; 0 lets the operating system choose.
    pub port: u16,
    /// Length of the queue of connections not yet accepted; `None`:
    /// [`DEFAULT_BACKLOG`](Self::DEFAULT_BACKLOG).
    pub listen_backlog: Option<u32>,
    /// TCP keepalive on accepted connections.
    pub tcp_keep_alive: bool,
}

impl ClientPort {
    /// Java's backlog when none is given.
    pub const DEFAULT_BACKLOG: u32 = 50;

    /// From `clientPort`, or from this server's own line.
    pub(crate) fn read(settings: &mut Settings, source: &str, own: Option<&Member>) -> Self {
        let port = settings.value(&keys::CLIENT_PORT);
        let host = settings.value(&keys::CLIENT_PORT_ADDRESS);
        let backlog = settings.value(&keys::CLIENT_PORT_LISTEN_BACKLOG);
        let tcp_keep_alive = settings.value(&keys::CLIENT_TCP_KEEP_ALIVE);
        let line = own.and_then(|own| own.client.as_ref());
        let static_one = match (port, host) {
            (Some(port), host) => Some(HostPort { host: host.unwrap_or_default(), port }),
            (None, Some(_)) => {
                need_client_port(settings);
                None
            }
            (None, None) => None,
        };
        if let (Some(static_one), Some(line)) = (&static_one, line)
            && !agree(static_one, line)
        {
            contradicts_own_line(settings, line);
        }
        let HostPort { host, port } = line.or(static_one.as_ref()).cloned().unwrap_or_else(|| {
            need_any_port(settings, source);
            HostPort { host: String::new(), port: 0 }
        });
        Self {
            host: Some(host).filter(|host| !is_any(host)),
            port,
            listen_backlog: backlog,
            tcp_keep_alive,
        }
    }
}

fn need_client_port(settings: &mut Settings) {
    if let Some(setting) = settings.setting(&keys::CLIENT_PORT_ADDRESS).cloned() {
        settings.errors.push(ConfigError::Needs { setting, needed: "clientPort" });
    }
}

/// A server that no client can reach is a mistake; Apache starts it.
fn need_any_port(settings: &mut Settings, source: &str) {
    // A wrong value is reported as such.
    if settings.setting(&keys::CLIENT_PORT).is_none() {
        let (path, when) = (source.to_owned(), "here or in this server's own server.N line");
        settings.errors.push(ConfigError::Missing { path, key: "clientPort", when });
    }
}

fn contradicts_own_line(settings: &mut Settings, line: &HostPort) {
    let address = settings.setting(&keys::CLIENT_PORT_ADDRESS);
    if let Some(setting) = address.or_else(|| settings.setting(&keys::CLIENT_PORT)).cloned() {
        let other = format!("{line} in this server's own server.N line");
        let rule = "where both name a client port, they must be equal";
        settings.errors.push(ConfigError::Contradiction { setting, other, rule });
    }
}

/// As in `QuorumPeerConfig.setupClientPort`: with all addresses in the static file, the ports
/// decide. Names are not resolved here, so only two different addresses are told apart for sure.
fn agree(static_one: &HostPort, line: &HostPort) -> bool {
    if static_one.port != line.port {
        return false;
    }
    let addresses = static_one.host.parse::<IpAddr>().ok().zip(line.host.parse::<IpAddr>().ok());
    is_any(&static_one.host) || addresses.is_none_or(|(a, b)| a == b)
}

/// Java listens on IPv4 and IPv6 for either of them.
fn is_any(host: &str) -> bool {
    host.is_empty() || host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

/// Ticks and session timeouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// The unit of `initLimit`, `syncLimit` and of the default timeouts.
    pub tick_time: Duration,
    /// Shortest timeout that a client is given.
    pub min_timeout: Duration,
    /// Longest timeout that a client is given; not below `min_timeout`.
    pub max_timeout: Duration,
    /// Sessions start as local ones.
    pub local_enabled: bool,
    /// A local session becomes global when it creates an ephemeral znode.
    pub local_upgrading_enabled: bool,
}

impl Sessions {
    /// The largest timeout that the protocol can express: 2^31 − 1 milliseconds.
    const LONGEST: Duration = Duration::from_millis(i32::MAX.unsigned_abs() as u64);

    pub(crate) fn read(settings: &mut Settings) -> Self {
        let tick_time = settings.value(&keys::TICK_TIME);
        let ticks = |count| tick_time.saturating_mul(count).min(Self::LONGEST);
        let min = settings.value(&keys::MIN_SESSION_TIMEOUT);
        let max = settings.value(&keys::MAX_SESSION_TIMEOUT);
        let (min_timeout, max_timeout) = (min.unwrap_or(ticks(2)), max.unwrap_or(ticks(20)));
        if min_timeout > max_timeout {
            let setting = match max {
                Some(_) => settings.setting(&keys::MAX_SESSION_TIMEOUT),
                None => settings.setting(&keys::MIN_SESSION_TIMEOUT),
            };
            if let Some(setting) = setting.cloned() {
                let other = format!(
                    "session timeouts from {} to {} ms",
                    min_timeout.as_millis(),
                    max_timeout.as_millis()
                );
                let rule = "minSessionTimeout must not be larger than maxSessionTimeout";
                settings.errors.push(ConfigError::Contradiction { setting, other, rule });
            }
        }
        Self {
            tick_time,
            min_timeout,
            max_timeout,
            local_enabled: settings.value(&keys::LOCAL_SESSIONS_ENABLED),
            local_upgrading_enabled: settings.value(&keys::LOCAL_SESSIONS_UPGRADING_ENABLED),
        }
    }
}

/// Bounds on what clients can make the server hold. `None` is unlimited.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Connections of one client address.
    pub connections_per_client: Option<u32>,
    /// Connections of all clients.
    pub connections: Option<u32>,
    /// Longest request frame and longest data of a znode, in bytes (`jute.maxbuffer`).
    pub frame_bytes: usize,
    /// What records between servers may be longer than `frame_bytes`, in bytes.
    pub frame_extra_bytes: usize,
    /// Requests in progress beyond which the server stops reading from clients.
    pub outstanding_requests: u32,
    /// Bytes above which a request is a large one; `None`: no request is.
    pub large_request_bytes: Option<usize>,
    /// Bytes of all large requests in progress.
    pub large_requests_total_bytes: usize,
    /// How requests wait when the pipeline is full.
    pub requests: RequestThrottle,
    /// How new sessions are slowed down; `None`: they are not.
    pub connection_throttle: Option<ConnectionThrottle>,
    /// How long a connection may stay open without asking for a session.
    pub sessionless_timeout: Duration,
}

impl Limits {
    /// `jute.maxbuffer.extrasize` is at least this.
    const FRAME_EXTRA_BYTES_MIN: usize = 1024;

    pub(crate) fn read(settings: &mut Settings) -> Self {
        let frame_bytes = settings.value(&keys::JUTE_MAXBUFFER);
        let extra = settings.value(&keys::JUTE_MAXBUFFER_EXTRA).unwrap_or(frame_bytes);
        Self {
            connections_per_client: settings.value(&keys::MAX_CLIENT_CNXNS),
            connections: settings.value(&keys::MAX_CNXNS),
            frame_bytes,
            frame_extra_bytes: extra.max(Self::FRAME_EXTRA_BYTES_MIN),
            outstanding_requests: settings.value(&keys::GLOBAL_OUTSTANDING_LIMIT),
            large_request_bytes: settings.value(&keys::LARGE_REQUEST_THRESHOLD),
            large_requests_total_bytes: settings.value(&keys::LARGE_REQUEST_MAX_BYTES),
            requests: RequestThrottle::read(settings),
            connection_throttle: ConnectionThrottle::read(settings),
            sessionless_timeout: settings.value(&keys::SESSIONLESS_CNXN_TIMEOUT),
        }
    }
}

/// How requests wait when the pipeline is full (`RequestThrottler`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestThrottle {
    /// Requests in the pipeline beyond which new ones wait; `None`: they never do.
    pub max_requests: Option<u32>,
    /// Time between two looks whether there is room.
    pub stall_time: Duration,
    /// Drops waiting requests that are stale.
    pub drop_stale: bool,
    /// Stale when the connection is closed.
    pub stale_when_closed: bool,
    /// Stale after the session's timeout.
    pub stale_when_late: bool,
    /// Answers requests with an error that waited longer than this.
    pub throttled_op_wait_time: Option<Duration>,
}

impl RequestThrottle {
    fn read(settings: &mut Settings) -> Self {
        Self {
            max_requests: settings.value(&keys::REQUEST_THROTTLE_MAX_REQUESTS),
            stall_time: settings.value(&keys::REQUEST_THROTTLE_STALL_TIME),
            drop_stale: settings.value(&keys::REQUEST_THROTTLE_DROP_STALE),
            stale_when_closed: settings.value(&keys::REQUEST_STALE_CONNECTION_CHECK),
            stale_when_late: settings.value(&keys::REQUEST_STALE_LATENCY_CHECK),
            throttled_op_wait_time: settings.value(&keys::THROTTLED_OP_WAIT_TIME),
        }
    }
}

/// A token bucket for new sessions (`BlueThrottle`).
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionThrottle {
    /// Tokens that can be saved up, in units of a local session when weighted.
    pub tokens: u32,
    /// Tokens come back this often.
    pub fill_time: Duration,
    /// Tokens that come back each time.
    pub fill_count: u32,
    /// Dropping at random: its probability changes this often. `None`: never dropped.
    pub freeze_time: Option<Duration>,
    /// What the probability grows by while tokens run short.
    pub drop_increase: f64,
    /// What it shrinks by while there are enough.
    pub drop_decrease: f64,
    /// Share of the tokens above which there are enough.
    pub decrease_ratio: f64,
    /// Tokens that each kind of session takes.
    pub weights: SessionWeights,
}

/// Tokens that a session takes from a [`ConnectionThrottle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionWeights {
    /// A new global session.
    pub global: u32,
    /// A new local session.
    pub local: u32,
    /// A session that reconnects.
    pub renew: u32,
}

impl ConnectionThrottle {
    fn read(settings: &mut Settings) -> Option<Self> {
        let tokens = settings.value(&keys::CONNECTION_TOKENS);
        let fill_count = settings.value(&keys::CONNECTION_FILL_COUNT);
        let weighted = settings.value(&keys::CONNECTION_WEIGHT_ENABLED);
        let local = settings.value(&keys::CONNECTION_LOCAL_WEIGHT);
        let weights = SessionWeights {
            local,
            // A local session is the cheapest one, whatever is set.
            global: settings.value(&keys::CONNECTION_GLOBAL_WEIGHT).max(local),
            renew: settings.value(&keys::CONNECTION_RENEW_WEIGHT).max(local),
        };
        // The counts are meant for global sessions.
        let scale = if weighted { weights.global } else { 1 };
        let all_equal = SessionWeights { global: 1, local: 1, renew: 1 };
        let throttle = Self {
            tokens: tokens.unwrap_or_default().saturating_mul(scale),
            fill_time: settings.value(&keys::CONNECTION_FILL_TIME),
            fill_count: fill_count.saturating_mul(scale),
            freeze_time: settings.value(&keys::CONNECTION_FREEZE_TIME),
            drop_increase: settings.value(&keys::CONNECTION_DROP_INCREASE),
            drop_decrease: settings.value(&keys::CONNECTION_DROP_DECREASE),
            decrease_ratio: settings.value(&keys::CONNECTION_DECREASE_RATIO),
            weights: if weighted { weights } else { all_equal },
        };
        tokens.is_some().then_some(throttle)
    }
}

/// Which four-letter words are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FourLetterWords {
    enabled: Vec<&'static str>,
}

impl FourLetterWords {
    /// All commands, in alphabetical order.
    pub const ALL: [&'static str; 18] = [
        "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok",
        "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
    ];

    /// Whether a command is answered.
    pub fn allows(&self, command: &str) -> bool {
        self.enabled.contains(&command)
    }

    pub(crate) fn read(settings: &mut Settings) -> Self {
        // zkServer.sh needs srvr, and a client that looks for a writable server needs isro.
        let mut words = settings.value(&keys::FOUR_LETTER_WORDS);
        let setting = settings.setting(&keys::FOUR_LETTER_WORDS).cloned();
        if let Some(setting) = setting {
            let unknown = words.iter().filter(|word| *word != "*" && !Self::is_known(word));
            settings.warnings.extend(unknown.map(|word| ConfigWarning::UnknownCommand {
                setting: setting.clone(),
                word: word.clone(),
                nearest: nearest(word, Self::ALL),
            }));
        }
        words.push("srvr".to_owned());
        if settings.value(&ensemble::READ_ONLY_MODE) {
            words.push("isro".to_owned());
        }
        let all = words.iter().any(|word| word == "*");
        let enabled =
            Self::ALL.into_iter().filter(|known| all || words.iter().any(|word| word == known));
        Self { enabled: enabled.collect() }
    }

    fn is_known(word: &str) -> bool {
        Self::ALL.contains(&word)
    }
}
