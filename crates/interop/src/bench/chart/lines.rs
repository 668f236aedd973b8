//! Lines over sizes: what is flat is level, whatever it is the cost of.

use std::fmt::Write as _;

use super::{Axis, COLOURS, WIDTH, document, plain};
use crate::bench::figures::number;

const LEFT: f64 = 56.0;
/// Behind it are the names of the lines.
const RIGHT: f64 = WIDTH - 196.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 300.0;
const HEIGHT: f64 = 346.0;
/// Between the names of two lines, each of which has two rows.
const APART: f64 = 34.0;

/// One line. Those of one colour are the same thing, of us and of others.
#[derive(Clone, Debug)]
pub(in crate::bench) struct Line {
    pub(in crate::bench) name: String,
    pub(in crate::bench) colour: usize,
    pub(in crate::bench) is_ours: bool,
    /// Size and value, by size.
    pub(in crate::bench) points: Vec<(f64, f64)>,
}

/// The lines over sizes called `x`; values are `y`, in `unit`.
pub(in crate::bench) fn svg(x: &str, y: &str, unit: &str, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let least = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
    let across = Axis { from: least(|it| it.0), to: most(|it| it.0), begin: LEFT, end: RIGHT };
    // Somewhat more than there is, so that no line runs along an edge.
    let (from, to) = (least(|it| it.1) / 1.6, most(|it| it.1) * 1.6);
    let up = Axis { from, to, begin: BOTTOM, end: TOP };
    let mut body = grid(&across, &up, lines);
    let _ = writeln!(body, "<text x=\"0\" y=\"13\">{y}, {unit} (logarithmic)</text>");
    let middle = f64::midpoint(LEFT, RIGHT);
    let bottom = HEIGHT - 8.0;
    let _ = writeln!(body, "<text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">{x}</text>");
    for line in lines {
        body += &drawn(line, &across, &up);
    }
    for (line, place) in lines.iter().zip(label_places(lines, &up)) {
        body += &label(line, unit, place);
    }
    document(&format!("{y} by {x}"), HEIGHT, &body)
}

/// A line for each round value, and a number below each size that was measured.
fn grid(across: &Axis, up: &Axis, lines: &[Line]) -> String {
    let mut svg = String::new();
    for value in up.ticks() {
        let y = up.at(value);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            plain(value)
        );
    }
    for (size, _) in lines.first().map_or(&[][..], |line| &line.points) {
        let x = across.at(*size);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 18.0,
            plain(*size)
        );
    }
    svg
}

fn drawn(line: &Line, across: &Axis, up: &Axis) -> String {
    let places = line.points.iter().map(|(size, value)| (across.at(*size), up.at(*value)));
    let places: Vec<_> = places.collect();
    let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (colour, theirs) = (line.colour % COLOURS, if line.is_ours { "" } else { " theirs" });
    let mut svg =
        format!("<polyline class=\"c{colour}{theirs}\" points=\"{}\"/>\n", path.join(" "));
    for (x, y) in places {
        let _ = writeln!(svg, "<circle class=\"c{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
    }
    svg
}

/// Where the names are: beside the ends of the lines, and clear of each other.
fn label_places(lines: &[Line], up: &Axis) -> Vec<f64> {
    let end = |line: &Line| line.points.last().map_or(BOTTOM, |(_, value)| up.at(*value));
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|a, b| end(&lines[*a]).total_cmp(&end(&lines[*b])));
    let (mut places, mut free) = (vec![0.0; lines.len()], TOP);
    for index in &order {
        places[*index] = end(&lines[*index]).max(free);
        free = places[*index] + APART;
    }
    // Those that were pushed out at the bottom push back.
    let mut free = BOTTOM;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(free);
        free = places[*index] - APART;
    }
    places
}

fn label(line: &Line, unit: &str, y: f64) -> String {
    let values = match (line.points.first(), line.points.last()) {
        (Some((_, first)), Some((_, last))) if *first > 0.0 => {
            format!("{} → {} {unit} ({:.2}×)", number(*first), number(*last), last / first)
        }
        _ => String::new(),
    };
    let x = RIGHT + 24.0;
    format!(
        "<rect class=\"c{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\"/>\
         <text class=\"name\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\
         <text x=\"{x:.1}\" y=\"{:.1}\">{values}</text>\n",
        line.colour % COLOURS,
        RIGHT + 11.0,
        y - 10.0,
        y - 2.0,
        line.name,
        y + 13.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, colour: usize, values: [f64; 3]) -> Line {
        let points = [1e3, 1e5, 5e6].into_iter().zip(values).collect();
        Line { name: name.to_owned(), colour, is_ours: colour == 0, points }
    }

    #[test]
    fn names_are_clear_of_each_other_and_inside() {
        let lines = [line("a", 0, [1.0, 1.0, 1.0]), line("b", 1, [1.0, 1.1, 1.01])];
        let up = Axis { from: 0.9, to: 40.0, begin: BOTTOM, end: TOP };
        let places = label_places(&lines, &up);
        assert!((places[0] - places[1]).abs() >= APART - 1e-9, "{places:?}");
        assert!(places.iter().all(|place| (TOP..=BOTTOM).contains(place)), "{places:?}");
    }

    #[test]
    fn line_tells_where_it_begins_and_ends() {
        let svg = svg("znodes", "CPU", "µs", &[line("read", 0, [0.25, 0.3, 0.5])]);
        assert!(svg.contains("0.25 → 0.50 µs (2.00×)"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains(">5,000,000<") && svg.contains("znodes</text>"), "{svg}");
    }
}
