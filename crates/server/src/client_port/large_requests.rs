//! The bound on bytes of large requests that are under way at a time (Apache:
//! `ZooKeeperServer.checkRequestSizeWhenReceivingMessage`). Small requests are bounded by their
//! number; large ones would still fill the memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The bound, shared by all connections.
#[derive(Debug)]
pub(crate) struct LargeRequests {
    /// A request of more bytes is a large one.
    threshold: usize,
    bytes_max: usize,
    under_way: AtomicUsize,
}

/// A large request that has no room beside those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("request of {length} bytes: all large ones together may have {bytes_max} under way")]
pub(crate) struct TooMuch {
    length: usize,
    bytes_max: usize,
}

impl LargeRequests {
    /// `None` if no request is a large one.
    pub(super) fn new(threshold: Option<usize>, bytes_max: usize) -> Option<Arc<Self>> {
        let under_way = AtomicUsize::new(0);
        Some(Arc::new(Self { threshold: threshold?, bytes_max, under_way }))
    }

    /// Looks at the length of the first frame in `unread`, which need not be there as a whole: the
    /// rest of it is not even read if there is no room for it.
    ///
    /// # Errors
    /// If there is none.
    fn check(&self, unread: &[u8]) -> Result<(), TooMuch> {
        let Some(length) = unread.first_chunk() else { return Ok(()) };
        // Negative lengths are refused where frames are cut.
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let under_way = self.under_way.load(Relaxed);
        if length > self.threshold && under_way.saturating_add(length) > self.bytes_max {
            return Err(TooMuch { length, bytes_max: self.bytes_max });
        }
        Ok(())
    }

    /// Takes room for a request; the result is how much.
    fn enter(&self, length: usize) -> Result<usize, TooMuch> {
        if length <= self.threshold {
            return Ok(0);
        }
        let enter = |sum: usize| sum.checked_add(length).filter(|sum| *sum <= self.bytes_max);
        match self.under_way.fetch_update(Relaxed, Relaxed, enter) {
            Ok(_) => Ok(length),
            Err(_) => Err(TooMuch { length, bytes_max: self.bytes_max }),
        }
    }
}

/// The large requests of one connection that are under way. What is left of them when the
/// connection ends is given back then.
#[derive(Debug)]
pub(super) struct OfConnection {
    all: Arc<LargeRequests>,
    /// For each: how many answers from now its own is, and its bytes.
    under_way: Vec<(u64, usize)>,
}

impl OfConnection {
    pub(super) const fn new(all: Arc<LargeRequests>) -> Self {
        Self { all, under_way: Vec::new() }
    }

    /// See [`LargeRequests::check`].
    pub(super) fn check(&self, unread: &[u8]) -> Result<(), TooMuch> {
        self.all.check(unread)
    }

    /// A request of `length` bytes is under way; its answer is the `nth` from now.
    ///
    /// # Errors
    /// If there is no room for it.
    pub(super) fn enter(&mut self, length: usize, nth: u64) -> Result<(), TooMuch> {
        let bytes = self.all.enter(length)?;
        if bytes > 0 {
            self.under_way.push((nth, bytes));
        }
        Ok(())
    }

    /// So many requests of this connection were answered.
    pub(super) fn on_answered(&mut self, count: u64) {
        self.under_way.retain_mut(|(nth, bytes)| {
            *nth = nth.saturating_sub(count);
            if *nth == 0 {
                self.all.under_way.fetch_sub(*bytes, Relaxed);
            }
            *nth > 0
        });
    }
}

impl Drop for OfConnection {
    fn drop(&mut self) {
        self.on_answered(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_connection(all: &Arc<LargeRequests>) -> OfConnection {
        OfConnection::new(Arc::clone(all))
    }

    fn begins_frame(length: i32) -> [u8; 4] {
        length.to_be_bytes()
    }

    #[test]
    fn small_requests_always_have_room() {
        let all = LargeRequests::new(Some(10), 15).unwrap();
        let mut connection = of_connection(&all);
        for nth in 1..100 {
            assert_eq!(connection.enter(10, nth), Ok(()));
        }
        assert_eq!(connection.check(&begins_frame(10)), Ok(()));
        assert_eq!(all.under_way.load(Relaxed), 0);
    }

    #[test]
    fn large_requests_share_the_room_until_they_are_answered() {
        let all = LargeRequests::new(Some(10), 50).unwrap();
        let (mut one, mut other) = (of_connection(&all), of_connection(&all));
        assert_eq!(one.enter(20, 1), Ok(()));
        assert_eq!(one.enter(20, 3), Ok(()));
        assert_eq!(other.check(&begins_frame(10)), Ok(()));
        assert_eq!(other.check(&begins_frame(11)), Err(TooMuch { length: 11, bytes_max: 50 }));
        assert_eq!(other.enter(11, 1), Err(TooMuch { length: 11, bytes_max: 50 }));
        one.on_answered(2);
        assert_eq!(all.under_way.load(Relaxed), 20);
        assert_eq!(other.enter(30, 1), Ok(()));
        one.on_answered(1);
        assert_eq!(all.under_way.load(Relaxed), 30);
    }

    #[test]
    fn connection_that_ends_gives_its_room_back() {
        let all = LargeRequests::new(Some(10), 50).unwrap();
        let mut connection = of_connection(&all);
        assert_eq!(connection.enter(50, 7), Ok(()));
        drop(connection);
        assert_eq!(all.under_way.load(Relaxed), 0);
    }

    #[test]
    fn length_from_the_wire_is_not_trusted() {
        let connection = of_connection(&LargeRequests::new(Some(10), 15).unwrap());
        assert_eq!(connection.check(&[0xFF; 3]), Ok(()));
        assert_eq!(connection.check(&begins_frame(-1)), Ok(()));
        assert!(connection.check(&begins_frame(i32::MAX)).is_err());
    }
}
