//! Deleting znodes.

use super::awaitable;
use super::protect::{Cleanup, delete_until_answered};
use crate::answers::{self, done};
use crate::error::{Error, Verdict};
use crate::pending::Pending;
use crate::scope::Scope;
use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use zoarium_proto::{ErrorCode, SessionId};
use zoarium_session::request::Request;

/// See [`Client::delete`](crate::Client::delete).
#[must_use = "nothing is sent before this is awaited or sent"]
#[derive(Clone, Debug)]
pub struct Delete<'a> {
    scope: Arc<Scope>,
    path: Cow<'a, str>,
    version: Option<i32>,
    session: Option<SessionId>,
    is_quiet: bool,
    is_recursive: bool,
    is_guaranteed: bool,
}

/// Deletes of one level that are under way at a time.
const PIPELINED_MAX: usize = 100;

/// How often a znode is listed again because somebody goes on making children.
const ROUNDS_MAX: usize = 10;

impl<'a> Delete<'a> {
    pub(crate) fn new(scope: Arc<Scope>, path: Cow<'a, str>) -> Self {
        let (is_quiet, is_recursive, is_guaranteed) = (false, false, false);
        let (version, session) = (None, None);
        Self { scope, path, version, session, is_quiet, is_recursive, is_guaranteed }
    }

    /// Only if the znode has this version.
    pub fn version(self, version: i32) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Only in this session of the client's: if that is lost, the request is not sent, and fails with
    /// [`Cause::OtherSession`](crate::Cause::OtherSession). For ephemerals of one's own, in whose
    /// place there may be somebody else's by then. Not for a guaranteed or recursive delete.
    pub fn in_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// It is no error if there is no such znode.
    pub fn if_exists(self) -> Self {
        Self { is_quiet: true, ..self }
    }

    /// Deletes what is below it first. That is not one step: others may see a part of it gone, and
    /// a failure leaves the rest.
    pub fn recursive(self) -> Self {
        Self { is_recursive: true, ..self }
    }

    /// If the outcome is unknown, or this is dropped, a task of the client goes on until the znode
    /// is gone or the session is closed. Not for a certain version: another znode might be meant by
    /// then.
    pub fn guaranteed(self) -> Self {
        Self { is_guaranteed: true, ..self }
    }

    /// Sends the request. Awaiting the builder does the same.
    pub fn send(self) -> Pending<'a, ()> {
        let Self { scope, path, version, session, is_quiet, is_recursive, is_guaranteed } = self;
        if (version.is_some() || session.is_some()) && (is_guaranteed || is_recursive) {
            let why = "a version or session does not go with guaranteed or recursive";
            return Pending::failed(Error::Options { path: path.into_owned(), why });
        }
        let scope = scope.in_session(session);
        let path = match scope.path(path) {
            Ok(path) => path,
            Err(error) => return Pending::failed(error),
        };
        let first = once(&scope, path.clone(), version);
        if !(is_quiet || is_recursive || is_guaranteed) {
            return first;
        }
        let task = {
            let (scope, path) = (Arc::clone(&scope), path.clone().into_owned());
            async move {
                let _closed = delete_until_answered(&scope, &path).await;
            }
        };
        let mut cleanup = is_guaranteed.then(|| Cleanup::new(&scope, task));
        Pending::steps(async move {
            let result = match first.await {
                Err(error) if is_recursive && error.code() == Some(ErrorCode::NotEmpty) => {
                    delete_tree(&scope, &path).await
                }
                other => other,
            };
            if let Some(cleanup) = &mut cleanup
                && result.as_ref().err().is_none_or(|it| it.verdict() == Verdict::Never)
            {
                cleanup.is_not_needed();
            }
            match result {
                Err(error) if is_quiet && error.is_no_node() => Ok(()),
                other => other,
            }
        })
    }
}

awaitable!(Delete, ());

fn once<'a>(scope: &Arc<Scope>, path: Cow<'a, str>, version: Option<i32>) -> Pending<'a, ()> {
    Pending::request(Arc::clone(scope), Ok(Request::Delete { path, version }), None, done)
}

/// Deletes a znode by the server's path, with all that is below it.
fn delete_tree<'a>(
    scope: &'a Arc<Scope>,
    path: &'a str,
) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
    Box::pin(async move {
        for round in 1.. {
            for names in children(scope, path).await?.chunks(PIPELINED_MAX) {
                let paths: Vec<String> = names
                    .iter()
                    .map(|name| path.trim_end_matches('/').to_owned() + "/" + name)
                    .collect();
                let deletes: Vec<_> =
                    paths.iter().map(|path| once(scope, path.as_str().into(), None)).collect();
                for (delete, path) in deletes.into_iter().zip(&paths) {
                    match delete.await {
                        Err(error) if error.code() == Some(ErrorCode::NotEmpty) => {
                            delete_tree(scope, path).await?;
                        }
                        Err(error) if error.is_no_node() => {}
                        other => other?,
                    }
                }
            }
            match once(scope, path.into(), None).await {
                Err(error) if error.code() == Some(ErrorCode::NotEmpty) && round < ROUNDS_MAX => {}
                Err(error) if error.is_no_node() => return Ok(()),
                other => return other,
            }
        }
        unreachable!("the last round returns")
    })
}

async fn children(scope: &Arc<Scope>, path: &str) -> Result<Vec<String>, Error> {
    let request = Ok(Request::GetChildren { path: path.into(), watch: false });
    let list = Pending::request(Arc::clone(scope), request, None, |answer, _| {
        Ok(answers::children(answer.result?).names)
    });
    match list.await {
        Err(error) if error.is_no_node() => Ok(Vec::new()),
        names => names,
    }
}
