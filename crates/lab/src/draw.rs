//! Space-time diagrams: processes as vertical lines, time downwards, messages as arrows
//! (Lamport, *Time, Clocks, and the Ordering of Events in a Distributed System*, 1978).
//!
//! A drawing is a function of the run alone, rounded to tenths of a pixel, so that it can be
//! compared. It has no script and needs no fonts of its own. What colour says is said by another
//! mark too: ballots also by their dashes, faults by their shapes, verdicts by words.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each part of a drawing looks at its subject and passes over the rest"
)]

mod canvas;
mod clusters;
mod header;
mod lanes;
mod legend;
mod marks;
mod messages;
mod palette;
mod scale;

pub(crate) use canvas::escaped;

use crate::exhaust::Searched;
use crate::explore::Exploration;
use crate::kind::Kind;
use crate::run::Run;
use crate::scenario::{Played, Verdict};
use crate::text::View;
use canvas::Canvas;
use clusters::clusters;
use scale::Scale;
use std::time::Duration;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Its heading.
    pub title: &'a str,
    /// What it shows.
    pub shows: &'a str,
    /// What happened.
    pub run: &'a Run,
    /// Which part of it.
    pub view: View,
    /// What was claimed and found.
    pub verdicts: &'a [Verdict],
}

/// Space around the drawing, in pixels.
const MARGIN: f64 = 24.0;
/// Where the first lane is: left of it are times and the first lane's annotations.
const FIRST_LANE: f64 = 236.0;
/// Space right of the last lane, for its annotations.
const LAST_LANE: f64 = 206.0;

/// Draws a scenario.
pub fn scenario(played: &Played, view: View) -> String {
    let verdicts = played.verdicts();
    svg(&Picture {
        title: played.scenario.title,
        shows: played.scenario.shows,
        run: &played.run,
        view,
        verdicts: &verdicts,
    })
}

/// Draws the shortest way in which a study's rule broke: the first of its rules, if any did.
pub fn counterexample(exploration: &Exploration) -> Option<String> {
    let (rule, example) = exploration.broken.iter().next()?;
    let Exploration { study, seeds, .. } = exploration;
    Some(svg(&Picture {
        title: &format!("{}: the shortest way to break {rule}", study.kind.title()),
        shows: &format!("Found in {seeds} seeds of {}: {}.", study.name, study.says),
        run: &example.run,
        view: View::from(Duration::ZERO),
        verdicts: &[],
    }))
}

/// Draws the shortest way in which a protocol breaks a rule, if it does.
pub fn violation(kind: Kind, searched: &Searched) -> Option<String> {
    let violated = searched.violation.as_ref()?;
    Some(svg(&Picture {
        title: &format!("{}: the shortest way to break {}", kind.title(), violated.rule),
        shows: &format!(
            "None of all that can happen is shorter: {} states were looked at. The times count \
             the steps.",
            searched.states
        ),
        run: &violated.run,
        view: View::from(Duration::ZERO),
        verdicts: &[],
    }))
}

/// Draws a run as a standalone SVG document. Every mark says which moments of the run it shows:
/// `data-n` the first, of a message the sending, and `data-r` its arrival.
pub fn svg(picture: &Picture<'_>) -> String {
    let run = picture.run;
    let view = View { to: picture.view.to.min(last_shown(run, &picture.view)), ..picture.view };
    let spacing = lanes::spacing(run, &view);
    let places = Places { spacing, count: run.lanes.len() };
    let width = places.right() + LAST_LANE;
    let mut canvas = Canvas::new();
    let top = header::draw(picture, width, &mut canvas);
    let clusters = clusters(run, &view);
    let room = messages::room(run, &view);
    let scale = Scale::new(run, &view, &clusters, &room, top + lanes::HEADER);
    lanes::draw(run, &scale, &places, &mut canvas);
    let messages = messages::Messages::new(run, &view, &clusters, &scale, &places);
    messages.draw_arrows(&mut canvas);
    marks::draw_world(run, &view, &clusters, &scale, &places, &mut canvas);
    marks::draw(run, &view, &clusters, &scale, &places, &mut canvas);
    // Last, where there is room.
    messages.draw_labels(&mut canvas);
    let bottom = legend::draw(run, &view, scale.bottom() + 2.0 * MARGIN, width, &mut canvas);
    canvas.finish(width, bottom + MARGIN, picture.title, picture.shows)
}

/// When the last thing happens that is drawn.
fn last_shown(run: &Run, view: &View) -> Duration {
    let last = run.moments.iter().rfind(|moment| view.shows(moment));
    last.map_or(view.from, |moment| moment.time.since_start())
}

/// Where lanes are.
#[derive(Debug)]
struct Places {
    spacing: f64,
    count: usize,
}

impl Places {
    /// The middle of a lane.
    fn x(&self, lane: usize) -> f64 {
        FIRST_LANE + pixels(lane) * self.spacing
    }

    /// The last lane.
    fn right(&self) -> f64 {
        self.x(self.count.saturating_sub(1))
    }
}

/// A small count as a length.
fn pixels(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
