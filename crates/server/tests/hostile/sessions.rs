//! Who has a session, and on which connection.

use crate::client::{Client, handshake, handshake_having_seen};
use crate::requests::{EPHEMERAL, close_session, create, exists, get_data};
use crate::world::World;
use zoarium_proto::{EventType, SessionId};

#[test]
fn session_moves_with_its_password_and_the_old_connection_is_closed() {
    let world = World::start("");
    let mut old = world.client();
    old.call(create("/e", b"", EPHEMERAL)).ok();
    old.call(exists("/e", true)).ok();
    let mut new = Client::resume(world.address, &old);
    assert_eq!((new.session, &new.password), (old.session, &old.password));
    assert!(old.next().is_none());
    assert_eq!(new.call(exists("/e", false)).error, 0);
    new.call(crate::requests::delete("/e")).ok();
    assert_eq!(new.events, [], "watches stay with the connection that set them");
    world.wait_for_connections(1);
}

#[test]
fn session_may_move_many_times() {
    let world = World::start("maxClientCnxns=0");
    let mut clients = vec![world.client()];
    clients[0].call(create("/e", b"", EPHEMERAL)).ok();
    for _ in 0..50 {
        let next = Client::resume(world.address, clients.last().unwrap());
        assert_eq!(next.session, clients[0].session);
        clients.push(next);
    }
    let mut last = clients.pop().unwrap();
    clients.iter_mut().for_each(|client| client.raw.expect_close());
    assert_eq!(last.call(exists("/e", false)).error, 0);
}

#[test]
fn wrong_password_gets_nothing_and_disturbs_nobody() {
    let world = World::start("");
    let mut owner = world.client();
    owner.call(create("/e", b"", EPHEMERAL)).ok();
    owner.call(exists("/e", true)).ok();
    for password in [&[1; 16][..], &[1; 3], &[0; 16], &[]] {
        let mut thief = Client::resume_with(world.address, &owner, password);
        assert_eq!((thief.session, thief.timeout_ms), (SessionId::NONE, 0));
        assert!(thief.next().is_none(), "closed after the answer");
        owner.ping();
    }
    let mut other = world.client();
    other.call(crate::requests::delete("/e")).ok();
    assert_eq!(owner.event(), (EventType::NodeDeleted, "/e".to_owned()));
}

#[test]
fn close_session_is_answered_and_then_the_connection_is_closed() {
    let world = World::start("");
    let mut watcher = world.client();
    let mut leaving = world.client();
    leaving.call(create("/e", b"", EPHEMERAL)).ok();
    assert_eq!(watcher.call(exists("/e", true)).error, 0);
    let (_, close) = leaving.number(close_session());
    let (_, late) = leaving.number(create("/late", b"", 0));
    leaving.raw.write(&[close, late].concat());
    assert_eq!(leaving.reply().error, 0);
    leaving.raw.expect_close();
    assert_eq!(watcher.event(), (EventType::NodeDeleted, "/e".to_owned()));
    assert_ne!(watcher.call(exists("/late", false)).error, 0);
    assert_eq!(Client::resume(world.address, &leaving).session, SessionId::NONE);
}

#[test]
fn client_that_has_seen_the_future_is_closed_without_an_answer() {
    let world = World::start("");
    let mut client = world.client();
    let seen = client.call(create("/a", b"", 0)).zxid;
    let ahead = handshake_having_seen(seen + 1, SessionId::NONE, &[0; 16], 30_000);
    assert!(Client::shake(world.address, &ahead).is_none());
    let level = handshake_having_seen(seen, SessionId::NONE, &[0; 16], 30_000);
    assert!(Client::shake(world.address, &level).is_some());
}

#[test]
fn timeout_is_held_within_bounds() {
    let world = World::start("tickTime=1000\nminSessionTimeout=3000\nmaxSessionTimeout=9000");
    for (asked, given) in [(i32::MIN, 3000), (0, 3000), (5000, 5000), (i32::MAX, 9000)] {
        assert_eq!(Client::connect(world.address, asked).timeout_ms, given, "asked {asked}");
    }
}

#[test]
fn second_handshake_on_a_connection_is_no_request() {
    let world = World::start("");
    let mut client = world.client();
    client.raw.write(&handshake(SessionId::NONE, &[0; 16], 30_000));
    // Read as a request it has xid 0 and opcode 0, which is none.
    let reply = client.reply();
    assert_eq!((reply.xid, reply.error), (0, -6));
    client.ping();
}

#[test]
fn writes_on_the_way_survive_their_connection() {
    let world = World::start("");
    let mut old = world.client();
    let writes: Vec<u8> =
        (0..200).flat_map(|n| old.number(create(&format!("/{n}"), b"", 0)).1).collect();
    old.raw.write(&writes);
    // The first reply proves that the server has read the write it is for.
    old.reply().ok();
    let mut new = Client::resume(world.address, &old);
    assert_eq!(new.session, old.session);
    let mut answered = 1;
    while let Some(frame) = old.raw.frame() {
        answered += 1;
        assert_eq!(frame[12..16], [0; 4]);
    }
    for n in 0..answered {
        assert_eq!(new.call(get_data(&format!("/{n}"), false)).error, 0, "write {n} was answered");
    }
}
