//! From the operator's configuration to the options of each part.

use crate::config::ServerConfig;
use crate::config::access::{Access, DigestAlgorithm};
use crate::config::ensemble::Ensemble;
use crate::config::storage::{SnapshotCompression, Storage};
use crate::limits::Limits;
use crate::shared::random;
use crate::snapshots::SnapshotOptions;
use std::time::Duration;
use zoarium_peer::{EnsembleOptions, LocalSessions, PeerOptions};
use zoarium_persistence::JournalOptions;
use zoarium_persistence::log::LogOptions;
use zoarium_persistence::names::Compression;
use zoarium_persistence::recovery::RecoveryOptions;
use zoarium_tree::TreeOptions;
use zoarium_tree::access::{AccessRules, EnsembleCheck};

/// The server id of a server that runs alone: the top byte of its sessions, as in Apache.
const STANDALONE_SERVER_ID: u8 = 1;

/// A server without a leader waits at least so long before it answers reads, as in Apache.
const READ_ONLY_AFTER_MIN: Duration = Duration::from_secs(2);

/// A batch without a limit of its own.
const SYNC_BATCH_DEFAULT: u32 = 1000;

pub(crate) fn peer_options(config: &ServerConfig) -> PeerOptions {
    let sessions = &config.sessions;
    let ms = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    PeerOptions {
        server_id: config.ensemble.as_ref().map_or(STANDALONE_SERVER_ID, |ensemble| {
            // As in Apache, ids that differ in the lowest byte only by chance get along.
            ensemble.my_id.0.to_le_bytes()[0]
        }),
        tick: sessions.tick_time,
        session_timeout_ms_min: ms(sessions.min_timeout),
        session_timeout_ms_max: ms(sessions.max_timeout),
        ttl_enabled: config.znodes.extended_types,
        quota_enforced: config.access.enforce_quota,
        digest_enabled: config.storage.digest_enabled,
        close_session_lists: config.storage.close_session_txn,
        reconfig_enabled: config.reconfig_enabled,
        leader_serves: config.ensemble.as_ref().is_none_or(|ensemble| ensemble.leader_serves),
        txn_bytes_max: config.limits.frame_bytes + config.limits.frame_extra_bytes,
        reaper_interval: config.znodes.container_check_interval,
        reaper_per_minute_max: config.znodes.container_max_per_minute,
        container_never_used_max: config.znodes.container_max_never_used,
        access: access(&config.access),
        ensemble: config
            .ensemble
            .as_ref()
            .map_or_else(EnsembleOptions::default, |ensemble| ensemble_options(config, ensemble)),
    }
}

fn ensemble_options(config: &ServerConfig, ensemble: &Ensemble) -> EnsembleOptions {
    let sessions = &config.sessions;
    EnsembleOptions {
        voters_min: ensemble.participants_min,
        multi_address: ensemble.multi_address,
        local_sessions: match sessions.local_enabled {
            true => LocalSessions::On { upgrading: sessions.local_upgrading_enabled },
            false => LocalSessions::Off,
        },
        read_only_after: ensemble
            .read_only_mode
            .then(|| READ_ONLY_AFTER_MIN.max(sessions.tick_time)),
    }
}

pub(crate) fn access(access: &Access) -> AccessRules {
    use zoarium_tree::access::DigestAlgorithm as Algorithm;
    AccessRules {
        skip_acl: access.skip_acl,
        digest_enabled: access.digest_scheme,
        digest_algorithm: match access.digest_algorithm {
            DigestAlgorithm::Sha1 => Algorithm::Sha1,
            DigestAlgorithm::Sha256 => Algorithm::Sha256,
            DigestAlgorithm::Sha512 => Algorithm::Sha512,
            DigestAlgorithm::Md5 => Algorithm::Md5,
        },
        super_digest: access.super_digest.as_ref().map(|secret| secret.0.clone()),
        sasl_super_users: access.super_users.iter().cloned().collect(),
        ensemble: match &access.ensemble_names {
            None => EnsembleCheck::Unknown,
            Some(names) if names.is_empty() => EnsembleCheck::AnyName,
            Some(names) => EnsembleCheck::Names(names.iter().cloned().collect()),
        },
        ..AccessRules::default()
    }
}

pub(crate) fn limits(config: &ServerConfig) -> Limits {
    let limits = &config.limits;
    Limits {
        frame_bytes_max: limits.frame_bytes,
        connections_per_client_max: limits.connections_per_client,
        connections_max: limits.connections.map(|max| max as usize),
        outstanding_max: limits.outstanding_requests as usize,
        sessionless_timeout: limits.sessionless_timeout,
        sync_batch_max: config.storage.max_batch_size.unwrap_or(SYNC_BATCH_DEFAULT) as usize,
        flush_delay: (config.storage.flush_delay, config.storage.max_write_queue_poll),
        fsync_warning: config.storage.fsync_warning,
    }
}

pub(crate) fn journal_options(config: &ServerConfig) -> JournalOptions {
    let storage = &config.storage;
    let log = LogOptions {
        reserve: storage.prealloc_bytes,
        size_limit: storage.txn_log_size_bytes,
        force_sync: storage.force_sync,
    };
    JournalOptions { log, recovery: recovery_options(config) }
}

pub(crate) fn snapshot_options(storage: &Storage) -> SnapshotOptions {
    SnapshotOptions {
        compression: compression(storage),
        with_last_zxid: storage.serialize_last_processed_zxid,
        purge: storage.purge.as_ref().map(|purge| (purge.retain, purge.interval)),
    }
}

fn compression(storage: &Storage) -> Compression {
    match storage.compression {
        SnapshotCompression::None => Compression::None,
        SnapshotCompression::Gzip => Compression::Gzip,
        SnapshotCompression::Snappy => Compression::Snappy,
    }
}

pub(crate) fn recovery_options(config: &ServerConfig) -> RecoveryOptions {
    let storage = &config.storage;
    let txn_bytes_max = config.limits.frame_bytes + config.limits.frame_extra_bytes;
    RecoveryOptions {
        tree: TreeOptions {
            digest_enabled: storage.digest_enabled,
            emulate_353_ttl: config.znodes.emulate_353_ttl,
            hash_seed: random(),
        },
        max_txn_size: u32::try_from(txn_bytes_max).unwrap_or(u32::MAX),
        trust_log_without_snapshot: storage.trust_empty_snapshot,
        trust_empty: storage.create_db,
        compression: compression(storage),
        with_last_zxid: storage.serialize_last_processed_zxid,
    }
}
