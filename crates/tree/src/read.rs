//! The operations that only read: one pure function from request bytes to reply bytes.
//!
//! A read runs on the connection's own task under a shared lock on the tree, and writes its reply
//! straight into the connection's output: data, listings and ACLs are copied once, from the tree
//! to the frame. The watch table has a lock of its own, taken only by requests that touch it.
//!
//! Undecodable bytes are answered with [`ErrorCode::MarshallingError`], and so is a null where a
//! path is needed, because Apache fails on it in the same place.

mod set_watches;

#[cfg(test)]
mod tests;

use crate::access::{AccessRules, Identities, put_masked};
use crate::watches::Watches;
use crate::{Tree, Znode};
use alloc::vec::Vec;
use bytes::BufMut;
use core::ops::DerefMut;
use zoarium_proto::jute::{DecodeError, Text, length, put_buffer, put_text};
use zoarium_proto::multi::{MultiHeader, MultiRequest, ReadOp};
use zoarium_proto::reply::{ReplyHeader, put_frame};
use zoarium_proto::request::{PathModeRequest, PathWatchRequest};
use zoarium_proto::watch::WatcherType;
use zoarium_proto::{ConnId, ErrorCode, OpCode, Perms, Reader, SessionId, Stat, WatchMode, Xid};

/// The largest reply, in bytes. Apache has no limit: a multiRead that names one large znode many
/// times, or a listing beyond what a frame's length can say, takes the server down. No client
/// reads as much, so the answer is [`ErrorCode::MarshallingError`].
pub const REPLY_BYTES_MAX: usize = 256 << 20;

/// What a read may look at.
#[derive(Clone, Copy, Debug)]
pub struct ReadContext<'a> {
    /// The state.
    pub tree: &'a Tree,
    /// How access is decided.
    pub rules: &'a AccessRules,
    /// Who asks.
    pub ids: &'a Identities,
    /// In which session.
    pub session: SessionId,
    /// On which connection: that is who watches belong to.
    pub conn: ConnId,
    /// The number the client gave the request.
    pub xid: Xid,
}

/// The way to the watch table. The server locks the table here, so that reads which set no watch
/// never wait for it.
pub trait WatchTable {
    /// The table, until the result is dropped.
    fn lock(&mut self) -> impl DerefMut<Target = Watches>;
}

impl WatchTable for Watches {
    fn lock(&mut self) -> impl DerefMut<Target = Self> {
        self
    }
}

/// Appends the complete answer to a request: its reply frame, and before that, for setWatches, the
/// events that make up for missed ones. `body` is what follows the request header.
///
/// An operation that is no read is answered with [`ErrorCode::Unimplemented`]; the caller sends
/// writes, ping, sync, auth and sasl elsewhere.
pub fn answer(
    op: OpCode,
    body: &[u8],
    ctx: &ReadContext<'_>,
    watches: &mut impl WatchTable,
    out: &mut Vec<u8>,
) {
    let body = &mut Reader::new(body);
    match op {
        OpCode::Exists => put_reply(ctx, out, |out| exists(ctx, body, watches, out)),
        OpCode::GetData => put_reply(ctx, out, |out| get_data(ctx, body, watches, out)),
        OpCode::GetAcl => put_reply(ctx, out, |out| get_acl(ctx, body, out)),
        OpCode::GetChildren | OpCode::GetChildren2 => {
            put_reply(ctx, out, |out| get_children(op, ctx, body, watches, out));
        }
        OpCode::GetEphemerals => put_reply(ctx, out, |out| get_ephemerals(ctx, body, out)),
        OpCode::GetAllChildrenNumber => put_reply(ctx, out, |out| count_below(ctx, body, out)),
        OpCode::MultiRead => put_reply(ctx, out, |out| multi_read(ctx, body, out)),
        OpCode::WhoAmI => put_reply(ctx, out, |out| who_am_i(ctx, out)),
        OpCode::CheckWatches => put_reply(ctx, out, |_| check_watches(ctx, body, watches)),
        OpCode::RemoveWatches => put_reply(ctx, out, |_| remove_watches(ctx, body, watches)),
        OpCode::AddWatch => put_reply(ctx, out, |out| add_watch(ctx, body, watches, out)),
        OpCode::SetWatches | OpCode::SetWatches2 => {
            let done = set_watches::catch_up(op, ctx, body, watches, out);
            put_reply(ctx, out, |_| done);
        }
        OpCode::CloseSession
        | OpCode::CreateSession
        | OpCode::Error
        | OpCode::Create
        | OpCode::Delete
        | OpCode::SetData
        | OpCode::SetAcl
        | OpCode::Sync
        | OpCode::Ping
        | OpCode::Check
        | OpCode::Multi
        | OpCode::Create2
        | OpCode::Reconfig
        | OpCode::CreateContainer
        | OpCode::DeleteContainer
        | OpCode::CreateTtl
        | OpCode::Auth
        | OpCode::Sasl => put_reply(ctx, out, |_| Err(ErrorCode::Unimplemented)),
    }
}

/// Appends a reply frame. If `fill` fails, the header says how; what `fill` has appended by then
/// stays, which only [`multi_read`] makes use of.
fn put_reply(
    ctx: &ReadContext<'_>,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), ErrorCode>,
) {
    put_frame(out, |out| {
        let zxid = ctx.tree.last_zxid();
        let start = out.len();
        ReplyHeader::ok(ctx.xid, zxid).encode(out);
        let mut done = fill(out);
        if out.len() - start > REPLY_BYTES_MAX {
            out.truncate(start + ReplyHeader::WIRE_SIZE);
            done = Err(ErrorCode::MarshallingError);
        }
        if let Err(code) = done {
            let mut header = &mut out[start..];
            ReplyHeader::error(ctx.xid, zxid, code).encode(&mut header);
        }
    });
}

impl<'a> ReadContext<'a> {
    /// The znode at `path` if it exists and the client has one of `perms` on it.
    fn find(&self, path: &str, perms: Perms) -> Result<Znode<'a>, ErrorCode> {
        let znode = self.tree.find(path).ok_or(ErrorCode::NoNode)?;
        self.check(znode, perms)?;
        Ok(znode)
    }

    fn check(&self, znode: Znode<'_>, perms: Perms) -> Result<(), ErrorCode> {
        if self.rules.allows(znode.acl(), perms, self.ids) {
            Ok(())
        } else {
            Err(ErrorCode::NoAuth)
        }
    }
}

fn exists(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    watches: &mut impl WatchTable,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let (path, watch) = path_and_watch(body)?;
    if path.contains('\0') {
        return Err(ErrorCode::BadArguments);
    }
    let znode = ctx.tree.find(&path);
    if let Some(znode) = znode {
        ctx.check(znode, Perms::READ)?;
    }
    if watch {
        // Alone among the reads, exists watches what is not there yet.
        watches.lock().register_data(ctx.conn, &path);
    }
    put_stat(out, znode.ok_or(ErrorCode::NoNode)?.stat());
    Ok(())
}

fn get_data(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    watches: &mut impl WatchTable,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let (path, watch) = path_and_watch(body)?;
    let znode = ctx.find(&path, Perms::READ)?;
    if watch {
        watches.lock().register_data(ctx.conn, &path);
    }
    put_data_and_stat(out, znode);
    Ok(())
}

fn get_children(
    op: OpCode,
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    watches: &mut impl WatchTable,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let (path, watch) = path_and_watch(body)?;
    let znode = ctx.find(&path, Perms::READ)?;
    if watch {
        watches.lock().register_child(ctx.conn, &path);
    }
    znode.encode_children(out);
    if op == OpCode::GetChildren2 {
        put_stat(out, znode.stat());
    }
    Ok(())
}

fn get_acl(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let path = path_of(body)?;
    let znode = ctx.find(&path, Perms::READ.union(Perms::ADMIN))?;
    if ctx.check(znode, Perms::ADMIN).is_ok() {
        out.put_slice(znode.acl().encoded());
    } else {
        put_masked(out, znode.acl());
    }
    put_stat(out, znode.stat());
    Ok(())
}

/// The prefix is compared as text, not by path elements, as Apache does.
fn get_ephemerals(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let prefix = body.text().map_err(undecodable)?.unwrap_or_default();
    let wants_all = matches!(prefix.trim_matches(|c| c <= ' '), "" | "/");
    let count_at = out.len();
    out.put_i32(0);
    let mut count = 0;
    for path in ctx.tree.ephemerals(ctx.session) {
        if wants_all || path.starts_with(&*prefix) {
            put_text(out, &path);
            count += 1;
        }
    }
    out[count_at..count_at + 4].copy_from_slice(&length(count).to_be_bytes());
    Ok(())
}

fn count_below(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let path = path_of(body)?;
    ctx.find(&path, Perms::READ)?;
    let count = ctx.tree.descendants_count(&path).ok_or(ErrorCode::NoNode)?;
    out.put_i32(length(count));
    Ok(())
}

/// Apache appends results as it goes, so its reply to a request it gives up has the results until
/// then and the end header: none for a multiRead of writes, and all before a null path.
fn multi_read(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let start = out.len();
    let done = match MultiRequest::decode(body).map_err(undecodable)? {
        MultiRequest::Empty => Ok(()),
        MultiRequest::Writes(_) => Err(ErrorCode::MarshallingError),
        MultiRequest::Reads(parts) => parts.iter().try_for_each(|part| match out.len() - start {
            0..REPLY_BYTES_MAX => put_read_result(ctx, part, out),
            _ => Err(ErrorCode::MarshallingError),
        }),
    };
    MultiHeader::END.encode(out);
    done
}

fn put_read_result(
    ctx: &ReadContext<'_>,
    part: &ReadOp<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let (op, request) = match part {
        ReadOp::GetData(request) => (OpCode::GetData, request),
        ReadOp::GetChildren(request) => (OpCode::GetChildren, request),
    };
    let path = request.path.as_deref().ok_or(ErrorCode::MarshallingError)?;
    match ctx.find(path, Perms::READ) {
        Err(code) => MultiHeader::encode_error(code.to_wire(), out),
        Ok(znode) => {
            MultiHeader::result(op).encode(out);
            match part {
                ReadOp::GetData(_) => put_data_and_stat(out, znode),
                ReadOp::GetChildren(_) => znode.encode_children(out),
            }
        }
    }
    Ok(())
}

fn who_am_i(ctx: &ReadContext<'_>, out: &mut Vec<u8>) -> Result<(), ErrorCode> {
    out.put_i32(length(ctx.ids.iter().count()));
    for id in ctx.ids.iter() {
        put_text(out, &id.scheme);
        put_text(out, ctx.rules.user_name(id));
    }
    Ok(())
}

fn check_watches(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    watches: &mut impl WatchTable,
) -> Result<(), ErrorCode> {
    let (path, kind) = path_and_kind(body)?;
    if watches.lock().contains(ctx.conn, &path, kind) { Ok(()) } else { Err(ErrorCode::NoWatcher) }
}

fn remove_watches(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    watches: &mut impl WatchTable,
) -> Result<(), ErrorCode> {
    let (path, kind) = path_and_kind(body)?;
    if watches.lock().remove(ctx.conn, &path, kind) { Ok(()) } else { Err(ErrorCode::NoWatcher) }
}

/// Any path will do: it need not exist, nor be one that could.
fn add_watch(
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    watches: &mut impl WatchTable,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let request = PathModeRequest::decode(body).map_err(undecodable)?;
    let mode = WatchMode::from_wire(request.mode)?;
    let path = request.path.ok_or(ErrorCode::MarshallingError)?;
    watches.lock().add(ctx.conn, &path, mode);
    // An ErrorResponse that says there is none.
    out.put_i32(0);
    Ok(())
}

fn path_and_watch<'a>(body: &mut Reader<'a>) -> Result<(Text<'a>, bool), ErrorCode> {
    let request = PathWatchRequest::decode(body).map_err(undecodable)?;
    Ok((request.path.ok_or(ErrorCode::MarshallingError)?, request.watch))
}

fn path_and_kind<'a>(body: &mut Reader<'a>) -> Result<(Text<'a>, WatcherType), ErrorCode> {
    let request = PathModeRequest::decode(body).map_err(undecodable)?;
    let kind = WatcherType::from_wire(request.mode).ok_or(ErrorCode::MarshallingError)?;
    // Nobody can watch a null path, so Apache just does not find it.
    Ok((request.path.ok_or(ErrorCode::NoWatcher)?, kind))
}

fn path_of<'a>(body: &mut Reader<'a>) -> Result<Text<'a>, ErrorCode> {
    body.text_not_null("path").map_err(undecodable)
}

fn put_data_and_stat(out: &mut Vec<u8>, znode: Znode<'_>) {
    put_buffer(out, znode.data());
    put_stat(out, znode.stat());
}

fn put_stat(out: &mut Vec<u8>, stat: Stat) {
    out.put_slice(&stat.to_wire());
}

const fn undecodable(_: DecodeError) -> ErrorCode {
    ErrorCode::MarshallingError
}
