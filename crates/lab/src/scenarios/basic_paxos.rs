//! Basic Paxos: what is chosen stays chosen; what is not need never be.

use super::{AGREEMENT, ONE_CHOSEN, all_decide, chosen_once, none_decides, state_is};
use crate::kind::Kind::BasicPaxos;
use crate::scenario::{Played, Scenario, claim, is, that};
use crate::{Changes, Finding};
use std::collections::BTreeMap;

const BLANK: Scenario = Scenario {
    name: "",
    title: "",
    shows: "",
    kind: BasicPaxos,
    settings: "",
    script: "",
    from_ms: 0,
    to_ms: u64::MAX,
    breaks: &[],
    claims: &[],
};

/// How many seeds the races are run with.
const RACES: u64 = 1000;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "paxos-one-proposer",
        title: "Basic Paxos: one proposer, three acceptors",
        shows: "Two round trips. The first takes the acceptors' promises and asks what they have \
                accepted before; the second gets the value accepted. Acceptors write before they \
                answer. The value is chosen by the second acceptance, before anybody knows.",
        script: "run 80ms\nat 10ms request p1 propose x",
        claims: &[
            claim("the proposer knows after four message delays and two writes", |it| {
                is(it.run.decision("p1").map(|(at, _)| at.as_millis()), Some(10 + 40 + 4))
            }),
            claim("4N + L messages", |it| is(it.run.messages(""), 13)),
            claim("2N durable writes", |it| is(it.run.forced_writes(), 6)),
            claim("x is chosen before anyone knows it", |it| {
                let chosen = chosen_once(&it.run, "x")?;
                let known = it.run.decision("p1").map_or(0, |(at, _)| at.as_millis());
                that(chosen < known, format!("at {chosen} ms, known at {known} ms"))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-minority-down",
        title: "Basic Paxos: two of five acceptors are dead",
        shows: "A majority is enough, in both phases. Nobody waits for the dead.",
        settings: "acceptors=5",
        script: "run 80ms\nat 5ms crash a4\nat 5ms crash a5\nat 10ms request p1 propose x",
        claims: &[
            claim("x is chosen", |it| chosen_once(&it.run, "x").map(|ms| format!("at {ms} ms"))),
            claim("as fast as with all of them", |it| {
                is(it.run.decision("p1").map(|(at, _)| at.as_millis()), Some(54))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-majority-down",
        title: "Basic Paxos: two of three acceptors are dead for a while",
        shows: "Without a majority nothing can be chosen, and nothing wrong is. The proposer tries \
                again; when one acceptor is back, it succeeds.",
        script: "run 500ms\nat 5ms crash a2\nat 5ms crash a3\nat 10ms request p1 propose x\n\
                 at 250ms restart a3",
        from_ms: 5,
        claims: &[
            claim("nothing is chosen while two are dead, x is afterwards", |it| {
                let chosen = chosen_once(&it.run, "x")?;
                that(chosen > 250, format!("at {chosen} ms"))
            }),
            claim("the learner learns it", |it| all_decide(&it.run, "x", "p1 l1")),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-duel",
        title: "Basic Paxos: two proposers that never finish",
        shows: "Each takes the promises away from the other just before its second phase gets there. \
                Nothing is wrong and nothing is chosen, for as long as they keep time. That no \
                protocol can rule this out is the theorem of Fischer, Lynch and Paterson.",
        settings: "proposers=2",
        script: "run 1100ms\nat 10ms request p1 propose x\nat 31ms request p2 propose y",
        to_ms: 140,
        claims: &[
            claim("nothing is chosen in 50 ballots", |it| {
                is(it.run.chosen().len(), 0)?;
                let ballots = ballots(it);
                that(ballots >= 50, format!("{ballots} ballots"))
            }),
            claim("none of them knows anything", |it| none_decides(&it.run, "p1 p2 l1")),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-backoff",
        title: "Basic Paxos: a random pause ends the duel",
        shows: "The same race, but who loses its ballot waits a random time before the next. Sooner or \
                later one has the time it needs.",
        settings: "proposers=2 retry=backoff",
        script: "run 600ms\nat 10ms request p1 propose x\nat 31ms request p2 propose y",
        claims: &[
            claim("a value is chosen", |it| is(it.run.values_chosen().len(), 1)),
            claim("and with 1000 other seeds too", races),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-leader",
        title: "Basic Paxos: a distinguished proposer ends the duel",
        shows: "Only one proposer tries again; the other hands its value over. One more ballot and the \
                race is over. That is what the leader of Multi-Paxos is for.",
        settings: "proposers=2 retry=leader",
        script: "run 200ms\nat 10ms request p1 propose x\nat 31ms request p2 propose y",
        claims: &[
            claim("a value is chosen", |it| is(it.run.values_chosen().len(), 1)),
            claim("with one ballot more than there were proposers", |it| is(ballots(it), 3)),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-chosen-stays",
        title: "Basic Paxos: a chosen value never changes",
        shows: "v is chosen by a1 and a2. Then p2 wants w and asks a2 and a3. Any majority shares an \
                acceptor with the one that chose, here a2: it tells of v, and p2 must propose v. So \
                must everyone after it, in every ballot, for ever.",
        settings: "proposers=3",
        script: "run 300ms\nat 0ms block p1 -> a3\nat 10ms request p1 propose v\n\
                 at 60ms block p2 -> a1\nat 70ms request p2 propose w\nat 140ms crash a2\n\
                 at 150ms request p3 propose u",
        claims: &[
            claim("v is chosen, and nothing else ever is", |it| {
                chosen_once(&it.run, "v").map(|ms| format!("at {ms} ms"))
            }),
            claim("p2, which wanted w, and p3, which wanted u, propose v", |it| {
                is(it.run.sent("Accept(").all(|(_, it)| it.label.ends_with("v)")), true)?;
                all_decide(&it.run, "v", "p1 p2 p3")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-accepted-seen",
        title: "Basic Paxos: accepted by one, and seen by the next proposer",
        shows: "v was accepted by a1 alone, so it is not chosen. But p2 hears of it and cannot know \
                that: it proposes v.",
        settings: "proposers=2",
        script: "run 150ms\nat 10ms request p1 propose v\nat 31ms block p1 -> a2 a3\n\
                 at 33ms crash p1\nat 50ms block p2 -> a3\nat 60ms request p2 propose w",
        claims: &[claim("v is chosen, by p2's ballot", |it| {
            all_decide(&it.run, "v", "p2")?;
            chosen_once(&it.run, "v").map(|ms| format!("at {ms} ms"))
        })],
        ..BLANK
    },
    Scenario {
        name: "paxos-accepted-unseen",
        title: "Basic Paxos: accepted by one, and not seen by the next proposer",
        shows: "The same beginning, but p2 reaches a2 and a3, which know of nothing. So p2 is free, and \
                w is chosen. Accepted is not chosen; both outcomes are right.",
        settings: "proposers=2",
        script: "run 150ms\nat 10ms request p1 propose v\nat 31ms block p1 -> a2 a3\n\
                 at 33ms crash p1\nat 50ms block p2 -> a1\nat 60ms request p2 propose w",
        claims: &[
            claim("w is chosen", |it| {
                all_decide(&it.run, "w", "p2")?;
                chosen_once(&it.run, "w").map(|ms| format!("at {ms} ms"))
            }),
            claim("though a1 has accepted v", |it| {
                state_is(&it.run, "a1", 149, "accepted v in 1.p1")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-proposer-dies",
        title: "Basic Paxos: a proposer dies between its phases",
        shows: "Its promises bind nobody for long: a higher ballot takes them over.",
        settings: "proposers=2",
        script: "run 150ms\nat 10ms request p1 propose x\nat 25ms crash p1\n\
                 at 40ms request p2 propose y",
        claims: &[claim("the other finishes", |it| all_decide(&it.run, "y", "p2 l1"))],
        ..BLANK
    },
    Scenario {
        name: "paxos-acceptor-recovers",
        title: "Basic Paxos: an acceptor keeps its promise over a crash",
        shows: "a1 promises ballot 1.p2, crashes and comes back. An Accept of the lower ballot 1.p1, \
                long on its way, is refused: the promise was durable.",
        settings: "proposers=2",
        script: "run 145ms\nat 10ms request p1 propose x\nat 32ms slow-link p1 -> a1 by 90ms\n\
                 at 32ms block p1 -> a2 a3\nat 34ms request p2 propose y\nat 50ms crash p2\n\
                 at 70ms crash a1 for 20ms",
        claims: &[
            claim("back from its crash a1 has still promised 1.p2", |it| {
                state_is(&it.run, "a1", 91, "promised 1.p2")
            }),
            claim("and refuses 1.p1", |it| that(it.run.sent("Nack(1.p2)").count() == 1, "Nack")),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-amnesia",
        title: "Basic Paxos broken: an acceptor forgets what it has accepted",
        shows: "v is chosen by a1 and a2. a2's disk had not really written; after its crash a2 knows \
                nothing, and a2 and a3 choose w. A majority shares an acceptor with every other, but \
                not its memory.",
        settings: "proposers=2 forgets=Accepted,Promised",
        script: "run 150ms\nat 0ms block p1 -> a3\nat 10ms request p1 propose v\n\
                 at 60ms crash a2 for 10ms\nat 60ms block p2 -> a1\nat 75ms request p2 propose w",
        breaks: &[ONE_CHOSEN, AGREEMENT],
        claims: &[claim("with a disk that writes, p2 proposes v", |it| {
            all_decide(&it.twin("forgets=Nothing", None)?, "v", "p1 p2")
        })],
        ..BLANK
    },
    Scenario {
        name: "paxos-shared-ballots",
        title: "Basic Paxos broken: two proposers use the same ballot",
        shows: "Ballots must be unique: a ballot stands for one value. Here both proposers call theirs \
                1.p, the acceptors take the second proposal for the first one's, and both are chosen.",
        settings: "proposers=2 flaw=shared-ballots",
        script: "run 100ms\nat 10ms request p1 propose v\nat 15ms request p2 propose w",
        breaks: &[ONE_CHOSEN, AGREEMENT],
        claims: &[claim("with ballots of their own, only one value is chosen", |it| {
            is(it.twin("flaw=none", None)?.values_chosen().len(), 1)
        })],
        ..BLANK
    },
    Scenario {
        name: "paxos-stale-proposal",
        title: "Basic Paxos: a stale proposal is refused",
        shows: "p1's Accept is long on its way. Meanwhile p2 has the promises for a higher ballot and \
                gets y chosen. When the Accept arrives, it is refused everywhere; p1 tries again and \
                can only confirm y.",
        settings: "proposers=2",
        script: "run 250ms\nat 10ms request p1 propose x\nat 32ms slow-link p1 -> a1 by 70ms\n\
                 at 32ms slow-link p1 -> a2 by 70ms\nat 32ms slow-link p1 -> a3 by 70ms\n\
                 at 34ms request p2 propose y\nat 90ms slow-link p1 -> a1 by 0ms\n\
                 at 90ms slow-link p1 -> a2 by 0ms\nat 90ms slow-link p1 -> a3 by 0ms",
        claims: &[
            claim("all three refuse the stale proposal", |it| {
                is(it.run.sent("Nack(1.p2)").count(), 3)
            }),
            claim("y is chosen, and p1 comes to know it", |it| {
                all_decide(&it.run, "y", "p1 p2 l1")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-learner-catches-up",
        title: "Basic Paxos: a learner that has missed everything",
        shows: "The acceptors told the learner what they accepted, and all of it was lost. It asks a \
                majority and learns what is chosen.",
        settings: "announce=acceptors",
        script: "run 120ms\nat 40ms block a1 a2 a3 -> l1\nat 10ms request p1 propose x\nat 70ms heal\n\
                 at 80ms request l1 catch-up",
        claims: &[
            claim("it knows nothing before it asks", |it| {
                that(it.run.decision("l1").is_some_and(|(at, _)| at.as_millis() == 100), "100 ms")
            }),
            claim("it learns what is chosen", |it| all_decide(&it.run, "x", "p1 l1")),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-small-quorums",
        title: "Basic Paxos broken: quorums that need not meet",
        shows: "Two of four are no majority. Each side of a partition has its own quorum and its own \
                chosen value. The lab refuses such settings unless told `anyway=yes`.",
        settings: "proposers=2 acceptors=4 prepare-quorum=2 accept-quorum=2 anyway=yes",
        script: "run 100ms\nat 5ms partition p1 a1 a2 | p2 a3 a4\nat 10ms request p1 propose v\n\
                 at 15ms request p2 propose w",
        breaks: &[ONE_CHOSEN, AGREEMENT],
        claims: &[
            claim("with majorities neither side chooses", |it| {
                is(it.twin("prepare-quorum=3 accept-quorum=3", None)?.chosen().len(), 0)
            }),
            claim("without anyway=yes the settings are refused", refused),
        ],
        ..BLANK
    },
    Scenario {
        name: "paxos-any-value",
        title: "Basic Paxos broken: not the value of the highest ballot",
        shows: "a1 has accepted v in a ballot that came to nothing, a2 and a3 have chosen w in a later \
                one. p3 hears of both and takes v: any value but that of the highest ballot may be \
                one that was passed over.",
        settings: "proposers=3 flaw=any-value",
        script: "run 250ms\nat 10ms request p1 propose v\nat 31ms block p1 -> a2 a3\n\
                 at 33ms crash p1\nat 50ms block p2 -> a1\nat 60ms request p2 propose w\n\
                 at 130ms block p3 -> a3\nat 140ms request p3 propose u",
        breaks: &[ONE_CHOSEN, AGREEMENT],
        claims: &[claim("taking the highest ballot's value, p3 proposes w", |it| {
            all_decide(&it.twin("flaw=none", None)?, "w", "p2 p3")
        })],
        ..BLANK
    },
    Scenario {
        name: "paxos-flexible",
        title: "Basic Paxos with flexible quorums: one acceptance is enough",
        shows: "Only a quorum of phase 1 and one of phase 2 must meet. With promises from all three, \
                one acceptance chooses: the second phase survives two crashes, the first none.",
        settings: "prepare-quorum=3 accept-quorum=1",
        script: "run 200ms\nat 10ms request p1 propose x\nat 33ms crash a2\nat 33ms crash a3",
        claims: &[claim("x is chosen by a1 alone", |it| {
            chosen_once(&it.run, "x").map(|ms| format!("at {ms} ms"))
        })],
        ..BLANK
    },
];

/// How many ballots were begun.
fn ballots(it: &Played) -> usize {
    let ballots: std::collections::BTreeSet<&str> =
        it.run.sent("Prepare(").map(|(_, parcel)| parcel.label.as_str()).collect();
    ballots.len()
}

/// Runs the scenario with many seeds; how many ballots each race took.
fn races(it: &Played) -> Finding {
    let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
    for seed in 1..=RACES {
        let script = it.scenario.script.replacen("run 600ms", "run 5s", 1);
        let changes = Changes { seed: Some(seed), ..it.changes.clone() };
        let run = it.scenario.kind.play(it.scenario.settings, &script, &changes);
        let run = run.map_err(|error| error.to_string())?;
        let chosen = run.values_chosen().len();
        that(chosen == 1, format!("seed {seed}: {chosen} chosen"))?;
        let race = Played { run, ..it.clone() };
        *counts.entry(ballots(&race)).or_default() += 1;
    }
    let shown = counts.iter().map(|(ballots, races)| format!("{races} with {ballots}"));
    Ok(format!("races by ballots: {}", shown.collect::<Vec<_>>().join(", ")))
}

fn refused(it: &Played) -> Finding {
    match it.twin("anyway=no", None) {
        Ok(_) => Err("they are not".to_owned()),
        Err(error) => that(error.contains("Q1 + Q2 > N"), error),
    }
}
