//! What the server counts, for `mntr`, the admin server's `monitor` and Prometheus.
//!
//! Names are those of Apache 3.9.5, every one of them, so that dashboards and alerts made for
//! ZooKeeper work unchanged. Some belong to parts that do not exist here: the JVM
//! (`jvm_pause_time_ms`), the commit processor's queues (`read_commitproc_time_ms`,
//! `requests_in_session_queue`, …), the response cache, the cleaner of dead watchers, Netty, the
//! observer master. They are printed and always 0; [`Metrics`] marks them.
//!
//! On the request path: `metrics.readlatency.record(elapsed)`, `metrics.response_bytes.add(n)`.
//! Start at [`Metrics`]; [`values`] gives all of them, [`prometheus`] the text that a scrape gets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

mod distribution;
mod gauges;
mod keyed;
mod number;
pub mod process;
pub mod prometheus;
mod registry;

pub use distribution::{Distribution, Reading, Summary, Timing, Unit};
pub use gauges::{Gauge, gauges};
pub use keyed::{KEYS_MAX, Keyed};
pub use number::{Number, java_double};
pub use registry::{Detail, Metrics};

use gauges::quota_gauges;
use registry::{KeyedMetric, SummaryMetric};

use crate::status::ServerStatus;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// The sum of all that was added.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Back to 0.
    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// A summary as `mntr` prints it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// The mean, to 4 decimals.
    pub average: f64,
    /// The smallest, rounded down.
    pub min: u64,
    /// The largest, rounded up, so that the mean always lies between the two.
    pub max: u64,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The 50th, 95th, 99th and 99.9th percentile; 0 when there is no value.
    pub percentiles: [u64; 4],
}

impl Shown {
    /// A reading of numbers in this unit.
    pub fn of(unit: Unit, reading: &Reading) -> Self {
        let unit = unit.per_shown();
        let rounded = |value: u64| (value + unit / 2) / unit;
        let percentile = |q| rounded(reading.quantile(q).unwrap_or(0));
        Self {
            average: (reading.average() / unit as f64 * 1e4).round() / 1e4,
            min: reading.min / unit,
            max: reading.max.div_ceil(unit),
            count: reading.count,
            sum: rounded(reading.sum),
            percentiles: [0.5, 0.95, 0.99, 0.999].map(percentile),
        }
    }

    fn entries(&self, name: &str, detail: Detail, entries: &mut Vec<(String, Number)>) {
        let mut entry = |prefix, value| entries.push((format!("{prefix}_{name}"), value));
        entry("avg", Number::Real(self.average));
        entry("min", self.min.into());
        entry("max", self.max.into());
        entry("cnt", self.count.into());
        entry("sum", self.sum.into());
        if detail == Detail::Advanced {
            for (prefix, value) in ["p50", "p95", "p99", "p999"].into_iter().zip(self.percentiles) {
                entry(prefix, value.into());
            }
        }
    }
}

/// Every metric as `mntr` and `monitor` list it, without the prefix `zk_`: gauges, counters,
/// summaries, then the summaries with keys.
pub fn values(metrics: &Metrics, status: &ServerStatus) -> Vec<(String, Number)> {
    let mut entries: Vec<(String, Number)> =
        gauges(status).into_iter().map(|gauge| (gauge.name.to_owned(), gauge.value)).collect();
    for set in quota_gauges(status) {
        let named = |(key, value)| (format!("{key}_{}", set.name), value);
        entries.extend(set.values.into_iter().map(named));
    }
    for (name, _, counter) in metrics.counters() {
        entries.push((name.to_owned(), counter.get().into()));
    }
    metrics.quota_exceeded_error_per_namespace.for_each(|key, counter| {
        let name = format!("{key}_quota_exceeded_error_per_namespace");
        entries.push((name, counter.get().into()));
    });
    for SummaryMetric { name, detail, unit, distribution, .. } in metrics.summaries() {
        Shown::of(unit, &distribution.read()).entries(name, detail, &mut entries);
    }
    for KeyedMetric { name, detail, unit, readings, .. } in metrics.keyed_summaries() {
        for (key, reading) in readings {
            let name = format!("{key}_{name}");
            Shown::of(unit, &reading).entries(&name, detail, &mut entries);
        }
    }
    entries
}
