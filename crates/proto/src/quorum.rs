//! The quorum port, between a leader and its learners.
//!
//! Packets follow each other without lengths between them; [`QuorumPacket::next`] finds where one
//! ends. What a packet says depends on the direction: [`LeaderMessage`] from the leader,
//! [`LearnerMessage`] to it. After SNAP the leader sends a snapshot of any length, which ends with
//! [`SNAPSHOT_SIGNATURE`]; with SASL, [`AuthPacket`]s come before all else.
//!
//! Epochs are below 2^31, so that no zxid is negative on the wire.

mod auth;
mod leader;
mod learner;
mod packet;

use crate::Zxid;
use crate::jute::{DecodeError, Reader, next_of_stream, put_text};
use bytes::BufMut;

pub use auth::{AuthPacket, AuthStatus};
pub use leader::LeaderMessage;
pub use learner::{ForwardedRequest, LearnerInfo, LearnerMessage, Touches};
pub use packet::{Identities, PacketKind, QuorumPacket};

/// The version of the protocol that learners and leaders tell each other since 3.4: epochs are
/// agreed on before histories (ZAB 1.0).
pub const PROTOCOL_VERSION: i32 = 0x1_0000;

/// Follows the snapshot of a SNAP sync, as a string.
pub const SNAPSHOT_SIGNATURE: &str = "BenWasHere";

/// Appends what ends the snapshot of a SNAP sync.
pub fn put_snapshot_signature(out: &mut impl BufMut) {
    put_text(out, SNAPSHOT_SIGNATURE);
}

/// Takes what ends the snapshot of a SNAP sync from a stream; `None` if not all of it is there
/// yet.
///
/// # Errors
/// If something else is there: then the snapshot is not complete.
pub fn next_snapshot_signature(reader: &mut Reader<'_>) -> Result<Option<()>, DecodeError> {
    next_of_stream(reader, |reader| {
        let malformed = DecodeError::Malformed { what: "signature at the end of a snapshot" };
        if usize::try_from(reader.int()?) != Ok(SNAPSHOT_SIGNATURE.len()) {
            return Err(malformed);
        }
        let found = reader.raw(SNAPSHOT_SIGNATURE.len())?;
        if found == SNAPSHOT_SIGNATURE.as_bytes() { Ok(()) } else { Err(malformed) }
    })
}

/// A zxid that must be one: the protocol's −1 never stands where this is read.
fn decode_zxid(value: i64) -> Result<Zxid, DecodeError> {
    let unknown = DecodeError::UnknownValue { what: "zxid", value };
    if value < 0 { Err(unknown) } else { Ok(Zxid::from_wire(value)) }
}

#[cfg(test)]
mod tests;
