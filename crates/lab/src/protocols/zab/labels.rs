//! How messages and records of Zab print: as Apache names them, zxids as `epoch.counter`.

use super::{Entry, Message, value};
use std::fmt;
use zoarium_proto::Zxid;
use zoarium_zab::{Notification, Packet, PeerState, Record, Txn};

impl Message {
    /// The epoch a message belongs to, if to one.
    pub(super) fn epoch(&self) -> Option<u32> {
        match self {
            Self::Packet { packet, .. } => epoch(packet),
            Self::Snapshot { zxid, .. } => Some(zxid.epoch()),
            Self::Vote(_) | Self::Open { .. } | Self::Opened { .. } | Self::Close { .. } => None,
        }
    }
}

fn epoch(packet: &Packet) -> Option<u32> {
    match packet {
        Packet::Proposal(txn) | Packet::Inform(txn) | Packet::InformAndActivate { txn, .. } => {
            Some(txn.zxid.epoch())
        }
        Packet::Ack(zxid)
        | Packet::Commit(zxid)
        | Packet::CommitAndActivate { zxid, .. }
        | Packet::Diff { last: zxid }
        | Packet::Trunc { to: zxid }
        | Packet::Snap { zxid } => Some(zxid.epoch()),
        Packet::NewLeader { epoch, .. } | Packet::LeaderInfo { epoch } => Some(epoch.0),
        Packet::Request(_)
        | Packet::Ping { .. }
        | Packet::Revalidate(_)
        | Packet::Sync
        | Packet::FollowerInfo(_)
        | Packet::ObserverInfo(_)
        | Packet::UpToDate
        | Packet::AckEpoch { .. } => None,
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vote(notification) => write_vote(notification, out),
            Self::Open { .. } => write!(out, "OPEN"),
            Self::Opened { .. } => write!(out, "OPENED"),
            Self::Packet { packet, .. } => write_packet(packet, out),
            Self::Snapshot { txns, .. } => write!(out, "snapshot({} commands)", txns.len()),
            Self::Close { .. } => write!(out, "CLOSE"),
        }
    }
}

fn write_vote(notification: &Notification, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let state = match notification.state {
        PeerState::Looking => "vote",
        PeerState::Following | PeerState::Observing => "follows",
        PeerState::Leading => "leads",
    };
    match notification.vote {
        None => write!(out, "{state}()"),
        Some(vote) => write!(out, "{state}(s{}, {})", vote.leader, short(vote.zxid)),
    }
}

fn write_packet(packet: &Packet, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = packet.name();
    match packet {
        Packet::Proposal(txn) | Packet::Inform(txn) | Packet::InformAndActivate { txn, .. } => {
            write!(out, "{name}({}, {})", short(txn.zxid), command(txn))
        }
        Packet::Ack(zxid) | Packet::Commit(zxid) | Packet::CommitAndActivate { zxid, .. } => {
            write!(out, "{name}({})", short(*zxid))
        }
        Packet::Diff { last } => write!(out, "{name}(to {})", short(*last)),
        Packet::Trunc { to } => write!(out, "{name}(to {})", short(*to)),
        Packet::Snap { zxid } => write!(out, "{name}({})", short(*zxid)),
        Packet::NewLeader { epoch, .. } | Packet::LeaderInfo { epoch } => {
            write!(out, "{name}({epoch})")
        }
        Packet::FollowerInfo(info) | Packet::ObserverInfo(info) => {
            write!(out, "{name}({})", info.accepted)
        }
        Packet::AckEpoch { last, .. } => write!(out, "{name}(has {})", short(*last)),
        Packet::Request(forward) => write!(out, "{name}({})", value(&forward.bytes)),
        Packet::Ping { .. } | Packet::Revalidate(_) | Packet::Sync | Packet::UpToDate => {
            write!(out, "{name}")
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.record {
            Record::AcceptedEpoch(epoch) => write!(out, "acceptedEpoch({epoch})"),
            Record::CurrentEpoch(epoch) => write!(out, "currentEpoch({epoch})"),
            Record::Append(txn) => write!(out, "log({}, {})", short(txn.zxid), command(txn)),
            Record::Truncate { to } => write!(out, "truncate(to {})", short(*to)),
            Record::Snapshot { zxid } => write!(out, "snapshot({})", short(*zxid)),
        }
    }
}

fn command(txn: &Txn) -> String {
    match &txn.membership {
        None => value(&txn.bytes).to_string(),
        Some(membership) => {
            let ids: Vec<String> = membership.participants().map(|it| it.id.to_string()).collect();
            format!("voters {}", ids.join(" "))
        }
    }
}

/// A zxid as the paper writes it: epoch and counter.
pub(super) fn short(zxid: Zxid) -> String {
    format!("{}.{}", zxid.epoch(), zxid.counter())
}
