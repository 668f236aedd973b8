//! The leader's decision: what transaction a request becomes, given the tree and all that is
//! proposed but not yet applied (Apache: `PrepRequestProcessor`).
//!
//! A request that may not be done becomes an error transaction, which takes its place in the order
//! like any other. The order of the checks is Apache's, because it decides which error a client
//! sees.

mod create;
mod decode;
mod multi;
mod outstanding;
mod reconfig;
mod session;

pub(crate) use decode::{check_decodable, makes_ephemerals};

use crate::local_sessions::Standing;
use crate::options::PeerOptions;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::BufMut;
use decode::decode_write;
use outstanding::{Outstanding, Record};
use zoarium_proto::acl::{AclList, Perms};
use zoarium_proto::create::Owner;
use zoarium_proto::multi::WriteOp;
use zoarium_proto::path;
use zoarium_proto::request::{PathVersionRequest, ReconfigRequest, SetAclRequest, SetDataRequest};
use zoarium_proto::txn::{Txn, TxnDigest, TxnHeader};
use zoarium_proto::{ErrorCode, Membership, OpCode, Reader, SessionId, Zxid};
use zoarium_tree::access::Identities;
use zoarium_tree::quota::Excess;
use zoarium_tree::{Foreseen, ForeseenWrite, Foresight, Tree};
use zoarium_zab::Zab;

/// All that a decision depends on besides the request and what is outstanding.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) options: &'a PeerOptions,
    /// `None` for a server that is alone.
    pub(crate) zab: Option<&'a Zab>,
    pub(crate) identities: &'a Identities,
    pub(crate) session: SessionId,
    /// Whether the session may ask.
    pub(crate) standing: Standing,
    pub(crate) cxid: i32,
    pub(crate) zxid: Zxid,
    pub(crate) time_ms: i64,
}

impl Context<'_> {
    fn header(&self) -> TxnHeader {
        TxnHeader { session: self.session, cxid: self.cxid, zxid: self.zxid, time_ms: self.time_ms }
    }

    fn check_access(&self, acl: AclList<'_>, perm: Perms) -> Result<(), ErrorCode> {
        if self.options.access.allows(acl, perm, self.identities) {
            Ok(())
        } else {
            Err(ErrorCode::NoAuth)
        }
    }

    const fn check_session(&self) -> Result<(), ErrorCode> {
        match self.standing {
            Standing::Global(state) => state,
            Standing::Local => Ok(()),
        }
    }

    /// Whether the session may have ephemerals.
    const fn check_owner(&self) -> Result<(), ErrorCode> {
        match self.standing {
            Standing::Global(state) => state,
            Standing::Local => Err(ErrorCode::EphemeralOnLocalSession),
        }
    }
}

/// Bytes of a [`TxnDigest`].
const DIGEST_BYTES: usize = 12;

/// A request whose record cannot be read. It takes no place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Undecodable;

/// Decides, and remembers what it has decided until that is applied.
#[derive(Debug)]
pub(crate) struct Prep {
    outstanding: Outstanding,
    /// The transaction being made; kept for its memory.
    txn: Vec<u8>,
    /// What each write of the transaction changes.
    foreseen: Vec<ForeseenWrite>,
    is_multi: bool,
    over_quota: Vec<OverQuota>,
    /// The membership that the newest transaction proposes.
    membership: Option<Arc<Membership>>,
}

/// A quota that a request exceeds.
#[derive(Clone, Debug)]
pub struct OverQuota {
    /// The path that has the quota.
    pub prefix: String,
    /// How.
    pub excess: Excess,
}

/// The record is appended to `out`; the result is the transaction's type.
type Decision = Result<OpCode, ErrorCode>;

impl Prep {
    pub(crate) fn new(tree: &Tree, digest_enabled: bool) -> Self {
        Self {
            outstanding: Outstanding::new(tree, digest_enabled),
            txn: Vec::new(),
            foreseen: Vec::new(),
            is_multi: false,
            over_quota: Vec::new(),
            membership: None,
        }
    }

    /// The encoded transaction that a client's write becomes.
    ///
    /// # Errors
    /// [`Undecodable`]
    pub(crate) fn client_write(
        &mut self,
        cx: &Context<'_>,
        op: OpCode,
        body: &[u8],
    ) -> Result<&[u8], Undecodable> {
        self.transact(cx, |prep, out| {
            let mut reader = Reader::new(body);
            if op == OpCode::Multi {
                return prep.multi(cx, &mut reader, out);
            }
            if op == OpCode::CloseSession {
                return Ok(Ok(prep.close_session(cx, out)));
            }
            if op == OpCode::Reconfig {
                let request = ReconfigRequest::decode(&mut reader).map_err(|_| Undecodable)?;
                return Ok(prep.reconfig(cx, &request, out));
            }
            if op == OpCode::SetAcl {
                let request = SetAclRequest::decode(&mut reader).map_err(|_| Undecodable)?;
                return Ok(prep.set_acl(cx, &request, out));
            }
            let write = decode_write(op, &mut reader)?;
            Ok(prep.write(cx, &write, out))
        })
    }

    /// The encoded transaction of a request that is refused.
    pub(crate) fn refuse(&mut self, cx: &Context<'_>, error: ErrorCode) -> &[u8] {
        self.certain(cx, |_, _| Err(error))
    }

    /// The encoded transaction that opens the context's session.
    pub(crate) fn create_session(&mut self, cx: &Context<'_>, timeout_ms: i32) -> &[u8] {
        self.certain(cx, |_, out| {
            Txn::CreateSession { timeout_ms }.encode_record(out);
            Ok(OpCode::CreateSession)
        })
    }

    /// The encoded transaction that ends the context's session.
    pub(crate) fn expire_session(&mut self, cx: &Context<'_>) -> &[u8] {
        self.certain(cx, |prep, out| Ok(prep.close_session(cx, out)))
    }

    /// The encoded transaction that reaps a container or TTL znode, if it still may go.
    pub(crate) fn reap(&mut self, cx: &Context<'_>, path: &str) -> &[u8] {
        self.certain(cx, |prep, out| prep.delete_reaped(cx, path, out))
    }

    fn certain(
        &mut self,
        cx: &Context<'_>,
        decide: impl FnOnce(&mut Self, &mut Vec<u8>) -> Decision,
    ) -> &[u8] {
        match self.transact(cx, |prep, out| Ok(decide(prep, out))) {
            Ok(txn) => txn,
            Err(Undecodable) => unreachable!("nothing was decoded"),
        }
    }

    /// Frames a decision with header and digest, and turns a refused one into an error
    /// transaction.
    fn transact(
        &mut self,
        cx: &Context<'_>,
        decide: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<Decision, Undecodable>,
    ) -> Result<&[u8], Undecodable> {
        self.outstanding.forget_applied(cx.tree);
        let mut out = core::mem::take(&mut self.txn);
        out.clear();
        self.foreseen.clear();
        // The type stands in the header, before the record that decides it.
        cx.header().encode(OpCode::Error, &mut out);
        let record = out.len();
        let decision = decide(self, &mut out);
        self.txn = out;
        let mut decision = decision?;
        if decision.is_ok() && self.txn.len() + DIGEST_BYTES > cx.options.txn_bytes_max {
            self.outstanding.roll_back(cx.zxid);
            self.membership = None;
            decision = Err(ErrorCode::BadArguments);
        }
        let kind = match decision {
            Ok(kind) => {
                // A closeSession without its list ends at the header, as before 3.6: whatever
                // followed would be read as the list.
                let is_bare = self.txn.len() == record;
                if let Some(value) = self.outstanding.digest().filter(|_| !is_bare) {
                    TxnDigest { version: TxnDigest::VERSION, value }.encode(&mut self.txn);
                }
                kind
            }
            Err(error) => {
                self.foreseen.clear();
                self.txn.truncate(record);
                Txn::Error { code: error.to_wire() }.encode_record(&mut self.txn);
                OpCode::Error
            }
        };
        self.is_multi = kind == OpCode::Multi;
        self.txn[record - 4..record].copy_from_slice(&kind.to_wire().to_be_bytes());
        Ok(&self.txn)
    }

    fn write(&mut self, cx: &Context<'_>, write: &WriteOp<'_>, out: &mut Vec<u8>) -> Decision {
        match write {
            WriteOp::Create(op, request) => self.create(cx, *op, request, out),
            WriteOp::Delete(request) => self.delete(cx, request, out),
            WriteOp::SetData(request) => self.set_data(cx, request, out),
            WriteOp::Check(request) => self.check(cx, request, out),
        }
    }

    fn delete(
        &mut self,
        cx: &Context<'_>,
        request: &PathVersionRequest<'_>,
        out: &mut Vec<u8>,
    ) -> Decision {
        cx.check_session()?;
        let path = request.path.as_deref().ok_or(ErrorCode::MarshallingError)?;
        let (parent_path, _) = path::split_at_last_slash(path).ok_or(ErrorCode::BadArguments)?;
        if path.contains('\0') || path::RESERVED.contains(&path) {
            return Err(ErrorCode::BadArguments);
        }
        let (path, parent_path) = (cx.tree.hashed(path), cx.tree.hashed(parent_path));
        let parent = self.outstanding.record(parent_path, cx.tree)?;
        cx.check_access(parent.acl(), Perms::DELETE)?;
        let znode = self.outstanding.record(path, cx.tree)?;
        check_version(znode.raw.version, request.version)?;
        if znode.num_children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        let write = self.outstanding.delete((path, &znode), (parent_path, parent), cx.zxid);
        self.foreseen.push(write);
        Txn::Delete { path: path.path().into(), reaped: false }.encode_record(out);
        Ok(OpCode::Delete)
    }

    fn delete_reaped(&mut self, cx: &Context<'_>, path: &str, out: &mut Vec<u8>) -> Decision {
        let (parent_path, _) = path::split_at_last_slash(path).ok_or(ErrorCode::BadArguments)?;
        let (path, parent_path) = (cx.tree.hashed(path), cx.tree.hashed(parent_path));
        let parent = self.outstanding.record(parent_path, cx.tree)?;
        let znode = self.outstanding.record(path, cx.tree)?;
        if znode.num_children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        if !is_due(cx, &znode) {
            return Err(ErrorCode::BadVersion);
        }
        let write = self.outstanding.delete((path, &znode), (parent_path, parent), cx.zxid);
        self.foreseen.push(write);
        Txn::Delete { path: path.path().into(), reaped: true }.encode_record(out);
        Ok(OpCode::DeleteContainer)
    }

    fn set_data(
        &mut self,
        cx: &Context<'_>,
        request: &SetDataRequest<'_>,
        out: &mut Vec<u8>,
    ) -> Decision {
        cx.check_session()?;
        let path = valid_path(request.path.as_deref())?;
        let hashed = cx.tree.hashed(path);
        let znode = self.outstanding.record(hashed, cx.tree)?;
        cx.check_access(znode.acl(), Perms::WRITE)?;
        self.check_quota(cx, path, 0, data_length(request.data) - znode.data_length)?;
        let version = next_version(znode.raw.version, request.version)?;
        let (data, at) = (request.data, (cx.zxid, cx.time_ms));
        let znode = self.outstanding.set_data(hashed, znode, (data, version), at);
        self.foreseen.push(ForeseenWrite::of(znode));
        Txn::SetData { path: path.into(), data: request.data, version }.encode_record(out);
        Ok(OpCode::SetData)
    }

    fn set_acl(
        &mut self,
        cx: &Context<'_>,
        request: &SetAclRequest<'_>,
        out: &mut Vec<u8>,
    ) -> Decision {
        cx.check_session()?;
        let path = valid_path(request.path.as_deref())?;
        let mut buffer = Vec::new();
        let acl = cx.options.access.fixup(request.acl, cx.identities, &mut buffer)?;
        let hashed = cx.tree.hashed(path);
        let znode = self.outstanding.record(hashed, cx.tree)?;
        cx.check_access(znode.acl(), Perms::ADMIN)?;
        let version = next_version(znode.raw.aversion, request.version)?;
        let znode = self.outstanding.set_acl(hashed, znode, (acl, version), cx.zxid);
        self.foreseen.push(ForeseenWrite::of(znode));
        Txn::SetAcl { path: path.into(), acl, version }.encode_record(out);
        Ok(OpCode::SetAcl)
    }

    /// Refuses what would exceed a hard quota, and notes what exceeds a soft one. Usage is that of
    /// the applied tree, so what is outstanding may overshoot, as in Apache.
    fn check_quota(
        &mut self,
        cx: &Context<'_>,
        path: &str,
        count: i64,
        bytes: i64,
    ) -> Result<(), ErrorCode> {
        if !cx.options.quota_enforced {
            return Ok(());
        }
        let Some(quota) = cx.tree.quota(path) else { return Ok(()) };
        for excess in quota.excess(count, bytes) {
            self.over_quota.push(OverQuota { prefix: quota.prefix.into(), excess });
            if excess.is_hard {
                return Err(ErrorCode::QuotaExceeded);
            }
        }
        Ok(())
    }

    /// The quotas exceeded since this was asked last.
    pub(crate) fn take_over_quota(&mut self) -> impl Iterator<Item = OverQuota> + '_ {
        self.over_quota.drain(..)
    }

    /// What the newest transaction changes, as far as that is known.
    pub(crate) fn take_foresight(&mut self) -> Foresight {
        // Whoever goes without digests computes none, and there are none to hand on.
        if self.outstanding.digest().is_none() {
            return Foresight::Nothing;
        }
        match self.foreseen[..] {
            [] => Foresight::Nothing,
            [write] if !self.is_multi => Foresight::Write(write),
            [..] => Foresight::Multi(core::mem::take(&mut self.foreseen)),
        }
    }

    /// The membership that the newest transaction proposes, if it does.
    pub(crate) fn take_membership(&mut self) -> Option<Arc<Membership>> {
        self.membership.take()
    }

    fn check(
        &mut self,
        cx: &Context<'_>,
        request: &PathVersionRequest<'_>,
        out: &mut Vec<u8>,
    ) -> Decision {
        cx.check_session()?;
        let path = valid_path(request.path.as_deref())?;
        let hashed = cx.tree.hashed(path);
        let znode = self.outstanding.record(hashed, cx.tree)?;
        cx.check_access(znode.acl(), Perms::READ)?;
        let version = next_version(znode.raw.version, request.version)?;
        self.foreseen.push(ForeseenWrite::of(Foreseen::NEW));
        Txn::Check { path: path.into(), version }.encode_record(out);
        Ok(OpCode::Check)
    }
}

/// Whether a childless container or TTL znode may go. It was found due in the tree some time ago,
/// and may be touched or be another znode by now. Apache asks only whether it is an ephemeral.
fn is_due(cx: &Context<'_>, znode: &Record) -> bool {
    let idle_ms = cx.time_ms.saturating_sub(znode.raw.mtime);
    match znode.owner {
        Owner::None | Owner::Session(_) => false,
        Owner::Container => {
            let never_used_ms = cx.options.container_never_used_ms();
            znode.raw.cversion > 0 || never_used_ms.is_some_and(|ms| idle_ms > ms)
        }
        Owner::Ttl(ttl_ms) => idle_ms > ttl_ms,
    }
}

fn data_length(data: Option<&[u8]>) -> i64 {
    data.map_or(0, |data| i64::try_from(data.len()).unwrap_or(i64::MAX))
}

fn valid_path(path: Option<&str>) -> Result<&str, ErrorCode> {
    let path = path.ok_or(ErrorCode::BadArguments)?;
    path::validate(path).map_err(|_| ErrorCode::BadArguments)?;
    Ok(path)
}

fn check_version(current: i32, expected: i32) -> Result<(), ErrorCode> {
    if expected == -1 || expected == current { Ok(()) } else { Err(ErrorCode::BadVersion) }
}

/// The version after `current`, if the expected one allows a change. −1 means "any" in requests,
/// so no version is ever −1.
fn next_version(current: i32, expected: i32) -> Result<i32, ErrorCode> {
    check_version(current, expected)?;
    Ok(match current.wrapping_add(1) {
        -1 => 0,
        next => next,
    })
}

/// Appends a part of a multi: its type, then its record as a buffer.
fn put_part(
    out: &mut Vec<u8>,
    decide: impl FnOnce(&mut Vec<u8>) -> Decision,
) -> Result<(), ErrorCode> {
    let start = out.len();
    out.put_i64(0);
    let decision = decide(out);
    let kind = match decision {
        Ok(kind) => kind,
        Err(error) => {
            out.truncate(start + 8);
            Txn::Error { code: error.to_wire() }.encode_record(out);
            OpCode::Error
        }
    };
    let length = zoarium_proto::jute::length(out.len() - start - 8);
    out[start..start + 4].copy_from_slice(&kind.to_wire().to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&length.to_be_bytes());
    decision.map(|_| ())
}
