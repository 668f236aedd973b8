//! Operations that change one znode, or the ensemble.

use super::awaitable;
use super::read::Data;
use crate::acl::Acl;
use crate::answers::{data, stat};
use crate::error::Error;
use crate::pending::Pending;
use crate::scope::Scope;
use std::borrow::Cow;
use std::sync::Arc;
use zoarium_proto::{SessionId, Stat, Zxid};
use zoarium_session::request::{Request, SetData};

/// See [`Client::set`](crate::Client::set).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Set<'a> {
    scope: Arc<Scope>,
    path: Cow<'a, str>,
    data: Cow<'a, [u8]>,
    version: Option<i32>,
    session: Option<SessionId>,
    is_compressed: bool,
}

impl<'a> Set<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>, data: Cow<'a, [u8]>) -> Self {
        Self { scope, path, data, version: None, session: None, is_compressed: false }
    }

    /// Only if the znode has this version.
    pub fn version(self, version: i32) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Only in this session of the client's: if that is lost, the request is not sent, and fails with
    /// [`Cause::OtherSession`](crate::Cause::OtherSession). For ephemerals of one's own, in whose
    /// place there may be somebody else's by then.
    pub fn in_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// Compresses the data with the client's codec.
    pub fn compressed(self) -> Self {
        Self { is_compressed: true, ..self }
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Stat> {
        let Self { scope, path, data, version, session, is_compressed } = self;
        let scope = scope.in_session(session);
        let data = match is_compressed {
            true => compress(&scope, &path, &data),
            false => Ok(data),
        };
        let request = data.and_then(|data| {
            let path = scope.path(path)?;
            Ok(Request::SetData(SetData { path, data: Some(data), version }))
        });
        Pending::request(scope, request, None, |answer, _| Ok(stat(answer.result?)))
    }
}

awaitable!(Set, Stat);

/// What is kept for data that is to be compressed.
pub(super) fn compress<'a>(scope: &Scope, path: &str, data: &[u8]) -> Result<Cow<'a, [u8]>, Error> {
    match &scope.codec {
        Some(codec) => Ok(codec.compress(path, data).into()),
        None => {
            let why = "compressed, but the client has no codec";
            Err(Error::Options { path: path.to_owned(), why })
        }
    }
}

/// See [`Client::set_acl`](crate::Client::set_acl).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct SetAcl<'a> {
    scope: Arc<Scope>,
    path: Cow<'a, str>,
    acl: Acl,
    version: Option<i32>,
}

impl<'a> SetAcl<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>, acl: Acl) -> Self {
        Self { scope, path, acl, version: None }
    }

    /// Only if the ACL has this version ([`Stat::aversion`]).
    pub fn version(self, version: i32) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Stat> {
        let Self { scope, path, acl, version } = self;
        let path = scope.path(path);
        let request = path.map(|path| Request::SetAcl { path, acl: acl.encoded(), version });
        Pending::request(scope, request, None, |answer, _| Ok(stat(answer.result?)))
    }
}

awaitable!(SetAcl, Stat);

/// See [`Client::reconfigure`](crate::Client::reconfigure).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Reconfigure<'a> {
    scope: Arc<Scope>,
    joining: Option<Cow<'a, str>>,
    leaving: Option<Cow<'a, str>>,
    members: Option<Cow<'a, str>>,
    version: Option<i64>,
}

impl<'a> Reconfigure<'a> {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        Self { scope, joining: None, leaving: None, members: None, version: None }
    }

    /// Servers to add or to change, as `server.N=` lines separated by commas.
    pub fn joining(self, servers: impl Into<Cow<'a, str>>) -> Self {
        Self { joining: Some(servers.into()), ..self }
    }

    /// Ids of servers to remove, separated by commas.
    pub fn leaving(self, servers: impl Into<Cow<'a, str>>) -> Self {
        Self { leaving: Some(servers.into()), ..self }
    }

    /// The whole new membership, instead of who joins and who leaves.
    pub fn members(self, servers: impl Into<Cow<'a, str>>) -> Self {
        Self { members: Some(servers.into()), ..self }
    }

    /// Only if the present configuration has this version.
    pub fn version(self, version: Zxid) -> Self {
        Self { version: Some(version.to_wire()), ..self }
    }

    /// Sends the request; the result is the new configuration. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Data> {
        let Self { scope, joining, leaving, members, version } = self;
        let request = Request::Reconfig { joining, leaving, members, version };
        Pending::request(scope, Ok(request), None, |answer, _| Ok(data(answer.result?).into()))
    }
}

awaitable!(Reconfigure, Data);
