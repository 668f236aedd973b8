//! What learners tell their leader.

use super::packet::{Identities, PacketKind, QuorumPacket, put_head, put_packet, put_packet_with};
use super::{PROTOCOL_VERSION, decode_zxid};
use crate::jute::{DecodeError, Reader, length};
use crate::{OpCode, ServerId, SessionId, Zxid};
use alloc::vec::Vec;
use bytes::BufMut;

/// The last zxid of a learner that does not trust its empty history.
const NO_HISTORY: i64 = -1;

/// How a learner introduces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnerInfo {
    /// Its id; `None` is an observer without one.
    pub server: Option<ServerId>,
    /// Its protocol; below [`PROTOCOL_VERSION`] it is older than 3.4.
    pub protocol_version: i32,
    /// The version of the membership it has committed; 0 from learners older than 3.5.
    pub config_version: Zxid,
}

impl LearnerInfo {
    /// Bytes on the wire.
    const WIRE_SIZE: usize = 20;
    /// The protocol of learners that do not tell it.
    const PROTOCOL_UNTOLD: i32 = 1;

    /// What a learner of this release says.
    pub const fn new(server: ServerId, config_version: Zxid) -> Self {
        Self { server: Some(server), protocol_version: PROTOCOL_VERSION, config_version }
    }

    /// Older learners leave fields at the end out.
    fn decode(data: Option<&[u8]>) -> Result<Self, DecodeError> {
        let mut record = Reader::new(data.unwrap_or_default());
        let server = if data.is_some() { ServerId::from_wire(record.long()?) } else { None };
        let mut protocol_version = Self::PROTOCOL_UNTOLD;
        let mut config_version = Zxid::ZERO;
        if !record.is_at_end() {
            protocol_version = record.int()?;
        }
        if !record.is_at_end() {
            config_version = decode_zxid(record.long()?)?;
        }
        Ok(Self { server, protocol_version, config_version })
    }

    fn encode(&self) -> [u8; Self::WIRE_SIZE] {
        let mut data = [0; Self::WIRE_SIZE];
        let mut out = data.as_mut_slice();
        out.put_i64(self.server.map_or(-1, ServerId::to_wire));
        out.put_i32(self.protocol_version);
        out.put_i64(self.config_version.to_wire());
        data
    }
}

/// A client's request on its way to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedRequest<'a> {
    /// Whose request.
    pub session: SessionId,
    /// The client's xid; 0 for the learner's own.
    pub cxid: i32,
    /// The operation as it came; see [`ForwardedRequest::op`].
    pub kind: i32,
    /// The record of the client's request, unchanged. To open a session it is the timeout in
    /// milliseconds, an int; to close one it is empty.
    pub body: &'a [u8],
    /// The client's identities.
    pub identities: Identities<'a>,
}

impl<'a> ForwardedRequest<'a> {
    /// Bytes before the body.
    const HEADER_SIZE: usize = 16;

    /// The operation, if it exists.
    pub const fn op(&self) -> Option<OpCode> {
        OpCode::from_wire(self.kind)
    }

    fn decode(packet: &QuorumPacket<'a>) -> Result<Self, DecodeError> {
        let mut record = packet.record("request")?;
        Ok(Self {
            session: SessionId(record.long()?),
            cxid: record.int()?,
            kind: record.int()?,
            body: record.rest(),
            identities: packet.identities,
        })
    }

    fn encode(&self, out: &mut impl BufMut) {
        put_head(out, PacketKind::Request as i32, -1);
        out.put_i32(length(Self::HEADER_SIZE + self.body.len()));
        out.put_i64(self.session.0);
        out.put_i32(self.cxid);
        out.put_i32(self.kind);
        out.put_slice(self.body);
        self.identities.put(out);
    }
}

/// The sessions that a learner has heard of since its last answer to a ping, with their timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touches<'a> {
    encoded: &'a [u8],
}

impl<'a> Touches<'a> {
    /// Bytes of one: a session and its timeout.
    const WIRE_SIZE: usize = 12;
    /// No session.
    pub const NONE: Self = Self { encoded: &[] };

    fn decode(data: Option<&'a [u8]>) -> Result<Self, DecodeError> {
        let encoded = data.unwrap_or_default();
        if encoded.len().is_multiple_of(Self::WIRE_SIZE) {
            Ok(Self { encoded })
        } else {
            Err(DecodeError::Malformed { what: "list of touched sessions" })
        }
    }

    /// Encodes sessions and their timeouts in milliseconds into `buffer`, in place of what it held.
    pub fn encode_into(
        touches: impl IntoIterator<Item = (SessionId, i32)>,
        buffer: &'a mut Vec<u8>,
    ) -> Self {
        buffer.clear();
        for (session, timeout_ms) in touches {
            buffer.put_i64(session.0);
            buffer.put_i32(timeout_ms);
        }
        Self { encoded: buffer }
    }

    /// Sessions and their timeouts in milliseconds.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, i32)> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        core::iter::from_fn(move || Some((SessionId(reader.long().ok()?), reader.int().ok()?)))
    }
}

/// A message from a learner, in the order in which a leader meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearnerMessage<'a> {
    /// FOLLOWERINFO: a follower introduces itself.
    FollowerInfo {
        /// The newest epoch it has accepted; `None` if its history is empty and must not be
        /// trusted (ZOOKEEPER-261), so that it does not know.
        accepted_epoch: Option<u32>,
        /// Who it is.
        info: LearnerInfo,
    },
    /// OBSERVERINFO: an observer introduces itself.
    ObserverInfo {
        /// The newest epoch it has accepted; `None` if its history is empty and must not be
        /// trusted (ZOOKEEPER-261), so that it does not know.
        accepted_epoch: Option<u32>,
        /// Who it is.
        info: LearnerInfo,
    },
    /// ACKEPOCH: the proposed epoch is accepted.
    AckEpoch {
        /// The last zxid in the learner's log; `None` if it is empty and must not be trusted.
        last_zxid: Option<Zxid>,
        /// The epoch of the learner's history; `None` if it had accepted the proposed epoch
        /// before or has no history. Then it must not be counted.
        current_epoch: Option<u32>,
    },
    /// ACK: all up to here is durable.
    Ack {
        /// A proposal's zxid; with counter 0 it answers NEWLEADER or UPTODATE.
        zxid: Zxid,
    },
    /// PING: the answer to the leader's.
    Ping {
        /// What the leader's had.
        zxid: Zxid,
        /// Sessions to keep alive.
        touches: Touches<'a>,
    },
    /// REVALIDATE: is this session alive? Its client has come to this learner.
    Revalidate {
        /// The session.
        session: SessionId,
        /// Its timeout in milliseconds.
        timeout_ms: i32,
    },
    /// REQUEST: a client's write or sync, or a session to open or close.
    Request(ForwardedRequest<'a>),
}

impl<'a> LearnerMessage<'a> {
    /// What a packet from a learner says; `None` if its type is not one that learners send, which
    /// Apache's leader skips.
    ///
    /// # Errors
    /// If its data is not what the type needs.
    pub fn decode(packet: &QuorumPacket<'a>) -> Result<Option<Self>, DecodeError> {
        let Some(kind) = packet.kind() else { return Ok(None) };
        let zxid = || decode_zxid(packet.zxid);
        Ok(Some(match kind {
            PacketKind::FollowerInfo => Self::FollowerInfo {
                accepted_epoch: accepted_epoch(packet.zxid),
                info: LearnerInfo::decode(packet.data)?,
            },
            PacketKind::ObserverInfo => Self::ObserverInfo {
                accepted_epoch: accepted_epoch(packet.zxid),
                info: LearnerInfo::decode(packet.data)?,
            },
            PacketKind::AckEpoch => {
                let epoch = packet.record("current epoch of a learner")?.int()?;
                let last_zxid = if packet.zxid == NO_HISTORY { None } else { Some(zxid()?) };
                Self::AckEpoch { last_zxid, current_epoch: current_epoch(epoch)? }
            }
            PacketKind::Ack => Self::Ack { zxid: zxid()? },
            PacketKind::Ping => {
                Self::Ping { zxid: zxid()?, touches: Touches::decode(packet.data)? }
            }
            PacketKind::Revalidate => {
                let mut record = packet.record("question about a session")?;
                Self::Revalidate { session: SessionId(record.long()?), timeout_ms: record.int()? }
            }
            PacketKind::Request => Self::Request(ForwardedRequest::decode(packet)?),
            PacketKind::Proposal
            | PacketKind::Commit
            | PacketKind::Sync
            | PacketKind::Inform
            | PacketKind::CommitAndActivate
            | PacketKind::NewLeader
            | PacketKind::UpToDate
            | PacketKind::Diff
            | PacketKind::Trunc
            | PacketKind::Snap
            | PacketKind::LeaderInfo
            | PacketKind::InformAndActivate => return Ok(None),
        }))
    }

    /// Appends the packet.
    ///
    /// # Panics
    /// If a request is 2 GiB or longer.
    pub fn encode(&self, out: &mut impl BufMut) {
        match self {
            Self::FollowerInfo { accepted_epoch, info } => {
                let (zxid, data) = (accepted_epoch_zxid(*accepted_epoch), info.encode());
                put_packet_with(out, PacketKind::FollowerInfo, zxid, Some(&data));
            }
            Self::ObserverInfo { accepted_epoch, info } => {
                let (zxid, data) = (accepted_epoch_zxid(*accepted_epoch), info.encode());
                put_packet_with(out, PacketKind::ObserverInfo, zxid, Some(&data));
            }
            Self::AckEpoch { last_zxid, current_epoch } => {
                let data = current_epoch.map_or(-1, u32::cast_signed).to_be_bytes();
                let last_zxid = last_zxid.map_or(NO_HISTORY, Zxid::to_wire);
                put_packet_with(out, PacketKind::AckEpoch, last_zxid, Some(&data));
            }
            Self::Ack { zxid } => put_packet(out, PacketKind::Ack, zxid.to_wire()),
            Self::Ping { zxid, touches } => {
                put_packet_with(out, PacketKind::Ping, zxid.to_wire(), Some(touches.encoded));
            }
            Self::Revalidate { session, timeout_ms } => {
                put_head(out, PacketKind::Revalidate as i32, -1);
                out.put_i32(12);
                out.put_i64(session.0);
                out.put_i32(*timeout_ms);
                Identities::NONE.put(out);
            }
            Self::Request(request) => request.encode(out),
        }
    }
}

/// An unknown epoch is sent as −1, in the high half of the zxid.
fn accepted_epoch(zxid: i64) -> Option<u32> {
    (zxid >= 0).then_some(Zxid::from_wire(zxid).epoch())
}

fn accepted_epoch_zxid(epoch: Option<u32>) -> i64 {
    Zxid::new(epoch.unwrap_or(u32::MAX), 0).to_wire()
}

fn current_epoch(value: i32) -> Result<Option<u32>, DecodeError> {
    if value == -1 {
        return Ok(None);
    }
    let unknown = |_| DecodeError::UnknownValue { what: "current epoch", value: value.into() };
    u32::try_from(value).map(Some).map_err(unknown)
}
