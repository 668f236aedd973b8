//! Process faults on a real ensemble of one implementation, while clients work: kills, pauses, cut,
//! silent and slow links, a full disk, one that stalls. What the clients saw is judged after each.

mod full_disk;
mod random;
mod stalled_disk;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::Options;
use crate::ensemble::network::Link;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::history::load::Load;
use crate::mixed::took;
use crate::report::{Outcome, Report};
use crate::server::Kind;
use crate::setup;
use crate::tools::Tools;

/// Shorter than any limit: nobody should notice but by waiting.
const SHORT: Duration = Duration::from_millis(700);
/// How late the bytes on a slow link are.
const SLOW: Duration = Duration::from_millis(15);
/// How often a flapping link changes.
const FLAPS: u32 = 8;
const FLAP: Duration = Duration::from_millis(250);

/// Injects one fault and heals it. The load shows in between that the rest goes on.
type Fault = fn(&mut Ensemble<'_>, &Load) -> Result<()>;

const FAULTS: &[(&str, Fault)] = &[
    ("kill-leader", |ensemble, load| killed(ensemble, load, leader(ensemble)?)),
    ("kill-follower", |ensemble, load| killed(ensemble, load, follower(ensemble)?)),
    ("kill-all", kill_all),
    ("stop-leader", stop_leader),
    ("pause-leader", |ensemble, load| paused(ensemble, load, leader(ensemble)?)),
    ("pause-follower", |ensemble, load| paused(ensemble, load, follower(ensemble)?)),
    ("pause-leader-shortly", pause_shortly),
    ("cut-leader", |ensemble, load| alone(ensemble, load, leader(ensemble)?, Link::Cut)),
    ("cut-follower", |ensemble, load| alone(ensemble, load, follower(ensemble)?, Link::Cut)),
    ("silent-leader", |ensemble, load| alone(ensemble, load, leader(ensemble)?, Link::Held)),
    ("silent-follower", |ensemble, load| alone(ensemble, load, follower(ensemble)?, Link::Held)),
    ("mute-leader", |ensemble, load| one_way(ensemble, load, true)),
    ("deaf-leader", |ensemble, load| one_way(ensemble, load, false)),
    ("cut-one-link", cut_one_link),
    ("cut-all", cut_all),
    ("flapping-leader", |ensemble, load| flapping(ensemble, load, leader(ensemble)?)),
    ("flapping-follower", |ensemble, load| flapping(ensemble, load, follower(ensemble)?)),
    ("slow-leader", |ensemble, load| slow(ensemble, load, leader(ensemble)?)),
    ("slow-follower", |ensemble, load| slow(ensemble, load, follower(ensemble)?)),
];

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    let wanted = |name: &str| format!("faults/{name}").contains(&options.filter);
    let kinds = [options.server; 3];
    let mut ensemble = None;
    for (name, fault) in FAULTS.iter().filter(|(name, _)| wanted(name)) {
        // A failed check leaves its ensemble in an unknown state: the next one gets a fresh one.
        let fresh = match ensemble.take() {
            Some(ensemble) => Ok(ensemble),
            None => Ensemble::start_led_by(tools, &Plan::of("faults", &kinds), 3),
        };
        let check = format!("faults/{name}");
        match fresh {
            Err(error) => report.result(&check, Err(error)),
            Ok(mut fresh) => match judged(&mut fresh, name, *fault) {
                Ok(detail) => {
                    report.result(&check, Ok(detail));
                    ensemble = Some(fresh);
                }
                Err(error) => report.result(&check, Err(fresh.explain(error))),
            },
        }
    }
    drop(ensemble);
    full_disk::run(tools, report, options);
    stalled_disk::run(tools, report, options);
    random_faults(tools, report, options);
    Ok(())
}

type NewPlan = fn(&str, &[Kind]) -> Plan<'static>;

/// A story of three servers, one of which keeps its data on a file system of its own: `mount` puts it
/// there before anything runs.
fn on_own_disk<D>(
    tools: &Tools,
    report: &Report,
    options: &Options,
    (plan, name, sid): (NewPlan, &str, Sid),
    mount: impl FnOnce(&Ensemble<'_>) -> Result<D>,
    story: impl FnOnce(&mut Ensemble<'_>, &D, Sid) -> Result<String>,
) {
    if !name.contains(&options.filter) {
        return;
    }
    let plan = plan(&name.replace('/', "-"), &[options.server; 3]);
    let mut ensemble = match Ensemble::prepare(tools, &plan) {
        Ok(ensemble) => ensemble,
        Err(error) => return report.result(name, Err(error)),
    };
    match mount(&ensemble) {
        Err(error) => {
            let reason = format!("no file system can be mounted here: {error:#}");
            report.line(name, &Outcome::Skipped(reason), "");
        }
        Ok(disk) => {
            let judged = story(&mut ensemble, &disk, sid).map_err(|error| ensemble.explain(error));
            // The server must be gone before its file system.
            drop(ensemble);
            drop(disk);
            report.result(name, judged);
        }
    }
}

/// Every seed on three servers of ours, and on one each of three implementations.
fn random_faults(tools: &Tools, report: &Report, options: &Options) {
    let ours = options.server;
    let mixed = [Kind::Apache38, ours, Kind::Apache];
    for (name, kinds) in [("faults/random", [ours; 3]), ("faults/random-mixed", mixed)] {
        if name.contains(&options.filter) {
            for seed in options.seeds.clone() {
                let result = random::judged(tools, name, kinds, seed);
                report.result(&format!("{name} --seed {seed}"), result);
            }
        }
    }
}

/// Runs clients over a fault, waits until all servers are back, and judges the history.
fn judged(ensemble: &mut Ensemble<'_>, name: &str, fault: Fault) -> Result<String> {
    let began = Instant::now();
    let load = Load::start(ensemble, &format!("/{name}"))?;
    fault(ensemble, &load)?;
    ensemble.wait_all().context("after the fault")?;
    load.wait_progress().context("after the fault")?;
    let history = load.finish(ensemble)?;
    Ok(format!("{}; {}", history.summary(), took(began)))
}

fn leader(ensemble: &Ensemble<'_>) -> Result<Sid> {
    ensemble.wait_leader()
}

fn follower(ensemble: &Ensemble<'_>) -> Result<Sid> {
    let leader = ensemble.wait_leader()?;
    ensemble.sids().into_iter().find(|sid| *sid != leader).context("no follower")
}

fn killed(ensemble: &mut Ensemble<'_>, load: &Load, sid: Sid) -> Result<()> {
    ensemble.kill(sid)?;
    load.wait_progress().context("without it")?;
    ensemble.join(sid).map(drop)
}

fn kill_all(ensemble: &mut Ensemble<'_>, _: &Load) -> Result<()> {
    for sid in ensemble.sids() {
        ensemble.kill(sid)?;
    }
    ensemble.sids().into_iter().try_for_each(|sid| ensemble.start(sid))
}

fn stop_leader(ensemble: &mut Ensemble<'_>, load: &Load) -> Result<()> {
    let leader = leader(ensemble)?;
    ensemble.stop(leader)?;
    load.wait_progress().context("without it")?;
    ensemble.join(leader).map(drop)
}

/// Long enough for the others to give the server up: clients of a paused server move on.
fn paused(ensemble: &mut Ensemble<'_>, load: &Load, sid: Sid) -> Result<()> {
    ensemble.pause(sid)?;
    load.wait_progress().context("without it")?;
    ensemble.resume(sid)
}

fn pause_shortly(ensemble: &mut Ensemble<'_>, _: &Load) -> Result<()> {
    let leader = leader(ensemble)?;
    ensemble.pause(leader)?;
    std::thread::sleep(SHORT);
    ensemble.resume(leader)
}

fn alone(ensemble: &mut Ensemble<'_>, load: &Load, sid: Sid, link: Link) -> Result<()> {
    ensemble.network()?.around(sid, link);
    load.wait_progress().context("without it")?;
    ensemble.network()?.heal();
    Ok(())
}

/// Nothing from the leader arrives, or nothing arrives at it.
fn one_way(ensemble: &mut Ensemble<'_>, load: &Load, is_mute: bool) -> Result<()> {
    let leader = leader(ensemble)?;
    for other in ensemble.sids().into_iter().filter(|sid| *sid != leader) {
        let (from, to) = if is_mute { (leader, other) } else { (other, leader) };
        ensemble.network()?.set(from, to, Link::Held);
    }
    load.wait_progress().context("meanwhile")?;
    ensemble.network()?.heal();
    Ok(())
}

/// A follower loses the leader, and the other follower still sees both.
fn cut_one_link(ensemble: &mut Ensemble<'_>, load: &Load) -> Result<()> {
    let (leader, follower) = (leader(ensemble)?, follower(ensemble)?);
    ensemble.network()?.set(leader, follower, Link::Cut);
    load.wait_progress().context("meanwhile")?;
    ensemble.network()?.heal();
    Ok(())
}

/// Nobody has a quorum for a while.
fn cut_all(ensemble: &mut Ensemble<'_>, _: &Load) -> Result<()> {
    let network = ensemble.network()?;
    ensemble.sids().into_iter().for_each(|sid| network.around(sid, Link::Cut));
    std::thread::sleep(2 * SHORT);
    network.heal();
    Ok(())
}

fn flapping(ensemble: &mut Ensemble<'_>, _: &Load, sid: Sid) -> Result<()> {
    for _ in 0..FLAPS {
        ensemble.network()?.around(sid, Link::Cut);
        std::thread::sleep(FLAP);
        ensemble.network()?.heal();
        std::thread::sleep(FLAP);
    }
    Ok(())
}

fn slow(ensemble: &mut Ensemble<'_>, load: &Load, sid: Sid) -> Result<()> {
    ensemble.network()?.around(sid, Link::Slow(SLOW));
    load.wait_progress().context("meanwhile")?;
    std::thread::sleep(2 * SHORT);
    ensemble.network()?.heal();
    Ok(())
}
