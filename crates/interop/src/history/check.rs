//! Whether a history can have happened on one copy of the data, and whether that is what is there.
//!
//! Versions order the writes of a key, so linearizability is decided in one pass: each version
//! must have a point in time within its write's interval, in the order of versions.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Event, History, Op};
use crate::dump::Dump;

/// What is known about one version of a key.
#[derive(Clone, Debug)]
struct Version {
    value: String,
    mzxid: i64,
    /// The write cannot have taken effect earlier, or later.
    from: u64,
    until: u64,
    /// Its write was acknowledged.
    is_acknowledged: bool,
}

/// The versions of each key.
type Versions = BTreeMap<String, BTreeMap<i32, Version>>;

/// Judges all but sessions: writes are linearizable, none that was acknowledged is lost, none took
/// effect twice, and nothing that was read has ever been undone. `tree` is the state at the end.
pub(crate) fn history(history: &History, root: &str, tree: &Dump) -> Result<()> {
    let versions = versions(history, root, tree)?;
    for (key, versions) in &versions {
        linearizable(versions).with_context(|| format!("{root}/{key}"))?;
    }
    counted(history, &versions)?;
    read_in_order(history, &versions)?;
    first_in_first_out(history, &versions)?;
    created(history, root, tree)
}

/// In a session no reply is older than one before it.
pub(crate) fn sessions(history: &History) -> Result<()> {
    for ops in by_client(history).values() {
        let mut newest = 0;
        for op in ops.iter().filter(|op| op.zxid > 0) {
            ensure!(
                op.zxid >= newest,
                "client {} went back from zxid {newest:#x} to {:#x} at {} us: {:?}",
                op.client,
                op.zxid,
                op.ended,
                op.event
            );
            newest = op.zxid;
        }
    }
    Ok(())
}

/// The ephemerals under `root/held` are exactly those of these sessions, one each.
pub(crate) fn ephemerals(tree: &Dump, root: &str, sessions: &[i64]) -> Result<()> {
    let prefix = format!("{root}/held/");
    let mut owners: Vec<i64> = Vec::new();
    for (_, znode) in tree.iter().filter(|(path, _)| path.starts_with(&prefix)) {
        owners.push(znode["stat"]["ephemeralOwner"].as_i64().context("ephemeralOwner")?);
    }
    let mut wanted = sessions.to_vec();
    owners.sort_unstable();
    wanted.sort_unstable();
    ensure!(owners == wanted, "ephemerals of {owners:x?}, expected of {wanted:x?}");
    Ok(())
}

fn versions(history: &History, root: &str, tree: &Dump) -> Result<Versions> {
    let mut all = Versions::new();
    let mut lost: BTreeMap<&str, u64> = BTreeMap::new();
    for op in &history.ops {
        match &op.event {
            Event::Wrote { key, value, expected, version, mzxid } => {
                if let Some(expected) = expected {
                    ensure!(expected + 1 == *version, "a write on {expected} made {version}");
                }
                let known = note(&mut all, key, *version, value, *mzxid)?;
                ensure!(!known.is_acknowledged, "{key}: two writes made version {version}");
                (known.from, known.until) = (op.began, op.ended.min(known.until));
                known.is_acknowledged = true;
            }
            Event::Read { key, value, version, mzxid } => {
                let known = note(&mut all, key, *version, value, *mzxid)?;
                known.until = known.until.min(op.ended);
            }
            Event::MaybeWrote { value, .. } => drop(lost.insert(value, op.began)),
            Event::Created { .. } | Event::MaybeCreated { .. } | Event::Replied => {}
        }
    }
    for (key, versions) in &mut all {
        let path = format!("{root}/{key}");
        let znode = tree.get(&path).with_context(|| format!("{path} is gone"))?;
        let (value, stat) = (text(znode)?, &znode["stat"]);
        let last = i32::try_from(stat["version"].as_i64().context("version")?)?;
        let mzxid = stat["mzxid"].as_i64().context("mzxid")?;
        let newest = versions.keys().next_back().copied().unwrap_or_default();
        ensure!(last >= newest, "{path} has version {last}, but version {newest} was seen");
        note_in(versions, key, last, &value, mzxid)?;
        for version in versions.values_mut().filter(|version| !version.is_acknowledged) {
            version.from = lost.get(version.value.as_str()).copied().unwrap_or_default();
        }
    }
    Ok(all)
}

/// Adds a sighting of a version; all sightings must agree.
fn note<'a>(
    all: &'a mut Versions,
    key: &str,
    version: i32,
    value: &str,
    mzxid: i64,
) -> Result<&'a mut Version> {
    note_in(all.entry(key.to_owned()).or_default(), key, version, value, mzxid)
}

fn note_in<'a>(
    versions: &'a mut BTreeMap<i32, Version>,
    key: &str,
    version: i32,
    value: &str,
    mzxid: i64,
) -> Result<&'a mut Version> {
    let fresh = || Version {
        value: value.to_owned(),
        mzxid,
        from: 0,
        until: u64::MAX,
        is_acknowledged: false,
    };
    let known = versions.entry(version).or_insert_with(fresh);
    ensure!(
        known.value == value && known.mzxid == mzxid,
        "{key} version {version} is {value:?} at {mzxid:#x}, but was {:?} at {:#x}",
        known.value,
        known.mzxid
    );
    Ok(known)
}

/// Points in time exist for all versions, in their order, each within its write's interval.
fn linearizable(versions: &BTreeMap<i32, Version>) -> Result<()> {
    let mut earliest = 0;
    let mut last_mzxid = -1;
    for (number, version) in versions {
        earliest = earliest.max(version.from);
        ensure!(
            earliest <= version.until,
            "version {number} ({}) was there at {} us, but an earlier version was written after {} us",
            version.value,
            version.until,
            earliest
        );
        ensure!(version.mzxid > last_mzxid, "version {number} has mzxid {:#x}", version.mzxid);
        last_mzxid = version.mzxid;
    }
    Ok(())
}

/// Each version comes from one write: no value stands in two versions, and there are no more
/// versions than writes.
fn counted(history: &History, versions: &Versions) -> Result<()> {
    let mut asked: BTreeMap<&str, i32> = BTreeMap::new();
    for op in &history.ops {
        if let Event::Wrote { key, .. } | Event::MaybeWrote { key, .. } = &op.event {
            *asked.entry(key).or_default() += 1;
        }
    }
    for (key, versions) in versions {
        let mut values = BTreeSet::new();
        for (number, version) in versions {
            ensure!(values.insert(&version.value), "{key}: {:?} was written twice", version.value);
            let is_first = *number == 0 && version.value.is_empty();
            ensure!(is_first || *number > 0, "{key} began with {:?}", version.value);
        }
        let (asked, last) = (asked.get(key.as_str()).copied().unwrap_or(0), versions.keys().max());
        ensure!(last <= Some(&asked), "{key} has version {last:?} after {asked} writes");
    }
    Ok(())
}

/// A session that has seen a zxid sees all writes up to it, in every key.
fn read_in_order(history: &History, versions: &Versions) -> Result<()> {
    for ops in by_client(history).values() {
        let mut newest = 0;
        for op in ops {
            if let Event::Read { key, version, mzxid, .. } = &op.event {
                ensure!(*mzxid <= op.zxid, "{key} of {mzxid:#x} in a reply of {:#x}", op.zxid);
                let next = versions.get(key).and_then(|it| it.range(version + 1..).next());
                if let Some((next, later)) = next {
                    ensure!(
                        later.mzxid > newest,
                        "client {} read version {version} of {key} having seen {newest:#x}, but \
                         version {next} is from {:#x}",
                        op.client,
                        later.mzxid
                    );
                }
            }
            newest = newest.max(op.zxid);
        }
    }
    Ok(())
}

/// The writes of one client take effect in the order in which it asked for them, also those whose
/// reply was lost.
fn first_in_first_out(history: &History, versions: &Versions) -> Result<()> {
    let mut effects: BTreeMap<&str, i64> = BTreeMap::new();
    for version in versions.values().flat_map(BTreeMap::values) {
        effects.insert(&version.value, version.mzxid);
    }
    for ops in by_client(history).values() {
        let mut newest = 0;
        for op in ops {
            let effect = match &op.event {
                Event::Wrote { mzxid, .. } => Some(*mzxid),
                Event::MaybeWrote { value, .. } => effects.get(value.as_str()).copied(),
                Event::Created { czxid, .. } => Some(*czxid),
                Event::Read { .. } | Event::MaybeCreated { .. } | Event::Replied => None,
            };
            let Some(effect) = effect else { continue };
            ensure!(
                effect > newest,
                "client {}: {:?} took effect at {effect:#x}, after one it asked for later ({newest:#x})",
                op.client,
                op.event
            );
            newest = effect;
        }
    }
    Ok(())
}

/// All acknowledged creates are there, once; the numbers follow the zxids and real time.
fn created(history: &History, root: &str, tree: &Dump) -> Result<()> {
    let prefix = format!("{root}/created/");
    let mut found: BTreeMap<&str, (String, i64)> = BTreeMap::new();
    for (path, znode) in tree.range(prefix.clone()..) {
        let Some(name) = path.strip_prefix(&prefix) else { break };
        let czxid = znode["stat"]["czxid"].as_i64().context("czxid")?;
        found.insert(name, (text(znode)?, czxid));
    }
    let mut lost = BTreeSet::new();
    let mut times: BTreeMap<&str, &Op> = BTreeMap::new();
    for op in &history.ops {
        match &op.event {
            Event::Created { name, value, czxid } => {
                ensure!(times.insert(name, op).is_none(), "{name} was given out twice");
                match found.get(name.as_str()) {
                    Some((kept, zxid)) if kept == value && zxid == czxid => {}
                    other => bail!("acknowledged {prefix}{name} ({value}) is {other:?}"),
                }
            }
            Event::MaybeCreated { value } => drop(lost.insert(value.as_str())),
            Event::Wrote { .. }
            | Event::MaybeWrote { .. }
            | Event::Read { .. }
            | Event::Replied => {}
        }
    }
    let mut values = BTreeSet::new();
    let mut last = 0;
    // The latest beginning of a create so far: no later number may have ended before it.
    let mut began = 0;
    for (name, (value, czxid)) in &found {
        ensure!(values.insert(value), "{prefix}{name}: {value:?} was created twice");
        ensure!(*czxid > last, "{prefix}{name} has a smaller czxid than the number before it");
        last = *czxid;
        match times.get(name) {
            Some(op) => {
                ensure!(op.ended >= began, "{prefix}{name} was there before a smaller number");
                began = began.max(op.began);
            }
            None => ensure!(lost.contains(value.as_str()), "{prefix}{name}: nobody asked for it"),
        }
    }
    Ok(())
}

fn by_client(history: &History) -> BTreeMap<usize, Vec<&Op>> {
    let mut clients: BTreeMap<usize, Vec<&Op>> = BTreeMap::new();
    for op in &history.ops {
        clients.entry(op.client).or_default().push(op);
    }
    clients
}

/// The data of a dumped znode, as text.
fn text(znode: &Value) -> Result<String> {
    let hex = znode["data_hex"].as_str().unwrap_or_default();
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16);
    let bytes: Result<Vec<u8>, _> = (0..hex.len()).step_by(2).map(digits).collect();
    Ok(String::from_utf8_lossy(&bytes?).into_owned())
}

#[cfg(test)]
mod tests;
