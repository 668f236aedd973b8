//! What lies in the directories.

use zoarium_persistence::my_id::read_my_id;
use zoarium_persistence::names::{SnapshotName, TEMPORARY_PREFIX, parse_log_name};

use super::{Finding, Severity};
use crate::error::Error;
use crate::past::names;
use crate::place::Place;

pub(super) fn examine(place: &Place) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let in_snapshots = names(&place.dirs.snapshots)?;
    let in_logs = names(&place.dirs.logs)?;
    let path = |name: &String| place.dirs.snapshots.real().path().join(name).display().to_string();
    let unfinished: Vec<_> = in_snapshots.iter().filter(|name| is_unfinished(name)).collect();
    if !unfinished.is_empty() {
        findings.push(
            Finding::new(
                "unfinished-files",
                Severity::Info,
                "a crash has left files that were being written",
                "they count for nothing and may be removed",
            )
            .with(unfinished.into_iter().map(path)),
        );
    }
    let odd: Vec<_> = in_snapshots.iter().filter(|name| is_odd(name)).map(path).collect();
    if !odd.is_empty() {
        findings.push(
            Finding::new(
                "odd-names",
                Severity::Warning,
                "files are named almost as logs and snapshots are; Apache takes some such for real",
                "move them out of this directory",
            )
            .with(odd),
        );
    }
    if place.dirs.logs_apart {
        let snapshots = in_logs.iter().filter(|name| name.starts_with("snapshot."));
        let logs = in_snapshots.iter().filter(|name| name.starts_with("log."));
        let mixed: Vec<_> = snapshots.chain(logs).cloned().collect();
        if !mixed.is_empty() {
            findings.push(
                Finding::new(
                    "mixed-directories",
                    Severity::Error,
                    "snapshots lie in the log directory or logs in the snapshot directory; no server \
                     starts so (ZOOKEEPER-2967)",
                    "if dataDir and dataLogDir were exchanged, correct zoo.cfg; else move the files",
                )
                .with(mixed),
            );
        }
    }
    if let Err(error) = read_my_id(&place.dirs.root) {
        findings.push(Finding::new(
            "myid-unreadable",
            Severity::Error,
            error.to_string(),
            "write the number of this server's server.N line into myid",
        ));
    }
    Ok(findings)
}

/// What neither server takes for anything, or Apache's for a snapshot that is incomplete.
pub(super) fn is_unfinished(name: &str) -> bool {
    let ours = name.strip_prefix(TEMPORARY_PREFIX).is_some_and(|rest| {
        SnapshotName::parse(rest).is_some() || rest.starts_with("received.snapshot.")
    });
    let apaches = name.strip_suffix(".tmp");
    ours || apaches.is_some_and(|rest| SnapshotName::parse(rest).is_some())
}

/// What begins as a log or snapshot does and is none by its name.
fn is_odd(name: &str) -> bool {
    let is_known = SnapshotName::parse(name).is_some() || parse_log_name(name).is_some();
    let begins_so = name.starts_with("snapshot.") || name.starts_with("log.");
    begins_so && !is_known && !is_unfinished(name)
}
