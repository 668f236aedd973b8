//! Measuring a protocol on its bench.

use super::benches::Bench;
use super::{Cost, Row};
use crate::play::{Changes, Unplayable};
use crate::run::{Act, Run};
use std::time::Duration;

/// How long a message takes in these runs, in milliseconds.
const DELAY_MS: u128 = 10;
/// Up to how many effects after its start a leader is made to crash.
const EFFECTS_MAX: u64 = 120;
/// For how long after the request the network is cut in two at every other millisecond.
const PARTITION_MS: u64 = 90;

pub(super) fn measure(bench: &Bench) -> Result<Row, Unplayable> {
    let quiet = play(bench, "", "", bench.lasts_ms)?;
    let instant = play(bench, "sync=0", "", bench.lasts_ms)?;
    let (blocked, crash_points) = blocked(bench)?;
    let (split, partition_points) = split(bench)?;
    let expected = bench.expected;
    let known = |name: &String| (bench.knows)(&instant, name).map(|at| delays(&instant, at));
    let one = known(&bench.leader);
    // Who proposes for others need not be the one that learns first.
    let one = one.or_else(|| bench.audience.iter().filter_map(known).min());
    let all: Option<Vec<usize>> = bench.audience.iter().map(known).collect();
    let all = all.and_then(|all| all.into_iter().max());
    let cost = |found, (formula, expected)| Cost { found, formula, expected };
    Ok(Row {
        name: bench.name,
        kind: bench.kind,
        messages: cost(messages(&quiet, bench), expected.messages),
        delays_one: cost(one.unwrap_or(0), ("", expected.delays.0)),
        delays_all: cost(all.unwrap_or(0), ("", expected.delays.1)),
        writes: cost(writes(&quiet, bench), expected.writes),
        tolerates: cost(tolerated(bench)?, expected.tolerates),
        blocked,
        crash_points,
        split,
        partition_points,
    })
}

fn play(bench: &Bench, settings: &str, faults: &str, ms: u64) -> Result<Run, Unplayable> {
    let script = format!("run {ms}ms\n{}\n{faults}", bench.request);
    let settings = format!("{} {settings}", bench.settings);
    bench.kind.play(&settings, &script, &Changes::default())
}

fn asked(bench: &Bench) -> Duration {
    Duration::from_millis(bench.asked_ms)
}

/// Message delays from the request to a moment of a run.
fn delays(run: &Run, at: Duration) -> usize {
    let asked = run.moments.iter().rfind(|moment| matches!(moment.act, Act::Asked(_)));
    let asked = asked.map_or(Duration::ZERO, |moment| moment.time.since_start());
    usize::try_from(at.saturating_sub(asked).as_millis() / DELAY_MS).unwrap_or(usize::MAX)
}

/// Messages that are there for the request.
fn messages(run: &Run, bench: &Bench) -> usize {
    run.sent("").filter(|(at, parcel)| !parcel.quiet && *at >= asked(bench)).count()
}

fn writes(run: &Run, bench: &Bench) -> usize {
    let since = run.moments.iter().filter(|moment| moment.time.since_start() >= asked(bench));
    since.filter(|moment| matches!(moment.act, Act::Writes { forced: true, .. })).count()
}

/// With how many of the others dead the request still succeeds.
fn tolerated(bench: &Bench) -> Result<usize, Unplayable> {
    for dead in 1..=bench.others.len() {
        let at = bench.asked_ms.saturating_sub(5);
        let crashes: Vec<String> =
            bench.others.iter().take(dead).map(|name| format!("at {at}ms crash {name}")).collect();
        let run = play(bench, "", &crashes.join("\n"), bench.takeover_ms)?;
        if !(bench.succeeds)(&run) {
            return Ok(dead - 1);
        }
    }
    Ok(bench.others.len())
}

/// Lets the leader die after every single thing it does from the request on: how often the others
/// do not finish, of how many times.
fn blocked(bench: &Bench) -> Result<(usize, usize), Unplayable> {
    let (mut blocked, mut points) = (0, 0);
    for effect in 1..=EFFECTS_MAX {
        let leader = &bench.leader;
        let faults = format!("{}\nat effect {leader}:{effect} crash {leader}", bench.takeover);
        let run = play(bench, "", &faults, bench.takeover_ms)?;
        let crashed = run.first(leader, |act| matches!(act, Act::Crashed));
        // Later it has nothing more to do with the request.
        let until = asked(bench) + Duration::from_millis(80);
        if crashed.is_some_and(|at| at >= asked(bench) && at <= until) {
            points += 1;
            blocked += usize::from(!(bench.finishes)(&run, bench));
        }
    }
    Ok((blocked, points))
}

/// Cuts the network in two, the leader on the smaller side, at every other millisecond from the
/// request on: how often a rule breaks, of how many times.
fn split(bench: &Bench) -> Result<(usize, usize), Unplayable> {
    let (mut split, mut points) = (0, 0);
    let smaller = bench.others.len().saturating_sub(1) / 2;
    let (near, far) = bench.others.split_at(smaller);
    let (near, far) = (near.join(" "), far.join(" "));
    // Whoever proposes next is on the other side.
    let bystanders = bench.bystanders.join(" ");
    for ms in (0..PARTITION_MS).step_by(2) {
        let at = bench.asked_ms + ms;
        let faults = format!(
            "{}\nat {at}ms partition {} {near} | {bystanders} {far}\nat {}ms heal",
            bench.takeover,
            bench.leader,
            at + 600
        );
        let run = play(bench, "", &faults, bench.takeover_ms)?;
        points += 1;
        split += usize::from(!run.broken().is_empty());
    }
    Ok((split, points))
}
