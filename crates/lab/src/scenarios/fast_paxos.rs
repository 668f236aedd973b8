//! Fast Paxos: a message delay saved, as long as nobody else proposes at the same time.

use super::{AGREEMENT, ONE_CHOSEN, all_decide, chosen_once};
use crate::compare::{Conflict, conflict};
use crate::kind::Kind::FastPaxos;
use crate::scenario::{Played, Scenario, claim, is, that};
use crate::{Finding, Run};

const BLANK: Scenario = Scenario {
    name: "",
    title: "",
    shows: "",
    kind: FastPaxos,
    settings: "",
    script: "",
    from_ms: 40,
    to_ms: u64::MAX,
    breaks: &[],
    claims: &[],
};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fast-paxos-one-client",
        title: "Fast Paxos: one client",
        shows: "The coordinator has opened a fast round ahead of time. The client's value goes straight \
                to the acceptors and their votes straight to the learners: two message delays, where \
                Multi-Paxos takes three over its leader.",
        settings: "clients=1",
        script: "run 90ms\nat 50ms request p1 propose x",
        claims: &[
            claim("learned after two message delays and a write", |it| learned_after(&it.run, 22)),
            claim("N + N·L messages: N to the acceptors, N to each of two learners", |it| {
                is(it.run.messages(""), 4 + 4 * 2)
            }),
            claim("the same with five acceptors", |it| {
                learned_after(&it.twin("acceptors=5", None)?, 22)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "fast-paxos-one-down",
        title: "Fast Paxos: as many dead as the fast quorum allows",
        shows: "A fast quorum of four acceptors is three: with one of them dead a value is still \
                learned in two delays.",
        settings: "clients=1",
        script: "run 90ms\nat 40ms crash a4\nat 50ms request p1 propose x",
        claims: &[claim("learned after two message delays", |it| learned_after(&it.run, 22))],
        ..BLANK
    },
    Scenario {
        name: "fast-paxos-too-few",
        title: "Fast Paxos: too few for a fast quorum, enough for a classic one",
        shows: "With two of five dead the four votes of a fast quorum cannot come together. The \
                coordinator waits, then runs a classic round with the three that are left.",
        settings: "clients=1 acceptors=5",
        script: "run 250ms\nat 40ms crash a4\nat 40ms crash a5\nat 50ms request p1 propose x",
        claims: &[
            claim("x is chosen in a classic round", |it| {
                let ms = chosen_once(&it.run, "x")?;
                that(it.run.sent("Accept(2").count() > 0, format!("round 2, at {ms} ms"))
            }),
            claim("three votes in the fast round did not choose it", |it| {
                let first = it.run.decision("c").map_or(0, |(at, _)| at.as_millis());
                that(first > 72, format!("known at {first} ms"))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "fast-paxos-collision",
        title: "Fast Paxos: two clients collide, the coordinator decides",
        shows: "x reaches two acceptors first, y the two others. Neither can get three votes any more. \
                The coordinator takes the votes for promises, is free to choose, and needs one more \
                round trip.",
        script: "run 130ms\nat 40ms slow-link p1 -> a3 by 5ms\nat 40ms slow-link p1 -> a4 by 5ms\n\
                 at 40ms slow-link p2 -> a1 by 5ms\nat 40ms slow-link p2 -> a2 by 5ms\n\
                 at 50ms request p1 propose x\nat 50ms request p2 propose y",
        claims: &[
            claim("one value is chosen, after two delays and a write more", |it| {
                chosen_once(&it.run, "x")?;
                learned_after(&it.run, 22 + 22)
            }),
            claim("a new phase 1 instead would take four", |it| {
                learned_after(&it.twin("recovery=restart", None)?, 22 + 44)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "fast-paxos-uncoordinated",
        title: "Fast Paxos: two clients collide, the acceptors decide",
        shows: "The acceptors tell each other how they voted. All see the same collision, draw the same \
                conclusion and vote again: one delay more instead of two, for votes from all to all.",
        settings: "recovery=uncoordinated",
        script: "run 130ms\nat 40ms slow-link p1 -> a3 by 5ms\nat 40ms slow-link p1 -> a4 by 5ms\n\
                 at 40ms slow-link p2 -> a1 by 5ms\nat 40ms slow-link p2 -> a2 by 5ms\n\
                 at 50ms request p1 propose x\nat 50ms request p2 propose y",
        claims: &[
            claim("one value is chosen, after one delay and a write more", |it| {
                chosen_once(&it.run, "x")?;
                learned_after(&it.run, 22 + 12)
            }),
            claim("the acceptors exchange N(N − 1) votes", |it| {
                let votes = it
                    .run
                    .sent("Voted(1")
                    .filter(|(_, parcel)| it.run.lanes[parcel.to].role == "acceptor");
                is(votes.count(), 12)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "fast-paxos-conflicts",
        title: "Fast Paxos: what conflicts cost, beside Multi-Paxos",
        shows: "Messages take 10 to 20 ms, and two clients propose within 2 ms. Whether they collide is \
                up to the messages; here they do. The more proposals meet with another, the less is \
                left of the delay that was saved. How a collision is resolved decides whether there is \
                a point from which on Multi-Paxos is faster.",
        settings: "jitter=10",
        script: "seed 3\nrun 200ms\nat 50ms request p1 propose x\nat 51ms request p2 propose y",
        claims: &[
            claim("without conflicts Fast Paxos saves a message's time", |it| {
                sweep(it, 0, |it| it.coordinated_ms + 10.0 < it.multi_paxos_ms)
            }),
            claim(
                "with every proposal in conflict, a restart takes longer than Multi-Paxos",
                |it| sweep(it, 100, |it| it.restart_ms > it.multi_paxos_ms),
            ),
            claim("a coordinated recovery does not, as votes count as promises", |it| {
                sweep(it, 100, |it| it.coordinated_ms < it.multi_paxos_ms)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "fast-paxos-must-pick",
        title: "Fast Paxos: the coordinator hears just enough to be bound",
        shows: "x has a fast quorum, a1, a2 and a3, but the learner does not hear of it, and the \
                coordinator hears a2, a3 and a4. Two of the three voted x: with a1 unheard, x may have \
                been chosen, so it must be proposed.",
        script: "run 300ms\nat 40ms slow-link p1 -> a4 by 5ms\nat 40ms slow-link p2 -> a1 by 5ms\n\
                 at 40ms slow-link p2 -> a2 by 5ms\nat 40ms slow-link p2 -> a3 by 5ms\n\
                 at 45ms block a1 -> c l1\nat 45ms block a2 a3 a4 -> l1\nat 50ms request p1 propose x\n\
                 at 50ms request p2 propose y\nat 100ms heal\nat 100ms block a1 -> c",
        claims: &[
            claim("x is chosen in the fast round, unknown to all", |it| {
                chosen_once(&it.run, "x").map(|ms| format!("at {ms} ms"))
            }),
            claim("the coordinator, which has heard of both, proposes x", |it| {
                is(it.run.sent("Accept(").all(|(_, parcel)| parcel.label.ends_with("x)")), true)?;
                all_decide(&it.run, "x", "c l1")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "fast-paxos-small-quorum",
        title: "Fast Paxos broken: fast quorums that are only majorities",
        shows: "Three of five vote for y and choose it. The coordinator hears one of them and two that \
                voted x, and by its rule x may have been chosen. Two fast quorums and a classic one \
                need not share an acceptor, so the rule cannot tell. The lab refuses such settings \
                unless told `anyway=yes`.",
        settings: "acceptors=5 fast-quorum=3 anyway=yes",
        script: "run 250ms\nat 40ms slow-link p1 -> a4 by 5ms\nat 40ms slow-link p1 -> a5 by 5ms\n\
                 at 40ms slow-link p2 -> a1 by 5ms\nat 40ms slow-link p2 -> a2 by 5ms\n\
                 at 40ms slow-link p2 -> a3 by 5ms\nat 45ms block a1 a2 -> c\n\
                 at 50ms request p1 propose y\nat 50ms request p2 propose x",
        breaks: &[ONE_CHOSEN, AGREEMENT],
        claims: &[
            claim("with fast quorums of four nothing is chosen twice", |it| {
                is(it.twin("fast-quorum=4", None)?.broken(), Vec::new())
            }),
            claim("without anyway=yes the settings are refused", refused),
        ],
        ..BLANK
    },
];

/// Whether the learner knows so long after the proposal.
fn learned_after(run: &Run, ms: u128) -> Finding {
    let asked = run.asked().as_millis();
    let learned = run.decision("l1").map(|(at, _)| at.as_millis() - asked);
    let learned = learned.ok_or("the learner has not learned")?;
    that(learned == ms, format!("{learned} ms"))
}

/// What is measured with a share of conflicts.
fn sweep(_: &Played, percent: u32, holds: fn(&Conflict) -> bool) -> Finding {
    let it = conflict(percent, 40).map_err(|error| error.to_string())?;
    let Conflict { restart_ms, coordinated_ms, multi_paxos_ms, .. } = it;
    let shown = format!(
        "restart {restart_ms} ms, coordinated {coordinated_ms} ms, Multi-Paxos {multi_paxos_ms} ms"
    );
    that(holds(&it), shown)
}

fn refused(it: &Played) -> Finding {
    match it.twin("anyway=no", None) {
        Ok(_) => Err("they are not".to_owned()),
        Err(error) => that(error.contains("N > 2E + F"), error),
    }
}
