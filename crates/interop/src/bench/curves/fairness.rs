//! How long a quiet connection waits while another one asks as much as it can.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::probe::{Running, probe};
use super::told::{Told, row};
use super::{Ground, NO_SNAPSHOTS};
use crate::bench::figures::number;
use crate::bench::pipe::{Pipe, get, list, set};
use crate::session::create_body;
use crate::wire::{Jute, op};

const PARENT: &str = "/fair";
/// Children of the parent, all in one listing.
const CHILDREN: usize = 1000;

/// What floods: its name, how many requests are under way, and the request by its number.
type Flood = (&'static str, usize, fn(usize) -> (i32, Jute));

const FLOODS: &[Flood] = &[
    ("nothing", 0, |_| get(PARENT, false)),
    ("reads", 1000, |_| get(PARENT, false)),
    ("listings of 1,000", 100, |_| list(PARENT)),
    ("writes", 1000, |_| set("/fair/znode-000", &[7; 100])),
    ("writes of 100 KB", 50, |_| set("/fair/znode-001", &[7; 100_000])),
    ("creates", 1000, |number| {
        (op::CREATE, create_body(&format!("/flooded/{number:09}"), &[7; 100], 0))
    }),
];

/// Of the quiet connection.
const FIGURES: [&str; 6] = ["read p50, µs", "p99", "longest", "write p50, µs", "p99", "longest"];

pub(super) fn run(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    let length = Duration::from_secs(ground.choose(2, 5));
    let mut json = serde_json::Map::new();
    for maker in &ground.makers {
        let stage = ground.start(maker, &[NO_SNAPSHOTS])?;
        let mut pipe = Pipe::open(stage.port())?;
        pipe.fill(CHILDREN, &[7; 100], PARENT, |index| format!("znode-{index:03}"))?;
        pipe.make_parents("/flooded")?;
        let flooded = ground.named("flood", maker);
        let mut heading = row([&flooded, "answered/s"]);
        heading.extend(FIGURES.map(str::to_owned));
        let mut rows = vec![heading];
        let mut story = serde_json::Map::new();
        for flood in FLOODS {
            let flooding = flood_with(stage.port(), *flood)?;
            let reads = probe(stage.port(), || get("/fair/znode-002", false))?;
            let writes = probe(stage.port(), || set("/fair/znode-003", b"quiet"))?;
            thread::sleep(length);
            let (reads, writes) = (reads.stop()?.quantiles(), writes.stop()?.quantiles());
            let rate = flooding.stop()?;
            let mut row = vec![flood.0.to_owned(), number(rate)];
            for [p50, p99, _, max] in [reads, writes] {
                row.extend([p50, p99, max].map(number));
            }
            rows.push(row);
            let of = |[p50, p99, p999, max]: [f64; 4]| json!({ "p50_us": p50, "p99_us": p99, "p99.9_us": p999, "max_us": max });
            story.insert(
                flood.0.to_owned(),
                json!({ "flood_per_s": rate, "read": of(reads), "write": of(writes) }),
            );
        }
        told.table(rows);
        json.insert(maker.name().to_owned(), Value::Object(story));
    }
    told.json = Value::Object(json);
    Ok(())
}

/// Floods until it is stopped; how many requests a second were answered. The flood has begun, and
/// the server is at work on it, when this returns.
fn flood_with(port: u16, (_, window, request): Flood) -> Result<Running<f64>> {
    let mut pipe = Pipe::open(port)?;
    let (began, mut asked) = (Instant::now(), 0);
    for _ in 0..window {
        let (op, body) = request(asked);
        pipe.push(op, body);
        asked += 1;
    }
    pipe.flush()?;
    if window > 0 {
        pipe.reply()?;
    }
    Ok(Running::start(move |stop: &AtomicBool| {
        while !stop.load(Ordering::Relaxed) {
            if window == 0 {
                thread::sleep(Duration::from_millis(10));
                continue;
            }
            // Half of it leaves at a time, so that the server always has the other half.
            while pipe.waiting() > window / 2 {
                pipe.reply()?;
            }
            for _ in 0..window / 2 {
                let (op, body) = request(asked);
                pipe.push(op, body);
                asked += 1;
            }
            pipe.flush()?;
        }
        let answered = asked - pipe.waiting();
        let rate = answered as f64 / began.elapsed().as_secs_f64();
        while pipe.waiting() > 0 {
            pipe.reply()?;
        }
        Ok(rate)
    }))
}
