//! The Prometheus text format.
//!
//! Written here and not with the `prometheus-client` crate: that one speaks OpenMetrics, which has
//! no summary with quantiles and renames every counter to `…_total`. Dashboards for ZooKeeper ask
//! for the names of Apache's PrometheusMetricsProvider 3.9: no prefix, counters as they are,
//! summaries with the quantiles 0.5 (basic) or 0.5, 0.9 and 0.99 (advanced), the keys of a set in
//! the label `key`.
//!
//! Two differences from Apache's text: no comma after the last label (both forms are valid), and
//! times keep their fraction of a millisecond. The `jvm_*` metrics of Apache's provider have no
//! counterpart; its `process_*` metrics have.

use std::fmt::{Display, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::gauges::{gauges, quota_gauges};
use super::process::ProcessUsage;
use super::registry::{KeyedMetric, SummaryMetric};
use super::{Detail, Metrics, Number, Reading, Unit};
use crate::status::ServerStatus;

/// What a scrape's answer calls itself.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Quantiles cover at least this long and at most twice as long, as those of the whole life of a
/// server would hide what is going on. Apache's cover up to ten minutes.
const WINDOW: Duration = Duration::from_secs(60);

/// The readings that quantiles are counted from. One for each server, shared by all scrapes; costs
/// the request path nothing.
#[derive(Debug, Default)]
pub struct Window(Mutex<Marks>);

#[derive(Debug, Default)]
struct Marks {
    taken: Option<Instant>,
    /// Readings when the window before this one began, and when this one did.
    older: Vec<Reading>,
    newer: Vec<Reading>,
}

impl Window {
    /// The readings of what came in since the window before this one began.
    fn recent(&self, now: Instant, current: &[Reading]) -> Vec<Reading> {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.taken.is_none_or(|taken| now.duration_since(taken) >= WINDOW) {
            marks.taken = Some(now);
            marks.older = std::mem::replace(&mut marks.newer, current.to_vec());
        }
        let none = Reading::default();
        let older = marks.older.iter().chain(std::iter::repeat(&none));
        current.iter().zip(older).map(|(reading, older)| reading.since(older)).collect()
    }
}

/// Everything as one text. `status` is `None` while the server does not serve; its gauges are then
/// missing, as in Apache.
pub fn render(
    metrics: &Metrics,
    status: Option<&ServerStatus>,
    process: Option<&ProcessUsage>,
    window: &Window,
    now: Instant,
) -> String {
    let mut page = Page::default();
    if let Some(status) = status {
        for gauge in gauges(status) {
            page.head(gauge.name, gauge.help, "gauge");
            page.sample(gauge.name, "", &[], gauge.value);
        }
        for set in quota_gauges(status) {
            page.head(set.name, set.help, "gauge");
            for (key, value) in set.values {
                page.sample(set.name, "", &[("key", &key)], value);
            }
        }
    }
    for (name, help, counter) in metrics.counters() {
        page.head(name, help, "counter");
        page.sample(name, "", &[], counter.get());
    }
    let quota_errors = "quota_exceeded_error_per_namespace";
    page.head(quota_errors, "Errors of exceeded quotas by namespace.", "counter");
    metrics.quota_exceeded_error_per_namespace.for_each(|key, counter| {
        page.sample(quota_errors, "", &[("key", key)], counter.get());
    });
    page.summaries(metrics, window, now);
    if let Some(process) = process {
        page.process(process);
    }
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP {name} {}", help.trim_end_matches('.')));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        match labels.as_slice() {
            [] => self.line(format_args!("{name}{suffix} {value}")),
            labels => self.line(format_args!("{name}{suffix}{{{}}} {value}", labels.join(","))),
        }
    }

    fn summaries(&mut self, metrics: &Metrics, window: &Window, now: Instant) {
        let summaries = metrics.summaries();
        let readings: Vec<Reading> =
            summaries.iter().map(|summary| summary.distribution.read()).collect();
        let recent = window.recent(now, &readings);
        for ((summary, whole), recent) in summaries.into_iter().zip(&readings).zip(&recent) {
            let SummaryMetric { name, help, detail, unit, .. } = summary;
            self.head(name, help, "summary");
            self.summary(name, None, detail, unit, whole, recent);
        }
        for KeyedMetric { name, help, detail, unit, readings } in metrics.keyed_summaries() {
            self.head(name, help, "summary");
            for (key, reading) in readings {
                self.summary(name, Some(&key), detail, unit, &reading, &reading);
            }
        }
    }

    fn summary(
        &mut self,
        name: &str,
        key: Option<&str>,
        detail: Detail,
        unit: Unit,
        whole: &Reading,
        recent: &Reading,
    ) {
        let shown = |value: u64| value as f64 / unit.per_shown() as f64;
        let key: Vec<(&str, &str)> = key.map(|key| ("key", key)).into_iter().collect();
        let quantiles: &[(f64, &str)] = match detail {
            Detail::Basic => &[(0.5, "0.5")],
            Detail::Advanced => &[(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99")],
        };
        for (q, label) in quantiles {
            let value = recent.quantile(*q).map_or(f64::NAN, shown);
            let labels = [key.as_slice(), &[("quantile", label)]].concat();
            self.sample(name, "", &labels, value);
        }
        self.sample(name, "_count", &key, whole.count);
        self.sample(name, "_sum", &key, shown(whole.sum));
    }

    fn process(&mut self, usage: &ProcessUsage) {
        let gauge = "gauge";
        let rows: [(&str, &str, &str, Number); 6] = [
            (
                "process_cpu_seconds_total",
                "CPU time of the process",
                "counter",
                Number::Real(usage.cpu_seconds),
            ),
            (
                "process_start_time_seconds",
                "Start of the process since 1970",
                gauge,
                Number::Real(usage.start_time_seconds),
            ),
            ("process_open_fds", "Open files", gauge, usage.file_descriptors_open.into()),
            ("process_max_fds", "Limit of open files", gauge, usage.file_descriptors_max.into()),
            (
                "process_virtual_memory_bytes",
                "Address space in use",
                gauge,
                usage.virtual_memory_bytes.into(),
            ),
            (
                "process_resident_memory_bytes",
                "Memory in use",
                gauge,
                usage.resident_memory_bytes.into(),
            ),
        ];
        for (name, help, kind, value) in rows {
            self.head(name, help, kind);
            self.sample(name, "", &[], value);
        }
    }
}

/// A label's value: namespaces are paths, so they may hold anything.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
