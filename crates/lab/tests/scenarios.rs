//! Every scenario shows what it claims, and none is missing that a lab of these protocols needs.

use std::collections::BTreeSet;
use zoarium_lab::{Changes, Scenario, json, text};

/// What has to be shown, and by which scenarios.
const LIST: &[(&str, &[&str])] = &[
    ("2PC-1 all vote yes: messages and forced writes", &["2pc-commit"]),
    ("2PC-2 one votes no", &["2pc-abort"]),
    ("2PC-3 a participant is silent", &["2pc-silent-participant"]),
    ("2PC-4 the coordinator dies before its decision", &["2pc-coordinator-crash"]),
    ("2PC-5 the coordinator dies behind its decision", &["2pc-decision-logged"]),
    (
        "2PC-6 a partition after part of the commit",
        &["2pc-partition", "2pc-cooperative", "2pc-gives-up"],
    ),
    ("2PC-7 all who knew are dead", &["2pc-no-safe-choice"]),
    ("2PC-8 a participant crashes after its vote", &["2pc-participant-recovers"]),
    ("2PC-9 a promise is lost", &["2pc-forgets-promise"]),
    ("2PC-10 duplicates, any order", &["2pc-duplicates"]),
    (
        "2PC options: presumptions, readers",
        &["2pc-presumed-abort", "2pc-presumed-commit", "2pc-read-only"],
    ),
    ("3PC-1 all vote yes", &["3pc-commit"]),
    ("3PC-2 the coordinator dies: nobody is blocked", &["3pc-coordinator-crash"]),
    ("3PC-3 it dies after the votes", &["3pc-crash-before-precommit"]),
    ("3PC-4 it dies between two PreCommits", &["3pc-crash-between", "3pc-termination"]),
    ("3PC-5 a partition during PreCommit", &["3pc-partition", "3pc-quorum"]),
    ("3PC-6 an abort is lost", &["3pc-lost-abort"]),
    ("3PC-7 slow, not dead", &["3pc-slow"]),
    ("3PC-8 all crash", &["3pc-total-failure"]),
    ("BP-1 one proposer", &["paxos-one-proposer"]),
    ("BP-2 a minority is down", &["paxos-minority-down"]),
    ("BP-3 a majority is down for a while", &["paxos-majority-down"]),
    ("BP-4 a duel", &["paxos-duel"]),
    ("BP-5 a random back-off ends it", &["paxos-backoff"]),
    ("BP-6 a leader ends it", &["paxos-leader"]),
    ("BP-7 a chosen value never changes", &["paxos-chosen-stays"]),
    ("BP-8 accepted is not chosen", &["paxos-accepted-seen", "paxos-accepted-unseen"]),
    ("BP-9 a proposer dies between phases", &["paxos-proposer-dies"]),
    ("BP-10 a promise survives a crash", &["paxos-acceptor-recovers"]),
    ("BP-11 an acceptor without a disk", &["paxos-amnesia"]),
    ("BP-12 two proposers, one ballot", &["paxos-shared-ballots"]),
    ("BP-13 a stale proposal", &["paxos-stale-proposal"]),
    ("BP-14 a learner catches up", &["paxos-learner-catches-up"]),
    ("BP-15 quorums that need not meet", &["paxos-small-quorums"]),
    ("BP-16 any value but the highest ballot's", &["paxos-any-value"]),
    ("BP quorums that are no majorities", &["paxos-flexible"]),
    ("MP-1 a stable leader skips phase 1", &["multi-paxos-stable-leader"]),
    ("MP-2 the leader dies, a gap", &["multi-paxos-leader-crash", "multi-paxos-gap"]),
    ("MP-3 two leaders", &["multi-paxos-two-leaders"]),
    ("MP-4 chosen out of order", &["multi-paxos-order"]),
    ("MP-5 a replica lags", &["multi-paxos-catch-up"]),
    ("MP-6 a client asks again", &["multi-paxos-retry"]),
    ("MP-7 a lease and a slow clock", &["multi-paxos-stale-read"]),
    ("MP-8 leaders duel", &["multi-paxos-duel"]),
    ("MP-9 primary order is broken", &["multi-paxos-primary-order"]),
    ("FP-1 one client", &["fast-paxos-one-client"]),
    ("FP-2 as many down as may be", &["fast-paxos-one-down"]),
    ("FP-3 one more down", &["fast-paxos-too-few"]),
    ("FP-4 a collision", &["fast-paxos-collision"]),
    ("FP-5 resolved by the acceptors", &["fast-paxos-uncoordinated"]),
    ("FP-6 the coordinator is bound", &["fast-paxos-must-pick"]),
    ("FP-7 fast quorums too small", &["fast-paxos-small-quorum"]),
    ("FP-8 what conflicts cost", &["fast-paxos-conflicts"]),
    ("ZAB-1 start and five commands", &["zab-start", "zab-broadcast"]),
    ("ZAB-2 the leader dies", &["zab-leader-crash"]),
    ("ZAB-3 a proposal on its leader alone", &["zab-minority-proposal"]),
    ("ZAB-4 a proposal on the next leader", &["zab-kept-proposal"]),
    ("ZAB-5 a proposal on a quorum", &["zab-quorum-proposal"]),
    ("ZAB-6 committed at the leader alone", &["zab-lost-commit"]),
    ("ZAB-7 the old leader resigns", &["zab-old-leader"]),
    ("ZAB-8 a prefix, always", &["zab-prefix"]),
    ("ZAB-9 primary order is kept", &["zab-primary-order"]),
    ("ZAB-10 an epoch that is not durable", &["zab-forgets-epoch"]),
    ("ZAB-11 a crash while taking over history", &["zab-crash-while-joining"]),
    ("ZAB-12 joining under load", &["zab-joins-under-load"]),
    ("ZAB-13 DIFF, SNAP, TRUNC", &["zab-catch-up", "zab-minority-proposal"]),
    ("ZAB-14 an observer", &["zab-observer"]),
    ("ZAB-15 zxids run out", &["zab-rollover"]),
    ("ZAB-16 a session ends while the leader changes", &["zab-session"]),
    ("ZAB-17 the ensemble changes", &["zab-reconfiguration"]),
    ("ZAB a split vote and its end", &["zab-split-vote"]),
];

#[test]
fn every_scenario_shows_what_it_claims() {
    let mut failed = Vec::new();
    for scenario in Scenario::all() {
        let played = scenario.play(&Changes::default()).unwrap();
        if !played.holds() {
            println!("{}", text::trace(&played.run, &played.view()));
            println!("{}\n{}", scenario.name, text::verdicts(&played.verdicts()));
            failed.push(scenario.name);
        }
    }
    assert_eq!(failed, [""; 0]);
}

#[test]
fn the_list_names_every_scenario_and_every_scenario_claims_something() {
    let listed: BTreeSet<&str> = LIST.iter().flat_map(|(_, names)| *names).copied().collect();
    let there: BTreeSet<&str> = Scenario::all().map(|scenario| scenario.name).collect();
    assert_eq!(listed, there);
    assert!(LIST.iter().all(|(_, names)| !names.is_empty()));
    for scenario in Scenario::all() {
        let shows = !scenario.claims.is_empty() || !scenario.breaks.is_empty();
        assert!(shows, "{} claims nothing", scenario.name);
    }
}

#[test]
fn the_list_has_no_holes() {
    for (kind, count) in [("2PC", 10), ("3PC", 8), ("BP", 16), ("MP", 9), ("FP", 8), ("ZAB", 17)] {
        for number in 1..=count {
            let start = format!("{kind}-{number} ");
            assert!(LIST.iter().any(|(what, _)| what.starts_with(&start)), "{start}is missing");
        }
    }
}

#[test]
fn one_seed_is_one_run() {
    for scenario in Scenario::all() {
        let changes = Changes { seed: Some(7), ..Changes::default() };
        let once = scenario.play(&changes).unwrap().run;
        let again = scenario.play(&changes).unwrap().run;
        assert_eq!(json::run(&once), json::run(&again), "{}", scenario.name);
    }
}
