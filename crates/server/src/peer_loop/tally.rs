//! What the peer loop counts, gathered over a batch: shared memory is written once for many
//! transactions.

use crate::shared::Shared;
use crate::stats::SizesTally;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use zoarium_proto::EventType;

/// What was counted since the last report.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Bytes of replies.
    pub(super) replies: SizesTally,
    /// Bytes of watch events.
    pub(super) event_bytes: u64,
    /// Requests that are not under way any more.
    pub(super) answered: usize,
    /// Replies whose connection had gone.
    pub(super) stale_replies: u64,
    /// Transactions that ended a session nobody asked to end.
    pub(super) expired_sessions: u64,
    /// Transactions and answers.
    pub(super) outputs: u64,
}

impl Tally {
    /// Adds all to the server's counts; `elapsed` is what carrying it out took.
    pub(super) fn report(&mut self, elapsed: Duration, shared: &Shared) {
        let Self { replies, event_bytes, answered, stale_replies, expired_sessions, outputs } =
            std::mem::take(self);
        shared.under_way.fetch_sub(answered, Relaxed);
        let metrics = &shared.metrics;
        shared.note_replies(&replies);
        if outputs > 0 {
            metrics.write_final_proc_time_ms.record_many(share(elapsed, outputs), outputs);
        }
        for (counter, count) in [
            (&metrics.watch_bytes, event_bytes),
            (&metrics.stale_replies, stale_replies),
            (&metrics.stale_sessions_expired, expired_sessions),
        ] {
            if count > 0 {
                counter.add(count);
            }
        }
    }
}

/// Counts a batch of requests that became transactions or answers in this time.
pub(super) fn report_prepared(requests: u64, elapsed: Duration, shared: &Shared) {
    if requests == 0 {
        return;
    }
    let metrics = &shared.metrics;
    metrics.prep_processor_request_queued.add(requests);
    metrics.prep_processor_queue_size.record(requests);
    metrics.prep_process_time.record_many(share(elapsed, requests), requests);
}

/// The part of one among many.
fn share(elapsed: Duration, count: u64) -> Duration {
    elapsed / u32::try_from(count).unwrap_or(u32::MAX).max(1)
}

/// Watches that one change fired, by kind of event.
#[derive(Debug, Default)]
pub(super) struct Fired {
    created: u64,
    deleted: u64,
    changed: u64,
    children: u64,
}

impl Fired {
    pub(super) const fn note(&mut self, kind: EventType) {
        match kind {
            EventType::NodeCreated => self.created += 1,
            EventType::NodeDeleted => self.deleted += 1,
            EventType::NodeDataChanged => self.changed += 1,
            EventType::NodeChildrenChanged => self.children += 1,
        }
    }

    /// Changes that nobody watched do not count, as in Apache.
    pub(super) fn report(&self, shared: &Shared) {
        let metrics = &shared.metrics;
        for (summary, count) in [
            (&metrics.node_created_watch_count, self.created),
            (&metrics.node_deleted_watch_count, self.deleted),
            (&metrics.node_changed_watch_count, self.changed),
            (&metrics.node_children_watch_count, self.children),
        ] {
            if count > 0 {
                summary.record(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shared_by_all() {
        assert_eq!(share(Duration::from_millis(12), 4), Duration::from_millis(3));
        assert_eq!(share(Duration::from_millis(12), 0), Duration::from_millis(12));
        assert_eq!(share(Duration::from_secs(1), u64::MAX), Duration::ZERO);
    }
}
