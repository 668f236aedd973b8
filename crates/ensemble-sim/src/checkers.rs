//! What must hold of a run, one subject a file.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a checker looks at its subject and passes over the rest"
)]

mod changes;
mod digests;
mod durability;
mod ephemerals;
mod liveness;
mod multis;
mod order;
mod sequences;
mod sessions;
mod stability;
mod watches;

use crate::client::Seen;
use crate::member::Member;
use crate::participant::{Name, Output, Participant};
use zoarium_sim::{Checkers, Event, Running, Violation, What};

/// All checkers.
pub fn all() -> Checkers<Participant> {
    vec![
        Box::new(order::Order::default()),
        Box::new(stability::Stability::default()),
        Box::new(durability::Durability::default()),
        Box::new(digests::Digests),
        Box::new(multis::Multis::default()),
        Box::new(watches::Watches::default()),
        Box::new(ephemerals::Ephemerals::default()),
        Box::new(sequences::Sequences::default()),
        Box::new(sessions::Sessions::default()),
        Box::new(liveness::Liveness::default()),
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
