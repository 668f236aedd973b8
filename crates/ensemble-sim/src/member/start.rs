//! From what is on disk to a server that runs.

use super::connections::Connections;
use super::records::Records;
use super::snapshots::Snapshots;
use super::{Member, Planted, Recovery};
use crate::bug::Bug;
use crate::client::TIMEOUT;
use crate::disk::ServerDisk;
use std::time::Duration;
use zoarium_peer::{EnsembleOptions, Peer, PeerOptions};
use zoarium_persistence::{
    DataDirs, Recovered, RecoveryOptions, StorageError, StorageWarning, purge, recover,
};
use zoarium_process::{Effects, Now};
use zoarium_proto::txn::{LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{SessionId, Zxid};
use zoarium_sim::{StartError, Violation};
use zoarium_tree::access::AccessRules;
use zoarium_tree::watches::Watches;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct MemberOptions {
    /// The peer's options.
    pub peer: PeerOptions,
    /// What it does wrong, if anything.
    pub bug: Option<Bug>,
}

impl MemberOptions {
    /// A server with short timeouts, and a bug if one is to be found.
    pub fn new(bug: Option<Bug>) -> Self {
        let timeout_ms = i32::try_from(TIMEOUT.as_millis()).unwrap_or(i32::MAX);
        let peer = PeerOptions {
            server_id: 1,
            tick: Duration::from_millis(500),
            session_timeout_ms_min: timeout_ms,
            session_timeout_ms_max: timeout_ms,
            ttl_enabled: true,
            quota_enforced: true,
            digest_enabled: true,
            reconfig_enabled: false,
            leader_serves: true,
            close_session_lists: true,
            txn_bytes_max: 2 * 0xF_FFFF,
            reaper_interval: Duration::from_secs(60),
            reaper_per_minute_max: 10_000,
            container_never_used_max: None,
            access: AccessRules::default(),
            ensemble: EnsembleOptions::default(),
        };
        Self { peer, bug }
    }
}

impl Member {
    /// A server whose state is on this disk.
    ///
    /// # Errors
    /// If recovery fails.
    pub fn start(
        options: MemberOptions,
        disk: &mut ServerDisk,
        now: Now,
        seed: u64,
        restarts: u64,
    ) -> Result<Self, StartError> {
        let dirs = disk.dirs();
        let recovered = disk.with_room(|_| read_back(&dirs));
        let mut recovered = recovered.map_err(|error| refusal(disk, &error))?;
        if restarts > 0 {
            sabotage(options.bug, &dirs, &mut recovered);
        }
        let Recovered { tree, last_zxid, warnings, stats, .. } = recovered;
        let mut records = Records::default();
        for (session, timeout_ms) in tree.sessions() {
            records.opened(*session, *timeout_ms, now.mono);
        }
        let oddities = warnings.iter().filter(|it| is_odd(it)).map(|it| format!("{it:?}"));
        let digest_mismatches = stats.digest_mismatches;
        let oddities = oddities.collect();
        let is_deaf = restarts > 0 && options.bug == Some(Bug::DeafAfterRestart);
        Ok(Self {
            peer: Peer::new(options.peer.clone(), &tree, now),
            options,
            watches: Watches::new(seed),
            connections: Connections::default(),
            snapshots: Snapshots::new(dirs),
            snapshot_due: disk.open_log(last_zxid),
            records,
            peer_effects: Effects::new(),
            recovered: Recovery { last_zxid: tree.last_zxid(), digest_mismatches, oddities },
            planted: Planted { is_deaf, ..Planted::default() },
            tree,
        })
    }
}

fn read_back(
    dirs: &DataDirs<zoarium_persistence::mem_dir::MemDir>,
) -> Result<Recovered, StorageError> {
    purge::remove_leftovers(dirs)?;
    recover(dirs, &RecoveryOptions::default(), |_| {})
}

fn refusal(disk: &ServerDisk, error: &StorageError) -> StartError {
    if disk.is_halted() {
        return StartError::Halted;
    }
    let rule = "what a crash leaves can be recovered from";
    StartError::Unrecoverable(Violation::new(rule, error.to_string()))
}

/// Crashes tear the end of a log and leave snapshots unfinished. Nothing else is to be expected
/// of them when nobody else writes to the disk.
const fn is_odd(warning: &StorageWarning) -> bool {
    matches!(
        warning,
        StorageWarning::SnapshotSkipped { .. }
            | StorageWarning::DigestMismatch { .. }
            | StorageWarning::SnapshotAheadOfLog { .. }
    )
}

/// Spoils what was recovered as a planted bug would.
fn sabotage(
    bug: Option<Bug>,
    dirs: &DataDirs<zoarium_persistence::mem_dir::MemDir>,
    recovered: &mut Recovered,
) {
    if bug == Some(Bug::LogTailIgnored) && recovered.last_zxid.counter() > 1 {
        let shorter = Zxid(recovered.last_zxid.0 - 1);
        let options = RecoveryOptions::default();
        if zoarium_persistence::truncate::truncate(dirs, shorter, &options).is_ok()
            && let Ok(again) = read_back(dirs)
        {
            *recovered = again;
        }
    }
    if bug == Some(Bug::SnapshotMissesZnode) {
        let names = recovered.tree.find("/keep").and_then(|keep| keep.children().next());
        let Some(path) = names.map(|name| format!("/keep/{name}")) else { return };
        let zxid = recovered.tree.last_zxid();
        let header = TxnHeader { session: SessionId::NONE, cxid: 0, zxid, time_ms: 0 };
        let txn = Txn::Delete { path: path.as_str().into(), reaped: false };
        recovered.tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
    }
}
