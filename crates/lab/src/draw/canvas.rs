//! Writing SVG.

use std::fmt::Write;

/// A drawing under way.
#[derive(Debug)]
pub(super) struct Canvas {
    body: String,
    /// Where words and marks are, so that other words can keep clear of them.
    taken: Vec<Area>,
}

/// A part of the page: left, top, right and bottom edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area([f64; 4]);

impl Area {
    /// What a line of words takes.
    pub(super) fn of_text(at: (f64, f64), anchor: Anchor, class: &str, text: &str) -> Self {
        let width = super::pixels(text.chars().count()) * letter(class);
        let left = match anchor {
            Anchor::Start => at.0,
            Anchor::Middle => at.0 - width / 2.0,
            Anchor::End => at.0 - width,
        };
        Self([left, at.1 - 9.0, left + width, at.1 + 2.5])
    }

    fn around(middle: (f64, f64), size: (f64, f64)) -> Self {
        let (x, y) = (middle.0 - size.0 / 2.0, middle.1 - size.1 / 2.0);
        Self([x, y, x + size.0, y + size.1])
    }

    fn shared_with(&self, other: &Self) -> f64 {
        let (Self([l1, t1, r1, b1]), Self([l2, t2, r2, b2])) = (self, other);
        (r1.min(*r2) - l1.max(*l2)).max(0.0) * (b1.min(*b2) - t1.max(*t2)).max(0.0)
    }
}

/// How wide a letter of a class is, on average.
fn letter(class: &str) -> f64 {
    match class {
        "h1" => 10.5,
        "name" => 9.0,
        "strong" | "brokentext" => 7.0,
        "shows" | "ok" | "bad" => 6.6,
        _ => 5.9,
    }
}

/// How a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) const fn new() -> Self {
        Self { body: String::new(), taken: Vec::new() }
    }

    /// How much of an area is taken already, in square pixels.
    pub(super) fn taken(&self, area: &Area) -> f64 {
        self.taken.iter().map(|taken| taken.shared_with(area)).sum()
    }

    /// Opens a group. What is in it belongs to these moments of the run (`data-n`, and for a
    /// message that arrives `data-r`), and is described by `title`.
    pub(super) fn open(&mut self, moments: &str, title: &str) {
        self.push(&format!("<g {moments}>"));
        if !title.is_empty() {
            self.push(&format!("<title>{}</title>", escaped(title)));
        }
    }

    pub(super) fn close(&mut self) {
        self.push("</g>");
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str, style: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let style = attribute("style", style);
        self.push(&format!(
            "<line class=\"{class}\"{style} x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" \
             y2=\"{y2:.1}\"/>"
        ));
    }

    pub(super) fn rect(&mut self, from: (f64, f64), size: (f64, f64), class: &str) {
        let ((x, y), (width, height)) = (from, size);
        self.push(&format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"/>"
        ));
    }

    /// A square that other words keep clear of.
    pub(super) fn square(&mut self, middle: (f64, f64), size: f64, class: &str) {
        let half = size / 2.0;
        self.taken.push(Area::around(middle, (size, size)));
        self.rect((middle.0 - half, middle.1 - half), (size, size), class);
    }

    /// A line of words on paper of its own, that hides what is beneath.
    pub(super) fn text_on_paper(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        class: &str,
        text: &str,
    ) {
        let Area([left, top, right, bottom]) = Area::of_text(at, anchor, class, text);
        self.rect((left - 3.0, top - 1.0), (right - left + 6.0, bottom - top + 1.0), "gap");
        self.text(at, anchor, class, text);
    }

    /// A box with round ends.
    pub(super) fn pill(&mut self, middle: (f64, f64), size: (f64, f64), class: &str) {
        let (width, height) = size;
        let (x, y) = (middle.0 - width / 2.0, middle.1 - height / 2.0);
        self.taken.push(Area::around(middle, size));
        self.push(&format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"{:.1}\"/>",
            height / 2.0
        ));
    }

    pub(super) fn circle(&mut self, middle: (f64, f64), radius: f64, class: &str) {
        let (x, y) = middle;
        self.taken.push(Area::around(middle, (2.0 * radius, 2.0 * radius)));
        self.push(&format!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>"
        ));
    }

    /// A path, given in SVG's own language.
    pub(super) fn path(&mut self, path: &str, class: &str, style: &str) {
        let style = attribute("style", style);
        self.push(&format!("<path class=\"{class}\"{style} d=\"{path}\"/>"));
    }

    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let (x, y) = at;
        self.taken.push(Area::of_text(at, anchor, class, text));
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.push(&format!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{}</text>",
            escaped(text)
        ));
    }

    fn push(&mut self, element: &str) {
        self.body += element;
        self.body.push('\n');
    }

    /// The whole document.
    pub(super) fn finish(self, width: f64, height: f64, title: &str, shows: &str) -> String {
        let mut document = String::new();
        write!(
            document,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             aria-labelledby=\"title desc\">\n<title id=\"title\">{}</title>\n\
             <desc id=\"desc\">{}</desc>\n<style>{}</style>\n{}\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{}</svg>\n",
            escaped(title),
            escaped(shows),
            super::palette::STYLE,
            super::palette::DEFINITIONS,
            self.body
        )
        .expect("a string takes all");
        document
    }
}

fn attribute(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(" {name}=\"{value}\"") }
}

/// Text as it may stand in XML.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
