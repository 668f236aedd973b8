use super::*;
use expect_test::expect;

#[test]
fn a_crash_between_two_effects_leaves_the_rest_undone() {
    check(
        "at 10ms request 1 oa ob oc\nat effect 1:2 crash 1",
        &["output", "crashed"],
        &expect![[r#"
            10ms 1 output "a"
            10ms 1 output "b"
            10ms 1 crashed, disk keeps all
        "#]],
    );
}

#[test]
fn a_request_at_a_moment_within_a_step_comes_after_it() {
    check(
        "at 10ms request 1 oa ob\nat effect 1:1 request 1 oc",
        &["output"],
        &expect![[r#"
        10ms 1 output "a"
        10ms 1 output "b"
        10ms 1 output "c"
    "#]],
    );
}

#[test]
fn effects_count_over_restarts() {
    check(
        "at 10ms request 1 oa\nat 20ms crash 1 for 1ms\nat 30ms request 1 ob oc\nat effect 1:2 crash 1",
        &["output", "crashed"],
        &expect![[r#"
            10ms 1 output "a"
            20ms 1 crashed, disk keeps all
            30ms 1 output "b"
            30ms 1 crashed, disk keeps all
        "#]],
    );
}

#[test]
fn what_comes_for_a_paused_process_waits_in_order() {
    check(
        "at 10ms pause 1 for 50ms\nat 11ms request 1 oa\nat 12ms request 2 1hello\nat 14ms request 1 ob",
        &["1 paused", "1 resumed", "<- 2", "output"],
        &expect![[r#"
            10ms 1 paused
            60ms 1 resumed
            60ms 1 output "a"
            60ms 1 <- 2 m1 "hello"
            60ms 1 output "b"
        "#]],
    );
}

#[test]
fn a_timer_cancelled_by_what_waited_before_it_is_not_due() {
    check(
        "at 10ms request 1 t10\nat 11ms pause 1\nat 12ms request 1 c\nat 100ms resume 1",
        &["timer"],
        &expect![[r#"
            10ms 1 timer 't' at 198479.515404763s
            100ms 1 timer 't' cancelled
        "#]],
    );
}

#[test]
fn a_paused_process_hears_of_links_when_it_goes_on() {
    check(
        "at 10ms pause 1\nat 11ms cut 1 2\nat 100ms resume 1",
        &["1 link", "2 link", "resumed"],
        &expect![[r#"
            3ms 1 link up 2
            3ms 2 link up 1
            3ms 1 link up 3
            3ms 2 link up 3
            16ms 2 link down 1
            100ms 1 resumed
            100ms 1 link down 2
            103ms 2 link up 1
            103ms 1 link up 2
        "#]],
    );
}

#[test]
fn a_crash_ends_a_pause_and_what_waited_is_lost() {
    check(
        "at 10ms pause 1\nat 11ms request 1 oa\nat 11ms request 2 1x\nat 20ms crash 1 for 5ms\nat 30ms request 1 ob",
        &["output", "lost", "down for", "1 started"],
        &expect![[r#"
            0ns 1 started #0
            20ms 2 -x 1 m1 lost
            20ms 1 is down for request "oa"
            25ms 1 started #1
            30ms 1 output "b"
        "#]],
    );
}

#[test]
fn a_request_to_a_process_that_is_down_is_lost() {
    check(
        "at 10ms crash 1\nat 11ms request 1 oa",
        &["output", "down for"],
        &expect![[r#"
        11ms 1 is down for request "oa"
    "#]],
    );
}

#[test]
fn a_world_can_ask_again_and_end_a_process() {
    check(
        "at 10ms request 1 oagain\nat 20ms request 1 oexit ob",
        &["1 request", "1 output", "1 crashed", "1 started"],
        &expect![[r#"
            0ns 1 started #0
            10ms 1 request "oagain"
            10ms 1 output "again"
            13ms 1 request "w"
            13ms 1 output "wall 1000013"
            20ms 1 request "oexit ob"
            20ms 1 output "exit"
            20ms 1 crashed, disk keeps all
            25ms 1 started #1
        "#]],
    );
}

#[test]
fn of_what_happens_at_one_time_the_plan_comes_first_and_in_order() {
    check(
        "at 10ms request 1 oa\nat 10ms request 1 ob\nat 10ms crash 1",
        &["1 "],
        &expect![[r#"
            0ns 1 started #0
            0ns 1 start
            0ns 1 stepped
            2ms 1 -- 3 connected
            2ms 1 -- 2 connected
            3ms 1 link up 2
            3ms 1 stepped
            3ms 1 link up 3
            3ms 1 stepped
            10ms 1 request "oa"
            10ms 1 stepped
            10ms 1 output "a"
            10ms 1 request "ob"
            10ms 1 stepped
            10ms 1 output "b"
            10ms 1 crashed, disk keeps all
            10ms 1 -- 2 disconnected
            10ms 1 -- 3 disconnected
        "#]],
    );
}

#[test]
fn restarting_what_runs_and_crashing_what_does_not_do_nothing() {
    let script = "at 1ms restart 1\nat 2ms resume 1\nat 3ms crash 1\nat 4ms crash 1\nat 5ms pause 1\nat 6ms restart 1";
    check(
        script,
        &["1 crashed", "1 paused", "1 resumed", "1 started"],
        &expect![[r#"
        0ns 1 started #0
        3ms 1 crashed, disk keeps all
        6ms 1 started #1
    "#]],
    );
}

#[test]
fn records_out_of_sequence_break_the_contract() {
    let plan = Plan::new(0, Duration::from_millis(9)).request(Duration::ZERO, 1, "=7 s =8");
    let mut sim = Sim::new(Probes::default(), plain(), plan, vec![]);
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.violation().detail, "1 persists record 3 where 2 is next");
}

#[test]
fn a_run_of_too_many_events_has_run_away() {
    let options = Options { events_max: 10, ..plain() };
    let mut sim =
        Sim::new(Probes::default(), options, Plan::new(0, Duration::from_secs(1)), vec![]);
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.violation().rule, "run away");
    assert_eq!(sim.advance(), Ok(false));
}

#[test]
fn a_disk_that_cannot_be_recovered_from_is_a_violation() {
    let world = Probes { broken: vec![2], ..Probes::default() };
    let plan = Plan::new(0, Duration::from_secs(1));
    let failure = Sim::new(world, plain(), plan, vec![]).run().unwrap_err();
    assert_eq!(failure.to_string(), "safety violation: recovery: broken");
}

#[test]
fn a_process_may_crash_while_it_recovers() {
    let script = "run 1s\nat io 1:2 crash 1 keep all for 5ms\nat io 1:3 crash 1 for 5ms";
    let plan = Plan::parse(script, &(1..=3).collect()).unwrap();
    let world = Probes { writes: true, ..Probes::default() };
    let mut sim = Sim::new(world, plain(), plan, vec![]);
    sim.run().unwrap();
    let lines =
        sim.trace().lines().filter(|line| line.contains("1 crashed") || line.contains("1 started"));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    expect![[r#"
        0ns 1 crashed, disk keeps all
        5ms 1 crashed, disk keeps all
        10ms 1 started #2
    "#]]
    .assert_eq(&text);
    assert_eq!(sim.disk(1).unwrap().records(), [0, 1, 2]);
}
