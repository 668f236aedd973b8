use super::*;

#[test]
fn world_is_moved_on_from_outside() {
    let at = |millis| Time::after_start(Duration::from_millis(millis));
    let plan = Plan::parse("run 1s\nat 10ms request 1 oa", &(1..=3).collect()).unwrap();
    let mut sim = Sim::new(Probes::default(), plain(), plan, Vec::new());
    assert_eq!(sim.run_until(at(5)), Ok(true));
    assert_eq!((sim.now(), sim.next_time()), (at(5), Some(at(10))));
    sim.request(1, "ob t50".to_owned()).unwrap();
    assert_eq!(sim.run_until(at(20)), Ok(true));
    assert_eq!(sim.next_time(), Some(at(55)));
    let outputs: Vec<_> = sim.trace().lines().filter(|line| line.contains("output")).collect();
    assert!(
        outputs[0].contains("5ms 1 output \"b\"") && outputs[1].contains("\"a\""),
        "{outputs:?}"
    );
    assert_eq!(sim.run_until(at(2000)), Ok(false));
    assert!(!sim.is_calm());
}
