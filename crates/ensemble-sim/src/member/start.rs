//! From what is on disk to a server that runs.
#![expect(clippy::wildcard_enum_match_arm, reason = "most warnings are what crashes leave")]

use super::connections::Connections;
use super::history::{Histories, txn};
use super::links::Links;
use super::misconduct::Misconduct;
use super::records::Records;
use super::sabotage::Planted;
use super::snapshots::Snapshots;
use super::transfer::Transfers;
use super::{Member, Recovery};
use crate::bug::Bug;
use crate::client::TIMEOUT;
use crate::disk::{DiskState, ServerDisk};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use zoarium_peer::{Peer, PeerOptions};
use zoarium_persistence::epochs::Epochs;
use zoarium_persistence::journal::{
    Lineage, MemberOptions as JournalMemberOptions, RecoveredMember, recover_member,
};
use zoarium_persistence::mem_dir::MemDir;
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
    pub ensemble: Option<ZabSetup>,
    /// What it does wrong, if anything.
    pub bug: Option<Bug>,
}

/// How a member of an ensemble is set up.
#[derive(Clone, Debug)]
pub struct ZabSetup {
    /// Who is in it at first.
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
        let setup = options.ensemble.as_ref();
        let found = disk.with_room(|_| match options.bug {
            Some(Bug::ChecksumIgnored) => read_back_unchecked(&dirs, setup),
            Some(_) | None => read_back(&dirs, setup),
        });
        let mut found = found.map_err(|error| refusal(disk, &error))?;
        if restarts > 0 {
            sabotage(options.bug, &dirs, &mut found.recovered);
        }
        let recovery = Recovery::of(&found, options.ensemble.is_none(), disk.state());
        let RecoveredMember { recovered, epochs, tail, floor, membership } = found;
        let Recovered { tree, last_zxid, .. } = recovered;
        let members = disk.members();
        let peer = match &options.ensemble {
            Some(setup) => {
                let recovered = zoarium_zab::Recovered {
                    accepted_epoch: Epoch(epochs.accepted),
                    current_epoch: Epoch(epochs.current),
                    last: last_zxid,
                    tail: tail.into_iter().map(txn).collect(),
                    floor,
                    proposed: membership.map(Arc::new),
                };
                let in_force = members.borrow().clone();
                let in_force = in_force.unwrap_or_else(|| Arc::clone(&setup.membership));
                let zab = Zab::new(setup.zab.clone(), in_force, recovered);
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
            members,
            records,
            peer_effects: Effects::new(),
            peer_inputs: VecDeque::new(),
            is_stepping: false,
            asked: PersistSeq::default(),
            persisted: PersistSeq::default(),
            lineage: Lineage::default(),
            under_way: VecDeque::new(),
            barrier: None,
            waiting: VecDeque::new(),
            recovered: recovery,
            planted: Planted { is_deaf, ..Planted::default() },
            misconduct: Misconduct::default(),
            tree,
        })
    }
}

impl Recovery {
    fn of(found: &RecoveredMember, is_alone: bool, disk: DiskState) -> Self {
        let RecoveredMember { recovered, epochs, .. } = found;
        let is_odd = |warning: &&StorageWarning| match warning {
            StorageWarning::SnapshotSkipped { .. } if disk == DiskState::Damaged => false,
            warning => is_odd(warning, is_alone),
        };
        let odd = recovered.warnings.iter().filter(is_odd);
        Self {
            last_zxid: recovered.tree.last_zxid(),
            digest_mismatches: recovered.stats.digest_mismatches,
            oddities: odd.map(|warning| format!("{warning:?}")).collect(),
            is_whole: recovered.seen <= recovered.last_zxid && !recovered.tree.is_fuzzy(),
            epochs: (epochs.accepted, epochs.current),
            is_wiped: disk == DiskState::Wiped,
        }
    }
}

/// What is on disk. A server that is alone keeps no epochs.
fn read_back(
    dirs: &DataDirs<MemDir>,
    setup: Option<&ZabSetup>,
) -> Result<RecoveredMember, StorageError> {
    purge::remove_leftovers(dirs)?;
    let recovery = RecoveryOptions::default();
    if let Some(setup) = setup {
        let options = JournalMemberOptions { recovery, tail_max: setup.zab.committed_log_max };
        return recover_member(dirs, &options, |_| {});
    }
    let recovered = recover(dirs, &recovery, |_| {})?;
    let (epochs, tail, floor) = (Epochs::default(), Vec::new(), recovered.last_zxid);
    Ok(RecoveredMember { recovered, epochs, tail, floor, membership: None })
}

/// The same as [`Bug::ChecksumIgnored`] does it: an entry of the log has the checksum that it needs.
fn read_back_unchecked(
    dirs: &DataDirs<MemDir>,
    setup: Option<&ZabSetup>,
) -> Result<RecoveredMember, StorageError> {
    loop {
        match read_back(dirs, setup) {
            Err(StorageError::EntryChecksum { file, offset, expected, found, .. }) => {
                let name = file.rsplit('/').next().unwrap_or_default();
                for bit in (0..64).filter(|bit| (expected ^ found) >> (63 - bit) & 1 == 1) {
                    // The number is written with its highest byte first.
                    let at = offset * 8 + bit / 8 * 8 + (7 - bit % 8);
                    dirs.logs.flip(name, at).expect("the log was just read");
                }
            }
            found => return found,
        }
    }
}

fn refusal(disk: &ServerDisk, error: &StorageError) -> StartError {
    if disk.is_halted() {
        return StartError::Halted;
    }
    if disk.state() == DiskState::Damaged {
        return StartError::Refused;
    }
    let rule = "what a crash leaves can be recovered from";
    StartError::Unrecoverable(Violation::new(rule, error.to_string()))
}

/// Crashes tear the end of a log and leave snapshots unfinished, and a snapshot that a leader has
/// sent while txns went on is ahead of the log. Nothing else is to be expected.
const fn is_odd(warning: &StorageWarning, is_alone: bool) -> bool {
    match warning {
        StorageWarning::SnapshotSkipped { .. } | StorageWarning::DigestMismatch { .. } => true,
        StorageWarning::SnapshotAheadOfLog { .. } => is_alone,
        _ => false,
    }
}

/// Spoils what was recovered as a planted bug would.
fn sabotage(bug: Option<Bug>, dirs: &DataDirs<MemDir>, recovered: &mut Recovered) {
    if bug == Some(Bug::LogTailIgnored) && recovered.last_zxid.counter() > 1 {
        let shorter = Zxid(recovered.last_zxid.0 - 1);
        let options = RecoveryOptions::default();
        if zoarium_persistence::truncate::truncate(dirs, shorter, &options).is_ok()
            && let Ok(again) = read_back(dirs, None)
        {
            *recovered = again.recovered;
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
