//! What is counted at the disk: how long transactions wait for the log and how many share a sync.

use crate::metrics::Metrics;
use std::time::{Duration, Instant};

/// The transactions of one batch.
#[derive(Debug)]
pub(super) struct BatchTally {
    /// When transactions were queued and how many, in order.
    queued: Vec<(Instant, u64)>,
    taken: Instant,
}

impl BatchTally {
    /// Of a batch that was taken from the queue at this time.
    pub(super) const fn new(taken: Instant) -> Self {
        Self { queued: Vec::new(), taken }
    }

    /// A transaction is in the batch. Those that were queued together have the same time.
    pub(super) fn note(&mut self, queued: Instant) {
        match self.queued.last_mut() {
            Some((at, count)) if *at == queued => *count += 1,
            Some(_) | None => self.queued.push((queued, 1)),
        }
    }

    /// The batch is durable, after writing and syncing for `flush`. Forgets it.
    pub(super) fn report(&mut self, flush: Duration, now: Instant, metrics: &Metrics) {
        let mut all = 0;
        for (at, count) in self.queued.drain(..) {
            let waited = self.taken.saturating_duration_since(at);
            metrics.sync_processor_queue_time_ms.record_many(waited, count);
            let until_durable = now.saturating_duration_since(at);
            metrics.sync_processor_queue_and_flush_time_ms.record_many(until_durable, count);
            all += count;
        }
        metrics.sync_processor_request_queued.add(all);
        metrics.sync_processor_batch_size.record(all);
        metrics.sync_processor_queue_flush_time_ms.record(flush);
        let processing = now.saturating_duration_since(self.taken);
        metrics.sync_process_time.record_many(processing, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_count_from_when_they_were_queued() {
        let metrics = Metrics::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut tally = BatchTally::new(at(10));
        for queued in [0, 0, 0, 4] {
            tally.note(at(queued));
        }
        tally.report(Duration::from_millis(2), at(12), &metrics);
        let waited = metrics.sync_processor_queue_time_ms.read();
        assert_eq!((waited.count, waited.sum, waited.min), (4, 36_000, 6_000));
        let durable = metrics.sync_processor_queue_and_flush_time_ms.read();
        assert_eq!((durable.count, durable.max), (4, 12_000));
        assert_eq!(metrics.sync_processor_batch_size.read().max, 4);
        assert_eq!(metrics.sync_processor_request_queued.get(), 4);
    }
}
