use super::*;
use crate::membership::HostPort;
use crate::{ServerId, Zxid};
use alloc::{string::ToString, vec, vec::Vec};

fn handshake(server: Option<ServerId>, addresses: Addresses) -> Handshake {
    Handshake { server, addresses }
}

fn address(text: &str) -> HostPort {
    HostPort::parse(text).unwrap()
}

fn encoded(handshake: &Handshake) -> Vec<u8> {
    let mut out = Vec::new();
    handshake.encode(&mut out);
    out
}

#[test]
fn handshakes_of_all_releases_are_read() {
    let three = Some(ServerId(3));
    let several = vec![address("h:1"), address("[::1]:2")];
    for (handshake, bytes) in [
        (handshake(three, Addresses::None), b"\0\0\0\0\0\0\0\x03" as &[u8]),
        (handshake(None, Addresses::None), b"\x7f\xff\xff\xff\xff\xff\xff\xff"),
        (
            handshake(three, Addresses::One(address("h:1"))),
            b"\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\x03\0\0\0\x03h:1",
        ),
        (
            handshake(None, Addresses::Several(several)),
            b"\xff\xff\xff\xff\xff\xff\0\x01\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\x0bh:1|[::1]:2",
        ),
    ] {
        assert_eq!(encoded(&handshake), bytes);
        for cut in 0..bytes.len() {
            assert_eq!(Handshake::next(&mut Reader::new(&bytes[..cut])), Ok(None));
        }
        let followed = [bytes, b"more"].concat();
        let mut reader = Reader::new(&followed);
        assert_eq!(Handshake::next(&mut reader), Ok(Some(handshake)));
        assert_eq!(reader.rest(), b"more");
    }
}

#[test]
fn wrong_handshakes_are_refused_as_soon_as_they_are_known() {
    const V1: &[u8] = b"\xff\xff\xff\xff\xff\xff\0\0";
    let after_v1 = |rest: &[u8]| [V1, rest].concat();
    for (bytes, message) in [
        (b"\xff\xff\xff\xff\xff\xff\0\x02".to_vec(), "unknown handshake version -65534"),
        (after_v1(b"\xff\xff\xff\xff\xff\xff\xff\xff"), "unknown server id -1"),
        (after_v1(b"\0\0\0\0\0\0\0\x01\0\0\0\0"), "null election address"),
        (after_v1(b"\0\0\0\0\0\0\0\x01\xff\xff\xff\xff"), "negative length -1 at byte 16"),
        (
            after_v1(b"\0\0\0\0\0\0\0\x01\0\0\x08\x01"),
            "election address of 2049 bytes, at most 2048 are allowed",
        ),
        (after_v1(b"\0\0\0\0\0\0\0\x01\0\0\0\x01h"), "malformed election address, not host:port"),
        (
            after_v1(b"\0\0\0\0\0\0\0\x01\0\0\0\x07h:1|i:2"),
            "malformed election address, not host:port",
        ),
    ] {
        let error = Handshake::next(&mut Reader::new(&bytes)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn messages_are_cut_at_their_length() {
    let mut reader = Reader::new(b"\0\0\0\x02ab\0\0\0\x01c\0\0\0\x02d");
    assert_eq!(next_message(&mut reader), Ok(Some(b"ab" as &[u8])));
    assert_eq!(next_message(&mut reader), Ok(Some(b"c" as &[u8])));
    assert_eq!(next_message(&mut reader), Ok(None));
    assert_eq!(reader.rest(), b"\0\0\0\x02d");
}

#[test]
fn message_lengths_have_bounds() {
    let next = |length: i32| {
        let bytes = length.to_be_bytes();
        next_message(&mut Reader::new(&bytes)).map(|message| message.is_some())
    };
    assert_eq!(next(524_288), Ok(false));
    for length in [-1, 0, 524_289, i32::MIN, i32::MAX] {
        assert!(next(length).is_err(), "{length}");
    }
}

/// The body of a notification of the form that has a config.
fn body(version: i32, config: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Notification {
        state: PeerState::Following,
        leader: Some(ServerId(2)),
        zxid: Some(Zxid::new(5, 9)),
        election_epoch: 7,
        peer_epoch: Some(6),
        version: NotificationVersion::V2,
        config: Some(config.into()),
    }
    .encode(&mut out);
    out[40..44].copy_from_slice(&version.to_be_bytes());
    out.split_off(4)
}

#[test]
fn the_length_tells_old_forms_apart() {
    for (length, version, shown) in [
        (28, 2, (NotificationVersion::V0, Some(5), None)),
        (36, 2, (NotificationVersion::V0, Some(6), None)),
        (40, 1, (NotificationVersion::V0, Some(6), None)),
        (44, 1, (NotificationVersion::V1, Some(6), None)),
        (44, 0, (NotificationVersion::V0, Some(6), None)),
        (49, 2, (NotificationVersion::V2, Some(6), Some("a=b=c"))),
        (49, 3, (NotificationVersion::V2, Some(6), Some("a=b=c"))),
    ] {
        let bytes = body(version, "a=b=c");
        let read = Notification::decode(&bytes[..length]).unwrap();
        assert_eq!((read.version, read.peer_epoch, read.config.as_deref()), shown, "{length}");
        assert_eq!((read.leader, read.zxid), (Some(ServerId(2)), Some(Zxid::new(5, 9))));
        assert_eq!((read.state, read.election_epoch), (PeerState::Following, 7));
    }
}

/// Each of these ended Apache's receiver thread, or would have (ZOOKEEPER-3769).
#[test]
fn malformed_notifications_are_refused() {
    let bytes = body(2, "abc");
    for length in (0..28).chain(29..36).chain(41..bytes.len()) {
        let error = Notification::decode(&bytes[..length]).unwrap_err();
        assert!(matches!(error, DecodeError::Truncated { .. }), "{length}: {error}");
    }
    let with = |offset: usize, field: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[offset..offset + field.len()].copy_from_slice(field);
        Notification::decode(&bytes).unwrap_err().to_string()
    };
    for (offset, field, message) in [
        (0, &4_i32.to_be_bytes() as &[u8], "unknown peer state 4"),
        (4, &(-1_i64).to_be_bytes(), "unknown leader -1"),
        (20, &(-1_i64).to_be_bytes(), "unknown election epoch -1"),
        (28, &(1_i64 << 32).to_be_bytes(), "unknown peer epoch 4294967296"),
        (40, &(-1_i32).to_be_bytes(), "negative length -1 at byte 40"),
        (40, &4_i32.to_be_bytes(), "record ends at byte 44: 4 more bytes expected, 3 left"),
        (
            40,
            &i32::MAX.to_be_bytes(),
            "record ends at byte 44: 2147483647 more bytes expected, 3 left",
        ),
    ] {
        assert_eq!(with(offset, field), message, "{offset} {field:?}");
    }
}

#[test]
fn servers_without_a_vote_say_so_in_every_field() {
    let mut looking = Notification {
        state: PeerState::Looking,
        leader: None,
        zxid: None,
        election_epoch: 1,
        peer_epoch: None,
        version: NotificationVersion::V2,
        config: Some("version=0".into()),
    };
    let mut bytes = Vec::new();
    looking.encode(&mut bytes);
    for offset in [8, 16, 32] {
        assert_eq!(bytes[offset..offset + 8], i64::MIN.to_be_bytes());
    }
    assert_eq!(Notification::decode(&bytes[4..]), Ok(looking.clone()));
    looking.leader = Some(ServerId(1));
    bytes.clear();
    looking.encode(&mut bytes);
    for offset in [16, 32] {
        assert_eq!(bytes[offset..offset + 8], (-1_i64).to_be_bytes());
    }
    assert_eq!(Notification::decode(&bytes[4..]), Ok(looking));
}
