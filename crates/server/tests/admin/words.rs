//! Four letter words against Apache's bytes.

use std::sync::atomic::Ordering::Relaxed;

use zoarium_proto::{SessionId, Zxid};
use zoarium_server::admin::four_letter::{FourLetterWord, render};
use zoarium_server::stats::ConnectionStatsReading;
use zoarium_server::status::{
    ConnectionName, ConnectionStatus, DigestStatus, DirectorySizes, GlobalSessions, Mode, Sessions,
    WatchSummary,
};

use crate::fake::{Fake, address, bucket, follower, leader, observer, word_connection};
use crate::golden::{self, Golden};

const A: SessionId = SessionId(0x0100_0018_1c57_0000);
const B: SessionId = SessionId(0x0100_0018_1c57_0001);

fn answer(word: &str, fake: &Fake) -> String {
    let word = FourLetterWord::parse(word.as_bytes().try_into().unwrap()).unwrap();
    String::from_utf8(render(word, 306, fake)).unwrap()
}

fn check(golden: &Golden, fake: &Fake, words: &[&str]) {
    for word in words {
        assert_eq!(answer(word, fake), golden.answer(word), "{word}");
    }
}

/// The latencies behind `0/1.1111/5`.
const LATENCIES: [(u64, u32); 4] = [(0, 1), (1, 33), (2, 1), (5, 1)];

#[test]
fn standalone_answers_are_apaches() {
    let golden = golden::standalone();
    let mut fake = Fake::standalone();
    fake.traffic(38, 40, &LATENCIES);
    check(&golden, &fake, &["srvr", "conf", "dirs", "ruok", "isro", "gtmk", "stmk", "hash"]);

    fake.watch_summary = WatchSummary { connections: 2, paths: 3, watches: 3 };
    let paths = ["/app", "/app/b", "/nope"].map(str::to_owned);
    fake.watches = vec![(B, Vec::new()), (A, paths.to_vec())];
    fake.watches_by_path = paths.into_iter().map(|path| (path, vec![A])).collect();
    check(&golden, &fake, &["wchs", "wchc", "wchp"]);
}

fn session_connection(port: u16, session_id: SessionId) -> ConnectionStatus {
    ConnectionStatus { interest_ops: 1, session_id, ..word_connection(port) }
}

#[test]
fn connections_are_listed_as_apache_does() {
    let golden = golden::standalone();
    let mut fake = Fake::standalone();
    fake.traffic(39, 41, &LATENCIES);
    let b = ConnectionStatus {
        session_timeout_ms: 10000,
        established_ms: 1_795_438_583_507,
        stats: ConnectionStatsReading {
            packets_received: 3,
            packets_sent: 4,
            last_operation: "GETD",
            last_cxid: 2,
            last_zxid: 7,
            last_response_ms: 1_583_751,
            max_latency_ms: 1,
            ..ConnectionStatsReading::default()
        },
        ..session_connection(50826, B)
    };
    let a = ConnectionStatus {
        session_timeout_ms: 30000,
        established_ms: 1_795_438_583_479,
        stats: ConnectionStatsReading {
            packets_received: 33,
            packets_sent: 35,
            last_operation: "GETD",
            last_cxid: 0x20,
            last_zxid: 0x1c,
            last_response_ms: 1_583_793,
            last_latency_ms: 1,
            min_latency_ms: 0,
            avg_latency_ms: 1,
            max_latency_ms: 5,
        },
        ..session_connection(50820, A)
    };
    fake.connections = vec![word_connection(50844), b.clone(), a.clone()];
    check(&golden, &fake, &["stat"]);
    fake.connections = vec![word_connection(50846), b, a];
    check(&golden, &fake, &["cons"]);
}

#[test]
fn a_connection_before_its_first_request_has_no_cxid() {
    let mut fake = Fake::standalone();
    fake.connections = vec![session_connection(50820, A)];
    let text = answer("cons", &fake);
    assert!(text.contains(",lop=NA,est=1795438583700,to=0,lzxid=0xffffffffffffffff,"), "{text}");
}

fn ephemerals(a: SessionId, b: SessionId) -> [(SessionId, Vec<String>); 2] {
    let (e1, e2, e3) = ("/e1".to_owned(), "/e2".to_owned(), "/e3".to_owned());
    [(b, vec![e2]), (a, vec![e1, e3])]
}

fn name(port: u16, session_id: SessionId) -> ConnectionName {
    ConnectionName { remote: address(port), session_id }
}

#[test]
fn dump_of_who_expires_sessions_is_apaches() {
    let mut fake = Fake::standalone();
    fake.sessions.global = GlobalSessions::Expiring(vec![bucket(93, &[B]), bucket(113, &[A])]);
    fake.ephemerals = ephemerals(A, B).to_vec();
    fake.connection_expiries = vec![
        bucket(99, &[name(50858, SessionId::NONE), name(50826, B)]),
        bucket(119, &[name(50820, A)]),
    ];
    check(&golden::standalone(), &fake, &["dump"]);

    let (a, b) = (SessionId(0x0300_0019_6e62_0000), SessionId(0x0300_0019_6e62_0001));
    let mut fake = Fake::member(3, leader());
    fake.sessions.global = GlobalSessions::Expiring(vec![
        bucket(188, &[]),
        bucket(189, &[b]),
        bucket(198, &[]),
        bucket(199, &[a]),
    ]);
    fake.ephemerals = ephemerals(a, b).to_vec();
    fake.connection_expiries = vec![
        bucket(189, &[name(38788, b), name(38846, SessionId::NONE)]),
        bucket(199, &[name(38782, a)]),
    ];
    check(&golden::leader(), &fake, &["dump"]);
}

#[test]
fn dump_of_a_learner_is_apaches() {
    let (a, b) = (SessionId(0x0100_0019_6e5d_0000), SessionId(0x0100_0019_6e5d_0001));
    let mut fake = Fake::member(1, follower());
    fake.sessions.global = GlobalSessions::Known(vec![(a, 20000), (b, 10000)]);
    let [of_b, of_a] = ephemerals(a, b);
    fake.ephemerals = vec![of_a, of_b];
    fake.connection_expiries = vec![
        bucket(189, &[name(57582, b), name(57628, SessionId::NONE)]),
        bucket(199, &[name(57574, a)]),
    ];
    check(&golden::follower(), &fake, &["dump"]);

    let mut fake = Fake::member(2, follower());
    let local = SessionId(0x0200_0019_6eb2_0002);
    fake.sessions = Sessions {
        local: Some(vec![bucket(235, &[local])]),
        global: GlobalSessions::Known(Vec::new()),
    };
    fake.connection_expiries =
        vec![bucket(229, &[name(58220, SessionId::NONE)]), bucket(239, &[name(58168, local)])];
    check(&golden::local_sessions(), &fake, &["dump"]);
}

#[test]
fn a_leader_with_local_sessions_lists_both_kinds() {
    let mut fake = Fake::member(3, leader());
    fake.sessions = Sessions {
        local: Some(vec![bucket(93, &[A])]),
        global: GlobalSessions::Expiring(vec![bucket(113, &[B])]),
    };
    let text = answer("dump", &fake);
    assert!(text.contains("\nLocal Session Sets (1)/(1):\n1 expire at "), "{text}");
    assert!(text.contains("\nGlobal Session Sets (1)/(1):\n1 expire at "), "{text}");
}

#[test]
fn answers_of_members_are_apaches() {
    let mut fake = Fake::member(3, leader());
    fake.traffic(36, 38, &[(0, 1), (1, 22), (2, 10), (3, 1)]);
    fake.status_mut().last_zxid = Zxid(0x1_0000_0039);
    check(&golden::leader(), &fake, &["srvr", "conf"]);

    let mut fake = Fake::member(1, follower());
    fake.traffic(38, 40, &[(0, 1), (3, 30), (2, 4), (23, 1)]);
    fake.status_mut().last_zxid = Zxid(0x1_0000_001c);
    check(&golden::follower(), &fake, &["srvr", "conf"]);

    let mut fake = Fake::member(4, observer());
    fake.traffic(5, 4, &[(2, 1), (3, 1), (8, 1)]);
    fake.status_mut().last_zxid = Zxid(0x1_0000_003c);
    fake.status_mut().connections = 2;
    fake.status_mut().znode_count = 7;
    fake.sizes = DirectorySizes { data: 67_110_539, log: 67_110_539 };
    check(&golden::observer(), &fake, &["srvr", "conf"]);
}

#[test]
fn answers_while_read_only_are_apaches() {
    let mut fake = Fake::member(3, Mode::ReadOnly);
    fake.configuration.quorum.as_mut().unwrap().membership = None;
    fake.traffic(10, 9, &[]);
    let status = fake.status_mut();
    status.last_zxid = Zxid(0x1_0000_003d);
    status.connections = 1;
    status.outstanding_requests = 8;
    status.znode_count = 7;
    let golden = golden::read_only();
    check(&golden, &fake, &["srvr", "conf", "isro", "wchc"]);

    fake.traffic(11, 10, &[]);
    fake.connections = vec![word_connection(53708)];
    check(&golden, &fake, &["stat"]);

    fake.sessions.global = GlobalSessions::Known(vec![
        (SessionId(0x0300_0019_6e62_0002), 20000),
        (SessionId(0x0400_001a_7814_0000), 20000),
    ]);
    fake.connection_expiries = vec![bucket(309, &[name(53748, SessionId::NONE)])];
    check(&golden, &fake, &["dump"]);
}

#[test]
fn answers_while_not_serving_are_apaches() {
    let golden = golden::not_serving();
    let fake = Fake { status: None, ..Fake::standalone() };
    let words: Vec<&str> = golden.titles().filter(|title| title.len() == 4).collect();
    assert!(words.len() > 10);
    check(&golden, &fake, &words);
    assert!(answer("envi", &fake).starts_with("Environment:\nzookeeper.version=3.9.5-"));
}

#[test]
fn digests_are_printed_signed() {
    let mut fake = Fake::standalone();
    fake.digests = vec![
        DigestStatus { zxid: Zxid(0x1_0000_0001), digest: -5, version: 2 },
        DigestStatus { zxid: Zxid(0x1_0000_0081), digest: 1_371_985_504, version: 2 },
    ];
    assert_eq!(answer("hash", &fake), "100000001: -5\n100000081: 1371985504\n");
}

#[test]
fn resets_and_the_trace_mask_reach_the_server() {
    let fake = Fake::standalone();
    assert_eq!(answer("srst", &fake), "Server stats reset.\n");
    assert_eq!(answer("crst", &fake), "Connection stats reset.\n");
    assert_eq!(*fake.actions.lock().unwrap(), ["reset server", "reset connections"]);
    assert_eq!(render(FourLetterWord::Stmk, -1, &fake), b"-1");
    assert_eq!(fake.trace_mask.load(Relaxed), -1);
    assert_eq!(answer("gtmk", &fake), "-1");
    assert_eq!(render(FourLetterWord::TelnetClose, 0, &fake), b"");
}
