//! Admin server, metrics and audit log, typed.

use super::error::{ConfigError, Setting};
use super::keys::operation as keys;
use super::kind::Fault;
use super::settings::Settings;
use std::time::Duration;

/// The HTTP admin server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Address or host name to listen on.
    pub host: String,
    /// Port; 0 lets the operating system choose.
    pub port: u16,
    /// Start of its URLs; begins with a slash and does not end with one.
    pub command_url: String,
    /// Closes connections after this time without a request.
    pub idle_timeout: Duration,
    /// Allows the command `snapshot`.
    pub snapshot_enabled: bool,
    /// Allows the command `restore`.
    pub restore_enabled: bool,
    /// Time between two snapshots, and between two restores, at least.
    pub rate_limit_interval: Duration,
}

impl Admin {
    /// `None` when it is switched off.
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let enabled = settings.value(&keys::ADMIN_ENABLE_SERVER);
        let admin = Self {
            host: settings.value(&keys::ADMIN_SERVER_ADDRESS),
            port: settings.value(&keys::ADMIN_SERVER_PORT),
            command_url: command_url(settings),
            idle_timeout: settings.value(&keys::ADMIN_IDLE_TIMEOUT),
            snapshot_enabled: settings.value(&keys::ADMIN_SNAPSHOT_ENABLED),
            restore_enabled: settings.value(&keys::ADMIN_RESTORE_ENABLED),
            rate_limit_interval: settings.value(&keys::ADMIN_RATE_LIMITER_INTERVAL),
        };
        enabled.then_some(admin)
    }
}

fn command_url(settings: &mut Settings) -> String {
    let url = settings.value(&keys::ADMIN_COMMAND_URL);
    if !url.starts_with('/') {
        let setting: Option<&Setting> = settings.setting(&keys::ADMIN_COMMAND_URL);
        if let Some(setting) = setting.cloned() {
            let allowed = "a path that begins with /".to_owned();
            let fault = Fault::NotAllowed;
            settings.errors.push(ConfigError::BadValue { setting, fault, allowed });
        }
    }
    url.trim_end_matches('/').to_owned()
}

/// Apache's classes that publish metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsProvider {
    /// Kept for `mntr` and the admin server.
    Default,
    /// Not kept.
    Null,
    /// Kept, and served to Prometheus.
    Prometheus,
}

impl MetricsProvider {
    /// The names of the classes.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("org.apache.zookeeper.metrics.impl.DefaultMetricsProvider", Self::Default),
        ("org.apache.zookeeper.metrics.impl.NullMetricsProvider", Self::Null),
        ("org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider", Self::Prometheus),
    ];
}

/// Who sees metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metrics {
    /// Kept for `mntr` and the admin server.
    Default,
    /// Not kept.
    Null,
    /// Kept, and served over HTTP to Prometheus.
    Prometheus {
        /// Address or host name to listen on.
        host: String,
        /// Port; 0 lets the operating system choose.
        port: u16,
    },
}

impl Metrics {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let host = settings.value(&keys::METRICS_HTTP_HOST);
        let port = settings.value(&keys::METRICS_HTTP_PORT);
        match settings.value(&keys::METRICS_PROVIDER) {
            MetricsProvider::Default => Self::Default,
            MetricsProvider::Null => Self::Null,
            MetricsProvider::Prometheus => Self::Prometheus { host, port },
        }
    }
}

/// Whether every write is logged with who asked for it.
pub(crate) fn audit(settings: &mut Settings) -> bool {
    // Read for its check alone: another class would be an audit log that nobody writes.
    settings.value(&keys::AUDIT_CLASS);
    settings.value(&keys::AUDIT_ENABLE)
}
