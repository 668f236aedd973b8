//! Two-phase commit: it works, it blocks, and it is inconsistent only if someone gives up.

use super::{AGREEMENT, all_decide, none_decides, state_is, states_are};
use crate::kind::Kind::TwoPhaseCommit as Kind2pc;
use crate::scenario::{Scenario, claim, is, that};

const BLANK: Scenario = Scenario {
    name: "",
    title: "",
    shows: "",
    kind: Kind2pc,
    settings: "",
    script: "",
    from_ms: 0,
    to_ms: u64::MAX,
    breaks: &[],
    claims: &[],
};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "2pc-commit",
        title: "Two-phase commit: all vote yes",
        shows: "Two rounds of messages and one durable decision. A participant writes its promise \
                before it votes and the outcome before it acknowledges; the coordinator writes the \
                decision before anyone hears of it.",
        script: "run 100ms\nat 10ms request c commit",
        claims: &[
            claim("all commit", |it| all_decide(&it.run, "COMMIT", "c p1 p2 p3")),
            claim("it takes 4n messages", |it| is(it.run.messages(""), 12)),
            claim("and 2n + 1 durable writes", |it| is(it.run.forced_writes(), 7)),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-abort",
        title: "Two-phase commit: one participant votes no",
        shows: "Every participant has a veto until it has voted yes. Who votes no aborts at once; \
                the others wait for the coordinator to say so.",
        script: "run 100ms\nat 5ms request p2 refuse\nat 10ms request c commit",
        claims: &[
            claim("all abort", |it| all_decide(&it.run, "ABORT", "c p1 p2 p3")),
            claim("the one that refuses does not wait to be told", |it| {
                let refuses = it.run.decision("p2").map(|(time, _)| time);
                let told = it.run.received("p2", "Decision");
                that(told.is_none() && refuses == it.run.received("p2", "Prepare"), "at once")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-silent-participant",
        title: "Two-phase commit: a participant is dead before it votes",
        shows: "While a vote is missing the coordinator may still abort, and does when it has waited \
                long enough. The others only wait for it.",
        script: "run 200ms\nat 5ms crash p3\nat 10ms request c commit",
        claims: &[
            claim("those who are alive abort", |it| all_decide(&it.run, "ABORT", "c p1 p2")),
            claim("after the coordinator's patience, 60 ms", |it| {
                let decided = it.run.decision("c").map(|(time, _)| time.as_millis());
                is(decided, Some(10 + 60 + 2))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-coordinator-crash",
        title: "Two-phase commit blocks: the coordinator dies with all votes in hand",
        shows: "Every participant has promised to commit if it is told to, so none may abort; the \
                coordinator may have decided to abort, so none may commit. They hold their locks and \
                ask in vain until the coordinator is back. It finds no decision in its log, so it \
                aborts.",
        settings: "cooperative=yes",
        script: "run 500ms\nat 10ms request c commit\nat 30ms crash c\nat 400ms restart c",
        claims: &[
            claim("while the coordinator is gone, nobody decides", |it| {
                let first = it.run.said().find(|(_, _, said)| super::is_decision(said));
                let first = first.map_or(0, |(time, _, _)| time.since_start().as_millis());
                that(first >= 400, format!("first decision after {first} ms"))
            }),
            claim("the participants are READY, blocked, and hold locks", |it| {
                ["p1", "p2", "p3"].iter().try_for_each(|name| {
                    let state = it.run.state_at(name, 399);
                    let blocked = state.word == "READY" && state.locks && state.blocked;
                    that(blocked, format!("{name} {state:?}")).map(|_| ())
                })?;
                Ok("p1, p2, p3, for 370 ms".to_owned())
            }),
            claim("when it is back, all abort", |it| all_decide(&it.run, "ABORT", "c p1 p2 p3")),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-decision-logged",
        title: "Two-phase commit: the coordinator dies with the decision in its log",
        shows: "The decision is made when it is durable, not when it is told. The same silence as \
                before means the opposite here, and the participants cannot tell one from the other.",
        script: "run 500ms\nat 10ms request c commit\nat sync c:2 crash c\nat 400ms restart c",
        claims: &[
            claim("nobody was told before the crash", |it| {
                let first = it.run.sent("Decision").next().map_or(0, |(at, _)| at.as_millis());
                that(first >= 400, format!("first told after {first} ms"))
            }),
            claim("when it is back, all commit", |it| all_decide(&it.run, "COMMIT", "c p1 p2 p3")),
            claim("until then p1 hears just what it would hear before an abort", |it| {
                let twin = "run 350ms\nat 10ms request c commit\nat 30ms crash c";
                let (here, there) = (it.run.view("p1"), it.twin("", Some(twin))?.view("p1"));
                that(here.starts_with(&there), format!("the same {} inputs", there.len()))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-partition",
        title: "Two-phase commit: a partition after part of the commit",
        shows: "One participant has committed, the others are in doubt behind the partition. Reads \
                differ and locks stay until the network is whole; then all commit. Slow, but never \
                wrong.",
        script: "run 500ms\nat 10ms request c commit\nat 34ms partition c p1 | p2 p3\n\
                 at 300ms heal",
        claims: &[
            claim("in between p1 has committed and the others hold locks", |it| {
                states_are(&it.run, 250, "p1 COMMIT, p2 READY, p3 READY")
            }),
            claim("in the end all commit", |it| all_decide(&it.run, "COMMIT", "c p1 p2 p3")),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-cooperative",
        title: "Two-phase commit: the participants ask each other",
        shows: "The coordinator dies after it has told one participant. With cooperative termination \
                the others learn from that one what they can no longer learn from the coordinator.",
        settings: "cooperative=yes",
        script: "run 300ms\nat 10ms request c commit\nat 34ms block c -> p2 p3\nat 35ms crash c",
        claims: &[
            claim("all participants commit, without the coordinator", |it| {
                all_decide(&it.run, "COMMIT", "p1 p2 p3")
            }),
            claim("told by p1", |it| is(it.run.sent_by("p1", "Decision").count(), 2)),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-gives-up",
        title: "Two-phase commit broken: participants in doubt give up",
        shows: "What an impatient operator does: participants that have waited too long abort by \
                themselves. On the other side of the partition one has committed. The transaction is \
                half done, for good, and nothing in the protocol will ever repair it.",
        settings: "gives-up=yes",
        script: "run 500ms\nat 10ms request c commit\nat 34ms partition c p1 | p2 p3\n\
                 at 300ms heal",
        breaks: &[AGREEMENT],
        to_ms: 350,
        claims: &[
            claim("p1 commits, p2 and p3 abort", |it| {
                states_are(&it.run, 290, "p1 COMMIT, p2 ABORT, p3 ABORT")
            }),
            claim("healing does not heal it", |it| {
                states_are(&it.run, 500, "p1 COMMIT, p2 ABORT, p3 ABORT")
            }),
            claim("they are told, too late", |it| {
                that(it.run.notes("p2", "too late: COMMIT") > 0, "COMMIT after its own ABORT")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-no-safe-choice",
        title: "Two-phase commit: the only two that knew are dead for good",
        shows: "Coordinator and p1 die with the decision. p2 and p3 are left with two histories that \
                look the same to them: in one p1 has committed, in the other the transaction was \
                aborted. Whatever they did would be wrong in one of them.",
        settings: "cooperative=yes",
        script: "run 600ms\nat 10ms request c commit\nat 34ms block c -> p2 p3\nat 47ms crash c\n\
                 at 47ms crash p1",
        to_ms: 250,
        claims: &[
            claim("p1 had committed", |it| all_decide(&it.run, "COMMIT", "p1")),
            claim("p2 and p3 are blocked for ever", |it| none_decides(&it.run, "p2 p3")),
            claim("had p1 voted no, p2 and p3 would have heard and done the same", |it| {
                let twin = "run 600ms\nat 5ms request p1 refuse\nat 10ms request c commit\n\
                            at 30ms block c -> p2 p3\nat 47ms crash c\nat 47ms crash p1";
                let twin = it.twin("", Some(twin))?;
                all_decide(&twin, "ABORT", "p1")?;
                let [here, there] = [&it.run, &twin].map(|run| ["p2", "p3"].map(|n| run.view(n)));
                that(here == there, format!("{} inputs each", here[0].len()))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-participant-recovers",
        title: "Two-phase commit: a participant crashes after its promise",
        shows: "The promise is in the log, so the participant is bound by it when it is back: READY, \
                with its locks. It asks and is told.",
        script: "run 300ms\nat 10ms request c commit\nat 33ms crash p2\nat 150ms restart p2",
        claims: &[
            claim("it comes back READY and holds its locks", |it| {
                states_are(&it.run, 151, "p2 READY")?;
                that(it.run.state_at("p2", 151).locks, "with locks")
            }),
            claim("all commit", |it| all_decide(&it.run, "COMMIT", "c p1 p2 p3")),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-forgets-promise",
        title: "Two-phase commit broken: a participant's promise is not durable",
        shows: "The disk says that it has written and has not. The participant comes back without \
                memory of its vote, aborts as one may who has promised nothing, and the others \
                commit.",
        settings: "forgets=Prepared",
        script: "run 300ms\nat 10ms request c commit\nat 33ms crash p2\nat 150ms restart p2",
        breaks: &[AGREEMENT],
        claims: &[claim("p1 and p3 commit, p2 aborts", |it| {
            states_are(&it.run, 299, "p1 COMMIT, p2 ABORT, p3 COMMIT")
        })],
        ..BLANK
    },
    Scenario {
        name: "2pc-duplicates",
        title: "Two-phase commit: every message comes twice, and in any order",
        shows: "Every step can be repeated: a second Prepare is answered like the first, a second \
                decision is acknowledged like the first.",
        settings: "duplicate=90 jitter=15",
        script: "seed 4\nrun 300ms\nat 10ms request c commit",
        claims: &[
            claim("most messages arrive twice", |it| {
                let twice = super::arrived_twice(&it.run);
                that(twice >= 6, format!("{twice} of them"))
            }),
            claim("all commit, once", |it| all_decide(&it.run, "COMMIT", "c p1 p2 p3")),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-presumed-abort",
        title: "Two-phase commit with presumed abort: an abort that costs nothing",
        shows: "A coordinator that has forgotten a transaction answers that it was aborted. So an \
                abort need neither be written by force nor be acknowledged.",
        settings: "presume=abort",
        script: "run 100ms\nat 5ms request p2 refuse\nat 10ms request c commit",
        claims: &[
            claim("all abort", |it| all_decide(&it.run, "ABORT", "c p1 p2 p3")),
            claim("nobody acknowledges", |it| is(it.run.messages("Ack"), 0)),
            claim("only promises are forced to disk", |it| is(it.run.forced_writes(), 2)),
            claim("presuming nothing, it takes 5 durable writes", |it| {
                is(it.twin("presume=nothing", None)?.forced_writes(), 5)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-presumed-commit",
        title: "Two-phase commit with presumed commit: fewer acknowledgements",
        shows: "A coordinator that has forgotten a transaction answers that it was committed. So \
                commits are not acknowledged; but the coordinator must write by force that it has \
                begun, or a crash would commit what nobody decided.",
        settings: "presume=commit",
        script: "run 100ms\nat 10ms request c commit",
        claims: &[
            claim("all commit", |it| all_decide(&it.run, "COMMIT", "c p1 p2 p3")),
            claim("3n messages", |it| is(it.run.messages(""), 9)),
            claim("n + 2 durable writes", |it| is(it.run.forced_writes(), 5)),
        ],
        ..BLANK
    },
    Scenario {
        name: "2pc-read-only",
        title: "Two-phase commit: a participant that has only read",
        shows: "Who has changed nothing has nothing to commit or to abort: it leaves after the first \
                phase, without a write.",
        script: "run 100ms\nat 5ms request p3 read\nat 10ms request c commit",
        claims: &[
            claim("the others commit", |it| all_decide(&it.run, "COMMIT", "c p1 p2")),
            claim("two messages fewer", |it| is(it.run.messages(""), 10)),
            claim("and two durable writes fewer", |it| is(it.run.forced_writes(), 5)),
            claim("the reader is out", |it| state_is(&it.run, "p3", 99, "OUT")),
        ],
        ..BLANK
    },
];
