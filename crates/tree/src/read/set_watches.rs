//! setWatches and setWatches2: a client that was away says which watches it had and up to which
//! transaction it knows the state.

use super::{ReadContext, WatchTable, undecodable};
use alloc::vec::Vec;
use zoarium_proto::jute::Text;
use zoarium_proto::reply::put_frame;
use zoarium_proto::request::SetWatchesRequest;
use zoarium_proto::{ErrorCode, EventType, OpCode, Reader, WatchMode, WatchedEvent, Zxid};

/// Appends an event for each one-shot watch that would have fired meanwhile, and sets the others
/// again. Persistent watches are set without looking back: their users read anew after a
/// reconnect. Neither is subject to an ACL (Apache's `DataTree.setWatches`).
pub(super) fn catch_up(
    op: OpCode,
    ctx: &ReadContext<'_>,
    body: &mut Reader<'_>,
    watches: &mut impl WatchTable,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let request = SetWatchesRequest::decode(op, body).map_err(undecodable)?;
    let is_news = |zxid: Zxid| zxid.to_wire() > request.relative_zxid;
    let mut watches = watches.lock();
    for path in request.data.iter() {
        match ctx.tree.find(&path) {
            None => put_event(out, EventType::NodeDeleted, path),
            Some(znode) if is_news(znode.raw().mzxid) => {
                put_event(out, EventType::NodeDataChanged, path);
            }
            Some(_) => watches.register_data(ctx.conn, &path),
        }
    }
    for path in request.exist.iter() {
        match ctx.tree.find(&path) {
            Some(_) => put_event(out, EventType::NodeCreated, path),
            None => watches.register_data(ctx.conn, &path),
        }
    }
    for path in request.child.iter() {
        match ctx.tree.find(&path) {
            None => put_event(out, EventType::NodeDeleted, path),
            Some(znode) if is_news(znode.raw().pzxid) => {
                put_event(out, EventType::NodeChildrenChanged, path);
            }
            Some(_) => watches.register_child(ctx.conn, &path),
        }
    }
    for path in request.persistent.iter() {
        watches.add(ctx.conn, &path, WatchMode::Persistent);
    }
    for path in request.persistent_recursive.iter() {
        watches.add(ctx.conn, &path, WatchMode::PersistentRecursive);
    }
    Ok(())
}

fn put_event(out: &mut Vec<u8>, kind: EventType, path: Text<'_>) {
    put_frame(out, |out| WatchedEvent { kind, path, zxid: None }.encode(out));
}
