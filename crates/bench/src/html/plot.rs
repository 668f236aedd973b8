//! Plots as inline SVG. Colours are classes, so that the page's scheme applies.

use super::axis::Axis;
use super::escaped;
use crate::summary::Spread;

const WIDTH: f64 = 372.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 26.0;
const RIGHT: f64 = 20.0;

/// Whose line it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    First,
    Second,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::First => "a",
            Self::Second => "b",
        }
    }
}

/// Points that belong together.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) is_faint: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// Lines between two axes.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

impl Plot {
    pub(super) fn svg(&self) -> String {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut svg = format!(
            "<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
             <text class=\"title\" x=\"0\" y=\"13\">{}</text>\n",
            escaped(self.title)
        );
        for (value, name) in &self.y.ticks {
            let y = self.y(*value);
            svg += &format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\n",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for (value, name) in &self.x.ticks {
            let x = self.x(*value);
            svg += &format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{:.1}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>\n",
                bottom + 5.0,
                bottom + 19.0
            );
        }
        for line in &self.lines {
            svg += &self.polyline(line);
        }
        svg + "</svg>\n"
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn polyline(&self, line: &Line) -> String {
        let point = |(x, y): &(f64, f64)| format!("{:.1},{:.1}", self.x(*x), self.y(*y));
        let points: Vec<String> = line.points.iter().map(point).collect();
        let faint = if line.is_faint { " faint" } else { "" };
        format!(
            "<g class=\"{}\"><polyline class=\"line{faint}\" points=\"{}\"/></g>\n",
            line.tone.class(),
            points.join(" ")
        )
    }
}

/// A dot with its spread for each workload, on an axis of ratios.
pub(super) fn ratios(rows: &[(String, Spread)]) -> String {
    let (left, width, height) = (110.0, 640.0, 26.0);
    let axis = Axis::ratios(rows.iter().flat_map(|(_, spread)| [spread.min, spread.max]));
    let bottom = rows.len() as f64 * height + 8.0;
    let x = |value: f64| left + axis.place(value) * (width - left - 70.0);
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{:.0}\" viewBox=\"0 0 {width} {:.0}\" role=\"img\">\n",
        bottom + 24.0,
        bottom + 24.0
    );
    for (value, name) in &axis.ticks {
        let class = if *value == 1.0 { "one" } else { "grid" };
        svg += &format!(
            "<line class=\"{class}\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"4\" y2=\"{bottom:.0}\"/>\
             <text x=\"{0:.1}\" y=\"{1:.0}\" text-anchor=\"middle\">{name}</text>\n",
            x(*value),
            bottom + 17.0
        );
    }
    for ((name, spread), index) in rows.iter().zip(0_u32..) {
        let y = f64::from(index) * height + 20.0;
        svg += &format!(
            "<g class=\"b\"><text class=\"name\" x=\"0\" y=\"{:.0}\">{}</text>\
             <line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\"/>\
             <circle class=\"dot\" cx=\"{:.1}\" cy=\"{y}\" r=\"5\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\">{:.2}×</text></g>\n",
            y + 4.0,
            escaped(name),
            x(spread.min),
            x(spread.max),
            x(spread.median),
            width - 55.0,
            y + 4.0,
            spread.median
        );
    }
    svg + "</svg>\n"
}
