//! Clients that fall silent or vanish.

use crate::client::{Client, handshake};
use crate::requests::{EPHEMERAL, create, exists, watch_below};
use crate::world::{PATIENCE, World};
use std::net::Shutdown;
use std::time::{Duration, Instant};
use zoarium_proto::{EventType, SessionId};

const SHORT_TICKS: &str = "tickTime=100\nminSessionTimeout=100\nmaxSessionTimeout=60000";

#[test]
fn connection_without_a_session_is_closed() {
    let world = World::start("nio.sessionlessCnxnTimeout=300");
    let whole = handshake(SessionId::NONE, &[0; 16], 30_000);
    let rows: [(&str, &[u8]); 5] = [
        ("nothing", b""),
        ("half a handshake", &whole[..whole.len() / 2]),
        ("half a length", &whole[..3]),
        ("half a word", b"ru"),
        ("a word without its argument", b"stmk\0\0"),
    ];
    for (what, bytes) in rows {
        let began = Instant::now();
        let mut raw = world.raw();
        raw.write(bytes);
        assert_eq!(raw.frame(), None, "{what}");
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(250), "{what}: {took:?}");
        assert!(took < PATIENCE / 2, "{what}: {took:?}");
    }
    world.wait_for_connections(0);
}

#[test]
fn silent_client_loses_connection_session_and_ephemerals() {
    let world = World::start(SHORT_TICKS);
    // Watches first: on a busy machine the session may be over before anything else is asked.
    let mut watcher = world.client();
    watcher.call(watch_below("/e")).ok();
    let mut silent = Client::connect(world.address, 600);
    assert_eq!(silent.timeout_ms, 600);
    let since = Instant::now();
    silent.call(create("/e", b"", EPHEMERAL)).ok();
    assert_eq!(watcher.event(), (EventType::NodeCreated, "/e".to_owned()));
    assert_eq!(watcher.event(), (EventType::NodeDeleted, "/e".to_owned()));
    let took = since.elapsed();
    assert!(took >= Duration::from_millis(600), "expired after {took:?}");
    silent.raw.expect_close();
    world.wait_for_connections(1);
    assert_eq!(Client::resume(world.address, &silent).session, SessionId::NONE);
}

#[test]
fn pings_keep_a_session_and_silence_of_half_its_timeout_does_no_harm() {
    let world = World::start(SHORT_TICKS);
    // As long as a busy machine may keep this thread waiting.
    let mut client = Client::connect(world.address, 2000);
    client.call(create("/e", b"", EPHEMERAL)).ok();
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(3000) {
        client.ping();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(client.call(exists("/e", false)).error, 0);
}

#[test]
fn client_that_vanishes_in_a_request_is_a_client_that_vanishes() {
    let world = World::start(SHORT_TICKS);
    let mut watcher = world.client();
    watcher.call(watch_below("/e")).ok();
    let mut vanishing = Client::connect(world.address, 500);
    let (_, first) = vanishing.number(create("/e", b"", EPHEMERAL));
    let (_, whole) = vanishing.number(create("/f", b"", EPHEMERAL));
    vanishing.raw.write(&[&first, &whole[..20]].concat());
    vanishing.reply().ok();
    assert_eq!(watcher.event(), (EventType::NodeCreated, "/e".to_owned()));
    drop(vanishing);
    world.wait_for_connections(1);
    assert_eq!(watcher.event(), (EventType::NodeDeleted, "/e".to_owned()));
    assert_ne!(watcher.call(exists("/f", false)).error, 0);
}

#[test]
fn client_that_only_stops_sending_is_gone_at_once_and_its_session_is_not() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/e", b"", EPHEMERAL)).ok();
    client.raw.stream.shutdown(Shutdown::Write).unwrap();
    client.raw.expect_close();
    let mut again = Client::resume(world.address, &client);
    assert_eq!(again.session, client.session);
    assert_eq!(again.call(exists("/e", false)).error, 0);
}

/// Linux: whether the system's table of connections has a keepalive timer for this one.
#[cfg(target_os = "linux")]
fn is_kept_alive(world: &World, client: &Client) -> bool {
    let local = format!(":{:04X}", world.address.port());
    let remote = format!(":{:04X}", client.raw.stream.local_addr().unwrap().port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut own = fields.filter(|row| row[1].ends_with(&local) && row[2].ends_with(&remote));
    own.next().expect("the connection is not in the table")[5].starts_with("02:")
}

#[test]
#[cfg(target_os = "linux")]
fn keepalive_is_on_where_it_is_asked_for() {
    for (settings, expected) in [("", false), ("clientTcpKeepAlive=true", true)] {
        let world = World::start(settings);
        let mut client = world.client();
        client.ping();
        // Another timer may run until the last reply is acknowledged.
        crate::world::until(settings, || is_kept_alive(&world, &client) == expected);
    }
}
