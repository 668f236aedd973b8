//! What Apache's server would do with a directory, by the rules of its classes `FileTxnSnapLog`,
//! `FileSnap`, `FileTxnLog` and `QuorumPeer`. They differ from ours: a hole in the log goes unnoticed,
//! and an entry with a wrong checksum is final wherever it stands.

use zoarium_persistence::epochs::{EpochFile, read_epoch};
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::names::{SnapshotName, log_name, logs_among, snapshots_among};
use zoarium_persistence::snapshot::load_snapshot;
use zoarium_proto::Zxid;
use zoarium_tree::TreeOptions;

use super::Verdict;
use super::epochs::is_pending;
use crate::error::Error;
use crate::past::names;
use crate::place::Place;
use crate::scan::SCAN_TXN_SIZE_MAX;
use crate::znode_json::Shown;

mod log_file;

use log_file::{End, LogFile};

/// A release line, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// Refuses a log without any bytes.
    V38,
    /// 3.9.5: deletes such a log if it is the last (ZOOKEEPER-2332).
    V39,
}

/// How the start of a server ends.
struct Start {
    last: Zxid,
    why: Option<String>,
}

/// What the two release lines would do, alone or as a member of an ensemble.
///
/// # Errors
/// If the directory cannot be read.
pub fn verdicts(place: &Place) -> Result<Vec<Verdict>, Error> {
    let base = match base(place)? {
        Ok(base) => base,
        Err(why) => {
            let no =
                |server| Verdict { server, starts: false, last_zxid: None, why: Some(why.clone()) };
            return Ok(vec![no("Apache 3.8"), no("Apache 3.9")]);
        }
    };
    let mut verdicts = Vec::new();
    for (server, release) in [("Apache 3.8", Release::V38), ("Apache 3.9", Release::V39)] {
        let start = replay(place, base, release)?;
        let why = start.why.or_else(|| epochs(place, start.last));
        let starts = why.is_none();
        let last_zxid = starts.then_some(Shown(start.last));
        verdicts.push(Verdict { server, starts, last_zxid, why });
    }
    Ok(verdicts)
}

/// The zxid that replay begins after, `None` for an empty database, or why there is none.
fn base(place: &Place) -> Result<Result<Option<Zxid>, String>, Error> {
    let in_snapshots = names(&place.dirs.snapshots)?;
    let in_logs = names(&place.dirs.logs)?;
    if place.dirs.logs_apart {
        let mixed = in_logs.iter().find(|name| name.starts_with("snapshot."));
        let mixed = mixed.or_else(|| in_snapshots.iter().find(|name| name.starts_with("log.")));
        if let Some(name) = mixed {
            return Ok(Err(format!("{name} lies in the wrong one of the two directories")));
        }
    }
    let candidates: Vec<_> = snapshots_among(&in_snapshots)
        .into_iter()
        .filter(|&name| looks_valid(place, name))
        .collect();
    let mut first_error = None;
    for &name in candidates.iter().rev().take(100) {
        let options = TreeOptions::default();
        let dir = &place.dirs.snapshots;
        match load_snapshot(dir, name, options, SCAN_TXN_SIZE_MAX, &mut |_, _| {}) {
            Ok(_) => return Ok(Ok(Some(name.zxid))),
            Err(error) => drop(first_error.get_or_insert_with(|| error.to_string())),
        }
    }
    if let Some(error) = first_error {
        return Ok(Err(format!("no snapshot can be loaded: {error}")));
    }
    // The name alone counts: even a log without entries is one.
    if let Some(first) = logs_among(&in_logs).last() {
        let log = log_name(*first);
        return Ok(Err(format!("there is no snapshot, but {log} (snapshot.trust.empty is false)")));
    }
    Ok(Ok(None))
}

/// Apache looks at a snapshot's first or last bytes to tell whether it is worth loading.
fn looks_valid(place: &Place, name: SnapshotName) -> bool {
    use zoarium_persistence::{Compression, Dir, DirFile};
    let Ok(file) = place.dirs.snapshots.open(&name.file()) else { return false };
    let Ok(size) = file.size() else { return false };
    let mut bytes = [0; 8];
    let (offset, wanted): (u64, &[u8]) = match name.compression {
        Compression::None if size < 10 => return false,
        Compression::None => (size - 5, b"\0\0\0\x01/"),
        Compression::Gzip => (0, b"\x1f\x8b"),
        Compression::Snappy => (0, b"\x82SNAPPY\0"),
    };
    let part = &mut bytes[..wanted.len()];
    file.read_at(offset, part).is_ok_and(|count| count == wanted.len()) && part == wanted
}

fn replay(place: &Place, base: Option<Zxid>, release: Release) -> Result<Start, Error> {
    let mut last = base.unwrap_or_default();
    let all = logs_among(&names(&place.dirs.logs)?);
    let start = all.partition_point(|&first| first <= last).saturating_sub(1);
    let needed = if base.is_some() { &all[start..] } else { &[] };
    for (index, &first) in needed.iter().enumerate() {
        let is_last = index + 1 == needed.len();
        let mut file = LogFile::open(&place.dirs.logs, &log_name(first), MAX_TXN_SIZE)?;
        let end = file.read(&mut last)?;
        let why = match end {
            End::File => continue,
            End::NoBytes if release == Release::V39 && is_last => continue,
            End::NoBytes => "has no bytes (ZOOKEEPER-2332)".to_owned(),
            End::Refused(why) => why,
        };
        return Ok(Start { last, why: Some(format!("{} {why}", log_name(first))) });
    }
    Ok(Start { last, why: None })
}

/// Why a member of an ensemble would not start with its epochs; a standalone server does not read
/// them.
fn epochs(place: &Place, last: Zxid) -> Option<String> {
    let dir = &place.dirs.snapshots;
    let read = |file| read_epoch(dir, file).map_err(|error| error.to_string());
    let (current, accepted) = match (read(EpochFile::Current), read(EpochFile::Accepted)) {
        (Ok(current), Ok(accepted)) => (current, accepted),
        (Err(why), _) | (_, Err(why)) => {
            return Some(format!("{why} (as a member of an ensemble)"));
        }
    };
    let mut current = current.unwrap_or(last.epoch());
    if last.epoch() > current {
        if !is_pending(dir) {
            return Some(format!(
                "currentEpoch {current} is behind the last zxid {last} (as a member of an ensemble)"
            ));
        }
        current = last.epoch();
    }
    let accepted = accepted.unwrap_or(last.epoch());
    (accepted < current).then(|| {
        format!(
            "acceptedEpoch {accepted} is behind currentEpoch {current} (as a member of an ensemble)"
        )
    })
}
