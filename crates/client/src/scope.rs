//! What the handles of one root have in common.

use crate::compression::Codec;
use crate::error::Error;
use crate::retry::RetryPolicy;
use crate::shared::Shared;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use zoarium_proto::SessionId;
use zoarium_proto::path::validate;
use zoarium_session::chroot::Chroot;
use zoarium_session::failure::Failure;
use zoarium_session::request::Request;

#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) shared: Arc<Shared>,
    pub(crate) chroot: Chroot,
    /// The only session in which requests may be sent, if it matters.
    pub(crate) of_session: Option<SessionId>,
    pub(crate) retry: Option<Arc<dyn RetryPolicy>>,
    pub(crate) codec: Option<Arc<dyn Codec>>,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Scope {
    /// The same scope with the server's own root.
    pub(crate) fn at_root(&self) -> Self {
        Self { chroot: Chroot::NONE, ..self.clone() }
    }

    /// The same scope, for requests that must not be sent in another session than this.
    pub(crate) fn in_session(self: Arc<Self>, session: Option<SessionId>) -> Arc<Self> {
        match session {
            Some(_) => Arc::new(Self { of_session: session, ..(*self).clone() }),
            None => self,
        }
    }

    /// The session, while there is one.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.shared.core().session.session_id()
    }

    /// The server's path of a znode.
    pub(crate) fn path<'a>(&self, path: Cow<'a, str>) -> Result<Cow<'a, str>, Error> {
        match validate(&path) {
            Ok(()) => Ok(self.chroot.join(path)),
            Err(source) => Err(Error::Path { path: path.into_owned(), source }),
        }
    }

    /// The server's path for a znode to whose name a counter is appended: the name before it may be
    /// empty.
    pub(crate) fn path_before_counter<'a>(
        &self,
        path: Cow<'a, str>,
    ) -> Result<Cow<'a, str>, Error> {
        match validate(&format!("{path}0")) {
            Ok(()) if *path == *"/" => Ok((self.chroot.as_str().to_owned() + "/").into()),
            Ok(()) => Ok(self.chroot.join(path)),
            Err(source) => Err(Error::Path { path: path.into_owned(), source }),
        }
    }

    /// The client's path. A server that names a path outside the root is shown as it is.
    pub(crate) fn strip(&self, path: String) -> String {
        match self.chroot.strip(&path) {
            Some(stripped) if stripped.len() < path.len() => stripped.to_owned(),
            Some(_) | None => path,
        }
    }

    pub(crate) fn error(&self, request: &Request<'_>, failure: Failure) -> Error {
        let path = self.strip(request.path().unwrap_or_default().to_owned());
        Error::Request { op: request.op(), path, failure }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("chroot", &self.chroot)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
