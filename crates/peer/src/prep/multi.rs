//! Several writes in one transaction.

use super::{Context, Decision, Prep, put_part};
use alloc::vec::Vec;
use bytes::BufMut;
use zoarium_proto::CreateMode;
use zoarium_proto::jute::length;
use zoarium_proto::multi::{MultiRequest, WriteOp};
use zoarium_proto::request::CreateRequest;
use zoarium_proto::{ErrorCode, OpCode, Reader};

impl Prep {
    /// Decides the parts in order, each on top of those before it. The first that fails undoes
    /// them all; the transaction then says which one it was.
    pub(super) fn multi(
        &mut self,
        cx: &Context<'_>,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Decision {
        let Ok(request) = MultiRequest::decode(reader) else {
            return Err(ErrorCode::MarshallingError);
        };
        let writes = match request {
            MultiRequest::Empty => Vec::new(),
            MultiRequest::Writes(writes) => writes,
            MultiRequest::Reads(_) => return Err(ErrorCode::MarshallingError),
        };
        let writes: Option<Vec<_>> = writes.into_iter().map(as_part).collect();
        let writes = writes.ok_or(ErrorCode::MarshallingError)?;
        let mut failed = None;
        out.put_i32(length(writes.len()));
        for write in &writes {
            let part = put_part(out, |out| match failed {
                Some(_) => Err(ErrorCode::RuntimeInconsistency),
                None => self.write(cx, write, out),
            });
            failed = failed.or(part.err());
        }
        if failed.is_some() {
            self.outstanding.roll_back(cx.zxid);
        }
        Ok(OpCode::Multi)
    }
}

/// A part as it counts inside a multi, where the mode of a create decides the operation rather
/// than the other way round (Apache: `MultiOperationRecord`, `Op`). `None` for what makes the
/// whole multi unreadable, whatever comes before it: a null path, and a create with a null ACL or
/// a mode that does not exist or needs a time to live.
fn as_part(write: WriteOp<'_>) -> Option<WriteOp<'_>> {
    write.path()?;
    match write {
        WriteOp::Create(OpCode::CreateTtl, request) => {
            let op = match CreateMode::from_wire(request.flags) {
                Some(mode) if mode.is_ttl() => {
                    return Some(WriteOp::Create(OpCode::CreateTtl, request));
                }
                Some(CreateMode::Container) => OpCode::CreateContainer,
                Some(_) | None => OpCode::Create,
            };
            Some(WriteOp::Create(op, CreateRequest { ttl_ms: None, ..request }))
        }
        WriteOp::Create(op, request) => {
            request.acl?;
            let mode = CreateMode::from_wire(request.flags)?;
            let op = if mode == CreateMode::Container { OpCode::CreateContainer } else { op };
            (!mode.is_ttl()).then_some(WriteOp::Create(op, request))
        }
        WriteOp::Delete(_) | WriteOp::SetData(_) | WriteOp::Check(_) => Some(write),
    }
}
