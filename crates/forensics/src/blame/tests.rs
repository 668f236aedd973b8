use super::*;
use crate::testing::fixture;
use expect_test::{Expect, expect};
use std::fmt::Write;

fn check(directory: &str, path: &str, expected: &Expect) {
    let place = Place::find(&fixture(directory), None).unwrap();
    let (blame, scanned) = blame(&place, path, &mut Silent).unwrap();
    assert!(!scanned.is_damaged());
    let mut text = String::new();
    for event in &blame.events {
        let (zxid, session, cxid) = (event.zxid.0, event.session.0, event.cxid);
        let (what, details) = (event.what.words(), &event.details);
        writeln!(text, "{zxid} {what} by {session} cxid {cxid}: {details}").unwrap();
    }
    for (session, facts) in &blame.sessions {
        let (timeout, by_client) = (facts.timeout_ms, facts.closed_by_client);
        writeln!(text, "{session}: server {} {timeout:?} {by_client:?}", facts.server).unwrap();
    }
    if let Some(before) = &blame.before {
        writeln!(text, "before: {} since {}", before.snapshot, before.czxid.0).unwrap();
    }
    expected.assert_eq(&text);
}

#[test]
fn an_ephemeral_ends_with_its_session() {
    check(
        "standalone-all/stage2",
        "/p/ed3",
        &expect![[r#"
        0x31 created by 0x1000013fb910003 cxid 3: ephemeral, 0 bytes, acl world:anyone:cdrwa
        0x32 ended with its session by 0x1000013fb910003 cxid 4: 
        0x1000013fb910003: server 1 Some(4000) Some(true)
    "#]],
    );
}

#[test]
fn a_znode_in_a_multi_is_found() {
    check(
        "standalone-all/stage2",
        "/ttl1",
        &expect![[r#"
        0xe created by 0x1000013fb910000 cxid 13: ttl 3600000 ms, 1 bytes, acl world:anyone:cdrwa
        0x1000013fb910000: server 1 Some(10000) None
    "#]],
    );
}

#[test]
fn a_znode_older_than_the_log_is_in_the_snapshot() {
    check(
        "ensemble/final/s1",
        "/a",
        &expect![[r#"
        before: snapshot.100000018 since 0x100000002
    "#]],
    );
}

#[test]
fn addresses_come_from_whatever_log_names_a_session() {
    let mut blame = Blame {
        path: "/a".to_owned(),
        events: Vec::new(),
        sessions: [("0x100007".to_owned(), SessionFacts::default())].into(),
        before: None,
    };
    let log = "INFO Established session 0x100007 with timeout 30000 for client /10.0.0.7:41234\n\
               session=0x100007\tuser=bob\tip=10.0.0.8\toperation=create\tresult=success\n\
               Established session 0x1000071 for client /10.0.0.9:1\n\
               0x100007: no address; version 3.9.5\n\
               Client attempting to renew session 0x100007 at /[::1]:5\n";
    Addresses::add_to(&mut blame, log.as_bytes()).unwrap();
    assert_eq!(blame.sessions["0x100007"].addresses, ["10.0.0.7:41234", "10.0.0.8", "[::1]:5"]);
}
