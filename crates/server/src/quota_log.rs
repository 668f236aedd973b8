//! What is said of exceeded quotas: a line in the log, in Apache's words (`ZooKeeperServer`'s
//! `checkQuota`), and a count of those refused.

use crate::metrics::Metrics;
use std::fmt;
use zoarium_peer::OverQuota;
use zoarium_tree::quota::Measure;

/// Lines within so much time after one are counted instead of written.
const QUIET_MS: u64 = 1000;

/// Writes the lines.
#[derive(Debug, Default)]
pub(crate) struct QuotaLog {
    last_ms: Option<u64>,
    unsaid: u64,
}

impl QuotaLog {
    /// Notes an excess. `now_ms` is on the monotonic clock.
    pub(crate) fn note(&mut self, over: &OverQuota, now_ms: u64, metrics: &Metrics) {
        if over.excess.is_hard
            && let Some(counter) =
                metrics.quota_exceeded_error_per_namespace.key(namespace(&over.prefix))
        {
            counter.increment();
        }
        if let Some(unsaid) = self.may_speak(now_ms) {
            tracing::warn!(unsaid, "{}", Line(over));
        }
    }

    /// Whether it is time for a line, and how many were not written since the last one.
    fn may_speak(&mut self, now_ms: u64) -> Option<u64> {
        if self.last_ms.is_some_and(|last| now_ms.saturating_sub(last) < QUIET_MS) {
            self.unsaid += 1;
            return None;
        }
        self.last_ms = Some(now_ms);
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// The first element of a path.
fn namespace(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

struct Line<'a>(&'a OverQuota);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OverQuota { prefix, excess } = self.0;
        let (current, limit) = match (excess.measure, excess.is_hard) {
            (Measure::Count, false) => ("count", "softCountLimit"),
            (Measure::Count, true) => ("count", "hardCountLimit"),
            (Measure::Bytes, false) => ("bytes", "softByteLimit"),
            (Measure::Bytes, true) => ("bytes", "hardByteLimit"),
        };
        write!(f, "Quota exceeded: {prefix} [current {current}={}, ", excess.value)?;
        write!(f, "{limit}={}]", excess.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_tree::quota::Excess;

    fn over(measure: Measure, is_hard: bool) -> OverQuota {
        let excess = Excess { measure, is_hard, value: 11, limit: 10 };
        OverQuota { prefix: "/app/queue".into(), excess }
    }

    #[test]
    fn line_reads_as_apache_writes_it() {
        let line = |measure, is_hard| Line(&over(measure, is_hard)).to_string();
        assert_eq!(
            line(Measure::Count, false),
            "Quota exceeded: /app/queue [current count=11, softCountLimit=10]"
        );
        assert_eq!(
            line(Measure::Bytes, true),
            "Quota exceeded: /app/queue [current bytes=11, hardByteLimit=10]"
        );
    }

    #[test]
    fn lines_that_come_too_fast_are_counted() {
        let mut log = QuotaLog::default();
        let spoken: Vec<_> =
            [5, 6, 1004, 1005, 1006, 9000].into_iter().map(|ms| log.may_speak(ms)).collect();
        assert_eq!(spoken, [Some(0), None, None, Some(2), None, Some(1)]);
    }

    #[test]
    fn refusals_count_for_their_namespace() {
        let (mut log, metrics) = (QuotaLog::default(), Metrics::default());
        for is_hard in [true, false, true] {
            log.note(&over(Measure::Count, is_hard), 0, &metrics);
        }
        let mut seen = Vec::new();
        let counters = &metrics.quota_exceeded_error_per_namespace;
        counters.for_each(|key, counter| seen.push((key.to_owned(), counter.get())));
        assert_eq!(seen, [("app".to_owned(), 2)]);
    }
}
