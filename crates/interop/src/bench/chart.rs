//! A chart of ratios as SVG: bars on a logarithmic axis, from 1 to how many times better we are.

use std::fmt::Write as _;

use zoarium_bench::summary::Spread;

use super::figures::{Contest, Subject};

const WIDTH: f64 = 760.0;
/// Where the axis begins and ends.
const LEFT: f64 = 268.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 40.0;
const ROW: f64 = 18.0;
/// Between workloads.
const GAP: f64 = 8.0;
const BAR: f64 = 12.0;

/// No scheme is set for an image inside a page, so it follows the reader's own.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#4b5563}.name{fill:#111827;font-weight:600}\
.grid{stroke:#d8dbe0}.one{stroke:#6b7280}.spread{stroke:#111827;stroke-width:1.5}\
.rate{fill:#2166ac}.cpu{fill:#1b9e77}.latency{fill:#b2701a}\
@media(prefers-color-scheme:dark){text{fill:#9aa4b2}.name{fill:#e8eaed}.grid{stroke:#3c4046}\
.one{stroke:#9aa0a8}.spread{stroke:#e8eaed}\
.rate{fill:#7ab8f5}.cpu{fill:#5fd3a9}.latency{fill:#f0b35c}}";

const fn class(subject: Subject) -> &'static str {
    match subject {
        Subject::Rate => "rate",
        Subject::Cpu => "cpu",
        Subject::Latency => "latency",
    }
}

/// One bar.
struct Bar {
    name: &'static str,
    subject: Subject,
    ratio: Spread,
}

/// How we are to one of the others, workload by workload.
pub(super) fn svg(contest: &Contest, side: usize) -> String {
    let mut groups: Vec<(&str, Vec<Bar>)> = Vec::new();
    for entry in &contest.entries {
        let charted = entry.figures.iter().filter(|figure| figure.is_charted);
        let bars = charted.filter_map(|figure| {
            let ratio = entry.better_by(side, figure)?;
            Some(Bar { name: figure.name, subject: figure.subject, ratio })
        });
        groups.push((entry.workload, bars.collect()));
    }
    groups.retain(|(_, bars)| !bars.is_empty());
    drawn(&groups, &contest.sides[side])
}

fn drawn(groups: &[(&str, Vec<Bar>)], rival: &str) -> String {
    let axis = Axis::around(groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.ratio));
    let bars: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let bottom = TOP + bars as f64 * ROW + groups.len() as f64 * GAP;
    let height = bottom + 26.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>How many times better than {rival}\
         </title>\n<style>{STYLE}</style>\n"
    );
    let legend = [("rate", "ops/s"), ("cpu", "ops per CPU-second"), ("latency", "latency")];
    for ((class, name), x) in legend.into_iter().zip([0.0, 72.0, 214.0]) {
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"4\" width=\"10\" height=\"10\"/>\
             <text x=\"{}\" y=\"13\">{name}</text>",
            x + 15.0
        );
    }
    for (value, name) in axis.ticks() {
        let (x, class) = (axis.x(value), if value == 1.0 { "one" } else { "grid" });
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            TOP - 4.0,
            bottom + 16.0
        );
    }
    let mut y = TOP;
    for (workload, bars) in groups {
        let middle = y + BAR - 2.0;
        let _ = writeln!(svg, "<text class=\"name\" x=\"0\" y=\"{middle:.1}\">{workload}</text>");
        for bar in bars {
            svg += &axis.bar(bar, y);
            y += ROW;
        }
        y += GAP;
    }
    svg + "</svg>\n"
}

/// From the worst to the best ratio, and 1 in any case.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn around(ratios: impl Iterator<Item = Spread>) -> Self {
        let (mut from, mut to) = (1.0_f64, 2.0_f64);
        for Spread { min, max, .. } in ratios {
            (from, to) = (from.min(min), to.max(max));
        }
        Self { from: from.max(0.01) * 0.95, to: to.min(1e4) * 1.05 }
    }

    fn x(&self, ratio: f64) -> f64 {
        let part = (ratio / self.from).ln() / (self.to / self.from).ln();
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// As many as there is room for.
    fn ticks(&self) -> Vec<(f64, String)> {
        let steps: &[f64] = if self.to / self.from > 2000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let all = (-2..5).flat_map(|power| steps.iter().map(move |it| it * 10_f64.powi(power)));
        let inside = all.filter(|value| (self.from..=self.to).contains(value));
        inside.map(|value| (value, format!("{value}×"))).collect()
    }

    fn bar(&self, bar: &Bar, y: f64) -> String {
        let Spread { median, min, max } = bar.ratio;
        let (one, end) = (self.x(1.0), self.x(median));
        let middle = y + BAR / 2.0;
        format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>\
             <line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{median:.1}×</text>\n",
            LEFT - 8.0,
            y + BAR - 2.0,
            bar.name,
            class(bar.subject),
            one.min(end),
            (end - one).abs().max(1.0),
            self.x(min),
            self.x(max),
            self.x(max).max(one) + 6.0,
            y + BAR - 2.0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64) -> Spread {
        Spread { median, min: median / 1.2, max: median * 1.2 }
    }

    #[test]
    fn every_ratio_is_on_the_axis_and_so_is_one() {
        let axis = Axis::around([0.3, 4.0, 70.0].map(spread).into_iter());
        let places = [0.25, 0.3, 1.0, 4.0, 84.0].map(|ratio| axis.x(ratio));
        assert!(places.is_sorted(), "{places:?}");
        assert!(places[0] > LEFT && places[4] < RIGHT, "{places:?}");
        let ticks: Vec<_> = axis.ticks().into_iter().map(|(_, name)| name).collect();
        assert_eq!(ticks, ["0.5×", "1×", "2×", "5×", "10×", "20×", "50×"]);
    }

    #[test]
    fn chart_has_a_bar_for_each_figure() {
        let bar = |name, subject, ratio| Bar { name, subject, ratio: spread(ratio) };
        let bars = vec![bar("ops/s", Subject::Rate, 20.0), bar("p50", Subject::Latency, 0.5)];
        let svg = drawn(&[("read", bars)], "apache");
        assert_eq!(svg.matches("rx=\"2\"").count(), 2, "{svg}");
        assert!(svg.contains("20.0×") && svg.contains("prefers-color-scheme:dark"), "{svg}");
    }
}
