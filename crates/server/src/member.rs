//! From an ensemble's configuration and what recovery found to the agreement and its links.

use crate::config::ServerConfig;
use crate::config::ensemble::Ensemble;
use crate::links::{LinkOptions, OUT_BYTES_MAX};
use crate::settings::recovery_options;
use crate::shared::random_below;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use zoarium_persistence::Recovered;
use zoarium_persistence::journal::RecoveredMember;
use zoarium_zab::{Epoch, Zab, ZabOptions, wire};

/// The agreement of a member that has found this on its disk.
pub(crate) fn agreement(
    config: &ServerConfig,
    ensemble: &Ensemble,
    found: RecoveredMember,
) -> (Recovered, Zab) {
    let RecoveredMember { recovered, epochs, tail, floor, membership } = found;
    let tail = tail.into_iter().map(|(_, bytes)| wire::read_txn(Bytes::from(bytes)));
    let known = zoarium_zab::Recovered {
        accepted_epoch: Epoch(epochs.accepted),
        current_epoch: Epoch(epochs.current),
        last: recovered.last_zxid,
        // They have been applied, so they can be read; at worst learners are sent a snapshot.
        tail: tail.collect::<Result<_, _>>().unwrap_or_default(),
        floor,
        // Not what is in a file only: its proposal is lost here, and a leader that put it in force
        // could be the only one to know of it.
        proposed: membership.map(Arc::new),
    };
    let options = zab_options(config, ensemble, !recovered.untrusted);
    let zab = Zab::new(options, Arc::new(ensemble.membership.clone()), known);
    (recovered, zab)
}

/// The rules of election and agreement.
fn zab_options(config: &ServerConfig, ensemble: &Ensemble, trusted: bool) -> ZabOptions {
    let tick = config.sessions.tick_time;
    let synchronization = &ensemble.synchronization;
    ZabOptions {
        observer: ensemble.role == crate::config::membership::Role::Observer,
        tick,
        init_limit: ticks(ensemble.init_limit, tick),
        sync_limit: ticks(ensemble.sync_limit, tick),
        committed_log_max: synchronization.commit_log_count as usize,
        disk_log_sync: synchronization.snapshot_size_factor.is_some(),
        force_snapshot_sync: synchronization.force_snapshot,
        wait_for_epoch_max: synchronization.epoch_wait_max,
        trust_history: trusted,
        reconfig_enabled: config.reconfig_enabled,
        notify_interval_min: ensemble.election.notification_min,
        notify_interval_max: ensemble.election.notification_max,
        observer_pause: below(synchronization.observer_pause_max),
        observer_snapshots_max: synchronization.observer_snapshots_max as usize,
        ..ZabOptions::new(ensemble.my_id)
    }
}

/// How the ports of the ensemble are used.
pub(crate) fn link_options(config: &ServerConfig, ensemble: &Ensemble) -> LinkOptions {
    let recovery = recovery_options(config);
    LinkOptions {
        id: ensemble.my_id,
        init_limit: ensemble.init_limit,
        handshake_timeout: ensemble.election.handshake_timeout,
        connect_timeout: ensemble.election.connect_timeout,
        tcp_keep_alive: ensemble.election.tcp_keep_alive,
        listen_on_all_ips: ensemble.listen_on_all_ips,
        bind_attempts: ensemble.election.bind_attempts,
        packet_bytes_max: recovery.max_txn_size as usize,
        out_bytes_max: OUT_BYTES_MAX,
        tree: recovery.tree,
    }
}

/// A random time that is shorter.
fn below(limit: Duration) -> Duration {
    Duration::from_millis(random_below(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)))
}

/// A limit in ticks, as it was configured.
fn ticks(limit: Duration, tick: Duration) -> u32 {
    u32::try_from(limit.as_millis() / tick.as_millis().max(1)).unwrap_or(u32::MAX)
}
