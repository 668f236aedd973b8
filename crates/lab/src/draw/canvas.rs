//! Writing SVG.

use std::fmt::Write;

/// A drawing under way.
#[derive(Debug)]
pub(super) struct Canvas {
    body: String,
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
        Self { body: String::new() }
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

    /// A box with round ends.
    pub(super) fn pill(&mut self, middle: (f64, f64), size: (f64, f64), class: &str) {
        let (width, height) = size;
        let (x, y) = (middle.0 - width / 2.0, middle.1 - height / 2.0);
        self.push(&format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"{:.1}\"/>",
            height / 2.0
        ));
    }

    pub(super) fn circle(&mut self, middle: (f64, f64), radius: f64, class: &str) {
        let (x, y) = middle;
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
