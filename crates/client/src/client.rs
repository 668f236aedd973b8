//! The handle of a client.

use crate::acl::Acl;
use crate::answers::{count, done, identities, paths};
use crate::builder::ClientBuilder;
use crate::error::{ConnectError, Error};
use crate::ops::{
    AddWatch, Create, Delete, Exists, Get, GetAcl, GetChildren, Reads, Reconfigure, Set, SetAcl,
    Transaction, Znode,
};
use crate::pending::Pending;
use crate::scope::Scope;
use crate::shared::{Answer, Shared, Tag};
use crate::slot::{Receiver, slot};
use crate::states::{Generation, State, States};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use tokio::time::Instant;
use zoarium_proto::membership::HostPort;
use zoarium_proto::path::CONFIG;
use zoarium_proto::{Id, OpCode, SessionId};
use zoarium_session::Command;
use zoarium_session::failure::{Cause, Failure};
use zoarium_session::metrics::Metrics;
use zoarium_session::request::Request;
use zoarium_session::state::{Auth, Credentials};

/// A client with a session. Clones share it, cheaply.
///
/// When the last clone is dropped the session is closed, behind what was asked for before, in the
/// background; [`Client::close`] waits for it.
#[derive(Clone, Debug)]
pub struct Client {
    scope: Arc<Scope>,
    handle: Arc<Handle>,
}

/// What all clones share, and nothing else does.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let (to, _nobody) = slot();
        self.shared.command(Command::Close { tag: Tag::new(to) });
    }
}

impl Client {
    pub(crate) fn new(scope: Scope) -> Self {
        let handle = Arc::new(Handle { shared: Arc::clone(&scope.shared) });
        Self { scope: Arc::new(scope), handle }
    }

    /// Connects with the defaults of [`ClientBuilder`]. `servers` is a list of hosts with ports,
    /// and the path below which the client lives: `zoo1:2181,zoo2,[::1]:2181/app`. Without a port it
    /// is 2181, without a path the root.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub async fn connect(servers: impl Into<String>) -> Result<Self, ConnectError> {
        Self::builder(servers).connect().await
    }

    /// Prepares a client; `servers` as for [`Client::connect`].
    pub fn builder(servers: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(servers.into())
    }

    /// The same client with its root at `path`, which need not be there. Paths outside it cannot be
    /// named or seen.
    ///
    /// # Errors
    /// If it is no valid path.
    pub fn chroot(&self, path: &str) -> Result<Self, Error> {
        let chroot = self
            .scope
            .chroot
            .nested(path)
            .map_err(|error| Error::Path { path: path.to_owned(), source: error.0 })?;
        let scope = Arc::new(Scope { chroot, ..(*self.scope).clone() });
        Ok(Self { scope, handle: Arc::clone(&self.handle) })
    }

    fn scope(&self) -> Arc<Scope> {
        Arc::clone(&self.scope)
    }

    // Znodes.

    /// Makes a znode: persistent, empty, and open to everybody unless told otherwise.
    pub fn create<'a>(&self, path: impl Into<Cow<'a, str>>) -> Create<'a> {
        Create::new(self.scope(), Znode::new(path))
    }

    /// Deletes a znode.
    pub fn delete<'a>(&self, path: impl Into<Cow<'a, str>>) -> Delete<'a> {
        Delete::new(self.scope(), path.into())
    }

    /// The stat of a znode, if there is one.
    pub fn exists<'a>(&self, path: impl Into<Cow<'a, str>>) -> Exists<'a> {
        Exists::new(self.scope(), path.into())
    }

    /// The data and the stat of a znode.
    pub fn get<'a>(&self, path: impl Into<Cow<'a, str>>) -> Get<'a> {
        Get::new(self.scope(), path.into())
    }

    /// Replaces the data of a znode; the result is its new stat.
    pub fn set<'a>(
        &self,
        path: impl Into<Cow<'a, str>>,
        data: impl Into<Cow<'a, [u8]>>,
    ) -> Set<'a> {
        Set::new(self.scope(), path.into(), data.into())
    }

    /// The names of a znode's children, in no order, and its stat.
    pub fn children<'a>(&self, path: impl Into<Cow<'a, str>>) -> GetChildren<'a> {
        GetChildren::new(self.scope(), path.into())
    }

    /// The number of znodes below one, at any depth.
    pub fn count_descendants<'a>(&self, path: impl Into<Cow<'a, str>>) -> Pending<'a, i32> {
        let request = self.scope.path(path.into()).map(|path| Request::CountDescendants { path });
        Pending::request(self.scope(), request, None, |answer, _| Ok(count(answer.result?)))
    }

    /// The paths of this session's ephemerals that begin with `prefix`.
    pub fn ephemerals<'a>(&self, prefix: impl Into<Cow<'a, str>>) -> Pending<'a, Vec<String>> {
        let prefix = match (self.scope.chroot.as_str(), prefix.into()) {
            ("", prefix) => prefix,
            (root, prefix) if prefix.is_empty() => Cow::Owned(format!("{root}/")),
            (root, prefix) => Cow::Owned(format!("{root}{prefix}")),
        };
        let request = Ok(Request::GetEphemerals { prefix });
        Pending::request(self.scope(), request, None, |answer, scope| {
            let paths = paths(answer.result?);
            Ok(paths.into_iter().map(|path| scope.strip(path)).collect())
        })
    }

    /// The ACL and the stat of a znode.
    pub fn acl<'a>(&self, path: impl Into<Cow<'a, str>>) -> GetAcl<'a> {
        GetAcl::new(self.scope(), path.into())
    }

    /// Replaces the ACL of a znode; the result is its new stat.
    pub fn set_acl<'a>(&self, path: impl Into<Cow<'a, str>>, acl: Acl) -> SetAcl<'a> {
        SetAcl::new(self.scope(), path.into(), acl)
    }

    /// Has the server catch up with its leader: a read behind this sees all that was written,
    /// anywhere, before this was called.
    pub fn sync(&self) -> Pending<'static, ()> {
        Pending::request(self.scope(), Ok(Request::Sync { path: "/".into() }), None, done)
    }

    /// Prepares several writes that are all done, or none.
    pub fn transaction<'a>(&self) -> Transaction<'a> {
        Transaction::new(self.scope())
    }

    /// Prepares several reads in one request.
    pub fn reads<'a>(&self) -> Reads<'a> {
        Reads::new(self.scope())
    }

    /// Sets a watch that stays: a stream of changes of a znode. Servers have it since 3.6.
    pub fn watch<'a>(&self, path: impl Into<Cow<'a, str>>) -> AddWatch<'a> {
        AddWatch::new(self.scope(), path.into())
    }

    // The ensemble.

    /// The configuration of the ensemble, whatever the client's root: the text in
    /// `/zookeeper/config`.
    pub fn config(&self) -> Get<'static> {
        Get::new(Arc::new(self.scope.at_root()), CONFIG.into())
    }

    /// Prepares a change of the ensemble.
    pub fn reconfigure<'a>(&self) -> Reconfigure<'a> {
        Reconfigure::new(self.scope())
    }

    /// Replaces the list of servers. Clients that do so together spread evenly over the new list,
    /// without more of them moving than it takes.
    ///
    /// # Panics
    /// If the list is empty.
    pub fn set_servers(&self, servers: Vec<HostPort>) {
        assert!(!servers.is_empty(), "a client needs a server to be with");
        self.shared().command(Command::Servers(servers));
    }

    // Identities.

    /// Claims an identity, in this connection and all later ones, for instance
    /// `("digest", "user:password")`. Requests sent after this have it.
    ///
    /// # Errors
    /// If a server refuses it. That ends the session, and with it this client.
    pub async fn authenticate(
        &self,
        scheme: impl Into<String>,
        credentials: impl Into<Bytes>,
    ) -> Result<(), Error> {
        let auth = Auth { scheme: scheme.into(), credentials: credentials.into() };
        ended(self.claim(auth).await, OpCode::Auth)
    }

    /// Claims an identity; its answer comes later.
    pub(crate) fn claim(&self, auth: Auth) -> Receiver<Answer> {
        let (to, answer) = slot();
        self.shared().command(Command::Authenticate { auth, tag: Tag::new(to) });
        answer
    }

    /// Who this connection is to the server.
    pub fn who_am_i(&self) -> Pending<'static, Vec<Id>> {
        Pending::request(self.scope(), Ok(Request::WhoAmI), None, |answer, _| {
            Ok(identities(answer.result?))
        })
    }

    // The session.

    /// Where the client is.
    pub fn state(&self) -> State {
        self.shared().states.latest()
    }

    /// Where the client is from here on, starting with the present state.
    pub fn states(&self) -> States {
        States::new(Arc::clone(self.shared()))
    }

    /// The session's id, while there is one.
    pub fn session_id(&self) -> Option<SessionId> {
        self.scope.session()
    }

    /// Which of the client's sessions this is, counted from 1; 0 before the first.
    pub fn generation(&self) -> Generation {
        self.shared().core().session.generation()
    }

    /// Until when the session lives for the server that answered last, even if that hears nothing
    /// more. Work that must not outlive the session has to stop by then, whatever else is known.
    ///
    /// A session is ended by the leader. A follower that is cut off from it goes on to answer for up
    /// to `syncLimit` ticks, and what it has heard of this client in that time the leader may never
    /// learn: then the session ends earlier than this says, by that time at most. Apache's servers
    /// and ours are alike in that. What must be safe even so needs [fencing](Client::transaction): a
    /// write that is done only if an ephemeral of the session is there.
    pub fn alive_until(&self) -> Option<Instant> {
        let until = self.shared().core().session.alive_until();
        until.map(|until| self.shared().instant(until))
    }

    /// What the client has done so far.
    pub fn metrics(&self) -> Metrics {
        self.shared().core().session.metrics()
    }

    /// Closes the session, behind what was asked for before; its ephemerals are gone then. All
    /// clones are closed with this one.
    ///
    /// # Errors
    /// If no server has confirmed it within the client's patience. The session then ends when its
    /// timeout has passed.
    pub async fn close(&self) -> Result<(), Error> {
        let (to, answer) = slot();
        self.shared().command(Command::Close { tag: Tag::new(to) });
        match answer.await {
            // The client is closed already.
            None => Ok(()),
            answer => ended(answer, OpCode::CloseSession),
        }
    }

    /// Lets go of the session without closing it: it lives on for its timeout, and can be taken up
    /// with what this returns ([`ClientBuilder::resume`]). All clones are closed with this one.
    pub fn detach(&self) -> Option<Credentials> {
        let credentials = self.shared().core().session.credentials();
        self.shared().command(Command::Detach);
        credentials
    }

    /// How the last attempt at a connection ended that came to nothing.
    pub(crate) fn last_failure(&self) -> Option<String> {
        self.shared().core().last_failure.clone()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

/// The outcome of something that is not a request.
fn ended(answer: Option<Answer>, op: OpCode) -> Result<(), Error> {
    let failure = match answer {
        Some(Answer { result: Ok(_), .. }) => return Ok(()),
        Some(Answer { result: Err(failure), .. }) => failure,
        None => Failure::NotSent(Cause::Closed),
    };
    Err(Error::Request { op, path: String::new(), failure })
}
