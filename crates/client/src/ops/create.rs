//! Creating znodes.

use super::awaitable;
use super::protect::protected;
use super::write::compress;
use crate::acl::Acl;
use crate::answers::created;
use crate::error::Error;
use crate::pending::Pending;
use crate::scope::Scope;
use crate::shared::Answer;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use zoarium_proto::create::TTL_MS_MAX;
use zoarium_proto::{CreateMode, ErrorCode, path};
use zoarium_session::failure::Failure;
use zoarium_session::reply::Created;
use zoarium_session::request::{Create as CreateRequest, Request};

/// How long a znode stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is deleted.
    Persistent,
    /// As long as the session that made it.
    Ephemeral,
    /// Until some time after its last child is deleted.
    Container,
    /// Until it has had no children and was not written for so long.
    Ttl(Duration),
}

/// A znode to be made: what [`Create`] and transactions need to know of it.
#[derive(Clone, Debug)]
pub struct Znode<'a> {
    path: Cow<'a, str>,
    data: Option<Cow<'a, [u8]>>,
    acl: Acl,
    lifetime: Lifetime,
    is_sequential: bool,
    is_compressed: bool,
}

impl<'a> Znode<'a> {
    /// A persistent znode without data that everybody may do anything to.
    pub fn new(path: impl Into<Cow<'a, str>>) -> Self {
        Self {
            path: path.into(),
            data: Some(Cow::Borrowed(&[])),
            acl: Acl::open(),
            lifetime: Lifetime::Persistent,
            is_sequential: false,
            is_compressed: false,
        }
    }

    /// Gives it data.
    #[must_use]
    pub fn data(self, data: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { data: Some(data.into()), ..self }
    }

    /// Gives it null for data, which servers keep apart from empty.
    #[must_use]
    pub fn no_data(self) -> Self {
        Self { data: None, ..self }
    }

    /// Compresses the data with the client's codec.
    #[must_use]
    pub fn compressed(self) -> Self {
        Self { is_compressed: true, ..self }
    }

    /// Says who may do what to it.
    #[must_use]
    pub fn acl(self, acl: Acl) -> Self {
        Self { acl, ..self }
    }

    /// Says how long it stays.
    #[must_use]
    pub fn lifetime(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }

    /// It goes with the session.
    #[must_use]
    pub fn ephemeral(self) -> Self {
        self.lifetime(Lifetime::Ephemeral)
    }

    /// Its name ends in a counter that the server keeps for the parent: ten digits.
    #[must_use]
    pub fn sequential(self) -> Self {
        Self { is_sequential: true, ..self }
    }

    /// What the server is asked for.
    pub(super) fn request(self, scope: &Scope) -> Result<CreateRequest<'a>, Error> {
        let Self { path, data, acl, lifetime, is_sequential, is_compressed } = self;
        let options = |why| Error::Options { path: path.clone().into_owned(), why };
        let mode = match (lifetime, is_sequential) {
            (Lifetime::Persistent, false) => CreateMode::Persistent,
            (Lifetime::Persistent, true) => CreateMode::PersistentSequential,
            (Lifetime::Ephemeral, false) => CreateMode::Ephemeral,
            (Lifetime::Ephemeral, true) => CreateMode::EphemeralSequential,
            (Lifetime::Ttl(_), false) => CreateMode::PersistentWithTtl,
            (Lifetime::Ttl(_), true) => CreateMode::PersistentSequentialWithTtl,
            (Lifetime::Container, false) => CreateMode::Container,
            (Lifetime::Container, true) => {
                return Err(options("there are no sequential containers"));
            }
        };
        let ttl_ms = match lifetime {
            Lifetime::Ttl(ttl) => i64::try_from(ttl.as_millis())
                .ok()
                .filter(|ttl_ms| (1..=TTL_MS_MAX).contains(ttl_ms))
                .ok_or_else(|| options("a time to live is 1 ms to 2^40 - 1 ms"))?,
            Lifetime::Persistent | Lifetime::Ephemeral | Lifetime::Container => 0,
        };
        let data = match data {
            Some(data) if is_compressed => Some(compress(scope, &path, &data)?),
            data => data,
        };
        let path = match is_sequential {
            true => scope.path_before_counter(path)?,
            false => scope.path(path)?,
        };
        Ok(CreateRequest { path, data, acl: acl.encoded(), mode, ttl_ms })
    }
}

/// See [`Client::create`](crate::Client::create).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Create<'a> {
    scope: Arc<Scope>,
    znode: Znode<'a>,
    parents: Option<CreateMode>,
    is_protected: bool,
}

impl<'a> Create<'a> {
    pub(crate) fn new(scope: Arc<Scope>, znode: Znode<'a>) -> Self {
        Self { scope, znode, parents: None, is_protected: false }
    }

    fn with(self, change: impl FnOnce(Znode<'a>) -> Znode<'a>) -> Self {
        Self { znode: change(self.znode), ..self }
    }

    /// Gives it data. Without, it is empty.
    pub fn data(self, data: impl Into<Cow<'a, [u8]>>) -> Self {
        self.with(|znode| znode.data(data))
    }

    /// Gives it null for data, which servers keep apart from empty.
    pub fn no_data(self) -> Self {
        self.with(Znode::no_data)
    }

    /// Compresses the data with the client's codec.
    pub fn compressed(self) -> Self {
        self.with(Znode::compressed)
    }

    /// Says who may do what to it. Without, everybody may do everything.
    pub fn acl(self, acl: Acl) -> Self {
        self.with(|znode| znode.acl(acl))
    }

    /// It goes with the session.
    pub fn ephemeral(self) -> Self {
        self.with(|znode| znode.lifetime(Lifetime::Ephemeral))
    }

    /// It goes some time after its last child is deleted.
    pub fn container(self) -> Self {
        self.with(|znode| znode.lifetime(Lifetime::Container))
    }

    /// It goes when it has had no children and was not written for so long. Servers have to allow
    /// it (`zookeeper.extendedTypesEnabled`).
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|znode| znode.lifetime(Lifetime::Ttl(ttl)))
    }

    /// Its name ends in a counter that the server keeps for the parent: ten digits.
    pub fn sequential(self) -> Self {
        self.with(Znode::sequential)
    }

    /// Makes the znodes above it too, if they are missing: persistent ones. They are looked for only
    /// when the create fails for them, and then it takes its place in the order again.
    pub fn parents(self) -> Self {
        Self { parents: Some(CreateMode::Persistent), ..self }
    }

    /// As [`Create::parents`], but containers, which go when nothing is left in them.
    pub fn container_parents(self) -> Self {
        Self { parents: Some(CreateMode::Container), ..self }
    }

    /// Makes exactly one znode even if connections break, as long as nobody else deletes it: its name
    /// begins with a random mark, which is looked for when an answer is lost. Where the result is a
    /// name nobody could guess, as with [`Create::sequential`], nothing less will do.
    ///
    /// If somebody else may delete the znode before this is done (takes an item from a queue, say),
    /// it is not found although it was made, and is made once more. Then make an ephemeral znode of
    /// one's own along with it, in one [transaction](crate::Client::transaction): whether that is
    /// there tells whether the other one was made.
    ///
    /// The mark is Curator's: `_c_`, a UUID and a hyphen;
    /// [`unmarked`](crate::protected::unmarked) takes it off. If this is dropped before it is done,
    /// a task of the client looks for the znode and deletes it.
    pub fn protected(self) -> Self {
        Self { is_protected: true, ..self }
    }

    /// Sends the request; the result is the path and the stat. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, Created> {
        let Self { scope, znode, parents, is_protected } = self;
        let request = match znode.request(&scope) {
            Ok(request) => request,
            Err(error) => return Pending::failed(error),
        };
        if is_protected {
            return protected(scope, request, parents);
        }
        let first = once(&scope, request.clone());
        match parents {
            None => first,
            Some(mode) => Pending::steps(with_parents(scope, request, mode, first)),
        }
    }
}

awaitable!(Create, Created);

/// One create, as it stands.
pub(super) fn once<'a>(scope: &Arc<Scope>, request: CreateRequest<'a>) -> Pending<'a, Created> {
    let request = Ok(Request::Create(request));
    Pending::request(Arc::clone(scope), request, None, created_below)
}

fn created_below(answer: Answer, scope: &Scope) -> Result<Created, Failure> {
    let Created { path, stat } = created(answer.result?);
    Ok(Created { path: scope.strip(path), stat })
}

/// How often parents are made for one create. They may vanish again before it is their turn:
/// containers do when they are empty.
const PARENTS_TRIES: usize = 20;

/// Goes on after `attempt`, and makes what is missing above the znode.
pub(super) async fn with_parents(
    scope: Arc<Scope>,
    request: CreateRequest<'_>,
    mode: CreateMode,
    mut attempt: Pending<'_, Created>,
) -> Result<Created, Error> {
    for _ in 1..PARENTS_TRIES {
        match attempt.await {
            Err(error) if error.is_no_node() => make_parents(&scope, &request.path, mode).await?,
            done => return done,
        }
        attempt = once(&scope, request.clone());
    }
    attempt.await
}

/// Makes the znodes above the server's path `below`, from the nearest one that is there.
pub(super) async fn make_parents(
    scope: &Arc<Scope>,
    below: &str,
    mut mode: CreateMode,
) -> Result<(), Error> {
    let Some((parent, _)) = path::split(below) else { return Ok(()) };
    let mut missing = vec![parent];
    while let Some(parent) = missing.last().copied() {
        let empty: &[u8] = &[];
        let request = CreateRequest::new(parent, empty).with_mode(mode);
        let Err(error) = once(scope, request).await else {
            missing.pop();
            continue;
        };
        match error.code() {
            Some(ErrorCode::NodeExists) => {
                missing.pop();
            }
            Some(ErrorCode::NoNode) => match path::split(parent) {
                Some((above, _)) => missing.push(above),
                None => return Err(error),
            },
            Some(ErrorCode::Unimplemented) if mode == CreateMode::Container => {
                mode = CreateMode::Persistent;
            }
            // To make it twice is no harm.
            _ if error.may_be_done() => {}
            _ => return Err(error),
        }
    }
    Ok(())
}
