//! Everything that can happen: all orders of all messages, timers and crashes of a small world,
//! breadth first, so that the first violation is a shortest one.
//!
//! This is model checking as in Lamport's TLC or in Stateright, of the very processes that the
//! scenarios run. A message that is not delivered is as good as lost, and time-outs fire whenever
//! they like: the network is asynchronous. Disks are instant. What a process has once ignored it
//! would ignore again, so such messages are taken out at once.

mod world;

use crate::kind::Kind;
use crate::play::{self, Unplayable};
use crate::protocols::basic_paxos::BasicPaxos;
use crate::protocols::two_phase_commit::TwoPhase;
use crate::run::Run;
use std::collections::BTreeSet;
use world::{Happening, World};

pub(crate) use world::Searchable;

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many crashes there are; whoever crashes comes back at once.
    pub crashes: u8,
    /// How many time-outs each process has.
    pub timers: u8,
    /// How many states are looked at.
    pub states_max: usize,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Searched {
    /// How many states there are, as far as it went.
    pub states: usize,
    /// Whether it saw all there are.
    pub is_complete: bool,
    /// The shortest violation, if there is any.
    pub violation: Option<Violated>,
}

/// A rule broken in as few steps as possible.
#[derive(Clone, Debug)]
pub struct Violated {
    /// Which.
    pub rule: String,
    /// How many steps it takes.
    pub steps: usize,
    /// What happens; the times only count the steps.
    pub run: Run,
}

/// Searches all that can happen.
///
/// # Errors
/// If the settings cannot be used; or with the protocols that can be searched, if this one cannot.
pub fn search(kind: Kind, settings: &str, bounds: Bounds) -> Result<Searched, String> {
    let searched = match kind {
        Kind::TwoPhaseCommit => search_protocol::<TwoPhase>(settings, bounds),
        Kind::BasicPaxos => search_protocol::<BasicPaxos>(settings, bounds),
        Kind::ThreePhaseCommit | Kind::MultiPaxos | Kind::FastPaxos | Kind::Zab => {
            return Err(format!(
                "{} has too many states to see them all; 2pc and paxos can be searched",
                kind.title()
            ));
        }
    };
    searched.map_err(|error| error.to_string())
}

/// A state that was seen: how to get there from another.
struct Seen {
    from: usize,
    by: Happening,
}

fn search_protocol<S: Searchable>(settings: &str, bounds: Bounds) -> Result<Searched, Unplayable> {
    let (surroundings, setup, _) = play::read::<S>(settings)?;
    let forgets = surroundings.forgets;
    let first = World::<S>::new(setup, forgets, bounds);
    let mut seen: Vec<Seen> = Vec::new();
    let mut known = BTreeSet::from([first.digest()]);
    let mut level = vec![(usize::MAX, first.clone())];
    while !level.is_empty() && known.len() < bounds.states_max {
        let mut next = Vec::new();
        for (place, world) in level {
            for by in world.possible() {
                let mut world = world.clone();
                world.let_happen(by);
                if !known.insert(world.digest()) {
                    continue;
                }
                seen.push(Seen { from: place, by });
                let here = seen.len() - 1;
                if let Some(rule) = world.broken() {
                    let violation = Some(replay(&first, &seen, here, rule));
                    let states = known.len();
                    return Ok(Searched { states, is_complete: false, violation });
                }
                next.push((here, world));
            }
        }
        level = next;
    }
    let is_complete = level.is_empty();
    Ok(Searched { states: known.len(), is_complete, violation: None })
}

/// Lets the steps that lead to a state happen again, and writes them down.
fn replay<S: Searchable>(
    first: &World<S>,
    seen: &[Seen],
    last: usize,
    rule: &'static str,
) -> Violated {
    let mut path = Vec::new();
    let mut place = last;
    while let Some(step) = seen.get(place) {
        path.push(step.by);
        place = step.from;
    }
    path.reverse();
    let run = first.clone().record(&path, rule);
    Violated { rule: rule.to_owned(), steps: path.len(), run }
}
