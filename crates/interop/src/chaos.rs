//! Our recipes on an ensemble that loses its leader again and again, with clients that die while they
//! hold something: no two hold the same at a time, no item of a queue is lost or done twice, and no
//! step of a number is lost.
//!
//! `interop chaos --seconds 600` runs longer than usual.

mod ledger;
mod workers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::watch;
use zoarium_recipes::{AtomicLong, Queue};

use crate::Options;
use crate::dice::Dice;
use crate::ensemble::{Ensemble, Plan};
use crate::mixed::took;
use crate::report::Report;
use crate::server::Kind;
use crate::tools::Tools;
use ledger::Ledger;
use workers::{COUNTER, QUEUE, Worker, connect};

/// Time between two kills, in milliseconds: from the first, up to both together.
const PAUSE_MS: u64 = 1000;
const PAUSE_MS_MORE: u64 = 3000;

/// How long it may take until somebody has stopped, or the queue is empty, once all servers run.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    let began = Instant::now();
    let seed = *options.seeds.start();
    let duration = Duration::from_secs(options.seconds);
    let outcome = chaos(tools, options.server, seed, duration);
    report.result("chaos", outcome.map(|detail| format!("{detail}; {}", took(began))));
    Ok(())
}

fn chaos(tools: &Tools, kind: Kind, seed: u64, duration: Duration) -> Result<String> {
    let mut ensemble = Ensemble::start_led_by(tools, &Plan::of("chaos", &[kind; 3]), 3)?;
    let servers: Vec<String> =
        ensemble.client_ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let servers = servers.join(",");
    let runtime = tokio::runtime::Runtime::new()?;
    let ledger = Arc::new(Ledger::default());
    let (stop, stopping) = watch::channel(false);
    let workers = runtime.block_on(async {
        workers::prepare(&servers).await?;
        let worker = |number| Worker::new(&servers, seed, number, &ledger, &stopping);
        anyhow::Ok(workers::spawn_all(worker))
    })?;
    let kills = kill_leaders(&mut ensemble, seed, duration)?;
    stop.send_replace(true);
    let ended = runtime.block_on(async {
        for (name, worker) in workers {
            let ended = tokio::time::timeout(LIMIT, worker).await;
            ended.with_context(|| format!("{name} does not stop"))??.with_context(|| name)?;
        }
        let emptied = tokio::time::timeout(LIMIT, check_end(&servers, &ledger)).await;
        emptied.context("the queue is not empty yet")?
    });
    ended.and_then(|()| ledger.judge()).map_err(|error| ensemble.explain(error))?;
    Ok(format!("{kills} leaders killed, {}", ledger.figures()))
}

/// Kills the leader, lets another be elected, and has the old one join it; over and over.
fn kill_leaders(ensemble: &mut Ensemble<'_>, seed: u64, duration: Duration) -> Result<usize> {
    let mut dice = Dice::new(seed);
    let end = Instant::now() + duration;
    let mut kills = 0;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(PAUSE_MS + dice.roll(PAUSE_MS_MORE)));
        let leader = ensemble.wait_leader()?;
        ensemble.kill(leader)?;
        kills += 1;
        ensemble.wait_leader()?;
        ensemble.join(leader)?;
        ensemble.wait_all()?;
    }
    Ok(kills)
}

/// What is left when everybody has stopped.
async fn check_end(servers: &str, ledger: &Ledger) -> Result<()> {
    let client = connect(servers).await?;
    ledger.ends_with(AtomicLong::open(&client, COUNTER).await?.value().await?);
    let queue = Queue::new(&client, QUEUE);
    while queue.count().await? > 0 {
        // None comes if what was left was on its way out.
        if let Ok(item) = tokio::time::timeout(Duration::from_secs(1), queue.take()).await {
            let item = item?;
            ledger.take(&item)?;
            ledger.finish(item).await?;
        }
    }
    // The session ends with the client either way.
    let _unconfirmed = client.close().await;
    Ok(())
}
