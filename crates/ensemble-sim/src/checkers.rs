//! What must hold of a run, one subject a file.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a checker looks at its subject and passes over the rest"
)]

mod changes;
mod contents;
mod digests;
mod durability;
mod ephemerals;
mod ledger;
mod liveness;
mod multis;
mod order;
mod sequences;
mod sessions;
mod stability;
mod syncs;
mod watches;
mod writes;
mod zab;

use crate::client::Seen;
use crate::member::Member;
use crate::participant::{Name, Output, Participant};
use std::rc::Rc;
use zoarium_sim::{Checkers, Event, Running, Violation, What};

/// All checkers.
pub fn all() -> Checkers<Participant> {
    let ledger = ledger::Shared::default();
    let shared = || Rc::clone(&ledger);
    vec![
        // The first: it keeps what the others look at.
        Box::new(zab::Zab::new(shared())),
        Box::new(order::Order::new(shared())),
        Box::new(writes::Writes::new(shared())),
        Box::new(contents::Contents::new(shared())),
        Box::new(syncs::Syncs::new(shared())),
        Box::new(stability::Stability::default()),
        Box::new(durability::Durability::new(shared())),
        Box::new(digests::Digests::default()),
        Box::new(multis::Multis::default()),
        Box::new(watches::Watches::new(shared())),
        Box::new(ephemerals::Ephemerals::new(shared())),
        Box::new(sequences::Sequences::default()),
        Box::new(sessions::Sessions::new(shared())),
        Box::new(liveness::Liveness::new(shared())),
    ]
}

type Checked = Result<(), Violation>;

/// What a client saw, if the event is that.
const fn seen<'a>(event: &Event<'a, Participant>) -> Option<(Name, &'a Seen)> {
    match event.what {
        What::Output { process, output: Output::Client(seen) } => Some((process, seen)),
        _ => None,
    }
}

/// The server that was just started, with its tree as recovered.
fn started<'r>(
    event: &Event<'_, Participant>,
    running: &'r Running<Participant>,
) -> Option<&'r Member> {
    match event.what {
        What::Started { process, .. } => member(running, process),
        _ => None,
    }
}

fn member(running: &Running<Participant>, name: Name) -> Option<&Member> {
    match running.get(&name)? {
        Participant::Member(member) => Some(member),
        Participant::Client(_) => None,
    }
}

fn broken(rule: &str, detail: String) -> Checked {
    Err(Violation::new(rule, detail))
}
