//! Several writes that are all done, or none.

use super::awaitable;
use super::create::Znode;
use crate::answers::written;
use crate::error::Error;
use crate::pending::Pending;
use crate::scope::Scope;
use std::borrow::Cow;
use std::sync::Arc;
use zoarium_proto::SessionId;
use zoarium_session::reply::Written;
use zoarium_session::request::{Request, SetData, Write};

/// Several writes that are all done, or none. Each sees what those before it do.
///
/// If one is refused, the error is [`Failure::Aborted`](crate::Failure::Aborted) with its place, from
/// 0.
///
/// ```
/// # use zoarium_client::Client;
/// use zoarium_client::Znode;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// # client.transaction().create("/version").create("/jobs").await?;
/// let job = Znode::new("/jobs/job-").data(b"build").sequential();
/// let results =
///     client.transaction().check("/version", 0).create(job).set("/version", b"2").await?;
/// assert_eq!(results.len(), 3);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Transaction<'a> {
    scope: Arc<Scope>,
    writes: Result<Vec<Write<'a>>, Error>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        Self { scope, writes: Ok(Vec::new()) }
    }

    fn and(self, write: impl FnOnce(&Scope) -> Result<Write<'a>, Error>) -> Self {
        let Self { scope, writes } = self;
        let writes = writes.and_then(|mut writes| {
            writes.push(write(&scope)?);
            Ok(writes)
        });
        Self { scope, writes }
    }

    /// Only in this session of the client's: if that is lost, the request is not sent, and fails with
    /// [`Cause::OtherSession`](crate::Cause::OtherSession). For ephemerals of one's own.
    pub fn in_session(self, session: SessionId) -> Self {
        Self { scope: self.scope.in_session(Some(session)), ..self }
    }

    /// Makes a znode: a [`Znode`], or a path for an empty persistent one.
    pub fn create(self, znode: impl Into<Znode<'a>>) -> Self {
        self.and(|scope| znode.into().request(scope).map(Write::Create))
    }

    /// Sets a znode's data, whatever its version.
    pub fn set(self, path: impl Into<Cow<'a, str>>, data: impl Into<Cow<'a, [u8]>>) -> Self {
        self.set_data(path.into(), data.into(), None)
    }

    /// Sets a znode's data, if it has this version.
    pub fn set_version(
        self,
        path: impl Into<Cow<'a, str>>,
        data: impl Into<Cow<'a, [u8]>>,
        version: i32,
    ) -> Self {
        self.set_data(path.into(), data.into(), Some(version))
    }

    fn set_data(self, path: Cow<'a, str>, data: Cow<'a, [u8]>, version: Option<i32>) -> Self {
        self.and(|scope| {
            let (path, data) = (scope.path(path)?, Some(data));
            Ok(Write::SetData(SetData { path, data, version }))
        })
    }

    /// Deletes a znode, whatever its version.
    pub fn delete(self, path: impl Into<Cow<'a, str>>) -> Self {
        self.and(|scope| Ok(Write::Delete { path: scope.path(path.into())?, version: None }))
    }

    /// Deletes a znode, if it has this version.
    pub fn delete_version(self, path: impl Into<Cow<'a, str>>, version: i32) -> Self {
        let version = Some(version);
        self.and(|scope| Ok(Write::Delete { path: scope.path(path.into())?, version }))
    }

    /// Does nothing, but the znode must have this version.
    pub fn check(self, path: impl Into<Cow<'a, str>>, version: i32) -> Self {
        let version = Some(version);
        self.and(|scope| Ok(Write::Check { path: scope.path(path.into())?, version }))
    }

    /// Does nothing, but there must be such a znode.
    pub fn check_exists(self, path: impl Into<Cow<'a, str>>) -> Self {
        self.and(|scope| Ok(Write::Check { path: scope.path(path.into())?, version: None }))
    }

    /// Sends the request; the result has one entry for each write, in order. Awaiting the builder
    /// does the same.
    pub fn send(self) -> Pending<'a, Vec<Written>> {
        let request = self.writes.map(Request::Multi);
        Pending::request(self.scope, request, None, |answer, scope| {
            let mut written = written(answer.result?);
            for part in &mut written {
                if let Written::Created(created) = part {
                    created.path = scope.strip(std::mem::take(&mut created.path));
                }
            }
            Ok(written)
        })
    }
}

awaitable!(Transaction, Vec<Written>);

impl<'a> From<&'a str> for Znode<'a> {
    fn from(path: &'a str) -> Self {
        Self::new(path)
    }
}

impl From<String> for Znode<'_> {
    fn from(path: String) -> Self {
        Self::new(path)
    }
}
