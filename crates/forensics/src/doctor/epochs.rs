//! What a member of an ensemble has promised, against what it has.

use zoarium_persistence::epochs::{EpochFile, read_epoch};
use zoarium_persistence::journal::RecoveredMember;
use zoarium_persistence::{Dir, DirFile};

use super::{Finding, Severity};
use crate::place::Place;
use crate::sandbox::Sandbox;

pub(super) fn examine(place: &Place, recovered: Option<&RecoveredMember>) -> Vec<Finding> {
    let dir = &place.dirs.snapshots;
    let mut findings = Vec::new();
    let mut read = |file: EpochFile| match read_epoch(dir, file) {
        Ok(epoch) => epoch,
        Err(error) => {
            findings.push(Finding::new(
                "epoch-unreadable",
                Severity::Error,
                error.to_string(),
                "set it to the epoch that the other members have in theirs, or remove it: it is then \
                 taken from the last transaction",
            ));
            None
        }
    };
    let current = read(EpochFile::Current);
    let accepted = read(EpochFile::Accepted);
    if let (Some(current), Some(accepted)) = (current, accepted)
        && accepted < current
    {
        findings.push(
            Finding::new(
                "epoch-accepted-behind",
                Severity::Error,
                "acceptedEpoch is behind currentEpoch; Apache does not start as a member of an \
                 ensemble (ZOOKEEPER-2307), Zoarium raises it",
                "raise acceptedEpoch to currentEpoch; --repair does",
            )
            .with([format!("acceptedEpoch {accepted}, currentEpoch {current}")]),
        );
    }
    let last = recovered.map(|member| member.recovered.last_zxid);
    if let (Some(current), Some(last)) = (current, last)
        && last.epoch() > current
    {
        let what = "the history reaches into a later epoch than currentEpoch says, as after a crash \
                    between the two writes";
        let (severity, remedy) = if is_pending(dir) {
            (Severity::Warning, "nothing: Apache adopts currentEpoch.tmp, Zoarium raises the epoch")
        } else {
            (
                Severity::Error,
                "set currentEpoch to the epoch of the last transaction; --repair does. Apache does \
                 not start as a member of an ensemble, Zoarium raises the epoch",
            )
        };
        findings.push(
            Finding::new("epoch-current-behind", severity, what, remedy)
                .with([format!("currentEpoch {current}, last zxid {last}")]),
        );
    }
    if current.is_some() != accepted.is_some() {
        let (there, missing) = if current.is_some() {
            ("currentEpoch", "acceptedEpoch")
        } else {
            ("acceptedEpoch", "currentEpoch")
        };
        findings.push(Finding::new(
            "epoch-missing",
            Severity::Warning,
            format!("{there} is there and {missing} is not"),
            "a start writes it, from the last transaction",
        ));
    }
    findings
}

/// Whether Apache has an epoch to adopt that it was about to write.
pub(super) fn is_pending(dir: &Sandbox) -> bool {
    dir.open("currentEpoch.tmp").is_ok_and(|file| file.size().is_ok_and(|size| size > 0))
}
