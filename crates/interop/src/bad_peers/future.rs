//! Epochs from the future where they could do the most harm: told to a leader in the middle of an
//! election, which picks the next epoch, and kept on a follower's disk.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::wire_errors::infos_from_the_future;
use crate::Options;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::history::load::Load;
use crate::mixed::took;
use crate::report::{Outcome, Report};
use crate::server::Kind;
use crate::tools::Tools;

/// How much further than before the epoch may be after one election under attack.
const EPOCHS_MAX: i64 = 50;
/// Pause between two waves of the attack.
const WAVE: Duration = Duration::from_millis(20);
/// How long the follower that is set up wrongly runs.
const WATCH: Duration = Duration::from_secs(3);
const VICTIM: Sid = 1;
/// Nobody's id.
const STRANGER: i64 = 9;

type Story = fn(&mut Ensemble<'_>, &Load) -> Result<()>;

pub(super) fn run(tools: &Tools, report: &Report, options: &Options) {
    let stories: [(&str, Story); 2] = [
        ("bad-peers/follower-from-the-future", follower_from_the_future),
        ("bad-peers/epoch-from-the-future-in-an-election", election),
    ];
    for (name, story) in stories {
        if !name.contains(&options.filter) {
            continue;
        }
        if options.server != Kind::Zoarium && name.ends_with("election") {
            let reason = "Apache's leader believes every epoch that it is told".to_owned();
            report.line(name, &Outcome::Skipped(reason), "");
            continue;
        }
        let plan = Plan::of(&name.replace('/', "-"), &[options.server; 3]);
        let result = Ensemble::start_led_by(tools, &plan, 3).and_then(|mut ensemble| {
            judged(&mut ensemble, story).map_err(|error| ensemble.explain(error))
        });
        report.result(name, result);
    }
}

fn judged(ensemble: &mut Ensemble<'_>, story: Story) -> Result<String> {
    let began = Instant::now();
    let load = Load::start(ensemble, "/future")?;
    story(ensemble, &load)?;
    ensemble.wait_all()?;
    load.wait_progress().context("after the attack")?;
    Ok(format!("{}; {}", load.finish(ensemble)?.summary(), took(began)))
}

/// A follower's files say that it has promised an epoch which is not absurd, but which nobody has
/// seen. The others go on, with it or without it.
fn follower_from_the_future(ensemble: &mut Ensemble<'_>, load: &Load) -> Result<()> {
    ensemble.stop(VICTIM)?;
    let path = ensemble.member(VICTIM).data.join("version-2/acceptedEpoch");
    let before = fs::read_to_string(&path)?;
    fs::write(&path, "1000")?;
    ensemble.start(VICTIM)?;
    std::thread::sleep(WATCH);
    load.wait_progress().context("while it runs")?;
    if ensemble.member(VICTIM).status().is_ok() {
        return Ok(());
    }
    ensemble.kill(VICTIM)?;
    fs::write(&path, before)?;
    ensemble.join(VICTIM).map(drop)
}

/// The leader is killed while every quorum port hears of absurd epochs all the time.
fn election(ensemble: &mut Ensemble<'_>, load: &Load) -> Result<()> {
    let leader = ensemble.wait_leader()?;
    let epoch = ensemble.member(leader).status()?.zxid >> 32;
    let ports: Vec<u16> = ensemble.members.iter().map(|it| it.addresses.quorum).collect();
    let is_over = AtomicBool::new(false);
    let next = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                wave(&ports);
                std::thread::sleep(WAVE);
            }
        });
        let next = ensemble.kill(leader).and_then(|()| ensemble.wait_leader());
        is_over.store(true, Ordering::Relaxed);
        next
    })?;
    load.wait_progress().context("under the next leader")?;
    let after = ensemble.member(next).status()?.zxid >> 32;
    ensure!((epoch..epoch + EPOCHS_MAX).contains(&after), "epoch {epoch} became {after}");
    ensemble.join(leader).map(drop)
}

fn wave(ports: &[u16]) {
    for port in ports {
        for info in infos_from_the_future(STRANGER) {
            // Most of the time nobody listens.
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", *port)) {
                drop(stream.write_all(&info));
            }
        }
    }
}
