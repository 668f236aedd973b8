//! The admin command `restore`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use crate::client::{CREATE, Client, GET_DATA, create, path_without_watch};
use crate::running::Running;

const NO_NODE: i32 = -101;

fn snapshot(server: &Running) -> Vec<u8> {
    let (status, snapshot) = server.admin("GET", "snapshot?streaming=true", b"");
    assert_eq!(status, 200);
    snapshot
}

/// Restores a snapshot; the result is the new state's zxid.
fn restore(server: &Running, snapshot: &[u8]) -> i64 {
    let (status, answer) = server.admin("POST", "restore", snapshot);
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(status, 200, "{answer}");
    let zxid = answer.split("\"last_zxid\" : ").nth(1).unwrap();
    zxid.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

fn error_of_read(client: &mut Client, path: &str) -> i32 {
    client.ask(7, GET_DATA, &path_without_watch(path)).error
}

#[test]
fn restored_state_is_served_and_outlives_a_restart() {
    let mut server = Running::start("");
    let mut client = server.client();
    assert_eq!(client.create(1, "/before", b"1"), 0);
    let snapshot = snapshot(&server);
    assert_eq!(client.create(2, "/after", b"2"), 0);
    let zxid = restore(&server, &snapshot);
    assert_eq!(client.reply(), None, "what this client knows is of another state");
    let mut client = server.client();
    assert_eq!(error_of_read(&mut client, "/before"), 0);
    assert_eq!(error_of_read(&mut client, "/after"), NO_NODE);
    let created = client.ask(1, CREATE, &create("/since", b"3", 0));
    assert!(created.zxid > zxid, "{created:?} does not follow {zxid}");
    for _ in 0..2 {
        server.restart();
        let mut client = server.client();
        assert_eq!(error_of_read(&mut client, "/before"), 0);
        assert_eq!(error_of_read(&mut client, "/after"), NO_NODE);
        assert_eq!(error_of_read(&mut client, "/since"), 0);
    }
    assert!(!server.data().join("restore.tmp").exists());
}

#[test]
fn restored_state_without_later_writes_outlives_a_restart() {
    let mut server = Running::start("snapshot.compression.method=gz");
    assert_eq!(server.client().create(1, "/before", b"1"), 0);
    let snapshot = snapshot(&server);
    assert_eq!(snapshot[..2], [0x1f, 0x8b]);
    assert_eq!(server.client().create(1, "/after", b"2"), 0);
    restore(&server, &snapshot);
    server.restart();
    let mut client = server.client();
    assert_eq!(error_of_read(&mut client, "/before"), 0);
    assert_eq!(error_of_read(&mut client, "/after"), NO_NODE);
    assert_eq!(client.create(1, "/since", b"3"), 0);
}

#[test]
fn snapshot_that_is_not_whole_changes_nothing() {
    let server = Running::start("admin.rateLimiterIntervalInMS=0");
    let mut client = server.client();
    assert_eq!(client.create(1, "/there", b"1"), 0);
    let whole = snapshot(&server);
    let mut damaged = whole.clone();
    damaged[60] ^= 1;
    for bad in [&whole[..whole.len() / 2], &damaged, b"no snapshot", b""] {
        let (status, answer) = server.admin("POST", "restore", bad);
        assert_ne!(status, 200, "{}", String::from_utf8_lossy(&answer));
        assert_eq!(error_of_read(&mut client, "/there"), 0);
    }
    assert_eq!(client.create(2, "/more", b"2"), 0);
    assert!(server.metric("restore_error_count") >= 3.0);
    assert!(!server.data().join("restore.tmp").exists());
}

#[test]
fn writers_during_a_restore_lose_their_connection_and_no_later_write() {
    let mut server = Running::start("");
    assert_eq!(server.client().create(1, "/base", b""), 0);
    let snapshot = snapshot(&server);
    let (stop, names) = (AtomicBool::new(false), AtomicU32::new(0));
    let address = server.address();
    // What was acknowledged: on which connection, with which zxid.
    let writer = |number: u32| {
        let mut acknowledged = Vec::new();
        let mut connection = 0;
        while !stop.load(Relaxed) {
            connection += 1;
            let Some(mut client) = Client::connect(address) else { continue };
            while !stop.load(Relaxed) {
                let path = format!("/base/n{}", names.fetch_add(1, Relaxed));
                client.send(1, CREATE, &create(&path, b"", 0));
                let Some(reply) = client.reply() else { break };
                assert_eq!(reply.error, 0);
                acknowledged.push(((number, connection), reply.zxid, path));
            }
        }
        acknowledged
    };
    let (zxid, acknowledged) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3).map(|number| scope.spawn(move || writer(number))).collect();
        let write_more = || {
            let seen = names.load(Relaxed);
            crate::running::until(|| names.load(Relaxed) > seen + 50);
        };
        write_more();
        let zxid = restore(&server, &snapshot);
        write_more();
        stop.store(true, Relaxed);
        let all: Vec<_> = writers.into_iter().flat_map(|it| it.join().unwrap()).collect();
        (zxid, all)
    });
    let (lost, kept): (Vec<_>, Vec<_>) = acknowledged.iter().partition(|(_, at, _)| *at < zxid);
    assert!(!lost.is_empty() && !kept.is_empty());
    let old: BTreeSet<_> = lost.iter().map(|(connection, ..)| connection).collect();
    assert!(kept.iter().all(|(connection, ..)| !old.contains(connection)));
    for _ in 0..2 {
        let mut client = server.client();
        for (_, _, path) in &kept {
            assert_eq!(error_of_read(&mut client, path), 0, "{path}");
        }
        for (_, _, path) in &lost {
            assert_eq!(error_of_read(&mut client, path), NO_NODE, "{path}");
        }
        assert_eq!(server.metric("outstanding_requests"), 0.0);
        server.restart();
    }
}
