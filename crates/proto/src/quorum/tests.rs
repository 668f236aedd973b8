use super::*;
use crate::acl::Id;
use crate::{ServerId, SessionId};
use alloc::string::ToString;
use alloc::{vec, vec::Vec};

const MAX: usize = QuorumPacket::DATA_BYTES_MAX_DEFAULT;

fn packet(kind: i32, zxid: i64, data: Option<&[u8]>) -> QuorumPacket<'_> {
    QuorumPacket { kind, zxid, data, identities: Identities::NONE }
}

fn from_leader(
    kind: PacketKind,
    zxid: i64,
    data: Option<&[u8]>,
) -> Result<Option<LeaderMessage<'_>>, DecodeError> {
    LeaderMessage::decode(&packet(kind as i32, zxid, data))
}

fn from_learner(
    kind: PacketKind,
    zxid: i64,
    data: Option<&[u8]>,
) -> Result<Option<LearnerMessage<'_>>, DecodeError> {
    LearnerMessage::decode(&packet(kind as i32, zxid, data))
}

#[test]
fn packet_is_taken_from_a_stream_when_all_of_it_is_there() {
    let mut bytes = Vec::new();
    let identities = &mut Vec::new();
    let packet = QuorumPacket {
        kind: 1,
        zxid: -1,
        data: Some(b"data"),
        identities: Identities::encode_into(&[Id::new("ip", "::1"), Id::new("", "")], identities),
    };
    packet.encode(&mut bytes);
    for cut in 0..bytes.len() {
        let mut reader = Reader::new(&bytes[..cut]);
        assert_eq!(QuorumPacket::next(&mut reader, MAX), Ok(None));
        assert_eq!(reader.offset(), 0);
    }
    bytes.push(7);
    let mut reader = Reader::new(&bytes);
    assert_eq!(QuorumPacket::next(&mut reader, MAX), Ok(Some(packet)));
    assert_eq!(reader.rest(), [7]);
    let read: Vec<_> = packet.identities.iter().collect();
    assert_eq!(read, [Id::new("ip", "::1"), Id::new("", "")]);
}

#[test]
fn packet_without_data_has_20_bytes() {
    let mut bytes = Vec::new();
    packet(3, 9, None).encode(&mut bytes);
    assert_eq!(bytes, b"\0\0\0\x03\0\0\0\0\0\0\0\x09\xff\xff\xff\xff\xff\xff\xff\xff");
}

/// Nobody waits for a length that will be refused, and nobody is kept waiting for ever.
#[test]
fn too_long_packets_are_refused_before_they_are_there() {
    let next = |data: &[u8]| {
        let bytes = [b"\0\0\0\x01\0\0\0\0\0\0\0\0" as &[u8], data].concat();
        QuorumPacket::next(&mut Reader::new(&bytes), 16).map(|packet| packet.is_some())
    };
    let too_long = |what, length| Err(DecodeError::TooLong { what, length, max: 16 });
    assert_eq!(next(b"\0\0\0\x10"), Ok(false));
    assert_eq!(next(b"\0\0\0\x11"), too_long("packet data", 17));
    assert_eq!(next(b"\x7f\xff\xff\xff"), too_long("packet data", 0x7FFF_FFFF));
    assert_eq!(
        next(b"\xff\xff\xff\xfe"),
        Err(DecodeError::NegativeLength { offset: 12, length: -2 })
    );
    // Two identities, of which the first claims much, or both have little.
    let null = b"\xff\xff\xff\xff";
    assert_eq!(next(&[null, b"\0\0\0\x02\0\0\0\x11" as &[u8]].concat()), too_long("identity", 17));
    assert_eq!(next(&[null, b"\0\0\0\x02\0\0\0\x08" as &[u8], &[0; 8]].concat()), Ok(false));
    assert_eq!(
        next(&[null, b"\0\0\0\x02\0\0\0\x08" as &[u8], &[0; 9]].concat()),
        too_long("identities", 17)
    );
    assert_eq!(
        next(&[null, b"\0\0\0\x02" as &[u8], &null.repeat(4)].concat()),
        too_long("identities", 20)
    );
}

#[test]
fn unknown_types_and_those_of_the_other_direction_are_skipped() {
    for kind in [-1, 0, 20, i32::MAX] {
        assert_eq!(LeaderMessage::decode(&packet(kind, 0, None)), Ok(None));
        assert_eq!(LearnerMessage::decode(&packet(kind, 0, None)), Ok(None));
    }
    assert_eq!(from_leader(PacketKind::Ack, 1, None), Ok(None));
    assert_eq!(from_learner(PacketKind::Commit, 1, None), Ok(None));
}

#[test]
fn learners_of_all_releases_introduce_themselves() {
    let full = b"\0\0\0\0\0\0\0\x03\0\x01\0\0\0\0\0\x01\0\0\0\x05" as &[u8];
    let (server, untold) = (Some(ServerId(3)), 1);
    let anonymous = [&[0xFF_u8; 8] as &[u8], &full[8..]].concat();
    for (data, server, protocol_version, config_version) in [
        (Some(full), server, PROTOCOL_VERSION, Zxid::new(1, 5)),
        (Some(&full[..12]), server, PROTOCOL_VERSION, Zxid::ZERO),
        (Some(&full[..8]), server, untold, Zxid::ZERO),
        (Some(&*anonymous), None, PROTOCOL_VERSION, Zxid::new(1, 5)),
        (None, None, untold, Zxid::ZERO),
    ] {
        let info = LearnerInfo { server, protocol_version, config_version };
        let expected = LearnerMessage::FollowerInfo { accepted_epoch: Some(2), info };
        assert_eq!(from_learner(PacketKind::FollowerInfo, 2 << 32, data), Ok(Some(expected)));
    }
    let info = LearnerInfo::new(ServerId(3), Zxid::new(1, 5));
    let mut bytes = Vec::new();
    LearnerMessage::ObserverInfo { accepted_epoch: Some(0), info }.encode(&mut bytes);
    assert_eq!(bytes[16..36], *full);
}

#[test]
fn wrong_data_is_refused() {
    for (kind, zxid, data, message) in [
        (PacketKind::LeaderInfo, 0, None, "null protocol version of a leader"),
        (PacketKind::Proposal, 1, None, "null transaction"),
        (PacketKind::Commit, -1, None, "unknown zxid -1"),
        (PacketKind::Trunc, -1, None, "unknown zxid -1"),
        (
            PacketKind::CommitAndActivate,
            1,
            Some(&[0xFF_u8; 8] as &[u8]),
            "unknown designated leader -1",
        ),
        (
            PacketKind::InformAndActivate,
            1,
            Some(&[0; 7]),
            "record ends at byte 0: 8 more bytes expected, 7 left",
        ),
        (
            PacketKind::Revalidate,
            -1,
            Some(&[0; 8]),
            "record ends at byte 8: 1 more bytes expected, 0 left",
        ),
    ] {
        let error = from_leader(kind, zxid, data).unwrap_err();
        assert_eq!(error.to_string(), message, "{kind:?}");
    }
    for (kind, zxid, data, message) in [
        (
            PacketKind::FollowerInfo,
            0,
            Some(&[0_u8; 10] as &[u8]),
            "record ends at byte 8: 4 more bytes expected, 2 left",
        ),
        (PacketKind::AckEpoch, 0, None, "null current epoch of a learner"),
        (PacketKind::AckEpoch, -2, Some(&[0; 4]), "unknown zxid -2"),
        (PacketKind::AckEpoch, 0, Some(&[0xFF, 0xFF, 0xFF, 0xFE]), "unknown current epoch -2"),
        (PacketKind::Ping, 0, Some(&[0; 13]), "malformed list of touched sessions"),
        (PacketKind::Request, -1, None, "null request"),
        (
            PacketKind::Request,
            -1,
            Some(&[0; 15]),
            "record ends at byte 12: 4 more bytes expected, 3 left",
        ),
    ] {
        let error = from_learner(kind, zxid, data).unwrap_err();
        assert_eq!(error.to_string(), message, "{kind:?}");
    }
}

#[test]
fn learners_may_distrust_their_empty_history() {
    let info = LearnerInfo::new(ServerId(1), Zxid::ZERO);
    for (message, zxid) in [
        (LearnerMessage::FollowerInfo { accepted_epoch: None, info }, -1 << 32),
        (LearnerMessage::AckEpoch { last_zxid: None, current_epoch: None }, -1),
    ] {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let packet = QuorumPacket::next(&mut Reader::new(&bytes), MAX).unwrap().unwrap();
        assert_eq!(packet.zxid, zxid);
        assert_eq!(LearnerMessage::decode(&packet), Ok(Some(message)));
    }
}

#[test]
fn leaders_older_than_memberships_send_none() {
    let expected = LeaderMessage::NewLeader { epoch: 4, config: None };
    for data in [None, Some(&[] as &[u8])] {
        assert_eq!(from_leader(PacketKind::NewLeader, 4 << 32, data), Ok(Some(expected.clone())));
    }
}

#[test]
fn pings_without_touches_are_answered_with_empty_data() {
    let mut bytes = Vec::new();
    LearnerMessage::Ping { zxid: Zxid(1), touches: Touches::NONE }.encode(&mut bytes);
    assert_eq!(bytes[12..16], [0; 4]);
    let mut buffer = vec![1, 2, 3];
    let touches = Touches::encode_into([(SessionId(5), 6), (SessionId(-1), -1)], &mut buffer);
    let read: Vec<_> = touches.iter().collect();
    assert_eq!(read, [(SessionId(5), 6), (SessionId(-1), -1)]);
}

#[test]
fn snapshots_end_with_the_signature() {
    let mut bytes = Vec::new();
    put_snapshot_signature(&mut bytes);
    assert_eq!(bytes, b"\0\0\0\x0aBenWasHere");
    for cut in 0..bytes.len() {
        assert_eq!(next_snapshot_signature(&mut Reader::new(&bytes[..cut])), Ok(None));
    }
    bytes.push(0);
    let mut reader = Reader::new(&bytes);
    assert_eq!(next_snapshot_signature(&mut reader), Ok(Some(())));
    assert_eq!(reader.rest(), [0]);
    for wrong in [b"\0\0\0\x0b" as &[u8], b"\0\0\0\x0aBenWasHerf", b"\xff\xff\xff\xff"] {
        assert!(next_snapshot_signature(&mut Reader::new(wrong)).is_err());
    }
}

#[test]
fn auth_packets_are_told_from_all_others_by_their_beginning() {
    let mut bytes = Vec::new();
    let packet = AuthPacket { status: AuthStatus::InProgress, token: Some(b"token") };
    packet.encode(&mut bytes);
    for cut in 0..bytes.len() {
        assert_eq!(AuthPacket::is_next(&bytes[..cut]), (cut >= 8).then_some(true));
        assert_eq!(AuthPacket::next(&mut Reader::new(&bytes[..cut])), Ok(None));
    }
    assert_eq!(AuthPacket::next(&mut Reader::new(&bytes)), Ok(Some(packet)));
    for other in [b"\0" as &[u8], b"_$4", b"\0\0\0\x0b\0\0\0\0\0"] {
        assert_eq!(AuthPacket::is_next(other), Some(false));
    }
    bytes[11] = 2;
    let error = AuthPacket::next(&mut Reader::new(&bytes)).unwrap_err();
    assert_eq!(error.to_string(), "unknown auth status 2");
    bytes[11] = 1;
    bytes[12] = 1;
    let error = AuthPacket::next(&mut Reader::new(&bytes)).unwrap_err();
    assert_eq!(error.to_string(), "auth token of 16777221 bytes, at most 65536 are allowed");
}
