//! What happens to a process, on and beside its line; and what happens to the world, across all.

use super::canvas::{Anchor, Canvas};
use super::clusters::{Cluster, Mark, NOTE_HEIGHT, PILL_HEIGHT, Pill, shortened, tallest};
use super::scale::{BAND, Scale};
use super::{FIRST_LANE, LAST_LANE, MARGIN, Places, header, pixels};
use crate::run::{Act, Run};
use crate::text::{View, narrate};
use std::collections::BTreeMap;

/// How wide a letter of a note is, on average.
const NOTE_LETTER: f64 = 5.9;

pub(super) fn draw(
    run: &Run,
    view: &View,
    clusters: &[Cluster],
    scale: &Scale,
    places: &Places,
    canvas: &mut Canvas,
) {
    draw_waits(run, view, scale, places, canvas);
    for cluster in clusters {
        let title = format!("{}: {}", run.lanes[cluster.lane].name, cluster.story.join("; "));
        canvas.open(&format!("class=\"mark\" data-n=\"{}\"", cluster.first), &title);
        draw_cluster(cluster, scale, places, canvas);
        canvas.close();
    }
}

/// A thick line for as long as a process waits for its disk.
fn draw_waits(run: &Run, view: &View, scale: &Scale, places: &Places, canvas: &mut Canvas) {
    let mut waits = BTreeMap::new();
    for moment in &run.moments {
        let (Some(lane), time) = (moment.lane, moment.time) else { continue };
        match &moment.act {
            Act::Writes { forced: true, .. } => {
                waits.entry(lane).or_insert(time);
            }
            Act::Durable(_) | Act::Crashed => {
                if let Some(since) = waits.remove(&lane).filter(|_| view.shows(moment))
                    && since.since_start() >= view.from
                {
                    let x = places.x(lane);
                    canvas.line((x, scale.y(since)), (x, scale.y(time)), "wait", "");
                }
            }
            _ => {}
        }
    }
}

fn draw_cluster(cluster: &Cluster, scale: &Scale, places: &Places, canvas: &mut Canvas) {
    let (x, y) = (places.x(cluster.lane), scale.y(cluster.time));
    let is_chosen = cluster.marks.contains(&Mark::Chosen);
    for mark in cluster.marks.iter().filter(|mark| !is_chosen || **mark != Mark::Disk) {
        draw_mark(*mark, (x, y), canvas);
    }
    let is_first = cluster.lane == 0;
    let has_room = is_first || cluster.lane + 1 == places.count;
    let mut at = (9.0, y + 4.0);
    if let Some(pill) = &cluster.pill {
        draw_pill(pill, (x, y), canvas);
        // Between two lanes, notes would run into the next lane's words: they go below.
        at = if has_room { (cluster.reach() + 5.0, at.1) } else { (9.0, at.1 + PILL_HEIGHT - 1.0) };
    }
    // The first lane has its notes on its left, where no message comes from.
    let (x, anchor) = if is_first { (x - at.0, Anchor::End) } else { (x + at.0, Anchor::Start) };
    let room = match (is_first, has_room) {
        (true, _) => FIRST_LANE - MARGIN - 62.0 - at.0,
        (false, true) => LAST_LANE - 12.0 - at.0,
        (false, false) => places.spacing - 6.0,
    };
    let most = header::letters(room);
    for (number, note) in cluster.notes.iter().enumerate() {
        // What a timer is called is left to where there is room, and to the title.
        let called = note.text.split_once(": ").filter(|(kind, _)| *kind == "time-out");
        let text = called.filter(|_| !has_room).map_or(note.text.as_str(), |(kind, _)| kind);
        let text = shortened(text, most);
        canvas.text((x, at.1 + pixels(number) * NOTE_HEIGHT), anchor, note.class, &text);
    }
}

/// Draws words on the lane.
fn draw_pill(pill: &Pill, at: (f64, f64), canvas: &mut Canvas) {
    let (class, text_class) = match pill {
        Pill::Decided(_) => ("done", "donetext"),
        Pill::State(_) => ("pill", "pilltext"),
    };
    canvas.pill(at, (pill.width(), PILL_HEIGHT), class);
    canvas.text((at.0, at.1 + 3.6), Anchor::Middle, text_class, &pill.text());
}

fn draw_mark(mark: Mark, at: (f64, f64), canvas: &mut Canvas) {
    let (x, y) = at;
    match mark {
        Mark::Crash => {
            canvas.path(
                &format!(
                    "M{:.1} {:.1} l14 14 M{:.1} {:.1} l14 -14",
                    x - 7.0,
                    y - 7.0,
                    x - 7.0,
                    y + 7.0
                ),
                "x",
                "stroke-width:3.4",
            );
        }
        Mark::Back => canvas.path(&format!("M{:.1} {y:.1} l12 0 l-6 9 Z", x - 6.0), "disk", ""),
        Mark::Timer => {
            canvas.circle(at, 5.5, "open");
            canvas.path(&format!("M{x:.1} {:.1} V{y:.1} h3", y - 4.0), "bracket", "");
        }
        Mark::Asked => {
            canvas.path(&format!("M{:.1} {:.1} l9 5 l-9 5 Z", x - 10.0, y - 5.0), "disk", "")
        }
        Mark::Disk => canvas.square(at, 9.0, "disk"),
        Mark::SoftWrite => canvas.square(at, 8.0, "soft"),
        Mark::Quorum => {
            canvas.path(&format!("M{:.1} {y:.1} l6 -6 l6 6 l-6 6 Z", x - 6.0), "disk", "")
        }
        Mark::Chosen => draw_star(at, canvas),
        Mark::Delivered => canvas.circle(at, 4.5, "dot"),
    }
}

/// A star, hollow: chosen is not yet known.
fn draw_star(at: (f64, f64), canvas: &mut Canvas) {
    let mut path = String::new();
    for point in 0..10_u32 {
        let radius = if point % 2 == 0 { 9.0 } else { 4.2 };
        let angle = std::f64::consts::PI * (f64::from(point) / 5.0 - 0.5);
        let letter = if point == 0 { 'M' } else { 'L' };
        let (x, y) = (at.0 + radius * angle.cos(), at.1 + radius * angle.sin());
        path += &format!("{letter}{x:.1} {y:.1} ");
    }
    canvas.path(&(path + "Z"), "open", "");
}

/// Right of the last lane, if there is room.
fn draw_fault(text: &str, at: (f64, f64), canvas: &mut Canvas) {
    let (right, y) = at;
    let text = text.strip_prefix("fault: ").unwrap_or(text);
    if pixels(text.chars().count()) * NOTE_LETTER <= LAST_LANE - 14.0 {
        canvas.text((right + 10.0, y), Anchor::Start, "note", text);
    } else {
        canvas.text_on_paper((right + LAST_LANE - MARGIN, y), Anchor::End, "note", text);
    }
}

/// What happens to the world: a line across all lanes; a broken rule: a band.
pub(super) fn draw_world(
    run: &Run,
    view: &View,
    clusters: &[Cluster],
    scale: &Scale,
    places: &Places,
    canvas: &mut Canvas,
) {
    let right = places.right() + 60.0;
    let mut last = (None, 0.0);
    let mut is_below_fault = false;
    for (index, moment) in run.moments.iter().enumerate() {
        if moment.lane.is_some() || !view.shows(moment) || matches!(moment.act, Act::Lost(_)) {
            continue;
        }
        let below = if last.0 == Some(moment.time) { last.1 } else { 0.0 };
        is_below_fault &= below > 0.0;
        let y = scale.y(moment.time) + below;
        let text = narrate(run, moment);
        canvas.open(&format!("class=\"mark\" data-n=\"{index}\""), &text);
        let height = match moment.act {
            Act::Violated { .. } => {
                let (left, y) = (MARGIN + 60.0, y + tallest(clusters, moment.time));
                canvas.rect((left, y), (right - left, 20.0), "broken");
                let text = format!("✗ {text}");
                canvas.text((left + 8.0, y + 14.0), Anchor::Start, "brokentext", &text);
                BAND
            }
            Act::Fault(_) => {
                draw_fault(&text, (places.right(), y), canvas);
                NOTE_HEIGHT
            }
            _ => {
                // Its words stand above it.
                let y = if is_below_fault { y + 7.0 } else { y };
                canvas.line((MARGIN + 60.0, y), (right, y), "event", "");
                canvas.text_on_paper((right, y - 4.0), Anchor::End, "strong", &text);
                NOTE_HEIGHT + 4.0
            }
        };
        canvas.close();
        is_below_fault = matches!(moment.act, Act::Fault(_));
        last = (Some(moment.time), below + height);
    }
}
