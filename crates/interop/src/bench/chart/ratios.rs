//! Ratios as bars, from 1 to how many times better we are.

use std::fmt::Write as _;

use zoarium_bench::summary::Spread;

use super::{Axis, document, legend, plain, remark};
use crate::bench::figures::{Contest, Subject, number};

/// Where the axis begins and ends.
const LEFT: f64 = 268.0;
const RIGHT: f64 = 690.0;
const TOP: f64 = 40.0;
const ROW: f64 = 18.0;
/// Between workloads.
const GAP: f64 = 8.0;
const BAR: f64 = 12.0;

/// In the order of their colours.
const LEGEND: [&str; 3] = ["ops/s", "ops per CPU-second", "latency"];

const fn colour(subject: Subject) -> usize {
    match subject {
        Subject::Rate => 0,
        Subject::Cpu => 1,
        Subject::Latency => 2,
    }
}

/// One bar.
struct Bar {
    name: &'static str,
    subject: Subject,
    ratio: Spread,
}

/// How we are to one of the others, workload by workload.
pub(in crate::bench) fn svg(contest: &Contest, side: usize) -> String {
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
    let axis = axis_around(groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.ratio));
    let bars: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let bottom = TOP + bars as f64 * ROW + groups.len() as f64 * GAP;
    let mut body = legend(&LEGEND);
    body += &remark(&format!("times better than {rival}: median; line: least and greatest"));
    for value in axis.ticks() {
        let (x, class) = (axis.at(value), if value == 1.0 { "one" } else { "grid" });
        let _ = writeln!(
            body,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}×</text>",
            TOP - 4.0,
            bottom + 16.0,
            plain(value)
        );
    }
    let mut y = TOP;
    for (workload, bars) in groups {
        let middle = y + BAR - 2.0;
        let _ = writeln!(body, "<text class=\"name\" x=\"0\" y=\"{middle:.1}\">{workload}</text>");
        for bar in bars {
            body += &drawn_bar(&axis, bar, y);
            y += ROW;
        }
        y += GAP;
    }
    document(&format!("How many times better than {rival}"), bottom + 26.0, &body)
}

/// From the worst to the best ratio, and 1 in any case.
fn axis_around(ratios: impl Iterator<Item = Spread>) -> Axis {
    let (mut from, mut to) = (1.0_f64, 2.0_f64);
    for Spread { min, max, .. } in ratios {
        (from, to) = (from.min(min), to.max(max));
    }
    Axis { from: from.max(0.01) * 0.95, to: to.min(1e4) * 1.05, begin: LEFT, end: RIGHT }
}

fn drawn_bar(axis: &Axis, bar: &Bar, y: f64) -> String {
    let Spread { median, min, max } = bar.ratio;
    let (one, end) = (axis.at(1.0), axis.at(median));
    let middle = y + BAR / 2.0;
    format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
         <rect class=\"c{}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>\
         <line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{}×</text>\n",
        LEFT - 8.0,
        y + BAR - 2.0,
        // Of a ratio there is no unit.
        bar.name.trim_end_matches(", µs"),
        colour(bar.subject),
        one.min(end),
        (end - one).abs().max(1.0),
        axis.at(min),
        axis.at(max),
        axis.at(max).max(one) + 6.0,
        y + BAR - 2.0,
        number(median)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64) -> Spread {
        Spread { median, min: median / 1.2, max: median * 1.2 }
    }

    #[test]
    fn every_ratio_is_on_the_axis_and_so_is_one() {
        let axis = axis_around([0.3, 4.0, 70.0].map(spread).into_iter());
        let places = [0.25, 0.3, 1.0, 4.0, 84.0].map(|ratio| axis.at(ratio));
        assert!(places.is_sorted(), "{places:?}");
        assert!(places[0] > LEFT && places[4] < RIGHT, "{places:?}");
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
