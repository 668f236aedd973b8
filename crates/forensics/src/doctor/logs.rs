//! The transaction logs, entry by entry.

use std::ops::ControlFlow;

use zoarium_persistence::StorageWarning;
use zoarium_persistence::log::follows;
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_proto::Zxid;

use super::{Finding, Severity};
use crate::error::Error;
use crate::place::Place;
use crate::progress::Progress;
use crate::scan::{Scanned, Trouble, scan};

/// Where Apache's default `jute.maxbuffer` ends, in bytes: what a client may send.
const REQUEST_MAX: usize = 0xF_FFFF;

/// What the scan has found that a repair may be made of.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) files: u64,
    pub(super) entries: u64,
    /// Logs without any entry, nor anything else but zeros, by path.
    pub(super) empty: Vec<String>,
    /// Logs whose last write was cut short with nothing whole behind it: path, and where it begins.
    pub(super) torn: Vec<(String, u64)>,
}

/// `base` is the snapshot that a start begins with.
pub(super) fn examine(
    place: &Place,
    base: Option<Zxid>,
    progress: &mut dyn Progress,
) -> Result<(Logs, Vec<Finding>), Error> {
    let mut large = Vec::new();
    let mut refused = Vec::new();
    let mut undecodable = Vec::new();
    let mut gap = None;
    let mut is_behind_base = false;
    let everything = (Zxid::ZERO, Zxid(u64::MAX));
    let scanned = scan(place, everything, progress, &mut |record| {
        let (zxid, file, offset) = (record.entry.zxid, record.entry.file, record.entry.offset);
        let size = record.entry.txn.len();
        if size > MAX_TXN_SIZE as usize {
            refused.push(format!("zxid {zxid}: {size} bytes, at byte {offset} of {file}"));
        } else if size > REQUEST_MAX {
            large.push(format!("zxid {zxid}: {size} bytes, at byte {offset} of {file}"));
        }
        if let Err(error) = record.decode() {
            undecodable.push(error.to_string());
        }
        if let Some(base) = base.filter(|&base| base < zxid && !is_behind_base) {
            is_behind_base = true;
            let hole = || format!("the snapshot ends at zxid {base}, {file} goes on with {zxid}");
            gap = (!follows(base, zxid)).then(hole);
        }
        Ok(ControlFlow::Continue(()))
    });
    let scanned = match scanned {
        // A server that never wrote has none.
        Err(Error::NoLog { .. }) => Scanned::default(),
        other => other?,
    };
    let mut logs = Logs { files: scanned.files, entries: scanned.entries, ..Logs::default() };
    let mut findings = Vec::new();
    for trouble in &scanned.troubles {
        findings.push(of_trouble(trouble, base, &mut logs));
    }
    findings.extend(gap.map(|gap| hole().with([gap])));
    let found = [
        (
            undecodable,
            "txn-unknown",
            Severity::Error,
            "log entries are no known transactions",
            "start the version that wrote them, or restore the directory from a copy",
        ),
        (
            refused,
            "txn-too-large",
            Severity::Error,
            "transactions are larger than a server with default settings reads",
            "set jute.maxbuffer to more than half of the largest on every server before the next start",
        ),
        (
            large,
            "txn-large",
            Severity::Warning,
            "transactions are larger than jute.maxbuffer, 1 MiB - 1: most are closing sessions with \
          many ephemerals, or multis",
            "keep them smaller; with a lower jute.maxbuffer, no server starts on this log",
        ),
    ];
    for (evidence, id, severity, what, remedy) in found {
        if !evidence.is_empty() {
            findings.push(Finding::new(id, severity, what, remedy).with(evidence));
        }
    }
    Ok((logs, findings))
}

fn of_trouble(trouble: &Trouble, base: Option<Zxid>, logs: &mut Logs) -> Finding {
    let evidence = [trouble.to_string()];
    match trouble {
        Trouble::Damage(_) => Finding::new(
            "log-damaged",
            Severity::Error,
            "a log is damaged where no crash explains it; nothing behind that place can be read",
            "restore the directory from a copy, or, if the rest of the ensemble is healthy, empty it \
             (keep myid) and let this server fetch the data",
        ),
        Trouble::Oddity(warning) => of_oddity(warning, logs),
        &Trouble::Hole { found, .. }
            if base.is_some_and(|base| found <= base || follows(base, found)) =>
        {
            Finding::new(
                "log-hole-before-snapshot",
                Severity::Info,
                "the log has a hole that is older than the snapshot a start begins with, as a server \
                 has it that fell behind and received a snapshot",
                "nothing: no start needs what is before the snapshot",
            )
        }
        Trouble::Hole { .. } => hole(),
    }
    .with(evidence)
}

fn hole() -> Finding {
    Finding::new(
        "log-hole",
        Severity::Error,
        "transactions are missing; Apache's server does not notice, and starts with a tree that never \
         was",
        "restore the missing log, or, if the rest of the ensemble is healthy, empty the directory \
         (keep myid) and let this server fetch the data",
    )
}

fn of_oddity(warning: &StorageWarning, logs: &mut Logs) -> Finding {
    match warning {
        StorageWarning::EmptyLog { file } => {
            logs.empty.push(file.clone());
            Finding::new(
                "log-empty",
                Severity::Warning,
                "a log was created and a crash came before its first entry; Apache 3.8 does not start \
                 if it has no bytes at all (ZOOKEEPER-2332)",
                "remove it; --repair does",
            )
        }
        StorageWarning::TornTail { file, offset, discarded, .. } => {
            if discarded.is_none() {
                logs.torn.push((file.clone(), *offset));
            }
            Finding::new(
                "log-torn",
                Severity::Info,
                "a log's last write was cut short by a crash",
                "nothing: what was lost had not been acknowledged to anyone",
            )
        }
        StorageWarning::SnapshotSkipped { .. }
        | StorageWarning::DigestMismatch { .. }
        | StorageWarning::SnapshotAheadOfLog { .. }
        | StorageWarning::CurrentEpochRaised { .. }
        | StorageWarning::AcceptedEpochRaised { .. }
        | StorageWarning::NoMembership { .. } => {
            Finding::new("log-odd", Severity::Info, "a log is odd", "nothing: servers live with it")
        }
    }
}
