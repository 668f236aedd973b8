//! Histograms: how often something took how long, several beside each other.

use std::fmt::Write as _;

use super::{Axis, COLOURS, document, legend, plain};

const LEFT: f64 = 132.0;
const RIGHT: f64 = 680.0;
const TOP: f64 = 44.0;
const BAR: f64 = 9.0;
/// Between rows.
const GAP: f64 = 6.0;

/// A row: its name, and a count for each series.
type Row<'a> = (&'a str, Vec<u64>);

/// `limit` is the row before which a line says what no row behind it should have.
pub(in crate::bench) fn svg(
    title: &str,
    series: &[&str],
    rows: &[Row<'_>],
    limit: Option<(usize, &str)>,
) -> String {
    let most = rows.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(0);
    // One is seen, too.
    let axis = Axis { from: 0.5, to: (most as f64 * 1.3).max(10.0), begin: LEFT, end: RIGHT };
    let row_height = series.len() as f64 * BAR + GAP;
    let bottom = TOP + rows.len() as f64 * row_height;
    let mut body = legend(series);
    for value in axis.ticks().into_iter().filter(|value| *value >= 1.0) {
        let x = axis.at(value);
        let _ = writeln!(
            body,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            TOP - 6.0,
            bottom + 16.0,
            plain(value)
        );
    }
    let _ = writeln!(
        body,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">requests (logarithmic)</text>",
        f64::midpoint(LEFT, RIGHT),
        bottom + 34.0
    );
    for (index, (name, counts)) in rows.iter().enumerate() {
        let y = TOP + index as f64 * row_height;
        let middle = y + (row_height - GAP) / 2.0 + 4.0;
        let x = LEFT - 8.0;
        let _ =
            writeln!(body, "<text x=\"{x}\" y=\"{middle:.1}\" text-anchor=\"end\">{name}</text>");
        for (colour, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            body += &bar(&axis, colour, *count, y + colour as f64 * BAR);
        }
    }
    if let Some((row, words)) = limit.filter(|(row, _)| *row <= rows.len()) {
        let y = TOP + row as f64 * row_height - GAP / 2.0;
        let _ = writeln!(
            body,
            "<line class=\"limit\" x1=\"0\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{words}</text>",
            RIGHT + 6.0,
            y + 4.0
        );
    }
    document(title, bottom + 44.0, &body)
}

fn bar(axis: &Axis, colour: usize, count: u64, y: f64) -> String {
    let end = axis.at(count as f64);
    format!(
        "<rect class=\"c{}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"1\"/>\
         <text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
        colour % COLOURS,
        end - LEFT,
        BAR - 1.0,
        end + 4.0,
        y + BAR - 1.0,
        plain(count as f64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_bar_for_each_count_and_none_for_nothing() {
        let rows = [("below 100 µs", vec![598_123, 1]), ("below 5 ms", vec![0, 7])];
        let svg = svg("latency", &["reads", "writes"], &rows, Some((2, "over 5 ms")));
        assert_eq!(svg.matches("rx=\"1\"").count(), 3, "{svg}");
        assert!(svg.contains(">598,123<") && svg.contains("over 5 ms"), "{svg}");
    }
}
