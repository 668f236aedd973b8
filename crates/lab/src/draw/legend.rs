//! What the signs mean that are in a drawing.

use super::canvas::{Anchor, Canvas};
use super::{MARGIN, header, messages};
use crate::run::{Act, Run};
use crate::said::Said;
use crate::text::View;

/// Draws the legend; where it ends.
pub(super) fn draw(run: &Run, view: &View, top: f64, width: f64, canvas: &mut Canvas) -> f64 {
    let mut entries: Vec<&str> = Vec::new();
    let mut has = |is_it: &dyn Fn(&Act) -> bool, entry: &'static str| {
        if run.moments.iter().any(|moment| view.shows(moment) && is_it(&moment.act)) {
            entries.push(entry);
        }
    };
    has(&|act| matches!(act, Act::Asked(_)), "▶ asked from outside");
    has(&|act| matches!(act, Act::Durable(_)), "■ durably written, after the thick line's wait");
    has(&|act| matches!(act, Act::Writes { forced: false, .. }), "□ written, not waited for");
    has(&|act| matches!(act, Act::Said(Said::Quorum { .. })), "◆ quorum reached");
    has(&|act| matches!(act, Act::Chosen { .. }), "☆ chosen: a quorum has it durably");
    has(&|act| matches!(act, Act::Said(Said::Decided(_))), "★ decided");
    has(&|act| matches!(act, Act::Said(Said::Delivered { .. })), "● executed");
    has(&|act| matches!(act, Act::Timer(_)), "◷ time-out");
    has(&|act| matches!(act, Act::Lost(_)), "→× lost");
    has(&|act| matches!(act, Act::Crashed), "✕ crash, dotted until back");
    has(&|act| matches!(act, Act::Blocked { both: true, .. }), "¦ dashed wall: partition");
    let locks = |moment: &crate::run::Moment| moment.state.as_ref().is_some_and(|it| it.locks);
    if run.moments.iter().any(locks) {
        entries.push("▨ holds locks");
    }
    let rounds = messages::rounds(run, view);
    if rounds.len() > 1 {
        entries.push("one colour and dash for each ballot or epoch");
    }
    let is_quiet = |act: &Act| matches!(act, Act::Sent(parcel) if parcel.quiet);
    if !view.quiet && run.moments.iter().any(|moment| is_quiet(&moment.act)) {
        entries.push("signs of life and connecting are not drawn");
    }
    let mut y = top;
    let letters = header::letters(width - 2.0 * MARGIN);
    for line in lines(&entries, letters) {
        canvas.text((MARGIN, y), Anchor::Start, "tick", &line);
        y += 14.0;
    }
    y + 4.0
}

/// Puts entries together to lines of at most so many letters. None is broken.
fn lines(entries: &[&str], letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        match lines.last_mut() {
            Some(line) if line.chars().count() + entry.chars().count() + 3 <= letters => {
                *line = format!("{line} · {entry}");
            }
            Some(_) | None => lines.push((*entry).to_owned()),
        }
    }
    lines
}
