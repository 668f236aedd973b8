//! The processes' lines, the times beside them, and what is true for a while: crashes, locks,
//! partitions.

use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use super::{MARGIN, Places};
use crate::run::{Act, Moment, Run};
use crate::text::View;
use zoarium_sim::Time;

/// What the heads of the lanes take, in pixels.
pub(super) const HEADER: f64 = 66.0;
/// Times closer than this have one number between them.
const TICK_MIN: f64 = 26.0;
/// Half the width of what shows that locks are held.
const LOCKS: f64 = 5.0;

/// How far lanes are apart: as far as their messages' labels need.
pub(super) fn spacing(run: &Run, view: &View) -> f64 {
    let labels = run.moments.iter().filter(|moment| view.shows(moment));
    let longest = labels.map(|moment| match &moment.act {
        Act::Sent(parcel) => parcel.label.chars().count().min(super::messages::LABEL_MAX),
        _ => 0,
    });
    let longest = super::pixels(longest.max().unwrap_or(0)) * 6.4 + 52.0;
    longest.clamp(if run.lanes.len() > 7 { 128.0 } else { 150.0 }, 200.0)
}

pub(super) fn draw(run: &Run, scale: &Scale, places: &Places, canvas: &mut Canvas) {
    draw_axis(scale, places, canvas);
    for (lane, about) in run.lanes.iter().enumerate() {
        let (x, head) = (places.x(lane), scale.top() - HEADER);
        canvas.rect((x - 44.0, head), (88.0, 36.0), "head");
        canvas.text((x, head + 16.0), Anchor::Middle, "name", &about.name);
        canvas.text((x, head + 29.0), Anchor::Middle, "role", about.role);
        draw_lane(run, lane, scale, x, canvas);
    }
    draw_walls(run, scale, places, canvas);
}

/// Times on the left, and where time is compressed.
fn draw_axis(scale: &Scale, places: &Places, canvas: &mut Canvas) {
    let mut last = f64::MIN;
    for (time, y) in scale.stops() {
        if y - last >= TICK_MIN {
            let text = format!("{:.0} ms", time.since_start().as_secs_f64() * 1000.0);
            canvas.text((MARGIN + 44.0, y + 3.5), Anchor::End, "tick", &text);
            canvas.line((MARGIN + 50.0, *y), (MARGIN + 56.0, *y), "axis", "");
            last = *y;
        }
    }
    for (y, from, to) in &scale.gaps {
        let text = format!("+{} ms", to.since(*from).as_millis());
        canvas.text((MARGIN + 44.0, y + 3.5), Anchor::End, "gaptext", &text);
        let right = places.right() + 60.0;
        canvas.path(
            &format!("M{:.1} {y:.1} H{right:.1}", MARGIN + 56.0),
            "axis",
            "stroke-dasharray:1 6",
        );
    }
}

/// A lane in pieces: alive, dead, standing still; with locks or without.
fn draw_lane(run: &Run, lane: usize, scale: &Scale, x: f64, canvas: &mut Canvas) {
    let mut piece = Piece { since: scale.top() - HEADER + 36.0, kind: "lane", locks_since: None };
    for moment in run.moments.iter().filter(|moment| moment.lane == Some(lane)) {
        let y = place(scale, moment.time);
        match &moment.act {
            Act::Crashed => {
                piece.turn(y, "dead", x, canvas);
                piece.unlock(y, x, canvas);
            }
            Act::Started { .. } => piece.turn(y, "lane", x, canvas),
            Act::Paused => piece.turn(y, "still", x, canvas),
            Act::Resumed => piece.turn(y, "lane", x, canvas),
            _ => {}
        }
        match &moment.state {
            Some(state) if state.locks => {
                piece.locks_since.get_or_insert(y);
            }
            Some(_) => piece.unlock(y, x, canvas),
            None => {}
        }
    }
    piece.turn(scale.bottom(), "lane", x, canvas);
    piece.unlock(scale.bottom(), x, canvas);
}

/// Where a time is, if it is in the drawing; else at its edge.
fn place(scale: &Scale, time: Time) -> f64 {
    scale.y(time).clamp(scale.top() - HEADER + 36.0, scale.bottom())
}

/// A piece of a lane under way.
struct Piece {
    since: f64,
    kind: &'static str,
    locks_since: Option<f64>,
}

impl Piece {
    fn turn(&mut self, y: f64, kind: &'static str, x: f64, canvas: &mut Canvas) {
        if self.kind == "still" {
            canvas.rect((x - 4.0, self.since), (8.0, y - self.since), "still");
        } else if y > self.since {
            canvas.line((x, self.since), (x, y), self.kind, "");
        }
        self.since = y;
        self.kind = kind;
    }

    fn unlock(&mut self, y: f64, x: f64, canvas: &mut Canvas) {
        if let Some(since) = self.locks_since.take()
            && y > since
        {
            canvas.rect((x - LOCKS, since), (2.0 * LOCKS, y - since), "locks");
        }
    }
}

/// A wall between neighbours that cannot reach each other, for as long as they cannot.
fn draw_walls(run: &Run, scale: &Scale, places: &Places, canvas: &mut Canvas) {
    for left in 0..run.lanes.len().saturating_sub(1) {
        let x = (places.x(left) + places.x(left + 1)) / 2.0 - 8.0;
        let mut since = None;
        for moment in &run.moments {
            match &moment.act {
                Act::Blocked { from, to, both: true } if separates(from, to, left) => {
                    since.get_or_insert(place(scale, moment.time));
                }
                Act::Healed => draw_wall(since.take(), moment, scale, x, canvas),
                _ => {}
            }
        }
        if let Some(from) = since.filter(|from| *from < scale.bottom()) {
            canvas.line((x, from), (x, scale.bottom()), "wall", "");
        }
    }
}

fn draw_wall(since: Option<f64>, healed: &Moment, scale: &Scale, x: f64, canvas: &mut Canvas) {
    let to = place(scale, healed.time);
    if let Some(from) = since.filter(|from| *from < to) {
        canvas.line((x, from), (x, to), "wall", "");
    }
}

/// Whether a partition stands between a lane and the next.
fn separates(from: &[usize], to: &[usize], left: usize) -> bool {
    let apart = |one: &[usize], other: &[usize]| one.contains(&left) && other.contains(&(left + 1));
    apart(from, to) || apart(to, from)
}
