//! What happens, as lines of text.

use crate::world::World;
use std::fmt::Write;
use zoarium_proto::{ServerId, Zxid};
use zoarium_zab::{Link, Message, Notification, Output, Packet, Record, Txn};

impl World {
    pub(crate) fn trace_message(&mut self, to: ServerId, link: Link, message: &Message) {
        let line = match message {
            Message::Election(notification) => show_notification(notification),
            // Nothing but the proof of being there.
            Message::Quorum(Packet::Ping { .. }) => return,
            Message::Quorum(packet) => show_packet(packet),
        };
        self.trace.push(format!("{}>{to} {line}", link.peer));
    }

    pub(crate) fn trace_record(&mut self, id: ServerId, record: &Record) {
        let line = match record {
            Record::AcceptedEpoch(epoch) => format!("acceptedEpoch {epoch}"),
            Record::CurrentEpoch(epoch) => format!("currentEpoch {epoch}"),
            Record::Append(txn) => format!("append {}", show_txn(txn)),
            Record::Truncate { to } => format!("truncate to {to}"),
            Record::Snapshot { zxid } => format!("snapshot {zxid}"),
        };
        self.trace.push(format!("{id}: disk: {line}"));
    }

    pub(crate) fn trace_output(&mut self, id: ServerId, output: &Output) {
        let line = match output {
            Output::Looking { why } => format!("LOOKING: {why}"),
            Output::Joining { leader } => format!("joins {leader}"),
            Output::Elected => "elected".to_owned(),
            Output::Serving { leader, epoch } => format!("SERVING epoch {epoch} of {leader}"),
            Output::Deliver(txn) => format!("deliver {}", show_txn(txn)),
            Output::Truncate { to } => format!("tree truncated to {to}"),
            Output::SendSnapshot { to, zxid } => format!("sends {to} a snapshot of {zxid}"),
            Output::InstallSnapshot { zxid } => format!("tree replaced by snapshot {zxid}"),
            Output::ReadHistory { from, upto, .. } => format!("reads log {from}..{upto}"),
            Output::Disconnect { link, why } => format!("closes link with {}: {why}", link.peer),
            Output::Forwarded { from, .. } => format!("gets a request from {from}"),
            Output::Synced => "synced".to_owned(),
            Output::Activated(membership) => {
                let ids: Vec<String> = membership.members.keys().map(|id| id.to_string()).collect();
                format!("activates {} version {}", ids.join(","), membership.version)
            }
            Output::ReceiveSnapshot { .. }
            | Output::Connect { .. }
            | Output::Ping { .. }
            | Output::Revalidate { .. }
            | Output::Revalidated(_)
            | Output::Touched { .. } => return,
        };
        self.trace.push(format!("{id}: {line}"));
    }
}

fn show_notification(notification: &Notification) -> String {
    let Notification { state, vote, round, .. } = notification;
    let vote = vote.map_or("nobody".to_owned(), |vote| vote.to_string());
    format!("{state:?} round {round}: {vote}").to_lowercase()
}

fn show_txn(txn: &Txn) -> String {
    format!("{} {}", txn.zxid, String::from_utf8_lossy(&txn.bytes))
}

fn show_packet(packet: &Packet) -> String {
    let mut line = packet.name().to_owned();
    let detail = match packet {
        Packet::Proposal(txn) | Packet::Inform(txn) => show_txn(txn),
        Packet::Ack(zxid) | Packet::Commit(zxid) => zxid.to_string(),
        Packet::CommitAndActivate { zxid, designated } => format!("{zxid}, {designated} leads"),
        Packet::InformAndActivate { designated, txn } => {
            format!("{}, {designated} leads", show_txn(txn))
        }
        Packet::NewLeader { epoch, membership } if membership.version > Zxid::ZERO => {
            format!("epoch {epoch}, members of {}", membership.version)
        }
        Packet::NewLeader { epoch, .. } => format!("epoch {epoch}"),
        Packet::FollowerInfo(info) | Packet::ObserverInfo(info) => {
            format!("accepted {}", info.accepted)
        }
        Packet::Diff { last } => last.to_string(),
        Packet::Trunc { to } => to.to_string(),
        Packet::Snap { zxid } => zxid.to_string(),
        Packet::LeaderInfo { epoch } => format!("epoch {epoch}"),
        Packet::AckEpoch { current, last } => {
            let current = current.map_or("none".to_owned(), |epoch| epoch.to_string());
            format!("current {current}, last {last}")
        }
        Packet::Request(_)
        | Packet::Ping { .. }
        | Packet::Revalidate(_)
        | Packet::Sync
        | Packet::UpToDate => String::new(),
    };
    if !detail.is_empty() {
        write!(line, " {detail}").unwrap();
    }
    line
}
