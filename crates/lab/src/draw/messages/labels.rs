//! What stands beside arrows, where there is room.

use super::super::canvas::{Anchor, Area, Canvas};
use super::super::clusters::shortened;
use super::super::pixels;
use super::{Flight, LABEL_MAX, Scene};
use crate::run::Parcel;

/// How many labels an arrow has at most, if each is written.
const LABELS_MAX: usize = 5;
/// The height of a line.
const LINE: f64 = 11.0;
/// Along an arrow, where else its labels may be: these shares of its length from the best place.
const SHARES: [f64; 7] = [0.12, 0.24, 0.36, 0.48, 0.6, 0.72, 0.84];

/// Where labels may be: the last line's place.
struct Place {
    at: (f64, f64),
    anchor: Anchor,
}

impl Place {
    fn line(&self, from_last: usize) -> (f64, f64) {
        (self.at.0, self.at.1 - pixels(from_last) * LINE)
    }

    /// How much of what they need there is taken.
    fn taken(&self, labels: &[String], canvas: &Canvas) -> f64 {
        let lines = labels.iter().rev().enumerate();
        let areas = lines
            .map(|(number, label)| Area::of_text(self.line(number), self.anchor, "label", label));
        areas.map(|area| canvas.taken(&area)).sum()
    }
}

/// Writes labels beside their arrow, where they hide least.
pub(super) fn draw(scene: &Scene<'_>, flight: &Flight<'_>, canvas: &mut Canvas) {
    let labels = of(&flight.parcels);
    let mut best = (f64::MAX, None);
    for place in places(scene, flight, labels.len()) {
        let taken = place.taken(&labels, canvas);
        // The earlier, the better.
        if taken + 1.0 < best.0 {
            best = (taken, Some(place));
        }
    }
    let Some(place) = best.1 else { return };
    for (number, label) in labels.iter().rev().enumerate() {
        canvas.text(place.line(number), place.anchor, "label", label);
    }
}

/// Places for so many labels, the best first: at the end where fewer arrows meet; else along the
/// arrow.
fn places(scene: &Scene<'_>, flight: &Flight<'_>, lines: usize) -> Vec<Place> {
    let (from, to) = (scene.start(flight), scene.end(flight));
    let at = |x: f64, above: f64| {
        let share = ((x - from.0) / (to.0 - from.0)).clamp(0.0, 1.0);
        (x, from.1 + (to.1 - from.1) * share - above)
    };
    let gathers = scene.gathers(flight);
    let under = -LINE * pixels(lines);
    // Below, so as not to stand on what has just arrived there.
    let (above, other) = if gathers { (under, 4.0) } else { (4.0, under) };
    let (x, anchor) = match (to.0 > from.0, gathers || flight.is_stub()) {
        (true, false) => (to.0 - 12.0, Anchor::End),
        (false, false) => (to.0 + 12.0, Anchor::Start),
        (true, true) => (from.0 + 10.0, Anchor::Start),
        (false, true) => (from.0 - 10.0, Anchor::End),
    };
    let mut places = vec![Place { at: at(x, above), anchor }, Place { at: at(x, other), anchor }];
    let onward = if gathers || flight.is_stub() { to.0 - from.0 } else { from.0 - to.0 };
    for share in SHARES {
        let x = x + onward * share;
        places.extend([above, other].map(|above| Place { at: at(x, above), anchor }));
    }
    places
}

/// The labels of an arrow, from top to bottom; of many, the first and the last.
pub(super) fn of(parcels: &[&Parcel]) -> Vec<String> {
    let all = parcels.iter().map(|parcel| shortened(&parcel.label, LABEL_MAX));
    let mut all: Vec<String> = all.collect();
    if all.len() > LABELS_MAX {
        let left_out = format!("… {} more …", all.len() - 2);
        all.splice(1..all.len() - 1, [left_out]);
    }
    all
}
