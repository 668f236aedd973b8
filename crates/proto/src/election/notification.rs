//! Notifications: a server's vote, or the leader it has.

use crate::jute::{DecodeError, Reader, Text, length};
use crate::{ServerId, Zxid};
use alloc::string::String;
use bytes::BufMut;

/// Stands for no leader, no zxid, no epoch: what a server without a vote sends.
const NO_VOTE: i64 = i64::MIN;
/// The zxid and the epoch of a server that does not trust its empty history.
const NO_HISTORY: i64 = -1;

/// Length of the form of releases before 3.4, which ends before the peer epoch.
const WITHOUT_PEER_EPOCH: usize = 28;
/// Greatest length of the forms without a version. It is that of 3.4.0 to 3.4.5, which leave the
/// last 4 bytes unused, and also that of 3.4.6, which has its version there: like Apache, this
/// code goes by the length.
const WITHOUT_VERSION: usize = 40;

/// What a server is doing. Values are the wire's (`QuorumPeer.ServerState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum PeerState {
    /// Electing a leader.
    Looking = 0,
    /// Following one.
    Following = 1,
    /// Leading.
    Leading = 2,
    /// Observing one.
    Observing = 3,
}

impl PeerState {
    /// The state with this wire value.
    pub const fn from_wire(value: i32) -> Option<Self> {
        Some(match value {
            0 => Self::Looking,
            1 => Self::Following,
            2 => Self::Leading,
            3 => Self::Observing,
            _ => return None,
        })
    }
}

/// The form of a notification. Two votes of servers that are not looking are compared by other
/// fields if one of them has version 0 (ZOOKEEPER-1805).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotificationVersion {
    /// Without a version; releases up to 3.4.
    V0,
    /// With a version.
    V1,
    /// With a configuration; since 3.5. A later version would be read as this one.
    V2,
}

impl NotificationVersion {
    const fn from_wire(value: i32) -> Self {
        match value {
            ..=0 => Self::V0,
            1 => Self::V1,
            2.. => Self::V2,
        }
    }
}

/// A server's vote while it is looking for a leader, else who its leader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification<'a> {
    /// What the sender is doing.
    pub state: PeerState,
    /// Whom it votes for or has as leader; `None` if it does not vote.
    pub leader: Option<ServerId>,
    /// The last zxid of that leader when it was elected. `None` from an observer, and from a
    /// server whose empty history must not be trusted (ZOOKEEPER-261): its vote does not count.
    pub zxid: Option<Zxid>,
    /// The round of elections the sender is in or was in (its logical clock).
    pub election_epoch: u64,
    /// The leader's epoch: `currentEpoch` while looking, else the new one. `None` where the zxid
    /// is.
    pub peer_epoch: Option<u32>,
    /// The form in which it came.
    pub version: NotificationVersion,
    /// The sender's committed membership, for [`crate::Membership::parse`]. `None` before V2.
    pub config: Option<Text<'a>>,
}

impl<'a> Notification<'a> {
    /// Reads a message's body.
    ///
    /// # Errors
    /// If it is no notification; it is to be dropped then, and the connection kept
    /// (ZOOKEEPER-3769).
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let state = reader.int()?;
        let state = PeerState::from_wire(state)
            .ok_or(DecodeError::UnknownValue { what: "peer state", value: state.into() })?;
        let leader = decode_leader(reader.long()?)?;
        let zxid = reader.long()?;
        let zxid = (zxid >= 0).then_some(Zxid::from_wire(zxid));
        let election_epoch = reader.long()?;
        let election_epoch = u64::try_from(election_epoch).map_err(|_| {
            DecodeError::UnknownValue { what: "election epoch", value: election_epoch }
        })?;
        let peer_epoch = if body.len() == WITHOUT_PEER_EPOCH {
            zxid.map(Zxid::epoch)
        } else {
            decode_peer_epoch(reader.long()?)?
        };
        let version = if body.len() <= WITHOUT_VERSION {
            NotificationVersion::V0
        } else {
            NotificationVersion::from_wire(reader.int()?)
        };
        let config = match version {
            NotificationVersion::V0 | NotificationVersion::V1 => None,
            NotificationVersion::V2 => Some(decode_config(&mut reader)?),
        };
        Ok(Self { state, leader, zxid, election_epoch, peer_epoch, version, config })
    }

    /// Appends the length and the body, always in the form [`NotificationVersion::V2`], which all
    /// supported releases send.
    ///
    /// # Panics
    /// If the configuration is 2 GiB or longer. It must be so short that the body does not exceed
    /// [`super::MESSAGE_BYTES_MAX`], or the receiver closes the connection.
    pub fn encode(&self, out: &mut impl BufMut) {
        const BEFORE_CONFIG: usize = 44;
        const CURRENT_VERSION: i32 = 2;
        let config = self.config.as_deref().unwrap_or_default();
        let none = if self.leader.is_some() { NO_HISTORY } else { NO_VOTE };
        out.put_i32(length(BEFORE_CONFIG + config.len()));
        out.put_i32(self.state as i32);
        out.put_i64(self.leader.map_or(NO_VOTE, ServerId::to_wire));
        out.put_i64(self.zxid.map_or(none, Zxid::to_wire));
        out.put_u64(self.election_epoch);
        out.put_i64(self.peer_epoch.map_or(none, i64::from));
        out.put_i32(CURRENT_VERSION);
        out.put_i32(length(config.len()));
        out.put_slice(config.as_bytes());
    }
}

fn decode_leader(value: i64) -> Result<Option<ServerId>, DecodeError> {
    if value == NO_VOTE {
        return Ok(None);
    }
    let unknown = DecodeError::UnknownValue { what: "leader", value };
    ServerId::from_wire(value).map(Some).ok_or(unknown)
}

fn decode_peer_epoch(value: i64) -> Result<Option<u32>, DecodeError> {
    if value < 0 {
        return Ok(None);
    }
    let unknown = |_| DecodeError::UnknownValue { what: "peer epoch", value };
    u32::try_from(value).map(Some).map_err(unknown)
}

fn decode_config<'a>(reader: &mut Reader<'a>) -> Result<Text<'a>, DecodeError> {
    let offset = reader.offset();
    let length = reader.int()?;
    let count =
        usize::try_from(length).map_err(|_| DecodeError::NegativeLength { offset, length })?;
    Ok(String::from_utf8_lossy(reader.raw(count)?))
}
