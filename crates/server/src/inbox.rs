//! A queue that is filled by many and emptied by one thread, whole batches at a time.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// The queue. It is unbounded; whoever fills it is bounded by what it has under way.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    waiting: Mutex<Vec<T>>,
    filled: Condvar,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self { waiting: Mutex::new(Vec::new()), filled: Condvar::new() }
    }
}

impl<T> Inbox<T> {
    /// Appends one entry.
    pub(crate) fn push(&self, entry: T) {
        self.extend(std::iter::once(entry));
    }

    /// Appends entries in order.
    pub(crate) fn extend(&self, entries: impl IntoIterator<Item = T>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = waiting.is_empty();
        waiting.extend(entries);
        let wake = idle && !waiting.is_empty();
        drop(waiting);
        if wake {
            self.filled.notify_one();
        }
    }

    /// Swaps all entries into `batch`, which must be empty. Waits for the first one, until
    /// `deadline` if there is one.
    pub(crate) fn take(&self, batch: &mut Vec<T>, deadline: Option<Instant>) {
        assert!(batch.is_empty(), "a batch is taken before the last one is done");
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.is_empty() {
            waiting = match deadline {
                None => self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return;
                    }
                    self.filled
                        .wait_timeout(waiting, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        drop(waiting);
        // Whoever is about to add to the batch may do so first: larger batches cost less.
        std::thread::yield_now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *waiting, batch);
    }
}
