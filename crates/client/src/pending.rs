//! Operations under way.

use crate::error::Error;
use crate::scope::Scope;
use crate::shared::{Answer, Tag, Watching};
use crate::slot::{Receiver, slot};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;
use tracing::{Span, field};
use zoarium_session::RequestId;
use zoarium_session::failure::{Cause, Failure, Verdict};
use zoarium_session::request::Request;

/// What an answer means.
pub(crate) type Read<R> = fn(Answer, &Scope) -> Result<R, Failure>;

/// An operation under way; it resolves with its result.
///
/// A request has its place in the order of the client's requests from the moment this is made,
/// whether and when it is polled. Dropping it means not to wait for the answer: a request that was
/// not sent yet, because there is no connection, is not sent; one that was sent may be done. Neither
/// disturbs other requests.
#[must_use = "the request is abandoned when this is dropped"]
pub struct Pending<'a, R>(Stage<'a, R>);

enum Stage<'a, R> {
    Direct(Direct<'a, R>),
    /// Refused before it was sent; taken by the first poll.
    Failed(Option<Error>),
    /// An operation of several steps.
    Steps(Pin<Box<dyn Future<Output = Result<R, Error>> + Send + 'a>>),
}

/// A request that the session has taken.
struct Direct<'a, R> {
    scope: Arc<Scope>,
    request: Request<'a>,
    id: RequestId,
    answer: Receiver<Answer>,
    is_done: bool,
    read: Read<R>,
    span: Span,
}

impl<'a, R: Send + 'static> Pending<'a, R> {
    /// Sends a request, and again if it fails and its policy says so.
    pub(crate) fn request(
        scope: Arc<Scope>,
        request: Result<Request<'a>, Error>,
        watching: Option<Watching>,
        read: Read<R>,
    ) -> Self {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Self::failed(error),
        };
        let Some(policy) = scope.retry.clone() else {
            return Self::once(scope, request, watching, read);
        };
        // The first attempt takes its place in the order before anybody polls.
        let mut attempt = Self::once(Arc::clone(&scope), request.clone(), watching, read);
        Self::steps(async move {
            let start = Instant::now();
            for retries in 0.. {
                let error = match attempt.await {
                    Err(error) if error.verdict() == Verdict::Retry => error,
                    done => return done,
                };
                let elapsed = start.elapsed();
                let delay =
                    scope.shared.random(|random| policy.delay(retries, elapsed, &error, random));
                let Some(delay) = delay else { return Err(error) };
                tracing::debug!(%error, ?delay, "trying again");
                tokio::time::sleep(delay).await;
                attempt = Self::once(Arc::clone(&scope), request.clone(), watching, read);
            }
            unreachable!("the loop has no end of its own")
        })
    }

    fn once(
        scope: Arc<Scope>,
        request: Request<'a>,
        watching: Option<Watching>,
        read: Read<R>,
    ) -> Self {
        match Direct::submit(scope, request, watching, read) {
            Ok(direct) => Self(Stage::Direct(direct)),
            Err(error) => Self::failed(error),
        }
    }

    pub(crate) fn steps(steps: impl Future<Output = Result<R, Error>> + Send + 'a) -> Self {
        Self(Stage::Steps(Box::pin(steps)))
    }
}

impl<R> Pending<'_, R> {
    pub(crate) const fn failed(error: Error) -> Self {
        Self(Stage::Failed(Some(error)))
    }
}

impl<'a, R> Direct<'a, R> {
    fn submit(
        scope: Arc<Scope>,
        request: Request<'a>,
        watching: Option<Watching>,
        read: Read<R>,
    ) -> Result<Self, Error> {
        let (to, answer) = slot();
        let path = || request.path().unwrap_or_default().to_owned();
        let tag = Tag { to, watch: watching.map(|watching| (watching, path())) };
        match scope.shared.submit(&request, tag, scope.of_session) {
            Ok(id) => {
                let span = span(&request);
                Ok(Self { scope, request, id, answer, is_done: false, read, span })
            }
            Err(failure) => Err(scope.error(&request, failure)),
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<R, Error>> {
        let answer = ready!(self.answer.poll_take(cx));
        self.is_done = true;
        // The driver answers everything before it ends, so without an answer there is no driver.
        let closed = Failure::Unanswered(Cause::Closed);
        let answer = answer.unwrap_or(Answer { result: Err(closed), watch: None });
        let result = (self.read)(answer, &self.scope);
        Poll::Ready(match result {
            Ok(result) => {
                self.span.record("outcome", "done");
                Ok(result)
            }
            Err(failure) => {
                self.span.record("outcome", field::display(failure));
                Err(self.scope.error(&self.request, failure))
            }
        })
    }
}

impl<R> Drop for Direct<'_, R> {
    fn drop(&mut self) {
        if !self.is_done {
            self.span.record("outcome", "abandoned");
            self.scope.shared.abandon(self.id);
        }
    }
}

/// From when a request has its place in the order until it is answered or abandoned.
fn span(request: &Request<'_>) -> Span {
    tracing::debug_span!(
        target: "zoarium_client::request",
        "request",
        op = ?request.op(),
        path = request.path(),
        outcome = field::Empty,
    )
}

impl<R> Future for Pending<'_, R> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Stage::Direct(direct) => direct.poll(cx),
            Stage::Steps(steps) => steps.as_mut().poll(cx),
            Stage::Failed(error) => {
                let error = error.take().expect("a future is not polled after it has resolved");
                Poll::Ready(Err(error))
            }
        }
    }
}

impl<R> fmt::Debug for Pending<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Stage::Direct(direct) => write!(f, "Pending({:?})", direct.request),
            Stage::Failed(error) => write!(f, "Pending({error:?})"),
            Stage::Steps(_) => f.write_str("Pending(..)"),
        }
    }
}
