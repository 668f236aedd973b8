use super::*;
use std::time::Duration;

type Numbers = Duties<u32, u32>;

/// Longer than any test takes that does not fail.
const LONG: Duration = Duration::from_secs(60);

const QUICK: Schedule = Schedule { at: None, is_quick: true };

/// What a worker does next, and with what.
fn next(duties: &Numbers, worker: usize) -> (Duty, Vec<u32>) {
    let mut entries = Vec::new();
    let duty = duties.next(worker, &mut entries);
    if duty == Duty::Events {
        duties.take_events(&mut entries);
    }
    (duty, entries)
}

/// Waits until a worker sleeps.
fn until_asleep(duties: &Numbers, worker: usize) {
    let end = Instant::now() + LONG;
    while duties.lock().asleep[worker].is_none() {
        assert!(Instant::now() < end, "it does not sleep");
        std::thread::yield_now();
    }
}

#[test]
fn loop_does_a_few_jobs_by_itself() {
    let duties = Numbers::default();
    duties.tell(1);
    assert_eq!(next(&duties, LOOP), (Duty::Events, vec![1]));
    duties.add_jobs([7]);
    duties.leave_events(Some(LOOP), QUICK);
    assert_eq!(next(&duties, LOOP), (Duty::Jobs, vec![7]));
    duties.leave_jobs(LOOP, Some(2), true);
    assert_eq!(next(&duties, LOOP), (Duty::Events, vec![2]));
    duties.end_events();
    duties.end_jobs();
    assert_eq!(next(&duties, LOOP), (Duty::Over, vec![]));
}

#[test]
fn disk_tells_a_little_by_itself_and_has_much_told() {
    let duties = Numbers::default();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| next(&duties, LOOP));
        until_asleep(&duties, LOOP);
        duties.add_jobs([7]);
        assert_eq!(next(&duties, DISK), (Duty::Jobs, vec![7]));
        duties.leave_jobs(DISK, Some(1), true);
        assert_eq!(next(&duties, DISK), (Duty::Events, vec![1]));
        duties.leave_events(Some(DISK), QUICK);
        duties.add_jobs([8]);
        assert_eq!(next(&duties, DISK), (Duty::Jobs, vec![8]));
        duties.leave_jobs(DISK, Some(2), false);
        assert_eq!(other.join().unwrap(), (Duty::Events, vec![2]));
    });
}

/// So a disk that stalls holds up nothing but what needs it.
#[test]
fn urgent_events_are_seen_to_while_the_loop_is_at_the_disk() {
    let duties = Numbers::default();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| next(&duties, DISK));
        until_asleep(&duties, DISK);
        duties.add_jobs([7]);
        assert_eq!(next(&duties, LOOP), (Duty::Jobs, vec![7]));
        duties.offer([1]);
        assert_eq!(duties.settle(false), Settled::Others);
        assert!(duties.lock().asleep[DISK].is_some(), "this one can wait");
        duties.tell(2);
        assert_eq!(other.join().unwrap(), (Duty::Events, vec![1, 2]));
    });
}

#[test]
fn many_events_do_not_wait_for_the_disk() {
    let duties = Numbers::default();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| next(&duties, DISK));
        until_asleep(&duties, DISK);
        duties.add_jobs([7]);
        assert_eq!(next(&duties, LOOP), (Duty::Jobs, vec![7]));
        let many = 0..u32::try_from(EVENTS_WAIT_MAX).unwrap();
        duties.offer(many.clone());
        assert_eq!(duties.settle(false), Settled::Others);
        assert_eq!(other.join().unwrap(), (Duty::Events, many.collect()));
    });
}

#[test]
fn jobs_are_shared_by_a_loop_that_has_more_to_do() {
    let duties = Numbers::default();
    duties.tell(1);
    assert_eq!(next(&duties, LOOP), (Duty::Events, vec![1]));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| next(&duties, DISK));
        until_asleep(&duties, DISK);
        duties.add_jobs([7]);
        duties.share_jobs();
        assert_eq!(other.join().unwrap(), (Duty::Jobs, vec![7]));
    });
}

#[test]
fn endless_events_do_not_keep_jobs_waiting() {
    let duties = Numbers::default();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| next(&duties, DISK));
        until_asleep(&duties, DISK);
        duties.tell(1);
        assert_eq!(next(&duties, LOOP).0, Duty::Events);
        duties.add_jobs([7]);
        duties.tell(2);
        duties.leave_events(Some(LOOP), QUICK);
        assert_eq!(next(&duties, LOOP), (Duty::Events, vec![2]));
        assert_eq!(other.join().unwrap(), (Duty::Jobs, vec![7]));
    });
}

#[test]
fn who_brings_a_few_urgent_events_sees_to_them_if_everybody_sleeps() {
    let duties = Numbers::default();
    duties.leave_events(Some(LOOP), QUICK);
    std::thread::scope(|scope| {
        let loops = scope.spawn(|| next(&duties, LOOP));
        until_asleep(&duties, LOOP);
        duties.offer([1]);
        assert_eq!(duties.settle(true), Settled::Caller);
        // While it does, nobody else may, and nobody has to be woken.
        duties.offer([2]);
        assert_eq!(duties.settle(true), Settled::Others);
        assert!(duties.lock().asleep[LOOP].is_some());
        let mut events = Vec::new();
        duties.take_events(&mut events);
        assert_eq!(events, [1, 2]);
        duties.add_jobs([7]);
        duties.leave_events(None, QUICK);
        assert_eq!(loops.join().unwrap(), (Duty::Jobs, vec![7]));
    });
}

/// What the guest does next, and with what.
fn sit_in(duties: &Numbers) -> Option<(Duty, Vec<u32>)> {
    let mut entries = Vec::new();
    let duty = duties.sit_in(&mut entries)?;
    if duty == Duty::Events {
        duties.take_events(&mut entries);
    }
    Some((duty, entries))
}

#[test]
fn guest_decides_syncs_and_answers_a_lone_write_and_then_leaves() {
    let duties = Numbers::default();
    duties.leave_events(Some(LOOP), QUICK);
    duties.expect_guest();
    std::thread::scope(|scope| {
        let loops = scope.spawn(|| next(&duties, LOOP));
        until_asleep(&duties, LOOP);
        duties.offer([1]);
        assert_eq!(duties.settle(false), Settled::Guest);
        assert_eq!(sit_in(&duties), Some((Duty::Events, vec![1])));
        duties.add_jobs([7]);
        duties.leave_events(Some(LOOP), QUICK);
        assert_eq!(sit_in(&duties), Some((Duty::Jobs, vec![7])));
        duties.offer([2]);
        assert_eq!(duties.settle(false), Settled::Others, "it is there, and looks when it is done");
        duties.leave_jobs(LOOP, Some(3), true);
        assert_eq!(sit_in(&duties), Some((Duty::Events, vec![2, 3])));
        duties.leave_events(Some(LOOP), QUICK);
        assert_eq!(sit_in(&duties), None);
        assert!(duties.lock().asleep[LOOP].is_some(), "nobody has woken it");
        duties.tell(4);
        assert_eq!(loops.join().unwrap(), (Duty::Events, vec![4]));
    });
}

#[test]
fn many_events_are_left_to_the_worker() {
    let duties = Numbers::default();
    duties.leave_events(Some(LOOP), QUICK);
    duties.expect_guest();
    std::thread::scope(|scope| {
        let loops = scope.spawn(|| next(&duties, LOOP));
        until_asleep(&duties, LOOP);
        let many = 0..=u32::try_from(FEW_EVENTS).unwrap();
        duties.offer(many.clone());
        assert_eq!(duties.settle(false), Settled::Others);
        assert_eq!(loops.join().unwrap(), (Duty::Events, many.collect()));
    });
}

#[test]
fn worker_that_wakes_lets_the_guest_finish_and_hears_of_the_next_time() {
    let duties = Numbers::default();
    let schedule = |at| Schedule { at: Some(at), is_quick: true };
    let until = |asleep: Option<Asleep>| asleep.and_then(|asleep| asleep.until);
    let (end, at) = (Instant::now() + LONG, Instant::now() + 3 * LONG);
    duties.leave_events(Some(LOOP), schedule(at));
    duties.expect_guest();
    std::thread::scope(|scope| {
        let loops = scope.spawn(|| next(&duties, LOOP));
        until_asleep(&duties, LOOP);
        duties.offer([1]);
        assert_eq!(duties.settle(false), Settled::Guest);
        assert_eq!(sit_in(&duties), Some((Duty::Events, vec![1])));
        assert_eq!(until(duties.lock().visited), Some(at));
        // As if its time had come.
        duties.called[LOOP].notify_one();
        while until(duties.lock().visited).is_some() {
            assert!(Instant::now() < end, "it does not wake");
            std::thread::yield_now();
        }
        let earlier = end + LONG;
        duties.leave_events(Some(LOOP), schedule(earlier));
        assert_eq!(sit_in(&duties), None);
        while until(duties.lock().asleep[LOOP]) != Some(earlier) {
            assert!(Instant::now() < end, "it does not hear of it");
            std::thread::yield_now();
        }
        duties.end_events();
        duties.end_jobs();
        assert_eq!(loops.join().unwrap(), (Duty::Over, vec![]));
    });
}

#[test]
fn guest_that_sees_the_end_lets_the_worker_end() {
    let duties = Numbers::default();
    duties.leave_events(Some(LOOP), QUICK);
    duties.expect_guest();
    std::thread::scope(|scope| {
        let loops = scope.spawn(|| next(&duties, LOOP));
        until_asleep(&duties, LOOP);
        duties.offer([1]);
        assert_eq!(duties.settle(false), Settled::Guest);
        assert_eq!(sit_in(&duties), Some((Duty::Events, vec![1])));
        duties.end_events();
        duties.end_jobs();
        assert_eq!(sit_in(&duties), None);
        assert_eq!(loops.join().unwrap(), (Duty::Over, vec![]));
    });
}

#[test]
fn what_may_take_long_is_left_to_the_workers() {
    let duties = Numbers::default();
    std::thread::scope(|scope| {
        let loops = scope.spawn(|| next(&duties, LOOP));
        until_asleep(&duties, LOOP);
        duties.offer([1]);
        assert_eq!(duties.settle(true), Settled::Others);
        assert_eq!(loops.join().unwrap(), (Duty::Events, vec![1]));
    });
}

#[test]
fn timers_of_the_loop_are_seen_to_while_it_is_at_the_disk() {
    let duties = Numbers::default();
    std::thread::scope(|scope| {
        // It sleeps, and knows of no deadline.
        let other = scope.spawn(|| next(&duties, DISK));
        until_asleep(&duties, DISK);
        let at = Some(Instant::now() + Duration::from_millis(5));
        duties.add_jobs([7]);
        duties.leave_events(Some(LOOP), Schedule { at, is_quick: true });
        assert_eq!(next(&duties, LOOP), (Duty::Jobs, vec![7]));
        assert_eq!(other.join().unwrap(), (Duty::Events, vec![]));
    });
}

#[test]
fn everything_is_taken_once_and_in_order() {
    take_everything(false);
}

#[test]
fn everything_is_taken_once_and_in_order_with_a_guest() {
    take_everything(true);
}

fn take_everything(with_guest: bool) {
    const COUNT: u32 = 20_000;
    let duties = Numbers::default();
    let log = Mutex::new((Vec::new(), Vec::new()));
    // What is made of an event is a job, and of the last job the last event.
    let turn = |who, mut events: Vec<u32>| {
        duties.add_jobs(events.iter().copied().filter(|event| *event < COUNT));
        let ends = events.contains(&COUNT);
        log.lock().unwrap().0.append(&mut events);
        if ends { duties.end_events() } else { duties.leave_events(who, QUICK) }
    };
    let see_to = |worker, (duty, mut entries): (Duty, Vec<u32>)| match duty {
        Duty::Events => turn(Some(worker), entries),
        Duty::Jobs => {
            let ends = entries.contains(&(COUNT - 1));
            let few = entries.len() <= FEW_JOBS;
            log.lock().unwrap().1.append(&mut entries);
            duties.leave_jobs(worker, ends.then_some(COUNT), few);
            if ends {
                duties.end_jobs();
            }
        }
        Duty::Over => {}
    };
    let work = |worker| loop {
        let next = next(&duties, worker);
        if next.0 == Duty::Over {
            return;
        }
        see_to(worker, next);
    };
    if with_guest {
        duties.expect_guest();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| work(LOOP));
        scope.spawn(|| work(DISK));
        for number in 0..COUNT {
            duties.offer([number]);
            match duties.settle(number % 3 > 0) {
                Settled::Others => {}
                Settled::Caller => {
                    let mut events = Vec::new();
                    duties.take_events(&mut events);
                    turn(None, events);
                }
                Settled::Guest => {
                    while let Some(duty) = sit_in(&duties) {
                        see_to(LOOP, duty);
                    }
                }
            }
        }
    });
    let (events, jobs) = log.into_inner().unwrap();
    assert!(events.into_iter().eq(0..=COUNT));
    assert!(jobs.into_iter().eq(0..COUNT));
}

#[test]
fn more_jobs_are_gathered_until_the_deadline() {
    let duties = Numbers::default();
    let mut jobs = Vec::new();
    duties.gather(&mut jobs, Instant::now() + Duration::from_millis(2));
    assert!(jobs.is_empty());
    std::thread::scope(|scope| {
        let gathering = scope.spawn(|| {
            let mut jobs = vec![1];
            duties.gather(&mut jobs, Instant::now() + LONG);
            jobs
        });
        duties.add_jobs([2, 3]);
        let gathered = gathering.join().unwrap();
        assert_eq!((gathered[0], gathered.len()), (1, 3));
    });
}
