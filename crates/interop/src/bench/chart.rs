//! Charts as SVG, for docs/performance.md: [`ratios`] as bars, [`lines`] over sizes, and
//! [`histogram`]s. All axes are logarithmic.

pub(super) mod histogram;
pub(super) mod lines;
pub(super) mod ratios;

use std::fmt::Write as _;

/// Of all charts, as wide as a page shows it without shrinking.
const WIDTH: f64 = 760.0;

/// No scheme is set for an image inside a page, so it follows the reader's own.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#4b5563}.name{fill:#111827;font-weight:600}\
rect,circle{fill:currentColor}polyline{fill:none;stroke:currentColor;stroke-width:2}\
.small{font-size:10px}.theirs{stroke-dasharray:5 4}.grid{stroke:#d8dbe0}.one{stroke:#6b7280}\
.spread{stroke:#111827;stroke-width:1.5}.limit{stroke:#b42318;stroke-dasharray:4 3}\
.c0{color:#2166ac}.c1{color:#1b9e77}.c2{color:#b2701a}\
@media(prefers-color-scheme:dark){text{fill:#9aa4b2}.name{fill:#e8eaed}.grid{stroke:#3c4046}\
.one{stroke:#9aa0a8}.spread{stroke:#e8eaed}.limit{stroke:#f0857a}\
.c0{color:#7ab8f5}.c1{color:#5fd3a9}.c2{color:#f0b35c}}";

/// How many colours there are: the classes `c0` and on.
const COLOURS: usize = 3;

/// A whole image.
fn document(title: &str, height: f64, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n{body}</svg>\n"
    )
}

/// What the colours stand for, in one row at the top.
fn legend(names: &[&str]) -> String {
    let (mut svg, mut x) = (String::new(), 0.0);
    for (colour, name) in names.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<rect class=\"c{}\" x=\"{x:.0}\" y=\"4\" width=\"10\" height=\"10\"/>\
             <text x=\"{:.0}\" y=\"13\">{name}</text>",
            colour % COLOURS,
            x + 15.0
        );
        // About what a letter takes.
        x += 40.0 + 6.6 * name.chars().count() as f64;
    }
    svg
}

/// What is to be known of the axis, in the row of the legend.
fn remark(text: &str) -> String {
    format!("<text x=\"{WIDTH}\" y=\"13\" text-anchor=\"end\">{text}</text>\n")
}

/// A logarithmic axis between two places of the image.
struct Axis {
    from: f64,
    to: f64,
    begin: f64,
    end: f64,
}

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let part = (value / self.from).ln() / (self.to / self.from).ln();
        self.begin + part.clamp(0.0, 1.0) * (self.end - self.begin)
    }

    /// Values with a line each, as many as there is room for.
    fn ticks(&self) -> Vec<f64> {
        let steps: &[f64] = if self.to / self.from > 2000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let all = (-3..10).flat_map(|power| steps.iter().map(move |it| it * 10_f64.powi(power)));
        all.filter(|value| (self.from..=self.to).contains(value)).collect()
    }
}

/// Thousands apart where there are some, and no digits that say nothing.
fn plain(value: f64) -> String {
    if value < 1000.0 {
        // Steps of an axis such as 0.30000000000000004.
        return format!("{}", (value * 1000.0).round() / 1000.0);
    }
    super::figures::number(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_on_the_axis_and_ticks_are_round() {
        let axis = Axis { from: 0.25, to: 84.0, begin: 300.0, end: 20.0 };
        let places = [0.25, 0.3, 1.0, 4.0, 84.0].map(|value| axis.at(value));
        assert!(places.is_sorted_by(|a, b| a > b), "{places:?}");
        assert!((places[0] - 300.0).abs() < 1e-9 && (places[4] - 20.0).abs() < 1e-9, "{places:?}");
        let ticks: Vec<_> = axis.ticks().into_iter().map(plain).collect();
        assert_eq!(ticks, ["0.5", "1", "2", "5", "10", "20", "50"]);
        assert_eq!(plain(5_000_000.0), "5,000,000");
    }
}
