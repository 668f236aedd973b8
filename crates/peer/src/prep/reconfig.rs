//! Changing the ensemble.

use super::{Context, Decision, Prep};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use zoarium_proto::acl::Perms;
use zoarium_proto::membership::ChangeError;
use zoarium_proto::path::CONFIG;
use zoarium_proto::request::ReconfigRequest;
use zoarium_proto::txn::Txn;
use zoarium_proto::{ErrorCode, Membership, OpCode};
use zoarium_tree::ForeseenWrite;

/// The version of the config znode, which does not count its changes: the membership has its own.
const ZNODE_VERSION: i32 = -1;

impl Prep {
    pub(super) fn reconfig(
        &mut self,
        cx: &Context<'_>,
        request: &ReconfigRequest<'_>,
        out: &mut Vec<u8>,
    ) -> Decision {
        if !cx.options.reconfig_enabled {
            return Err(ErrorCode::ReconfigDisabled);
        }
        cx.check_session()?;
        let zab = cx.zab.ok_or(ErrorCode::Unimplemented)?;
        if zab.reconfiguring() {
            return Err(ErrorCode::ReconfigInProgress);
        }
        let current = zab.membership();
        if request.current_config != -1 && request.current_config != current.version.to_wire() {
            return Err(ErrorCode::BadVersion);
        }
        let next = wanted(cx, current, request).map_err(|error| match error.is_server_id() {
            true => ErrorCode::MarshallingError,
            false => ErrorCode::BadArguments,
        })?;
        if next.participants().count() < cx.options.ensemble.voters_min {
            return Err(ErrorCode::BadArguments);
        }
        // With servers that are not up to date the ensemble would stand still until they are.
        if !next.is_quorum(&zab.in_sync()) {
            return Err(ErrorCode::NewConfigNoQuorum);
        }
        let path = cx.tree.hashed(CONFIG);
        let znode = self.outstanding.record(path, cx.tree)?;
        cx.check_access(znode.acl(), Perms::WRITE)?;
        let text = next.to_string();
        let (data, at) = (Some(text.as_bytes()), (cx.zxid, cx.time_ms));
        let znode = self.outstanding.set_data(path, znode, (data, ZNODE_VERSION), at);
        self.foreseen.push(ForeseenWrite::of(znode));
        Txn::Reconfig { path: CONFIG.into(), data, version: ZNODE_VERSION }.encode_record(out);
        self.membership = Some(Arc::new(next));
        Ok(OpCode::Reconfig)
    }
}

fn wanted(
    cx: &Context<'_>,
    current: &Membership,
    request: &ReconfigRequest<'_>,
) -> Result<Membership, ChangeError> {
    let several_addresses = cx.options.ensemble.multi_address;
    match &request.new_members {
        Some(members) => Membership::replaced(members, several_addresses, cx.zxid),
        None => {
            let (leaving, joining) = (request.leaving.as_deref(), request.joining.as_deref());
            current.changed(leaving, joining, several_addresses, cx.zxid)
        }
    }
}
