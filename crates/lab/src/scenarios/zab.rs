//! Zab, as our servers run it: one history, taken over whole.

use super::{ONE_LEADER, delivers};
use crate::kind::Kind::Zab;
use crate::scenario::{Played, Scenario, claim, is, that};
use crate::{Act, Finding, Run, Said};

const BLANK: Scenario = Scenario {
    name: "",
    title: "",
    shows: "",
    kind: Zab,
    settings: "",
    script: "",
    from_ms: 290,
    to_ms: u64::MAX,
    breaks: &[],
    claims: &[],
};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "zab-start",
        title: "Zab: three servers elect a leader and begin an epoch",
        shows: "Every server first votes for itself: the vote is split. Servers tell each other, and \
                change their votes to the one with the most history, or else the greatest number, \
                which is s3. Then the epoch is agreed on, made durable by a quorum, and only then led.",
        script: "run 190ms",
        from_ms: 0,
        claims: &[
            claim("at first there are three candidates", |it| {
                let votes = it.run.sent("vote(").filter(|(at, _)| at.as_millis() < 15);
                let votes: std::collections::BTreeSet<&str> =
                    votes.map(|(_, parcel)| parcel.label.as_str()).collect();
                is(votes.len(), 3)
            }),
            claim("s3 leads epoch 1, and all serve", |it| {
                is(it.run.leaders(), vec![("s3", 1)])?;
                serve(&it.run, 189, "s1 s2 s3")
            }),
            claim("every follower promises the epoch durably before it says so", |it| {
                let promised = first_write(&it.run, "s1", "acceptedEpoch");
                let promised = promised.ok_or("s1 has promised nothing")?;
                let said = it.run.sent_by("s1", "ACKEPOCH").next().map(|(at, _)| at.as_millis());
                let said = said.ok_or("s1 has not said so")?;
                that(promised <= said, format!("at {promised} ms and {said} ms"))
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-broadcast",
        title: "Zab: five commands",
        shows: "The leader proposes; followers write and acknowledge; with a quorum of acknowledgements, \
                its own among them, the leader commits. Everything goes over links that keep order, so \
                five commands are under way at once and stay in order.",
        script: "run 350ms\nat 300ms request s3 do a b c d e",
        claims: &[
            claim("3(N − 1) messages a command", |it| {
                let kinds = ["PROPOSAL", "ACK(1.", "COMMIT"];
                is(kinds.map(|kind| it.run.messages(kind)), [10, 10, 10])
            }),
            claim("one durable write a server and command", |it| is(it.run.forced_writes(), 15)),
            claim("all answered after one round trip and at most two writes", |it| {
                let answers = it.run.answers();
                let times: Vec<u128> = answers.iter().map(|(at, _, _)| at.as_millis()).collect();
                that(times.len() == 5 && times.iter().all(|at| *at <= 324), format!("{times:?} ms"))
            }),
            claim("all execute them in order", |it| delivers(&it.run, "s1 s2 s3", "a b c d e")),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-leader-crash",
        title: "Zab: the leader dies, and who has the most history leads",
        shows: "s2 has not heard of b, s1 has, and it is committed. Though s2 has the greater number, \
                all vote for s1: a new leader has everything that was committed.",
        script: "run 900ms\nat 300ms request s3 do a\nat 350ms block s3 -> s2\n\
                 at 360ms request s3 do b\nat 390ms crash s3",
        claims: &[
            claim("s1 leads epoch 2", |it| is(it.run.leaders().last().copied(), Some(("s1", 2)))),
            claim("b was committed and is not lost", |it| {
                that(it.run.answers().len() == 2, "a and b were answered")?;
                delivers(&it.run, "s1 s2", "a b")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-minority-proposal",
        title: "Zab: a proposal that only its leader has is discarded",
        shows: "The leader proposes b behind a partition and nobody hears of it. The others elect s2 \
                and go on. When the old leader comes back it is told to truncate its log, and b was \
                never executed anywhere.",
        script: "run 1300ms\nat 300ms request s3 do a\nat 390ms partition s3 | s1 s2\n\
                 at 400ms request s3 do b\nat 800ms request s2 do c\nat 900ms heal",
        claims: &[
            claim("the old leader is told to truncate", |it| {
                let truncated = it.run.received("s3", "TRUNC(to 1.1)").map(|at| at.as_millis());
                that(truncated.is_some(), format!("at {} ms", truncated.unwrap_or_default()))
            }),
            claim("b is executed nowhere", |it| delivers(&it.run, "s1 s2 s3", "a c")),
            claim("its client was not answered", |it| {
                is(it.run.answers().iter().any(|(_, request, _)| *request == "b"), false)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-kept-proposal",
        title: "Zab: a proposal that one follower has is kept, if that one leads",
        shows: "b has reached only s1 of five. It was not committed; but s1 now has the most history \
                and leads, and a new leader's history is everybody's. The client was never told: it \
                must be ready for either.",
        settings: "voters=5",
        script: "run 1000ms\nat 300ms request s5 do a\nat 350ms block s5 -> s2 s3 s4\n\
                 at 360ms request s5 do b\nat 373ms crash s5",
        claims: &[
            claim("s1 leads", |it| is(it.run.leaders().last().copied(), Some(("s1", 2)))),
            claim("b is executed by all", |it| delivers(&it.run, "s1 s2 s3 s4", "a b")),
            claim("its client was not answered", |it| {
                is(it.run.answers().iter().any(|(_, request, _)| *request == "b"), false)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-quorum-proposal",
        title: "Zab: a proposal on a quorum is kept, though nobody was told to commit",
        shows: "A quorum has written b and the leader dies before it can know. Any quorum that elects \
                has a server with b, so whoever leads has it.",
        script: "run 900ms\nat 300ms request s3 do a\nat 360ms request s3 do b\nat 373ms crash s3",
        claims: &[
            claim("b was on a quorum and no COMMIT was sent", |it| {
                let is_b = |it: &&(_, &str, &str)| it.2 == "b";
                that(it.run.chosen().iter().any(|chosen| is_b(&chosen)), "b is on a quorum")?;
                is(it.run.sent("COMMIT(1.2)").count(), 0)
            }),
            claim("it is executed in the next epoch", |it| {
                is(it.run.leaders().last().copied(), Some(("s2", 2)))?;
                delivers(&it.run, "s1 s2", "a b")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-lost-commit",
        title: "Zab: committed at the leader alone",
        shows: "The leader has executed b and answered; its COMMITs are lost with it. The quorum that \
                acknowledged b still has it, so the answer stays true.",
        script: "run 900ms\nat 300ms request s3 do a\nat 360ms request s3 do b\n\
                 at 381ms block s3 -> s1 s2\nat 384ms crash s3",
        claims: &[
            claim("the client was answered", |it| {
                is(it.run.answers().last().map(|(_, request, _)| *request), Some("b"))
            }),
            claim("no follower had heard COMMIT before the crash", |it| {
                is(
                    it.run.received("s1", "COMMIT(1.2)").or(it.run.received("s2", "COMMIT(1.2)")),
                    None,
                )
            }),
            claim("b is kept", |it| delivers(&it.run, "s1 s2", "a b")),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-old-leader",
        title: "Zab: a leader without its quorum resigns",
        shows: "Behind a partition the old leader proposes on, and commits nothing. When it has not \
                heard of a quorum for syncLimit it gives up, and refuses clients instead of promising \
                what it cannot keep.",
        script: "run 800ms\nat 300ms request s3 do a\nat 350ms partition s3 | s1 s2\n\
                 at 360ms request s3 do x y\nat 700ms request s3 do z",
        claims: &[
            claim("it executes nothing behind the partition", |it| delivers(&it.run, "s3", "a")),
            claim("it resigns within syncLimit and a tick", |it| {
                let resigned = it.run.of("s3").filter(|moment| {
                    matches!(&moment.act, Act::Said(Said::Note(note))
                        if note.starts_with("looking"))
                });
                let at = resigned.last().map_or(0, |moment| moment.time.since_start().as_millis());
                that((350..=650).contains(&at), format!("at {at} ms"))
            }),
            claim("and refuses z", |it| is(it.run.notes("s3", "does not serve, refuses z"), 1)),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-prefix",
        title: "Zab: a client pipelines a, b, c, and the leader changes in between",
        shows: "Links keep order and a new leader's history is taken whole: what is executed is a, or \
                ab, or abc; never c without b.",
        script: "run 1200ms\nat 300ms request s3 do a b\nat 330ms partition s3 | s1 s2\n\
                 at 331ms request s3 do c\nat 800ms heal",
        claims: &[
            claim("a and b are executed, c is not", |it| delivers(&it.run, "s1 s2 s3", "a b")),
            claim("whenever the leader is cut off, a prefix is executed", prefixes),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-primary-order",
        title: "Zab keeps primary order: the example in which Multi-Paxos does not",
        shows: "The faults of multi-paxos-primary-order. s3 proposes /q and /q/x and is cut off; s2 \
                leads and gets /r committed; then s1 leads with s3. In Zab s1's history is taken whole: \
                s3 is told to truncate /q and /q/x, both of them, before anything else happens.",
        script: "run 1800ms\nat 300ms request s3 do /a\nat 400ms partition s3 | s1 s2\n\
                 at 401ms request s3 do /q /q/x\nat 900ms request s2 do /r\nat 1000ms heal\nat 1000ms partition s2 | s1 s3",
        from_ms: 390,
        claims: &[
            claim("s1 leads the third epoch", |it| {
                is(it.run.leaders(), vec![("s3", 1), ("s2", 2), ("s1", 3)])
            }),
            claim("s3 truncates both", |it| {
                that(it.run.received("s3", "TRUNC(to 1.1)").is_some(), "TRUNC(to 1.1)")
            }),
            claim("all execute /a and /r, and nothing else", |it| {
                delivers(&it.run, "s1 s2 s3", "/a /r")
            }),
            claim("if s3's history wins instead, both are kept", |it| {
                let script = "run 1000ms\nat 300ms request s3 do /a\nat 400ms block s3 -> s1\n\
                              at 401ms request s3 do /q /q/x\nat 414ms crash s3";
                delivers(&it.twin("", Some(script))?, "s1 s2", "/a /q /q/x")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-forgets-epoch",
        title: "Zab broken: a promise of an epoch that is not durable",
        shows: "s3 leads epoch 1 with s1 and dies. s1's disk had not really written the epochs it \
                promised. With s2, which never heard of it, s1 agrees on epoch 1 again, under another \
                leader. That is why the promise is written before it is given.",
        settings: "forgets=acceptedEpoch,currentEpoch",
        script: "run 900ms\nat 1ms partition s2 | s1 s3\nat 300ms crash s3\nat 300ms crash s1 for 50ms\n\
                 at 310ms heal",
        from_ms: 0,
        breaks: &[ONE_LEADER],
        claims: &[claim("with a disk that writes, the next epoch is 2", |it| {
            let twin = it.twin("forgets=nothing", None)?;
            is(twin.leaders(), vec![("s3", 1), ("s1", 2)])
        })],
        ..BLANK
    },
    Scenario {
        name: "zab-crash-while-joining",
        title: "Zab: a follower crashes while it takes over the leader's history",
        shows: "s1 has missed three commands and crashes when it has written some of them and not yet \
                the epoch. Back again it says how far it is and gets the rest.",
        script: "run 1200ms\nat 290ms crash s1\nat 300ms request s3 do a b c\nat 400ms restart s1\n\
                 at io s1:7 crash s1 for 50ms",
        claims: &[
            claim("in the end it has everything", |it| delivers(&it.run, "s1 s2 s3", "a b c")),
            claim("wherever in its writing it crashes", crashes_anywhere),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-joins-under-load",
        title: "Zab: a follower joins while the leader broadcasts",
        shows: "Between NEWLEADER and UPTODATE the leader goes on proposing. What it proposes then is \
                kept for the newcomer and follows UPTODATE: nothing is missing, nothing comes twice.",
        script: "run 900ms\nat 290ms crash s1\nat 300ms request s3 do a b\nat 400ms restart s1\n\
                 at 440ms request s3 do c\nat 483ms request s3 do d\nat 488ms request s3 do e\n\
                 at 493ms request s3 do f\nat 508ms request s3 do g",
        from_ms: 395,
        claims: &[
            claim("it executes everything in order", |it| {
                delivers(&it.run, "s1 s2 s3", "a b c d e f g")
            }),
            claim("some of it was proposed between NEWLEADER and UPTODATE", |it| {
                let sent = |label| it.run.sent_to("s1", label).last().map(|(at, _)| at);
                let (from, to) = (sent("NEWLEADER"), sent("UPTODATE"));
                let between = it
                    .run
                    .sent_to("s2", "PROPOSAL")
                    .filter(|(at, _)| Some(*at) > from && Some(*at) < to);
                let count = between.count();
                that(count >= 2, format!("{count} proposals"))
            }),
            claim("a leader that lost those would be found out by the gap", |it| {
                notices(it, "tamper=loses-proposals", "does not follow")
            }),
            claim("one that lost their commits, by the first commit that does not fit", |it| {
                notices(it, "tamper=loses-commits", "oldest proposal is")
            }),
            claim("one that sent them twice, by the second", |it| {
                notices(it, "tamper=doubles-proposals", "does not follow")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-catch-up",
        title: "Zab: three ways to bring a server up to date",
        shows: "Who has missed little is sent what is missing (DIFF); who has too much is told to \
                truncate (TRUNC); who has missed more than the leader remembers is sent everything \
                (SNAP). It comes to the same.",
        settings: "keeps=3",
        script: "run 1200ms\nat 200ms request s3 do z\nat 290ms crash s1\nat 300ms request s3 do a b\n\
                 at 350ms restart s1\nat 600ms crash s1\nat 610ms request s3 do c*10\nat 700ms restart s1",
        claims: &[
            claim("two missed: DIFF", |it| {
                that(it.run.sent_to("s1", "DIFF(to 1.3)").count() > 0, "DIFF(to 1.3)")
            }),
            claim("ten missed: SNAP", |it| that(it.run.received("s1", "SNAP(").is_some(), "SNAP")),
            claim("the same history everywhere", |it| {
                let all = it.run.delivered("s3").join(" ");
                delivers(&it.run, "s1 s2 s3", &all)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-observer",
        title: "Zab: an observer learns and has no vote",
        shows: "The observer is told what is committed, in one message, and acknowledges nothing. A \
                leader with an observer alone has no quorum.",
        settings: "observers=1",
        script: "run 900ms\nat 300ms request s3 do a\nat 400ms crash s1\nat 400ms crash s2\n\
                 at 410ms request s3 do b",
        claims: &[
            claim("it is informed and executes", |it| {
                that(it.run.received("o4", "INFORM(1.1").is_some(), "INFORM(1.1, a)")?;
                delivers(&it.run, "o4", "a")
            }),
            claim("it acknowledges no proposal", |it| {
                is(it.run.sent_by("o4", "ACK(1.1)").count(), 0)
            }),
            claim("leader and observer alone commit nothing", |it| {
                is(it.run.answers().iter().any(|(_, request, _)| *request == "b"), false)?;
                delivers(&it.run, "s3 o4", "a")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-split-vote",
        title: "Zab: a late candidate makes the others change their votes",
        shows: "s3 has more history and cannot be heard at first. s1 and s2 agree on s2; before they \
                have waited out the others, s3 is heard, and both change their votes. An election \
                ends when a quorum agrees and nobody better has shown up.",
        settings: "voters=3",
        script: "run 900ms\nat 300ms request s3 do a\nat 340ms crash s1\nat 345ms request s3 do b\n\
                 at 350ms crash s2\nat 360ms crash s3\nat 400ms restart s1\nat 400ms restart s2\n\
                 at 435ms restart s3",
        from_ms: 395,
        claims: &[
            claim("s2 has votes first", |it| {
                let early = it.run.sent("vote(s2").filter(|(at, _)| at.as_millis() >= 400);
                let voters: std::collections::BTreeSet<usize> =
                    early.map(|(_, parcel)| parcel.from).collect();
                that(voters.len() >= 2, format!("of {} servers", voters.len()))
            }),
            claim("s3 leads, with everything that was committed", |it| {
                is(it.run.leaders().last().copied(), Some(("s3", 2)))?;
                delivers(&it.run, "s1 s2 s3", "a b")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-session",
        title: "Zab: a session ends while the leader changes",
        shows: "Session S has made two ephemeral znodes. Its leader proposes to close it: one \
                transaction that deletes both, computed from all that was proposed before. A quorum has \
                it when the leader dies. The next leader, which finds S expired too, sees in its \
                history that S is closed, and does not close it again.",
        script: "run 1000ms\nat 300ms request s3 do S+/e1 S+/e2\nat 360ms request s3 close S\n\
                 at 373ms crash s3\nat 800ms request s2 close S",
        claims: &[
            claim("one close is executed, and deletes in order of creation", |it| {
                delivers(&it.run, "s1 s2", "S+/e1 S+/e2 close S -/e1 -/e2")
            }),
            claim("the second leader knows", |it| is(it.run.notes("s2", "S is closed already"), 1)),
            claim("if the first close reached nobody, the second is the one", |it| {
                let script = "run 1300ms\nat 300ms request s3 do S+/e1 S+/e2\n\
                              at 390ms partition s3 | s1 s2\nat 400ms request s3 close S\n\
                              at 800ms request s2 close S\nat 900ms heal";
                let twin = it.twin("", Some(script))?;
                that(twin.received("s3", "TRUNC(").is_some(), "s3 truncates its own")?;
                delivers(&twin, "s1 s2 s3", "S+/e1 S+/e2 close S -/e1 -/e2")
            }),
            claim("what is not yet committed is deleted too", |it| {
                let script = "run 500ms\nat 300ms request s3 do S+/e1\nat 301ms request s3 close S";
                delivers(&it.twin("", Some(script))?, "s1 s2 s3", "S+/e1 close S -/e1")
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-rollover",
        title: "Zab: an epoch's zxids run out",
        shows: "A zxid is an epoch and a counter. When the counter is nearly used up the leader resigns \
                and a new epoch begins, before any command would have to be refused its number.",
        settings: "rollover-at=4",
        script: "run 1100ms\nat 300ms request s3 do a b c d\nat 800ms request s3 do e",
        claims: &[
            claim("the leader begins a second epoch", |it| {
                let epochs: Vec<u64> = it.run.leaders().iter().map(|(_, epoch)| *epoch).collect();
                is(epochs, vec![1, 2])
            }),
            claim("all commands are executed, in order", |it| {
                let all = it.run.delivered("s3").join(" ");
                that(all.starts_with("a b c") && all.ends_with('e'), all.clone())?;
                delivers(&it.run, "s1 s2 s3", &all)
            }),
        ],
        ..BLANK
    },
    Scenario {
        name: "zab-reconfiguration",
        title: "Zab: the ensemble changes under load",
        shows: "A reconfiguration is a command like any other, but it is committed only by quorums of \
                both memberships, the old and the new. Here the observer becomes a voter; commands \
                before, beside and behind it are kept.",
        settings: "observers=1",
        script: "run 800ms\nat 300ms request s3 do a b\nat 305ms request s3 reconfigure 1,2,3,4\n\
                 at 306ms request s3 do c\nat 500ms crash s1\nat 510ms request s3 do d",
        claims: &[
            claim("all execute all commands", |it| {
                delivers(&it.run, "s2 s3 o4", "a b voters [1, 2, 3, 4] c d")
            }),
            claim("the newcomer acknowledges from then on", |it| {
                let acks = it.run.sent_by("o4", "ACK(").filter(|(at, _)| at.as_millis() > 510);
                that(acks.count() > 0, "o4 acknowledges d")
            }),
        ],
        ..BLANK
    },
];

fn serve(run: &Run, ms: u64, names: &str) -> Finding {
    for name in names.split(' ') {
        let word = run.state_at(name, ms).word;
        let serves = word.starts_with("LEADING") || word.starts_with("FOLLOWING");
        that(serves, format!("{name} {word}"))?;
    }
    Ok(format!("by {ms} ms"))
}

fn first_write(run: &Run, name: &str, starting: &str) -> Option<u128> {
    let begins = |label: &String| label.starts_with(starting);
    let durable = |act: &Act| matches!(act, Act::Durable(labels) if labels.iter().any(begins));
    run.first(name, durable).map(|at| at.as_millis())
}

/// Cuts the leader off at every millisecond around its proposals.
fn prefixes(it: &Played) -> Finding {
    let mut seen = std::collections::BTreeSet::new();
    for ms in 295..345 {
        let script = format!(
            "run 1200ms\nat 300ms request s3 do a\nat 305ms request s3 do b\n\
             at 310ms request s3 do c\nat {ms}ms partition s3 | s1 s2\nat 700ms heal"
        );
        let twin = it.twin("", Some(&script))?;
        let delivered = twin.delivered("s1").join(" ");
        let is_prefix = ["", "a", "a b", "a b c"].contains(&delivered.as_str());
        that(is_prefix, format!("cut off at {ms} ms: {delivered}"))?;
        delivers(&twin, "s1 s2 s3", &delivered)?;
        seen.insert(delivered.replace(' ', ""));
    }
    Ok(format!("50 runs: {}", seen.into_iter().map(|it| format!("‘{it}’")).collect::<String>()))
}

/// Crashes s1 instead of each of its disk's operations.
fn crashes_anywhere(it: &Played) -> Finding {
    let count = 12;
    for operation in 1..=count {
        let script = it.scenario.script.replace("io s1:7", &format!("io s1:{operation}"));
        let twin = it.twin("", Some(&script))?;
        that(twin.broken().is_empty(), format!("operation {operation}: {:?}", twin.broken()))?;
        delivers(&twin, "s1 s2 s3", "a b c").map_err(|error| format!("{operation}: {error}"))?;
    }
    Ok(format!("{count} operations of its disk"))
}

/// Whether a follower takes offence at what a leader does, and all have everything all the same.
fn notices(it: &Played, tamper: &str, why: &str) -> Finding {
    let twin = it.twin(tamper, None)?;
    is(twin.broken(), Vec::new())?;
    let is_it = |act: &Act| matches!(act, Act::Said(Said::Note(note)) if note.contains(why));
    let note = twin.moments.iter().find(|moment| is_it(&moment.act));
    let note = note.ok_or_else(|| format!("nobody says {why}"))?;
    Ok(crate::text::narrate(&twin, note))
}
