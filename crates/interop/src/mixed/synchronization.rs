//! DIFF, SNAP and TRUNC, each by the first leader and by its heir.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{FOLLOWER, HEIR, LEADER, OBSERVER};
use crate::ensemble::sniff::SyncKind;
use crate::ensemble::{Ensemble, Mode, Sid};
use crate::session::create_body;
use crate::tools::wait_for;
use crate::wire::op;

/// How many transactions a learner lacks.
const MISSED: usize = 5;
/// How long a leader may take to write a proposal to its log.
const LOG_LIMIT: Duration = Duration::from_secs(20);

/// A follower that was away for a few transactions gets just these.
pub(super) fn diff(ensemble: &mut Ensemble<'_>) -> Result<String> {
    missed(ensemble, LEADER, FOLLOWER, "diff")
}

/// The same with the first leader as a follower of its heir.
pub(super) fn diff_from_heir(ensemble: &mut Ensemble<'_>) -> Result<String> {
    missed(ensemble, HEIR, LEADER, "diff-from-heir")
}

fn missed(ensemble: &mut Ensemble<'_>, leader: Sid, learner: Sid, label: &str) -> Result<String> {
    ensemble.kill(learner)?;
    write(ensemble, leader, label)?;
    rejoined(ensemble, leader, learner, &[SyncKind::Diff])
}

/// A follower that has lost its data gets everything.
pub(super) fn snap(ensemble: &mut Ensemble<'_>) -> Result<String> {
    emptied(ensemble, LEADER, FOLLOWER, "snap")
}

pub(super) fn snap_of_observer(ensemble: &mut Ensemble<'_>) -> Result<String> {
    emptied(ensemble, LEADER, OBSERVER, "snap-observer")
}

pub(super) fn snap_from_heir(ensemble: &mut Ensemble<'_>) -> Result<String> {
    emptied(ensemble, HEIR, LEADER, "snap-from-heir")
}

fn emptied(ensemble: &mut Ensemble<'_>, leader: Sid, learner: Sid, label: &str) -> Result<String> {
    ensemble.stop(learner)?;
    ensemble.member(learner).wipe()?;
    write(ensemble, leader, label)?;
    rejoined(ensemble, leader, learner, &[SyncKind::Snap])
}

/// A leader that has logged what nobody else has must take it back when it follows its heir.
pub(super) fn trunc(ensemble: &mut Ensemble<'_>) -> Result<String> {
    extra_transaction(ensemble, LEADER, "/extra")?;
    inherited(ensemble)?;
    let detail = rejoined(ensemble, HEIR, LEADER, &[SyncKind::Trunc])?;
    gone(ensemble, "/extra")?;
    Ok(detail)
}

/// When the heir has begun to write, zxids are no longer comparable and the old leader gets a
/// snapshot (or a truncation and what followed, from a leader that knows how).
pub(super) fn snap_over_epoch(ensemble: &mut Ensemble<'_>) -> Result<String> {
    extra_transaction(ensemble, LEADER, "/extra-over-epoch")?;
    inherited(ensemble)?;
    write(ensemble, HEIR, "over-epoch")?;
    let detail = rejoined(ensemble, HEIR, LEADER, &[SyncKind::Snap, SyncKind::Trunc])?;
    gone(ensemble, "/extra-over-epoch")?;
    Ok(detail)
}

/// Leaves the leader alone with one transaction more, and all participants killed.
fn extra_transaction(ensemble: &mut Ensemble<'_>, leader: Sid, path: &str) -> Result<()> {
    let mut session = ensemble.session(leader)?;
    ensemble.agree()?;
    // Else the follower could know of more than the heir, and would win.
    ensemble.wait_logged()?;
    for sid in [FOLLOWER, HEIR] {
        ensemble.pause(sid)?;
    }
    session.send(op::CREATE, create_body(path, b"nobody else has this", 0))?;
    wait_for("the leader to log the transaction", LOG_LIMIT, || {
        ensure!(ensemble.member(leader).has_logged(path.as_bytes())?, "it is not in the log");
        Ok(())
    })?;
    // What the followers have in their sockets dies with them.
    for sid in [leader, FOLLOWER, HEIR] {
        ensemble.kill(sid)?;
    }
    Ok(())
}

/// Starts all but the first leader: the heir wins.
fn inherited(ensemble: &mut Ensemble<'_>) -> Result<()> {
    ensemble.start(HEIR)?;
    ensemble.start(FOLLOWER)?;
    ensemble.wait_serving(HEIR, Some(Mode::Leader))?;
    ensemble.wait_all()
}

fn gone(ensemble: &Ensemble<'_>, path: &str) -> Result<()> {
    let tree = ensemble.agree()?;
    ensure!(!tree.contains_key(path), "{path} was never acknowledged, but is there");
    Ok(())
}

fn write(ensemble: &Ensemble<'_>, sid: Sid, label: &str) -> Result<()> {
    let mut session = ensemble.session(sid)?;
    for number in 0..MISSED {
        session.create(&format!("/{label}-{number}"), b"missed", 0)?;
    }
    session.close()
}

/// Starts the learner and tells how it was brought up to date; all trees are equal then.
fn rejoined(
    ensemble: &mut Ensemble<'_>,
    leader: Sid,
    learner: Sid,
    allowed: &[SyncKind],
) -> Result<String> {
    let _ = ensemble.sync_of(leader, learner);
    ensemble.join(learner)?;
    let kind = ensemble.sync_of(leader, learner)?;
    ensure!(allowed.contains(&kind), "server {learner} got {kind:?}, expected {allowed:?}");
    ensemble.agree().context("after the learner is back")?;
    Ok(format!("{kind:?}"))
}
