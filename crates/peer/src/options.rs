//! What an operator decides about a peer.

use core::time::Duration;
use zoarium_tree::access::AccessRules;

/// The settings of one peer. They do not change while it runs.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// This server's id: the top byte of the sessions it opens. 1 when standalone.
    pub server_id: u8,
    /// The tick: session deadlines are rounded up to it.
    pub tick: Duration,
    /// The shortest session timeout granted, in milliseconds.
    pub session_timeout_ms_min: i32,
    /// The longest session timeout granted, in milliseconds.
    pub session_timeout_ms_max: i32,
    /// Whether TTL znodes can be created.
    pub ttl_enabled: bool,
    /// Whether hard quotas are enforced (`zookeeper.enforceQuota`).
    pub quota_enforced: bool,
    /// Whether transactions carry the digest of the tree.
    pub digest_enabled: bool,
    /// Whether the transaction that ends a session lists its ephemerals
    /// (`zookeeper.closeSessionTxn.enabled`); releases before 3.6 cannot read the list.
    pub close_session_lists: bool,
    /// Whether `reconfigEnabled` is set.
    pub reconfig_enabled: bool,
    /// The longest transaction that every server can read back from its log, in bytes:
    /// `jute.maxbuffer` plus `zookeeper.jute.maxbuffer.extrasize`.
    pub txn_bytes_max: usize,
    /// How often containers and TTL znodes are looked for that can go.
    pub reaper_interval: Duration,
    /// How many of them go in a minute at most.
    pub reaper_per_minute_max: u32,
    /// After how long without children ever a container goes; `None` for never.
    pub container_never_used_max: Option<Duration>,
    /// Whether a leader of others serves clients itself (`leaderServes`).
    pub leader_serves: bool,
    /// How ACLs are understood.
    pub access: AccessRules,
    /// What matters only to members of an ensemble.
    pub ensemble: EnsembleOptions,
}

/// What an operator decides about a member of an ensemble.
#[derive(Clone, Debug)]
pub struct EnsembleOptions {
    /// How many voters a reconfiguration must leave: 2, or 1 with `standaloneEnabled=false`.
    pub voters_min: usize,
    /// Whether members may have several addresses (`multiAddress.enabled`).
    pub multi_address: bool,
    /// Whether clients get sessions that only their server knows.
    pub local_sessions: LocalSessions,
    /// After how long without a leader reads are answered, to clients that have asked for it.
    /// Apache does so after 2 s, or a tick if that is longer, with `readonlymode.enabled`.
    pub read_only_after: Option<Duration>,
}

/// Sessions that only one server knows (`localSessionsEnabled`, `localSessionsUpgradingEnabled`).
/// All servers of an ensemble must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalSessions {
    /// There are none.
    Off,
    /// Every session begins as one.
    On {
        /// Whether it becomes one of the whole ensemble by its first ephemeral; else it may have
        /// none.
        upgrading: bool,
    },
}

impl Default for EnsembleOptions {
    /// Apache's defaults.
    fn default() -> Self {
        Self {
            voters_min: 2,
            multi_address: false,
            local_sessions: LocalSessions::Off,
            read_only_after: None,
        }
    }
}

impl PeerOptions {
    /// [`PeerOptions::container_never_used_max`] in milliseconds.
    pub(crate) fn container_never_used_ms(&self) -> Option<i64> {
        let max = self.container_never_used_max?;
        Some(i64::try_from(max.as_millis()).unwrap_or(i64::MAX))
    }
}
