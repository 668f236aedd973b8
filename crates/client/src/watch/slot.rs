//! Where the one event of a watch is put. Clients may have very many watches, so it is small.

use super::Told;
use crate::error::WatchEnd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nothing yet; who waits.
    Empty(Option<Waker>),
    Full(Box<Result<Told, WatchEnd>>),
    Taken,
}

impl Default for State {
    fn default() -> Self {
        Self::Empty(None)
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the event in. It is the only one.
    pub(crate) fn put(&self, told: Result<Told, WatchEnd>) {
        let before = std::mem::replace(&mut *self.state(), State::Full(Box::new(told)));
        if let State::Empty(Some(reader)) = before {
            reader.wake();
        }
    }

    /// The event, if it is there. Once it is taken, the watch is over.
    pub(crate) fn take(&self) -> Option<Result<Told, WatchEnd>> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Full(told) => Some(*told),
            State::Taken => Some(Err(WatchEnd::Closed)),
            empty @ State::Empty(_) => {
                *state = empty;
                None
            }
        }
    }

    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<Result<Told, WatchEnd>> {
        if let Some(told) = self.take() {
            return Poll::Ready(told);
        }
        let mut state = self.state();
        if let State::Empty(reader) = &mut *state {
            *reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // It came between the two looks.
        drop(state);
        self.take().map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::task::Wake;

    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
        }
    }

    #[test]
    fn reader_is_woken_and_takes_the_event_once() {
        let slot = Slot::default();
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Arc::clone(&woken).into();
        let cx = Context::from_waker(&waker);
        assert_eq!((slot.take(), slot.poll_take(&cx)), (None, Poll::Pending));
        slot.put(Err(WatchEnd::SessionLost));
        assert!(woken.0.load(SeqCst));
        assert_eq!(slot.poll_take(&cx), Poll::Ready(Err(WatchEnd::SessionLost)));
        assert_eq!(slot.take(), Some(Err(WatchEnd::Closed)));
    }

    #[test]
    fn watch_that_waits_takes_little_room() {
        assert_eq!(size_of::<Slot>(), 24);
    }
}
