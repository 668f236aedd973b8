//! Title, what is shown, and the verdicts.

use super::canvas::{Anchor, Canvas};
use super::{MARGIN, Picture};
use crate::text::wrapped;

/// Pixels that a letter takes at most, at the size of the text.
const LETTER: f64 = 6.6;

/// Draws the header; where it ends.
pub(super) fn draw(picture: &Picture<'_>, width: f64, canvas: &mut Canvas) -> f64 {
    let mut y = MARGIN + 14.0;
    let letters = letters(width - 2.0 * MARGIN);
    for line in wrapped(picture.title, letters * 7 / 10).lines() {
        canvas.text((MARGIN, y), Anchor::Start, "h1", line);
        y += 21.0;
    }
    for line in wrapped(picture.shows, letters).lines() {
        canvas.text((MARGIN, y), Anchor::Start, "shows", line);
        y += 16.0;
    }
    y += 4.0;
    for verdict in picture.verdicts {
        let (class, mark, found) = match &verdict.finding {
            Ok(found) => ("ok", "✓", found),
            Err(found) => ("bad", "✗ NOT SO:", found),
        };
        let found = if found.is_empty() { String::new() } else { format!(" ({found})") };
        let text = format!("{mark} {}{found}", verdict.says);
        for (number, line) in wrapped(&text, letters - 4).lines().enumerate() {
            let indent = if number == 0 { 0.0 } else { 14.0 };
            canvas.text((MARGIN + indent, y), Anchor::Start, class, line);
            y += 15.0;
        }
    }
    y + 6.0
}

/// How many letters fit.
pub(super) fn letters(width: f64) -> usize {
    let letters = (width / LETTER).clamp(16.0, 400.0);
    (16..400).take_while(|count| super::pixels(*count) < letters).last().unwrap_or(16)
}
