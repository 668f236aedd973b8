//! How long a lock takes from one holder to the next, with ours, Curator and kazoo on the same server:
//! `interop hand-over`. Not a check: it fails for nothing, and is run by hand.
//!
//! So many clients, each with a session of its own, stand in line for one lock; who has it lets go at
//! once and stands in line again. The figure is the time from the call that lets go to the return of
//! the call of the next holder, by the clock of their one process.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Barrier;
use zoarium_client::Client;
use zoarium_recipes::Lock;

use crate::Options;
use crate::report::say;
use crate::server::Server;
use crate::setup;
use crate::tools::{Tools, bound, run_within};

/// Those who stand in line.
const WAITERS: &[usize] = &[2, 10, 100];
/// Hand-overs of each measurement.
const COUNT: usize = 600;
/// Pairs of measurements.
const PAIRS: usize = 5;
/// How long one measurement may take.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn run(tools: &Tools, options: &Options) -> Result<()> {
    setup::python(tools)?;
    setup::jars(tools)?;
    let server = Server::start(tools, options.server, "hand-over", &[])?;
    let (address, dir) = (server.address(), server.dir.clone());
    let program = |mut command: Command, waiters: usize| {
        command.arg(&address).arg(waiters.to_string()).arg(COUNT.to_string());
        let text = run_within(command.current_dir(&dir), LIMIT, &dir.join("hand-over.log"))?;
        let micros = text.split_whitespace().map(|it| it.parse().context("a figure"));
        micros.collect::<Result<Vec<u64>>>()
    };
    for waiters in WAITERS {
        for pair in 0..PAIRS {
            let ours = ours(&address, *waiters)?;
            let curator = program(curator(tools), *waiters)?;
            let mut kazoo = bound(tools.python());
            kazoo.arg(tools.source.join("clients/python/hand_over.py"));
            let kazoo = program(kazoo, *waiters)?;
            for (name, mut micros) in [("ours", ours), ("curator", curator), ("kazoo", kazoo)] {
                micros.sort_unstable();
                let (p50, p99) = (at(&micros, 50), at(&micros, 99));
                say(&format!(
                    "{waiters:3} waiters, pair {pair}: {name:8} p50 {p50} µs, p99 {p99} µs"
                ));
            }
        }
    }
    Ok(())
}

/// Without the options that make short programs start fast, and long ones slow.
fn curator(tools: &Tools) -> Command {
    let mut command = bound("java");
    command.args(["-cp", &tools.class_path(), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]);
    command.arg(tools.source.join("clients/java/HandOver.java"));
    command
}

fn at(sorted: &[u64], percent: usize) -> u64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(0)
}

fn ours(address: &str, waiters: usize) -> Result<Vec<u64>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let (start, began) = (Arc::new(Barrier::new(waiters)), Instant::now());
        let mut tasks = Vec::new();
        for _ in 0..waiters {
            let (client, start) = (Client::connect(address).await?, Arc::clone(&start));
            tasks.push(tokio::spawn(async move {
                let lock = Lock::new(&client, "/hand-over/ours");
                let mut times = Vec::new();
                start.wait().await;
                for _ in 0..COUNT.div_ceil(waiters) {
                    let guard = lock.acquire().await?;
                    let acquired = began.elapsed();
                    times.push((acquired, began.elapsed()));
                    guard.release().await?;
                }
                client.close().await?;
                anyhow::Ok(times)
            }));
        }
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        times.sort_unstable();
        let hand_over = |pair: &[(Duration, Duration)]| pair[1].0.saturating_sub(pair[0].1);
        let micros = times.windows(2).map(|pair| u64::try_from(hand_over(pair).as_micros()));
        Ok(micros.collect::<Result<_, _>>()?)
    })
}
