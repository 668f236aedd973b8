//! The handshake that opens or renews a session. It has no headers.

use crate::jute::{DecodeError, Reader, put_boolean, put_buffer};
use crate::{SessionId, Zxid};
use bytes::BufMut;

/// A client's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRequest<'a> {
    /// 0 from every client; any value is accepted.
    pub protocol_version: i32,
    /// The newest zxid the client has seen; a server that is behind it must not serve it.
    pub last_zxid_seen: i64,
    /// The session timeout asked for, in milliseconds.
    pub timeout_ms: i32,
    /// The session to renew, or [`SessionId::NONE`] to open one.
    pub session: SessionId,
    /// The session's password when renewing.
    pub password: Option<&'a [u8]>,
    /// Whether a read-only server will do. `None` from clients older than 3.4 and several others:
    /// their request ends before this field, and the response must too.
    pub read_only: Option<bool>,
}

impl<'a> ConnectRequest<'a> {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_version: reader.int()?,
            last_zxid_seen: reader.long()?,
            timeout_ms: reader.int()?,
            session: SessionId(reader.long()?),
            password: reader.buffer()?,
            read_only: if reader.is_at_end() { None } else { Some(reader.boolean()?) },
        })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_i32(self.protocol_version);
        out.put_i64(self.last_zxid_seen);
        out.put_i32(self.timeout_ms);
        out.put_i64(self.session.0);
        put_buffer(out, self.password);
        if let Some(read_only) = self.read_only {
            put_boolean(out, read_only);
        }
    }

    /// Whether the client has seen transactions that `last_processed` does not cover.
    pub fn is_ahead_of(&self, last_processed: Zxid) -> bool {
        self.last_zxid_seen > last_processed.to_wire()
    }
}

/// The server's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// The negotiated timeout in milliseconds; 0 when the session is over.
    pub timeout_ms: i32,
    /// The session; [`SessionId::NONE`] when it is over.
    pub session: SessionId,
    /// Its password.
    pub password: [u8; 16],
    /// Whether this server is read-only; present exactly if the request had the field.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// The answer to a client whose session is over, or who does not have its password.
    pub const fn expired(read_only: Option<bool>) -> Self {
        Self { timeout_ms: 0, session: SessionId::NONE, password: [0; 16], read_only }
    }

    /// Reads the record. Its first field, a version, means nothing.
    ///
    /// # Errors
    /// If the bytes are no such record, or the password has not 16 bytes.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.int()?;
        let (timeout_ms, session) = (reader.int()?, SessionId(reader.long()?));
        let password = reader.buffer()?.ok_or(DecodeError::Null { what: "session password" })?;
        let malformed = DecodeError::Malformed { what: "session password" };
        let password = password.try_into().map_err(|_| malformed)?;
        let read_only = if reader.is_at_end() { None } else { Some(reader.boolean()?) };
        Ok(Self { timeout_ms, session, password, read_only })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_i32(0);
        out.put_i32(self.timeout_ms);
        out.put_i64(self.session.0);
        put_buffer(out, Some(&self.password));
        if let Some(read_only) = self.read_only {
            put_boolean(out, read_only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn response_is_read_as_it_was_written() {
        let session = SessionId(0x1_0000_0000_0007);
        for read_only in [None, Some(false), Some(true)] {
            let password = session.password();
            let response = ConnectResponse { timeout_ms: 4000, session, password, read_only };
            let mut bytes = Vec::new();
            response.encode(&mut bytes);
            assert_eq!(ConnectResponse::decode(&mut Reader::new(&bytes)), Ok(response));
        }
    }

    #[test]
    fn password_of_another_length_is_refused() {
        let mut bytes = Vec::new();
        bytes.put_slice(&[0; 16]);
        put_buffer(&mut bytes, Some(&[1; 15]));
        let refused = Err(DecodeError::Malformed { what: "session password" });
        assert_eq!(ConnectResponse::decode(&mut Reader::new(&bytes)), refused);
    }
}
