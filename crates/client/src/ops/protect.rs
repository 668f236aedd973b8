//! Creates that make exactly one znode, and deletes that are not forgotten: what it takes to get to
//! a definite answer over broken connections, and who cleans up when nobody waits any more.

use super::create::{once, with_parents};
use crate::answers::{children, done, stat};
use crate::error::{Error, Verdict};
use crate::pending::Pending;
use crate::scope::Scope;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use zoarium_proto::{CreateMode, Stat, path};
use zoarium_session::backoff::Backoff;
use zoarium_session::protected::Guid;
use zoarium_session::reply::Created;
use zoarium_session::request::{Create as CreateRequest, Request};

/// Pauses of tasks that go on until they have a definite answer.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(10) };

/// Makes the znode under a marked name, however often that takes.
pub(super) fn protected(
    scope: Arc<Scope>,
    request: CreateRequest<'_>,
    parents: Option<CreateMode>,
) -> Pending<'_, Created> {
    let guid = scope.shared.guid();
    let request = CreateRequest { path: guid.mark(&request.path).into(), ..request };
    let (parent, _) = path::split(&request.path).unwrap_or(("/", ""));
    let parent = parent.to_owned();
    let mut cleanup = Cleanup::new(&scope, sweep(Arc::clone(&scope), parent.clone(), guid));
    let mut attempt = create(&scope, &request, parents);
    Pending::steps(async move {
        for round in 1.. {
            match attempt.await {
                Err(error) if error.verdict() != Verdict::Never => {
                    tracing::debug!(%error, "was it made?");
                }
                definite => {
                    cleanup.is_not_needed();
                    return definite;
                }
            }
            if let Some((path, stat)) = find_until_answered(&scope, &parent, guid).await? {
                let is_ephemeral = request.mode.is_ephemeral();
                if !is_ephemeral || Some(stat.ephemeral_owner) == scope.session() {
                    cleanup.is_not_needed();
                    return Ok(Created { path: scope.strip(path), stat });
                }
                // It belongs to a session that is lost, and goes at a time nobody knows.
                delete_until_answered(&scope, &path).await?;
            }
            pause(&scope, round).await;
            attempt = create(&scope, &request, parents);
        }
        unreachable!("the loop has no end of its own")
    })
}

fn create<'a>(
    scope: &Arc<Scope>,
    request: &CreateRequest<'a>,
    parents: Option<CreateMode>,
) -> Pending<'a, Created> {
    let attempt = once(scope, request.clone());
    match parents {
        None => attempt,
        Some(mode) => {
            Pending::steps(with_parents(Arc::clone(scope), request.clone(), mode, attempt))
        }
    }
}

/// Looks for a marked znode, until there is an answer or there will be none.
async fn find_until_answered(
    scope: &Arc<Scope>,
    parent: &str,
    guid: Guid,
) -> Result<Option<(String, Stat)>, Error> {
    until_answered(scope, || find(scope, parent, guid)).await
}

/// Looks for a marked znode once; the result is the server's path.
async fn find(
    scope: &Arc<Scope>,
    parent: &str,
    guid: Guid,
) -> Result<Option<(String, Stat)>, Error> {
    let ask = |request| (Arc::clone(scope), Ok(request), None);
    // A server that is behind would not show what another one has done.
    let (own, request, watching) = ask(Request::Sync { path: parent.into() });
    let sync = Pending::request(own, request, watching, done);
    let (own, request, watching) = ask(Request::GetChildren { path: parent.into(), watch: false });
    let list = Pending::request(own, request, watching, |answer, _| Ok(children(answer.result?)));
    sync.await?;
    let names = match list.await {
        Err(error) if error.is_no_node() => return Ok(None),
        children => children?.names,
    };
    let Some(name) = guid.find(names.iter().map(String::as_str)) else { return Ok(None) };
    let path = format!("{}/{name}", if parent == "/" { "" } else { parent });
    let (own, request, watching) = ask(Request::Exists { path: (&path).into(), watch: false });
    let stat = Pending::request(own, request, watching, |answer, _| Ok(stat(answer.result?)));
    match stat.await {
        Err(error) if error.is_no_node() => Ok(None),
        stat => stat.map(|stat| Some((path, stat))),
    }
}

/// Deletes a znode by the server's path, until that is sure.
pub(super) async fn delete_until_answered(scope: &Arc<Scope>, path: &str) -> Result<(), Error> {
    until_answered(scope, || async {
        let request = Ok(Request::Delete { path: path.into(), version: None });
        match Pending::request(Arc::clone(scope), request, None, done).await {
            Err(error) if error.is_no_node() => Ok(()),
            other => other,
        }
    })
    .await
}

/// Does something again until there is an answer, or there will never be one.
async fn until_answered<R, F: Future<Output = Result<R, Error>>>(
    scope: &Scope,
    mut attempt: impl FnMut() -> F,
) -> Result<R, Error> {
    for round in 1.. {
        match attempt().await {
            Err(error) if error.verdict() != Verdict::Never => pause(scope, round).await,
            answered => return answered,
        }
    }
    unreachable!("the loop has no end of its own")
}

/// Requests wait for a connection by themselves; this is for those that break again and again.
async fn pause(scope: &Scope, round: u32) {
    let pause = scope.shared.random(|random| PAUSES.delay(round, random));
    tokio::time::sleep(pause).await;
}

/// Deletes a marked znode that nobody wants any more.
async fn sweep(scope: Arc<Scope>, parent: String, guid: Guid) {
    let swept = async {
        if let Some((path, _)) = find_until_answered(&scope, &parent, guid).await? {
            delete_until_answered(&scope, &path).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = swept.await {
        tracing::debug!(%error, "a znode that nobody wants may be left");
    }
}

/// Runs a task if it is dropped before it is told that there is no need.
pub(super) struct Cleanup<F: Future<Output = ()> + Send + 'static> {
    runtime: tokio::runtime::Handle,
    task: Option<F>,
}

impl<F: Future<Output = ()> + Send + 'static> Cleanup<F> {
    pub(super) fn new(scope: &Scope, task: F) -> Self {
        Self { runtime: scope.runtime.clone(), task: Some(task) }
    }

    pub(super) fn is_not_needed(&mut self) {
        self.task = None;
    }
}

impl<F: Future<Output = ()> + Send + 'static> Drop for Cleanup<F> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.runtime.spawn(task);
        }
    }
}
