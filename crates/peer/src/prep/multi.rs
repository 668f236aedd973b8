//! Several writes in one transaction.

use super::{Context, Decision, Prep, put_part};
use alloc::vec::Vec;
use bytes::BufMut;
use zoarium_proto::jute::length;
use zoarium_proto::multi::MultiRequest;
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
        let mut failed = None;
        out.put_i32(length(writes.len()));
        for write in &writes {
            // A null path does not fail its part but the whole, without results, as in Apache.
            if failed.is_none() && write.path().is_none() {
                self.outstanding.roll_back(cx.zxid);
                return Err(ErrorCode::MarshallingError);
            }
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
