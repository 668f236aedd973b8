//! The snapshots, each read in full.

use zoarium_persistence::names::{SnapshotName, snapshots_among};
use zoarium_persistence::snapshot::load_snapshot;
use zoarium_proto::Zxid;
use zoarium_tree::TreeOptions;

use super::{Finding, Severity};
use crate::error::Error;
use crate::past::names;
use crate::place::Place;
use crate::progress::Progress;
use crate::scan::SCAN_TXN_SIZE_MAX;

/// What is known of the snapshots.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    pub(super) count: u64,
    /// Those that cannot be loaded.
    pub(super) damaged: Vec<SnapshotName>,
    /// The newest one that can be loaded.
    pub(super) newest: Option<Zxid>,
}

pub(super) fn examine(
    place: &Place,
    progress: &mut dyn Progress,
) -> Result<(Snapshots, Vec<Finding>), Error> {
    let dir = &place.dirs.snapshots;
    let all = snapshots_among(&names(dir)?);
    let mut snapshots = Snapshots { count: all.len() as u64, ..Snapshots::default() };
    let mut findings = Vec::new();
    for &name in &all {
        let mut on_progress = |done, total| progress.at(done, total);
        let options = TreeOptions::default();
        match load_snapshot(dir, name, options, SCAN_TXN_SIZE_MAX, &mut on_progress) {
            Ok(loaded) => {
                snapshots.newest = Some(name.zxid);
                if loaded.digest_matches == Some(false) {
                    findings.push(
                        Finding::new(
                            "snapshot-digest",
                            Severity::Warning,
                            "a snapshot's tree does not have the digest that its writer noted",
                            "compare this server with the others",
                        )
                        .with([name.file()]),
                    );
                }
            }
            Err(error) => {
                snapshots.damaged.push(name);
                findings.push(
                    Finding::new(
                        "snapshot-damaged",
                        Severity::Warning,
                        "a snapshot cannot be loaded; servers take the one before it. Apache's purge \
                         counts it among those to keep (ZOOKEEPER-3231)",
                        "move it away; --repair does, if nothing is lost by it",
                    )
                    .with([error.to_string()]),
                );
            }
        }
    }
    Ok((snapshots, findings))
}
