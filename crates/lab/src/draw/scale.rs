//! From times to places on the page.

use super::clusters::{Cluster, tallest};
use super::pixels;
use crate::run::{Act, Run};
use crate::text::View;
use std::collections::{BTreeMap, BTreeSet};
use zoarium_sim::Time;

/// How many pixels a millisecond is, as long as something happens.
const PIXELS_PER_MS: f64 = 3.8;
/// The most that a time in which nothing happens takes, in pixels.
const GAP_MAX: f64 = 84.0;
/// The least that lies between two times.
const STEP_MIN: f64 = 11.0;
/// How much of the lanes is shown below the last time.
const BELOW: f64 = 20.0;
/// A gap is marked as such if it is this much shorter than it should be.
const GAP_MARKED: f64 = 1.6;
/// What a broken rule takes on the page, in pixels.
pub(super) const BAND: f64 = 26.0;
/// What an event of the world takes.
const EVENT: f64 = 16.0;

/// Where times are on the page. Time is stretched where there is much to write and compressed
/// where nothing happens.
#[derive(Debug)]
pub(super) struct Scale {
    stops: Vec<(Time, f64)>,
    bottom: f64,
    /// Middles of the gaps that are marked, and how long they are.
    pub(super) gaps: Vec<(f64, Time, Time)>,
}

impl Scale {
    /// Puts the first time at `top`. `room` is what must be between two times at least.
    pub(super) fn new(
        run: &Run,
        view: &View,
        clusters: &[Cluster],
        room: &[(Time, Time, f64)],
        top: f64,
    ) -> Self {
        let end = Time::after_start(view.to);
        let mut times: BTreeSet<Time> = run
            .moments
            .iter()
            .filter(|moment| view.shows(moment) || moment.state.is_some())
            .map(|moment| moment.time)
            .filter(|time| time.since_start() >= view.from && *time <= end)
            .collect();
        times.insert(Time::after_start(view.from));
        times.insert(end);
        let mut scale = Self { stops: Vec::new(), bottom: top, gaps: Vec::new() };
        // By lane, the place from which on the next cluster may be drawn.
        let mut free: BTreeMap<usize, f64> = BTreeMap::new();
        let mut above = 0.0;
        for time in times {
            let mut y = scale.next_place(time, top) + above;
            if let Some((_, last)) = scale.stops.last().filter(|_| has_line(run, time)) {
                y = y.max(last + above + EVENT + 6.0);
            }
            let here = clusters.iter().filter(|cluster| cluster.time == time);
            let y = here
                .clone()
                .filter_map(|cluster| free.get(&cluster.lane).copied())
                .fold(y, f64::max);
            let rooms = room.iter().filter(|(from, to, _)| *to == time && from < to);
            let y = rooms.fold(y, |y, (from, _, room)| y.max(scale.y(*from) + room));
            here.for_each(|cluster| {
                free.insert(cluster.lane, y + cluster.height());
            });
            scale.stops.push((time, y));
            above = room_for_events(run, clusters, time);
            scale.bottom = y + above.max(tallest(clusters, time)) + BELOW;
        }
        scale
    }

    fn next_place(&mut self, time: Time, top: f64) -> f64 {
        let Some((last, y)) = self.stops.last().copied() else { return top };
        let natural = time.since(last).as_secs_f64() * 1000.0 * PIXELS_PER_MS;
        if natural > GAP_MAX * GAP_MARKED {
            self.gaps.push((y + GAP_MAX / 2.0, last, time));
        }
        y + natural.clamp(STEP_MIN, GAP_MAX)
    }

    /// Where a time is; times between two stops are between their places.
    pub(super) fn y(&self, time: Time) -> f64 {
        let after = self.stops.partition_point(|(stop, _)| *stop < time);
        match (after.checked_sub(1).map(|before| self.stops[before]), self.stops.get(after)) {
            (_, Some((stop, y))) if *stop == time => *y,
            (Some((before, y)), Some((stop, next))) => {
                let share = time.since(before).as_secs_f64() / stop.since(before).as_secs_f64();
                y + (next - y) * share
            }
            (Some((_, y)), None) => y,
            (None, Some((_, y))) => *y,
            (None, None) => 0.0,
        }
    }

    pub(super) fn top(&self) -> f64 {
        self.stops.first().map_or(0.0, |(_, y)| *y)
    }

    pub(super) const fn bottom(&self) -> f64 {
        self.bottom
    }

    /// All times with a place.
    pub(super) fn stops(&self) -> &[(Time, f64)] {
        &self.stops
    }
}

/// Whether a line goes across the page then, with words above it.
fn has_line(run: &Run, time: Time) -> bool {
    let mut here = run.moments.iter().filter(|moment| moment.time == time);
    here.any(|moment| matches!(moment.act, Act::Blocked { .. } | Act::Healed))
}

/// What happens to the world is written across the page, broken rules below all else.
fn room_for_events(run: &Run, clusters: &[Cluster], time: Time) -> f64 {
    let here = || run.moments.iter().filter(|moment| moment.time == time).map(|it| &it.act);
    let broken = here().filter(|act| matches!(act, Act::Violated { .. })).count();
    let is_event = |act: &&Act| matches!(act, Act::Blocked { .. } | Act::Healed | Act::Fault(_));
    let events = here().filter(is_event).count();
    let below = if broken > 0 { tallest(clusters, time) } else { 0.0 };
    below + pixels(broken) * BAND + pixels(events) * EVENT
}
