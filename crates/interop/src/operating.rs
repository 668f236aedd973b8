//! Zoarium's tools for operators, on running ensembles of Apache's servers and ours: `status`, `top`,
//! `four-letter` and `bench`.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Options;
use crate::ensemble::{Ensemble, Plan};
use crate::mixed::took;
use crate::report::Report;
use crate::server::Kind;
use crate::setup;
use crate::tools::{Tools, bound, wait_for};

/// Words that every server answers when it may.
const WORDS: &[&str] = &[
    "conf", "cons", "dirs", "dump", "envi", "gtmk", "isro", "mntr", "ruok", "srvr", "stat", "wchc",
    "wchp", "wchs",
];

/// Loads that the dashboard may look at until it sees one.
const LOADS_MAX: usize = 5;

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    for kind in [Kind::Apache38, Kind::Apache, Kind::Zoarium] {
        let name = format!("operating/{}", kind.name());
        if name.contains(&options.filter) {
            report.result(&name, operate(tools, &name, kind));
        }
    }
    Ok(())
}

/// An ensemble that is well, works, loses one server, and another.
fn operate(tools: &Tools, name: &str, kind: Kind) -> Result<String> {
    let began = Instant::now();
    let plan = Plan::of(&name.replace('/', "-"), &[kind; 3]);
    let mut ensemble = Ensemble::start_led_by(tools, &plan, 3)?;
    let ports = ensemble.client_ports();
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let hosts = hosts.join(",");
    let rates = (|| {
        well(tools, &hosts)?;
        words(tools, &hosts)?;
        let rates = at_work(tools, &hosts, kind)?;
        for (sid, code, health) in [(1, 1, "degraded"), (2, 2, "down")] {
            ensemble.kill(sid)?;
            ends_with(tools, &hosts, code, health)?;
        }
        Ok(rates)
    })()
    .map_err(|error| ensemble.explain(error))?;
    Ok(format!("{}; {rates}", took(began)))
}

fn zoarium(tools: &Tools, arguments: &[&str]) -> Result<Output> {
    let mut command: Command = bound(tools.zoarium()?);
    command.args(arguments).output().with_context(|| format!("zoarium {}", arguments.join(" ")))
}

/// The JSON that a command prints, and its exit code.
fn json(tools: &Tools, arguments: &[&str]) -> Result<(Value, i32)> {
    let Output { status, stdout, stderr } = zoarium(tools, arguments)?;
    let document = serde_json::from_slice(&stdout).with_context(|| {
        format!("zoarium {}: {}", arguments.join(" "), String::from_utf8_lossy(&stderr))
    })?;
    Ok((document, status.code().unwrap_or(-1)))
}

fn well(tools: &Tools, hosts: &str) -> Result<()> {
    // A leader may learn a moment later than the last follower that all are in sync.
    ends_with(tools, hosts, 0, "healthy")?;
    let (status, _) = json(tools, &["status", "--json", hosts])?;
    let servers = status["servers"].as_array().context("servers")?;
    let mut roles: Vec<_> = servers.iter().filter_map(|server| server["role"].as_str()).collect();
    roles.sort_unstable();
    ensure!(roles == ["follower", "follower", "leader"], "{status:#}");
    for server in servers {
        for known in ["version", "zxid", "connections", "znodes", "id", "peer_state"] {
            ensure!(!server[known].is_null(), "{known} is missing in {server:#}");
        }
        // Before the first transaction there is none to tell.
        let has_epoch = server["epoch"].is_u64();
        ensure!(has_epoch == (server["zxid"] != 0), "the epoch is wrong in {server:#}");
        for known in ["watches", "files", "uptime_ms", "sessions"] {
            ensure!(server["gauges"][known].is_u64(), "{known} is missing in {server:#}");
        }
        for known in ["read_p99", "write_p99"] {
            ensure!(server["latencies"][known].is_number(), "{known} is missing in {server:#}");
        }
    }
    Ok(())
}

fn words(tools: &Tools, hosts: &str) -> Result<()> {
    for word in WORDS {
        let (answers, code) = json(tools, &["four-letter", "--json", word, hosts])?;
        let answers = answers.as_object().context("answers")?;
        ensure!(code == 0 && answers.len() == 3, "{word}: exit code {code}: {answers:#?}");
    }
    let (connections, _) = json(tools, &["four-letter", "--json", "cons", hosts])?;
    let own = |answer: &Value| answer["answer"].as_array().is_some_and(|all| !all.is_empty());
    let all = connections.as_object().context("answers")?;
    ensure!(all.values().all(own), "nobody sees who asks: {connections:#}");
    Ok(())
}

/// A load, which the dashboard sees. On a busy machine one may be over before the dashboard has
/// looked at all servers twice; then the next one is looked at.
fn at_work(tools: &Tools, hosts: &str, kind: Kind) -> Result<String> {
    let (mut seen, mut bench) = under_load(tools, hosts, kind)?;
    for _ in 1..LOADS_MAX {
        if is_at_work(&seen, kind) {
            break;
        }
        (seen, bench) = under_load(tools, hosts, kind)?;
    }
    ensure!(is_at_work(&seen, kind), "top saw no load: {seen:#}");
    let (bench, code) = bench;
    ensure!(code == 0, "bench ended with {code}: {bench:#}");
    let rate = |index: usize| -> Result<f64> {
        let run = &bench["comparisons"][index]["runs"][0];
        let rate = run["ops_per_s"].as_f64().context("ops_per_s")?;
        ensure!(rate > 0.0 && run["latency_us"]["p50"].as_f64() > Some(0.0), "{run:#}");
        Ok(rate)
    };
    Ok(format!("{:.0} mixed and {:.0} create-delete a second", rate(0)?, rate(1)?))
}

/// What the dashboard has seen of one load, and what the load says of itself.
fn under_load(tools: &Tools, hosts: &str, kind: Kind) -> Result<(Value, (Value, i32))> {
    std::thread::scope(|scope| {
        let load = ["bench", "mixed", "create-delete", "-s", hosts, "--json", "-c", "6"];
        let load = [&load[..], &["--duration", "1.5", "--warm-up", "0.2"]].concat();
        let bench = scope.spawn(move || json(tools, &load));
        let mut seen = Value::Null;
        // Until the load has begun there is nothing to see.
        while !bench.is_finished() && !is_at_work(&seen, kind) {
            seen = json(tools, &["top", "--json", "--interval", "0.3", hosts])?.0;
        }
        let bench = bench.join().map_err(|_| anyhow::anyhow!("bench panicked"))??;
        Ok((seen, bench))
    })
}

/// Whether requests come in, and, with Apache's servers, which count by path, where they go.
fn is_at_work(seen: &Value, kind: Kind) -> bool {
    let paths = seen["hottest_paths"].as_array();
    let is_hot = |heat: &Value| heat["path"] == "/zoarium-bench";
    let servers = seen["servers"].as_array();
    let receives = |server: &Value| server["per_second"]["received"].as_f64() > Some(10.0);
    let knows_paths = kind == Kind::Zoarium || paths.is_some_and(|paths| paths.iter().any(is_hot));
    knows_paths && servers.is_some_and(|servers| servers.iter().any(receives))
}

/// Waits until the health check says so: servers take a while to notice that others are gone.
fn ends_with(tools: &Tools, hosts: &str, expected: i32, health: &str) -> Result<()> {
    let limit = Duration::from_secs(40);
    wait_for(health, limit, || {
        let (status, code) = json(tools, &["status", "--json", hosts])?;
        ensure!((&status["health"], code) == (&health.into(), expected), "{code}: {status:#}");
        let problems = status["findings"].as_array().context("findings")?;
        ensure!(code == 0 || !problems.is_empty(), "no reason is given");
        Ok(())
    })
}
