//! What a leader tells its learners.

use super::packet::{Identities, PacketKind, QuorumPacket, put_head, put_packet, put_packet_with};
use super::{PROTOCOL_VERSION, decode_zxid};
use crate::jute::{DecodeError, Reader, Text, length, put_boolean};
use crate::{ServerId, SessionId, Zxid};
use alloc::string::String;
use bytes::BufMut;

/// A message from the leader, in the order in which a learner meets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaderMessage<'a> {
    /// LEADERINFO: the epoch that the leader proposes.
    LeaderInfo {
        /// The epoch.
        epoch: u32,
        /// The leader's protocol; [`PROTOCOL_VERSION`] from every supported release.
        protocol_version: i32,
    },
    /// DIFF: keep your history; what it lacks follows.
    Diff {
        /// The last zxid of what follows.
        zxid: Zxid,
    },
    /// TRUNC: cut your history.
    Trunc {
        /// The last zxid that stays.
        zxid: Zxid,
    },
    /// SNAP: forget your state; a snapshot follows.
    Snap {
        /// The last zxid that is in it for sure.
        zxid: Zxid,
    },
    /// NEWLEADER: the history of the epoch so far has been sent.
    NewLeader {
        /// The epoch.
        epoch: u32,
        /// The membership that the leader last saw, for [`crate::Membership::parse`]; `None` from
        /// leaders older than 3.5.
        config: Option<Text<'a>>,
    },
    /// UPTODATE: serve clients.
    UpToDate,
    /// PROPOSAL.
    Proposal {
        /// Its zxid, again in its header.
        zxid: Zxid,
        /// A [`crate::txn::LoggedTxn`].
        txn: &'a [u8],
    },
    /// COMMIT: the proposal holds.
    Commit {
        /// Which.
        zxid: Zxid,
    },
    /// COMMITANDACTIVATE: the reconfiguration holds.
    CommitAndActivate {
        /// Which proposal.
        zxid: Zxid,
        /// Who is to lead from here on.
        designated_leader: ServerId,
    },
    /// INFORM: a committed transaction, for an observer.
    Inform {
        /// Its zxid, again in its header.
        zxid: Zxid,
        /// A [`crate::txn::LoggedTxn`].
        txn: &'a [u8],
    },
    /// INFORMANDACTIVATE: a committed reconfiguration, for an observer.
    InformAndActivate {
        /// Its zxid, again in its header.
        zxid: Zxid,
        /// Who is to lead from here on.
        designated_leader: ServerId,
        /// A [`crate::txn::LoggedTxn`].
        txn: &'a [u8],
    },
    /// PING: answer with the same zxid.
    Ping {
        /// The last zxid proposed.
        zxid: Zxid,
    },
    /// REVALIDATE: whether a session is alive. Answers come in the order of the questions.
    Revalidate {
        /// The session asked about.
        session: SessionId,
        /// Whether it is alive, and the learner's from here on.
        valid: bool,
    },
    /// SYNC: all that was committed before the learner's oldest unanswered sync has been sent.
    Sync,
}

impl<'a> LeaderMessage<'a> {
    /// LEADERINFO of this release.
    pub const fn leader_info(epoch: u32) -> Self {
        Self::LeaderInfo { epoch, protocol_version: PROTOCOL_VERSION }
    }

    /// What a packet from a leader says; `None` if its type is not one that leaders send, which
    /// Apache's learners skip.
    ///
    /// # Errors
    /// If its data is not what the type needs.
    pub fn decode(packet: &QuorumPacket<'a>) -> Result<Option<Self>, DecodeError> {
        let Some(kind) = packet.kind() else { return Ok(None) };
        let zxid = || decode_zxid(packet.zxid);
        Ok(Some(match kind {
            PacketKind::LeaderInfo => Self::LeaderInfo {
                epoch: zxid()?.epoch(),
                protocol_version: packet.record("protocol version of a leader")?.int()?,
            },
            PacketKind::Diff => Self::Diff { zxid: zxid()? },
            PacketKind::Trunc => Self::Trunc { zxid: zxid()? },
            PacketKind::Snap => Self::Snap { zxid: zxid()? },
            PacketKind::NewLeader => {
                let config = packet.data.filter(|data| !data.is_empty());
                let config = config.map(String::from_utf8_lossy);
                Self::NewLeader { epoch: zxid()?.epoch(), config }
            }
            PacketKind::UpToDate => Self::UpToDate,
            PacketKind::Proposal => Self::Proposal { zxid: zxid()?, txn: txn(packet)?.rest() },
            PacketKind::Commit => Self::Commit { zxid: zxid()? },
            PacketKind::CommitAndActivate => {
                let mut record = packet.record("designated leader")?;
                let designated_leader = designated_leader(&mut record)?;
                Self::CommitAndActivate { zxid: zxid()?, designated_leader }
            }
            PacketKind::Inform => Self::Inform { zxid: zxid()?, txn: txn(packet)?.rest() },
            PacketKind::InformAndActivate => {
                let mut record = txn(packet)?;
                let designated_leader = designated_leader(&mut record)?;
                Self::InformAndActivate { zxid: zxid()?, designated_leader, txn: record.rest() }
            }
            PacketKind::Ping => Self::Ping { zxid: zxid()? },
            PacketKind::Revalidate => {
                let mut record = packet.record("answer about a session")?;
                Self::Revalidate { session: SessionId(record.long()?), valid: record.boolean()? }
            }
            PacketKind::Sync => Self::Sync,
            PacketKind::Request
            | PacketKind::Ack
            | PacketKind::FollowerInfo
            | PacketKind::ObserverInfo
            | PacketKind::AckEpoch => return Ok(None),
        }))
    }

    /// Appends the packet.
    ///
    /// # Panics
    /// If a transaction is 2 GiB or longer.
    pub fn encode(&self, out: &mut impl BufMut) {
        match self {
            Self::LeaderInfo { epoch, protocol_version } => {
                let data = protocol_version.to_be_bytes();
                put_packet_with(out, PacketKind::LeaderInfo, epoch_zxid(*epoch), Some(&data));
            }
            Self::Diff { zxid } => put_packet(out, PacketKind::Diff, zxid.to_wire()),
            Self::Trunc { zxid } => put_packet(out, PacketKind::Trunc, zxid.to_wire()),
            Self::Snap { zxid } => put_packet(out, PacketKind::Snap, zxid.to_wire()),
            Self::NewLeader { epoch, config } => {
                let config = config.as_deref().map(str::as_bytes);
                put_packet_with(out, PacketKind::NewLeader, epoch_zxid(*epoch), config);
            }
            Self::UpToDate => put_packet(out, PacketKind::UpToDate, -1),
            Self::Proposal { zxid, txn } => {
                put_packet_with(out, PacketKind::Proposal, zxid.to_wire(), Some(txn));
            }
            Self::Commit { zxid } => put_packet(out, PacketKind::Commit, zxid.to_wire()),
            Self::CommitAndActivate { zxid, designated_leader } => {
                let data = designated_leader.to_wire().to_be_bytes();
                put_packet_with(out, PacketKind::CommitAndActivate, zxid.to_wire(), Some(&data));
            }
            Self::Inform { zxid, txn } => {
                put_packet_with(out, PacketKind::Inform, zxid.to_wire(), Some(txn));
            }
            Self::InformAndActivate { zxid, designated_leader, txn } => {
                put_head(out, PacketKind::InformAndActivate as i32, zxid.to_wire());
                out.put_i32(length(size_of::<i64>() + txn.len()));
                out.put_i64(designated_leader.to_wire());
                out.put_slice(txn);
                Identities::NONE.put(out);
            }
            Self::Ping { zxid } => put_packet(out, PacketKind::Ping, zxid.to_wire()),
            Self::Revalidate { session, valid } => {
                put_head(out, PacketKind::Revalidate as i32, -1);
                out.put_i32(9);
                out.put_i64(session.0);
                put_boolean(out, *valid);
                Identities::NONE.put(out);
            }
            Self::Sync => put_packet(out, PacketKind::Sync, 0),
        }
    }
}

fn epoch_zxid(epoch: u32) -> i64 {
    Zxid::new(epoch, 0).to_wire()
}

fn txn<'a>(packet: &QuorumPacket<'a>) -> Result<Reader<'a>, DecodeError> {
    packet.record("transaction")
}

fn designated_leader(record: &mut Reader<'_>) -> Result<ServerId, DecodeError> {
    let value = record.long()?;
    let unknown = DecodeError::UnknownValue { what: "designated leader", value };
    ServerId::from_wire(value).ok_or(unknown)
}
