//! A server without data joins two that hold millions of znodes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::told::Told;
use super::trial::Trial;
use super::{Ground, NO_SNAPSHOTS, StageDir, peak_bytes, resident_bytes};
use crate::bench::contender::{Contender, Maker};
use crate::bench::figures::grouped;
use crate::bench::pipe::Pipe;
use crate::ensemble::status::metric;
use crate::ensemble::{Mode, Status};
use crate::tools::wait_for;

const PARENT: &str = "/joined";
/// How long the ensemble runs before and after, for what a write takes then.
const QUIET: Duration = Duration::from_secs(1);

pub(super) fn run(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    told.json = ground.of_each(|maker| of(ground, maker, told))?;
    Ok(())
}

fn of(ground: &Ground<'_>, maker: &Maker, told: &mut Told) -> Result<Value> {
    let count = ground.choose(200_000, 5_000_000);
    let dir = StageDir(ground.scratch.dir("stage")?);
    let mut servers =
        Contender::prepare(ground.tools, &dir.0, maker, 3, &[NO_SNAPSHOTS.to_owned()])?;
    (0..2).try_for_each(|index| servers.launch(index))?;
    (0..2).try_for_each(|index| servers.wait_serving(index))?;
    let leads = |index: &usize| {
        Status::of(servers.port(*index)).is_ok_and(|status| status.mode == Mode::Leader)
    };
    let leads = (0..2).find(leads).context("nobody leads")?;
    let leader = servers.port(leads);
    let began = Instant::now();
    Pipe::open(leader)?.fill(count, &[7; 100], PARENT, |index| format!("znode-{index:07}"))?;
    told.line(format!(
        "{}: {} znodes of 100 B made in {:.1} s, {} MiB for each of two servers",
        maker.name(),
        grouped(count as u64),
        began.elapsed().as_secs_f64(),
        resident_bytes(&servers.pids())? / (2 << 20)
    ));
    let path = |index: usize| format!("{PARENT}/znode-{index:07}");
    let trial = Trial::begin(leader, &servers.pids(), path(0), path(1))?;
    std::thread::sleep(QUIET);
    let began = Instant::now();
    servers.launch(2)?;
    servers.wait_serving(2)?;
    let joined = began.elapsed();
    std::thread::sleep(QUIET);
    let verdict = trial.end()?;
    let wanted = metric(leader, "znode_count")?;
    wait_for("the joined server to have all", Duration::from_secs(20), || {
        let found = metric(servers.port(2), "znode_count")?;
        ensure!((found - wanted).abs() < 0.5, "{found} znodes instead of {wanted}");
        Ok(())
    })?;
    let peak = peak_bytes(servers.pids()[2])?;
    told.line(format!(
        "the third server serves after {:.2} s, and took {} MiB at most; the leader meanwhile:",
        joined.as_secs_f64(),
        peak >> 20
    ));
    verdict.tell(told);
    let mut story = verdict.json();
    story["znodes"] = json!(count);
    story["joined_s"] = json!(joined.as_secs_f64());
    story["peak_bytes"] = json!(peak);
    Ok(story)
}
