//! The scenarios, protocol by protocol, in the order of telling.

pub(crate) mod basic_paxos;
pub(crate) mod fast_paxos;
pub(crate) mod multi_paxos;
pub(crate) mod three_phase_commit;
pub(crate) mod two_phase_commit;
pub(crate) mod zab;

use crate::judges::rules::{AGREEMENT, FRESH_READS, ONE_CHOSEN, ONE_LEADER, PRIMARY_ORDER};
use crate::run::{Act, Run};
use crate::said::Said;
use crate::scenario::{Finding, that};
use std::collections::BTreeMap;

/// Whether all these processes have decided this, and nothing else before.
fn all_decide(run: &Run, value: &str, names: &str) -> Finding {
    let mut latest = 0;
    for name in names.split(' ') {
        let Some((time, decided)) = run.decision(name) else {
            return Err(format!("{name} has not decided"));
        };
        that(decided == value, format!("{name} decides {decided}"))?;
        latest = latest.max(time.as_millis());
    }
    Ok(format!("by {latest} ms"))
}

/// Whether none of these processes has decided anything.
fn none_decides(run: &Run, names: &str) -> Finding {
    let decided = names.split(' ').find_map(|name| Some((name, run.decision(name)?.1)));
    match decided {
        None => Ok(format!("{} ms", run.ended.since_start().as_millis())),
        Some((name, value)) => Err(format!("{name} decides {value}")),
    }
}

fn is_decision(said: &Said) -> bool {
    matches!(said, Said::Decided(_))
}

/// Whether a process shows this at a time.
fn state_is(run: &Run, name: &str, ms: u64, word: &str) -> Finding {
    let state = run.state_at(name, ms).word;
    that(state == word, format!("{name} {state}"))
}

/// Whether processes show this at a time: `p1 COMMIT, p2 READY`.
fn states_are(run: &Run, ms: u64, states: &str) -> Finding {
    for state in states.split(", ") {
        let (name, word) = state.split_once(' ').ok_or("a name and a state")?;
        state_is(run, name, ms, word)?;
    }
    Ok(format!("at {ms} ms"))
}

/// How many messages have arrived more than once.
fn arrived_twice(run: &Run) -> usize {
    let mut arrivals: BTreeMap<u64, usize> = BTreeMap::new();
    for moment in &run.moments {
        if let Act::Received(parcel) = &moment.act {
            *arrivals.entry(parcel.number).or_default() += 1;
        }
    }
    arrivals.values().filter(|count| **count > 1).count()
}

/// Who has been blocked at some time.
fn ever_blocked(run: &Run) -> Vec<&str> {
    let is_blocked = |name: &&str| {
        run.of(name).any(|moment| moment.state.as_ref().is_some_and(|state| state.blocked))
    };
    run.lanes.iter().map(|lane| lane.name.as_str()).filter(is_blocked).collect()
}

/// How many messages were lost and processes crashed.
fn lost_or_crashed(run: &Run) -> usize {
    let is_fault = |act: &Act| matches!(act, Act::Lost(_) | Act::Crashed);
    run.moments.iter().filter(|moment| is_fault(&moment.act)).count()
}

/// When a value was chosen first, in milliseconds, if nothing else ever was.
fn chosen_once(run: &Run, value: &str) -> Result<u128, String> {
    let chosen = run.chosen();
    let other = chosen.iter().find(|(_, _, other)| *other != value);
    if let Some((_, _, other)) = other {
        return Err(format!("{other} was chosen"));
    }
    let (at, _, _) = chosen.first().ok_or("nothing was chosen")?;
    Ok(at.as_millis())
}

/// Whether these processes have executed just these commands, in this order.
fn delivers(run: &Run, names: &str, commands: &str) -> Finding {
    for name in names.split(' ') {
        let delivered = run.delivered(name).join(" ");
        that(delivered == commands, format!("{name} executes {delivered}"))?;
    }
    Ok(format!("{names}: {}", if commands.is_empty() { "nothing" } else { commands }))
}
