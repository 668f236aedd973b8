//! Runs as text: a sentence for everything that happened.

use crate::run::{Act, Moment, Parcel, Run};
use crate::said::Said;
use crate::scenario::Verdict;
use std::fmt::Write;
use std::time::Duration;

/// Which part of a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// What is before is left out.
    pub from: Duration,
    /// What is after is left out.
    pub to: Duration,
    /// Whether signs of life and links are shown too.
    pub quiet: bool,
}

impl View {
    /// Everything but signs of life, from some moment on.
    pub const fn from(from: Duration) -> Self {
        Self { from, to: Duration::MAX, quiet: false }
    }

    /// Whether a moment is in it.
    pub fn shows(&self, moment: &Moment) -> bool {
        let time = moment.time.since_start();
        time >= self.from && time <= self.to && (self.quiet || !is_quiet(&moment.act))
    }
}

/// Timers that come due all the time, or as a matter of course.
const QUIET_TIMERS: [&str; 5] = ["Heartbeat", "HalfTick", "Notify", "Decide", "Connect"];

/// Whether something says no more than that somebody is there.
fn is_quiet(act: &Act) -> bool {
    match act {
        Act::Sent(parcel) | Act::Received(parcel) | Act::Lost(parcel) => parcel.quiet,
        Act::Link { .. } => true,
        Act::Timer(timer) => QUIET_TIMERS.contains(&timer.as_str()),
        Act::Started { restarts } => *restarts == 0,
        Act::Asked(_)
        | Act::Writes { .. }
        | Act::Durable(_)
        | Act::Said(_)
        | Act::Chosen { .. }
        | Act::Crashed
        | Act::Paused
        | Act::Resumed
        | Act::Blocked { .. }
        | Act::Healed
        | Act::Fault(_)
        | Act::Violated { .. } => false,
    }
}

/// A run, line by line.
pub fn trace(run: &Run, view: &View) -> String {
    lines(run, view).into_iter().map(|line| line.text + "\n").collect()
}

/// A line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub time: Duration,
    /// Time, process, what happened and what state that led to.
    pub text: String,
}

/// A run as lines. What one process sends to several at once is one line.
pub fn lines(run: &Run, view: &View) -> Vec<Line> {
    let width = run.lanes.iter().map(|lane| lane.name.len()).max().unwrap_or(1);
    let shown: Vec<&Moment> = run.moments.iter().filter(|moment| view.shows(moment)).collect();
    let mut lines = Vec::new();
    let mut rest = shown.as_slice();
    while let Some((moment, _)) = rest.split_first() {
        let (group, others) = rest.split_at(same_message(rest));
        let time = moment.time.since_start();
        let name = moment.lane.map_or("*", |lane| run.lanes[lane].name.as_str());
        let mut text = format!("{:>8.1} ms  {name:width$}  ", time.as_secs_f64() * 1000.0);
        text += &narrate(run, moment);
        for also in &group[1..] {
            if let Act::Sent(parcel) = &also.act {
                text = format!("{text} {}", run.lanes[parcel.to].name);
            }
        }
        if let Some(state) = &moment.state {
            let locks = if state.locks { ", holds locks" } else { "" };
            let blocked = if state.blocked { ", blocked" } else { "" };
            text += &format!("  → {}{locks}{blocked}", state.word);
        }
        lines.push(Line { time, text });
        rest = others;
    }
    lines
}

/// How many of the first moments are the sending of one message to several.
fn same_message(moments: &[&Moment]) -> usize {
    let Some((first, rest)) = moments.split_first() else { return 0 };
    let Act::Sent(parcel) = &first.act else { return 1 };
    let same = rest.iter().take_while(|moment| {
        moment.lane == first.lane
            && matches!(&moment.act, Act::Sent(other) if other.label == parcel.label)
    });
    1 + same.count()
}

/// What happened, as a sentence about the process to which it did.
pub fn narrate(run: &Run, moment: &Moment) -> String {
    let name = |lane: usize| run.lanes[lane].name.as_str();
    let names =
        |lanes: &[usize]| lanes.iter().map(|lane| name(*lane)).collect::<Vec<_>>().join(" ");
    match &moment.act {
        Act::Started { restarts: 0 } => "starts".to_owned(),
        Act::Started { .. } => "is back, with what its disk holds".to_owned(),
        Act::Asked(request) => format!("is asked: {request}"),
        Act::Sent(Parcel { to, label, .. }) => format!("sends {label} to {}", name(*to)),
        Act::Received(Parcel { from, label, .. }) => format!("gets {label} from {}", name(*from)),
        Act::Lost(Parcel { from, to, label, .. }) => {
            format!("{label} from {} to {} is lost", name(*from), name(*to))
        }
        Act::Writes { label, forced: true } => format!("writes {label} and waits for the disk"),
        Act::Writes { label, forced: false } => format!("writes {label}"),
        Act::Durable(labels) => format!("has durably written {}", labels.join(", ")),
        Act::Timer(timer) => format!("wakes up: {timer}"),
        Act::Said(said) => narrate_said(said),
        Act::Chosen { place, value } if place.is_empty() => {
            format!("{value} is chosen by this vote")
        }
        Act::Chosen { place, value } => format!("{value} is chosen in {place} by this vote"),
        Act::Crashed => "crashes".to_owned(),
        Act::Paused => "stands still".to_owned(),
        Act::Resumed => "goes on".to_owned(),
        Act::Link { other, up: true } => format!("is connected with {}", name(*other)),
        Act::Link { other, up: false } => format!("has lost the connection with {}", name(*other)),
        Act::Blocked { from, to, both: true } => {
            format!("partition: {} | {}", names(from), names(to))
        }
        Act::Blocked { from, to, both: false } => {
            format!("nothing comes from {} to {}", names(from), names(to))
        }
        Act::Healed => "the network is whole again".to_owned(),
        Act::Fault(fault) => format!("fault: {fault}"),
        Act::Violated { rule, detail } => format!("VIOLATION of {rule}: {detail}"),
    }
}

fn narrate_said(said: &Said) -> String {
    match said {
        Said::Proposed(value) => format!("proposes {value}"),
        Said::Voted { yes: true } => "votes yes".to_owned(),
        Said::Voted { yes: false } => "votes no".to_owned(),
        Said::Decided(value) => format!("DECIDES {value}"),
        Said::Broadcast { value, .. } => format!("broadcasts {value}"),
        Said::Delivered { place, value } => format!("executes {value}, its number {place}"),
        Said::Leads { .. } => "LEADS".to_owned(),
        Said::Quorum { of, members } => {
            let members: Vec<String> = members.iter().map(ToString::to_string).collect();
            format!("has a quorum of {of}: {}", members.join(" "))
        }
        Said::Answered { request, answer } => format!("answers {request}: {answer}"),
        Said::Note(note) => note.clone(),
    }
}

/// Claims and what was found, a line each.
pub fn verdicts(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for Verdict { says, finding } in verdicts {
        let (mark, found) = match finding {
            Ok(found) => ("✓", found),
            Err(found) => ("✗", found),
        };
        let found = if found.is_empty() { String::new() } else { format!(" ({found})") };
        writeln!(text, "  {mark} {says}{found}").expect("a string takes all");
    }
    text
}

/// A text in lines of at most so many characters.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                *line = format!("{line} {word}");
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
