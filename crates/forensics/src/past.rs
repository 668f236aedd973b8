//! The tree as it was after a transaction: from a snapshot, and the log behind it.
//!
//! A snapshot is written while transactions go on, so it may hold parts of later ones than its name
//! says. One that has seen more than the moment asked for is of no use, and an older one is taken.

use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::names::{SnapshotName, logs_among, snapshots_among};
use zoarium_persistence::snapshot::load_snapshot;
use zoarium_persistence::{Dir, LogReader, StorageError};
use zoarium_proto::Zxid;
use zoarium_tree::{Tree, TreeOptions};

use crate::error::Error;
use crate::place::Place;
use crate::progress::Progress;
use crate::scan::SCAN_TXN_SIZE_MAX;

/// The tree at a moment.
#[derive(Debug)]
pub struct Past {
    /// The tree.
    pub tree: Tree,
    /// The last transaction in it.
    pub zxid: Zxid,
    /// The snapshot it stands on; `None` if the log reaches back to the beginning.
    pub snapshot: Option<SnapshotName>,
    /// What should be known before the tree is trusted.
    pub caveats: Vec<String>,
}

/// The tree as it was right after `wanted`, or as it is at the end of the history.
///
/// # Errors
/// If the files do not reach there, or are damaged on the way.
pub fn tree_at(
    place: &Place,
    wanted: Option<Zxid>,
    progress: &mut dyn Progress,
) -> Result<Past, Error> {
    let limit = wanted.unwrap_or(Zxid(u64::MAX));
    let mut past = foundation(place, limit, progress)?;
    if place.file.is_some() {
        // A snapshot by itself has no log behind it.
        return Ok(past);
    }
    let mut log = LogReader::open(&place.dirs.logs, past.zxid, SCAN_TXN_SIZE_MAX)?;
    let mut count = 0_u64;
    loop {
        let entry = match log.next() {
            Ok(Some(entry)) if entry.zxid <= limit => entry,
            Ok(Some(_)) => break,
            Ok(None) => {
                past.caveats.extend(log.take_warnings().iter().map(ToString::to_string));
                if let Some(wanted) = wanted.filter(|&wanted| wanted > past.zxid) {
                    return Err(Error::TooNew { wanted, last: past.zxid });
                }
                break;
            }
            // The end of what is known is as much of an answer as there is, if none was asked for.
            Err(error) if wanted.is_none() => {
                past.caveats.push(error.to_string());
                break;
            }
            Err(error) => return Err(error.into()),
        };
        past.tree.apply(&entry.decode()?, &mut |_| {});
        past.zxid = entry.zxid;
        count += 1;
        if count.is_multiple_of(4096) {
            let done = log.progress();
            progress.at(done.done, done.total);
        }
    }
    if past.tree.is_fuzzy() && past.tree.seen() > past.zxid {
        past.caveats.push(format!(
            "the snapshot has seen changes up to {}, later than {}: parts of them may show",
            past.tree.seen(),
            past.zxid
        ));
    }
    Ok(past)
}

/// What the tree is replayed from: the newest usable snapshot, or nothing if the log is whole.
fn foundation(place: &Place, limit: Zxid, progress: &mut dyn Progress) -> Result<Past, Error> {
    let dir = &place.dirs.snapshots;
    let named = place.snapshot_named()?;
    let all = match named {
        Some(name) => vec![name],
        None => snapshots_among(&names(dir)?),
    };
    let mut caveats = Vec::new();
    let mut fuzzy = None;
    for &name in all.iter().rev().filter(|name| name.zxid <= limit) {
        let mut on_progress = |done, total| progress.at(done, total);
        let options = TreeOptions::default();
        match load_snapshot(dir, name, options, SCAN_TXN_SIZE_MAX, &mut on_progress) {
            Ok(loaded) => {
                let zxid = name.zxid;
                let past = Past { tree: loaded.tree, zxid, snapshot: Some(name), caveats: vec![] };
                if loaded.seen <= limit || named.is_some() {
                    return Ok(Past { caveats, ..past });
                }
                fuzzy.get_or_insert(past);
            }
            Err(error) => caveats.push(error.to_string()),
        }
    }
    let first = logs_among(&names(&place.dirs.logs)?).first().copied();
    // The log of a new ensemble begins with 0x1 or 0x100000001; nothing is known to be before it.
    let is_whole = first.is_some_and(|first| {
        let is_before = |name: &SnapshotName| Zxid::ZERO < name.zxid && name.zxid < first;
        first.counter() == 1 && first.epoch() <= 1 && !all.iter().any(is_before)
    });
    if is_whole || (all.is_empty() && first.is_none()) {
        let tree = Tree::new(TreeOptions::default());
        return Ok(Past { tree, zxid: Zxid::ZERO, snapshot: None, caveats });
    }
    if let Some(past) = fuzzy {
        return Ok(Past { caveats, ..past });
    }
    match all.first() {
        Some(oldest) if oldest.zxid > limit => {
            Err(Error::TooOld { wanted: limit, oldest: oldest.zxid })
        }
        Some(_) | None => Err(Error::NoSnapshot { directory: dir.path_of("") }),
    }
}

/// The names in a directory.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn names<D: Dir>(dir: &D) -> Result<Vec<String>, Error> {
    dir.names().map_err(|error| Error::Path {
        path: dir.path_of("").into(),
        source: std::io::Error::other(error),
    })
}

/// Loads the snapshot that a place names, or its newest one that can be loaded.
///
/// # Errors
/// If there is none.
pub fn one_snapshot(
    place: &Place,
    progress: &mut dyn Progress,
) -> Result<(SnapshotName, Tree, Zxid), Error> {
    let dir = &place.dirs.snapshots;
    let all = match place.snapshot_named()? {
        Some(name) => vec![name],
        None => snapshots_among(&names(dir)?),
    };
    let mut first_error: Option<StorageError> = None;
    for &name in all.iter().rev() {
        let mut on_progress = |done, total| progress.at(done, total);
        let options = TreeOptions::default();
        match load_snapshot(dir, name, options, MAX_TXN_SIZE, &mut on_progress) {
            Ok(loaded) => return Ok((name, loaded.tree, loaded.seen)),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) => Err(error.into()),
        None => Err(Error::NoSnapshot { directory: dir.path_of("") }),
    }
}
