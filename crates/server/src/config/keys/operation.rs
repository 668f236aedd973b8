//! Kinds of znodes, the admin server, metrics and the audit log.

use super::{Key, Place, Subject, keys};
use crate::config::admin::MetricsProvider;
use crate::config::kind::{Bool, Choice, Int, Maybe, OffWhen, OrOff, Text, Time, TimeUnit};

const INT: i64 = i32::MAX as i64;
const MILLIS: Time = Time { unit: TimeUnit::Milliseconds, min: 1, max: INT };

keys! {
    "Znodes and operation";
    /// TTL znodes. Unless set, they are on for a single server and off in an ensemble, where all
    /// members must agree; in Apache they are off. All server ids are below 255 then.
    EXTENDED_TYPES: Property "extendedTypesEnabled", Maybe<Bool> = Maybe(Bool), ();
    /// Reads TTL znodes as version 3.5.3 wrote them.
    EMULATE_353_TTL: Property "emulate353TTLNodes", Bool = Bool, false;
    /// How often to look for empty container znodes and expired TTL znodes. A system property
    /// without prefix, as are the next two.
    CONTAINER_CHECK_INTERVAL: Bare "znode.container.checkIntervalMs", Time = MILLIS, 60000;
    /// How many of them are deleted a minute at most.
    CONTAINER_MAX_PER_MINUTE: Bare "znode.container.maxPerMinute", Int<u32> =
        Int::new(1, INT, ""), 10000;
    /// Containers that never had a child are deleted after this time.
    CONTAINER_MAX_NEVER_USED: Bare "znode.container.maxNeverUsedIntervalMs", OrOff<Time> =
        OrOff {
            off: OffWhen::NotPositive,
            meaning: "kept",
            on: Time { unit: TimeUnit::Milliseconds, min: 1, max: i64::MAX },
        },
        None;
    /// Runs the HTTP admin server.
    ADMIN_ENABLE_SERVER: Property "admin.enableServer", Bool = Bool, true;
    /// Address on which it listens.
    ADMIN_SERVER_ADDRESS: Property "admin.serverAddress", Text =
        Text { what: "an address or host name" }, "0.0.0.0";
    /// Port on which it listens.
    ADMIN_SERVER_PORT: Property "admin.serverPort", Int<u16> = Int::new(0, 65535, ""), 8080;
    /// Start of its URLs.
    ADMIN_COMMAND_URL: Property "admin.commandURL", Text =
        Text { what: "a path that begins with /" }, "/commands";
    /// Closes its connections after this time without a request.
    ADMIN_IDLE_TIMEOUT: Property "admin.idleTimeout", Time = MILLIS, 30000;
    /// Allows the command `snapshot`.
    ADMIN_SNAPSHOT_ENABLED: Property "admin.snapshot.enabled", Bool = Bool, true;
    /// Allows the command `restore`.
    ADMIN_RESTORE_ENABLED: Property "admin.restore.enabled", Bool = Bool, true;
    /// Time between two snapshots, and between two restores, at least.
    ADMIN_RATE_LIMITER_INTERVAL: Property "admin.rateLimiterIntervalInMS", Time =
        Time { unit: TimeUnit::Milliseconds, min: 0, max: INT }, 300_000;
    /// Who publishes metrics: `mntr` and the admin server alone, nobody, or also Prometheus.
    METRICS_PROVIDER: File "metricsProvider.className", Choice<MetricsProvider> =
        Choice { words: MetricsProvider::WORDS }, MetricsProvider::Default;
    /// Address of the Prometheus endpoint `/metrics`.
    METRICS_HTTP_HOST: File "metricsProvider.httpHost", Text =
        Text { what: "an address or host name" }, "0.0.0.0";
    /// Port of the Prometheus endpoint.
    METRICS_HTTP_PORT: File "metricsProvider.httpPort", Int<u16> = Int::new(0, 65535, ""), 7000;
    /// Logs every write with who asked for it.
    AUDIT_ENABLE: Property "audit.enable", Bool = Bool, false;
    /// How audit lines are written: as log lines. Other classes cannot be loaded.
    AUDIT_CLASS: Property "audit.impl.class", Choice<()> =
        Choice { words: &[("org.apache.zookeeper.audit.Slf4jAuditLogger", ())] }, ();
}
