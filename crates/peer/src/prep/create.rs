//! Creating znodes.

use super::{Context, Decision, Prep, data_length};
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use zoarium_proto::acl::Perms;
use zoarium_proto::create::{CreateMode, Owner, TTL_MS_MAX};
use zoarium_proto::path;
use zoarium_proto::request::CreateRequest;
use zoarium_proto::txn::{CreateKind, CreateTxn, Txn};
use zoarium_proto::{ErrorCode, OpCode};
use zoarium_tree::ForeseenWrite;

impl Prep {
    pub(super) fn create(
        &mut self,
        cx: &Context<'_>,
        op: OpCode,
        request: &CreateRequest<'_>,
        out: &mut Vec<u8>,
    ) -> Decision {
        let mode = CreateMode::from_wire(request.flags).ok_or(ErrorCode::BadArguments)?;
        check_ttl(cx, mode, request.ttl_ms)?;
        if mode.is_ephemeral() { cx.check_owner() } else { cx.check_session() }?;
        let asked = request.path.as_deref().ok_or(ErrorCode::MarshallingError)?;
        let (parent_path, _) = path::split_at_last_slash(asked).ok_or(ErrorCode::BadArguments)?;
        // Only this of what may be wrong with a path counts before the ACL.
        let is_valid = path::validate(asked).is_ok();
        if !is_valid && asked.contains('\0') {
            return Err(ErrorCode::BadArguments);
        }
        let mut buffer = Vec::new();
        let acl = cx.options.access.fixup(request.acl, cx.identities, &mut buffer)?;
        let parent_path = cx.tree.hashed(parent_path);
        let parent = self.outstanding.record(parent_path, cx.tree)?;
        cx.check_access(parent.acl(), Perms::CREATE)?;
        let (path, is_valid) = if mode.is_sequential() {
            let path = format!("{asked}{}", sequence(parent.raw.cversion));
            let is_valid = path::validate(&path).is_ok();
            (Cow::Owned(path), is_valid)
        } else {
            (Cow::Borrowed(asked), is_valid)
        };
        if !is_valid {
            return Err(ErrorCode::BadArguments);
        }
        let hashed = cx.tree.hashed(&path);
        if self.outstanding.exists(hashed, cx.tree) {
            return Err(ErrorCode::NodeExists);
        }
        if matches!(parent.owner, Owner::Session(_)) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        self.check_quota(cx, &path, 1, data_length(request.data))?;
        let (kind, owner) = kind_of(op, mode, request.ttl_ms, cx);
        let (parent, parent_cversion) = self.outstanding.add_child(parent_path, parent, cx.zxid);
        let at = (cx.zxid, cx.time_ms);
        let znode = self.outstanding.create(hashed, request.data, acl, owner, at);
        self.foreseen.push(ForeseenWrite { znode, parent });
        let txn = CreateTxn { path, data: request.data, acl, kind, parent_cversion };
        let txn = Txn::Create(txn);
        txn.encode_record(out);
        Ok(txn.kind())
    }
}

fn check_ttl(cx: &Context<'_>, mode: CreateMode, ttl_ms: Option<i64>) -> Result<(), ErrorCode> {
    match (mode.is_ttl(), ttl_ms) {
        (true, _) if !cx.options.ttl_enabled => Err(ErrorCode::Unimplemented),
        (true, Some(1..=TTL_MS_MAX)) | (false, None) => Ok(()),
        (true | false, _) => Err(ErrorCode::BadArguments),
    }
}

fn kind_of(
    op: OpCode,
    mode: CreateMode,
    ttl_ms: Option<i64>,
    cx: &Context<'_>,
) -> (CreateKind, Owner) {
    if op == OpCode::CreateContainer {
        return (CreateKind::Container, Owner::Container);
    }
    if op == OpCode::CreateTtl {
        let ttl_ms = ttl_ms.unwrap_or(0).max(0);
        return (CreateKind::Ttl { ttl_ms }, Owner::Ttl(ttl_ms));
    }
    let ephemeral = mode.is_ephemeral();
    let owner = if ephemeral { Owner::Session(cx.session) } else { Owner::None };
    (CreateKind::Plain { ephemeral, with_stat: op == OpCode::Create2 }, owner)
}

/// The counter of a sequential name: ten digits, and a sign if it is negative.
fn sequence(cversion: i32) -> alloc::string::String {
    format!("{cversion:010}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_is_ten_digits_and_a_sign() {
        assert_eq!(sequence(0), "0000000000");
        assert_eq!(sequence(i32::MAX), "2147483647");
        assert_eq!(sequence(i32::MIN), "-2147483648");
        assert_eq!(sequence(-1), "-000000001");
    }
}
