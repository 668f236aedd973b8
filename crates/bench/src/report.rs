//! Results for people.

use crate::plan::Plan;
use crate::result::RunResult;
use crate::settings::Side;
use crate::summary::{Comparison, Figure, Spread};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One line for each workload, or with two sides one block.
pub fn text(comparisons: &[Comparison]) -> String {
    let is_compared = comparisons.iter().any(|comparison| !comparison.against.is_empty());
    let mut out = if is_compared { compared(comparisons) } else { alone(comparisons) };
    for comparison in comparisons {
        for run in comparison.runs.iter().chain(&comparison.against) {
            if let Some(warning) = warning(run) {
                out += &format!("{warning}\n");
            }
        }
    }
    out
}

fn alone(comparisons: &[Comparison]) -> String {
    let several = comparisons.iter().any(|comparison| comparison.runs.len() > 1);
    let figures: Vec<Figure> = Figure::ALL
        .into_iter()
        .filter(|figure| comparisons.iter().any(|it| figure.spread(&it.runs).is_some()))
        .collect();
    let mut out = format!("{:<14}", "workload");
    for figure in &figures {
        out += &format!("  {:>width$}", figure.name(), width = width(*figure, several));
    }
    out.push('\n');
    for comparison in comparisons {
        out += &format!("{:<14}", comparison.workload);
        for figure in &figures {
            let shown = figure.spread(&comparison.runs).map_or_else(String::new, |spread| {
                if several { with_spread(spread) } else { number(spread.median) }
            });
            out += &format!("  {shown:>width$}", width = width(*figure, several));
        }
        out.push('\n');
        out += &operations(comparison);
    }
    out
}

const fn width(figure: Figure, several: bool) -> usize {
    let name = figure.name().len();
    let least = if several { 16 } else { 9 };
    if name > least { name } else { least }
}

/// The operations of a workload that has several, from its last run.
fn operations(comparison: &Comparison) -> String {
    let mut out = String::new();
    let Some(run) = comparison.runs.last().filter(|run| run.operations.len() > 1) else {
        return out;
    };
    for operation in &run.operations {
        let quantiles = operation.latency_us;
        let rate = operation.ops as f64 / run.seconds.max(1e-9);
        // Writing to a string cannot fail.
        let _written = writeln!(
            out,
            "  {:<12}  {:>9}/s  p50 {}  p99 {}  p99.9 {}  max {} µs",
            operation.op,
            number(rate),
            number(quantiles.p50),
            number(quantiles.p99),
            number(quantiles.p999),
            number(quantiles.max),
        );
    }
    out
}

fn compared(comparisons: &[Comparison]) -> String {
    let mut out = String::new();
    for comparison in comparisons {
        let name = |runs: &[RunResult]| runs.first().map_or(String::new(), |run| run.side.clone());
        let (ours, theirs) = (name(&comparison.runs), name(&comparison.against));
        out += &format!(
            "{:<20}  {ours:>18}  {theirs:>18}  {theirs} / {ours}, median (least–most)\n",
            comparison.workload
        );
        for figure in Figure::ALL {
            let shown = |runs: &[RunResult]| figure.spread(runs).map(with_spread);
            let (Some(ours), Some(theirs)) = (shown(&comparison.runs), shown(&comparison.against))
            else {
                continue;
            };
            let ratio = comparison.ratio(figure).map_or_else(String::new, |ratio| {
                format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max)
            });
            out += &format!("  {:<18}  {ours:>18}  {theirs:>18}  {ratio}\n", figure.name());
        }
        out.push('\n');
    }
    out
}

/// What makes a run worth less than it looks.
pub(crate) fn warning(run: &RunResult) -> Option<String> {
    let (workload, side) = (&run.workload, &run.side);
    if let Some(rate) = run.rate
        && run.ops_per_s < 0.99 * rate
    {
        return Some(format!(
            "{workload}, {side}: {} of {} operations a second were done and {} are left over: the \
             servers do not keep up, or the connections allow too few requests at a time. Latencies \
             count from when requests were due, and grow for as long as this runs",
            number(run.ops_per_s),
            number(rate),
            run.unanswered,
        ));
    }
    let busy = run.client_cpu_us_per_op * run.ops as f64 / 1e6 / run.seconds.max(1e-9);
    (busy > 0.9).then(|| {
        format!(
            "{workload}, {side}: this program was busy {:.0} % of one processor: it may be what \
             limits the rate; --threads gives it more",
            busy * 100.0
        )
    })
}

/// A median with how far the runs were from each other.
pub(crate) fn with_spread(spread: Spread) -> String {
    let off = (spread.max - spread.min) / 2.0 / spread.median.max(1e-9) * 100.0;
    format!("{} ±{off:.0}%", number(spread.median))
}

/// As many digits as say something.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value >= 100_000.0 => format!("{:.0} k", value / 1000.0),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// Everything that was measured.
pub fn document(plan: &Plan, comparisons: &[Comparison]) -> Value {
    let side = |side: &Side| json!({ "name": side.name, "servers": side.servers.to_string() });
    let settings = &plan.settings;
    json!({
        "side": side(&plan.side),
        "against": plan.against.as_ref().map(side),
        "duration_s": settings.duration.as_secs_f64(),
        "warm_up_s": settings.warm_up.as_secs_f64(),
        "rate": settings.rate,
        "threads": settings.threads,
        "workloads": plan.workloads,
        "summaries": comparisons.iter().map(summary).collect::<Vec<_>>(),
        "comparisons": comparisons,
    })
}

fn summary(comparison: &Comparison) -> Value {
    let figures = Figure::ALL.into_iter().map(|figure| {
        let value = json!({
            "side": figure.spread(&comparison.runs),
            "against": figure.spread(&comparison.against),
            "ratio": comparison.ratio(figure),
        });
        (figure.key().to_owned(), value)
    });
    json!({ "workload": comparison.workload, "figures": Value::Object(figures.collect()) })
}
