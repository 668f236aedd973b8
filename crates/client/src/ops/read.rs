//! Operations that change nothing, but for the watches they set.

use super::awaitable;
use crate::answers::{acl, children, data, reads, stat};
use crate::error::Error;
use crate::pending::Pending;
use crate::scope::Scope;
use crate::shared::{SetWatch, Watching};
use crate::watch::{OneShot, Watch};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use zoarium_proto::{ErrorCode, Stat};
use zoarium_session::failure::Failure;
use zoarium_session::reply::{self, AclEntry, Children, ReadResult, Reply};
use zoarium_session::request::{Read, Request};

/// What is in a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The data. Null, which servers keep apart from empty, is empty here.
    pub data: Bytes,
    /// The znode's stat.
    pub stat: Stat,
}

impl From<reply::Data> for Data {
    fn from(read: reply::Data) -> Self {
        Self { data: read.data.unwrap_or_default(), stat: read.stat }
    }
}

/// A read of one znode, before it is sent.
#[derive(Clone, Debug)]
struct Target<'a> {
    scope: Arc<Scope>,
    path: Cow<'a, str>,
}

impl<'a> Target<'a> {
    /// The request for the server's path.
    fn request(
        self,
        request: impl FnOnce(Cow<'a, str>) -> Request<'a>,
    ) -> (Arc<Scope>, Result<Request<'a>, Error>) {
        let path = self.scope.path(self.path);
        (self.scope, path.map(request))
    }
}

/// See [`Client::get`](crate::Client::get).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Get<'a> {
    target: Target<'a>,
    is_compressed: bool,
}

/// See [`Get::watch`].
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct WatchedGet<'a>(Target<'a>);

impl<'a> Get<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>) -> Self {
        Self { target: Target { scope, path }, is_compressed: false }
    }

    /// Sets a watch with the read, if there is such a znode: it fires when the data is set or the
    /// znode deleted.
    pub fn watch(self) -> WatchedGet<'a> {
        WatchedGet(self.target)
    }

    /// Decompresses the data with the client's codec.
    pub fn decompressed(self) -> Self {
        Self { is_compressed: true, ..self }
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Data> {
        let Self { target, is_compressed } = self;
        if is_compressed {
            return decompressed(target);
        }
        read_data(target)
    }
}

fn read_data(target: Target<'_>) -> Pending<'_, Data> {
    let (scope, request) = target.request(|path| Request::GetData { path, watch: false });
    Pending::request(scope, request, None, |answer, _| Ok(data(answer.result?).into()))
}

fn decompressed(target: Target<'_>) -> Pending<'_, Data> {
    let path = target.path.clone();
    let Some(codec) = target.scope.codec.clone() else {
        let why = "decompressed, but the client has no codec";
        return Pending::failed(Error::Options { path: path.into_owned(), why });
    };
    let read = read_data(target);
    Pending::steps(async move {
        let Data { data, stat } = read.await?;
        match codec.decompress(&path, &data) {
            Ok(data) => Ok(Data { data: data.into(), stat }),
            Err(why) => Err(Error::Compression { path: path.into_owned(), why }),
        }
    })
}

impl<'a> WatchedGet<'a> {
    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, (Data, OneShot)> {
        let (scope, request) = self.0.request(|path| Request::GetData { path, watch: true });
        Pending::request(scope, request, Some(Watching::OneShot), |answer, scope| {
            Ok((data(answer.result?).into(), one_shot(answer.watch, scope)))
        })
    }
}

awaitable!(Get, Data);
awaitable!(WatchedGet, (Data, OneShot));

/// See [`Client::exists`](crate::Client::exists).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Exists<'a>(Target<'a>);

/// See [`Exists::watch`].
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct WatchedExists<'a>(Target<'a>);

impl<'a> Exists<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>) -> Self {
        Self(Target { scope, path })
    }

    /// Sets a watch with the read, whether or not there is such a znode: it fires when the znode is
    /// created, its data set or the znode deleted.
    pub fn watch(self) -> WatchedExists<'a> {
        WatchedExists(self.0)
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Option<Stat>> {
        let (scope, request) = self.0.request(|path| Request::Exists { path, watch: false });
        Pending::request(scope, request, None, |answer, _| found(answer.result))
    }
}

impl<'a> WatchedExists<'a> {
    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, (Option<Stat>, OneShot)> {
        let (scope, request) = self.0.request(|path| Request::Exists { path, watch: true });
        Pending::request(scope, request, Some(Watching::OneShot), |answer, scope| {
            Ok((found(answer.result)?, one_shot(answer.watch, scope)))
        })
    }
}

awaitable!(Exists, Option<Stat>);
awaitable!(WatchedExists, (Option<Stat>, OneShot));

/// See [`Client::children`](crate::Client::children).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct GetChildren<'a>(Target<'a>);

/// See [`GetChildren::watch`].
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct WatchedGetChildren<'a>(Target<'a>);

impl<'a> GetChildren<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>) -> Self {
        Self(Target { scope, path })
    }

    /// Sets a watch with the read, if there is such a znode: it fires when a child is created or
    /// deleted, or the znode itself is deleted.
    pub fn watch(self) -> WatchedGetChildren<'a> {
        WatchedGetChildren(self.0)
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Children> {
        let (scope, request) = self.0.request(|path| Request::GetChildren { path, watch: false });
        Pending::request(scope, request, None, |answer, _| Ok(children(answer.result?)))
    }
}

impl<'a> WatchedGetChildren<'a> {
    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, (Children, OneShot)> {
        let (scope, request) = self.0.request(|path| Request::GetChildren { path, watch: true });
        Pending::request(scope, request, Some(Watching::OneShot), |answer, scope| {
            Ok((children(answer.result?), one_shot(answer.watch, scope)))
        })
    }
}

awaitable!(GetChildren, Children);
awaitable!(WatchedGetChildren, (Children, OneShot));

/// See [`Client::acl`](crate::Client::acl).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct GetAcl<'a>(Target<'a>);

impl<'a> GetAcl<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>) -> Self {
        Self(Target { scope, path })
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, (Vec<AclEntry>, Stat)> {
        let (scope, request) = self.0.request(|path| Request::GetAcl { path });
        Pending::request(scope, request, None, |answer, _| Ok(acl(answer.result?)))
    }
}

awaitable!(GetAcl, (Vec<AclEntry>, Stat));

/// See [`Client::watch`](crate::Client::watch).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct AddWatch<'a> {
    target: Target<'a>,
    is_recursive: bool,
    outlives_session: bool,
}

impl<'a> AddWatch<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>) -> Self {
        Self { target: Target { scope, path }, is_recursive: false, outlives_session: false }
    }

    /// Watches all znodes below this one too. A recursive watch is not told that a znode's children
    /// have changed, but that the child was created or deleted.
    pub fn recursive(self) -> Self {
        Self { is_recursive: true, ..self }
    }

    /// Sets the watch again, with a [`Gap`](crate::Change::Gap), when another session follows a
    /// lost one.
    pub fn across_sessions(self) -> Self {
        Self { outlives_session: true, ..self }
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Watch> {
        let Self { target, is_recursive: recursive, outlives_session } = self;
        let (scope, request) =
            target.request(|path| Request::AddWatch { path, recursive, outlives_session });
        Pending::request(scope, request, Some(Watching::Stream), |answer, scope| {
            answer.result?;
            match answer.watch.map(|watch| *watch) {
                Some(SetWatch::Stream(channel, guard)) => {
                    Ok(Watch::new(channel, guard, scope.chroot.clone()))
                }
                other => unreachable!("addWatch was answered, and has set {other:?}"),
            }
        })
    }
}

awaitable!(AddWatch, Watch);

/// Several reads in one request. They show one state, unless another write comes between them.
///
/// See [`Client::reads`](crate::Client::reads).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Reads<'a> {
    scope: Arc<Scope>,
    reads: Result<Vec<Read<'a>>, Error>,
}

/// The results of [`Reads`], in order: each is there or refused by itself.
pub type Many = Vec<Result<ReadResult, Failure>>;

impl<'a> Reads<'a> {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        Self { scope, reads: Ok(Vec::new()) }
    }

    /// Reads a znode's data.
    pub fn get(self, path: impl Into<Cow<'a, str>>) -> Self {
        self.and(path.into(), |path| Read::GetData { path })
    }

    /// Reads the names of a znode's children.
    pub fn children(self, path: impl Into<Cow<'a, str>>) -> Self {
        self.and(path.into(), |path| Read::GetChildren { path })
    }

    fn and(self, path: Cow<'a, str>, read: impl FnOnce(Cow<'a, str>) -> Read<'a>) -> Self {
        let Self { scope, reads } = self;
        let reads = reads.and_then(|mut reads| {
            reads.push(read(scope.path(path)?));
            Ok(reads)
        });
        Self { scope, reads }
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Many> {
        let request = self.reads.map(Request::MultiRead);
        Pending::request(self.scope, request, None, |answer, _| Ok(reads(answer.result?)))
    }
}

awaitable!(Reads, Many);

fn found(result: Result<Reply, Failure>) -> Result<Option<Stat>, Failure> {
    match result {
        Ok(reply) => Ok(Some(stat(reply))),
        Err(Failure::Refused(ErrorCode::NoNode)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn one_shot(watch: Option<Box<SetWatch>>, scope: &Scope) -> OneShot {
    match watch.map(|watch| *watch) {
        Some(SetWatch::OneShot(fired, guard)) => OneShot::new(fired, guard, scope.chroot.clone()),
        other => unreachable!("a read with a watch was answered, and has set {other:?}"),
    }
}
