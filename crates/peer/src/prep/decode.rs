//! Whether the records of writes can be read.

use super::Undecodable;
use zoarium_proto::create::CreateMode;
use zoarium_proto::multi::{MultiRequest, WriteOp};
use zoarium_proto::request::{
    CreateRequest, PathVersionRequest, ReconfigRequest, SetAclRequest, SetDataRequest,
};
use zoarium_proto::{DecodeError, OpCode, Reader};

/// A write of one part.
pub(super) fn decode_write<'a>(
    op: OpCode,
    reader: &mut Reader<'a>,
) -> Result<WriteOp<'a>, Undecodable> {
    let write = if op == OpCode::Delete {
        PathVersionRequest::decode(reader).map(WriteOp::Delete)
    } else if op == OpCode::SetData {
        SetDataRequest::decode(reader).map(WriteOp::SetData)
    } else {
        CreateRequest::decode(op, reader).map(|request| WriteOp::Create(op, request))
    };
    write.map_err(|_| Undecodable)
}

/// The writes of a multi; `None` if they take their place in the order and fail.
pub(super) fn decode_multi<'a>(
    reader: &mut Reader<'a>,
) -> Result<Option<MultiRequest<'a>>, Undecodable> {
    match MultiRequest::decode(reader) {
        Ok(request) => Ok(Some(request)),
        // In Apache only a create without an ACL takes no place.
        Err(DecodeError::Null { .. }) => Err(Undecodable),
        Err(_) => Ok(None),
    }
}

/// What a leader would find when it decides a client's write.
///
/// # Errors
/// [`Undecodable`]
pub(crate) fn check_decodable(op: OpCode, body: &[u8]) -> Result<(), Undecodable> {
    let mut reader = Reader::new(body);
    if op == OpCode::CloseSession {
        return Ok(());
    }
    if op == OpCode::Multi {
        return decode_multi(&mut reader).map(|_| ());
    }
    if op == OpCode::Reconfig {
        return ReconfigRequest::decode(&mut reader).map(|_| ()).map_err(|_| Undecodable);
    }
    if op == OpCode::SetAcl {
        return SetAclRequest::decode(&mut reader).map(|_| ()).map_err(|_| Undecodable);
    }
    decode_write(op, &mut reader).map(|_| ())
}

/// Whether a write makes ephemerals if it succeeds.
pub(crate) fn makes_ephemerals(op: OpCode, body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    if op == OpCode::Multi {
        let request = decode_multi(&mut reader);
        return matches!(request, Ok(Some(MultiRequest::Writes(writes)))
            if writes.iter().any(makes_ephemeral));
    }
    matches!(op, OpCode::Create | OpCode::Create2)
        && decode_write(op, &mut reader).is_ok_and(|write| makes_ephemeral(&write))
}

fn makes_ephemeral(write: &WriteOp<'_>) -> bool {
    let WriteOp::Create(_, request) = write else { return false };
    CreateMode::from_wire(request.flags).is_some_and(CreateMode::is_ephemeral)
}
