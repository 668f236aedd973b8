//! A place for one value and one reader. Answers and the events of watches go through these; clients
//! may have very many, so they are small.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

struct Slot<T>(Mutex<State<T>>);

enum State<T> {
    /// Nothing yet; who waits.
    Empty(Option<Waker>),
    Full(T),
    /// Nothing comes any more.
    Over,
}

/// Puts the value in. Dropped before that, it tells the reader that nothing comes.
pub(crate) struct Sender<T>(Arc<Slot<T>>);

/// Takes the value; `None` if nothing comes.
pub(crate) struct Receiver<T>(Arc<Slot<T>>);

/// A new slot.
pub(crate) fn slot<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Slot(Mutex::new(State::Empty(None))));
    (Sender(Arc::clone(&slot)), Receiver(slot))
}

impl<T> Slot<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait of the reader.
    fn finish(&self, state: State<T>) {
        let before = std::mem::replace(&mut *self.state(), state);
        if let State::Empty(Some(reader)) = before {
            reader.wake();
        }
    }
}

impl<T> Sender<T> {
    pub(crate) fn send(self, value: T) {
        self.0.finish(State::Full(value));
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let is_empty = matches!(&*self.0.state(), State::Empty(_));
        if is_empty {
            self.0.finish(State::Over);
        }
    }
}

impl<T> Receiver<T> {
    /// The value if it is there, `Some(None)` if nothing comes.
    pub(crate) fn try_take(&self) -> Option<Option<T>> {
        let mut state = self.0.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Full(value) => Some(Some(value)),
            State::Over => Some(None),
            empty @ State::Empty(_) => {
                *state = empty;
                None
            }
        }
    }

    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.state();
        if let State::Empty(reader) = &mut *state {
            if !reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                *reader = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *state, State::Over) {
            State::Full(value) => Poll::Ready(Some(value)),
            State::Empty(_) | State::Over => Poll::Ready(None),
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_take(cx)
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
        }
    }

    /// What a reader that waits gets, and whether it was woken for that.
    fn waiting(act: impl FnOnce(Sender<u8>)) -> (Poll<Option<u8>>, bool) {
        let (sender, receiver) = slot();
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let cx = Context::from_waker(&waker);
        assert_eq!((receiver.try_take(), receiver.poll_take(&cx)), (None, Poll::Pending));
        act(sender);
        let taken = receiver.poll_take(&cx);
        assert_eq!(receiver.try_take(), taken.is_ready().then_some(None));
        (taken, woken.0.load(SeqCst))
    }

    #[test]
    fn reader_is_woken_and_takes_the_value_once() {
        assert_eq!(waiting(|sender| sender.send(7)), (Poll::Ready(Some(7)), true));
    }

    #[test]
    fn reader_learns_that_nothing_comes() {
        assert_eq!(waiting(drop), (Poll::Ready(None), true));
    }

    #[test]
    fn value_that_nobody_takes_is_dropped() {
        let value = Arc::new(());
        let (sender, receiver) = slot();
        drop(receiver);
        sender.send(Arc::clone(&value));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
