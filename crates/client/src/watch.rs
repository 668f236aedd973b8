//! Watches: what a client hears of changes.

mod channel;

pub(crate) use channel::Channel;

use crate::error::WatchEnd;
use crate::shared::Shared;
use crate::slot::{Receiver, Sender};
use futures_core::Stream;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
pub use zoarium_proto::EventType;
use zoarium_proto::Zxid;
use zoarium_session::chroot::Chroot;
use zoarium_session::{Event as Told, WatchId};

/// Changes that a [`Watch`] keeps for a reader that is slow.
pub const CHANGES_MAX: usize = 1024;

/// A change of a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventType,
    /// To which znode.
    pub path: Arc<str>,
    /// By which transaction, if the server says so: servers before 3.9 do not, and none does for a
    /// change that was made while this client was not connected.
    pub zxid: Option<Zxid>,
}

impl Event {
    /// The event with the client's path. The server tells nothing of what is outside the root.
    fn seen_from(told: Told, chroot: &Chroot) -> Self {
        let path = match chroot.strip(&told.path) {
            Some(path) if path.len() < told.path.len() => Arc::from(path),
            Some(_) | None => told.path,
        };
        Self { kind: told.kind, path, zxid: told.zxid }
    }
}

/// What a [`Watch`] yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A znode has changed.
    Event(Event),
    /// Changes may have been missed: the client was not connected, or the reader too slow. What is
    /// read from here on is as new as the events that follow.
    Gap,
}

/// What a one-shot watch is told. It is mostly awaited for long, so the place for it is small.
pub(crate) type Fired = Box<Result<Told, WatchEnd>>;

/// Where the events of a watch go.
#[derive(Debug)]
pub(crate) enum Sink {
    OneShot(Sender<Fired>),
    Stream(Arc<Channel>),
}

/// Tells the session when nobody waits for a watch any more.
pub(crate) struct Guard {
    shared: Arc<Shared>,
    path: Box<str>,
    id: WatchId,
    is_set: bool,
}

impl Guard {
    pub(crate) fn new(shared: Arc<Shared>, path: String, id: WatchId) -> Self {
        Self { shared, path: path.into(), id, is_set: true }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.id, self.path)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_set {
            self.shared.unwatch(&self.path, self.id);
        }
    }
}

/// A watch that is over with its first event: a future.
///
/// It survives reconnections: a change that was made meanwhile is told after them. Dropping it
/// removes the watch, from the server too when no other watch needs it.
#[must_use = "a watch that is dropped is removed"]
#[derive(Debug)]
pub struct OneShot {
    fired: Receiver<Fired>,
    guard: Guard,
    chroot: Chroot,
}

impl OneShot {
    pub(crate) fn new(fired: Receiver<Fired>, guard: Guard, chroot: Chroot) -> Self {
        Self { fired, guard, chroot }
    }

    /// The event, if it is there.
    pub fn try_event(&mut self) -> Option<Result<Event, WatchEnd>> {
        self.fired.try_take().map(|fired| self.finish(fired))
    }

    fn finish(&mut self, fired: Option<Fired>) -> Result<Event, WatchEnd> {
        self.guard.is_set = false;
        let told = fired.map_or(Err(WatchEnd::Closed), |fired| *fired);
        told.map(|told| Event::seen_from(told, &self.chroot))
    }
}

impl Future for OneShot {
    type Output = Result<Event, WatchEnd>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let fired = ready!(self.fired.poll_take(cx));
        Poll::Ready(self.finish(fired))
    }
}

/// A watch that stays: a stream of changes, which ends with the session or the client.
///
/// It survives reconnections. What happened meanwhile is not told, but that something may have
/// happened is ([`Change::Gap`]). The same is told to a reader that lets [`CHANGES_MAX`] changes
/// pile up: nothing grows without bound. Dropping it removes the watch, from the server too when no
/// other watch needs it.
#[must_use = "a watch that is dropped is removed"]
#[derive(Debug)]
pub struct Watch {
    channel: Arc<Channel>,
    _guard: Guard,
    chroot: Chroot,
}

impl Watch {
    pub(crate) fn new(channel: Arc<Channel>, guard: Guard, chroot: Chroot) -> Self {
        Self { channel, _guard: guard, chroot }
    }

    /// The next change; `None` when the watch is over. Cancel safe: a change is taken or stays.
    pub async fn next(&mut self) -> Option<Change> {
        poll_fn(|cx| self.poll_change(cx)).await
    }

    /// The next change that is there already.
    pub fn try_next(&mut self) -> Option<Change> {
        self.channel.take().map(|told| self.seen(told))
    }

    /// Why the watch is over, once it is.
    pub fn end(&self) -> Option<WatchEnd> {
        self.channel.end()
    }

    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        let told = ready!(self.channel.poll_take(cx));
        Poll::Ready(told.map(|told| self.seen(told)))
    }

    fn seen(&self, told: Option<Told>) -> Change {
        told.map_or(Change::Gap, |told| Change::Event(Event::seen_from(told, &self.chroot)))
    }
}

impl Stream for Watch {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        self.poll_change(cx)
    }
}
