//! What precedes everything else on both ports when SASL is used: on the quorum port the first
//! packet, on the election port the handshake's successor (`quorum.auth.enableSasl`).

use crate::jute::{DecodeError, Reader, next_of_stream, put_buffer};
use bytes::BufMut;

/// How far an exchange has come. Values are the wire's (`QuorumAuth.Status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum AuthStatus {
    /// More packets follow.
    InProgress = 0,
    /// The other side is who it says.
    Success = 1,
    /// It is not; the connection ends.
    Error = -1,
}

/// A step of a SASL exchange between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthPacket<'a> {
    /// How far the exchange has come.
    pub status: AuthStatus,
    /// What the mechanism says.
    pub token: Option<&'a [u8]>,
}

impl<'a> AuthPacket<'a> {
    /// What each packet begins with (`QuorumAuth.QUORUM_AUTH_MAGIC_NUMBER`). No other packet of
    /// either port does, so an acceptor can tell who does not authenticate.
    pub const MAGIC: i64 = 0x5F24_3501_3501_EDCC;
    /// Greatest length of a token in bytes; those of the usual mechanisms are far below.
    pub const TOKEN_BYTES_MAX: usize = 64 * 1024;

    /// Whether a stream begins with an auth packet; `None` if that cannot be told yet.
    pub fn is_next(bytes: &[u8]) -> Option<bool> {
        let magic = Self::MAGIC.to_be_bytes();
        match bytes.first_chunk() {
            Some(first) => Some(*first == magic),
            None if magic.starts_with(bytes) => None,
            None => Some(false),
        }
    }

    /// The next packet of a stream; `None` if not all of it is there yet.
    ///
    /// # Errors
    /// If it is none.
    pub fn next(reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        next_of_stream(reader, |reader| {
            if reader.long()? != Self::MAGIC {
                return Err(DecodeError::Malformed { what: "auth packet" });
            }
            let value = reader.int()?;
            let status = match value {
                0 => AuthStatus::InProgress,
                1 => AuthStatus::Success,
                -1 => AuthStatus::Error,
                _ => {
                    let value = value.into();
                    return Err(DecodeError::UnknownValue { what: "auth status", value });
                }
            };
            let token = reader.bounded_buffer("auth token", Self::TOKEN_BYTES_MAX)?;
            Ok(Self { status, token })
        })
    }

    /// Appends the packet.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_i64(Self::MAGIC);
        out.put_i32(self.status as i32);
        put_buffer(out, self.token);
    }
}
