//! What the servers of an ensemble of Apache's release sent each other, read and written again by
//! this crate. What is read is compared with what another decoder read; see `captures/README.md`.

#![expect(clippy::unwrap_used, reason = "a test")]

use expect_test::expect_file;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use zoarium_proto::election::{self, Addresses, Handshake, Notification, NotificationVersion};
use zoarium_proto::membership::Membership;
use zoarium_proto::quorum::{
    self, AuthPacket, ForwardedRequest, Identities, LeaderMessage, LearnerInfo, LearnerMessage,
    QuorumPacket, SNAPSHOT_SIGNATURE,
};
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{Reader, Zxid};

/// The captured streams of a port, by name.
fn captures(port: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(port);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|file| (name(file), std::fs::read(file).unwrap())).collect()
}

/// Whether the side that opened the connection is the one that sent this, and whether the capture
/// has the beginning: a name is `scenario.initiator-acceptor.connN[.midstream].from-to-to`.
fn sent_by_initiator(name: &str) -> (bool, bool) {
    let parts: Vec<_> = name.split('.').collect();
    let (servers, direction) = (parts[1], parts.last().unwrap());
    let initiator = servers.split_once('-').unwrap().0;
    (direction.split_once('-').unwrap().0 == initiator, !parts.contains(&"midstream"))
}

/// Checks that what was read writes itself as it was read.
fn check_again(encode: impl FnOnce(&mut Vec<u8>), bytes: &[u8], shown: &str) {
    let mut again = Vec::new();
    encode(&mut again);
    assert_eq!(again, bytes, "{shown}");
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}

fn shown_config(text: &str) -> String {
    let membership = Membership::parse(text).unwrap();
    assert_eq!(membership.to_string(), text);
    format!("config {:x} of {} members", membership.version.0, membership.members.len())
}

fn auth_packets(reader: &mut Reader<'_>, text: &mut String) {
    while AuthPacket::is_next(reader.rest()) == Some(true) {
        let start = reader.offset();
        let packet = AuthPacket::next(reader).unwrap().unwrap();
        let length = packet.token.unwrap().len();
        let shown = format!("AUTH {} token of {length} bytes\n", packet.status as i32);
        check_again(|out| packet.encode(out), reader.since(start), &shown);
        *text += &shown;
    }
}

#[test]
fn election_port_is_read_and_written_as_apache_wrote_it() {
    let mut text = String::new();
    for (name, stream) in captures("election") {
        text += &format!("{name}\n");
        let mut reader = Reader::new(&stream);
        if sent_by_initiator(&name) == (true, true) {
            let handshake = Handshake::next(&mut reader).unwrap().unwrap();
            let shown = shown_handshake(&handshake);
            check_again(|out| handshake.encode(out), reader.since(0), &shown);
            text += &shown;
        }
        auth_packets(&mut reader, &mut text);
        while !reader.is_at_end() {
            let start = reader.offset();
            let body = election::next_message(&mut reader).unwrap().unwrap();
            let notification = Notification::decode(body).unwrap();
            let shown = shown_notification(&notification);
            check_again(|out| notification.encode(out), reader.since(start), &shown);
            text += &shown;
        }
        text += "\n";
    }
    expect_file!["captures/election.txt"].assert_eq(&text);
}

fn shown_handshake(Handshake { server, addresses }: &Handshake) -> String {
    let Addresses::One(address) = addresses else { panic!("{addresses:?}") };
    format!("handshake -65536 of server {} at {address}\n", or_none(*server))
}

fn shown_notification(notification: &Notification<'_>) -> String {
    let Notification { state, leader, zxid, election_epoch, peer_epoch, version, config } =
        notification;
    assert_eq!(*version, NotificationVersion::V2);
    format!(
        "{} leader {} zxid {} round {election_epoch} epoch {} version 2 {}\n",
        format!("{state:?}").to_uppercase(),
        or_none(*leader),
        or_none(*zxid),
        or_none(*peer_epoch),
        shown_config(config.as_ref().unwrap()),
    )
}

#[test]
fn quorum_port_is_read_and_written_as_apache_wrote_it() {
    let mut text = String::new();
    for (name, stream) in captures("quorum") {
        text += &format!("{name}\n");
        let mut reader = Reader::new(&stream);
        auth_packets(&mut reader, &mut text);
        let (from_learner, _) = sent_by_initiator(&name);
        while !reader.is_at_end() {
            let start = reader.offset();
            let max = QuorumPacket::DATA_BYTES_MAX_DEFAULT;
            let packet = QuorumPacket::next(&mut reader, max).unwrap().unwrap();
            let bytes = reader.since(start);
            check_again(|out| packet.encode(out), bytes, "packet");
            if from_learner {
                let message = LearnerMessage::decode(&packet).unwrap().unwrap();
                check_again(|out| message.encode(out), bytes, &format!("{message:?}"));
                text += &shown_learner_message(&message);
            } else {
                let message = LeaderMessage::decode(&packet).unwrap().unwrap();
                check_again(|out| message.encode(out), bytes, &format!("{message:?}"));
                text += &shown_leader_message(&message);
                if matches!(message, LeaderMessage::Snap { .. }) {
                    text += &shown_snapshot(&mut reader);
                }
            }
            text += "\n";
        }
        text += "\n";
    }
    expect_file!["captures/quorum.txt"].assert_eq(&text);
}

/// Where a snapshot ends only its loader knows; here the signature is searched.
fn shown_snapshot(reader: &mut Reader<'_>) -> String {
    let start = reader.offset();
    let mut windows = reader.rest().windows(SNAPSHOT_SIGNATURE.len());
    let text_at = windows.position(|window| window == SNAPSHOT_SIGNATURE.as_bytes()).unwrap();
    reader.raw(text_at - 4).unwrap();
    let signature_at = reader.offset();
    assert_eq!(quorum::next_snapshot_signature(reader), Ok(Some(())));
    check_again(quorum::put_snapshot_signature, reader.since(signature_at), "signature");
    format!("\nSNAPSTREAM of {} bytes", reader.offset() - start)
}

fn shown_leader_message(message: &LeaderMessage<'_>) -> String {
    match message {
        LeaderMessage::LeaderInfo { epoch, protocol_version } => {
            format!("LEADERINFO epoch {epoch} protocol {protocol_version:#x}")
        }
        LeaderMessage::Diff { zxid } => format!("DIFF {zxid}"),
        LeaderMessage::Trunc { zxid } => format!("TRUNC {zxid}"),
        LeaderMessage::Snap { zxid } => format!("SNAP {zxid}"),
        LeaderMessage::NewLeader { epoch, config } => {
            format!("NEWLEADER epoch {epoch} {}", shown_config(config.as_ref().unwrap()))
        }
        LeaderMessage::UpToDate => "UPTODATE".into(),
        LeaderMessage::Proposal { zxid, txn } => {
            format!("PROPOSAL {zxid} {}", shown_txn(*zxid, txn))
        }
        LeaderMessage::Commit { zxid } => format!("COMMIT {zxid}"),
        LeaderMessage::CommitAndActivate { zxid, designated_leader } => {
            format!("COMMITANDACTIVATE {zxid} leader {designated_leader}")
        }
        LeaderMessage::Inform { zxid, txn } => format!("INFORM {zxid} {}", shown_txn(*zxid, txn)),
        LeaderMessage::InformAndActivate { zxid, designated_leader, txn } => {
            let txn = shown_txn(*zxid, txn);
            format!("INFORMANDACTIVATE {zxid} leader {designated_leader} {txn}")
        }
        LeaderMessage::Ping { zxid } => format!("PING {zxid}"),
        LeaderMessage::Revalidate { session, valid } => {
            format!("REVALIDATE {session} {}", if *valid { "valid" } else { "invalid" })
        }
        LeaderMessage::Sync => "SYNC".into(),
    }
}

fn shown_txn(zxid: Zxid, bytes: &[u8]) -> String {
    let txn = LoggedTxn::decode(bytes).unwrap();
    check_again(|out| txn.encode(out), bytes, "transaction");
    let header = txn.header;
    assert_eq!(header.zxid, zxid);
    format!(
        "{} session {} cxid {} time {} digest {}",
        format!("{:?}", txn.txn.kind()).to_lowercase(),
        header.session,
        header.cxid,
        header.time_ms,
        or_none(txn.digest.map(|digest| format!("{:#x}", digest.value))),
    )
}

fn shown_learner_message(message: &LearnerMessage<'_>) -> String {
    match message {
        LearnerMessage::FollowerInfo { accepted_epoch, info } => {
            format!("FOLLOWERINFO epoch {} {}", or_none(*accepted_epoch), shown_info(info))
        }
        LearnerMessage::ObserverInfo { accepted_epoch, info } => {
            format!("OBSERVERINFO epoch {} {}", or_none(*accepted_epoch), shown_info(info))
        }
        LearnerMessage::AckEpoch { last_zxid, current_epoch } => {
            format!("ACKEPOCH {} epoch {}", or_none(*last_zxid), or_none(*current_epoch))
        }
        LearnerMessage::Ack { zxid } => format!("ACK {zxid}"),
        LearnerMessage::Ping { zxid, touches } => {
            let touches: String = touches
                .iter()
                .map(|(session, timeout_ms)| format!(" {session}:{timeout_ms}"))
                .collect();
            format!("PING {zxid}{touches}")
        }
        LearnerMessage::Revalidate { session, timeout_ms } => {
            format!("REVALIDATE {session} timeout {timeout_ms}")
        }
        LearnerMessage::Request(request) => shown_request(request),
    }
}

fn shown_info(info: &LearnerInfo) -> String {
    let LearnerInfo { server, protocol_version, config_version } = info;
    format!("server {} protocol {protocol_version:#x} config {config_version}", or_none(*server))
}

fn shown_request(request: &ForwardedRequest<'_>) -> String {
    let ForwardedRequest { session, cxid, kind, body, identities } = request;
    let shown = if *identities == Identities::NONE {
        "none".into()
    } else {
        let each: Vec<_> = identities.iter().map(|id| format!("{}:{}", id.scheme, id.id)).collect();
        each.join(",")
    };
    let length = body.len();
    format!(
        "REQUEST session {session} cxid {cxid} op {kind} body of {length} bytes identities {shown}"
    )
}
