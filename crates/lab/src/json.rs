//! Scenarios and runs as JSON.

use crate::kind::Kind;
use crate::run::{Act, Moment, Parcel, Run, SCHEMA};
use crate::said::Said;
use crate::scenario::{Played, Scenario, Verdict};
use crate::text::narrate;
use serde_json::{Map, Value, json};

/// All protocols with their settings and scenarios.
pub fn catalogue() -> Value {
    let protocols: Vec<Value> = Kind::ALL.into_iter().map(protocol).collect();
    json!({ "schema": SCHEMA, "protocols": protocols })
}

fn protocol(kind: Kind) -> Value {
    let settings: Vec<Value> = kind
        .settings()
        .into_iter()
        .map(|it| {
            json!({ "key": it.key, "default": it.default, "values": it.values, "help": it.help })
        })
        .collect();
    let scenarios: Vec<Value> = kind.scenarios().iter().map(scenario).collect();
    json!({
        "protocol": kind.key(),
        "title": kind.title(),
        "paper": kind.paper(),
        "settings": settings,
        "scenarios": scenarios,
    })
}

/// A scenario as it is written.
pub fn scenario(scenario: &Scenario) -> Value {
    let claims: Vec<&str> = scenario.claims.iter().map(|claim| claim.says).collect();
    json!({
        "name": scenario.name,
        "protocol": scenario.kind.key(),
        "title": scenario.title,
        "shows": scenario.shows,
        "settings": scenario.settings,
        "script": scenario.script,
        "breaks": scenario.breaks,
        "claims": claims,
    })
}

/// What came of a scenario, without what happened in it.
pub fn outcome(played: &Played) -> Value {
    let verdicts = played.verdicts();
    json!({
        "name": played.scenario.name,
        "holds": verdicts.iter().all(|verdict| verdict.finding.is_ok()),
        "verdicts": verdicts.iter().map(verdict).collect::<Vec<_>>(),
    })
}

/// A scenario with all that happened in it.
pub fn played(played: &Played) -> Value {
    json!({
        "scenario": scenario(played.scenario),
        "seed": played.changes.seed,
        "settings": played.changes.settings,
        "faults": played.changes.faults,
        "outcome": outcome(played),
        "run": run(&played.run),
    })
}

fn verdict(verdict: &Verdict) -> Value {
    let (holds, found) = match &verdict.finding {
        Ok(found) => (true, found),
        Err(found) => (false, found),
    };
    json!({ "says": verdict.says, "holds": holds, "found": found })
}

/// What happened.
pub fn run(run: &Run) -> Value {
    let lanes: Vec<Value> =
        run.lanes.iter().map(|lane| json!({ "name": lane.name, "role": lane.role })).collect();
    let moments: Vec<Value> = (1..).zip(&run.moments).map(|(id, it)| moment(run, id, it)).collect();
    json!({
        "schema": SCHEMA,
        "lanes": lanes,
        "ended_ms": millis(run.ended.since_start()),
        "failure": run.failure,
        "moments": moments,
    })
}

/// A moment: what it is for machines, and as a sentence.
pub fn moment(run: &Run, id: u64, moment: &Moment) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    put("id", json!(id));
    put("ms", json!(millis(moment.time.since_start())));
    if let Some(lane) = moment.lane {
        put("process", json!(run.lanes[lane].name));
        put("lamport", json!(moment.lamport));
        put("vector", json!(moment.vector));
    }
    put("kind", json!(kind(&moment.act)));
    if let Act::Sent(parcel) | Act::Received(parcel) | Act::Lost(parcel) = &moment.act {
        put("message", self::parcel(run, parcel));
    }
    put("text", json!(narrate(run, moment)));
    if let Some(state) = &moment.state {
        put("state", json!({ "word": state.word, "locks": state.locks, "blocked": state.blocked }));
    }
    Value::Object(object)
}

fn parcel(run: &Run, parcel: &Parcel) -> Value {
    json!({
        "number": parcel.number,
        "from": run.lanes[parcel.from].name,
        "to": run.lanes[parcel.to].name,
        "label": parcel.label,
        "round": parcel.round,
        "quiet": parcel.quiet,
    })
}

/// What kind of moment it is, in a word.
pub const fn kind(act: &Act) -> &'static str {
    match act {
        Act::Started { .. } => "started",
        Act::Asked(_) => "asked",
        Act::Sent(_) => "sent",
        Act::Received(_) => "received",
        Act::Lost(_) => "lost",
        Act::Writes { forced: true, .. } => "writes-and-waits",
        Act::Writes { forced: false, .. } => "writes",
        Act::Durable(_) => "durable",
        Act::Timer(_) => "timer",
        Act::Said(Said::Decided(_)) => "decided",
        Act::Said(Said::Delivered { .. }) => "delivered",
        Act::Said(Said::Leads { .. }) => "leads",
        Act::Said(Said::Quorum { .. }) => "quorum",
        Act::Said(Said::Answered { .. }) => "answered",
        Act::Said(Said::Proposed(_) | Said::Broadcast { .. }) => "proposed",
        Act::Said(Said::Voted { .. }) => "voted",
        Act::Said(Said::Note(_)) => "note",
        Act::Chosen { .. } => "chosen",
        Act::Crashed => "crashed",
        Act::Paused => "paused",
        Act::Resumed => "resumed",
        Act::Link { .. } => "link",
        Act::Blocked { .. } => "blocked",
        Act::Healed => "healed",
        Act::Fault(_) => "fault",
        Act::Violated { .. } => "violated",
    }
}

/// Milliseconds with three decimals.
fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
