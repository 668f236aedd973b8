//! Several runs of a workload: medians with their spread, and two sides compared.

use crate::result::RunResult;
use serde::Serialize;

/// A figure that was measured several times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of nothing it is `None`.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[half - 1], values[half]),
            _ => values[half],
        };
        Some(Self { median, min, max })
    }
}

/// A figure of a run that is worth comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Operations a second.
    Rate,
    /// Latency that half of all do not exceed, in microseconds.
    P50,
    /// Latency that 99 of 100 do not exceed.
    P99,
    /// Latency that 999 of 1000 do not exceed.
    P999,
    /// CPU of the servers for an operation, in microseconds.
    ServerCpu,
    /// CPU of this process for an operation.
    ClientCpu,
}

impl Figure {
    /// In the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Rate, Self::P50, Self::P99, Self::P999, Self::ServerCpu, Self::ClientCpu];

    /// Its heading.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "ops/s",
            Self::P50 => "p50 µs",
            Self::P99 => "p99 µs",
            Self::P999 => "p99.9 µs",
            Self::ServerCpu => "server CPU µs/op",
            Self::ClientCpu => "client CPU µs/op",
        }
    }

    /// Its name in JSON.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Rate => "ops_per_s",
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::P999 => "p99.9_us",
            Self::ServerCpu => "server_cpu_us_per_op",
            Self::ClientCpu => "client_cpu_us_per_op",
        }
    }

    /// Its value in a run, if it was measured.
    pub fn of(self, run: &RunResult) -> Option<f64> {
        match self {
            Self::Rate => Some(run.ops_per_s),
            Self::P50 => Some(run.latency_us.p50),
            Self::P99 => Some(run.latency_us.p99),
            Self::P999 => Some(run.latency_us.p999),
            Self::ServerCpu => run.server_cpu_us_per_op,
            Self::ClientCpu => Some(run.client_cpu_us_per_op),
        }
    }

    /// Over all runs.
    pub fn spread(self, runs: &[RunResult]) -> Option<Spread> {
        Spread::of(runs.iter().filter_map(|run| self.of(run)))
    }
}

/// All runs of a workload, each side's in the order of time.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Which workload.
    pub workload: String,
    /// Those of the first side.
    pub runs: Vec<RunResult>,
    /// Those of the second, if there is one: run N was next to run N of the first.
    pub against: Vec<RunResult>,
}

impl Comparison {
    /// The second side's figure as a multiple of the first's, pair by pair: what disturbs the
    /// machine for a while meets both of a pair.
    pub fn ratio(&self, figure: Figure) -> Option<Spread> {
        let pairs = self.runs.iter().zip(&self.against);
        let ratio = |(ours, theirs): (&RunResult, &RunResult)| {
            let (ours, theirs) = (figure.of(ours)?, figure.of(theirs)?);
            (ours > 0.0).then_some(theirs / ours)
        };
        Spread::of(pairs.filter_map(ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_several_values() {
        let spread = |values: &[f64]| {
            Spread::of(values.iter().copied()).map(|it| (it.median, it.min, it.max))
        };
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[4.0]), Some((4.0, 4.0, 4.0)));
        assert_eq!(spread(&[3.0, 1.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), Some((2.0, 1.0, 9.0)));
    }
}
