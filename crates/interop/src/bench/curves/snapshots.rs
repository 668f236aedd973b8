//! How long creates take while snapshots run, of our server and of Apache's, in pairs.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use zoarium_bench::result::RunResult;
use zoarium_bench::run::run as run_workload;
use zoarium_bench::settings::Settings;
use zoarium_bench::summary::Spread;
use zoarium_bench::workload::Preset;

use super::told::{Told, row};
use super::{Ground, Stage, StageDir};
use crate::bench::contender::{Contender, Maker};
use crate::bench::figures::{grouped, number};
use crate::bench::pipe::Pipe;
use crate::ensemble::status::metric;
use crate::report::say;

/// Creates a second, which both servers can do by far.
const RATE: f64 = 5000.0;
/// So many writes until the next snapshot, or half as many: two to four seconds.
const LINES: &[&str] = &["snapCount=20000"];
const PARENT: &str = "/snapshots";

/// A figure and how it is read.
type Figure = (&'static str, fn(&RunResult) -> f64);

const FIGURES: &[Figure] = &[
    ("p50, µs", |run| run.latency_us.p50),
    ("p99, µs", |run| run.latency_us.p99),
    ("p99.9, µs", |run| run.latency_us.p999),
    ("longest, µs", |run| run.latency_us.max),
];

pub(super) fn run(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    let (pairs, seconds) = ground.choose((2, 5), (4, 15));
    let znodes = ground.choose(100_000, 500_000);
    let mut stages = Vec::new();
    for maker in [Maker::Zoarium, Maker::Apache] {
        let dir = StageDir(ground.scratch.dir(&format!("snapshots-{}", maker.name()))?);
        let lines: Vec<String> = LINES.iter().map(|line| (*line).to_owned()).collect();
        let servers = Contender::start(ground.tools, &dir.0, &maker, 1, &lines)?;
        let stage = Stage { servers, _dir: dir };
        say(&format!("  filling {} with {znodes} znodes", maker.name()));
        Pipe::open(stage.port())?
            .fill(znodes, &[7; 100], PARENT, |index| format!("znode-{index:07}"))?;
        stages.push(stage);
    }
    let mut runs = [Vec::new(), Vec::new()];
    let mut snapshots = [0.0, 0.0];
    for pair in 0..pairs {
        let order = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
        for side in order {
            say(&format!("  pair {}: {}", pair + 1, stages[side].servers.name));
            let before = metric(stages[side].port(), "cnt_snapshottime")?;
            runs[side].push(creates(&stages[side], seconds)?);
            snapshots[side] += metric(stages[side].port(), "cnt_snapshottime")? - before;
        }
    }
    let mut rows = vec![row(["creates beside snapshots", "zoarium", "apache", "better by"])];
    let mut json = json!({ "znodes": znodes, "snapshots": snapshots });
    for (name, figure) in FIGURES {
        let of = |side: usize| Spread::of(runs[side].iter().map(figure)).context("no runs");
        let ratios =
            runs[0].iter().zip(&runs[1]).map(|(ours, theirs)| figure(theirs) / figure(ours));
        let (ours, theirs, ratio) = (of(0)?, of(1)?, Spread::of(ratios).context("no runs")?);
        rows.push(vec![
            (*name).to_owned(),
            number(ours.median),
            number(theirs.median),
            format!("{:.1}× ({:.1}–{:.1})", ratio.median, ratio.min, ratio.max),
        ]);
        json[*name] = json!({ "zoarium": ours, "apache": theirs, "better_by": ratio });
    }
    told.table(rows);
    let [ours, theirs] = snapshots;
    told.line(format!(
        "{pairs} pairs of {seconds} s, {RATE:.0} creates a second, {} znodes before; snapshots \
         meanwhile: {ours:.0} of ours, {theirs:.0} of Apache's",
        grouped(znodes as u64)
    ));
    told.json = json;
    Ok(())
}

fn creates(stage: &Stage, seconds: u64) -> Result<RunResult> {
    let settings = Settings {
        duration: Duration::from_secs(seconds),
        warm_up: Duration::from_secs(2),
        rate: Some(RATE),
        ..Settings::default()
    };
    let workload = Preset::named("create").context("a preset")?.workload();
    run_workload(&workload, &stage.servers.side()?, &settings)
        .with_context(|| format!("creates on {}", stage.servers.name))
}
