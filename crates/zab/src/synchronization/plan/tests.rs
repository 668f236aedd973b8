use super::{DiskLog, Plan, plan};
use crate::history::{History, Recovered};
use crate::message::Txn;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use expect_test::{Expect, expect};
use zoarium_proto::Zxid;

/// `"2.7"` is counter 7 of epoch 2.
fn zxid(text: &str) -> Zxid {
    let (epoch, counter) = text.split_once('.').unwrap();
    Zxid::new(epoch.parse().unwrap(), counter.parse().unwrap())
}

fn txns(text: &str) -> Vec<Txn> {
    let zxids = text.split_whitespace().map(zxid);
    zxids.map(|zxid| Txn { zxid, bytes: Bytes::new(), membership: None }).collect()
}

fn show(plan: &Plan) -> String {
    let dotted = |zxid: Zxid| format!("{}.{}", zxid.epoch(), zxid.counter());
    let list =
        |txns: &[Txn]| txns.iter().map(|txn| format!(" {}", dotted(txn.zxid))).collect::<String>();
    match plan {
        Plan::Diff { last, txns } => format!("DIFF({}){}", dotted(*last), list(txns)),
        Plan::Truncate { to, txns } => format!("TRUNC({}){}", dotted(*to), list(txns)),
        Plan::Snapshot => "SNAP".to_string(),
        Plan::ReadLog { upto } => format!("read log up to {}", dotted(*upto)),
    }
}

/// What a leader does that has restarted from a snapshot, so that memory has nothing.
fn check_after_snapshot(last: &str, peer: &str, log: &str, expect: &Expect) {
    let recovered = Recovered { last: zxid(last), floor: zxid(last), ..Recovered::default() };
    let log = txns(log);
    let plan = plan(&History::new(recovered, 500), zxid(peer), DiskLog::Read(&log));
    expect.assert_eq(&show(&plan));
}

/// What a leader whose newest transactions are `committed` does about a learner at `peer`. It
/// serves in epoch `serving`, if any, and its log on disk has `log`.
fn check(committed: &str, serving: Option<u32>, peer: &str, log: Option<&str>, expect: &Expect) {
    let tail = txns(committed);
    let last = tail.last().map_or(Zxid::ZERO, |txn| txn.zxid);
    let mut history = History::new(Recovered { last, tail, ..Recovered::default() }, 500);
    if let Some(epoch) = serving {
        history.begin_epoch(Zxid::new(epoch, 0));
    }
    let log = log.map(txns);
    let disk = log.as_deref().map_or(DiskLog::Unread, DiskLog::Read);
    expect.assert_eq(&show(&plan(&history, zxid(peer), disk)));
}

#[test]
fn a_learner_with_the_same_history_gets_an_empty_diff() {
    check("1.1 1.2 1.3", None, "1.3", None, &expect!["DIFF(1.3)"]);
    check("1.1 1.2 1.3", Some(2), "1.3", None, &expect!["DIFF(1.3)"]);
    check("", Some(2), "2.0", None, &expect!["DIFF(2.0)"]);
}

#[test]
fn a_learner_behind_gets_what_it_lacks() {
    check("1.1 1.2 1.3", Some(2), "1.1", None, &expect!["DIFF(1.3) 1.2 1.3"]);
    check("1.2 1.3 2.1", Some(3), "1.3", None, &expect!["DIFF(2.1) 2.1"]);
}

#[test]
fn a_learner_ahead_forgets() {
    check("1.1 1.2", Some(2), "1.4", None, &expect!["TRUNC(1.2)"]);
    check("1.1 1.2", None, "1.3", None, &expect!["TRUNC(1.2)"]);
}

#[test]
fn a_learner_with_more_of_an_epoch_forgets_and_gets_the_rest() {
    check("1.1 1.2 2.1", Some(3), "1.3", None, &expect!["TRUNC(1.2) 2.1"]);
    check("1.1 1.2 3.1 3.2", None, "1.9", None, &expect!["TRUNC(1.2) 3.1 3.2"]);
}

#[test]
fn no_truncation_to_another_epoch() {
    // The learner may have parted from this history before 1.2.
    check("1.1 1.2 3.1", Some(4), "2.5", None, &expect!["SNAP"]);
    check("3.1", None, "2.5", Some("1.2 3.1"), &expect!["SNAP"]);
}

#[test]
fn a_recovered_hole_is_not_handed_on() {
    check("1.1 1.2 1.4", None, "1.1", None, &expect!["read log up to 1.4"]);
}

#[test]
fn a_learner_at_the_start_of_an_epoch_is_never_truncated() {
    check("1.1 1.2", None, "2.0", None, &expect!["SNAP"]);
    check("1.1 1.2", Some(3), "2.0", None, &expect!["SNAP"]);
    check("1.1 1.2 3.1", Some(4), "2.0", None, &expect!["DIFF(3.1) 3.1"]);
}

#[test]
fn a_fresh_learner_gets_a_snapshot() {
    check("", Some(1), "0.0", Some(""), &expect!["SNAP"]);
    check("1.2 1.3", Some(2), "0.0", Some("1.1 1.2"), &expect!["SNAP"]);
}

#[test]
fn what_memory_lacks_is_read_from_the_log() {
    check("1.4 1.5", Some(2), "1.2", None, &expect!["read log up to 1.4"]);
    let log = Some("1.2 1.3 1.4");
    check("1.4 1.5", Some(2), "1.2", log, &expect!["DIFF(1.5) 1.3 1.4 1.5"]);
}

#[test]
fn what_a_snapshot_has_taken_out_of_memory_is_sent_to_its_end() {
    check_after_snapshot("2.3", "1.5", "1.5 2.1 2.2 2.3", &expect!["DIFF(2.3) 2.1 2.2 2.3"]);
    check_after_snapshot("2.3", "1.6", "1.5 2.1 2.2 2.3", &expect!["TRUNC(1.5) 2.1 2.2 2.3"]);
    check_after_snapshot("2.3", "2.2", "2.2 2.3", &expect!["DIFF(2.3) 2.3"]);
    check_after_snapshot("2.3", "2.1", "2.1 2.2", &expect!["SNAP"]);
}

#[test]
fn a_log_with_a_hole_is_not_used() {
    // ZOOKEEPER-2418: it ends before what memory has.
    check("1.4 1.5", Some(2), "1.1", Some("1.1 1.2"), &expect!["SNAP"]);
    // ZOOKEEPER-2846: it has a hole, or starts too late.
    check("1.4 1.5", Some(2), "1.1", Some("1.1 1.3 1.4"), &expect!["SNAP"]);
    check("1.4 1.5", Some(2), "1.1", Some("1.2 1.3 1.4"), &expect!["SNAP"]);
}

#[test]
fn a_divergent_learner_is_found_in_the_log_too() {
    let log = Some("1.1 1.2 2.1 2.2 2.3");
    check("2.3", Some(3), "1.3", log, &expect!["TRUNC(1.2) 2.1 2.2 2.3"]);
    let log = Some("1.1 2.1 2.2 2.3");
    check("2.3", Some(3), "0.3", log, &expect!["SNAP"]);
    let log = Some("1.1 1.2 2.1 2.2 2.3");
    check("2.3 2.4", Some(3), "1.2", log, &expect!["DIFF(2.4) 2.1 2.2 2.3 2.4"]);
}
