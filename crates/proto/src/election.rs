//! The election port: a handshake from the side that connects, then notifications both ways
//! (Apache's `QuorumCnxManager` and `FastLeaderElection`).
//!
//! Two servers keep one connection, opened by the one with the greater id. Every message but the
//! handshake has a length before it.

mod handshake;
mod notification;

use crate::jute::{DecodeError, Reader, next_of_stream};

pub use handshake::{Addresses, Handshake};
pub use notification::{Notification, NotificationVersion, PeerState};

/// Greatest length of a message in bytes (`QuorumCnxManager.PACKETMAXSIZE`).
pub const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// Greatest length of the addresses in a handshake in bytes
/// (`QuorumCnxManager.InitialMessage.maxBuffer`).
pub const ADDRESS_BYTES_MAX: usize = 2048;

/// The body of the next message of a stream; `None` if not all of it is there yet.
///
/// # Errors
/// If its length is out of bounds. The connection must then be closed; an error in the body is no
/// reason to (ZOOKEEPER-3769).
pub fn next_message<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
    next_of_stream(reader, |reader| {
        let length = bounded_length(reader, "message", MESSAGE_BYTES_MAX)?;
        reader.raw(length)
    })
}

/// A length from 1 to `max`.
fn bounded_length(
    reader: &mut Reader<'_>,
    what: &'static str,
    max: usize,
) -> Result<usize, DecodeError> {
    let offset = reader.offset();
    let length = reader.int()?;
    match usize::try_from(length) {
        Err(_) => Err(DecodeError::NegativeLength { offset, length }),
        Ok(0) => Err(DecodeError::Null { what }),
        Ok(length) if length > max => Err(DecodeError::TooLong { what, length, max }),
        Ok(length) => Ok(length),
    }
}

#[cfg(test)]
mod tests;
