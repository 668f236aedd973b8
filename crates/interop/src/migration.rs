//! The migration that docs/migrating.md describes: a running Apache ensemble is replaced server by
//! server on the same directories, then rolled back, while clients work.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::Options;
use crate::dump;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::history::load::Load;
use crate::mixed::took;
use crate::report::Report;
use crate::server::Kind;
use crate::setup;
use crate::tools::Tools;

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    for from in [Kind::Apache38, Kind::Apache] {
        let name = format!("migration/{}-to-{}", from.name(), options.server.name());
        if name.contains(&options.filter) {
            report.result(&name, there_and_back(tools, &name, from, options.server));
        }
    }
    Ok(())
}

fn there_and_back(tools: &Tools, name: &str, from: Kind, to: Kind) -> Result<String> {
    let began = Instant::now();
    let plan = Plan::of(&name.replace('/', "-"), &[from; 3]);
    let mut ensemble = Ensemble::start_led_by(tools, &plan, 3)?;
    let there = migrate(&mut ensemble, "/there", to)
        .with_context(|| format!("to {}", to.name()))
        .map_err(|error| ensemble.explain(error))?;
    let back = migrate(&mut ensemble, "/back", from)
        .context("the way back")
        .map_err(|error| ensemble.explain(error))?;
    Ok(format!("{}; there: {there}; back: {back}", took(began)))
}

/// Replaces all servers under load, the leader last, and then starts the ensemble once more from
/// what is on disk.
fn migrate(ensemble: &mut Ensemble<'_>, root: &str, to: Kind) -> Result<String> {
    let load = Load::start(ensemble, root)?;
    for sid in order(ensemble)? {
        replace(ensemble, sid, to).with_context(|| format!("replace server {sid}"))?;
        load.wait_progress().with_context(|| format!("after server {sid}"))?;
    }
    let history = load.finish(ensemble)?;
    let before = ensemble.agree()?;
    for sid in ensemble.sids() {
        ensemble.kill(sid)?;
    }
    for sid in ensemble.sids() {
        ensemble.start(sid)?;
    }
    ensemble.wait_all().context("start from disk")?;
    dump::compare(&before, &ensemble.agree()?).context("after a start from disk")?;
    Ok(history.summary())
}

/// The followers, then the leader: so there is one election only.
fn order(ensemble: &Ensemble<'_>) -> Result<Vec<Sid>> {
    let leader = ensemble.wait_leader()?;
    let mut sids = ensemble.sids();
    sids.sort_by_key(|sid| *sid == leader);
    Ok(sids)
}

/// What the operator does with one server.
fn replace(ensemble: &mut Ensemble<'_>, sid: Sid, kind: Kind) -> Result<()> {
    ensemble.stop(sid)?;
    ensemble.replace(sid, kind);
    ensemble.join(sid)?;
    ensemble.wait_all()
}
