//! The stream of packets on a quorum connection.

use super::packet::read_packet;
use super::{Direction, WireError};
use crate::message::Packet;
use bytes::Bytes;
use zoarium_proto::quorum::{LearnerMessage, PROTOCOL_VERSION, PacketKind, QuorumPacket};
use zoarium_proto::{Reader, ServerId};

/// The length of LearnerInfo since 3.5.
const LEARNER_INFO_BYTES: usize = 20;

/// How many of the first `bytes` are whole packets, each with at most `bytes_max` bytes of data.
/// What follows a SNAP is no packet, so they end there.
///
/// # Errors
/// If `bytes` begin with what is no packet. What is wrong behind others is found when these are
/// read.
pub fn whole_packets(
    bytes: &[u8],
    direction: Direction,
    bytes_max: usize,
) -> Result<usize, WireError> {
    let mut reader = Reader::new(bytes);
    loop {
        match QuorumPacket::next(&mut reader, bytes_max) {
            Ok(Some(packet)) => {
                let is_snap = packet.kind() == Some(PacketKind::Snap);
                if is_snap && direction == Direction::ToLearner {
                    return Ok(reader.offset());
                }
            }
            Ok(None) => return Ok(reader.offset()),
            Err(_) if reader.offset() > 0 => return Ok(reader.offset()),
            Err(error) => return Err(WireError::Frame(error)),
        }
    }
}

/// Reads packets in order. Their payloads share the memory they are read from.
#[derive(Clone, Debug)]
pub struct Packets {
    bytes: Bytes,
    /// How many bytes are read.
    offset: usize,
    direction: Direction,
}

/// A packet that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// It has a meaning.
    Packet(Packet),
    /// It has a type that is not sent this way. Apache's servers skip such packets, so that a
    /// later release may send them.
    Skipped {
        /// The type.
        kind: i32,
    },
}

impl Packets {
    /// Reads `bytes`, which [`whole_packets`] has measured.
    pub const fn new(bytes: Bytes, direction: Direction) -> Self {
        Self { bytes, offset: 0, direction }
    }

    fn read(&mut self) -> Result<Option<Read>, WireError> {
        let mut reader = Reader::new(&self.bytes[self.offset..]);
        let packet = QuorumPacket::next(&mut reader, usize::MAX).map_err(WireError::Frame)?;
        let Some(packet) = packet else { return Ok(None) };
        let read = read_packet(&packet, self.direction, &self.bytes)?;
        self.offset += reader.offset();
        Ok(Some(read.map_or(Read::Skipped { kind: packet.kind }, Read::Packet)))
    }
}

/// After an error there is nothing more.
impl Iterator for Packets {
    type Item = Result<Read, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if let Some(Err(_)) = read {
            self.offset = self.bytes.len();
        }
        read
    }
}

/// The first packet of a learner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Who it is.
    pub learner: ServerId,
    /// FOLLOWERINFO or OBSERVERINFO.
    pub packet: Packet,
    /// How many bytes it takes; other packets may follow.
    pub bytes: usize,
}

impl Introduction {
    /// Greatest length of the data of a packet that may be one, in bytes. Whoever connects has
    /// shown nothing yet.
    const BYTES_MAX: usize = 64;

    /// Reads the beginning of what a learner sends; `None` if not all of it is there yet.
    ///
    /// # Errors
    /// If it is no introduction of a learner since 3.5, where learners have ids.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        // Told by the type alone if possible: whoever has taken the wrong port may send less than
        // a packet and wait.
        if let Ok(kind) = Reader::new(bytes).int()
            && !is_introduction(PacketKind::from_wire(kind))
        {
            return Err(WireError::NoIntroduction { kind });
        }
        let mut reader = Reader::new(bytes);
        let packet = QuorumPacket::next(&mut reader, Self::BYTES_MAX).map_err(WireError::Frame)?;
        let Some(packet) = packet else { return Ok(None) };
        let length = packet.data.map_or(0, <[u8]>::len);
        if length != LEARNER_INFO_BYTES {
            return Err(WireError::OldLearnerInfo { bytes: length });
        }
        let no_introduction = WireError::NoIntroduction { kind: packet.kind };
        let kind = packet.kind().ok_or(no_introduction.clone())?;
        let message = LearnerMessage::decode(&packet).map_err(WireError::of(kind))?;
        let Some(
            LearnerMessage::FollowerInfo { info, .. } | LearnerMessage::ObserverInfo { info, .. },
        ) = message
        else {
            return Err(no_introduction);
        };
        if info.protocol_version < PROTOCOL_VERSION {
            return Err(WireError::OldProtocol { version: info.protocol_version });
        }
        let learner = info.server.ok_or(WireError::NoServerId)?;
        // It has no payload that would share memory.
        let read = read_packet(&packet, Direction::ToLeader, &Bytes::new())?;
        let packet = read.ok_or(no_introduction)?;
        Ok(Some(Self { learner, packet, bytes: reader.offset() }))
    }
}

const fn is_introduction(kind: Option<PacketKind>) -> bool {
    matches!(kind, Some(PacketKind::FollowerInfo | PacketKind::ObserverInfo))
}
