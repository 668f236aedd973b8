//! From the files of a server to its tree: the newest intact snapshot, then the log.
//!
//! Nothing that is read is changed; the only writes are the first snapshot of an empty server, the
//! removal of its `initialize` marker, and what is left to do of taking over a received snapshot.
//! So recovery can be interrupted and repeated at will.

use crate::dir::{DataDirs, Dir, DirError};
use crate::error::{Operation, StorageError};
use crate::io;
use crate::journal::finish_install;
use crate::log_reader::{LogReader, MAX_TXN_SIZE};
use crate::names::{Compression, snapshots_among};
use crate::snapshot::{LoadedSnapshot, load_snapshot, write_snapshot};
use crate::warning::StorageWarning;
use alloc::boxed::Box;
use alloc::vec::Vec;
use zoarium_proto::Zxid;
use zoarium_tree::{Tree, TreeOptions};

/// The marker that lets a new server trust its empty database (ZOOKEEPER-261). It lies in
/// `dataDir`, where Apache's script puts it; Apache's server looks in `dataLogDir`.
pub const INITIALIZE_MARKER: &str = "initialize";

/// How recovery treats what it finds.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryOptions {
    /// How the tree behaves.
    pub tree: TreeOptions,
    /// The largest txn and znode that is read, in bytes.
    pub max_txn_size: u32,
    /// Whether a log without any snapshot is replayed from its beginning instead of refused
    /// (`zookeeper.snapshot.trust.empty`).
    pub trust_log_without_snapshot: bool,
    /// Whether an empty database is trusted without a marker (`zookeeper.db.autocreate`).
    pub trust_empty: bool,
    /// How the snapshot of an empty database is packed.
    pub compression: Compression,
    /// Whether it has the part that releases from 3.9 on know.
    pub with_last_zxid: bool,
}

impl Default for RecoveryOptions {
    /// Apache's defaults.
    fn default() -> Self {
        Self {
            tree: TreeOptions::default(),
            max_txn_size: MAX_TXN_SIZE,
            trust_log_without_snapshot: false,
            trust_empty: true,
            compression: Compression::None,
            with_last_zxid: true,
        }
    }
}

/// What recovery does while it does it, which may be for a while.
#[derive(Clone, Copy, Debug)]
pub enum RecoveryEvent<'a> {
    /// So much of a snapshot is read. It begins anew with each snapshot that is tried.
    SnapshotProgress(Progress),
    /// So much of the log since the snapshot is read.
    LogProgress(Progress),
    /// A txn was applied: its zxid, and the same bytes as in its proposal.
    Applied(Zxid, &'a [u8]),
}

/// How far a phase of recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are read.
    pub done: u64,
    /// Bytes that there are.
    pub total: u64,
}

/// Told of each event.
pub type OnEvent<'f> = dyn FnMut(RecoveryEvent<'_>) + 'f;

/// What recovery made of the files.
#[derive(Debug)]
pub struct Recovered {
    /// The tree.
    pub tree: Tree,
    /// The end of the history. What was logged and perhaps not committed is applied: in Zab a
    /// process's whole log is its history.
    pub last_zxid: Zxid,
    /// The highest zxid that has left something in the tree. While it is above `last_zxid`, the
    /// tree is of no one moment and no reads may be served.
    pub seen: Zxid,
    /// Whether the database is empty without anyone having said that it may be. Such a server does
    /// not vote for itself (ZOOKEEPER-261).
    pub untrusted: bool,
    /// The snapshot that the tree stands on; `None` if there was none to read.
    pub last_snapshot: Option<Zxid>,
    /// The highest zxid that was known to have left something in that snapshot.
    pub snapshot_seen: Zxid,
    /// What was odd and could be lived with.
    pub warnings: Vec<StorageWarning>,
    /// What was read.
    pub stats: RecoveryStats,
}

/// What recovery has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryStats {
    /// Snapshots that were newer than the one that could be loaded.
    pub snapshots_skipped: u64,
    /// Txns applied from the log.
    pub txns_applied: u64,
    /// Digests that the tree did not have.
    pub digest_mismatches: u64,
}

/// Reads a server's files.
///
/// # Errors
/// If they are damaged in a way that no crash explains, or do not make one history.
pub fn recover<D: Dir + Clone>(
    dirs: &DataDirs<D>,
    options: &RecoveryOptions,
    mut on_event: impl FnMut(RecoveryEvent<'_>),
) -> Result<Recovered, StorageError> {
    refuse_mixed_directories(dirs)?;
    finish_install(dirs)?;
    let mut skipped = Vec::new();
    let Some(loaded) = newest_snapshot(dirs, options, &mut skipped, &mut on_event)? else {
        return recover_without_snapshot(dirs, options, skipped, &mut on_event);
    };
    remove_marker(&dirs.root)?;
    let last_snapshot = Some(loaded.tree.last_zxid());
    match replay(dirs, options, loaded, &mut on_event) {
        Ok(recovered) => Ok(Recovered { last_snapshot, ..recovered.after(skipped) }),
        // What is wrong with the log matters only because a newer snapshot is.
        Err(source) => Err(match skipped.into_iter().next() {
            Some(snapshot) => StorageError::OlderSnapshot {
                snapshot: Box::new(snapshot),
                source: Box::new(source),
            },
            None => source,
        }),
    }
}

impl Recovered {
    /// Adds the snapshots that could not be loaded before.
    fn after(mut self, skipped: Vec<StorageError>) -> Self {
        self.stats.snapshots_skipped = skipped.len() as u64;
        let skipped = skipped.into_iter().map(|error| StorageWarning::SnapshotSkipped { error });
        self.warnings.splice(0..0, skipped);
        self
    }
}

/// Apache's `FileTxnSnapLog` checks the same (ZOOKEEPER-2967).
fn refuse_mixed_directories<D: Dir>(dirs: &DataDirs<D>) -> Result<(), StorageError> {
    if !dirs.logs_apart {
        return Ok(());
    }
    if let Some(name) = io::names(&dirs.logs)?.iter().find(|name| name.starts_with("snapshot.")) {
        return Err(StorageError::SnapshotAmongLogs { file: dirs.logs.path_of(name) });
    }
    if let Some(name) = io::names(&dirs.snapshots)?.iter().find(|name| name.starts_with("log.")) {
        return Err(StorageError::LogAmongSnapshots { file: dirs.snapshots.path_of(name) });
    }
    Ok(())
}

/// The newest snapshot that can be loaded; `None` if there is none, or none but damaged ones of an
/// empty tree, which are worth nothing.
fn newest_snapshot<D: Dir>(
    dirs: &DataDirs<D>,
    options: &RecoveryOptions,
    skipped: &mut Vec<StorageError>,
    on_event: &mut OnEvent<'_>,
) -> Result<Option<LoadedSnapshot>, StorageError> {
    let names = snapshots_among(&io::names(&dirs.snapshots)?);
    let mut on_progress =
        |done, total| on_event(RecoveryEvent::SnapshotProgress(Progress { done, total }));
    for &name in names.iter().rev() {
        let (tree, max_txn_size) = (options.tree, options.max_txn_size);
        match load_snapshot(&dirs.snapshots, name, tree, max_txn_size, &mut on_progress) {
            Ok(loaded) => return Ok(Some(loaded)),
            Err(error) => skipped.push(error),
        }
    }
    let tried = names.len();
    match names.last() {
        Some(newest) if newest.zxid > Zxid::ZERO => {
            let newest = Box::new(skipped.swap_remove(0));
            Err(StorageError::NoValidSnapshot { tried, newest })
        }
        Some(_) | None => Ok(None),
    }
}

fn recover_without_snapshot<D: Dir + Clone>(
    dirs: &DataDirs<D>,
    options: &RecoveryOptions,
    skipped: Vec<StorageError>,
    on_event: &mut OnEvent<'_>,
) -> Result<Recovered, StorageError> {
    let tree = Tree::new(options.tree);
    let loaded = LoadedSnapshot { tree, seen: Zxid::ZERO, digest_matches: None };
    if let Some(entry) = LogReader::open(&dirs.logs, Zxid::ZERO, options.max_txn_size)?.next()? {
        if !options.trust_log_without_snapshot {
            return Err(StorageError::LogWithoutSnapshot { file: entry.file.into() });
        }
        remove_marker(&dirs.root)?;
        return Ok(replay(dirs, options, loaded, on_event)?.after(skipped));
    }
    // There is nothing to replay, but perhaps something to warn of.
    let mut recovered = replay(dirs, options, loaded, on_event)?.after(skipped);
    let marked = io::open_if_there(&dirs.root, INITIALIZE_MARKER)?.is_some();
    recovered.untrusted = !marked && !options.trust_empty;
    if !recovered.untrusted {
        // Before the marker goes, or a crash in between would leave a server that nobody trusts.
        let (tree, compression) = (&mut recovered.tree, options.compression);
        let name = write_snapshot(&dirs.snapshots, tree, compression, options.with_last_zxid)?;
        recovered.last_snapshot = Some(name.zxid);
        remove_marker(&dirs.root)?;
    }
    Ok(recovered)
}

/// How many txns are applied between two [`RecoveryEvent::LogProgress`].
const TXNS_PER_PROGRESS: u64 = 1024;

fn replay<D: Dir>(
    dirs: &DataDirs<D>,
    options: &RecoveryOptions,
    loaded: LoadedSnapshot,
    on_event: &mut OnEvent<'_>,
) -> Result<Recovered, StorageError> {
    let LoadedSnapshot { mut tree, seen, digest_matches } = loaded;
    let start = tree.last_zxid();
    let mut stats = RecoveryStats::default();
    let mut digests = DigestChecks::default();
    digests.note(start, digest_matches);
    let mut log = LogReader::open(&dirs.logs, start, options.max_txn_size)?;
    while let Some(entry) = log.next()? {
        let txn = entry.decode()?;
        let applied = tree.apply(&txn, &mut |_| {});
        digests.note(entry.zxid, applied.digest_matches);
        on_event(RecoveryEvent::Applied(entry.zxid, entry.txn));
        stats.txns_applied += 1;
        if stats.txns_applied.is_multiple_of(TXNS_PER_PROGRESS) {
            on_event(RecoveryEvent::LogProgress(log.progress()));
        }
    }
    on_event(RecoveryEvent::LogProgress(log.progress()));
    let last = log.last();
    let mut warnings = log.take_warnings();
    stats.digest_mismatches = digests.mismatches;
    if let Some(first) = digests.first_mismatch {
        let mismatches = digests.mismatches;
        warnings.push(StorageWarning::DigestMismatch { first, mismatches });
    }
    if seen > last {
        warnings.push(StorageWarning::SnapshotAheadOfLog { last, seen });
    }
    Ok(Recovered {
        tree,
        last_zxid: last,
        seen: seen.max(last),
        untrusted: false,
        last_snapshot: None,
        snapshot_seen: seen,
        warnings,
        stats,
    })
}

/// Apache only logs and counts digests that differ; so do we, but once.
#[derive(Debug, Default)]
struct DigestChecks {
    mismatches: u64,
    first_mismatch: Option<Zxid>,
}

impl DigestChecks {
    fn note(&mut self, zxid: Zxid, matches: Option<bool>) {
        if matches == Some(false) {
            self.mismatches += 1;
            self.first_mismatch.get_or_insert(zxid);
        }
    }
}

fn remove_marker<D: Dir>(root: &D) -> Result<(), StorageError> {
    match root.remove(INITIALIZE_MARKER) {
        Ok(()) => io::sync(root),
        Err(error) if error.is_missing() => Ok(()),
        Err(error) => {
            let file = root.path_of(INITIALIZE_MARKER);
            Err(io::io_error(Operation::Remove, file, error))
        }
    }
}

#[cfg(test)]
mod tests;
