//! What a session counts.

use crate::failure::Failure;
use alloc::vec::Vec;
use core::time::Duration;
use zoarium_proto::OpCode;

/// What a session has done since it was made, over all its connections. Everything but the last
/// three numbers only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Connections on which a server served the session.
    pub connections: u64,
    /// Attempts at a connection that came to nothing.
    pub failed_attempts: u64,
    /// Sessions that were lost.
    pub sessions_lost: u64,
    /// Requests by operation, those that were answered or failed.
    pub operations: Vec<Operation>,
    /// From when a request left for the server until its answer was there.
    pub latency: Histogram,
    /// Events of watches that came from servers.
    pub events: u64,
    /// Bytes handed to connections.
    pub bytes_sent: u64,
    /// Bytes of the frames that came.
    pub bytes_received: u64,
    /// How long the last ping took. A client that is never idle sends none.
    pub ping: Option<Duration>,
    /// Requests that were sent and are not answered.
    pub in_flight: usize,
    /// Requests that wait for a connection, or for room on it.
    pub queued: usize,
    /// Watches that are set.
    pub watches: usize,
}

/// How requests of one kind ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The kind.
    pub op: OpCode,
    /// Requests that were done.
    pub done: u64,
    /// Requests that a server refused.
    pub refused: u64,
    /// Requests without an answer: not sent, or perhaps done.
    pub unanswered: u64,
}

/// Durations by powers of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many were shorter than 1, 2, 4, 8, … µs, and no shorter than the bound before. What is
    /// longer than all bounds is in the last.
    pub buckets: [u64; Self::BUCKETS],
    /// All of them together, in µs.
    pub sum_us: u64,
}

impl Histogram {
    /// As many as there are bounds: the last is 2^25 µs, half a minute.
    pub const BUCKETS: usize = 26;

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// A bound that at least this share of all, from 0 to 1, is below; none if there are none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        let mut below = 0;
        for (bound, bucket) in self.buckets.iter().enumerate() {
            below += bucket;
            if below > 0 && below as f64 >= share * count as f64 {
                return Some(Duration::from_micros(1 << bound));
            }
        }
        None
    }

    pub(crate) fn add(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bits = u64::BITS - us.leading_zeros();
        let bucket = usize::try_from(bits).unwrap_or(usize::MAX).min(Self::BUCKETS - 1);
        self.buckets[bucket] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }
}

impl Metrics {
    pub(crate) fn count(&mut self, op: OpCode, failure: Option<&Failure>) {
        // A program uses few kinds, so looking at each is faster than a table.
        let index = self.operations.iter().position(|operation| operation.op == op);
        let index = index.unwrap_or_else(|| {
            self.operations.push(Operation { op, done: 0, refused: 0, unanswered: 0 });
            self.operations.len() - 1
        });
        let operation = &mut self.operations[index];
        match failure {
            None => operation.done += 1,
            Some(Failure::Refused(_) | Failure::RefusedStrangely(_) | Failure::Aborted { .. }) => {
                operation.refused += 1
            }
            Some(Failure::TooLong { .. } | Failure::NotSent(_) | Failure::Unanswered(_)) => {
                operation.unanswered += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_found_below_their_bound() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for (us, bound) in [(0, 1), (1, 2), (2, 4), (3, 4), (4, 8), (1000, 1024), (1024, 2048)] {
            let mut one = Histogram::default();
            one.add(Duration::from_micros(us));
            assert_eq!(one.quantile(1.0), Some(Duration::from_micros(bound)), "{us}");
            histogram.add(Duration::from_micros(us));
        }
        assert_eq!((histogram.count(), histogram.sum_us), (7, 2034));
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_micros(4)));
        histogram.add(Duration::MAX);
        assert_eq!(histogram.quantile(1.0), Some(Duration::from_micros(1 << 25)));
        assert_eq!(histogram.sum_us, u64::MAX);
    }
}
