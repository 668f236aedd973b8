//! How each protocol is asked for one decision, and how to see that it is made.

use crate::kind::Kind;
use crate::run::{Act, Run};
use crate::said::Said;
use std::time::Duration;

/// A protocol on the bench.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) settings: String,
    /// The script's lines up to the request.
    pub(super) request: String,
    /// When the request comes, in milliseconds.
    pub(super) asked_ms: u64,
    /// How long it takes without faults, at most.
    pub(super) lasts_ms: u64,
    /// Who leads.
    pub(super) leader: String,
    /// The others that count: participants, acceptors, followers.
    pub(super) others: Vec<String>,
    /// Everyone else.
    pub(super) bystanders: Vec<String>,
    /// What the others are asked later on, to see whether they finish without their leader.
    pub(super) takeover: String,
    /// How long they have for that.
    pub(super) takeover_ms: u64,
    /// Whether a run came to what was asked for.
    pub(super) succeeds: fn(&Run) -> bool,
    /// Whether those who are left have finished, by themselves.
    pub(super) finishes: fn(&Run, &Self) -> bool,
    /// When a process knew.
    pub(super) knows: fn(&Run, &str) -> Option<Duration>,
    /// All who come to know.
    pub(super) audience: Vec<String>,
    pub(super) expected: Expected,
}

/// Formulas, and what they come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) messages: (&'static str, usize),
    pub(super) delays: (usize, usize),
    pub(super) writes: (&'static str, usize),
    pub(super) tolerates: (&'static str, usize),
}

/// All protocols, with `n` of those that count.
pub(super) fn all(n: u8) -> Vec<Bench> {
    vec![
        two_phase("Two-phase commit", "", n, ("4n", 4), ("2n + 1", 2 * usize::from(n) + 1)),
        two_phase(
            "– presumed commit",
            "presume=commit",
            n,
            ("3n", 3),
            ("n + 2", usize::from(n) + 2),
        ),
        three_phase("Three-phase commit, time-outs", "mode=simple", n),
        three_phase("– Skeen's termination", "mode=skeen", n),
        three_phase("– quorums", "mode=quorum", n),
        basic_paxos(n),
        multi_paxos(n),
        fast_paxos(n),
        zab(n),
    ]
}

fn names(kind: char, from: u8, to: u8) -> Vec<String> {
    (from..=to).map(|number| format!("{kind}{number}")).collect()
}

fn decided(run: &Run, name: &str) -> Option<Duration> {
    run.decision(name).map(|(at, _)| at)
}

/// When a process first executed the command x.
fn executed(run: &Run, name: &str) -> Option<Duration> {
    run.first(
        name,
        |act| matches!(act, Act::Said(Said::Delivered { value, .. }) if value.as_str() == "x"),
    )
}

fn commits(run: &Run) -> bool {
    run.decision("c").is_some_and(|(_, outcome)| outcome == "COMMIT")
}

/// Whether all participants that are alive have decided.
fn all_decided(run: &Run, bench: &Bench) -> bool {
    bench.others.iter().all(|name| run.decision(name).is_some())
}

/// Whether the others have executed the command y that they were asked later.
fn all_executed(run: &Run, bench: &Bench) -> bool {
    bench.others.iter().all(|name| run.delivered(name).contains(&"y"))
}

fn two_phase(
    name: &'static str,
    settings: &str,
    n: u8,
    (formula, times): (&'static str, usize),
    writes: (&'static str, usize),
) -> Bench {
    Bench {
        name,
        kind: Kind::TwoPhaseCommit,
        settings: format!("participants={n} cooperative=yes {settings}"),
        request: "at 10ms request c commit".to_owned(),
        asked_ms: 10,
        lasts_ms: 55,
        leader: "c".to_owned(),
        others: names('p', 1, n),
        bystanders: Vec::new(),
        takeover: String::new(),
        takeover_ms: 1500,
        succeeds: commits,
        finishes: all_decided,
        knows: decided,
        audience: names('p', 1, n),
        expected: Expected {
            messages: (formula, times * usize::from(n)),
            delays: (2, 3),
            writes,
            tolerates: ("0", 0),
        },
    }
}

fn three_phase(name: &'static str, settings: &str, n: u8) -> Bench {
    let count = usize::from(n);
    Bench {
        name,
        kind: Kind::ThreePhaseCommit,
        settings: format!("participants={n} {settings}"),
        lasts_ms: 75,
        expected: Expected {
            messages: ("6n", 6 * count),
            delays: (4, 5),
            writes: ("3n + 2", 3 * count + 2),
            tolerates: ("0", 0),
        },
        ..two_phase(name, "", n, ("", 0), ("", 0))
    }
}

fn basic_paxos(n: u8) -> Bench {
    let count = usize::from(n);
    Bench {
        name: "Basic Paxos",
        kind: Kind::BasicPaxos,
        settings: format!("acceptors={n} proposers=2 retry=backoff"),
        request: "at 10ms request p1 propose x".to_owned(),
        asked_ms: 10,
        lasts_ms: 65,
        leader: "p1".to_owned(),
        others: names('a', 1, n),
        bystanders: vec!["p2".to_owned(), "l1".to_owned()],
        takeover: "at 200ms request p2 propose y".to_owned(),
        takeover_ms: 1500,
        succeeds: |run| run.decision("l1").is_some(),
        finishes: |run, _| run.decision("l1").is_some(),
        knows: decided,
        audience: vec!["l1".to_owned()],
        expected: Expected {
            messages: ("4N + L", 4 * count + 1),
            delays: (4, 5),
            writes: ("2N", 2 * count),
            tolerates: ("⌊(N − 1)/2⌋", (count - 1) / 2),
        },
    }
}

fn multi_paxos(n: u8) -> Bench {
    let count = usize::from(n);
    let replicas = names('r', 2, n);
    let takeover: Vec<String> =
        replicas.iter().map(|name| format!("at 1200ms request {name} do y")).collect();
    Bench {
        name: "Multi-Paxos, stable leader",
        kind: Kind::MultiPaxos,
        settings: format!("replicas={n} elections=random"),
        request: "at 10ms request r1 lead\nat 300ms request r1 do x".to_owned(),
        asked_ms: 300,
        lasts_ms: 335,
        leader: "r1".to_owned(),
        others: replicas.clone(),
        bystanders: Vec::new(),
        takeover: takeover.join("\n"),
        takeover_ms: 2500,
        succeeds: |run| run.answers().iter().any(|(_, request, _)| *request == "x"),
        finishes: all_executed,
        knows: executed,
        audience: replicas,
        expected: Expected {
            messages: ("3(N − 1)", 3 * (count - 1)),
            delays: (2, 3),
            writes: ("N", count),
            tolerates: ("⌊(N − 1)/2⌋", (count - 1) / 2),
        },
    }
}

fn fast_paxos(n: u8) -> Bench {
    let count = usize::from(n);
    let classic = count / 2 + 1;
    Bench {
        name: "Fast Paxos, no conflict",
        kind: Kind::FastPaxos,
        settings: format!("acceptors={n} clients=1"),
        request: "at 50ms request p1 propose x".to_owned(),
        asked_ms: 50,
        lasts_ms: 75,
        leader: "c".to_owned(),
        others: names('a', 1, n),
        bystanders: vec!["p1".to_owned(), "l1".to_owned()],
        takeover: String::new(),
        takeover_ms: 1500,
        succeeds: |run| run.decision("l1").is_some(),
        finishes: |run, _| run.decision("l1").is_some(),
        knows: decided,
        audience: vec!["l1".to_owned()],
        expected: Expected {
            messages: ("N + N·L, L = 2", 3 * count),
            delays: (2, 2),
            writes: ("N", count),
            tolerates: ("F", count - classic),
        },
    }
}

fn zab(n: u8) -> Bench {
    let count = usize::from(n);
    let followers = names('s', 1, n - 1);
    let takeover: Vec<String> =
        followers.iter().map(|name| format!("at 1500ms request {name} do y")).collect();
    Bench {
        name: "Zab, broadcast",
        kind: Kind::Zab,
        settings: format!("voters={n}"),
        request: format!("at 300ms request s{n} do x"),
        asked_ms: 300,
        lasts_ms: 335,
        leader: format!("s{n}"),
        others: followers.clone(),
        bystanders: Vec::new(),
        takeover: takeover.join("\n"),
        takeover_ms: 2500,
        succeeds: |run| run.answers().iter().any(|(_, request, _)| *request == "x"),
        finishes: all_executed,
        knows: executed,
        audience: followers,
        expected: Expected {
            messages: ("3(N − 1)", 3 * (count - 1)),
            delays: (2, 3),
            writes: ("N", count),
            tolerates: ("⌊(N − 1)/2⌋", (count - 1) / 2),
        },
    }
}
