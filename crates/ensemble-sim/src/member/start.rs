//! From what is on disk to a server that runs.

use super::connections::Connections;
use super::history::Histories;
use super::links::Links;
use super::records::Records;
use super::sabotage::Planted;
use super::snapshots::Snapshots;
use super::transfer::Transfers;
use super::{Member, Recovery};
use crate::bug::Bug;
use crate::client::TIMEOUT;
use crate::disk::ServerDisk;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use zoarium_peer::{Peer, PeerOptions};
use zoarium_persistence::epochs::{Epochs, recover_epochs};
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::recovery::RecoveryEvent;
use zoarium_persistence::{
    DataDirs, Recovered, RecoveryOptions, StorageError, StorageWarning, purge, recover,
};
use zoarium_process::{Effects, Now, PersistSeq};
use zoarium_proto::txn::{LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{Membership, SessionId, Zxid};
use zoarium_sim::{StartError, Violation};
use zoarium_tree::access::AccessRules;
use zoarium_tree::watches::Watches;
use zoarium_zab::{Epoch, Zab, ZabOptions};

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct MemberOptions {
    /// The peer's options.
    pub peer: PeerOptions,
    /// What else there is; nothing if the server is alone.
    pub ensemble: Option<EnsembleOptions>,
    /// What it does wrong, if anything.
    pub bug: Option<Bug>,
}

/// How a member of an ensemble is set up.
#[derive(Clone, Debug)]
pub struct EnsembleOptions {
    /// Who is in it.
    pub membership: Arc<Membership>,
    /// The options of the agreement.
    pub zab: ZabOptions,
}

impl MemberOptions {
    /// A server with short timeouts that is alone, and a bug if one is to be found.
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
            ensemble: zoarium_peer::EnsembleOptions::default(),
        };
        Self { peer, ensemble: None, bug }
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
        let mut tail = Tail::new(options.ensemble.as_ref());
        let recovered = disk.with_room(|_| read_back(&dirs, &mut tail));
        let mut recovered = recovered.map_err(|error| refusal(disk, &error))?;
        if restarts > 0 {
            sabotage(options.bug, &dirs, &mut recovered);
        }
        let epochs = match &options.ensemble {
            Some(_) => {
                let last = recovered.last_zxid;
                let warnings = &mut recovered.warnings;
                let epochs = disk.with_room(|_| recover_epochs(&dirs.snapshots, last, warnings));
                epochs.map_err(|error| refusal(disk, &error))?
            }
            None => Epochs::default(),
        };
        let Recovered { tree, last_zxid, seen, last_snapshot, warnings, stats, .. } = recovered;
        let oddities = warnings.iter().filter(|it| is_odd(it)).map(|it| format!("{it:?}"));
        let is_whole = seen <= last_zxid && !tree.is_fuzzy();
        let recovery = Recovery {
            last_zxid: tree.last_zxid(),
            digest_mismatches: stats.digest_mismatches,
            oddities: oddities.collect(),
            is_whole,
            epochs: (epochs.accepted, epochs.current),
        };
        let peer = match &options.ensemble {
            Some(ensemble) => {
                let recovered = zoarium_zab::Recovered {
                    accepted_epoch: Epoch(epochs.accepted),
                    current_epoch: Epoch(epochs.current),
                    last: last_zxid,
                    tail: tail.txns.into(),
                    floor: last_snapshot.unwrap_or(last_zxid),
                    proposed: None,
                };
                let membership = Arc::clone(&ensemble.membership);
                let zab = Zab::new(ensemble.zab.clone(), membership, recovered);
                Peer::member(options.peer.clone(), zab, &tree, now)
            }
            None => Peer::new(options.peer.clone(), &tree, now),
        };
        let mut records = Records::default();
        records.restart(tree.sessions(), now.mono);
        let is_deaf = restarts > 0 && options.bug == Some(Bug::DeafAfterRestart);
        Ok(Self {
            peer,
            links: Links::new(options.peer.server_id, restarts),
            is_serving: options.ensemble.is_none(),
            options,
            watches: Watches::new(seed),
            connections: Connections::default(),
            transfers: Transfers::default(),
            histories: Histories::default(),
            snapshots: Snapshots::new(dirs),
            handover: disk.open(last_zxid),
            records,
            peer_effects: Effects::new(),
            peer_inputs: VecDeque::new(),
            is_stepping: false,
            asked: PersistSeq::default(),
            barrier: None,
            waiting: VecDeque::new(),
            is_fuzzy: !is_whole,
            recovered: recovery,
            planted: Planted { is_deaf, ..Planted::default() },
            tree,
        })
    }
}

/// The newest txns that were read back.
#[derive(Debug)]
struct Tail {
    txns: VecDeque<zoarium_zab::Txn>,
    max: usize,
}

impl Tail {
    fn new(ensemble: Option<&EnsembleOptions>) -> Self {
        let max = ensemble.map_or(0, |ensemble| ensemble.zab.committed_log_max);
        Self { txns: VecDeque::new(), max }
    }

    fn add(&mut self, zxid: Zxid, txn: &[u8]) {
        let bytes = Bytes::copy_from_slice(txn);
        self.txns.push_back(zoarium_zab::Txn { zxid, bytes, membership: None });
        if self.txns.len() > self.max {
            self.txns.pop_front();
        }
    }
}

fn read_back(dirs: &DataDirs<MemDir>, tail: &mut Tail) -> Result<Recovered, StorageError> {
    purge::remove_leftovers(dirs)?;
    recover(dirs, &RecoveryOptions::default(), |event| {
        if let RecoveryEvent::Applied(zxid, txn) = event {
            tail.add(zxid, txn);
        }
    })
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
fn sabotage(bug: Option<Bug>, dirs: &DataDirs<MemDir>, recovered: &mut Recovered) {
    if bug == Some(Bug::LogTailIgnored) && recovered.last_zxid.counter() > 1 {
        let shorter = Zxid(recovered.last_zxid.0 - 1);
        let options = RecoveryOptions::default();
        if zoarium_persistence::truncate::truncate(dirs, shorter, &options).is_ok()
            && let Ok(again) = read_back(dirs, &mut Tail::new(None))
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
