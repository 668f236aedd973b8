//! A queue that is filled by many and emptied by one thread, whole batches at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The queue. It is unbounded; whoever fills it is bounded by what it has under way.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    waiting: Mutex<Waiting<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    entries: Vec<T>,
    /// Whether the thread sleeps and nobody has woken it yet: to wake it is a system call, which
    /// would be for nothing while it works off its last batch.
    is_asleep: bool,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let waiting = Waiting { entries: Vec::new(), is_asleep: false };
        Self { waiting: Mutex::new(waiting), filled: Condvar::new() }
    }
}

impl<T> Inbox<T> {
    /// Appends one entry.
    pub(crate) fn push(&self, entry: T) {
        self.extend(std::iter::once(entry));
    }

    /// Appends entries in order.
    pub(crate) fn extend(&self, entries: impl IntoIterator<Item = T>) {
        let mut waiting = self.lock();
        waiting.entries.extend(entries);
        let wake = !waiting.entries.is_empty() && std::mem::take(&mut waiting.is_asleep);
        drop(waiting);
        if wake {
            self.filled.notify_one();
        }
    }

    /// Swaps all entries into `batch`, which must be empty. Waits for the first one, until
    /// `deadline` if there is one.
    pub(crate) fn take(&self, batch: &mut Vec<T>, deadline: Option<Instant>) {
        assert!(batch.is_empty(), "a batch is taken before the last one is done");
        let mut waiting = self.lock();
        while waiting.entries.is_empty() {
            waiting.is_asleep = true;
            waiting = match deadline {
                None => self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        waiting.is_asleep = false;
                        return;
                    }
                    let woken = self.filled.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        waiting.is_asleep = false;
        drop(waiting);
        // Whoever is about to add to the batch may do so first: larger batches cost less.
        std::thread::yield_now();
        std::mem::swap(&mut self.lock().entries, batch);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn sleeper_is_woken_and_gets_everything_in_order() {
        const COUNT: u32 = 10_000;
        let inbox = Inbox::default();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..COUNT).for_each(|number| inbox.push(number)));
            let mut taken = Vec::new();
            while taken.len() < COUNT as usize {
                let mut batch = Vec::new();
                inbox.take(&mut batch, Some(Instant::now() + Duration::from_secs(60)));
                assert!(!batch.is_empty(), "nobody woke it");
                taken.extend(batch);
            }
            assert!(taken.into_iter().eq(0..COUNT));
        });
    }

    #[test]
    fn nothing_comes_of_a_deadline() {
        let inbox: Inbox<u32> = Inbox::default();
        let mut batch = Vec::new();
        inbox.take(&mut batch, Some(Instant::now() + Duration::from_millis(2)));
        assert!(batch.is_empty());
    }
}
