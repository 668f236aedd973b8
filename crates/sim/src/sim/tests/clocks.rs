use super::*;
use expect_test::expect;

#[test]
fn a_timer_is_due_once_and_moves_when_set_again() {
    check(
        "at 10ms request 1 t50\nat 20ms request 1 t60\nat 30ms request 2 t50\nat 40ms request 2 c",
        &["timer 't'\n", "1 timer 't'", "2 timer 't'"],
        &expect![[r#"
            10ms 1 timer 't' at 198479.555404763s
            20ms 1 timer 't' at 198479.575404763s
            30ms 2 timer 't' at 2448909.712214314s
            40ms 2 timer 't' cancelled
            80ms 1 timer 't'
        "#]],
    );
}

#[test]
fn timers_follow_the_clock_of_their_process() {
    check(
        "at 10ms request 1 t100\nat 10ms request 2 t100\nat 20ms clock 1 rate 2\nat 20ms clock 2 rate 0.5",
        &["1 timer 't'", "2 timer 't'"],
        &expect![[r#"
            10ms 1 timer 't' at 198479.605404763s
            10ms 2 timer 't' at 2448909.742214314s
            65ms 1 timer 't'
            200ms 2 timer 't'
        "#]],
    );
}

#[test]
fn the_wall_clock_jumps_and_timers_do_not() {
    check(
        "at 10ms request 1 t50 w\nat 20ms wall-clock 1 by -500000ms\nat 30ms request 1 w",
        &["output", "timer 't'"],
        &expect![[r#"
            10ms 1 timer 't' at 198479.555404763s
            10ms 1 output "wall 1000010"
            30ms 1 output "wall 500030"
            60ms 1 timer 't'
        "#]],
    );
}
