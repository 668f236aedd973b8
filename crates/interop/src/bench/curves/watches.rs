//! Many watches: what each takes, and how long it takes to tell everybody.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::told::Told;
use super::{Ground, NO_SNAPSHOTS, Stage, micros};
use crate::bench::figures::grouped;
use crate::bench::pipe::{Pipe, get, set};
use crate::wire::Jute;

/// Changes that are told one after the other, for the latency of one.
const SINGLE: usize = 50;

/// Changes under way at once otherwise: their events fit into sockets and outboxes.
const SHARED_CHUNK: usize = 10;
const OWN_CHUNK: usize = 500;

const PARENT: &str = "/watched";

pub(super) fn run(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    let mut json = serde_json::Map::new();
    for maker in &ground.makers {
        let stage = ground.start(maker, &[NO_SNAPSHOTS])?;
        let (sessions, paths) = ground.choose((100, 1000), (1000, 1000));
        let shared = told_to_all(&stage, sessions, paths, told)?;
        drop(stage);
        let stage = ground.start(maker, &[NO_SNAPSHOTS])?;
        let (sessions, paths) = ground.choose((10, 10_000), (100, 10_000));
        let apart = told_to_one(&stage, sessions, paths, told)?;
        json.insert(maker.name().to_owned(), json!({ "shared": shared, "apart": apart }));
    }
    told.json = Value::Object(json);
    Ok(())
}

fn path(index: usize) -> String {
    format!("{PARENT}/znode-{index:07}")
}

/// All sessions watch the same znodes.
fn told_to_all(stage: &Stage, sessions: usize, paths: usize, told: &mut Told) -> Result<Value> {
    let mut crowd = Crowd::gather(stage, sessions, paths)?;
    let set_up = crowd.watch(stage, paths, |_, index| path(index))?;
    let whose = &stage.servers.name;
    told.line(format!(
        "{whose}: {sessions} sessions watch {paths} znodes each, the same: {set_up}"
    ));
    let mut latencies = Vec::new();
    for index in 0..SINGLE.min(paths / 2) {
        latencies.push(crowd.tell(index..index + 1)?);
    }
    latencies.sort_unstable();
    let (p50, worst) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
    let (began, cpu) = (Instant::now(), stage.cpu()?);
    let mut events = 0;
    for begin in (latencies.len()..paths).step_by(SHARED_CHUNK) {
        let end = paths.min(begin + SHARED_CHUNK);
        crowd.tell(begin..end)?;
        events += (end - begin) * sessions;
    }
    let (took, cpu) = (began.elapsed(), stage.cpu()?.saturating_sub(cpu));
    told.line(format!(
        "from a change to the last of {sessions} events: p50 {:.2} ms, worst of {} {:.2} ms",
        micros(p50) / 1e3,
        latencies.len(),
        micros(worst) / 1e3
    ));
    told.line(rate("events", events, took, cpu));
    Ok(json!({
        "sessions": sessions, "znodes": paths, "bytes_per_watch": set_up.bytes,
        "set_up_s": set_up.took.as_secs_f64(), "last_event_p50_us": micros(p50),
        "last_event_max_us": micros(worst), "events_per_s": events as f64 / took.as_secs_f64(),
        "server_cpu_us_per_event": micros(cpu) / events as f64,
    }))
}

/// Each session watches znodes of its own.
fn told_to_one(stage: &Stage, sessions: usize, paths: usize, told: &mut Told) -> Result<Value> {
    let mut crowd = Crowd::gather(stage, sessions, sessions * paths)?;
    let set_up = crowd.watch(stage, paths, |session, index| path(session * paths + index))?;
    let whose = &stage.servers.name;
    told.line(format!(
        "{whose}: {sessions} sessions watch {paths} znodes each, of their own: {set_up}"
    ));
    let (began, cpu) = (Instant::now(), stage.cpu()?);
    for begin in (0..paths).step_by(OWN_CHUNK) {
        for (session, watcher) in crowd.watchers.iter_mut().enumerate() {
            let chunk = begin..paths.min(begin + OWN_CHUNK);
            crowd.writer.call_many(chunk.len(), |index| {
                set(&path(session * paths + chunk.start + index), b"changed")
            })?;
            chunk.into_iter().try_for_each(|_| watcher.event())?;
        }
    }
    let (took, cpu) = (began.elapsed(), stage.cpu()?.saturating_sub(cpu));
    let events = sessions * paths;
    told.line(rate("changes with an event each", events, took, cpu));
    Ok(json!({
        "sessions": sessions, "znodes": events, "bytes_per_watch": set_up.bytes,
        "set_up_s": set_up.took.as_secs_f64(), "changes_per_s": events as f64 / took.as_secs_f64(),
        "server_cpu_us_per_change": micros(cpu) / events as f64,
    }))
}

fn rate(what: &str, count: usize, took: Duration, cpu: Duration) -> String {
    format!(
        "{} {what} in {:.2} s, {:.2} µs of the server's CPU for each",
        grouped(count as u64),
        took.as_secs_f64(),
        micros(cpu) / count as f64
    )
}

/// One who writes and many who watch.
struct Crowd {
    writer: Pipe,
    watchers: Vec<Pipe>,
}

impl Crowd {
    fn gather(stage: &Stage, sessions: usize, znodes: usize) -> Result<Self> {
        let mut writer = Pipe::open(stage.port())?;
        writer.fill(znodes, b"", PARENT, |index| format!("znode-{index:07}"))?;
        let watchers = (0..sessions).map(|_| Pipe::open(stage.port()));
        Ok(Self { writer, watchers: watchers.collect::<Result<_>>()? })
    }

    fn watch(
        &mut self,
        stage: &Stage,
        paths: usize,
        path: impl Fn(usize, usize) -> String,
    ) -> Result<SetUp> {
        let (before, began) = (stage.resident_bytes()?, Instant::now());
        for (session, watcher) in self.watchers.iter_mut().enumerate() {
            watcher
                .call_many(paths, |index| -> (i32, Jute) { get(&path(session, index), true) })?;
        }
        let watches = self.watchers.len() * paths;
        let more = stage.resident_bytes()?.saturating_sub(before);
        Ok(SetUp { bytes: more as f64 / watches as f64, took: began.elapsed() })
    }

    /// Changes some znodes and waits until every watcher knows of each.
    fn tell(&mut self, indices: std::ops::Range<usize>) -> Result<Duration> {
        let (began, count) = (Instant::now(), indices.len());
        for index in indices {
            let (op, body) = set(&path(index), b"changed");
            self.writer.push(op, body);
        }
        self.writer.flush()?;
        for watcher in &mut self.watchers {
            (0..count).try_for_each(|_| watcher.event())?;
        }
        let took = began.elapsed();
        (0..count).try_for_each(|_| self.writer.reply().map(drop))?;
        Ok(took)
    }
}

/// What it took to set the watches.
struct SetUp {
    bytes: f64,
    took: Duration,
}

impl std::fmt::Display for SetUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} bytes a watch, set in {:.2} s", self.bytes, self.took.as_secs_f64())
    }
}
