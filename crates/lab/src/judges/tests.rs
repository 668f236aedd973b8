use super::*;
use crate::name::Name;
use crate::protocols::zab::Server;
use crate::said::{Said, Value};
use zoarium_sim::{Checker, Event, Running, Time, What};

const A: Name = Name::new('a', 1);
const B: Name = Name::new('b', 2);

/// What a judge says of a history; nothing, if it finds no fault.
fn judged(mut judge: impl Checker<Server>, history: &[(Name, Said)]) -> Option<String> {
    let running = Running::new();
    let found = history.iter().try_for_each(|(process, output)| {
        let what = What::Output { process: *process, output };
        judge.on_event(&Event { number: 1, time: Time::START, what }, &running)
    });
    found.err().map(|violation| violation.to_string())
}

fn decided(value: &str) -> Said {
    Said::Decided(value.into())
}

fn delivered(place: u64, value: &str) -> Said {
    Said::Delivered { place, value: value.into() }
}

fn broadcast(value: &str) -> Said {
    Said::Broadcast { round: 1, value: value.into() }
}

fn answered(request: &str, answer: &str) -> Said {
    Said::Answered { request: request.into(), answer: answer.into() }
}

fn finds(found: Option<String>, rule: &str) {
    assert!(found.as_ref().is_some_and(|text| text.starts_with(rule)), "{rule}: {found:?}");
}

#[test]
fn two_decisions_break_agreement_also_of_one_process() {
    assert_eq!(judged(Agreement::default(), &[(A, decided("x")), (B, decided("x"))]), None);
    finds(judged(Agreement::default(), &[(A, decided("x")), (B, decided("y"))]), rules::AGREEMENT);
    finds(judged(Agreement::default(), &[(A, decided("x")), (A, decided("y"))]), rules::AGREEMENT);
}

#[test]
fn a_decision_that_nobody_proposed_breaks_validity() {
    let proposed = Said::Proposed(Value::from("x"));
    assert_eq!(judged(Validity::default(), &[(A, proposed.clone()), (B, decided("x"))]), None);
    finds(judged(Validity::default(), &[(A, proposed), (B, decided("y"))]), rules::VALIDITY);
}

#[test]
fn a_commit_without_all_votes_breaks_validity() {
    let (yes, no) = (Said::Voted { yes: true }, Said::Voted { yes: false });
    let judge = || CommitValidity::new([A, B]);
    let all = [(A, yes.clone()), (B, yes.clone()), (A, decided("COMMIT"))];
    assert_eq!(judged(judge(), &all), None);
    finds(judged(judge(), &[(A, yes.clone()), (A, decided("COMMIT"))]), rules::VALIDITY);
    let refused = [(A, yes), (B, no), (A, decided("COMMIT"))];
    finds(judged(judge(), &refused), rules::VALIDITY);
    assert_eq!(judged(judge(), &[(A, decided("ABORT"))]), None);
}

#[test]
fn another_order_or_a_gap_breaks_total_order() {
    let judge = TotalOrder::default;
    let same = [(A, delivered(1, "x")), (A, delivered(2, "y")), (B, delivered(1, "x"))];
    assert_eq!(judged(judge(), &same), None);
    finds(judged(judge(), &[(A, delivered(1, "x")), (B, delivered(1, "y"))]), rules::TOTAL_ORDER);
    finds(judged(judge(), &[(A, delivered(1, "x")), (A, delivered(3, "z"))]), rules::TOTAL_ORDER);
}

#[test]
fn a_command_without_what_its_primary_made_it_on_breaks_primary_order() {
    let primary = [(A, broadcast("/q")), (A, broadcast("/q/x"))];
    let with = |tail: &[(Name, Said)]| [&primary, tail].concat();
    let judge = PrimaryOrder::default;
    let both = with(&[(B, delivered(1, "/q")), (B, delivered(2, "/q/x"))]);
    assert_eq!(judged(judge(), &both), None);
    assert_eq!(judged(judge(), &with(&[(B, delivered(1, "/q"))])), None);
    finds(judged(judge(), &with(&[(B, delivered(1, "/q/x"))])), rules::PRIMARY_ORDER);
}

#[test]
fn a_read_of_the_past_is_no_fresh_read() {
    let judge = Registers::default;
    assert_eq!(judged(judge(), &[(A, answered("x", "1")), (B, answered("read", "1"))]), None);
    finds(
        judged(judge(), &[(A, answered("x", "1")), (B, answered("read", "0"))]),
        rules::FRESH_READS,
    );
}

#[test]
fn an_epoch_has_one_leader() {
    let leads = |round| Said::Leads { round };
    assert_eq!(judged(OneLeader::default(), &[(A, leads(1)), (B, leads(2))]), None);
    finds(judged(OneLeader::default(), &[(A, leads(1)), (B, leads(1))]), rules::ONE_LEADER);
}
