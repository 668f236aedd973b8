//! What conflicts cost Fast Paxos, beside Multi-Paxos to which they are nothing.

use crate::kind::Kind;
use crate::play::{Changes, Unplayable};
use crate::said::Said;
use std::time::Duration;
use zoarium_sim::Rng;

/// How long decisions take when so many proposals meet with another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conflict {
    /// How many of a hundred proposals.
    pub percent: u32,
    /// From the proposal to the first process that knows, on average, in milliseconds: Fast Paxos
    /// that restarts with a classic round,
    pub restart_ms: f64,
    /// with coordinated recovery,
    pub coordinated_ms: f64,
    /// with uncoordinated recovery,
    pub uncoordinated_ms: f64,
    /// and Multi-Paxos, with the client's message to the leader.
    pub multi_paxos_ms: f64,
}

/// Measures with this share of conflicts, in a hundred. Averages are of so many runs.
///
/// # Errors
/// If a run cannot be played.
pub fn conflict(percent: u32, runs: u32) -> Result<Conflict, Unplayable> {
    Ok(Conflict {
        percent,
        restart_ms: fast(percent, "restart", runs)?,
        coordinated_ms: fast(percent, "coordinated", runs)?,
        uncoordinated_ms: fast(percent, "uncoordinated", runs)?,
        multi_paxos_ms: multi(runs)?,
    })
}

/// Measures with shares of conflicts from 0 to 100 in a hundred.
///
/// # Errors
/// If a run cannot be played.
pub fn conflicts() -> Result<Vec<Conflict>, Unplayable> {
    (0..=100).step_by(20).map(|percent| conflict(percent, RUNS)).collect()
}

/// How many runs each average is of.
const RUNS: u32 = 100;

fn fast(percent: u32, recovery: &str, runs: u32) -> Result<f64, Unplayable> {
    let mut total = Duration::ZERO;
    for seed in 1..=u64::from(runs) {
        let mut rng = Rng::new(seed);
        let mut script = "run 600ms\nat 50ms request p1 propose x".to_owned();
        if rng.below(100) < u64::from(percent) {
            script += &format!("\nat {}ms request p2 propose y", 48 + rng.below(5));
        }
        let settings = format!("jitter=10 recovery={recovery}");
        let run = Kind::FastPaxos.play(&settings, &script, &changes(seed))?;
        let known = run.said().find(|(_, _, said)| matches!(said, Said::Decided(_)));
        let known = known.map_or(run.ended, |(at, _, _)| at).since_start();
        total += known.saturating_sub(Duration::from_millis(50));
    }
    Ok(average(total, runs))
}

/// Commands of several clients do not conflict: the leader puts them in order.
fn multi(runs: u32) -> Result<f64, Unplayable> {
    let mut total = Duration::ZERO;
    for seed in 1..=u64::from(runs) {
        let mut rng = Rng::new(seed);
        let hop = Duration::from_millis(10 + rng.below(11));
        let script = "run 300ms\nat 10ms request r1 lead\nat 100ms request r1 do x";
        let run = Kind::MultiPaxos.play("replicas=4 jitter=10", script, &changes(seed))?;
        let known = run.answers().first().map_or(run.ended.since_start(), |(at, _, _)| *at);
        total += hop + known.saturating_sub(Duration::from_millis(100));
    }
    Ok(average(total, runs))
}

const fn changes(seed: u64) -> Changes {
    Changes { seed: Some(seed), settings: String::new(), faults: String::new() }
}

/// In milliseconds with one decimal.
fn average(total: Duration, runs: u32) -> f64 {
    (total.as_secs_f64() * 10_000.0 / f64::from(runs)).round() / 10.0
}
