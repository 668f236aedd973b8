//! Keys of Apache's that have no effect here, and those that stop the start.
//!
//! A key may be accepted without effect when it tunes something inside Apache's server, or when
//! what it asks for only ever widens what clients can do. A key that asks for protection, or for
//! going on where others would not, is refused: it must not be possible to lose that by changing
//! servers.

use super::Place;

/// Keys that are accepted, with the reason why there is nothing to act on.
#[derive(Debug, Clone, Copy)]
pub struct WithoutEffect {
    /// Why. Completes "accepted without effect: …".
    pub why: &'static str,
    /// Where the keys are read from.
    pub place: Place,
    /// The keys. One that ends in a dot stands for all that begin so.
    pub names: &'static [&'static str],
}

/// A key that stops the start.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// The key. One that ends in a dot stands for all that begin so.
    pub pattern: &'static str,
    /// Where it is read from.
    pub place: Place,
    /// Values that ask for nothing, and are accepted.
    pub harmless: &'static [&'static str],
    /// Why. Completes "not supported by this server: …".
    pub why: &'static str,
}

/// TLS is missing.
pub(crate) const NO_TLS: &str =
    "there is no TLS here; use a proxy that speaks TLS, or remove the key";
const NO_SASL: &str =
    "there is no SASL here; use the scheme digest or a private network, or remove the key";
const NO_ORACLE: &str = "there is no oracle here, and without it one server of two does not go on \
     alone; add a third participant, or remove the key";
const FALSE: &[&str] = &["false"];

/// All keys that stop the start.
pub static REFUSED: &[Refused] = &[
    refused("secureClientPort", Place::File, &[], NO_TLS),
    refused("secureClientPortAddress", Place::File, &[], NO_TLS),
    refused("ssl.", Place::Property, &[], NO_TLS),
    refused("client.portUnification", Place::Property, FALSE, NO_TLS),
    refused("sslQuorum", Place::File, FALSE, NO_TLS),
    refused("portUnification", Place::File, FALSE, NO_TLS),
    refused("admin.portUnification", Place::Property, FALSE, NO_TLS),
    refused("admin.forceHttps", Place::Property, FALSE, NO_TLS),
    refused("admin.needClientAuth", Place::Property, FALSE, NO_TLS),
    refused("metricsProvider.httpsPort", Place::File, &["-1"], NO_TLS),
    refused("metricsProvider.ssl.", Place::File, &[], NO_TLS),
    refused("sessionRequireClientSASLAuth", Place::Property, FALSE, NO_SASL),
    refused("java.security.auth.login.config", Place::Bare, &[], NO_SASL),
    refused("quorum.auth.enableSasl", Place::File, FALSE, NO_SASL),
    refused("quorum.auth.learnerRequireSasl", Place::File, FALSE, NO_SASL),
    refused("quorum.auth.serverRequireSasl", Place::File, FALSE, NO_SASL),
    refused("oraclePath", Place::File, &[], NO_ORACLE),
];

const fn refused(
    pattern: &'static str,
    place: Place,
    harmless: &'static [&'static str],
    why: &'static str,
) -> Refused {
    Refused { pattern, place, harmless, why }
}

/// All keys that are accepted without effect.
pub static WITHOUT_EFFECT: &[WithoutEffect] = &[
    WithoutEffect {
        why: "there are no Java threads and buffers to size",
        place: Place::Property,
        names: &[
            "nio.numSelectorThreads",
            "nio.numWorkerThreads",
            "nio.directBufferBytes",
            "nio.shutdownTimeout",
            "commitProcessor.numWorkerThreads",
            "commitProcessor.maxReadBatchSize",
            "commitProcessor.maxCommitBatchSize",
            "commitProcessor.shutdownTimeout",
            "request_throttler.shutdownTimeout",
            "intBufferStartingSizeBytes",
            "leader.closeSocketAsync",
            "learner.asyncSending",
            "learner.closeSocketAsync",
        ],
    },
    WithoutEffect {
        why: "there is one network layer, not a choice between NIO and Netty",
        place: Place::Property,
        names: &["serverCnxnFactory", "netty.", "client.certReload"],
    },
    WithoutEffect {
        why: "there is no JVM that could pause",
        place: Place::File,
        names: &[
            "jvm.pause.monitor",
            "jvm.pause.info-threshold.ms",
            "jvm.pause.warn-threshold.ms",
            "jvm.pause.sleep.time.ms",
        ],
    },
    WithoutEffect {
        why: "replies are encoded straight from the tree, so there is no cache to size",
        place: Place::Property,
        names: &["maxResponseCacheSize", "maxGetChildrenResponseCacheSize"],
    },
    WithoutEffect {
        why: "there is one watch manager, which leaves no dead watchers behind",
        place: Place::Property,
        names: &[
            "watchManagerName",
            "watcherCleanThreadsNum",
            "watcherCleanThreshold",
            "watcherCleanIntervalInSeconds",
            "maxInProcessingDeadWatchers",
            "bitHashCacheSize",
        ],
    },
    WithoutEffect {
        why: "statistics by path are not kept",
        place: Place::Property,
        names: &["pathStats."],
    },
    WithoutEffect {
        why: "messages between servers are traced by the log level instead",
        place: Place::Property,
        names: &[
            "messageTracker.BufferSize",
            "messageTracker.Enabled",
            "leader.ackLoggingFrequency",
        ],
    },
    WithoutEffect {
        why: "it chooses between two ways through Apache's processors with the same result",
        place: Place::Property,
        names: &[
            "follower.skipLearnerRequestToNextProcessor",
            "forward_learner_requests_to_commit_processor_disabled",
        ],
    },
    WithoutEffect {
        why: "the leader checks the ACL of every write; a check before it, which Apache has for \
              members of an ensemble, only saves it work",
        place: Place::Property,
        names: &["enableEagerACLCheck"],
    },
    WithoutEffect {
        why: "small packets are always sent at once",
        place: Place::Bare,
        names: &["leader.nodelay", "follower.nodelay"],
    },
    WithoutEffect {
        why: "observers follow the leader, and followers take none",
        place: Place::File,
        names: &["observerMasterPort"],
    },
    WithoutEffect {
        why: "observers follow the leader, and followers take none",
        place: Place::Property,
        names: &["observerMaster.sizeLimit"],
    },
    WithoutEffect {
        why: "observers always write the log and snapshots",
        place: Place::File,
        names: &["syncEnabled"],
    },
    WithoutEffect {
        why: "observers always write the log and snapshots",
        place: Place::Property,
        names: &["observer.syncEnabled"],
    },
    WithoutEffect {
        why: "what waits for one learner is bounded, so all of them may be sent a DIFF at the \
              same time",
        place: Place::Property,
        names: &["leader.maxConcurrentDiffSyncs"],
    },
    WithoutEffect {
        why: "a learner dials its leader seven times, with pauses that begin at 10 ms and double; \
              each attempt has cnxTimeout and all of them initLimit",
        place: Place::Property,
        names: &["leaderConnectDelayDuringRetryMs"],
    },
    WithoutEffect {
        why: "all attempts to reach the leader together have initLimit",
        place: Place::File,
        names: &["connectToLearnerMasterLimit"],
    },
    WithoutEffect {
        why: "the addresses of a member are tried side by side, each a quarter of a second after \
              the one before, and the first that answers is used",
        place: Place::FileOrProperty,
        names: &[
            "multiAddress.reachabilityCheckEnabled",
            "multiAddress.reachabilityCheckTimeoutMs",
        ],
    },
    WithoutEffect {
        why: "it only matters with TLS",
        place: Place::Property,
        names: &["fips-mode", "X509AuthenticationProvider.superUser"],
    },
    WithoutEffect {
        why: "it only matters with TLS",
        place: Place::File,
        names: &["sslQuorumReloadCertFiles"],
    },
    WithoutEffect {
        why: "it only matters with SASL",
        place: Place::Property,
        names: &[
            "allowSaslFailedClients",
            "letAnySaslUserDoX",
            "sasl.serverconfig",
            "SASLAuthenticationProvider.superPassword",
            "kerberos.",
            "requireKerberosConfig",
            "security.auth_to_local",
        ],
    },
    WithoutEffect {
        why: "it only matters with SASL",
        place: Place::File,
        names: &[
            "quorum.auth.learner.saslLoginContext",
            "quorum.auth.server.saslLoginContext",
            "quorum.auth.kerberos.servicePrincipal",
            "quorum.cnxn.threads.size",
        ],
    },
    WithoutEffect {
        why: "the HTTP version is negotiated",
        place: Place::Property,
        names: &["admin.httpVersion"],
    },
    WithoutEffect {
        why: "the metrics endpoint has no JVM to report on and no threads to size",
        place: Place::File,
        names: &[
            "metricsProvider.exportJvmInfo",
            "metricsProvider.numWorkerThreads",
            "metricsProvider.maxQueueSize",
            "metricsProvider.workerShutdownTimeoutMs",
            "metricsProvider.prometheusMetricsSummaryRotateIntervalSeconds",
        ],
    },
    WithoutEffect {
        why: "the log goes to standard error, and RUST_LOG chooses what it holds",
        place: Place::Property,
        names: &[
            "log.dir",
            "log.file",
            "log.threshold",
            "root.logger",
            "console.threshold",
            "tracelog.dir",
            "tracelog.file",
            "auditlog.file",
            "auditlog.threshold",
            "audit.logger",
            "jmx.log4j.disable",
        ],
    },
    WithoutEffect {
        why: "it is for clients",
        place: Place::Property,
        names: &[
            "client.secure",
            "clientCnxnSocket",
            "disableAutoWatchReset",
            "request.timeout",
            "sasl.client",
            "sasl.clientconfig",
            "sasl.client.username",
            "sasl.client.canonicalize.hostname",
            "server.principal",
            "server.realm",
            "kinit",
        ],
    },
    WithoutEffect {
        why: "it is for Apache's own tests",
        place: Place::Property,
        names: &["test.", "testingonly."],
    },
];

/// Whether `name` is the key `pattern`, or begins with it when it ends in a dot.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.ends_with('.') {
        true => name.starts_with(pattern),
        false => name == pattern,
    }
}
