//! Streams of what a recipe has to say, filled by a task of their own.

use futures_core::Stream;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// What a [`Feed`] keeps for a reader that is slow; beyond that its task waits.
pub const FEED_MAX: usize = 64;

/// A stream. Behind it is a task, which ends when this is dropped and waits when its reader is
/// slow: nothing piles up, and nothing of it runs on the client's own task.
pub struct Feed<T> {
    items: mpsc::Receiver<T>,
    task: AbortHandle,
}

/// The task's end of a [`Feed`].
#[derive(Debug)]
pub(crate) struct Filler<T>(mpsc::Sender<T>);

impl<T> Filler<T> {
    pub(crate) async fn put(&self, item: T) {
        // A reader that has gone ends the task.
        let _gone = self.0.send(item).await;
    }
}

impl<T: Send + 'static> Feed<T> {
    /// Starts the task. Only within a tokio runtime.
    pub(crate) fn new<F>(fill: impl FnOnce(Filler<T>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, items) = mpsc::channel(FEED_MAX);
        let task = tokio::spawn(fill(Filler(sender))).abort_handle();
        Self { items, task }
    }
}

impl<T> Feed<T> {
    /// The next item; `None` when nothing follows. Cancel safe: an item is taken or stays.
    pub async fn next(&mut self) -> Option<T> {
        self.items.recv().await
    }

    /// The next item that is there already.
    pub fn try_next(&mut self) -> Option<T> {
        self.items.try_recv().ok()
    }
}

impl<T> Stream for Feed<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.items.poll_recv(cx)
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed(..)")
    }
}
