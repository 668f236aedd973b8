use super::*;
use expect_test::{Expect, expect};

fn names() -> Names<u8> {
    (1..=3).collect()
}

/// Reads a script and prints the plan.
fn check(script: &str, expected: &Expect) {
    let answer = match Plan::parse(script, &names()) {
        Ok(plan) => plan.script(&names()),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&answer);
}

#[test]
fn every_line_prints_as_it_is_read() {
    let script = "\
seed 42
run 5s
settle 1 2 within 10s
at 0ns crash 1 keep torn
at 100ms crash 2 keep synced for 50ms
at effect 2:17 crash 2 keep part
at io 3:5 crash 3 keep all
at sync 3:1 partition 1 | 2 | 3
at 1.5s restart 1
at 1.500001s pause 2 for 300µs
at 2s pause 2
at 2s resume 2
at 2s partition 1 | 2 3
at 2s block 1 2 -> 3
at 2s heal
at 2s heal 1 | 2 3
at 2s cut 1 3
at 2s slow-link 1 -> 2 by 50ms
at 2s drop 1 -> 2 times 3
at 2s drop 1 -> 2 Accept( times 1
at 2s clock 2 rate 1.5
at 2s clock 2 rate 2
at 2s clock 2 rate 0.000001
at 2s wall-clock 2 by -3600000ms
at 2s slow-disk 2 by 50ms
at 2s full-disk 2
at 2s free-disk 2
at 2s fail-sync 2 for 7ns
at 2s fail-sync 2
at 2s corrupt 2
at 2s wipe 2
at 2s request 1 put x | 3  for ever
";
    let plan = Plan::parse(script, &names()).unwrap();
    assert_eq!(plan.script(&names()), script);
}

#[test]
fn comments_blank_lines_and_defaults() {
    check(
        "# nothing\n\n  at 10ms   crash 2 # the leader\nseed 1\n",
        &expect![[r"
            seed 1
            run 0ns
            at 10ms crash 2 keep all
        "]],
    );
}

#[test]
fn flapping_is_a_partition_that_comes_and_goes() {
    check(
        "at 1s flap 1 | 2 3 every 200ms times 2",
        &expect![[r"
            seed 0
            run 0ns
            at 1s partition 1 | 2 3
            at 1.2s heal 1 | 2 3
            at 1.4s partition 1 | 2 3
            at 1.6s heal 1 | 2 3
        "]],
    );
}

#[test]
fn names_may_be_words() {
    let names = Names::new([('c', "coordinator"), ('p', "p1")]);
    let plan = Plan::parse("at 1ms cut p1 coordinator", &names).unwrap();
    assert_eq!(plan.steps[0].action, Action::Cut('p', 'c'));
}

#[test]
fn a_fault_is_reported_with_its_line_and_what_was_expected() {
    check("\n\nfoo 1", &expect![[r#"line 3: "foo" where seed, run, settle or at should be"#]]);
    check(
        "at 5 crash 1",
        &expect![[r#"line 1: "5" where a duration such as 1.5s, 20ms, 7us should be"#]],
    );
    check("at 5ms", &expect!["line 1: the line ends where what happens should be"]);
    check("at 5ms crash 9", &expect![[r#"line 1: "9" where a process should be"#]]);
    check(
        "at 5ms crash 1 keep some",
        &expect![[r#"line 1: "some" where all, synced, part or torn should be"#]],
    );
    check("at 5ms restart 1 2", &expect![[r#"line 1: "2" where the end of the line should be"#]]);
    check("at 5ms block 1 | 2", &expect![[r#"line 1: "|" where -> should be"#]]);
    check(
        "at io 1:0 crash 1",
        &expect![[r#"line 1: "1:0" where a process, a colon and a count from 1 should be"#]],
    );
    check(
        "at io 1:2 crash 2",
        &expect![[
            r#"line 1: "crash 2" where a crash of the process whose disk this is should be"#
        ]],
    );
    check(
        "at 5ms clock 1 rate 0",
        &expect![[r#"line 1: "0" where a rate between 0.000001 and 1000 should be"#]],
    );
    check(
        "at 99999999999999999999s heal",
        &expect![[
            r#"line 1: "99999999999999999999s" where a duration such as 1.5s, 20ms, 7us should be"#
        ]],
    );
    check(
        "at 0.1ns heal",
        &expect![[r#"line 1: "0.1ns" where a duration such as 1.5s, 20ms, 7us should be"#]],
    );
}

#[test]
fn no_text_makes_the_parser_panic() {
    let good = "at effect 2:17 crash 2 keep part for 1.5s\nat 1ms drop 1 -> 2 x times 99999999999\n\
                at 9223372036854775807ns flap 1 | 2 every 18446744073.7s times 65535 µ 7us # é";
    for seed in 0..5000 {
        let mut rng = crate::Rng::new(seed);
        let mut words: Vec<&str> = good.split_inclusive([' ', '\n', ':', '.']).collect();
        for _ in 0..rng.below(6) {
            let (from, to) = (rng.index(words.len()), rng.index(words.len()));
            words[to] = words[from];
        }
        let mut text: Vec<char> = words.concat().chars().collect();
        text.remove(rng.index(text.len()));
        let text: String = text.into_iter().collect();
        if let Ok(plan) = Plan::parse(&text, &names()) {
            assert_eq!(
                Plan::parse(&plan.script(&names()), &names()),
                Ok(plan),
                "seed {seed}: {text}"
            );
        }
    }
}
