//! Several writes in one transaction.

use super::decode::decode_multi;
use super::{Context, Decision, Prep, Undecodable, put_part};
use alloc::vec::Vec;
use bytes::BufMut;
use zoarium_proto::CreateMode;
use zoarium_proto::jute::length;
use zoarium_proto::multi::{MultiRequest, WriteOp};
use zoarium_proto::{ErrorCode, OpCode, Reader};

impl Prep {
    /// Decides the parts in order, each on top of those before it. The first that fails undoes
    /// them all; the transaction then says which one it was.
    ///
    /// # Errors
    /// [`Undecodable`]
    pub(super) fn multi(
        &mut self,
        cx: &Context<'_>,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Decision, Undecodable> {
        let writes = match decode_multi(reader)? {
            Some(MultiRequest::Empty) => Vec::new(),
            // A null path spoils the whole multi, whatever comes before it.
            Some(MultiRequest::Writes(writes)) if writes.iter().all(|it| it.path().is_some()) => {
                writes
            }
            Some(MultiRequest::Writes(_) | MultiRequest::Reads(_)) | None => {
                return Ok(Err(ErrorCode::MarshallingError));
            }
        };
        let mut failed = None;
        out.put_i32(length(writes.len()));
        self.foreseen.reserve(writes.len());
        for mut write in writes {
            become_part(&mut write);
            let part = put_part(out, |out| match failed {
                Some(_) => Err(ErrorCode::RuntimeInconsistency),
                None => self.write(cx, &write, out),
            });
            failed = failed.or(part.err());
        }
        if failed.is_some() {
            self.outstanding.roll_back(cx.zxid);
            self.foreseen.clear();
        }
        Ok(Ok(OpCode::Multi))
    }
}

/// Makes a write what it counts as inside a multi, where the mode of a create decides the operation
/// rather than the other way round (Apache's `Op`).
fn become_part(write: &mut WriteOp<'_>) {
    let WriteOp::Create(op, request) = write else { return };
    *op = match CreateMode::from_wire(request.flags) {
        Some(CreateMode::Container) => OpCode::CreateContainer,
        Some(mode) if mode.is_ttl() => OpCode::CreateTtl,
        Some(_) | None if *op == OpCode::CreateTtl => OpCode::Create,
        Some(_) | None => *op,
    };
    request.ttl_ms = request.ttl_ms.filter(|_| *op == OpCode::CreateTtl);
}
