//! Whether a data directory is sound, and whether servers would start on it.
//!
//! The question what Zoarium would do is answered by Zoarium's own recovery, in a
//! [`Sandbox`](crate::sandbox::Sandbox); what Apache's server would do by the rules of its classes
//! ([`apache`]). Nothing is changed; [`repair`] does that, when told to.

use serde::Serialize;
use zoarium_persistence::journal::{MemberOptions, RecoveredMember, recover_member};
use zoarium_persistence::{RecoveryOptions, StorageError, StorageWarning};
use zoarium_proto::Zxid;

use crate::error::Error;
use crate::place::Place;
use crate::progress::Progress;
use crate::znode_json::Shown;

pub mod apache;
mod epochs;
mod files;
mod logs;
mod members;
pub mod repair;
mod snapshots;
mod tree;

pub use members::compare_members;
use repair::Repair;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Should be looked into; servers start and serve.
    Warning,
    /// Data are lost or wrong, or a server would not start.
    Error,
}

impl Severity {
    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something that is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of finding, for programs; they do not change.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in a sentence.
    pub what: String,
    /// Where it shows.
    pub evidence: Vec<String>,
    /// What can be done.
    pub remedy: String,
}

/// How much evidence is shown of one finding.
const EVIDENCE_MAX: usize = 10;

impl Finding {
    pub(crate) fn new(
        id: &'static str,
        severity: Severity,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (what, remedy) = (what.into(), remedy.into());
        Self { id, severity, what, evidence: Vec::new(), remedy }
    }

    #[must_use]
    pub(crate) fn with(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        if self.evidence.len() > EVIDENCE_MAX {
            let more = self.evidence.len() - EVIDENCE_MAX;
            self.evidence.truncate(EVIDENCE_MAX);
            self.evidence.push(format!("and {more} more"));
        }
        self
    }
}

/// What a server would do with the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Which server.
    pub server: &'static str,
    /// Whether it would start.
    pub starts: bool,
    /// Where its history would end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_zxid: Option<Shown<Zxid>>,
    /// Why it would not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// All that is found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where the snapshots are.
    pub directory: String,
    /// Where the logs are.
    pub logs: String,
    /// What servers would do.
    pub verdicts: Vec<Verdict>,
    /// What is found, the worst first.
    pub findings: Vec<Finding>,
    /// What can be repaired, and is known to lose nothing.
    pub repairs: Vec<Repair>,
    /// What was looked at.
    pub examined: Examined,
}

/// How much there was to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// Logs.
    pub logs: u64,
    /// Their entries.
    pub txns: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Znodes in the tree that a server would have; 0 if it would not start.
    pub znodes: u64,
}

impl Report {
    /// Adds what else was found.
    pub fn add(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
        // The worst first, and else in the order in which they were looked for.
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    }

    /// The worst that was found; `None` if nothing was.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Examines a data directory.
///
/// # Errors
/// Only if it cannot be read at all; what is wrong with it is in the report.
pub fn examine(place: &Place, progress: &mut dyn Progress) -> Result<Report, Error> {
    let mut findings = files::examine(place)?;
    let mut examined = Examined::default();
    let recovered = recover(place);
    let (snapshots, found) = snapshots::examine(place, progress)?;
    examined.snapshots = snapshots.count;
    findings.extend(found);
    let (logs, found) = logs::examine(place, snapshots.newest, progress)?;
    (examined.logs, examined.txns) = (logs.files, logs.entries);
    findings.extend(found);
    findings.extend(epochs::examine(place, recovered.as_ref().ok()));
    if let Ok(member) = &recovered {
        findings.extend(member.recovered.warnings.iter().filter_map(of_warning));
        findings.extend(tree::examine(&member.recovered.tree));
        examined.znodes = member.recovered.tree.znode_count() as u64;
    }
    let mut verdicts = vec![of_zoarium(&recovered)];
    verdicts.extend(apache::verdicts(place)?);
    findings.extend(refusals(&verdicts));
    let repairs = repair::plan(place, recovered.as_ref().ok(), &logs, &snapshots, &verdicts)?;
    let (snapshots, logs) = (&place.dirs.snapshots, &place.dirs.logs);
    let mut report = Report {
        directory: snapshots.real().path().display().to_string(),
        logs: logs.real().path().display().to_string(),
        verdicts,
        findings: Vec::new(),
        repairs,
        examined,
    };
    report.add(findings);
    Ok(report)
}

/// What a member's start would make of the files, without its changing them.
fn recover(place: &Place) -> Result<RecoveredMember, StorageError> {
    let recovery = RecoveryOptions::default();
    recover_member(&place.fresh().dirs, &MemberOptions { recovery, tail_max: 0 }, |_| {})
}

fn of_zoarium(recovered: &Result<RecoveredMember, StorageError>) -> Verdict {
    let server = "Zoarium";
    match recovered {
        Ok(member) => {
            let last_zxid = Some(Shown(member.recovered.last_zxid));
            Verdict { server, starts: true, last_zxid, why: None }
        }
        Err(error) => {
            Verdict { server, starts: false, last_zxid: None, why: Some(error.to_string()) }
        }
    }
}

/// One finding for each reason not to start.
fn refusals(verdicts: &[Verdict]) -> Vec<Finding> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for verdict in verdicts {
        let Some(why) = &verdict.why else { continue };
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, servers)) => servers.push(verdict.server),
            None => reasons.push((why, vec![verdict.server])),
        }
    }
    let finding = |(why, servers): (&str, Vec<&str>)| {
        let what = format!("{} would not start on this directory", servers.join(" and "));
        let remedy = "mend what is named here; if the rest of the ensemble is healthy, the simplest \
                      way is to empty the directory (keep myid) and let this server fetch the data";
        Finding::new("no-start", Severity::Error, what, remedy).with([why.to_owned()])
    };
    reasons.into_iter().map(finding).collect()
}

/// What recovery has to say that no other examination says.
fn of_warning(warning: &StorageWarning) -> Option<Finding> {
    match warning {
        StorageWarning::DigestMismatch { first, mismatches } => Some(
            Finding::new(
                "digest-mismatch",
                Severity::Warning,
                "the tree is not the one that its leader, or the snapshot's writer, had",
                "compare this server with the others; if they agree with each other, empty this \
                 directory (keep myid) and let the server fetch the data",
            )
            .with([format!("{mismatches} digests differ, the first after zxid {first}")]),
        ),
        StorageWarning::SnapshotAheadOfLog { last, seen } => Some(
            Finding::new(
                "snapshot-ahead-of-log",
                Severity::Error,
                "the snapshot holds parts of transactions that the log lacks, so the tree is of no \
                 one moment",
                "restore the missing log; a member of an ensemble fetches them from its leader",
            )
            .with([format!("the log ends at zxid {last}, the snapshot has seen {seen}")]),
        ),
        StorageWarning::NoMembership { source } => Some(
            Finding::new(
                "config-unreadable",
                Severity::Warning,
                "/zookeeper/config holds no membership",
                "reconfigure, or set the znode's data back; it is ignored meanwhile",
            )
            .with([source.to_string()]),
        ),
        // Found, with more to say, where logs, snapshots and epochs are examined.
        StorageWarning::TornTail { .. }
        | StorageWarning::EmptyLog { .. }
        | StorageWarning::SnapshotSkipped { .. }
        | StorageWarning::CurrentEpochRaised { .. }
        | StorageWarning::AcceptedEpochRaised { .. } => None,
    }
}

#[cfg(test)]
mod tests;
