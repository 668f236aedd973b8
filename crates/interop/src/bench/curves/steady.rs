//! Reads and writes for a while, on a large tree, with one snapshot after the other. A pause of more
//! than 5 ms in which the server waited for neither a processor nor, if it is a write's, the disk, is
//! a failure.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value, json};
use zoarium_bench::result::RunResult;
use zoarium_bench::run::run as run_workload;
use zoarium_bench::settings::{Settings, Side};
use zoarium_bench::workload::Preset;

use super::Ground;
use super::probe::{Row, histogram};
use super::told::{Told, row};
use super::trial::{PAUSE_MAX, Trial, Verdict};
use crate::bench::chart;
use crate::bench::contender::Maker;
use crate::bench::figures::{aligned, grouped};
use crate::bench::pipe::Pipe;
use crate::ensemble::status::metric;
use crate::report::say;

/// Operations a second beside the probes, a tenth of them writes.
const RATE: f64 = 5000.0;
/// So many writes until the next snapshot, or half as many: some seconds.
const LINES: &[&str] = &["snapCount=10000"];
const PARENT: &str = "/steady";

pub(super) fn run(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    let mut json = Map::new();
    for maker in &ground.makers {
        let (story, verdict) = of(ground, maker, told)?;
        json.insert(maker.name().to_owned(), story);
        // What is asked of ours is not asked of others.
        if *maker == Maker::Zoarium {
            let guilty = verdict.guilty();
            told.exceeded =
                (guilty > 0).then(|| format!("pauses over 5 ms that nothing excuses: {guilty}"));
        }
    }
    told.json = Value::Object(json);
    Ok(())
}

/// What was seen of one maker's server.
fn of(ground: &Ground<'_>, maker: &Maker, told: &mut Told) -> Result<(Value, Verdict)> {
    let seconds = ground.seconds.unwrap_or(ground.choose(60, 600));
    let znodes = ground.choose(200_000, 1_000_000);
    let stage = ground.start(maker, LINES)?;
    let port = stage.port();
    Pipe::open(port)?.fill(znodes, &[7; 100], PARENT, |index| format!("znode-{index:07}"))?;
    let before = metric(port, "cnt_snapshottime")?;
    let (read, written) = (format!("{PARENT}/znode-0000000"), format!("{PARENT}/znode-0000001"));
    let trial = Trial::begin(port, &stage.servers.pids(), read, written)?;
    let load = load(stage.servers.side()?, Duration::from_secs(seconds))?;
    let verdict = trial.end()?;
    let snapshots = metric(port, "cnt_snapshottime")? - before;
    let fsync_ms = metric(port, "max_fsynctime")?;
    told.line(format!(
        "{}: {} znodes, {seconds} s, {:.0} operations a second beside the probes, \
         {snapshots:.0} snapshots, longest sync of the log {fsync_ms:.0} ms",
        maker.name(),
        grouped(znodes as u64),
        load.ops_per_s
    ));
    let rows = histogram(&[&verdict.reads, &verdict.writes]);
    say(&aligned(&cells(&rows), 1));
    if *maker == Maker::Zoarium {
        told.chart = Some(drawn(&rows));
    }
    verdict.tell(told);
    let mut story = verdict.json();
    story["znodes"] = json!(znodes);
    story["seconds"] = json!(seconds);
    story["snapshots"] = json!(snapshots);
    story["max_fsync_ms"] = json!(fsync_ms);
    story["load"] = json!({ "ops_per_s": load.ops_per_s, "latency_us": load.latency_us });
    Ok((story, verdict))
}

fn cells(rows: &[Row]) -> Vec<Vec<String>> {
    let mut cells = vec![row(["latency", "reads", "writes"])];
    for Row { name, counts, .. } in rows {
        let counts = counts.iter().map(|count| grouped(*count));
        cells.push([name.clone()].into_iter().chain(counts).collect());
    }
    cells
}

/// The histograms as a picture, with a line where there should be nothing any more.
fn drawn(rows: &[Row]) -> (String, String) {
    let limit = u64::try_from(PAUSE_MAX.as_micros()).unwrap_or(u64::MAX);
    let behind = rows.iter().position(|row| row.from >= limit).unwrap_or(rows.len());
    let bars: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.counts.clone())).collect();
    let about = "How long reads and writes took beside snapshots";
    let series = ["reads", "writes, with their sync of the log"];
    let svg = chart::histogram::svg(about, &series, &bars, Some((behind, "over 5 ms")));
    (about.to_owned(), svg)
}

/// Runs the load to its end, and says now and then how far it is.
fn load(side: Side, duration: Duration) -> Result<RunResult> {
    let settings =
        Settings { duration, warm_up: Duration::ZERO, rate: Some(RATE), ..Settings::default() };
    let workload = Preset::named("mixed").context("a preset")?.workload();
    let load = thread::spawn(move || run_workload(&workload, &side, &settings));
    let (began, mut minutes) = (Instant::now(), 0);
    while !load.is_finished() {
        thread::sleep(Duration::from_millis(100));
        if began.elapsed().as_secs() / 60 > minutes {
            minutes += 1;
            say(&format!("  {minutes} min"));
        }
    }
    let result = load.join().map_err(|_| anyhow!("the load has panicked"))?;
    result.context("the load")
}
