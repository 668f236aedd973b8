//! What is compared of a workload, and by how much one side is better than another.

use serde_json::{Value, json};
use zoarium_bench::op::Op;
use zoarium_bench::result::{Quantiles, RunResult};
use zoarium_bench::summary::Spread;
use zoarium_bench::workload::Kind;

use super::machine::Circumstances;

/// What a figure says, which is also its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Operations a second, which depend on generator and disk too.
    Rate,
    /// Operations per second of the servers' CPU.
    Cpu,
    /// How long an operation takes.
    Latency,
}

/// A figure of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) subject: Subject,
    /// Whether the chart has it.
    pub(super) is_charted: bool,
    of: fn(&RunResult) -> Option<f64>,
}

impl Figure {
    const fn new(
        name: &'static str,
        subject: Subject,
        is_charted: bool,
        of: fn(&RunResult) -> Option<f64>,
    ) -> Self {
        Self { name, subject, is_charted, of }
    }

    /// How many times better `ours` is.
    fn better_by(&self, ours: &RunResult, theirs: &RunResult) -> Option<f64> {
        let (ours, theirs) = ((self.of)(ours)?, (self.of)(theirs)?);
        let (more, less) = match self.subject {
            Subject::Rate | Subject::Cpu => (ours, theirs),
            Subject::Latency => (theirs, ours),
        };
        (more > 0.0 && less > 0.0).then_some(more / less)
    }
}

const RATE: Figure = Figure::new("ops/s", Subject::Rate, true, |run| Some(run.ops_per_s));
const CPU: Figure = Figure::new("ops per CPU-second", Subject::Cpu, true, |run| {
    run.server_cpu_us_per_op.filter(|us| *us > 0.0).map(|us| 1e6 / us)
});

const GENERAL: &[Figure] = &[
    RATE,
    CPU,
    Figure::new("p50, µs", Subject::Latency, false, |run| Some(run.latency_us.p50)),
    Figure::new("p99, µs", Subject::Latency, false, |run| Some(run.latency_us.p99)),
];

const ONE_AT_A_TIME: &[Figure] = &[
    Figure::new("read p50, µs", Subject::Latency, true, |run| Some(of_op(run, Op::Read)?.p50)),
    Figure::new("read p99, µs", Subject::Latency, false, |run| Some(of_op(run, Op::Read)?.p99)),
    Figure::new("write p50, µs", Subject::Latency, true, |run| Some(of_op(run, Op::Write)?.p50)),
    Figure::new("write p99, µs", Subject::Latency, false, |run| Some(of_op(run, Op::Write)?.p99)),
];

/// Of 500 events of a change the last one is at the quantile 0.998, and the middle of the last ones
/// of many changes at 0.999.
const EVENTS: &[Figure] = &[
    Figure::new("last event p50, µs", Subject::Latency, true, |run| {
        Some(of_op(run, Op::Event)?.p999)
    }),
    Figure::new("event p50, µs", Subject::Latency, false, |run| Some(of_op(run, Op::Event)?.p50)),
    CPU,
    RATE,
];

const SESSIONS: &[Figure] = &[
    RATE,
    CPU,
    Figure::new("open p50, µs", Subject::Latency, false, |run| Some(of_op(run, Op::Open)?.p50)),
    Figure::new("open p99, µs", Subject::Latency, false, |run| Some(of_op(run, Op::Open)?.p99)),
];

fn of_op(run: &RunResult, op: Op) -> Option<Quantiles> {
    run.operations.iter().find(|it| it.op == op).map(|it| it.latency_us)
}

/// What is shown of a workload.
pub(super) fn figures(kind: &Kind) -> &'static [Figure] {
    match kind {
        Kind::Mix(_) => GENERAL,
        Kind::Latency => ONE_AT_A_TIME,
        Kind::Watch { .. } => EVENTS,
        Kind::Connect => SESSIONS,
    }
}

/// A workload and all its runs.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) workload: &'static str,
    pub(super) about: &'static str,
    pub(super) figures: &'static [Figure],
    /// By side, ours first; run N of each was next to run N of the others.
    pub(super) runs: Vec<Vec<RunResult>>,
    /// Why there are no more runs.
    pub(super) failure: Option<String>,
}

impl Entry {
    /// A figure of a side over all its runs.
    pub(super) fn spread(&self, side: usize, figure: &Figure) -> Option<Spread> {
        Spread::of(self.runs[side].iter().filter_map(figure.of))
    }

    /// How many times better we are than a side, pair by pair: what disturbs the machine for a
    /// while meets both of a pair.
    pub(super) fn better_by(&self, side: usize, figure: &Figure) -> Option<Spread> {
        let pairs = self.runs[0].iter().zip(&self.runs[side]);
        Spread::of(pairs.filter_map(|(ours, theirs)| figure.better_by(ours, theirs)))
    }
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub(super) struct Contest {
    pub(super) circumstances: Circumstances,
    /// How many servers each side has.
    pub(super) servers: u16,
    /// How, for the reader.
    pub(super) manner: String,
    /// Names; ours is the first.
    pub(super) sides: Vec<String>,
    pub(super) entries: Vec<Entry>,
}

impl Contest {
    /// Rows of cells, the heading first.
    pub(super) fn table(&self) -> Vec<Vec<String>> {
        let mut heading = vec!["workload".to_owned(), "figure".to_owned(), self.sides[0].clone()];
        for side in &self.sides[1..] {
            heading.extend([side.clone(), "better by".to_owned()]);
        }
        let mut rows = vec![heading];
        for entry in &self.entries {
            for (index, figure) in entry.figures.iter().enumerate() {
                let name = if index == 0 { entry.workload } else { "" };
                let mut row = vec![name.to_owned(), figure.name.to_owned()];
                for side in 0..self.sides.len() {
                    row.push(
                        entry.spread(side, figure).map_or_else(String::new, |it| number(it.median)),
                    );
                    if side > 0 {
                        row.push(entry.better_by(side, figure).map_or_else(String::new, multiple));
                    }
                }
                rows.push(row);
            }
        }
        rows
    }

    /// What everybody else on the machine used: the more, the less the rates say.
    pub(super) fn other_load(&self) -> String {
        let runs = self.entries.iter().flat_map(|entry| entry.runs.iter().flatten());
        match Spread::of(runs.map(|run| run.other_cpu_s / run.seconds.max(1e-9))) {
            Some(load) => format!(
                "Other load on the machine: {:.2} processors in the median run, {:.2} in the worst.",
                load.median, load.max
            ),
            None => "Nothing was measured.".to_owned(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let entry = |entry: &Entry| {
            let figures = entry.figures.iter().map(|figure| {
                let sides = 0..self.sides.len();
                json!({
                    "name": figure.name,
                    "sides": sides.clone().map(|side| entry.spread(side, figure)).collect::<Vec<_>>(),
                    "better_by":
                        sides.skip(1).map(|side| entry.better_by(side, figure)).collect::<Vec<_>>(),
                })
            });
            json!({
                "workload": entry.workload,
                "about": entry.about,
                "figures": figures.collect::<Vec<_>>(),
                "runs": entry.runs,
                "failure": entry.failure,
            })
        };
        let mut json = self.circumstances.json();
        json["servers"] = json!(self.servers);
        json["manner"] = json!(self.manner);
        json["sides"] = json!(self.sides);
        json["workloads"] = self.entries.iter().map(entry).collect();
        json
    }
}

/// A ratio with its spread.
fn multiple(Spread { median, min, max }: Spread) -> String {
    format!("{}× ({}–{})", number(median), number(min), number(max))
}

/// Three digits that count, thousands apart.
pub(super) fn number(value: f64) -> String {
    if value < 9.995 {
        return format!("{value:.2}");
    }
    if value < 99.95 {
        return format!("{value:.1}");
    }
    apart(&format!("{value:.0}"))
}

/// A whole number, thousands apart.
pub(super) fn grouped(value: u64) -> String {
    apart(&value.to_string())
}

fn apart(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table in Markdown; the first `names` columns to the left and all others to the right.
pub(super) fn markdown(rows: &[Vec<String>], names: usize) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text += "|";
        for cell in row {
            text += &if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") };
        }
        text.push('\n');
        if index == 0 {
            let figures = row.len().saturating_sub(names);
            text += &format!("|{}{}\n", "---|".repeat(names), "---:|".repeat(figures));
        }
    }
    text
}

/// Cells in columns, the first `names` to the left and all others to the right.
pub(super) fn aligned(rows: &[Vec<String>], names: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line += &if index < names {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let texts = [0.1234, 9.999, 12.34, 99.96, 1234.4, 1_234_567.0].map(number);
        assert_eq!(texts, ["0.12", "10.0", "12.3", "100", "1,234", "1,234,567"]);
        assert_eq!([7, 1000, 5_000_000].map(grouped), ["7", "1,000", "5,000,000"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = aligned(&[row(["a", "b", "ours"]), row(["long", "", "1×"])], 2);
        assert_eq!(text, "a     b  ours\nlong       1×\n");
    }

    #[test]
    fn markdown_has_figures_on_the_right() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = markdown(&[row(["a", "b", "ours"]), row(["long", "", "1×"])], 2);
        assert_eq!(text, "| a | b | ours |\n|---|---|---:|\n| long | | 1× |\n");
    }
}
