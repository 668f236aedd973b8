//! What an operation costs by the number of znodes, and by that of connections. Flat is what it
//! should be; caches that become too small show.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use zoarium_bench::result::RunResult;
use zoarium_bench::run::run as run_workload;
use zoarium_bench::settings::Settings;
use zoarium_bench::workload::{Preset, Workload};

use super::told::{Told, row};
use super::{Ground, NO_SNAPSHOTS, Stage};
use crate::bench::chart::lines::{self, Line};
use crate::bench::contender::Maker;
use crate::bench::figures::{grouped, number};
use crate::report::say;

/// Operations a second where more connections do not mean more of them.
const RATE: f64 = 5000.0;

/// A column of a curve: its heading, its workload, and its rate if it has one.
type Column = (&'static str, &'static str, Option<f64>);

pub(super) fn znodes(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    let columns: &[Column] = &[
        ("read 16×32", "read-pipe", None),
        ("write 16×32", "write-pipe", None),
        ("create, delete 16×8", "create-delete", None),
    ];
    let full = [1_000, 10_000, 100_000, 1_000_000, 5_000_000];
    let sizes = &full[..ground.choose(4, 5)];
    curve(ground, told, "znodes", sizes, columns, |workload, size| workload.keys = size)
}

pub(super) fn connections(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    let columns: &[Column] = &[
        ("read ×1", "read", None),
        ("write ×1", "write", None),
        ("mixed, 5,000/s", "mixed", Some(RATE)),
    ];
    let sizes = &[10, 100, 1000, 5000];
    curve(ground, told, "connections", sizes, columns, |workload, size| {
        (workload.connections, workload.pipeline) = (size, 1);
    })
}

/// Measures each column at each size, on one server that grows.
fn curve(
    ground: &Ground<'_>,
    told: &mut Told,
    what: &str,
    sizes: &[usize],
    columns: &[Column],
    resize: impl Fn(&mut Workload, usize),
) -> Result<()> {
    let (mut json, mut drawn) = (Map::new(), Vec::new());
    for maker in &ground.makers {
        let stage = ground.start(maker, &[NO_SNAPSHOTS])?;
        let mut lines: Vec<Line> = columns
            .iter()
            .enumerate()
            .map(|(colour, column)| {
                let name = ground.named(column.0, maker);
                Line { name, colour, is_ours: *maker == Maker::Zoarium, points: Vec::new() }
            })
            .collect();
        let mut points = Vec::new();
        for size in sizes {
            let mut point = json!({ what: size });
            for ((name, preset, rate), line) in columns.iter().zip(&mut lines) {
                say(&format!("  {size} {what}: {name} ({})", maker.name()));
                let mut workload = Preset::named(preset).context("a preset")?.workload();
                resize(&mut workload, *size);
                let run = measure(ground, maker, &stage, &workload, *rate)?;
                let cpu = run.server_cpu_us_per_op.context("no CPU was measured")?;
                line.points.push((*size as f64, cpu));
                point[*name] = json!({
                    "server_cpu_us_per_op": cpu, "ops_per_s": run.ops_per_s,
                    "p50_us": run.latency_us.p50, "p99_us": run.latency_us.p99,
                });
            }
            points.push(point);
        }
        told.table(table(what, sizes, &lines));
        json.insert(maker.name().to_owned(), Value::Array(points));
        drawn.extend(lines);
    }
    let y = "CPU of the server for each operation";
    told.chart = Some((format!("{y}, by {what}"), lines::svg(what, y, "µs", &drawn)));
    told.json = Value::Object(json);
    Ok(())
}

/// What each operation costs, and how many times as much as at the smallest size.
fn table(what: &str, sizes: &[usize], lines: &[Line]) -> Vec<Vec<String>> {
    let mut heading = row([what]);
    heading.extend(lines.iter().map(|line| format!("{}, µs", line.name)));
    let mut rows = vec![heading];
    for (index, size) in sizes.iter().enumerate() {
        let mut row = vec![grouped(*size as u64)];
        for Line { points, .. } in lines {
            let (first, cpu) = (points[0].1, points[index].1);
            row.push(format!("{} ({:.2}×)", number(cpu), cpu / first));
        }
        rows.push(row);
    }
    rows
}

fn measure(
    ground: &Ground<'_>,
    maker: &Maker,
    stage: &Stage,
    workload: &Workload,
    rate: Option<f64>,
) -> Result<RunResult> {
    let settings = Settings {
        duration: Duration::from_millis(ground.choose(1500, 4000)),
        // A JVM needs some time before it is what it is.
        warm_up: Duration::from_millis(if *maker == Maker::Apache { 3000 } else { 500 }),
        rate,
        keep: true,
        reuse: true,
        ..Settings::default()
    };
    run_workload(workload, &stage.servers.side()?, &settings)
        .with_context(|| format!("{} against {}", workload.name, maker.name()))
}
