//! Three-phase commit: nobody blocks when processes crash, and everybody may be wrong when the
//! network is slow.

use super::{AGREEMENT, all_decide, states_are};
use crate::kind::Kind::ThreePhaseCommit;
use crate::scenario::{Scenario, claim, is, that};

const BLANK: Scenario = Scenario {
    name: "",
    title: "",
    shows: "",
    kind: ThreePhaseCommit,
    settings: "",
    script: "",
    from_ms: 0,
    to_ms: u64::MAX,
    breaks: &[],
    claims: &[],
};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "3pc-commit",
        title: "Three-phase commit: all vote yes",
        shows: "One more round between the votes and the commit, in which everybody learns that all \
                have voted yes. It costs half as many messages again, and as many durable writes.",
        script: "run 100ms\nat 10ms request c commit",
        claims: &[
            claim("all commit", |it| all_decide(&it.run, "COMMIT", "c p1 p2 p3")),
            claim("it takes 6n messages", |it| is(it.run.messages(""), 18)),
            claim("and 3n + 2 durable writes", |it| is(it.run.forced_writes(), 11)),
            claim("participants commit after 5 message delays and 5 writes", |it| {
                is(it.run.decision("p1").map(|(at, _)| at.as_millis()), Some(10 + 5 * 10 + 5 * 2))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "3pc-coordinator-crash",
        title: "Three-phase commit does not block: the coordinator dies",
        shows: "The same crash that blocks two-phase commit: the coordinator dies with everything in \
                hand and tells nobody. But everybody knows that all voted yes, and that everybody \
                else knows, so they finish without it.",
        script: "run 250ms\nat 10ms request c commit\nat 57ms crash c",
        claims: &[
            claim("all participants commit by themselves", |it| {
                all_decide(&it.run, "COMMIT", "p1 p2 p3")
            }),
            claim("none is ever blocked", |it| is(super::ever_blocked(&it.run), Vec::new())),
        ],
        ..BLANK
    },
    Scenario {
        name: "3pc-crash-before-precommit",
        title: "Three-phase commit: the coordinator dies before anybody knows the votes",
        shows: "All are READY and none knows how the others voted; so none can have committed, and \
                all may abort.",
        script: "run 250ms\nat 10ms request c commit\nat 33ms crash c",
        claims: &[
            claim("all participants abort by themselves", |it| {
                all_decide(&it.run, "ABORT", "p1 p2 p3")
            }),
            claim("none is ever blocked", |it| is(super::ever_blocked(&it.run), Vec::new())),
        ],
        ..BLANK
    },
    Scenario {
        name: "3pc-crash-between",
        title: "Three-phase commit broken: the coordinator dies between two PreCommits",
        shows: "One participant has heard PreCommit, two have not. The book's rule lets each decide by \
                itself when nothing comes: PRECOMMIT commits, READY aborts.",
        script: "run 250ms\nat 10ms request c commit\nat 34ms block c -> p2 p3\nat 35ms crash c",
        breaks: &[AGREEMENT],
        claims: &[claim("p1 commits, p2 and p3 abort", |it| {
            states_are(&it.run, 250, "p1 COMMIT, p2 ABORT, p3 ABORT")
        })],
        ..BLANK
    },
    Scenario {
        name: "3pc-termination",
        title: "Three-phase commit with Skeen's termination protocol: they finish alike",
        shows: "The same crash. The first to lose patience asks all who are left. One of them is in \
                PRECOMMIT, so the coordinator may have committed: all are brought to PRECOMMIT and \
                then to COMMIT.",
        settings: "mode=skeen",
        script: "run 300ms\nat 10ms request c commit\nat 34ms block c -> p2 p3\nat 35ms crash c",
        claims: &[
            claim("all participants commit", |it| all_decide(&it.run, "COMMIT", "p1 p2 p3")),
            claim("led by p1", |it| {
                that(it.run.messages("DoCommit") > 0, "p1 says DoCommit")?;
                is(it.run.sent_by("p1", "DoCommit").count(), it.run.sent("DoCommit").count())
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "3pc-partition",
        title: "Three-phase commit broken: a partition during PreCommit splits the decision",
        shows: "Nobody has crashed. But each side takes the other's silence for death, and Skeen's \
                rule, right for crashes, decides on both sides: one has heard PreCommit, the other \
                has not.",
        settings: "mode=skeen",
        script: "run 300ms\nat 10ms request c commit\nat 34ms partition c p1 | p2 p3\n\
                 at 250ms heal",
        breaks: &[AGREEMENT],
        claims: &[
            claim("one side commits, the other aborts", |it| {
                states_are(&it.run, 240, "c COMMIT, p1 COMMIT, p2 ABORT, p3 ABORT")
            }),
            claim("so do participants that only follow their time-outs", |it| {
                let simple = it.twin("mode=simple", None)?;
                states_are(&simple, 240, "c COMMIT, p1 COMMIT, p2 ABORT, p3 ABORT")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "3pc-quorum",
        title: "Three-phase commit with quorums: the smaller side waits",
        shows: "The same partition. Nobody commits unless a majority leans to it, nobody aborts unless \
                enough lean against it, and nobody turns. The side without a quorum waits: blocking \
                is back, and agreement with it.",
        settings: "mode=quorum",
        script: "run 400ms\nat 10ms request c commit\nat 34ms partition c p1 | p2 p3\n\
                 at 250ms heal",
        claims: &[
            claim("p2 and p3 abort, c and p1 wait", |it| {
                states_are(&it.run, 245, "p2 ABORT, p3 ABORT, c PRECOMMIT")?;
                none_decides_before(it, "c p1", 250)
            }),
            claim("when the network is whole all have aborted", |it| {
                all_decide(&it.run, "ABORT", "c p1 p2 p3")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "3pc-lost-abort",
        title: "Three-phase commit broken: an abort that does not arrive",
        shows: "A coordinator that aborts because one PreCommit was not acknowledged. The abort does \
                not reach p2, which is in PRECOMMIT and takes the silence for consent.",
        settings: "unacknowledged=abort",
        script: "run 250ms\nat 10ms request c commit\nat 40ms drop p3 -> c PreCommitted times 1\n\
                 at 40ms block c -> p2",
        breaks: &[AGREEMENT],
        claims: &[claim("p2 commits, all others abort", |it| {
            states_are(&it.run, 250, "c ABORT, p1 ABORT, p2 COMMIT, p3 ABORT")
        })],
        ..BLANK
    },
    Scenario {
        name: "3pc-slow",
        title: "Three-phase commit broken: the coordinator is slow, not dead",
        shows: "One message takes longer than p3's patience. That is all it takes: in a network \
                without a bound on delays, no time-out can tell slow from dead. What is needed is \
                agreement that does not depend on time.",
        script: "run 250ms\nat 10ms request c commit\nat 33ms slow-link c -> p3 by 150ms",
        breaks: &[AGREEMENT],
        claims: &[
            claim("p3 aborts, the others commit", |it| {
                states_are(&it.run, 249, "c COMMIT, p1 COMMIT, p2 COMMIT, p3 ABORT")
            }),
            claim("nobody has crashed and nothing is lost", |it| {
                is(super::lost_or_crashed(&it.run), 0)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "3pc-total-failure",
        title: "Three-phase commit: all crash, and come back one by one",
        shows: "p3 crashes first, READY; the others go on to PRECOMMIT and crash too. p3 is back first. \
                It was not among the last to fail, so it must not decide by what it knows: it waits \
                until all are there.",
        settings: "mode=skeen",
        script: "run 900ms\nat 10ms request c commit\nat 40ms crash p3\nat 48ms crash c\n\
                 at 48ms crash p1\nat 48ms crash p2\nat 100ms restart p3\nat 300ms restart p1\n\
                 at 500ms restart p2",
        claims: &[
            claim("nobody decides until the last one is back", |it| {
                none_decides_before(it, "p1 p2 p3", 500)
            }),
            claim("then all commit", |it| all_decide(&it.run, "COMMIT", "p1 p2 p3")),
            claim("with time-outs alone, p3 would have aborted and the others committed", |it| {
                let simple = it.twin("mode=simple", None)?;
                states_are(&simple, 899, "p1 COMMIT, p2 COMMIT, p3 ABORT")
            }),
        ],
        ..BLANK
    },
];

fn none_decides_before(
    it: &crate::scenario::Played,
    names: &str,
    ms: u64,
) -> crate::scenario::Finding {
    let early = names.split(' ').find_map(|name| {
        let (time, value) = it.run.decision(name)?;
        (time.as_millis() < ms.into()).then(|| format!("{name} decides {value} at {time:?}"))
    });
    early.map_or_else(|| Ok(format!("until {ms} ms")), Err)
}
