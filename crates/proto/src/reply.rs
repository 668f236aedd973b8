//! What a server answers: frames with a reply header and an optional record.

use crate::jute::{DecodeError, FixedRecord, Reader, length};
use crate::{ErrorCode, Xid, Zxid};
use alloc::vec::Vec;
use bytes::BufMut;

/// Bytes of a frame's length and a reply header.
pub const REPLY_OVERHEAD: usize = 4 + ReplyHeader::WIRE_SIZE;

/// What stands before every reply and event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// The xid of the request, or [`Xid::NOTIFICATION`].
    pub xid: Xid,
    /// The transaction's zxid for a write; the last one applied for a read. Some replies have 0
    /// or −1 here.
    pub zxid: i64,
    /// 0, or an [`ErrorCode`].
    pub error: i32,
}

impl ReplyHeader {
    /// Bytes on the wire.
    pub const WIRE_SIZE: usize = 16;

    /// The header of a success.
    pub const fn ok(xid: Xid, zxid: Zxid) -> Self {
        Self { xid, zxid: zxid.to_wire(), error: 0 }
    }

    /// The header of a failure.
    pub const fn error(xid: Xid, zxid: Zxid, error: ErrorCode) -> Self {
        Self { xid, zxid: zxid.to_wire(), error: error.to_wire() }
    }

    /// Reads the record.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { xid: Xid(reader.int()?), zxid: reader.long()?, error: reader.int()? })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_slice(&self.to_wire());
    }

    fn to_wire(self) -> [u8; Self::WIRE_SIZE] {
        FixedRecord::new().int(self.xid.0).long(self.zxid).int(self.error).bytes()
    }
}

/// Appends a frame: its length, then what `fill` appends.
pub fn put_frame(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_i32(0);
    fill(out);
    let filled = length(out.len() - start - 4);
    out[start..start + 4].copy_from_slice(&filled.to_be_bytes());
}

/// Appends a frame that is a header only.
pub fn put_header_frame(out: &mut Vec<u8>, header: ReplyHeader) {
    out.put_i32(length(ReplyHeader::WIRE_SIZE));
    header.encode(out);
}
