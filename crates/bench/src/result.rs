//! The result of one run.

use crate::histogram::Histogram;
use crate::op::Op;
use crate::run::Measured;
use crate::settings::{Settings, Side};
use crate::tally::Latencies;
use crate::workload::Workload;
use serde::Serialize;
use std::time::Duration;

/// What one run of one workload against one side has shown.
#[derive(Clone, Debug, Serialize)]
pub struct RunResult {
    /// Which workload.
    pub workload: String,
    /// Against which side.
    pub side: String,
    /// How many operations ended in the time measured.
    pub ops: u64,
    /// How long was measured, in seconds.
    pub seconds: f64,
    /// Operations a second.
    pub ops_per_s: f64,
    /// Operations a second that were asked for, if any were.
    pub rate: Option<f64>,
    /// Operations that were due in the time measured and not answered in it. They have no latency
    /// here; with a rate, many of them mean that the servers do not keep up.
    pub unanswered: u64,
    /// How long operations took, from when they were due: without a rate that is when they were
    /// sent.
    pub latency_us: Quantiles,
    /// With a rate: how long they took from when they were sent.
    pub service_us: Option<Quantiles>,
    /// The same for each operation.
    pub operations: Vec<OpResult>,
    /// CPU that the servers used for an operation, where they run here and were named.
    pub server_cpu_us_per_op: Option<f64>,
    /// CPU that this process used for an operation.
    pub client_cpu_us_per_op: f64,
    /// CPU seconds that everybody else on this machine used: the more, the less the rates say.
    pub other_cpu_s: f64,
    /// How rate and latency went.
    pub over_time: Vec<Point>,
    /// Latencies at quantiles closer and closer to 1.
    pub curve: Vec<CurvePoint>,
}

/// One operation of a run.
#[derive(Clone, Debug, Serialize)]
pub struct OpResult {
    /// Which.
    pub op: Op,
    /// How many ended in the time measured.
    pub ops: u64,
    /// How long they took.
    pub latency_us: Quantiles,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half of all took no longer.
    pub p50: f64,
    /// 9 of 10.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1000.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

/// A part of the time measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Where it ends, in seconds.
    pub at_s: f64,
    /// Operations a second in it.
    pub ops_per_s: f64,
    /// Half of them took no longer, in microseconds.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
}

/// A point of the distribution of latencies.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CurvePoint {
    /// From 0 to 1.
    pub quantile: f64,
    /// That part of all took no longer, in microseconds.
    pub us: f64,
}

impl Quantiles {
    fn of(histogram: &Histogram) -> Self {
        let us = |quantile| micros(histogram.quantile_ns(quantile));
        Self {
            p50: us(0.5),
            p90: us(0.9),
            p99: us(0.99),
            p999: us(0.999),
            max: micros(histogram.max_ns()),
            mean: micros(histogram.mean_ns()),
        }
    }
}

impl RunResult {
    pub(crate) fn new(
        workload: &Workload,
        side: &Side,
        settings: &Settings,
        Measured { tally, cpu }: &Measured,
    ) -> Self {
        let (latencies, seconds) = (tally.latencies(), tally.measured.as_secs_f64());
        let all = latencies.merged();
        let ops = all.total();
        let per_op = |time: Duration| time.as_secs_f64() * 1e6 / ops.max(1) as f64;
        let service = tally.service.merged();
        let others = cpu.machine.saturating_sub(cpu.servers + cpu.own);
        Self {
            workload: workload.name.clone(),
            side: side.name.clone(),
            ops,
            seconds,
            ops_per_s: ops as f64 / seconds.max(1e-9),
            rate: settings.rate,
            unanswered: if settings.rate.is_some() { tally.unanswered } else { 0 },
            latency_us: Quantiles::of(&all),
            service_us: (service.total() > 0).then(|| Quantiles::of(&service)),
            operations: operations(&latencies),
            server_cpu_us_per_op: (!side.pids.is_empty()).then(|| per_op(cpu.servers)),
            client_cpu_us_per_op: per_op(cpu.own),
            other_cpu_s: others.as_secs_f64(),
            over_time: over_time(&tally.slots, tally.slot(), tally.measured),
            curve: curve(&all),
        }
    }
}

fn operations(latencies: &Latencies) -> Vec<OpResult> {
    let of = |op: Op| {
        let histogram = latencies.of(op)?;
        Some(OpResult { op, ops: histogram.total(), latency_us: Quantiles::of(histogram) })
    };
    Op::ALL.into_iter().filter_map(of).collect()
}

/// Slots that were measured in full.
fn over_time(slots: &[Latencies], slot: Duration, measured: Duration) -> Vec<Point> {
    let seconds = slot.as_secs_f64();
    let whole = usize::try_from(measured.as_nanos() / slot.as_nanos()).unwrap_or(usize::MAX);
    let point = |(index, latencies): (usize, &Latencies)| {
        let all = latencies.merged();
        Point {
            at_s: (index + 1) as f64 * seconds,
            ops_per_s: all.total() as f64 / seconds,
            p50_us: micros(all.quantile_ns(0.5)),
            p99_us: micros(all.quantile_ns(0.99)),
        }
    };
    slots.iter().take(whole).enumerate().map(point).collect()
}

/// As far as there are operations to tell of.
fn curve(histogram: &Histogram) -> Vec<CurvePoint> {
    let total = histogram.total() as f64;
    (0..=60)
        .map(|step| 1.0 - 10_f64.powf(-f64::from(step) / 10.0))
        .take_while(|quantile| (1.0 - quantile) * total >= 1.0)
        .map(|quantile| CurvePoint { quantile, us: micros(histogram.quantile_ns(quantile)) })
        .collect()
}

/// Nanoseconds in microseconds, rounded to a tenth.
fn micros(ns: u64) -> f64 {
    (ns as f64 / 100.0).round() / 10.0
}
