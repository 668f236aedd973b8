//! Requests as scenario lines: each function names one request and encodes it.

use crate::wire::{Jute, Text, XID_PING, op};

/// One ACL entry: permissions, scheme, id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acl(pub(super) i32, pub(super) &'static str, pub(super) &'static str);

/// `world:anyone:cdrwa`.
pub(super) const OPEN: &[Acl] = &[Acl(31, "world", "anyone")];
/// What digest `u:p` becomes in an ACL.
pub(super) const DIGEST_U_P: &str = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";

/// CreateMode flags.
pub(super) const PERSISTENT: i32 = 0;
pub(super) const EPHEMERAL: i32 = 1;
pub(super) const SEQUENTIAL: i32 = 2;
pub(super) const EPHEMERAL_SEQUENTIAL: i32 = 3;
pub(super) const CONTAINER: i32 = 4;
pub(super) const TTL: i32 = 5;
pub(super) const TTL_SEQUENTIAL: i32 = 6;

/// Why a mode with TTL is not answered -6 where Apache has its extended types switched off: the
/// ttl is looked at instead.
pub(super) const TTL_SERVED: &str = "createTTL needs no extendedTypesEnabled";

/// What the reader waits for after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Await {
    /// The reply with this xid; events before it are compared as well.
    Reply(i32),
    /// The server closing the connection.
    Close,
}

/// Where our answer differs from Apache's on purpose.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// Why; the same words as in `docs/differences.md`.
    pub(super) reason: &'static str,
    pub(super) ours: Ours,
}

/// Our own answer.
#[derive(Clone, Debug)]
pub(super) enum Ours {
    /// The same frames, and the connection lives.
    SameAndOpen,
    /// The same header with this error code, and no record.
    Error(i32),
    /// Exactly this after normalising.
    Exactly { frames: Vec<Vec<u8>>, closes: bool },
}

/// One request of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) label: String,
    pub(super) op: i32,
    pub(super) body: Vec<u8>,
    /// `None` takes the connection's next xid.
    pub(super) xid: Option<i32>,
    /// `None` waits for the reply with the request's xid.
    pub(super) awaits: Option<Await>,
    pub(super) expected_difference: Option<Difference>,
}

/// A request of any type and body.
pub(super) fn any(label: &str, op: i32, body: Jute) -> Request {
    Request {
        label: label.to_owned(),
        op,
        body: body.bytes(),
        xid: None,
        awaits: None,
        expected_difference: None,
    }
}

impl Request {
    /// Sends the record under another request type.
    pub(super) fn op(mut self, op: i32) -> Self {
        self.op = op;
        self.label = format!("{} as op {op}", self.label);
        self
    }

    /// Sends the request under a given xid.
    pub(super) fn xid(mut self, xid: i32) -> Self {
        self.xid = Some(xid);
        self.label = format!("{} with xid {xid}", self.label);
        self
    }

    pub(super) fn awaits(mut self, awaits: Await) -> Self {
        self.awaits = Some(awaits);
        self
    }

    /// The server is expected to close the connection.
    pub(super) fn closes(self) -> Self {
        self.awaits(Await::Close)
    }

    /// Adds words to the label.
    pub(super) fn note(mut self, words: &str) -> Self {
        self.label = format!("{} ({words})", self.label);
        self
    }

    /// Our answer differs on purpose.
    pub(super) fn ours(mut self, reason: &'static str, ours: Ours) -> Self {
        self.expected_difference = Some(Difference { reason, ours });
        self
    }

    /// Our answer is this one frame, and the connection lives.
    pub(super) fn ours_exactly(self, reason: &'static str, frame: Jute) -> Self {
        self.ours(reason, Ours::Exactly { frames: vec![frame.bytes()], closes: false })
    }

    /// Only the first `len` bytes of the record.
    pub(super) fn cut(mut self, len: usize) -> Self {
        self.body.truncate(len);
        self.label = format!("{} cut to {len} bytes", self.label);
        self
    }

    /// The record with bytes behind it.
    pub(super) fn trailing(mut self, bytes: &[u8]) -> Self {
        self.body.extend(bytes);
        self.label = format!("{} with {} more bytes", self.label, bytes.len());
        self
    }
}

fn acls(jute: Jute, acls: &[Acl]) -> Jute {
    let count = i32::try_from(acls.len()).unwrap_or(i32::MAX);
    acls.iter().fold(jute.int(count), |jute, Acl(perms, scheme, id)| {
        jute.int(*perms).text(*scheme).text(*id)
    })
}

pub(super) fn create(
    path: impl Into<Text>,
    data: impl Into<Text>,
    acl: &[Acl],
    flags: i32,
) -> Request {
    let path = path.into();
    let label = format!("create {} flags {flags}", path.shown());
    any(&label, op::CREATE, acls(Jute::new().text(path).text(data), acl).int(flags))
}

/// A plain persistent znode with data `x`.
pub(super) fn plain(path: &str) -> Request {
    create(path, "x", OPEN, PERSISTENT)
}

/// As [`create`], answered with the Stat.
pub(super) fn create2(path: &str, data: &str, flags: i32) -> Request {
    create(path, data, OPEN, flags).op(op::CREATE2)
}

pub(super) fn create_ttl(path: &str, flags: i32, ttl_ms: i64) -> Request {
    let body = acls(Jute::new().text(path).text("x"), OPEN).int(flags).long(ttl_ms);
    any(&format!("createTTL {path:?} flags {flags} ttl {ttl_ms}"), op::CREATE_TTL, body)
}

pub(super) fn delete(path: impl Into<Text>, version: i32) -> Request {
    let path = path.into();
    let label = format!("delete {} version {version}", path.shown());
    any(&label, op::DELETE, Jute::new().text(path).int(version))
}

pub(super) fn set_data(path: impl Into<Text>, data: impl Into<Text>, version: i32) -> Request {
    let (path, data) = (path.into(), data.into());
    let label = format!("setData {} {} version {version}", path.shown(), data.shown());
    any(&label, op::SET_DATA, Jute::new().text(path).text(data).int(version))
}

pub(super) fn set_acl(path: impl Into<Text>, acl: &[Acl], version: i32) -> Request {
    let path = path.into();
    let label = format!("setACL {} {acl:?} version {version}", path.shown());
    any(&label, op::SET_ACL, acls(Jute::new().text(path), acl).int(version))
}

pub(super) fn check(path: impl Into<Text>, version: i32) -> Request {
    let path = path.into();
    let label = format!("check {} version {version}", path.shown());
    any(&label, op::CHECK, Jute::new().text(path).int(version))
}

fn reading(name: &str, op: i32, path: Text, watch: bool) -> Request {
    let watched = if watch { " and watch" } else { "" };
    any(&format!("{name} {}{watched}", path.shown()), op, Jute::new().text(path).bool(watch))
}

pub(super) fn exists(path: impl Into<Text>, watch: bool) -> Request {
    reading("exists", op::EXISTS, path.into(), watch)
}

pub(super) fn data_of(path: impl Into<Text>, watch: bool) -> Request {
    reading("getData", op::GET_DATA, path.into(), watch)
}

pub(super) fn children_of(path: impl Into<Text>, watch: bool) -> Request {
    reading("getChildren", op::GET_CHILDREN, path.into(), watch)
}

pub(super) fn children2_of(path: impl Into<Text>, watch: bool) -> Request {
    reading("getChildren2", op::GET_CHILDREN2, path.into(), watch)
}

/// A request whose record is one path.
pub(super) fn path_only(name: &str, op: i32, path: impl Into<Text>) -> Request {
    let path = path.into();
    any(&format!("{name} {}", path.shown()), op, Jute::new().text(path))
}

pub(super) fn acl_of(path: impl Into<Text>) -> Request {
    path_only("getACL", op::GET_ACL, path)
}

pub(super) fn sync(path: impl Into<Text>) -> Request {
    path_only("sync", op::SYNC, path)
}

pub(super) fn add_watch(path: &str, mode: i32) -> Request {
    let body = Jute::new().text(path).int(mode);
    any(&format!("addWatch {path:?} mode {mode}"), op::ADD_WATCH, body)
}

pub(super) fn remove_watches(path: &str, kind: i32) -> Request {
    let body = Jute::new().text(path).int(kind);
    any(&format!("removeWatches {path:?} type {kind}"), op::REMOVE_WATCHES, body)
}

pub(super) fn check_watches(path: &str, kind: i32) -> Request {
    let body = Jute::new().text(path).int(kind);
    any(&format!("checkWatches {path:?} type {kind}"), op::CHECK_WATCHES, body)
}

pub(super) fn auth(scheme: impl Into<Text>, data: impl Into<Text>) -> Request {
    let (scheme, data) = (scheme.into(), data.into());
    let label = format!("auth {} {}", scheme.shown(), data.shown());
    let mut request = any(&label, op::AUTH, Jute::new().int(0).text(scheme).text(data));
    request.xid = Some(-4);
    request
}

pub(super) fn who_am_i() -> Request {
    any("whoAmI", op::WHO_AM_I, Jute::new())
}

pub(super) fn ping() -> Request {
    let mut request = any("ping", op::PING, Jute::new());
    request.xid = Some(XID_PING);
    request
}

pub(super) fn close_session() -> Request {
    any("closeSession", op::CLOSE_SESSION, Jute::new()).closes()
}

/// The header that ends a multi.
pub(super) fn multi_end(jute: Jute) -> Jute {
    jute.int(-1).byte(1).int(-1)
}

/// One operation inside a multi.
fn multi_item(jute: Jute, item: &Request) -> Jute {
    jute.int(item.op).byte(0).int(-1).raw(&item.body)
}

pub(super) fn multi<const N: usize>(items: [Request; N]) -> Request {
    let names: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
    let label = format!("multi [{}]", names.join("; "));
    any(&label, op::MULTI, multi_end(items.iter().fold(Jute::new(), multi_item)))
}

pub(super) fn multi_read<const N: usize>(items: [Request; N]) -> Request {
    let mut request = multi(items);
    request.op = op::MULTI_READ;
    request.label = request.label.replacen("multi", "multiRead", 1);
    request
}
