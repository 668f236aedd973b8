//! Whether two members of an ensemble have one history, as far as their logs overlap.
//!
//! Both are read side by side, so memory does not grow with them. What one has and the other never
//! logged, because it received a snapshot instead, is no disagreement.

use zoarium_persistence::log::follows;
use zoarium_persistence::names::{log_name, logs_among};
use zoarium_persistence::{LogEntry, LogFileReader};
use zoarium_proto::Zxid;

use super::{Finding, Severity};
use crate::error::Error;
use crate::past::names;
use crate::place::Place;
use crate::sandbox::{Sandbox, SandboxFile};
use crate::scan::SCAN_TXN_SIZE_MAX;

/// Compares the logs of two members.
///
/// # Errors
/// If a directory cannot be read. Where a log is damaged, the comparison ends.
pub fn compare_members(one: &Place, other: &Place) -> Result<Vec<Finding>, Error> {
    let [one_name, other_name] =
        [one, other].map(|place| place.dirs.logs.real().path().display().to_string());
    let (mut one, mut other) = (History::open(one)?, History::open(other)?);
    let mut different = Vec::new();
    let mut passed_over = Vec::new();
    one.advance()?;
    other.advance()?;
    while let (Some(first), Some(second)) = (one.current(), other.current()) {
        if first == second {
            if one.txn() != other.txn() {
                different.push(format!("zxid {first} of {one_name} and {other_name}"));
            }
            one.advance()?;
            other.advance()?;
        } else if first < second {
            if other.goes_past(first) {
                passed_over.push(format!("zxid {first} of {one_name}, not in {other_name}"));
            }
            one.advance()?;
        } else {
            if one.goes_past(second) {
                passed_over.push(format!("zxid {second} of {other_name}, not in {one_name}"));
            }
            other.advance()?;
        }
    }
    let found = [
        (
            different,
            "members-disagree",
            Severity::Error,
            "two members have different transactions of one zxid",
            "find out which of them the majority has; empty the other (keep myid) and let it fetch the \
             data",
        ),
        (
            passed_over,
            "txn-not-shared",
            Severity::Warning,
            "a member has transactions that another's history goes past: they were never committed, or \
             the other has lost them",
            "see with `zoarium log dump` what they are; a server that received a snapshot since has \
             left them behind itself",
        ),
    ];
    let found = found.into_iter().filter(|(evidence, ..)| !evidence.is_empty());
    Ok(found
        .map(|(evidence, id, severity, what, remedy)| {
            Finding::new(id, severity, what, remedy).with(evidence)
        })
        .collect())
}

/// The logs of one member, entry by entry.
struct History {
    logs: Sandbox,
    /// Files still to be read, newest first.
    waiting: Vec<Zxid>,
    file: Option<LogFileReader<SandboxFile>>,
    /// The entry before the current one.
    previous: Option<Zxid>,
    current: Option<Zxid>,
    txn: Vec<u8>,
}

impl History {
    fn open(place: &Place) -> Result<Self, Error> {
        let logs = place.dirs.logs.clone();
        let mut waiting = logs_among(&names(&logs)?);
        waiting.reverse();
        let (file, previous, current) = (None, None, None);
        Ok(Self { logs, waiting, file, previous, current, txn: Vec::new() })
    }

    const fn current(&self) -> Option<Zxid> {
        self.current
    }

    fn txn(&self) -> &[u8] {
        &self.txn
    }

    /// Whether this history has what comes before and what comes behind `zxid`, and not `zxid`.
    fn goes_past(&self, zxid: Zxid) -> bool {
        let (Some(previous), Some(current)) = (self.previous, self.current) else { return false };
        previous < zxid && follows(previous, current)
    }

    /// Goes on to the next entry, over those that go back.
    fn advance(&mut self) -> Result<(), Error> {
        let last = self.current;
        loop {
            let Some(file) = &mut self.file else {
                let Some(first) = self.waiting.pop() else {
                    self.current = None;
                    return Ok(());
                };
                let name = log_name(first);
                self.file = Some(LogFileReader::open(&self.logs, &name, false, SCAN_TXN_SIZE_MAX)?);
                continue;
            };
            match file.next() {
                Ok(Some(LogEntry { zxid, txn, .. })) if last.is_none_or(|last| last < zxid) => {
                    self.txn.clear();
                    self.txn.extend_from_slice(txn);
                    (self.previous, self.current) = (last, Some(zxid));
                    return Ok(());
                }
                Ok(Some(_)) => {}
                Ok(None) => self.file = None,
                // The examination of the directory itself tells of it.
                Err(_damage) => {
                    self.waiting.clear();
                    self.file = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixture;

    fn compare(one: &str, other: &str) -> Vec<(&'static str, Vec<String>)> {
        let place = |name| Place::find(&fixture(name), None).unwrap();
        let findings = compare_members(&place(one), &place(other)).unwrap();
        let prefix = format!("{}/", fixture("").display());
        let short =
            |text: &String| text.replace(&prefix, "").replace(fixture("").to_str().unwrap(), "");
        let evidence = |finding: &Finding| finding.evidence.iter().map(short).collect();
        findings.iter().map(|finding| (finding.id, evidence(finding))).collect()
    }

    #[test]
    fn members_of_one_ensemble_have_one_history() {
        assert_eq!(compare("ensemble/final/s1", "ensemble/final/s2"), []);
        assert_eq!(compare("reconfig/s1", "reconfig/s2"), []);
    }

    #[test]
    fn what_was_never_committed_is_not_shared() {
        let found = compare("ensemble/final/s2", "ensemble/final/s3");
        assert_eq!(found.len(), 1, "{found:?}");
        let (id, evidence) = &found[0];
        assert_eq!((*id, evidence.len()), ("txn-not-shared", 1));
        assert!(evidence[0].starts_with("zxid 0x200000003 of "), "{evidence:?}");
    }

    #[test]
    fn different_ensembles_disagree() {
        let found = compare("standalone-all/stage1", "torn/original");
        assert_eq!(found[0].0, "members-disagree");
    }
}
