//! Faults that a seed decides, several at a time: what no one thought of. Threads and processes run
//! as they like, so a seed gives the same faults again, not the same run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::dice::Dice;
use crate::ensemble::network::Link;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::history::load::Load;
use crate::mixed::took;
use crate::server::Kind;
use crate::tools::Tools;

const STEPS: u32 = 16;
/// The pause after a step, in milliseconds; sometimes long enough for others to give a server up.
const PAUSE_MS: u64 = 700;
const LONG_PAUSE_MS: u64 = 4500;
const LONG_PAUSE_ONE_IN: u64 = 8;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Pause,
    /// The links around one server.
    Around(Link),
    /// One link, in one direction.
    Between(Link),
    /// Everything is in order again.
    Heal,
}

const FAULTS: &[Fault] = &[
    Fault::Kill,
    Fault::Kill,
    Fault::Pause,
    Fault::Around(Link::Cut),
    Fault::Around(Link::Held),
    Fault::Around(Link::Slow(Duration::from_millis(10))),
    Fault::Between(Link::Cut),
    Fault::Between(Link::Held),
    Fault::Between(Link::Slow(Duration::from_millis(30))),
    Fault::Heal,
    Fault::Heal,
    Fault::Heal,
];

/// Runs clients over the faults of one seed on three servers of these kinds.
pub(super) fn judged(tools: &Tools, name: &str, kinds: [Kind; 3], seed: u64) -> Result<String> {
    let began = Instant::now();
    let plan = Plan::of(&format!("{}-{seed}", name.replace('/', "-")), &kinds);
    let mut ensemble = Ensemble::start_led_by(tools, &plan, 3)?;
    let summary = play(&mut ensemble, seed).map_err(|error| ensemble.explain(error))?;
    Ok(format!("{summary}; {}", took(began)))
}

fn play(ensemble: &mut Ensemble<'_>, seed: u64) -> Result<String> {
    let mut dice = Dice::new(seed);
    let load = Load::start(ensemble, "/random")?;
    let mut done = Vec::new();
    for _ in 0..STEPS {
        let (fault, sid, other) = (dice.pick(FAULTS), dice.pick(&[1, 2, 3]), dice.pick(&[1, 2]));
        let other = (sid + other - 1) % 3 + 1;
        inject(ensemble, fault, sid, other)?;
        done.push(format!("{fault:?} {sid} {other}"));
        let is_long = dice.chance(LONG_PAUSE_ONE_IN);
        let pause = dice.roll(if is_long { LONG_PAUSE_MS } else { PAUSE_MS });
        std::thread::sleep(Duration::from_millis(pause));
    }
    heal(ensemble)?;
    let told = || format!("after {}", done.join(", "));
    ensemble.wait_all().with_context(told)?;
    load.wait_progress().with_context(told)?;
    Ok(load.finish(ensemble).with_context(told)?.summary())
}

fn inject(ensemble: &mut Ensemble<'_>, fault: Fault, sid: Sid, other: Sid) -> Result<()> {
    let is_running = ensemble.member(sid).is_running();
    match fault {
        Fault::Kill if is_running => ensemble.kill(sid)?,
        Fault::Pause if is_running => ensemble.pause(sid)?,
        Fault::Kill | Fault::Pause => {}
        Fault::Around(link) => ensemble.network()?.around(sid, link),
        Fault::Between(link) => ensemble.network()?.set(sid, other, link),
        Fault::Heal => heal(ensemble)?,
    }
    Ok(())
}

fn heal(ensemble: &mut Ensemble<'_>) -> Result<()> {
    ensemble.network()?.heal();
    for sid in ensemble.sids() {
        if ensemble.member(sid).is_paused {
            ensemble.resume(sid)?;
        } else if !ensemble.member(sid).is_running() {
            ensemble.start(sid)?;
        }
    }
    Ok(())
}
