//! What an operation costs by the number of znodes, and by that of connections. Flat is what it
//! should be; caches that become too small show.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use zoarium_bench::result::RunResult;
use zoarium_bench::run::run as run_workload;
use zoarium_bench::settings::Settings;
use zoarium_bench::workload::{Preset, Workload};

use super::{Ground, NO_SNAPSHOTS, Stage};
use crate::bench::contender::Maker;
use crate::bench::figures::aligned;
use crate::report::say;

/// Operations a second where more connections do not mean more of them.
const RATE: f64 = 5000.0;

/// A column of a curve: its heading, its workload, and its rate if it has one.
type Column = (&'static str, &'static str, Option<f64>);

pub(super) fn znodes(ground: &Ground<'_>) -> Result<Value> {
    let columns: &[Column] = &[
        ("read 16×32", "read-pipe", None),
        ("write 16×32", "write-pipe", None),
        ("create, delete 16×8", "create-delete", None),
    ];
    let full = [1_000, 10_000, 100_000, 1_000_000, 5_000_000];
    let sizes = &full[..ground.choose(4, 5)];
    curve(ground, "znodes", sizes, columns, |workload, size| workload.keys = size)
}

pub(super) fn connections(ground: &Ground<'_>) -> Result<Value> {
    let columns: &[Column] = &[
        ("read ×1", "read", None),
        ("write ×1", "write", None),
        ("mixed, 5,000/s", "mixed", Some(RATE)),
    ];
    curve(ground, "connections", &[10, 100, 1000, 5000], columns, |workload, size| {
        (workload.connections, workload.pipeline) = (size, 1);
    })
}

/// Measures each column at each size, on one server that grows.
fn curve(
    ground: &Ground<'_>,
    what: &str,
    sizes: &[usize],
    columns: &[Column],
    resize: impl Fn(&mut Workload, usize),
) -> Result<Value> {
    let mut json = serde_json::Map::new();
    for maker in &ground.makers {
        let stage = ground.start(maker, &[NO_SNAPSHOTS])?;
        let mut heading = vec![what.to_owned(), String::new()];
        heading.extend(columns.iter().map(|(name, ..)| (*name).to_owned()));
        let (mut rows, mut points, mut first) = (vec![heading], Vec::new(), Vec::new());
        for size in sizes {
            say(&format!("  {size} {what} ({})", maker.name()));
            let mut point = json!({ what: size });
            let mut row = vec![size.to_string(), "CPU µs/op".to_owned()];
            for (index, (name, preset, rate)) in columns.iter().enumerate() {
                let mut workload = Preset::named(preset).context("a preset")?.workload();
                resize(&mut workload, *size);
                let run = measure(ground, maker, &stage, &workload, *rate)?;
                let cpu = run.server_cpu_us_per_op.context("no CPU was measured")?;
                if first.len() == index {
                    first.push(cpu);
                }
                row.push(format!("{cpu:.2} ({:.2}×)", cpu / first[index]));
                point[*name] = json!({
                    "server_cpu_us_per_op": cpu, "ops_per_s": run.ops_per_s,
                    "p50_us": run.latency_us.p50, "p99_us": run.latency_us.p99,
                });
            }
            rows.push(row);
            points.push(point);
        }
        say(&aligned(&rows));
        json.insert(maker.name().to_owned(), Value::Array(points));
    }
    Ok(Value::Object(json))
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
