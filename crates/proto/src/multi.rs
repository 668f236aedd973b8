//! multi and multiRead: several requests in one, and their results.

use crate::create::CreateMode;
use crate::jute::{DecodeError, FixedRecord, Reader};
use crate::op::OpCode;
use crate::request::{CreateRequest, PathVersionRequest, PathWatchRequest, SetDataRequest};
use alloc::vec::Vec;
use bytes::BufMut;

/// What stands before each part of a multi, and after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiHeader {
    /// The operation; −1 for an error result and at the end.
    pub kind: i32,
    /// Whether this is the end.
    pub done: bool,
    /// The error of a result; −1 in requests and at the end.
    pub error: i32,
}

impl MultiHeader {
    /// Bytes on the wire.
    const WIRE_SIZE: usize = 9;

    /// The end of the sequence.
    pub const END: Self = Self { kind: -1, done: true, error: -1 };

    /// The header of a successful result.
    pub const fn result(op: OpCode) -> Self {
        Self { kind: op.to_wire(), done: false, error: 0 }
    }

    /// Appends an error result: header and record. The code is 0 for the parts before the one
    /// that failed.
    pub fn encode_error(code: i32, out: &mut impl BufMut) {
        Self { kind: -1, done: false, error: code }.encode(out);
        out.put_i32(code);
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut impl BufMut) {
        let record: [u8; Self::WIRE_SIZE] =
            FixedRecord::new().int(self.kind).boolean(self.done).int(self.error).bytes();
        out.put_slice(&record);
    }

    /// Reads the record.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(reader.raw(Self::WIRE_SIZE)?);
        Ok(Self { kind: reader.int()?, done: reader.boolean()?, error: reader.int()? })
    }
}

/// One write of a multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOp<'a> {
    /// create, create2, createContainer or createTTL.
    Create(OpCode, CreateRequest<'a>),
    /// delete.
    Delete(PathVersionRequest<'a>),
    /// setData.
    SetData(SetDataRequest<'a>),
    /// check.
    Check(PathVersionRequest<'a>),
}

impl WriteOp<'_> {
    /// Which znode; `None` is null.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Create(_, request) => request.path.as_deref(),
            Self::Delete(request) | Self::Check(request) => request.path.as_deref(),
            Self::SetData(request) => request.path.as_deref(),
        }
    }
}

/// One read of a multiRead; the watch flags are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOp<'a> {
    /// getData.
    GetData(PathWatchRequest<'a>),
    /// getChildren.
    GetChildren(PathWatchRequest<'a>),
}

/// A multi of up to so many writes is read with one allocation, of less than a kilobyte: what is larger
/// the C library's allocator gives several times slower.
const WRITES_USUAL: usize = 11;

/// The parts of a multi or multiRead. Its kind is its first part's kind, whatever the opcode that
/// carried it, and it is empty without a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiRequest<'a> {
    /// No parts.
    Empty,
    /// Writes, done all or none.
    Writes(Vec<WriteOp<'a>>),
    /// Reads.
    Reads(Vec<ReadOp<'a>>),
}

impl<'a> MultiRequest<'a> {
    /// Reads the parts up to the end header.
    ///
    /// # Errors
    /// [`DecodeError::Null`] for a create without an ACL. Another error if the bytes are no such sequence, a part may not stand in a multi,
    /// or reads and writes are mixed.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut parts = Self::Empty;
        loop {
            let header = MultiHeader::decode(reader)?;
            if header.done {
                return Ok(parts);
            }
            let unknown =
                DecodeError::UnknownValue { what: "part of a multi", value: header.kind.into() };
            let op = OpCode::from_wire(header.kind).ok_or(unknown)?;
            match Part::decode(op, reader)?.ok_or(unknown)? {
                Part::Write(write) => match &mut parts {
                    Self::Empty => {
                        let mut writes = Vec::with_capacity(WRITES_USUAL);
                        writes.push(write);
                        parts = Self::Writes(writes);
                    }
                    Self::Writes(writes) => writes.push(write),
                    Self::Reads(_) => return Err(unknown),
                },
                Part::Read(read) => match &mut parts {
                    Self::Empty => parts = Self::Reads(alloc::vec![read]),
                    Self::Reads(reads) => reads.push(read),
                    Self::Writes(_) => return Err(unknown),
                },
            }
        }
    }
}

enum Part<'a> {
    Write(WriteOp<'a>),
    Read(ReadOp<'a>),
}

impl<'a> Part<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other operations are refused alike")]
    fn decode(op: OpCode, reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match op {
            OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                let create = CreateRequest::decode(op, reader)?;
                // Apache looks at them while it reads, so no part is tried; at those of a createTTL
                // it looks later.
                if op != OpCode::CreateTtl {
                    check_create(&create)?;
                }
                Self::Write(WriteOp::Create(op, create))
            }
            OpCode::Delete => Self::Write(WriteOp::Delete(PathVersionRequest::decode(reader)?)),
            OpCode::SetData => Self::Write(WriteOp::SetData(SetDataRequest::decode(reader)?)),
            OpCode::Check => Self::Write(WriteOp::Check(PathVersionRequest::decode(reader)?)),
            OpCode::GetData => Self::Read(ReadOp::GetData(PathWatchRequest::decode(reader)?)),
            OpCode::GetChildren => {
                Self::Read(ReadOp::GetChildren(PathWatchRequest::decode(reader)?))
            }
            _ => return Ok(None),
        }))
    }
}

/// The checks of Apache's `CreateOptions`, in their order.
fn check_create(create: &CreateRequest<'_>) -> Result<(), DecodeError> {
    let unknown = DecodeError::UnknownValue { what: "create flags", value: create.flags.into() };
    let mode = CreateMode::from_wire(create.flags).ok_or(unknown)?;
    create.acl.ok_or(DecodeError::Null { what: "ACL list" })?;
    if mode.is_ttl() { Err(unknown) } else { Ok(()) }
}
