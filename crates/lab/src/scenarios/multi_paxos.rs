//! Multi-Paxos: fast with a stable leader, safe without, and careless about what a leader builds
//! on what.

use super::{FRESH_READS, PRIMARY_ORDER, delivers};
use crate::kind::Kind::MultiPaxos;
use crate::scenario::{Scenario, claim, is, that};

const BLANK: Scenario = Scenario {
    name: "",
    title: "",
    shows: "",
    kind: MultiPaxos,
    settings: "",
    script: "",
    from_ms: 0,
    to_ms: u64::MAX,
    breaks: &[],
    claims: &[],
};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "multi-paxos-stable-leader",
        title: "Multi-Paxos: a stable leader skips phase 1",
        shows: "Phase 1 asks for promises for all slots at once, and is done once. From then on a \
                command costs one round trip, and commands need not wait for each other.",
        script: "run 120ms\nat 10ms request r1 lead\nat 50ms request r1 do a\n\
                 at 55ms request r1 do b\nat 60ms request r1 do c",
        claims: &[
            claim("there is one phase 1", |it| is(it.run.sent("Prepare(").count(), 2)),
            claim("each command is answered after one round trip", |it| {
                let answered: Vec<u128> =
                    it.run.answers().iter().map(|(at, _, _)| at.as_millis()).collect();
                is(answered, vec![72, 77, 82])
            }),
            claim("3(N − 1) messages a command, after the 4 of phase 1", |it| {
                is(it.run.messages(""), 4 + 3 * 6)
            }),
            claim("the same with 100 commands at once", |it| {
                let script = "run 200ms\nat 10ms request r1 lead\nat 50ms request r1 do c*100";
                let many = it.twin("", Some(script))?;
                is(many.sent("Prepare(").count(), 2)?;
                let (messages, answers) = (many.messages("") - 4, many.answers());
                that(messages <= 600, format!("{messages} messages"))?;
                let last = answers.last().map_or(0, |(at, _, _)| at.as_millis());
                that(
                    last <= 74 && answers.len() == 100,
                    format!("all answered by {last} ms, with {messages} messages"),
                )
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-leader-crash",
        title: "Multi-Paxos: the leader dies with a command half accepted",
        shows: "One other replica has accepted command a in slot 1; nobody knows whether it is chosen. \
                The new leader hears of it and proposes it again, before anything of its own.",
        settings: "replicas=5",
        script: "run 300ms\nat 10ms request r1 lead\nat 49ms block r1 -> r3 r4 r5\n\
                 at 50ms request r1 do a\nat 62ms crash r1\nat 100ms request r3 lead\n\
                 at 150ms request r3 do b",
        claims: &[
            claim("a keeps its slot, b comes behind it", |it| {
                delivers(&it.run, "r2 r3 r4 r5", "a b")
            }),
            claim("a was not chosen under its first leader", |it| {
                let (at, _, _) = it.run.chosen().first().copied().unwrap_or_default();
                that(at.as_millis() > 100, format!("chosen at {} ms", at.as_millis()))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-gap",
        title: "Multi-Paxos breaks primary order: a gap is filled with a no-op",
        shows: "The leader's first command, /q, reaches nobody; its second, /q/x, reaches a majority and \
                is chosen. The leader dies. The next one must keep slot 2 and knows nothing of slot \
                1, so it fills that with a no-op. Consensus holds in every slot; but /q/x was made on \
                top of /q.",
        script: "run 200ms\nat 10ms request r1 lead\nat 49ms drop r1 -> r2 Accept(1, times 1\n\
                 at 49ms drop r1 -> r3 Accept(1, times 1\nat 50ms request r1 do /q /q/x\n\
                 at 65ms crash r1\nat 100ms request r2 lead",
        breaks: &[PRIMARY_ORDER],
        claims: &[
            claim("slot 1 is a no-op, slot 2 keeps /q/x", |it| {
                let chosen = it.run.chosen();
                let chosen: Vec<(&str, &str)> = chosen.iter().map(|it| (it.1, it.2)).collect();
                that(chosen.contains(&("1", "no-op")), "slot 1: no-op")?;
                that(chosen.contains(&("2", "/q/x")), "1: no-op, 2: /q/x")
            }),
            claim("with one command under way at a time it cannot happen", |it| {
                let one = it.twin("window=1", None)?;
                is(one.broken(), Vec::new())?;
                delivers(&one, "r2 r3", "")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-two-leaders",
        title: "Multi-Paxos: an old leader behind a partition",
        shows: "r1 does not know that r2 leads. What it proposes reaches no majority; and when the \
                network is whole, its ballot is refused. No slot gets two commands.",
        script: "run 600ms\nat 10ms request r1 lead\nat 50ms request r1 do a\n\
                 at 90ms partition r1 | r2 r3\nat 100ms request r2 lead\nat 150ms request r1 do old\n\
                 at 150ms request r2 do new\nat 250ms heal",
        claims: &[
            claim("the old leader's command is refused", |it| {
                that(it.run.sent("Nack(").count() > 0, "Nack")
            }),
            claim("all execute the new leader's", |it| delivers(&it.run, "r1 r2 r3", "a new")),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-order",
        title: "Multi-Paxos: slot 2 is chosen before slot 1",
        shows: "The Accepts for slot 1 are lost and sent again. Slot 2 is chosen meanwhile and has to \
                wait: commands are executed in the order of slots.",
        script: "run 400ms\nat 10ms request r1 lead\nat 49ms drop r1 -> r2 Accept(1, times 1\n\
                 at 49ms drop r1 -> r3 Accept(1, times 1\nat 50ms request r1 do a b",
        claims: &[
            claim("b is chosen first", |it| {
                let order: Vec<&str> = it.run.chosen().iter().map(|(_, _, value)| *value).collect();
                is(order, vec!["b", "a"])
            }),
            claim("a is executed first", |it| delivers(&it.run, "r1 r2 r3", "a b")),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-catch-up",
        title: "Multi-Paxos: a replica that has missed something",
        shows: "r3 is down twice. The first time it has missed what the others still have in their \
                logs, and is sent that. The second time they have thrown it away, and it is sent what \
                it came to.",
        settings: "keeps=4",
        script: "run 500ms\nat 10ms request r1 lead\nat 45ms crash r3 for 100ms\n\
                 at 50ms request r1 do a*3\nat 250ms crash r3 for 100ms\nat 260ms request r1 do b*10",
        to_ms: 420,
        claims: &[
            claim("first from the log", |it| {
                let chosen = it.run.received("r3", "Chosen(").map(|at| at.as_millis());
                let at = chosen.unwrap_or(u128::MAX);
                that(at < 250, format!("Chosen at {at} ms"))
            }),
            claim("then from a snapshot", |it| {
                let snapshot = it.run.received("r3", "Snapshot(").map(|at| at.as_millis());
                let at = snapshot.unwrap_or_default();
                that(at > 250, format!("Snapshot at {at} ms"))
            }),
            claim("in the end it has executed everything", |it| {
                is(it.run.delivered("r3").len(), 13)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-retry",
        title: "Multi-Paxos: a client asks again, and its command is executed once",
        shows: "The leader dies after the command is chosen and before it answers. The client asks the \
                next leader. It has found the command in the log, knows it by its name, and does not \
                execute it again.",
        script: "run 300ms\nat 10ms request r1 lead\nat 50ms request r1 do k1\nat 71ms crash r1\n\
                 at 100ms request r2 lead\nat 200ms request r2 do k1",
        claims: &[
            claim("it is answered by the second leader only", |it| {
                let answers: Vec<u128> =
                    it.run.answers().iter().map(|(at, _, _)| at.as_millis()).collect();
                is(answers, vec![200])
            }),
            claim("and executed once", |it| delivers(&it.run, "r2 r3", "k1")),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-stale-read",
        title: "Multi-Paxos broken: a leader's lease and a slow clock",
        shows: "A leader may answer reads by itself as long as no other can lead: followers promise \
                that for a time. r1's clock runs at a fifth of true speed, so its lease lasts longer \
                than their promise, and it reads what another leader has overwritten.",
        settings: "leases=yes",
        script: "run 600ms\nat 110ms request r1 lead\nat 160ms clock r1 rate 0.2\n\
                 at 210ms partition r1 | r2 r3\nat 340ms request r2 lead\nat 400ms request r2 do x\n\
                 at 450ms request r1 read",
        from_ms: 100,
        breaks: &[FRESH_READS],
        claims: &[claim("with a true clock it knows that its lease is over", |it| {
            let script = it.scenario.script.replace("at 160ms clock r1 rate 0.2\n", "");
            let twin = it.twin("", Some(&script))?;
            is(twin.broken(), Vec::new())?;
            that(twin.notes("r1", "has no lease") == 1, "has no lease to read by")
        })],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-duel",
        title: "Multi-Paxos: two leaders take the lead from each other",
        shows: "As with two proposers: who loses the lead takes it back at once, and no command is ever \
                accepted by a majority. A random time-out before each try ends it.",
        settings: "elections=at-once",
        script: "run 600ms\nat 10ms request r1 lead\nat 31ms request r2 lead\nat 33ms request r1 do x",
        to_ms: 85,
        claims: &[
            claim("in 50 ballots nothing is chosen", |it| {
                is(it.run.chosen().len(), 0)?;
                let ballots = it.run.sent("Prepare(").count() / 2;
                that(ballots >= 50, format!("{ballots} ballots"))
            }),
            claim("with random time-outs it is", |it| {
                let script = "run 1s\nat 500ms request r1 do x\nat 500ms request r2 do x\n\
                              at 500ms request r3 do x";
                let random = it.twin("elections=random", Some(script))?;
                delivers(&random, "r1 r2 r3", "x")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "multi-paxos-primary-order",
        title: "Multi-Paxos breaks primary order: the example of the Zab paper",
        shows: "r3 proposes /q and then /q/x, which needs /q; neither leaves it. r2 leads, knows of \
                neither, and gets /r chosen in their slot. Then r1 leads with r3: slot 2 holds /r, \
                slot 3 holds /q/x, and it proposes both. Every slot agrees, and /q/x is executed \
                without /q. Compare zab-primary-order: the same faults, and it cannot happen.",
        script: "run 1500ms\nat 200ms request r3 lead\nat 300ms request r3 do /a\nat 400ms partition r3 | r1 r2\n\
                 at 401ms request r3 do /q /q/x\nat 600ms request r2 lead\nat 900ms request r2 do /r\n\
                 at 1000ms heal\nat 1000ms partition r2 | r1 r3\nat 1300ms request r1 lead",
        from_ms: 390,
        breaks: &[PRIMARY_ORDER],
        claims: &[
            claim("/q/x is executed without /q", |it| delivers(&it.run, "r1 r3", "/a /r /q/x")),
            claim("one command at a time prevents it, for the price of a round trip each", |it| {
                let one = it.twin("window=1", None)?;
                is(one.broken(), Vec::new())?;
                delivers(&one, "r1 r3", "/a /r")
            }),
        ],
        ..BLANK
    },
];
