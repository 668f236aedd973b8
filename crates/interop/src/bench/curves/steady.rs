//! Reads and writes for a while, on a large tree, with one snapshot after the other. A pause of more
//! than 5 ms in which the server waited for neither a processor nor, if it is a write's, the disk, is
//! a failure.

use std::cmp::Reverse;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use zoarium_bench::result::RunResult;
use zoarium_bench::run::run as run_workload;
use zoarium_bench::settings::{Settings, Side};
use zoarium_bench::workload::Preset;

use super::Ground;
use super::probe::{Running, Seen, Stretch, Waits, histogram_rows, probe, watch_server};
use crate::bench::contender::Maker;
use crate::bench::figures::aligned;
use crate::bench::pipe::{Pipe, get, set};
use crate::ensemble::status::metric;
use crate::report::say;

/// What no server may take longer.
const PAUSE_MAX: Duration = Duration::from_millis(5);
/// Operations a second beside the probes, a tenth of them writes.
const RATE: f64 = 5000.0;
/// So many writes until the next snapshot, or half as many: some seconds.
const LINES: &[&str] = &["snapCount=10000"];
/// Pauses that are told one by one.
const TOLD: usize = 12;
const PARENT: &str = "/steady";

pub(super) fn run(ground: &Ground<'_>) -> Result<Value> {
    let mut json = serde_json::Map::new();
    let mut ours = 0;
    for maker in &ground.makers {
        let (story, guilty) = of(ground, maker)?;
        json.insert(maker.name().to_owned(), story);
        // What is asked of ours is not asked of others.
        if *maker == Maker::Zoarium {
            ours = guilty;
        }
    }
    if ours > 0 {
        bail!("{ours} pauses over 5 ms: {}", Value::Object(json));
    }
    Ok(Value::Object(json))
}

/// What was seen of one maker's server, and how many pauses are its fault.
fn of(ground: &Ground<'_>, maker: &Maker) -> Result<(Value, usize)> {
    let seconds = ground.seconds.unwrap_or(ground.choose(60, 600));
    let znodes = ground.choose(200_000, 1_000_000);
    let stage = ground.start(maker, LINES)?;
    let port = stage.port();
    Pipe::open(port)?.fill(znodes, &[7; 100], PARENT, |index| format!("znode-{index:07}"))?;
    let before = metric(port, "cnt_snapshottime")?;
    let trial = Trial {
        reads: probe(port, || get(&format!("{PARENT}/znode-0000000"), false))?,
        writes: probe(port, || set(&format!("{PARENT}/znode-0000001"), b"changed"))?,
        server: watch_server(*stage.servers.pids().first().context("it does not run")?),
    };
    let began = Instant::now();
    let load = load(stage.servers.side()?, Duration::from_secs(seconds))?;
    let verdict = trial.end()?;
    let snapshots = metric(port, "cnt_snapshottime")? - before;
    let fsync_ms = metric(port, "max_fsynctime")?;
    say(&format!(
        "  {}: {znodes} znodes, {seconds} s, {:.0} operations a second beside the probes, \
         {snapshots:.0} snapshots, longest sync of the log {fsync_ms:.0} ms",
        maker.name(),
        load.ops_per_s
    ));
    verdict.tell(began);
    let mut story = verdict.json();
    story["znodes"] = json!(znodes);
    story["seconds"] = json!(seconds);
    story["snapshots"] = json!(snapshots);
    story["max_fsync_ms"] = json!(fsync_ms);
    story["load"] = json!({ "ops_per_s": load.ops_per_s, "latency_us": load.latency_us });
    Ok((story, verdict.guilty()))
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

/// Everything that runs beside the load.
struct Trial {
    reads: Running<Seen>,
    writes: Running<Seen>,
    server: Running<Waits>,
}

impl Trial {
    fn end(self) -> Result<Verdict> {
        let (reads, writes) = (self.reads.stop()?, self.writes.stop()?);
        let Waits { processor, disk } = self.server.stop()?;
        let processor_and_disk = processor.iter().chain(&disk).copied().collect();
        Ok(Verdict { reads, writes, processor, processor_and_disk })
    }
}

/// What was seen, and what excuses a server.
struct Verdict {
    reads: Seen,
    writes: Seen,
    /// Excuses reads.
    processor: Vec<Stretch>,
    /// Excuses writes.
    processor_and_disk: Vec<Stretch>,
}

/// Something that took more than 5 ms.
struct Pause {
    op: &'static str,
    stretch: Stretch,
    /// What nothing excuses.
    own: Duration,
}

impl Verdict {
    /// Every pause, the worst first.
    fn pauses(&self) -> Vec<Pause> {
        let of = |op, seen: &Seen, excuses: &[Stretch]| -> Vec<Pause> {
            let pause = |(stretch, waited): &(Stretch, Duration)| Pause {
                op,
                stretch: *stretch,
                own: stretch
                    .took
                    .saturating_sub(stretch.covered_by(excuses))
                    .saturating_sub(*waited),
            };
            seen.pauses.iter().map(pause).collect()
        };
        let mut pauses = of("read", &self.reads, &self.processor);
        pauses.extend(of("write", &self.writes, &self.processor_and_disk));
        pauses.sort_by_key(|pause| Reverse(pause.own));
        pauses
    }

    /// How many pauses are the server's fault.
    fn guilty(&self) -> usize {
        self.pauses().iter().filter(|pause| pause.own > PAUSE_MAX).count()
    }

    /// Shows it.
    fn tell(&self, began: Instant) {
        say(&aligned(&histogram_rows(&[("reads", &self.reads), ("writes", &self.writes)])));
        for (name, seen) in [("read", &self.reads), ("write", &self.writes)] {
            let [p50, p99, p999, max] = seen.quantiles();
            say(&format!(
                "  {name:<5} p50 {p50:.0} µs, p99 {p99:.0} µs, p99.9 {p999:.0} µs, longest {max:.0} µs"
            ));
        }
        let pauses = self.pauses();
        for Pause { op, stretch, own } in pauses.iter().take(TOLD) {
            say(&format!(
                "  a {op} took {:.1} ms after {:.1} s; {:.1} ms of it the server waited for neither \
                 processor nor disk",
                stretch.took.as_secs_f64() * 1e3,
                stretch.began.saturating_duration_since(began).as_secs_f64(),
                own.as_secs_f64() * 1e3
            ));
        }
        if pauses.len() > TOLD {
            say(&format!("  and {} more over 5 ms", pauses.len() - TOLD));
        }
    }

    fn json(&self) -> Value {
        let of = |seen: &Seen| {
            let [p50, p99, p999, max] = seen.quantiles();
            json!({ "p50_us": p50, "p99_us": p99, "p99.9_us": p999, "max_us": max,
                    "over_5_ms": seen.pauses.len() })
        };
        json!({ "read": of(&self.reads), "write": of(&self.writes), "pauses": self.guilty() })
    }
}
