//! What can be wrong with a peer's bytes.

use zoarium_proto::membership::TextError;
use zoarium_proto::quorum::{PROTOCOL_VERSION, PacketKind};
use zoarium_proto::{DecodeError, Zxid};

/// Bytes that no peer of the protocol sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Where a packet should begin there is none, or it is too long.
    #[error("no packet: {0}")]
    Frame(DecodeError),
    /// A packet whose data is not what its type needs.
    #[error("{}: {source}", kind.name())]
    Packet {
        /// Its type.
        kind: PacketKind,
        /// What is wrong; offsets count from the beginning of its data.
        source: DecodeError,
    },
    /// A packet whose transaction is none.
    #[error("transaction {zxid}: {source}")]
    Txn {
        /// The packet's zxid.
        zxid: Zxid,
        /// What is wrong; offsets count from the beginning of the transaction.
        source: DecodeError,
    },
    /// A packet with another transaction than it says.
    #[error("packet of {packet} has transaction {txn}")]
    OtherTxn {
        /// The packet's zxid.
        packet: Zxid,
        /// That in the transaction's header.
        txn: Zxid,
    },
    /// Text that should be a membership.
    #[error("membership in {what}: {source}")]
    Membership {
        /// Where it stands.
        what: &'static str,
        /// What is wrong with it.
        source: TextError,
    },
    /// A message of the election port that is no notification.
    #[error("notification: {0}")]
    Notification(DecodeError),
    /// A notification in the form of releases before 3.5.
    #[error("notification without a membership; expected version 2, which releases since 3.5 send")]
    OldNotification,
    /// An epoch that no zxid can have.
    #[error("epoch {value}; expected at most 2147483647")]
    Epoch {
        /// Its value.
        value: u32,
    },
    /// A connection that does not begin as a learner's does.
    #[error("the first packet has type {kind}; expected FOLLOWERINFO (11) or OBSERVERINFO (16)")]
    NoIntroduction {
        /// The type of the first packet.
        kind: i32,
    },
    /// A learner older than 3.5.
    #[error("LearnerInfo of {bytes} bytes; expected 20, which releases since 3.5 send")]
    OldLearnerInfo {
        /// The length of its record.
        bytes: usize,
    },
    /// A learner that speaks the protocol of before 3.4.
    #[error("protocol version {version:#x} of a learner; expected {PROTOCOL_VERSION:#x}")]
    OldProtocol {
        /// What it speaks.
        version: i32,
    },
    /// A learner without an id.
    #[error("learner without a server id; expected that of its myid file")]
    NoServerId,
}

impl WireError {
    pub(super) const fn of(kind: PacketKind) -> impl Fn(DecodeError) -> Self {
        move |source| Self::Packet { kind, source }
    }
}
