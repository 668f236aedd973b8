//! A server without data joins two that hold millions of znodes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::probe::probe;
use super::{Ground, NO_SNAPSHOTS, StageDir, resident_bytes};
use crate::bench::contender::{Contender, Maker};
use crate::bench::pipe::{Pipe, set};
use crate::ensemble::status::metric;
use crate::ensemble::{Mode, Status};
use crate::report::say;
use crate::tools::wait_for;

const PARENT: &str = "/joined";
/// How long the ensemble runs before and after, for what a write takes then.
const QUIET: Duration = Duration::from_secs(1);

pub(super) fn run(ground: &Ground<'_>) -> Result<Value> {
    ground.of_each(|maker| of(ground, maker))
}

fn of(ground: &Ground<'_>, maker: &Maker) -> Result<Value> {
    let count = ground.choose(200_000, 5_000_000);
    let dir = StageDir(ground.scratch.dir("stage")?);
    let mut servers =
        Contender::prepare(ground.tools, &dir.0, maker, 3, &[NO_SNAPSHOTS.to_owned()])?;
    (0..2).try_for_each(|index| servers.launch(index))?;
    (0..2).try_for_each(|index| servers.wait_serving(index))?;
    let leads = |index: &usize| {
        Status::of(servers.port(*index)).is_ok_and(|status| status.mode == Mode::Leader)
    };
    let leader = servers.port((0..2).find(leads).context("nobody leads")?);
    let began = Instant::now();
    Pipe::open(leader)?.fill(count, &[7; 100], PARENT, |index| format!("znode-{index:07}"))?;
    say(&format!(
        "  {}: {count} znodes in {:.1} s, {} MiB for each of two servers",
        maker.name(),
        began.elapsed().as_secs_f64(),
        resident_bytes(&servers.pids())? / (2 << 20)
    ));
    let writes = probe(leader, || set(&format!("{PARENT}/znode-0000000"), b"changed"))?;
    std::thread::sleep(QUIET);
    let began = Instant::now();
    servers.launch(2)?;
    servers.wait_serving(2)?;
    let joined = began.elapsed();
    std::thread::sleep(QUIET);
    let seen = writes.stop()?;
    let wanted = metric(leader, "znode_count")?;
    wait_for("the joined server to have all", Duration::from_secs(20), || {
        let found = metric(servers.port(2), "znode_count")?;
        ensure!((found - wanted).abs() < 0.5, "{found} znodes instead of {wanted}");
        Ok(())
    })?;
    let [p50, p99, _, max] = seen.quantiles();
    say(&format!(
        "  joined after {:.2} s; a write on the leader meanwhile: p50 {p50:.0} µs, p99 {p99:.0} µs, \
         longest {:.1} ms",
        joined.as_secs_f64(),
        max / 1e3
    ));
    Ok(json!({
        "znodes": count, "joined_s": joined.as_secs_f64(),
        "write_p50_us": p50, "write_p99_us": p99, "write_max_us": max,
    }))
}
