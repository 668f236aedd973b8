//! Bytes that make no sense, or that come in odd pieces.

use crate::client::{Client, Raw, handshake, ping, request};
use crate::requests::{create, get_children, get_data, set_data};
use crate::world::World;
use std::net::Shutdown;
use zoarium_proto::{OpCode, SessionId, Xid};

fn frame(length: i32, bytes: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], bytes].concat()
}

#[test]
fn first_bytes_that_are_no_handshake_close_the_connection_and_only_that() {
    let world = World::start("");
    let mut bystander = world.client();
    let rows: [(&str, Vec<u8>); 9] = [
        ("empty frame", frame(0, b"")),
        ("negative length", frame(-1, b"")),
        ("most negative length", frame(i32::MIN, b"")),
        ("longest length", frame(i32::MAX, b"")),
        ("one above jute.maxbuffer", frame(1_048_576, b"")),
        ("handshake cut short", frame(10, &[0; 10])),
        ("negative password", frame(28, &[&[0; 24][..], &[0xFF, 0xFF, 0xFF, 0x00]].concat())),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("TLS", vec![22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, 7, 7, 7, 7, 7, 7]),
    ];
    for (what, bytes) in rows {
        let mut raw = world.raw();
        raw.write(&bytes);
        assert_eq!(raw.frame(), None, "{what}");
        bystander.ping();
    }
    let mut raw = world.raw();
    raw.write(&ping());
    assert_eq!(raw.frame(), None, "a request instead of a handshake");
    world.wait_for_connections(1);
}

#[test]
fn frames_that_no_client_sends_close_the_connection_and_leave_the_session() {
    let world = World::start("");
    let rows: [(&str, Vec<u8>); 6] = [
        ("empty frame", frame(0, b"")),
        ("header cut short", frame(7, &[0; 7])),
        ("negative length", frame(-2, b"")),
        ("longest length", frame(i32::MAX, b"")),
        ("one above jute.maxbuffer", frame(1_048_576, b"")),
        ("text", b"quit\r\n\r\n".to_vec()),
    ];
    for (what, bytes) in rows {
        let mut client = world.client();
        client.raw.write(&bytes);
        assert!(client.next().is_none(), "{what}");
        assert_eq!(Client::resume(world.address, &client).session, client.session, "{what}");
    }
}

#[test]
fn requests_before_garbage_are_answered() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/a", b"there", 0)).ok();
    let (_, read) = client.number(get_data("/a", false));
    client.raw.write(&[&read[..], &ping(), &frame(-1, b"")].concat());
    assert_eq!(client.reply().data(), b"there");
    assert_eq!(client.reply().xid, Xid::PING.0);
    assert!(client.next().is_none());
}

#[test]
fn garbage_for_a_body_is_answered_and_changes_nothing() {
    let world = World::start("");
    let mut client = world.client();
    for op in (1..=22).chain(100..=107).filter_map(OpCode::from_wire) {
        if matches!(op, OpCode::Ping | OpCode::Auth | OpCode::Sasl) {
            continue;
        }
        for body in [&[][..], &[0xFF; 3], &[0x7F; 64], &[0x80; 64], &[0xFF; 64]] {
            let xid = client.send((op, body.to_vec()));
            let reply = client.reply();
            assert_eq!(reply.xid, xid, "{op:?}");
        }
    }
    assert_eq!(client.call(get_children("/")).names(), ["zookeeper"]);
    client.call(create("/still-there", b"", 0)).ok();
}

#[test]
fn frame_may_be_as_long_as_jute_maxbuffer() {
    let world = World::start_with("", &["jute.maxbuffer=5000"]);
    let mut client = world.client();
    client.call(create("/a", b"", 0)).ok();
    let around = 8 + 4 + 2 + 4 + 4;
    client.call(set_data("/a", &vec![b'x'; 5000 - around])).ok();
    let data = client.call(get_data("/a", false)).data();
    assert_eq!(data.len(), 5000 - around);
    let (_, longer) = client.number(set_data("/a", &vec![b'y'; 5001 - around]));
    client.raw.write_to_the_deaf(&longer);
    assert!(client.next().is_none());
    let mut client = Client::resume(world.address, &client);
    assert_eq!(client.call(get_data("/a", false)).data(), data);
}

#[test]
fn request_that_is_cut_off_is_not_carried_out() {
    let world = World::start("");
    let mut client = world.client();
    let mut other = world.client();
    let (_, whole) = client.number(create("/cut", b"never", 0));
    client.raw.write(&whole[..whole.len() - 1]);
    client.raw.stream.shutdown(Shutdown::Write).unwrap();
    client.raw.expect_close();
    world.wait_for_connections(1);
    assert_ne!(other.call(get_data("/cut", false)).error, 0);
}

#[test]
fn bytes_may_come_one_by_one() {
    let world = World::start("");
    let mut raw = world.raw();
    raw.write_byte_by_byte(&handshake(SessionId::NONE, &[0; 16], 30_000));
    let mut client = Client::from_answered(raw).unwrap();
    let (xid, write) = client.number(create("/a", b"piecemeal", 0));
    client.raw.write_byte_by_byte(&write);
    assert_eq!(client.reply().xid, xid);
    let (_, read) = client.number(get_data("/a", false));
    client.raw.write_byte_by_byte(&read);
    assert_eq!(client.reply().data(), b"piecemeal");
}

#[test]
fn requests_may_come_with_the_handshake() {
    let world = World::start("");
    let mut raw = world.raw();
    let (op, body) = create("/early", b"bird", 0);
    let (read_op, read) = get_data("/early", false);
    let write = request(1, op, &body);
    let read = request(2, read_op, &read);
    raw.write(&[handshake(SessionId::NONE, &[0; 16], 30_000), write, read].concat());
    let mut client = Client::from_answered(raw).unwrap();
    assert_eq!(client.reply().xid, 1);
    assert_eq!(client.reply().data(), b"bird");
}

#[test]
fn thousands_of_requests_in_one_write_are_answered_in_order() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/a", b"", 0)).ok();
    let mut bytes = Vec::new();
    for number in 0..3000_u32 {
        let request = match number % 5 {
            0 => set_data("/a", &number.to_be_bytes()),
            _ => get_data("/a", false),
        };
        bytes.extend(client.number(request).1);
    }
    client.raw.write(&bytes);
    for number in 0..3000_u32 {
        let reply = client.reply();
        assert_eq!(reply.xid, i32::try_from(number).unwrap() + 2);
        if number % 5 != 0 {
            assert_eq!(reply.data(), (number - number % 5).to_be_bytes());
        }
    }
}

/// The replies exceed what a turn of the connection may build, and the socket may take them all at
/// once: the requests that are left must not wait for more bytes to arrive.
#[test]
fn long_replies_to_requests_in_one_write_all_come() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/long", &vec![7; 300_000], 0)).ok();
    let requests: Vec<u8> =
        (0..40).flat_map(|_| client.number(get_data("/long", false)).1).collect();
    client.raw.write(&requests);
    for _ in 0..40 {
        assert_eq!(client.reply().data().len(), 300_000);
    }
}

#[test]
fn four_letter_words_may_come_in_pieces_and_with_more_behind() {
    let world = World::start("");
    let mut raw = world.raw();
    raw.write_byte_by_byte(b"ruok");
    assert_eq!(raw.text(), "imok");
    assert_eq!(world.word("ruok\n"), "imok");
}

#[test]
fn argument_of_a_four_letter_word_may_come_with_it_or_after_it() {
    let world = World::start("");
    let set = |pieces: &[&[u8]]| {
        let mut raw: Raw = world.raw();
        pieces.iter().for_each(|piece| raw.write_byte_by_byte(piece));
        raw.text()
    };
    let mask = 0x17_u64.to_be_bytes();
    let mut raw = world.raw();
    raw.write(&[b"stmk", &mask[..]].concat());
    assert_eq!(raw.text(), "23");
    assert_eq!(set(&[b"stmk", &mask]), "23");
}
