//! What happens to one process at one time, drawn together.

use crate::run::{Act, Run};
use crate::said::Said;
use crate::subject::State;
use crate::text::{View, narrate};
use zoarium_sim::Time;

/// What is drawn at one point of a lane.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) time: Time,
    pub(super) lane: usize,
    /// The first and the last of its moments.
    pub(super) first: usize,
    /// The words on the lane itself.
    pub(super) pill: Option<Pill>,
    /// The words beside it.
    pub(super) notes: Vec<Note>,
    /// All of it in sentences.
    pub(super) story: Vec<String>,
    pub(super) marks: Vec<Mark>,
}

/// Words on the lane.
#[derive(Debug)]
pub(super) enum Pill {
    State(State),
    /// A decision, for good.
    Decided(String),
}

/// Words beside the lane.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Shapes on the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Crash,
    Back,
    Timer,
    Asked,
    /// A record is durable.
    Disk,
    /// A record that nobody waits for.
    SoftWrite,
    Quorum,
    Chosen,
    Delivered,
}

/// The height of a line of notes, in pixels.
pub(super) const NOTE_HEIGHT: f64 = 12.0;
/// The height of words on the lane.
pub(super) const PILL_HEIGHT: f64 = 15.0;
/// How long the words on a lane may be.
const PILL_MAX: usize = 20;

impl Cluster {
    /// How much room it needs below its time.
    pub(super) fn height(&self) -> f64 {
        let notes = super::pixels(self.notes.len()) * NOTE_HEIGHT;
        let pill = if self.pill.is_some() { PILL_HEIGHT } else { 0.0 };
        notes + pill + 3.0
    }

    /// Half of what it takes of the lane's left and right, where arrows end.
    pub(super) fn reach(&self) -> f64 {
        self.pill.as_ref().map_or(0.0, |pill| pill.width() / 2.0)
    }
}

impl Pill {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Decided(value) => format!("★ {value}"),
            Self::State(state) if state.blocked => format!("{}, blocked", state.word),
            Self::State(state) => shortened(&state.word, PILL_MAX),
        }
    }

    pub(super) fn width(&self) -> f64 {
        let letter = match self {
            Self::Decided(_) => 7.2,
            Self::State(_) => 6.0,
        };
        super::pixels(self.text().chars().count()) * letter + 14.0
    }
}

/// All clusters of a view, in order.
pub(super) fn clusters(run: &Run, view: &View) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for (index, moment) in run.moments.iter().enumerate() {
        let Some(lane) = moment.lane else { continue };
        if !view.shows(moment) && moment.state.is_none() {
            continue;
        }
        if moment.time.since_start() < view.from || moment.time.since_start() > view.to {
            continue;
        }
        let found = clusters.iter().rposition(|it| it.lane == lane && it.time == moment.time);
        let place = found.unwrap_or_else(|| {
            clusters.push(Cluster {
                time: moment.time,
                lane,
                first: index,
                pill: None,
                notes: Vec::new(),
                story: Vec::new(),
                marks: Vec::new(),
            });
            clusters.len() - 1
        });
        let cluster = &mut clusters[place];
        if view.shows(moment) {
            add(cluster, &moment.act);
            cluster.story.push(narrate(run, moment));
        }
        if let Some(state) = moment.state.clone().filter(|state| !state.word.is_empty())
            && !matches!(cluster.pill, Some(Pill::Decided(_)))
        {
            cluster.pill = Some(Pill::State(state));
        }
    }
    clusters.retain(|it| it.pill.is_some() || !it.notes.is_empty() || !it.marks.is_empty());
    clusters
}

/// How much room the clusters of a time need below it.
pub(super) fn tallest(clusters: &[Cluster], time: Time) -> f64 {
    let here = clusters.iter().filter(|cluster| cluster.time == time);
    here.map(Cluster::height).fold(0.0, f64::max)
}

fn add(cluster: &mut Cluster, act: &Act) {
    match act {
        Act::Started { restarts: 0 } | Act::Sent(_) | Act::Received(_) | Act::Lost(_) => {}
        Act::Started { .. } => cluster.mark(Mark::Back, "note", "back".to_owned()),
        Act::Asked(request) => cluster.mark(Mark::Asked, "strong", request.clone()),
        // It is shown when it is durable.
        Act::Writes { forced: true, .. } => {}
        Act::Writes { label, forced: false } => {
            cluster.mark(Mark::SoftWrite, "write", label.clone());
        }
        Act::Durable(labels) => cluster.mark(Mark::Disk, "write", labels.join(", ")),
        Act::Timer(timer) => cluster.mark(Mark::Timer, "note", format!("time-out: {timer}")),
        Act::Said(said) => add_said(cluster, said),
        Act::Chosen { place, value } if place.is_empty() => {
            cluster.mark(Mark::Chosen, "strong", format!("{value} is chosen"));
        }
        Act::Chosen { place, value } => {
            cluster.mark(Mark::Chosen, "strong", format!("chosen {place}: {value}"));
        }
        Act::Crashed => cluster.mark(Mark::Crash, "strong", "crash".to_owned()),
        Act::Paused => cluster.note("strong", "stands still".to_owned()),
        Act::Resumed => cluster.note("note", "goes on".to_owned()),
        Act::Link { .. }
        | Act::Blocked { .. }
        | Act::Healed
        | Act::Fault(_)
        | Act::Violated { .. } => {}
    }
}

fn add_said(cluster: &mut Cluster, said: &Said) {
    match said {
        Said::Decided(value) => cluster.pill = Some(Pill::Decided(value.to_string())),
        Said::Delivered { value, .. } => {
            cluster.mark(Mark::Delivered, "strong", format!("executes {value}"));
        }
        Said::Quorum { members, .. } => {
            let members: Vec<String> = members.iter().map(ToString::to_string).collect();
            cluster.mark(Mark::Quorum, "note", format!("quorum: {}", members.join(" ")));
        }
        Said::Answered { request, .. } => cluster.note("note", format!("answers {request}")),
        Said::Note(note) => cluster.note("note", note.clone()),
        Said::Voted { yes: false } => cluster.note("strong", "votes no".to_owned()),
        // Their messages or their states say so.
        Said::Voted { yes: true }
        | Said::Proposed(_)
        | Said::Broadcast { .. }
        | Said::Leads { .. } => {}
    }
}

impl Cluster {
    fn mark(&mut self, mark: Mark, class: &'static str, text: String) {
        self.marks.push(mark);
        self.note(class, text);
    }

    /// A line of words; several of one kind share one.
    fn note(&mut self, class: &'static str, text: String) {
        for kind in ["executes ", "answers ", "chosen "] {
            let known = self.notes.iter_mut().find(|note| note.text.starts_with(kind));
            if let (Some(note), Some(more)) = (known, text.strip_prefix(kind)) {
                note.text = format!("{}, {more}", note.text);
                return;
            }
        }
        self.notes.push(Note { class, text });
    }
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most - 1).collect();
    format!("{}…", start.trim_end_matches('…'))
}
