//! A bounded queue of events for one reader. A reader that is too slow is told of a gap in the
//! place of what did not fit.

use super::{CHANGES_MAX, Told};
use crate::error::WatchEnd;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// `None` stands for a gap.
type Item = Option<Told>;

#[derive(Debug, Default)]
pub(crate) struct Channel {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Item>,
    /// What came after the queue was full is missing: a gap follows the queue. Until the reader has
    /// come to it nothing is added, because it will look for itself then.
    overflown: bool,
    end: Option<WatchEnd>,
    reader: Option<Waker>,
}

impl Channel {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Adds an event, or a gap.
    pub(crate) fn put(&self, item: Item) {
        self.change(|state| {
            if state.queue.len() >= CHANGES_MAX {
                state.overflown = true;
            } else if !state.overflown {
                state.queue.push_back(item);
            }
        });
    }

    /// Nothing follows.
    pub(crate) fn finish(&self, end: WatchEnd) {
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }

    pub(crate) fn end(&self) -> Option<WatchEnd> {
        self.state().end
    }

    pub(crate) fn take(&self) -> Option<Item> {
        self.state().take()
    }

    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let mut state = self.state();
        if let Some(item) = state.take() {
            return Poll::Ready(Some(item));
        }
        if state.end.is_some() {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn take(&mut self) -> Option<Item> {
        let item = self.queue.pop_front();
        item.or_else(|| std::mem::take(&mut self.overflown).then_some(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use zoarium_proto::{EventType, Zxid};

    fn event(zxid: usize) -> Item {
        let zxid = Some(Zxid(zxid as u64));
        Some(Told { kind: EventType::NodeCreated, path: Arc::from("/a"), zxid })
    }

    #[test]
    fn reader_that_is_too_slow_finds_a_gap_behind_what_fitted() {
        let channel = Channel::default();
        (0..CHANGES_MAX + 5).for_each(|zxid| channel.put(event(zxid)));
        for zxid in 0..CHANGES_MAX {
            // Room there is again, but what would fill it comes after what is missing.
            channel.put(event(9999));
            assert_eq!(channel.take(), Some(event(zxid)));
        }
        assert_eq!(channel.take(), Some(None));
        channel.put(event(7));
        assert_eq!((channel.take(), channel.take()), (Some(event(7)), None));
    }

    #[test]
    fn what_was_there_before_the_end_is_still_read() {
        let channel = Channel::default();
        channel.put(event(1));
        channel.finish(WatchEnd::SessionLost);
        channel.finish(WatchEnd::Closed);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(channel.poll_take(&mut cx), Poll::Ready(Some(event(1))));
        assert_eq!(channel.poll_take(&mut cx), Poll::Ready(None));
        assert_eq!(channel.end(), Some(WatchEnd::SessionLost));
    }
}
