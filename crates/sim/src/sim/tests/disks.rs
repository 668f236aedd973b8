use super::*;
use expect_test::expect;

const DISK: &[&str] = &["persist", "written", "synced", "crashed", "disk"];

#[test]
fn what_queues_up_during_a_sync_is_the_next_batch() {
    check(
        "seed 2\nat 1ms request 1 =7\nat 2ms request 1 =8 =9",
        DISK,
        &expect![[r#"
        1ms 1 persist 1 7
        1ms 1 written 1
        2ms 1 persist 2 8
        2ms 1 persist 3 9
        11ms 1 synced 1
        11ms 1 persisted 1
        11ms 1 written 3
        21ms 1 synced 3
        21ms 1 persisted 3
    "#]],
    );
}

#[test]
fn a_slow_disk_syncs_later() {
    check(
        "at 1ms slow-disk 1 by 50ms\nat 2ms request 1 =7",
        DISK,
        &expect![[r#"
        2ms 1 persist 1 7
        2ms 1 written 1
        62ms 1 synced 1
        62ms 1 persisted 1
    "#]],
    );
}

#[test]
fn a_failed_sync_ends_the_process() {
    check(
        "at 1ms fail-sync 1 for 20ms\nat 2ms request 1 =7",
        &["1 "],
        &expect![[r#"
            0ns 1 started #0
            0ns 1 start
            0ns 1 stepped
            2ms 1 request "=7"
            2ms 1 stepped
            2ms 1 persist 1 7
            2ms 1 written 1
            2ms 1 -- 2 connected
            2ms 1 -- 3 connected
            3ms 1 link up 3
            3ms 1 stepped
            3ms 1 link up 2
            3ms 1 stepped
            12ms 1 crashed, disk keeps part
            12ms 1 -- 2 disconnected
            12ms 1 -- 3 disconnected
            32ms 1 started #1
            32ms 1 start
            32ms 1 stepped
            34ms 1 -- 3 connected
            34ms 1 -- 2 connected
            35ms 1 link up 3
            35ms 1 stepped
            35ms 1 link up 2
            35ms 1 stepped
        "#]],
    );
}

#[test]
fn a_full_disk_makes_records_wait() {
    check(
        "run 3s\nat 1ms full-disk 1\nat 2ms request 1 =7\nat 500ms free-disk 1",
        &["written", "synced", "disk", "output"],
        &expect![[r#"
            2ms 1 disk full
            2ms 1 output "full"
            1.002s 1 disk has room
            1.002s 1 written 1
            1.002s 1 output "room"
            1.012s 1 synced 1
        "#]],
    );
}

/// What process 1 finds on its disk when it starts the second time.
fn recovered(script: &str) -> Vec<u32> {
    let sim = played(plain(), script);
    let mut starts = sim.world().recovered.iter().filter(|(process, _)| *process == 1);
    starts.nth(1).expect("process 1 starts twice").1.clone()
}

#[test]
fn a_crash_keeps_what_the_plan_says() {
    let crash = |words: &str| {
        recovered(&format!(
            "at 1ms request 1 =7\nat 20ms request 1 =8\nat 25ms crash 1 {words} for 1ms"
        ))
    };
    assert_eq!(crash("keep all"), [7, 8]);
    assert_eq!(crash("keep synced"), [7]);
    assert_eq!(crash("keep torn"), [7]);
}

#[test]
fn records_that_were_not_written_are_lost_whatever_is_kept() {
    assert_eq!(recovered("at 1ms request 1 =7\nat 2ms request 1 =8\nat 3ms crash 1 for 1ms"), [7]);
}

#[test]
fn a_crash_after_a_sync_comes_before_the_process_is_told() {
    check(
        "at 1ms request 1 =7\nat sync 1:1 crash 1 keep synced for 1ms",
        &["synced", "persisted", "1 crashed"],
        &expect![[r#"
            11ms 1 synced 1
            11ms 1 crashed, disk keeps synced
        "#]],
    );
    assert_eq!(recovered("at 1ms request 1 =7\nat sync 1:1 crash 1 keep synced for 1ms"), [7]);
}

#[test]
fn a_crash_instead_of_an_operation() {
    let halted = |operation| {
        recovered(&format!(
            "at 1ms request 1 =7\nat 20ms request 1 =8\nat io 1:{operation} crash 1 keep all for 50ms"
        ))
    };
    assert_eq!(halted(1), Vec::<u32>::new());
    assert_eq!(halted(2), [7]);
    assert_eq!(halted(3), [7]);
    assert_eq!(halted(4), [7, 8]);
}

#[test]
fn a_disk_goes_on_counting_after_a_crash() {
    let script = "at 1ms request 1 =7\nat io 1:2 crash 1 for 5ms\nat io 1:3 crash 1 for 5ms
                  at 40ms request 1 =8\nat 80ms request 1 =9";
    let sim = played(plain(), script);
    let starts = sim.world().recovered.iter().filter(|(process, _)| *process == 1);
    let found: Vec<_> = starts.map(|(_, records)| records.as_slice()).collect();
    let (none, one, two): ([u32; 0], _, _) = ([], [7], [7, 8]);
    assert_eq!(found, [&none[..], &one[..], &two[..]]);
}
