use super::*;
use crate::ids::{Epoch, Round};
use crate::message::{Forward, LearnerInfo, Notification, Packet, PeerState, Txn, Vote};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};
use bytes::Bytes;
use expect_test::expect;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::path::Path;
use zoarium_proto::acl::Id;
use zoarium_proto::election::{Handshake, next_message};
use zoarium_proto::quorum::{
    AuthPacket, Identities, QuorumPacket, SNAPSHOT_SIGNATURE, next_snapshot_signature,
};
use zoarium_proto::txn::{LoggedTxn, TxnHeader};
use zoarium_proto::{Membership, Reader, ServerId, SessionId, Zxid};

const MAX: usize = QuorumPacket::DATA_BYTES_MAX_DEFAULT;
const OWN: ServerId = ServerId(7);

/// What servers of Apache's release 3.8.0 sent each other; crate `proto` says how it was captured.
fn captures(port: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/tests/captures").join(port);
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_string();
    files.iter().map(|file| (name(file), std::fs::read(file).unwrap())).collect()
}

/// A name is `scenario.initiator-acceptor.connN[.midstream].from-to-to`.
fn sent_by_initiator(name: &str) -> bool {
    let parts: Vec<_> = name.split('.').collect();
    let (servers, direction) = (parts[1], parts.last().unwrap());
    direction.split_once('-').unwrap().0 == servers.split_once('-').unwrap().0
}

fn read_all(bytes: Bytes, direction: Direction) -> Vec<Packet> {
    let packet = |read| match read {
        Ok(Read::Packet(packet)) => packet,
        other => panic!("{other:?}"),
    };
    Packets::new(bytes, direction).map(packet).collect()
}

fn put_all(packets: &[Packet], direction: Direction, own: ServerId) -> Vec<u8> {
    let mut out = Vec::new();
    packets.iter().for_each(|packet| put_packet(packet, direction, own, &mut out));
    out
}

/// Passes what is no packet: the packets of SASL at the beginning, the stream behind a SNAP.
fn skip_others(stream: &[u8]) -> usize {
    let mut reader = Reader::new(stream);
    while AuthPacket::is_next(reader.rest()) == Some(true) {
        AuthPacket::next(&mut reader).unwrap().unwrap();
    }
    reader.offset()
}

fn snapshot_length(stream: &[u8]) -> usize {
    let signature = SNAPSHOT_SIGNATURE.as_bytes();
    let text_at = stream.windows(signature.len()).position(|window| window == signature).unwrap();
    let mut reader = Reader::new(&stream[text_at - 4..]);
    next_snapshot_signature(&mut reader).unwrap().unwrap();
    text_at - 4 + reader.offset()
}

#[test]
fn packets_of_apache_are_read_and_written_again() {
    let (mut packets_read, mut streams, mut reconfigurations) = (0, 0, 0);
    for (name, stream) in captures("quorum") {
        let direction = match sent_by_initiator(&name) {
            true => Direction::ToLeader,
            false => Direction::ToLearner,
        };
        let own = name.rsplit('.').next().unwrap();
        let own = ServerId::parse(&own[1..own.find('-').unwrap()]).unwrap();
        let mut left = &stream[skip_others(&stream)..];
        while !left.is_empty() {
            let length = whole_packets(left, direction, MAX).unwrap();
            let packets = read_all(Bytes::copy_from_slice(&left[..length]), direction);
            assert_eq!(put_all(&packets, direction, own), left[..length], "{name}");
            packets_read += packets.len();
            let reconfigures = |packet: &&Packet| {
                let (Packet::Proposal(txn) | Packet::InformAndActivate { txn, .. }) = packet else {
                    return false;
                };
                let version = txn.membership.as_ref().map(|membership| membership.version);
                assert!(version.is_none_or(|version| version == txn.zxid));
                version.is_some()
            };
            reconfigurations += packets.iter().filter(reconfigures).count();
            left = &left[length..];
            if let Some(Packet::Snap { .. }) = packets.last() {
                left = &left[snapshot_length(left)..];
            }
        }
        streams += 1;
    }
    expect!["60 streams, 884 packets, 12 reconfigurations"].assert_eq(&format!(
        "{streams} streams, {packets_read} packets, {reconfigurations} reconfigurations"
    ));
}

#[test]
fn notifications_of_apache_are_read_and_written_again() {
    let mut notifications = 0;
    for (name, stream) in captures("election") {
        let mut reader = Reader::new(&stream);
        if sent_by_initiator(&name) {
            Handshake::next(&mut reader).unwrap().unwrap();
        }
        let others = skip_others(reader.rest());
        reader.raw(others).unwrap();
        while !reader.is_at_end() {
            let start = reader.offset();
            let body = next_message(&mut reader).unwrap().unwrap();
            let notification = read_notification(body).unwrap();
            let mut again = Vec::new();
            put_notification(&notification, &mut again);
            assert_eq!(again, reader.since(start), "{name} {notification:?}");
            notifications += 1;
        }
    }
    expect!["60"].assert_eq(&notifications.to_string());
}

#[test]
fn payloads_share_the_memory_they_are_read_from() {
    let stream = include_bytes!(
        "../../../proto/tests/captures/quorum/e2_ops.s1-s2.conn1.midstream.s2-to-s1.bin"
    );
    let bytes = Bytes::from_static(stream);
    let inside = bytes.as_ptr_range();
    let packets = read_all(bytes, Direction::ToLearner);
    let txns = packets.iter().filter_map(|packet| {
        if let Packet::Proposal(txn) = packet { Some(&txn.bytes) } else { None }
    });
    let txns: Vec<_> = txns.collect();
    assert!(txns.len() > 10);
    assert!(txns.iter().all(|txn| inside.contains(&txn.as_ptr())));
}

/// What a reader says of bytes that are a packet of this type, zxid and data.
fn refusal(direction: Direction, kind: i32, zxid: i64, data: Option<&[u8]>) -> String {
    let mut bytes = Vec::new();
    QuorumPacket { kind, zxid, data, identities: Identities::NONE }.encode(&mut bytes);
    let mut packets = Packets::new(bytes.into(), direction);
    let refused = packets.next().unwrap().unwrap_err();
    assert_eq!(packets.next(), None);
    refused.to_string()
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let header = TxnHeader { session: SessionId(1), cxid: 2, zxid: Zxid(9), time_ms: 3 };
    let config = |text: &str| {
        let (path, data) = ("/zookeeper/config".into(), Some(text.as_bytes()));
        let txn = zoarium_proto::txn::Txn::Reconfig { path, data, version: -1 };
        let mut bytes = Vec::new();
        LoggedTxn { header, txn, digest: None }.encode(&mut bytes);
        bytes
    };
    let good = config("server.1=a:1:2:participant\nversion=9");
    let bad = config("server.1=a:1:participant\nversion=9");
    let (to_leader, to_learner) = (Direction::ToLeader, Direction::ToLearner);
    let shown = [
        refusal(to_learner, 2, 9, None),
        refusal(to_learner, 2, 9, Some(&[0; 31])),
        refusal(to_learner, 2, 9, Some(&[0; 32])),
        refusal(to_learner, 8, 8, Some(&good)),
        refusal(to_learner, 2, 9, Some(&bad)),
        refusal(to_learner, 2, -9, Some(&good)),
        refusal(to_learner, 10, 1 << 32, None),
        refusal(to_learner, 10, 1 << 32, Some(b"version=x")),
        refusal(to_learner, 17, 1 << 32, Some(&[0; 3])),
        refusal(to_leader, 18, 1 << 32, Some(&[0x80, 0, 0, 0])),
        refusal(to_leader, 5, 0, Some(&[0; 11])),
        refusal(to_leader, 6, -1, Some(&[0; 11])),
        whole_packets(&[0x80; 20], to_leader, 64).unwrap_err().to_string(),
        whole_packets(&[0x7F; 20], to_leader, 64).unwrap_err().to_string(),
    ];
    expect![[r#"
        PROPOSAL: null transaction
        transaction 0x9: record ends at byte 0: 32 more bytes expected, 31 left
        transaction 0x9: unknown transaction type 0
        packet of 0x8 has transaction 0x9
        membership in a reconfiguration: line 1: "participant" is no port; allowed: 1 to 65535
        PROPOSAL: unknown zxid -9
        NEWLEADER: null membership of a leader
        membership in NEWLEADER: line 1: "x" is no version; allowed: a hexadecimal number
        LEADERINFO: record ends at byte 0: 4 more bytes expected, 3 left
        ACKEPOCH: unknown current epoch -2147483648
        PING: malformed list of touched sessions
        REVALIDATE: record ends at byte 8: 4 more bytes expected, 3 left
        no packet: negative length -2139062144 at byte 12
        no packet: packet data of 2139062143 bytes, at most 64 are allowed"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn unknown_types_and_those_of_the_other_direction_are_skipped() {
    let mut bytes = put_all(&[Packet::UpToDate], Direction::ToLearner, OWN);
    QuorumPacket { kind: 99, zxid: 0, data: None, identities: Identities::NONE }.encode(&mut bytes);
    bytes.extend(put_all(&[Packet::Ack(Zxid(5))], Direction::ToLeader, OWN));
    let read: Vec<_> =
        Packets::new(bytes.into(), Direction::ToLeader).map(Result::unwrap).collect();
    let ack = Read::Packet(Packet::Ack(Zxid(5)));
    assert_eq!(read, [Read::Skipped { kind: 12 }, Read::Skipped { kind: 99 }, ack]);
}

#[test]
fn stream_is_read_up_to_what_is_no_packet() {
    let mut bytes = put_all(&[Packet::Sync, Packet::Sync], Direction::ToLearner, OWN);
    let good = bytes.len();
    bytes.extend([0x80; 20]);
    assert_eq!(whole_packets(&bytes, Direction::ToLearner, 10), Ok(good));
    assert!(whole_packets(&bytes[good..], Direction::ToLearner, 10).is_err());
}

#[test]
fn packets_end_with_a_snap_from_a_leader() {
    let snap = Packet::Snap { zxid: Zxid(1) };
    let bytes = put_all(&[snap.clone(), Packet::UpToDate], Direction::ToLearner, OWN);
    let length = put_all(&[snap], Direction::ToLearner, OWN).len();
    assert_eq!(whole_packets(&bytes, Direction::ToLearner, 10), Ok(length));
    assert_eq!(whole_packets(&bytes, Direction::ToLeader, 10), Ok(bytes.len()));
}

#[test]
fn introduction_names_the_learner() {
    let info = LearnerInfo { accepted: Epoch(3), membership_version: Zxid(4) };
    for packet in [Packet::FollowerInfo(info), Packet::ObserverInfo(info)] {
        let mut bytes = put_all(core::slice::from_ref(&packet), Direction::ToLeader, OWN);
        let length = bytes.len();
        bytes.extend([1, 2, 3]);
        for end in 0..length {
            assert_eq!(Introduction::read(&bytes[..end]), Ok(None));
        }
        let read = Introduction { learner: OWN, packet, bytes: length };
        assert_eq!(Introduction::read(&bytes), Ok(Some(read)));
    }
}

#[test]
fn other_introductions_are_refused() {
    let refused = |kind: i32, data: Option<&[u8]>| {
        let mut bytes = Vec::new();
        let (zxid, identities) = (0, Identities::NONE);
        QuorumPacket { kind, zxid, data, identities }.encode(&mut bytes);
        Introduction::read(&bytes).unwrap_err().to_string()
    };
    let nobody = [&[0xFF; 8][..], &[0, 1, 0, 0], &[0; 8]].concat();
    let shown = [
        refused(11, None),
        refused(11, Some(&[0; 8])),
        refused(16, Some(&[0; 12])),
        refused(16, Some(&[0; 20])),
        refused(11, Some(&nobody)),
        refused(11, Some(&[0; 65])),
        refused(3, None),
        Introduction::read(b"GET / HTTP/1.1").unwrap_err().to_string(),
    ];
    expect![[r#"
        LearnerInfo of 0 bytes; expected 20, which releases since 3.5 send
        LearnerInfo of 8 bytes; expected 20, which releases since 3.5 send
        LearnerInfo of 12 bytes; expected 20, which releases since 3.5 send
        protocol version 0x0 of a learner; expected 0x10000
        learner without a server id; expected that of its myid file
        no packet: packet data of 65 bytes, at most 64 are allowed
        the first packet has type 3; expected FOLLOWERINFO (11) or OBSERVERINFO (16)
        the first packet has type 1195725856; expected FOLLOWERINFO (11) or OBSERVERINFO (16)"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn learner_that_does_not_trust_its_history_has_promised_nothing() {
    let mut bytes = Vec::new();
    let info = zoarium_proto::quorum::LearnerInfo::new(OWN, Zxid::ZERO);
    let message =
        zoarium_proto::quorum::LearnerMessage::FollowerInfo { accepted_epoch: None, info };
    message.encode(&mut bytes);
    let none = LearnerInfo { accepted: Epoch(0), membership_version: Zxid::ZERO };
    let read = Introduction::read(&bytes).unwrap().unwrap();
    assert_eq!(read.packet, Packet::FollowerInfo(none));
}

#[test]
fn notifications_of_old_releases_and_damaged_ones_are_refused() {
    let mut good = Vec::new();
    let membership = Arc::new(Membership::parse("server.1=a:1:2:participant").unwrap());
    let vote = Some(Vote { epoch: Epoch(1), zxid: Zxid(1), leader: OWN });
    let notification =
        Notification { state: PeerState::Looking, vote, round: Round(1), membership };
    put_notification(&notification, &mut good);
    let mut damaged = good[4..].to_vec();
    damaged[44] = b'x';
    let mut late = good[4..].to_vec();
    late[32] = 0x80;
    let shown = [
        read_notification(&[0; 27]),
        read_notification(&[0; 40]),
        read_notification(&damaged),
        read_notification(&late),
        read_notification(&good[4..good.len() - 1]),
    ];
    let shown: Vec<_> = shown.map(|read| read.unwrap_err().to_string()).into();
    expect![[r#"
        notification: record ends at byte 20: 8 more bytes expected, 7 left
        notification without a membership; expected version 2, which releases since 3.5 send
        membership in a notification: line 1: not a key for members; allowed: server.N, group.N, weight.N
        epoch 2147483649; expected at most 2147483647
        notification: record ends at byte 44: 36 more bytes expected, 35 left"#]]
    .assert_eq(&shown.join("\n"));
}

fn zxid() -> impl Strategy<Value = Zxid> {
    (0..=i64::MAX.cast_unsigned()).prop_map(Zxid)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    (0..=Epoch::MAX.0).prop_map(Epoch)
}

fn server() -> impl Strategy<Value = ServerId> {
    (0..=i64::MAX.cast_unsigned()).prop_map(ServerId)
}

fn membership() -> impl Strategy<Value = Arc<Membership>> {
    let members = prop::collection::btree_map(0..9_u64, (1..9_u16, any::<bool>()), 1..4);
    (members, zxid()).prop_map(|(members, version)| {
        let line = |(id, (port, votes)): (&u64, &(u16, bool))| {
            let role = if *votes { "participant" } else { "observer" };
            format!("server.{id}=h{id}:{port}:{}:{role}\n", port + 10)
        };
        let lines: String = members.iter().map(line).collect();
        Arc::new(Membership::parse(&format!("{lines}version={:x}", version.0)).unwrap())
    })
}

/// A transaction, sometimes a reconfiguration.
fn txn() -> impl Strategy<Value = Txn> {
    use zoarium_proto::txn::Txn as Change;
    let header = (any::<i64>(), any::<i32>(), zxid(), any::<i64>());
    (header, option::of(membership()), "[a-zü/]{1,20}").prop_map(
        |((session, cxid, zxid, time_ms), membership, path)| {
            let header = TxnHeader { session: SessionId(session), cxid, zxid, time_ms };
            let text = membership.as_ref().map(ToString::to_string);
            let txn = match &text {
                Some(text) => {
                    let data = Some(text.as_bytes());
                    Change::Reconfig { path: path.into(), data, version: -1 }
                }
                None => Change::Delete { path: path.into(), reaped: false },
            };
            let mut bytes = Vec::new();
            LoggedTxn { header, txn, digest: None }.encode(&mut bytes);
            Txn { zxid, bytes: bytes.into(), membership }
        },
    )
}

/// A client's request with its identities, or none.
fn forward() -> impl Strategy<Value = Forward> {
    let identities = prop::collection::vec(("[a-z]{1,6}", "[a-zü:]{0,9}"), 0..3);
    let body = prop::collection::vec(any::<u8>(), 16..40);
    (body, option::of(identities)).prop_map(|(body, identities)| {
        let mut auth = Vec::new();
        if let Some(identities) = identities {
            let identities: Vec<_> =
                identities.into_iter().map(|(scheme, id)| Id::new(scheme, id)).collect();
            Identities::encode_into(&identities, &mut auth);
        }
        Forward { bytes: body.into(), auth: auth.into() }
    })
}

/// One packet of each type that a leader sends.
fn from_leader() -> impl Strategy<Value = Vec<Packet>> {
    let answer = prop::collection::vec(any::<u8>(), 9);
    (zxid(), epoch(), server(), membership(), txn(), answer).prop_map(
        |(zxid, epoch, designated, membership, txn, answer)| {
            vec![
                Packet::LeaderInfo { epoch },
                Packet::Diff { last: zxid },
                Packet::Trunc { to: zxid },
                Packet::NewLeader { epoch, membership },
                Packet::UpToDate,
                Packet::Proposal(txn.clone()),
                Packet::Commit(zxid),
                Packet::CommitAndActivate { zxid, designated },
                Packet::Inform(txn.clone()),
                Packet::InformAndActivate { designated, txn },
                Packet::Ping { zxid, touched: Bytes::new() },
                Packet::Revalidate(answer.into()),
                Packet::Sync,
                Packet::Snap { zxid },
            ]
        },
    )
}

/// One packet of each type that a learner sends.
fn from_learner() -> impl Strategy<Value = Vec<Packet>> {
    let touched = prop::collection::vec(any::<[u8; 12]>(), 0..4);
    let question = prop::collection::vec(any::<u8>(), 12);
    (zxid(), epoch(), option::of(epoch()), touched, question, forward()).prop_map(
        |(zxid, accepted, current, touched, question, forward)| {
            let info = LearnerInfo { accepted, membership_version: zxid };
            vec![
                Packet::FollowerInfo(info),
                Packet::ObserverInfo(info),
                Packet::AckEpoch { current, last: zxid },
                Packet::Ack(zxid),
                Packet::Ping { zxid, touched: touched.concat().into() },
                Packet::Revalidate(question.into()),
                Packet::Request(forward),
            ]
        },
    )
}

fn check_round_trip(packets: &[Packet], direction: Direction, cut: Index) {
    let stream = put_all(packets, direction, OWN);
    let length = whole_packets(&stream, direction, MAX).unwrap();
    assert_eq!(length, stream.len());
    assert_eq!(read_all(stream.clone().into(), direction), packets);
    let cut = cut.index(stream.len());
    let whole = whole_packets(&stream[..cut], direction, MAX).unwrap();
    let read = read_all(Bytes::copy_from_slice(&stream[..whole]), direction);
    assert!(whole <= cut && packets.starts_with(&read));
    assert_eq!(put_all(&packets[..=read.len()], direction, OWN).len().min(cut), cut);
}

/// Tries every reader, in the way a connection would; what is read must be read again as the same
/// when it is written.
fn read_as_everything(bytes: &[u8]) {
    for direction in [Direction::ToLeader, Direction::ToLearner] {
        let Ok(length) = whole_packets(bytes, direction, 256) else { continue };
        for read in Packets::new(Bytes::copy_from_slice(&bytes[..length]), direction) {
            if let Ok(Read::Packet(packet)) = read {
                let again = put_all(core::slice::from_ref(&packet), direction, OWN);
                assert_eq!(read_all(again.into(), direction), [packet]);
            }
        }
    }
    let _ = Introduction::read(bytes);
    let _ = read_txn(Bytes::copy_from_slice(bytes));
    if let Ok(notification) = read_notification(bytes) {
        let mut again = Vec::new();
        put_notification(&notification, &mut again);
        let read = read_notification(&again[4..]).unwrap();
        assert_eq!(read.vote.is_some(), notification.vote.is_some());
        assert_eq!(
            Notification { vote: None, ..read },
            Notification { vote: None, ..notification }
        );
    }
}

proptest! {
    #[test]
    fn packets_of_leaders_are_read_as_written(packets in from_leader(), cut: Index) {
        check_round_trip(&packets, Direction::ToLearner, cut);
    }

    #[test]
    fn packets_of_learners_are_read_as_written(packets in from_learner(), cut: Index) {
        check_round_trip(&packets, Direction::ToLeader, cut);
    }

    #[test]
    fn notifications_are_read_as_written(
        state in select(vec![
            PeerState::Looking, PeerState::Following, PeerState::Leading, PeerState::Observing,
        ]),
        vote in option::of((epoch(), zxid(), server())),
        round in 0..=i64::MAX.cast_unsigned(),
        membership in membership(),
    ) {
        let vote = vote.map(|(epoch, zxid, leader)| Vote { epoch, zxid, leader });
        let notification = Notification { state, vote, round: Round(round), membership };
        let mut stream = Vec::new();
        put_notification(&notification, &mut stream);
        let body = next_message(&mut Reader::new(&stream)).unwrap().unwrap();
        prop_assert_eq!(read_notification(body), Ok(notification));
    }

    #[test]
    fn random_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn packets_of_random_fields_are_read_or_refused(
        kind in -1..21_i32,
        zxid in prop_oneof![-2..3_i64, any::<i64>()],
        data in option::of(prop::collection::vec(any::<u8>(), 0..60)),
    ) {
        let mut bytes = Vec::new();
        let (data, identities) = (data.as_deref(), Identities::NONE);
        QuorumPacket { kind, zxid, data, identities }.encode(&mut bytes);
        read_as_everything(&bytes);
    }

    #[test]
    fn damaged_packets_are_read_or_refused(
        packets in prop_oneof![from_leader(), from_learner()],
        first: Index,
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let first = first.index(packets.len());
        let mut bytes = put_all(&packets[first..], Direction::ToLeader, OWN);
        for (at, value) in changes {
            let at = at.index(bytes.len().min(120));
            bytes[at] = value;
        }
        read_as_everything(&bytes);
    }
}
