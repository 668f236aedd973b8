//! Packets of the quorum port.

use super::{Direction, WireError};
use crate::ids::Epoch;
use crate::message::{Forward, LearnerInfo, Packet, Txn};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use bytes::{BufMut, Bytes};
use zoarium_proto::quorum::{
    self as wire, Identities, LeaderMessage, LearnerMessage, PacketKind, QuorumPacket,
};
use zoarium_proto::txn::{LoggedTxn, Txn as Change};
use zoarium_proto::{DecodeError, Membership, ServerId, Zxid};

/// Appends a packet as the server `own` sends it. Only NEWLEADER, which is rare, needs memory
/// besides.
///
/// # Panics
/// If a payload is 2 GiB or longer.
pub fn put_packet(packet: &Packet, direction: Direction, own: ServerId, out: &mut impl BufMut) {
    match packet {
        Packet::Request(Forward { bytes, auth }) => {
            let identities = Identities::from_encoded(auth);
            put_raw(PacketKind::Request, bytes, identities, out);
        }
        Packet::Proposal(Txn { zxid, bytes: txn, .. }) => {
            LeaderMessage::Proposal { zxid: *zxid, txn }.encode(out);
        }
        Packet::Ack(zxid) => LearnerMessage::Ack { zxid: *zxid }.encode(out),
        Packet::Commit(zxid) => LeaderMessage::Commit { zxid: *zxid }.encode(out),
        Packet::Ping { zxid, touched } => put_ping(*zxid, touched, direction, out),
        Packet::Revalidate(bytes) => {
            put_raw(PacketKind::Revalidate, bytes, Identities::NONE, out);
        }
        Packet::Sync => LeaderMessage::Sync.encode(out),
        Packet::Inform(Txn { zxid, bytes: txn, .. }) => {
            LeaderMessage::Inform { zxid: *zxid, txn }.encode(out);
        }
        Packet::CommitAndActivate { zxid, designated } => {
            let (zxid, designated_leader) = (*zxid, *designated);
            LeaderMessage::CommitAndActivate { zxid, designated_leader }.encode(out);
        }
        Packet::NewLeader { epoch, membership } => {
            let config = Some(membership.to_string().into());
            LeaderMessage::NewLeader { epoch: epoch.0, config }.encode(out);
        }
        Packet::FollowerInfo(info) => {
            let (accepted_epoch, info) = introduce(info, own);
            LearnerMessage::FollowerInfo { accepted_epoch, info }.encode(out);
        }
        Packet::UpToDate => LeaderMessage::UpToDate.encode(out),
        Packet::Diff { last } => LeaderMessage::Diff { zxid: *last }.encode(out),
        Packet::Trunc { to } => LeaderMessage::Trunc { zxid: *to }.encode(out),
        Packet::Snap { zxid } => LeaderMessage::Snap { zxid: *zxid }.encode(out),
        Packet::ObserverInfo(info) => {
            let (accepted_epoch, info) = introduce(info, own);
            LearnerMessage::ObserverInfo { accepted_epoch, info }.encode(out);
        }
        Packet::LeaderInfo { epoch } => LeaderMessage::leader_info(epoch.0).encode(out),
        Packet::AckEpoch { current, last } => {
            let current_epoch = current.map(|epoch| epoch.0);
            LearnerMessage::AckEpoch { last_zxid: Some(*last), current_epoch }.encode(out);
        }
        Packet::InformAndActivate { designated, txn } => {
            let (zxid, designated_leader, txn) = (txn.zxid, *designated, &*txn.bytes);
            LeaderMessage::InformAndActivate { zxid, designated_leader, txn }.encode(out);
        }
    }
}

/// A learner's requests have no zxid.
const NO_ZXID: i64 = -1;

/// Appends a packet whose data is encoded already.
fn put_raw(kind: PacketKind, data: &[u8], identities: Identities<'_>, out: &mut impl BufMut) {
    let (kind, data) = (kind as i32, Some(data));
    QuorumPacket { kind, zxid: NO_ZXID, data, identities }.encode(out);
}

/// A leader's ping has no data; a learner's answer has some, be it empty.
fn put_ping(zxid: Zxid, touched: &[u8], direction: Direction, out: &mut impl BufMut) {
    let data = match direction {
        Direction::ToLeader => Some(touched),
        Direction::ToLearner => None,
    };
    let (kind, zxid) = (PacketKind::Ping as i32, zxid.to_wire());
    QuorumPacket { kind, zxid, data, identities: Identities::NONE }.encode(out);
}

fn introduce(info: &LearnerInfo, own: ServerId) -> (Option<u32>, wire::LearnerInfo) {
    (Some(info.accepted.0), wire::LearnerInfo::new(own, info.membership_version))
}

/// What a packet says; `None` if its type is not one that is sent that way, which Apache's
/// servers skip. Payloads are parts of `memory`, which the packet must have been read from.
pub(super) fn read_packet(
    packet: &QuorumPacket<'_>,
    direction: Direction,
    memory: &Bytes,
) -> Result<Option<Packet>, WireError> {
    let Some(kind) = packet.kind() else { return Ok(None) };
    let share = |part: &[u8]| memory.slice_ref(part);
    let data = || share(packet.data.unwrap_or_default());
    match direction {
        Direction::ToLeader => {
            let message = LearnerMessage::decode(packet).map_err(WireError::of(kind))?;
            message.map(|message| from_learner(&message, data, share)).transpose()
        }
        Direction::ToLearner => {
            let message = LeaderMessage::decode(packet).map_err(WireError::of(kind))?;
            message.map(|message| from_leader(message, data, share)).transpose()
        }
    }
}

fn from_learner(
    message: &LearnerMessage<'_>,
    data: impl Fn() -> Bytes,
    share: impl Fn(&[u8]) -> Bytes,
) -> Result<Packet, WireError> {
    Ok(match message {
        LearnerMessage::FollowerInfo { accepted_epoch, info } => {
            Packet::FollowerInfo(learner_info(*accepted_epoch, info))
        }
        LearnerMessage::ObserverInfo { accepted_epoch, info } => {
            Packet::ObserverInfo(learner_info(*accepted_epoch, info))
        }
        LearnerMessage::AckEpoch { last_zxid, current_epoch } => Packet::AckEpoch {
            current: current_epoch.map(Epoch),
            // Who does not trust its empty history has none.
            last: last_zxid.unwrap_or(Zxid::ZERO),
        },
        LearnerMessage::Ack { zxid } => Packet::Ack(*zxid),
        LearnerMessage::Ping { zxid, .. } => Packet::Ping { zxid: *zxid, touched: data() },
        LearnerMessage::Revalidate { .. } => Packet::Revalidate(data()),
        LearnerMessage::Request(request) => {
            let auth = share(request.identities.encoded());
            Packet::Request(Forward { bytes: data(), auth })
        }
    })
}

/// Who does not know what it has promised, because it does not trust its empty history, has
/// promised nothing.
fn learner_info(accepted_epoch: Option<u32>, info: &wire::LearnerInfo) -> LearnerInfo {
    let accepted = Epoch(accepted_epoch.unwrap_or(0));
    LearnerInfo { accepted, membership_version: info.config_version }
}

fn from_leader(
    message: LeaderMessage<'_>,
    data: impl Fn() -> Bytes,
    share: impl Fn(&[u8]) -> Bytes,
) -> Result<Packet, WireError> {
    Ok(match message {
        LeaderMessage::LeaderInfo { epoch, .. } => Packet::LeaderInfo { epoch: Epoch(epoch) },
        LeaderMessage::Diff { zxid } => Packet::Diff { last: zxid },
        LeaderMessage::Trunc { zxid } => Packet::Trunc { to: zxid },
        LeaderMessage::Snap { zxid } => Packet::Snap { zxid },
        LeaderMessage::NewLeader { epoch, config } => {
            let null = DecodeError::Null { what: "membership of a leader" };
            let text =
                config.ok_or(WireError::Packet { kind: PacketKind::NewLeader, source: null })?;
            let membership = membership(&text, "NEWLEADER")?;
            Packet::NewLeader { epoch: Epoch(epoch), membership }
        }
        LeaderMessage::UpToDate => Packet::UpToDate,
        LeaderMessage::Proposal { zxid, txn } => Packet::Proposal(txn_of(zxid, share(txn))?),
        LeaderMessage::Commit { zxid } => Packet::Commit(zxid),
        LeaderMessage::CommitAndActivate { zxid, designated_leader } => {
            Packet::CommitAndActivate { zxid, designated: designated_leader }
        }
        LeaderMessage::Inform { zxid, txn } => Packet::Inform(txn_of(zxid, share(txn))?),
        LeaderMessage::InformAndActivate { zxid, designated_leader, txn } => {
            let txn = txn_of(zxid, share(txn))?;
            Packet::InformAndActivate { designated: designated_leader, txn }
        }
        LeaderMessage::Ping { zxid } => Packet::Ping { zxid, touched: Bytes::new() },
        LeaderMessage::Revalidate { .. } => Packet::Revalidate(data()),
        LeaderMessage::Sync => Packet::Sync,
    })
}

fn txn_of(packet: Zxid, bytes: Bytes) -> Result<Txn, WireError> {
    let txn = read(packet, bytes)?;
    match txn.zxid == packet {
        true => Ok(txn),
        false => Err(WireError::OtherTxn { packet, txn: txn.zxid }),
    }
}

/// Reads a transaction as it stands in packets and in the log.
///
/// # Errors
/// If it is none, or a reconfiguration whose membership cannot be read.
pub fn read_txn(bytes: Bytes) -> Result<Txn, WireError> {
    read(Zxid::ZERO, bytes)
}

/// `shown` stands in errors for a zxid that cannot be read.
fn read(shown: Zxid, bytes: Bytes) -> Result<Txn, WireError> {
    let refused = |source| WireError::Txn { zxid: shown, source };
    // All of it is read, although only its kind is of interest: once it is logged it will be
    // applied, and then it is too late to refuse it.
    let logged = LoggedTxn::decode(&bytes).map_err(refused)?;
    let zxid = logged.header.zxid;
    let membership = match &logged.txn {
        Change::Reconfig { data, .. } => {
            let text = data.ok_or(DecodeError::Null { what: "membership" }).map_err(refused)?;
            Some(membership(&String::from_utf8_lossy(text), "a reconfiguration")?)
        }
        Change::CreateSession { .. }
        | Change::CloseSession { .. }
        | Change::Error { .. }
        | Change::Create(_)
        | Change::Delete { .. }
        | Change::SetData { .. }
        | Change::SetAcl { .. }
        | Change::Check { .. }
        | Change::Multi(_) => None,
    };
    Ok(Txn { zxid, bytes, membership })
}

fn membership(text: &str, what: &'static str) -> Result<Arc<Membership>, WireError> {
    let membership = Membership::parse(text);
    membership.map(Arc::new).map_err(|source| WireError::Membership { what, source })
}
