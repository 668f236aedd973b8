use super::*;
use crate::checker::{Checker, Running};
use expect_test::expect;

#[test]
fn a_link_comes_up_at_both_ends_before_messages_pass() {
    check(
        "at 1ms request 1 2early\nat 10ms request 1 2a 2b 3c",
        &[" m", "link up 2"],
        &expect![[r#"
            1ms 1 -> 2 m1 "early"
            1ms 1 -x 2 m1 lost
            3ms 1 link up 2
            3ms 3 link up 2
            10ms 1 -> 2 m2 "a"
            10ms 1 -> 2 m3 "b"
            10ms 1 -> 3 m4 "c"
            11ms 2 <- 1 m2 "a"
            11ms 3 <- 1 m4 "c"
            11ms 2 <- 1 m3 "b"
        "#]],
    );
}

#[test]
fn a_cut_is_heard_of_at_both_ends_and_mended() {
    check(
        "at 10ms cut 1 2",
        &["link down", "-- 2", "1 link up 2", "2 link up 1"],
        &expect![[r#"
        2ms 1 -- 2 connected
        3ms 2 link up 1
        3ms 1 link up 2
        10ms 1 -- 2 disconnected
        15ms 2 link down 1
        15ms 1 link down 2
        17ms 1 -- 2 connected
        18ms 2 link up 1
        18ms 1 link up 2
    "#]],
    );
}

#[test]
fn a_short_partition_only_delays() {
    check(
        "at 10ms partition 1 | 2 3\nat 11ms request 1 2a 2b\nat 60ms heal\nat 61ms request 1 2c",
        &[" m", "link down"],
        &expect![[r#"
            11ms 1 -> 2 m1 "a"
            11ms 1 -> 2 m2 "b"
            60ms 2 <- 1 m1 "a"
            60ms 2 <- 1 m2 "b"
            61ms 1 -> 2 m3 "c"
            62ms 2 <- 1 m3 "c"
        "#]],
    );
}

#[test]
fn a_long_partition_ends_connections_and_loses_what_was_on_its_way() {
    check(
        "at 10ms partition 1 | 2 3\nat 11ms request 1 2a\nat 300ms heal",
        &[" m1", "link down", "1 link up 2", "2 link up 1"],
        &expect![[r#"
            3ms 1 link up 2
            3ms 2 link up 1
            11ms 1 -> 2 m1 "a"
            210ms 3 link down 1
            210ms 1 -x 2 m1 lost
            210ms 2 link down 1
            210ms 1 link down 2
            210ms 1 link down 3
            303ms 1 link up 2
            303ms 2 link up 1
        "#]],
    );
}

#[test]
fn a_one_way_partition_lets_the_other_way_through() {
    check(
        "at 10ms block 1 -> 2\nat 20ms request 1 2a\nat 20ms request 2 1b\nat 50ms heal",
        &["<-"],
        &expect![[r#"
            21ms 1 <- 2 m2 "b"
            50ms 2 <- 1 m1 "a"
        "#]],
    );
}

#[test]
fn a_crash_is_heard_of_by_others_and_a_restart_connects_again() {
    check(
        "at 10ms crash 2 for 50ms",
        &["1 link", "2 link", "2 start", "2 crashed"],
        &expect![[r#"
        0ns 2 started #0
        0ns 2 start
        3ms 2 link up 1
        3ms 2 link up 3
        3ms 1 link up 3
        3ms 1 link up 2
        10ms 2 crashed, disk keeps all
        15ms 1 link down 2
        60ms 2 started #1
        60ms 2 start
        63ms 1 link up 2
        63ms 2 link up 3
        63ms 2 link up 1
    "#]],
    );
}

#[test]
fn what_a_process_said_before_it_died_may_still_arrive() {
    check(
        "at 10ms request 1 2last\nat 10.5ms crash 1",
        &[" m1", "1 crashed"],
        &expect![[r#"
        10ms 1 -> 2 m1 "last"
        10.5ms 1 crashed, disk keeps all
        11ms 2 <- 1 m1 "last"
    "#]],
    );
}

#[test]
fn a_slow_link_keeps_its_order() {
    check(
        "at 10ms slow-link 1 -> 2 by 50ms\nat 11ms request 1 2a\nat 12ms slow-link 1 -> 2 by 0ms\nat 13ms request 1 2b",
        &["<- 1"],
        &expect![[r#"
            62ms 2 <- 1 m1 "a"
            62ms 2 <- 1 m2 "b"
        "#]],
    );
}

#[test]
fn a_dropped_message_ends_its_connection() {
    check(
        "at 10ms drop 1 -> 2 \"b times 1\nat 11ms request 1 2a 2b 2c\nat 50ms request 1 2b",
        &["-> 2 m", "<- 1", "lost", "1 link down"],
        &expect![[r#"
            11ms 1 -> 2 m1 "a"
            11ms 1 -> 2 m2 "b"
            11ms 1 -x 2 m2 lost
            11ms 1 -> 2 m3 "c"
            11ms 1 -x 2 m3 lost
            12ms 2 <- 1 m1 "a"
            16ms 1 link down 2
            50ms 1 -> 2 m4 "b"
            51ms 2 <- 1 m4 "b"
        "#]],
    );
}

#[test]
fn a_world_can_cut_a_link() {
    check(
        "at 10ms request 1 ocut",
        &["-- 2 disconnected"],
        &expect![[r#"
        10ms 1 -- 2 disconnected
    "#]],
    );
}

#[test]
fn calm_opens_the_core_and_shuts_out_the_rest() {
    check(
        "run 300ms\nsettle 1 2 within 1s\nat 10ms partition 1 | 2 | 3\nat 20ms crash 2",
        &["settle", "1 link", "2 link", "3 link", "2 started"],
        &expect![[r#"
            0ns 2 started #0
            3ms 1 link up 2
            3ms 1 link up 3
            3ms 3 link up 1
            3ms 2 link up 1
            3ms 3 link up 2
            3ms 2 link up 3
            120ms 3 link down 2
            120ms 1 link down 2
            210ms 1 link down 3
            210ms 3 link down 1
            300ms 2 started #1
            303ms 2 link up 1
            303ms 1 link up 2
        "#]],
    );
}

/// Within one connection nothing is missing, twice or out of order; between two, anything may be
/// missing at the end of the first. Nothing comes while there is no connection.
#[derive(Debug, Default)]
struct Fifo {
    /// By receiver and sender: whether the link is up, and the last number since it came up.
    links: BTreeMap<(u8, u8), Option<u64>>,
    received: u64,
}

impl Checker<Probe> for Fifo {
    fn on_event(&mut self, event: &Event<'_, Probe>, _: &Running<Probe>) -> Result<(), Violation> {
        let What::Input { process, input, .. } = event.what else {
            if let What::Crashed { process, .. } = event.what {
                self.links.retain(|(receiver, _), _| *receiver != process);
            }
            return Ok(());
        };
        let fault = |text: &str| Err(Violation::new("fifo", format!("{text} {event:?}")));
        match input {
            Input::LinkUp(from) => {
                if self.links.insert((process, *from), None).is_some() {
                    return fault("up twice");
                }
            }
            Input::LinkDown(from) => {
                if self.links.remove(&(process, *from)).is_none() {
                    return fault("down twice");
                }
            }
            Input::Message { from, message } => {
                let number: u64 = message.parse().unwrap();
                let Some(last) = self.links.get_mut(&(process, *from)) else {
                    return fault("no link");
                };
                if last.is_some_and(|last| last + 1 != number) {
                    return fault("gap");
                }
                *last = Some(number);
                self.received += 1;
            }
            Input::Start | Input::Timer(_) | Input::Persisted { .. } | Input::Request(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Running<Probe>) -> Result<(), Violation> {
        if self.received > 100 {
            return Ok(());
        }
        Err(Violation::new("traffic", format!("only {} messages", self.received)))
    }
}

#[test]
fn links_are_fifo_and_nothing_crosses_a_link_down() {
    for seed in 1..=50 {
        let names: Names<u8> = (1..=3).collect();
        let intensity = crate::Intensity::default();
        let mut plan =
            Plan::random(seed, &intensity, &names, &[1, 2, 3], &mut |_| (1, "w".to_owned()));
        plan.steps.retain(|step| !step.action.is_request());
        for number in 0..2000 {
            let time = Duration::from_millis(5 * number);
            plan = plan.request(time, 1, format!("2{number} 3{number}"));
        }
        let checkers: Checkers<Probe> = vec![Box::new(Fifo::default())];
        let mut sim = Sim::new(Probes::default(), Options::default(), plan, checkers);
        assert_eq!(sim.run(), Ok(()), "seed {seed}");
    }
}

/// What process 2 received of numbers 0 to 99.
fn received(loss_parts: u32, duplicate_parts: u32) -> Vec<u32> {
    let delay = Delay::uniform(Duration::from_millis(1), Duration::from_millis(20));
    let links = LinkPolicy::Datagram { loss_parts, duplicate_parts };
    let script: String =
        (0..100).map(|number| format!("at {number}ms request 1 2{number}\n")).collect();
    let sim = played(Options { links, message: delay, ..plain() }, &script);
    let lines = sim.trace().lines().filter(|line| line.contains("2 <- 1"));
    lines.map(|line| line.rsplit('"').nth(1).unwrap().parse().unwrap()).collect()
}

#[test]
fn datagrams_come_in_any_order() {
    let mut numbers = received(0, 0);
    assert!(!numbers.is_sorted());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

#[test]
fn datagrams_are_lost_and_doubled_as_often_as_asked() {
    assert_eq!(received(crate::MILLION, 0), Vec::<u32>::new());
    assert_eq!(received(0, crate::MILLION).len(), 200);
    assert!((30..70).contains(&received(crate::MILLION / 2, 0).len()));
}

#[test]
fn dropped_datagrams_are_just_lost() {
    let links = LinkPolicy::Datagram { loss_parts: 0, duplicate_parts: 0 };
    let script = "at 10ms drop 1 -> 2 times 2\nat 11ms request 1 2a 2b 2c";
    let sim = played(Options { links, ..plain() }, script);
    let lines = sim.trace().lines().filter(|line| line.contains("<- 1"));
    assert_eq!(lines.collect::<Vec<_>>(), ["12ms 2 <- 1 m3 \"c\""]);
}

#[test]
fn datagrams_know_no_links() {
    let links = LinkPolicy::Datagram { loss_parts: 0, duplicate_parts: 0 };
    let script = "at 1ms partition 1 | 2\nat 2ms request 1 2a\nat 3ms heal\nat 4ms request 1 2b\nat 4.5ms crash 2\nat 8ms request 1 2c";
    let sim = played(Options { links, ..plain() }, script);
    let lines = sim.trace().lines().filter(|line| line.contains("link") || line.contains(" m"));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    expect![[r#"
        2ms 1 -> 2 m1 "a"
        2ms 1 -x 2 m1 lost
        4ms 1 -> 2 m2 "b"
        5ms 1 -x 2 m2 lost
        8ms 1 -> 2 m3 "c"
        9ms 1 -x 2 m3 lost
    "#]]
    .assert_eq(&text);
}
