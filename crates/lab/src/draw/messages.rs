//! Arrows.

mod labels;

use super::canvas::Canvas;
use super::clusters::Cluster;
use super::scale::Scale;
use super::{Places, palette};
use crate::run::{Act, Moment, Parcel, Run};
use crate::text::{View, narrate};
use std::collections::{BTreeMap, BTreeSet};
use zoarium_sim::Time;

/// How long a label may be; the whole of it is in the arrow's title.
pub(super) const LABEL_MAX: usize = 22;

/// The way of one message, or of several that leave and arrive together.
struct Flight<'a> {
    sent: usize,
    moment: &'a Moment,
    parcels: Vec<&'a Parcel>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It arrived; and whether it had arrived before.
    Arrived {
        index: usize,
        time: Time,
        again: bool,
    },
    Lost {
        index: usize,
        time: Time,
    },
    /// It is still on its way when the drawing ends.
    UnderWay,
}

/// All that arrows need to know of what is drawn beside them.
struct Scene<'a> {
    run: &'a Run,
    scale: &'a Scale,
    places: &'a Places,
    rounds: BTreeMap<u64, usize>,
    /// How wide the words on a lane are there.
    reaches: BTreeMap<(usize, Time), f64>,
    /// How many flights leave a lane at a time, and how many arrive.
    leaving: BTreeMap<(usize, Time), usize>,
    arriving: BTreeMap<(usize, Time), usize>,
}

/// What takes room between two times: several labels on one arrow.
pub(super) fn room(run: &Run, view: &View) -> Vec<(Time, Time, f64)> {
    let flights = seen(run, view);
    let several = flights.iter().filter(|flight| flight.parcels.len() > 1);
    let room = several.filter_map(|flight| {
        let height = 24.0 + super::pixels(labels::of(&flight.parcels).len()) * 11.0;
        Some((flight.moment.time, flight.end.time()?, height))
    });
    room.collect()
}

/// All messages of a view.
pub(super) struct Messages<'a> {
    scene: Scene<'a>,
    flights: Vec<Flight<'a>>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(
        run: &'a Run,
        view: &View,
        clusters: &[Cluster],
        scale: &'a Scale,
        places: &'a Places,
    ) -> Self {
        let flights = seen(run, view);
        let reaches = clusters.iter().map(|it| ((it.lane, it.time), it.reach())).collect();
        let mut scene = Scene {
            run,
            scale,
            places,
            rounds: rounds(run, view),
            reaches,
            leaving: BTreeMap::new(),
            arriving: BTreeMap::new(),
        };
        for flight in &flights {
            *scene.leaving.entry(flight.start()).or_default() += 1;
            if let Some(arrival) = flight.arrival() {
                *scene.arriving.entry(arrival).or_default() += 1;
            }
        }
        Self { scene, flights }
    }

    pub(super) fn draw_arrows(&self, canvas: &mut Canvas) {
        self.flights.iter().for_each(|flight| draw_flight(&self.scene, flight, canvas));
    }

    pub(super) fn draw_labels(&self, canvas: &mut Canvas) {
        let mut stubs = BTreeSet::new();
        for flight in &self.flights {
            let (lane, time) = flight.start();
            // What is lost at once on its way to several is drawn in one place.
            let is_known = flight.is_stub()
                && !stubs.insert((lane, time, flight.parcel().to > lane, &flight.parcel().label));
            if !is_known && !self.scene.is_one_of_many(flight) {
                canvas.open(&format!("class=\"flight\" {}", flight.data()), "");
                labels::draw(&self.scene, flight, canvas);
                canvas.close();
            }
        }
    }
}

/// The places of ballots among all in the view, from 1.
pub(super) fn rounds(run: &Run, view: &View) -> BTreeMap<u64, usize> {
    let all: BTreeSet<u64> = run
        .moments
        .iter()
        .filter(|moment| view.shows(moment))
        .filter_map(|moment| match &moment.act {
            Act::Sent(parcel) | Act::Received(parcel) => parcel.round,
            _ => None,
        })
        .collect();
    all.into_iter().zip(1..).collect()
}

fn flights(run: &Run) -> Vec<Flight<'_>> {
    let mut ends: BTreeMap<u64, Vec<End>> = BTreeMap::new();
    for (index, moment) in run.moments.iter().enumerate() {
        let time = moment.time;
        match &moment.act {
            Act::Received(parcel) => {
                let ends = ends.entry(parcel.number).or_default();
                let again = !ends.is_empty();
                ends.push(End::Arrived { index, time, again });
            }
            Act::Lost(parcel) => {
                ends.entry(parcel.number).or_default().push(End::Lost { index, time });
            }
            _ => {}
        }
    }
    let mut flights = Vec::new();
    for (sent, moment) in run.moments.iter().enumerate() {
        if let Act::Sent(parcel) = &moment.act {
            let ends = ends.remove(&parcel.number).unwrap_or_else(|| vec![End::UnderWay]);
            let flight = |end| Flight { sent, moment, parcels: vec![parcel], end };
            flights.extend(ends.into_iter().map(flight));
        }
    }
    flights
}

/// Puts together what leaves and arrives together: one arrow with several labels.
fn together<'a>(flights: impl Iterator<Item = Flight<'a>>) -> Vec<Flight<'a>> {
    let mut all: Vec<Flight<'a>> = Vec::new();
    for flight in flights {
        let same = all.iter_mut().find(|other| {
            other.start() == flight.start()
                && other.parcel().to == flight.parcel().to
                && other.end.time() == flight.end.time()
                && other.end.is_like(flight.end)
        });
        match same {
            Some(other) => other.parcels.extend(flight.parcels),
            None => all.push(flight),
        }
    }
    all
}

impl Flight<'_> {
    fn parcel(&self) -> &Parcel {
        self.parcels[0]
    }

    fn start(&self) -> (usize, Time) {
        (self.parcel().from, self.moment.time)
    }

    /// Where and when it arrives, or would.
    fn arrival(&self) -> Option<(usize, Time)> {
        self.end.time().map(|time| (self.parcel().to, time))
    }

    /// The moments of the run that it shows.
    fn data(&self) -> String {
        match self.end {
            End::Arrived { index, .. } | End::Lost { index, .. } => {
                format!("data-n=\"{}\" data-r=\"{index}\"", self.sent)
            }
            End::UnderWay => format!("data-n=\"{}\"", self.sent),
        }
    }

    /// Whether it is lost where it begins.
    fn is_stub(&self) -> bool {
        matches!(self.end, End::Lost { time, .. } if time == self.moment.time)
    }
}

impl End {
    const fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Arrived { again, .. }, Self::Arrived { again: other, .. }) => !again && !other,
            (Self::Lost { .. }, Self::Lost { .. }) | (Self::UnderWay, Self::UnderWay) => true,
            (Self::Arrived { .. } | Self::Lost { .. } | Self::UnderWay, _) => false,
        }
    }

    const fn time(self) -> Option<Time> {
        match self {
            Self::Arrived { time, .. } | Self::Lost { time, .. } => Some(time),
            Self::UnderWay => None,
        }
    }
}

/// What is drawn in a view. What arrives after its end is under way there.
fn seen<'a>(run: &'a Run, view: &View) -> Vec<Flight<'a>> {
    let shown = flights(run).into_iter().filter(|flight| {
        let from = flight.moment.time.since_start();
        (view.quiet || !flight.parcel().quiet) && from <= view.to && from >= view.from
    });
    let cut = shown.map(|flight| match flight.end.time() {
        Some(time) if time.since_start() > view.to => Flight { end: End::UnderWay, ..flight },
        Some(_) | None => flight,
    });
    together(cut)
}

impl Scene<'_> {
    fn reach(&self, lane: usize, time: Time) -> f64 {
        self.reaches.get(&(lane, time)).copied().unwrap_or(0.0)
    }

    /// Where an arrow begins: at the edge of the words on the lane.
    fn start(&self, flight: &Flight<'_>) -> (f64, f64) {
        let (lane, time) = flight.start();
        let x = self.places.x(lane) + self.side(flight) * self.reach(lane, time);
        (x, self.scale.y(time))
    }

    /// Where it ends: a lost message does not get there.
    fn end(&self, flight: &Flight<'_>) -> (f64, f64) {
        let (start, to, side) = (self.start(flight), flight.parcel().to, self.side(flight));
        let x = self.places.x(to);
        match flight.end {
            End::Arrived { time, .. } => (x - side * self.reach(to, time), self.scale.y(time)),
            End::Lost { .. } if flight.is_stub() => {
                (start.0 + side * self.places.spacing * 0.3, start.1 + 13.0)
            }
            End::Lost { time, .. } => {
                (x - side * (9.0 + self.reach(to, time)), self.scale.y(time) - 2.0)
            }
            End::UnderWay => {
                let share = ((self.scale.bottom() - start.1) / 38.0).clamp(0.2, 0.8);
                (start.0 + (x - start.0) * share, self.scale.bottom())
            }
        }
    }

    /// 1 to the right, −1 to the left.
    fn side(&self, flight: &Flight<'_>) -> f64 {
        if flight.parcel().to > flight.parcel().from { 1.0 } else { -1.0 }
    }

    /// Whether it is one of several that arrive together, rather than of several that leave
    /// together.
    fn gathers(&self, flight: &Flight<'_>) -> bool {
        let leaving = self.leaving.get(&flight.start()).copied().unwrap_or(0);
        let arriving = flight.arrival().and_then(|arrival| self.arriving.get(&arrival));
        arriving.copied().unwrap_or(0) > leaving
    }

    /// Whether all talk to all: then neighbours' labels speak for the others too.
    fn is_one_of_many(&self, flight: &Flight<'_>) -> bool {
        let (parcel, time) = (flight.parcel(), flight.moment.time);
        let senders = self.leaving.keys().filter(|(_, at)| *at == time).count();
        parcel.from.abs_diff(parcel.to) > 1 && senders > 2
    }
}

fn draw_flight(scene: &Scene<'_>, flight: &Flight<'_>, canvas: &mut Canvas) {
    let (from, to) = (scene.start(flight), scene.end(flight));
    let round = flight.parcel().round.and_then(|round| scene.rounds.get(&round).copied());
    let (colour, dash) = palette::round(round.unwrap_or(0));
    let dash = if dash.is_empty() { String::new() } else { format!(";stroke-dasharray:{dash}") };
    let style = format!("stroke:{colour}{dash}");
    let sender = &scene.run.lanes[flight.parcel().from].name;
    let title = format!("{sender} {}", narrate(scene.run, flight.moment));
    canvas.open(&format!("class=\"flight\" {}", flight.data()), &title);
    canvas.line(from, to, "msg", &style);
    match flight.end {
        End::Arrived { again, .. } => {
            if again {
                canvas.line((from.0, from.1 + 3.0), (to.0, to.1 + 3.0), "msg", &style);
            }
            draw_tip(from, to, colour, canvas);
        }
        End::Lost { .. } => draw_cross(to, canvas),
        End::UnderWay => canvas.circle(to, 3.0, "open"),
    }
    canvas.close();
}

/// Draws an arrow's head.
fn draw_tip(from: (f64, f64), to: (f64, f64), colour: &str, canvas: &mut Canvas) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let (bx, by) = (to.0 - ux * 9.0, to.1 - uy * 9.0);
    let path = format!(
        "M{:.1} {:.1} L{:.1} {:.1} L{:.1} {:.1} Z",
        to.0,
        to.1,
        bx - uy * 3.6,
        by + ux * 3.6,
        bx + uy * 3.6,
        by - ux * 3.6
    );
    canvas.path(&path, "tip", &format!("fill:{colour}"));
}

fn draw_cross(at: (f64, f64), canvas: &mut Canvas) {
    let (x, y) = at;
    let path = format!("M{:.1} {:.1} l8 8 M{:.1} {:.1} l8 -8", x - 4.0, y - 4.0, x - 4.0, y + 4.0);
    canvas.path(&path, "x", "");
}
