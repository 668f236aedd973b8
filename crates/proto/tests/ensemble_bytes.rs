//! The ports between servers: every message is read as it was written, wherever the stream is cut;
//! and no bytes, random or damaged, make a decoder panic.

#![expect(clippy::unwrap_used, reason = "a test")]

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use zoarium_proto::acl::Id;
use zoarium_proto::election::{
    self, Addresses, Handshake, Notification, NotificationVersion, PeerState,
};
use zoarium_proto::membership::{HostPort, Membership};
use zoarium_proto::quorum::{
    self, AuthPacket, ForwardedRequest, Identities, LeaderMessage, LearnerInfo, LearnerMessage,
    QuorumPacket, Touches,
};
use zoarium_proto::{Reader, ServerId, SessionId, Zxid};

/// Bytes of data that a packet may have here.
const MAX: usize = 256;

const QUORUM_STREAM: &[u8] = include_bytes!("captures/quorum/r2_reconfig.s4-s3.conn2.s3-to-s4.bin");
const LEARNER_STREAM: &[u8] =
    include_bytes!("captures/quorum/e2_ops.s1-s2.conn1.midstream.s1-to-s2.bin");
const ELECTION_STREAM: &[u8] =
    include_bytes!("captures/election/r1_observer.s2-s1.conn1.s2-to-s1.bin");
const AUTH_STREAM: &[u8] = include_bytes!("captures/election/s_sasl.s2-s1.conn1.s2-to-s1.bin");

fn server() -> impl Strategy<Value = ServerId> {
    (0..=i64::MAX.cast_unsigned()).prop_map(ServerId)
}

/// Zxids are not negative, so epochs are below 2^31.
fn zxid() -> impl Strategy<Value = Zxid> {
    prop_oneof![0..=i64::MAX.cast_unsigned(), 0..3_u64].prop_map(Zxid)
}

fn epoch() -> impl Strategy<Value = u32> {
    0..=i32::MAX.unsigned_abs()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

fn host_port() -> impl Strategy<Value = HostPort> {
    ("[a-z][a-z0-9.-]{0,9}|::[0-9a-f]{1,4}", 1..=u16::MAX)
        .prop_map(|(host, port)| HostPort { host, port })
}

/// One message of each type from a leader.
fn leader_messages<'a>(
    (zxid, epoch, server): (Zxid, u32, ServerId),
    (number, valid): (i64, bool),
    config: Option<&'a str>,
    txn: &'a [u8],
) -> Vec<LeaderMessage<'a>> {
    let designated_leader = server;
    vec![
        LeaderMessage::leader_info(epoch),
        LeaderMessage::Diff { zxid },
        LeaderMessage::Trunc { zxid },
        LeaderMessage::Snap { zxid },
        LeaderMessage::NewLeader { epoch, config: config.map(Into::into) },
        LeaderMessage::UpToDate,
        LeaderMessage::Proposal { zxid, txn },
        LeaderMessage::Commit { zxid },
        LeaderMessage::CommitAndActivate { zxid, designated_leader },
        LeaderMessage::Inform { zxid, txn },
        LeaderMessage::InformAndActivate { zxid, designated_leader, txn },
        LeaderMessage::Ping { zxid },
        LeaderMessage::Revalidate { session: SessionId(number), valid },
        LeaderMessage::Sync,
    ]
}

/// One message of each type from a learner.
fn learner_messages<'a>(
    (zxid, accepted_epoch, info): (Zxid, Option<u32>, LearnerInfo),
    (last_zxid, current_epoch): (Option<Zxid>, Option<u32>),
    touches: Touches<'a>,
    request: ForwardedRequest<'a>,
) -> Vec<LearnerMessage<'a>> {
    vec![
        LearnerMessage::FollowerInfo { accepted_epoch, info },
        LearnerMessage::ObserverInfo { accepted_epoch, info },
        LearnerMessage::AckEpoch { last_zxid, current_epoch },
        LearnerMessage::Ack { zxid },
        LearnerMessage::Ping { zxid, touches },
        LearnerMessage::Revalidate { session: request.session, timeout_ms: request.cxid },
        LearnerMessage::Request(request),
    ]
}

/// Tries every decoder there is, in the way a connection would; whatever is read must be read
/// again as the same when it is written.
fn decode_all(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(packet)) = QuorumPacket::next(&mut reader, MAX) {
        check_packet(&packet);
    }
    let mut reader = Reader::new(bytes);
    while let Ok(Some(body)) = election::next_message(&mut reader) {
        check_notification(body);
    }
    check_notification(bytes);
    if let Ok(Some(handshake)) = Handshake::next(&mut Reader::new(bytes)) {
        let mut again = Vec::new();
        handshake.encode(&mut again);
        assert_eq!(Handshake::next(&mut Reader::new(&again)), Ok(Some(handshake)));
    }
    let mut reader = Reader::new(bytes);
    while let Ok(Some(packet)) = AuthPacket::next(&mut reader) {
        let mut again = Vec::new();
        packet.encode(&mut again);
        assert_eq!(AuthPacket::next(&mut Reader::new(&again)), Ok(Some(packet)));
    }
    let _ = quorum::next_snapshot_signature(&mut Reader::new(bytes));
}

fn check_packet(packet: &QuorumPacket<'_>) {
    // Invalid UTF-8 is replaced while reading, by more bytes than it had.
    let max = 4 * MAX;
    assert!(packet.identities.iter().count() <= MAX);
    let mut again = Vec::new();
    if let Ok(Some(message)) = LeaderMessage::decode(packet) {
        message.encode(&mut again);
        let packet = QuorumPacket::next(&mut Reader::new(&again), max).unwrap().unwrap();
        assert_eq!(LeaderMessage::decode(&packet), Ok(Some(message)));
    }
    again.clear();
    if let Ok(Some(message)) = LearnerMessage::decode(packet) {
        if let LearnerMessage::Ping { touches, .. } = message {
            assert!(touches.iter().count() <= MAX);
        }
        message.encode(&mut again);
        let packet = QuorumPacket::next(&mut Reader::new(&again), max).unwrap().unwrap();
        assert_eq!(LearnerMessage::decode(&packet), Ok(Some(message)));
    }
}

fn check_notification(body: &[u8]) {
    let Ok(notification) = Notification::decode(body) else { return };
    if let Some(config) = &notification.config {
        let _ = Membership::parse(config);
    }
    let mut again = Vec::new();
    notification.encode(&mut again);
    let body = election::next_message(&mut Reader::new(&again)).unwrap().unwrap();
    let read = Notification::decode(body).unwrap();
    // Only the current form is written.
    let config = Some(notification.config.clone().unwrap_or_default());
    assert_eq!(read, Notification { version: NotificationVersion::V2, config, ..notification });
}

proptest! {
    #[test]
    fn messages_of_leaders_are_read_as_written(
        ids in (zxid(), epoch(), server()),
        more in any::<(i64, bool)>(),
        config in option::of("[a-zü=\n]{1,20}"),
        txn in bytes(),
        cut in any::<Index>(),
    ) {
        let messages = leader_messages(ids, more, config.as_deref(), &txn);
        let mut stream = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut stream));
        let mut reader = Reader::new(&stream);
        for message in &messages {
            let packet = QuorumPacket::next(&mut reader, MAX).unwrap().unwrap();
            prop_assert_eq!(LeaderMessage::decode(&packet), Ok(Some(message.clone())));
        }
        prop_assert!(reader.is_at_end());
        let cut = cut.index(stream.len());
        let mut reader = Reader::new(&stream[..cut]);
        while QuorumPacket::next(&mut reader, MAX).unwrap().is_some() {}
        prop_assert!(reader.offset() <= cut);
    }

    #[test]
    fn messages_of_learners_are_read_as_written(
        (zxid, epoch) in (zxid(), option::of(epoch())),
        (last_zxid, current_epoch) in (option::of(zxid()), option::of(epoch())),
        (server, config_version) in (option::of(server()), zxid()),
        touches in prop::collection::vec((any::<i64>().prop_map(SessionId), any::<i32>()), 0..5),
        (session, cxid, kind, protocol_version) in any::<(i64, i32, i32, i32)>(),
        body in bytes(),
        identities in option::of(prop::collection::vec(("[a-z]{0,6}", "[a-zü:]{0,9}"), 0..4)),
    ) {
        let (mut touched, mut encoded) = (Vec::new(), Vec::new());
        let info = LearnerInfo { server, protocol_version, config_version };
        let identities: Option<Vec<_>> = identities
            .map(|list| list.into_iter().map(|(scheme, id)| Id::new(scheme, id)).collect());
        let request = ForwardedRequest {
            session: SessionId(session),
            cxid,
            kind,
            body: &body,
            identities: match &identities {
                None => Identities::NONE,
                Some(identities) => Identities::encode_into(identities, &mut encoded),
            },
        };
        prop_assert!(request.identities.iter().eq(identities.into_iter().flatten()));
        let list = Touches::encode_into(touches.iter().copied(), &mut touched);
        prop_assert!(list.iter().eq(touches));
        let messages = learner_messages((zxid, epoch, info), (last_zxid, current_epoch), list, request);
        let mut stream = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut stream));
        let mut reader = Reader::new(&stream);
        for message in messages {
            let packet = QuorumPacket::next(&mut reader, MAX).unwrap().unwrap();
            prop_assert_eq!(LearnerMessage::decode(&packet), Ok(Some(message)));
        }
        prop_assert!(reader.is_at_end());
    }

    #[test]
    fn notifications_are_read_as_written(
        state in select(vec![
            PeerState::Looking, PeerState::Following, PeerState::Leading, PeerState::Observing,
        ]),
        (leader, zxid) in (option::of(server()), option::of(zxid())),
        election_epoch in 0..=i64::MAX.cast_unsigned(),
        peer_epoch in any::<Option<u32>>(),
        config in "[a-zü=\n]{0,20}",
    ) {
        let (version, config) = (NotificationVersion::V2, Some(config.into()));
        let notification =
            Notification { state, leader, zxid, election_epoch, peer_epoch, version, config };
        let mut stream = Vec::new();
        notification.encode(&mut stream);
        let mut reader = Reader::new(&stream);
        let body = election::next_message(&mut reader).unwrap().unwrap();
        prop_assert_eq!(Notification::decode(body), Ok(notification));
        prop_assert!(reader.is_at_end());
    }

    #[test]
    fn handshakes_are_read_as_written(
        server in option::of(0..i64::MAX.cast_unsigned()),
        addresses in prop::collection::vec(host_port(), 1..4),
        form in 0..3_u8,
    ) {
        let addresses = match form {
            0 => Addresses::None,
            1 => Addresses::One(addresses[0].clone()),
            _ => Addresses::Several(addresses),
        };
        let handshake = Handshake { server: server.map(ServerId), addresses };
        let mut stream = Vec::new();
        handshake.encode(&mut stream);
        let mut reader = Reader::new(&stream);
        prop_assert_eq!(Handshake::next(&mut reader), Ok(Some(handshake)));
        prop_assert!(reader.is_at_end());
    }

    #[test]
    fn random_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        decode_all(&bytes);
    }

    #[test]
    fn packets_of_random_fields_are_decoded_or_refused(
        kind in -1..21_i32,
        zxid in prop_oneof![-2..3_i64, any::<i64>()],
        data in option::of(bytes()),
        count in prop_oneof![-2..3_i32, any::<i32>()],
        rest in bytes(),
    ) {
        let mut bytes = [&kind.to_be_bytes() as &[u8], &zxid.to_be_bytes()].concat();
        zoarium_proto::jute::put_buffer(&mut bytes, data.as_deref());
        bytes.extend(count.to_be_bytes());
        bytes.extend(rest);
        decode_all(&bytes);
    }

    #[test]
    fn damaged_streams_are_decoded_or_refused(
        stream in select(vec![QUORUM_STREAM, LEARNER_STREAM, ELECTION_STREAM, AUTH_STREAM]),
        start in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        length in any::<Index>(),
    ) {
        let start = start.index(stream.len().min(64));
        let mut bytes = stream[start..].to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len().min(400));
            bytes[at] = value;
        }
        bytes.truncate(length.index(bytes.len() + 1));
        decode_all(&bytes);
    }
}
