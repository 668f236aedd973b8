//! `zoarium lab explore`.

use super::{Exit, Fault, write_file};
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use zoarium_lab::exhaust::{Bounds, Searched, search};
use zoarium_lab::explore::{Exploration, Progress, SEEDS_ENOUGH, Seeds, Study};
use zoarium_lab::text::{self, View};
use zoarium_lab::{Kind, draw, json as lab_json};

/// What to explore, and how far.
#[derive(Args, Debug)]
pub(crate) struct ExploreArguments {
    /// A study, or a protocol with all its studies.
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Every study.
    #[arg(long)]
    all: bool,
    /// See instead everything that can happen: all orders of all messages, time-outs and crashes.
    /// With 2pc or paxos, kept small by --set.
    #[arg(long, conflicts_with_all = ["all", "seeds", "start"])]
    exhaustive: bool,
    /// How many crashes there are in an exhaustive search.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "exhaustive")]
    crashes: u8,
    /// How many time-outs each process has in an exhaustive search.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "exhaustive")]
    timers: u8,
    /// How many states an exhaustive search looks at.
    #[arg(long, default_value_t = 3_000_000, value_name = "N", requires = "exhaustive")]
    states: usize,
    /// How many seeds each study tries.
    #[arg(long, default_value_t = 1000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1, value_name = "S")]
    start: u64,
    /// A setting of the protocol; `zoarium lab list PROTOCOL` shows which there are.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Draw the shortest way in which a rule broke.
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    svg: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ExploreArguments, out: &mut dyn Write) -> Result<Exit, Fault> {
    if arguments.exhaustive {
        return search_all(arguments, out);
    }
    let seeds = Seeds { first: arguments.start, count: arguments.seeds };
    let settings = arguments.set.join(" ");
    let mut results = Vec::new();
    let mut exit = Exit::Held;
    for study in studies(arguments)? {
        let mut meter = Meter::new(study, seeds.count);
        let exploration = study.explore(&settings, seeds, &mut |progress| meter.show(progress));
        let exploration = exploration.map_err(|error| Fault::unusable(&error))?;
        let rate = meter.finish();
        if !exploration.is_as_predicted() {
            exit = Exit::Failed;
        }
        if arguments.json {
            results.push(as_json(arguments, &exploration, rate));
        } else {
            show(arguments, &exploration, rate, out)?;
        }
        if let Some(path) = &arguments.svg {
            draw_shortest(path, &exploration)?;
        }
    }
    if arguments.json {
        writeln!(out, "{:#}", Value::from(results))?;
    }
    Ok(exit)
}

/// Shows how far an exploration is, if there is a terminal to show it on.
struct Meter {
    name: &'static str,
    seeds: u64,
    began: Instant,
    /// What the runs took, without the search for shortest ways.
    ran: Duration,
    shown: Option<Instant>,
    is_shown: bool,
}

/// How often it is shown.
const METER_EVERY: Duration = Duration::from_millis(100);

impl Meter {
    fn new(study: &Study, seeds: u64) -> Self {
        let is_shown = io::stderr().is_terminal();
        let began = Instant::now();
        Self { name: study.name, seeds, began, ran: Duration::ZERO, shown: None, is_shown }
    }

    fn show(&mut self, progress: Progress) {
        let Progress { done, broken, shrinking } = progress;
        if !shrinking {
            self.ran = self.began.elapsed();
        }
        let is_due = shrinking || self.shown.is_none_or(|last| last.elapsed() >= METER_EVERY);
        if !self.is_shown || !is_due {
            return;
        }
        self.shown = Some(Instant::now());
        let doing = if shrinking { "; looking for the shortest way" } else { "" };
        let (name, seeds) = (self.name, self.seeds);
        self.write(&format!("{name}: {done} of {seeds} seeds, {broken} break a rule{doing}"));
    }

    /// Takes the line away; how many seeds there were in a second.
    fn finish(self) -> f64 {
        if self.is_shown {
            self.write("");
        }
        self.seeds as f64 / self.ran.as_secs_f64().max(f64::EPSILON)
    }

    /// Replaces the line. That a terminal cannot be written to is no reason to stop.
    fn write(&self, text: &str) {
        let mut terminal = io::stderr().lock();
        let _ = write!(terminal, "\r\x1b[K{text}").and_then(|()| terminal.flush());
    }
}

fn studies(arguments: &ExploreArguments) -> Result<Vec<&'static Study>, Fault> {
    let Some(name) = &arguments.name else { return Ok(Study::all().iter().collect()) };
    let studies = Study::find(name).map_err(Fault::Unusable)?;
    match (&arguments.svg, studies.as_slice()) {
        (Some(_), [_, _, ..]) => {
            let names: Vec<&str> = studies.iter().map(|study| study.name).collect();
            Err(Fault::Unusable(format!("--svg draws one study: {}", names.join(", "))))
        }
        (Some(_) | None, _) => Ok(studies),
    }
}

fn show(
    arguments: &ExploreArguments,
    exploration: &Exploration,
    rate: f64,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let Exploration { study, seeds, events, broken } = exploration;
    let mark = if exploration.is_as_predicted() { "✓" } else { "✗" };
    writeln!(out, "{mark} {}: {}", study.name, study.says)?;
    writeln!(out, "    {seeds} seeds, {events} events, {rate:.0} seeds a second")?;
    for rule in study.breaks.iter().filter(|rule| !broken.contains_key(**rule)) {
        let enough = if *seeds < SEEDS_ENOUGH { "not found in so few seeds" } else { "NOT FOUND" };
        writeln!(out, "    {enough}: {rule}, which is to break")?;
    }
    for (rule, example) in broken {
        let predicted = if study.predicts(rule) { "" } else { "NOT PREDICTED: " };
        let (count, first) = (example.seeds, example.first);
        writeln!(out, "    {predicted}{rule} breaks with {count} of them, first with {first}")?;
        writeln!(out, "    replay: {}", replay(arguments, study, first))?;
        if !arguments.all {
            writeln!(out, "\nThe shortest way:\n\n{}", example.script)?;
            writeln!(out, "{}", text::trace(&example.run, &View::from(Duration::ZERO)))?;
        }
    }
    Ok(())
}

/// The command that runs one seed again.
fn replay(arguments: &ExploreArguments, study: &Study, seed: u64) -> String {
    let settings: String = arguments.set.iter().map(|it| format!(" --set \"{it}\"")).collect();
    format!("zoarium lab explore {} --start {seed} --seeds 1{settings}", study.name)
}

/// Looks at everything that can happen.
fn search_all(arguments: &ExploreArguments, out: &mut dyn Write) -> Result<Exit, Fault> {
    let name = arguments.name.as_deref().unwrap_or_default();
    let kind = Kind::find(name).map_err(Fault::Unusable)?;
    let (crashes, timers) = (arguments.crashes, arguments.timers);
    let bounds = Bounds { crashes, timers, states_max: arguments.states };
    let began = Instant::now();
    let searched = search(kind, &arguments.set.join(" "), bounds).map_err(Fault::Unusable)?;
    let seconds = began.elapsed().as_secs_f64();
    let Searched { states, is_complete, violation } = &searched;
    if arguments.json {
        let violation = violation
            .as_ref()
            .map(|it| json!({ "rule": it.rule, "steps": it.steps, "run": lab_json::run(&it.run) }));
        writeln!(
            out,
            "{:#}",
            json!({ "states": states, "complete": is_complete, "violation": violation })
        )?;
    } else {
        let which = if *is_complete { "all" } else { "the first" };
        writeln!(out, "{which} {states} states of {}, in {seconds:.1} s", kind.title())?;
        match violation {
            None => writeln!(out, "no rule breaks in any of them")?,
            Some(it) => {
                writeln!(
                    out,
                    "{} breaks after {} steps, and not after fewer:\n",
                    it.rule, it.steps
                )?;
                writeln!(out, "{}", text::trace(&it.run, &View::from(Duration::ZERO)))?;
            }
        }
    }
    if let (Some(path), Some(svg)) = (&arguments.svg, draw::violation(kind, &searched)) {
        write_file(path, &svg)?;
    }
    Ok(if violation.is_none() { Exit::Held } else { Exit::Failed })
}

fn draw_shortest(path: &std::path::Path, exploration: &Exploration) -> Result<(), Fault> {
    let svg = draw::counterexample(exploration).ok_or_else(|| {
        Fault::Unusable(format!(
            "{}: no rule broke, so there is nothing to draw",
            exploration.study.name
        ))
    })?;
    write_file(path, &svg)
}

fn as_json(arguments: &ExploreArguments, exploration: &Exploration, rate: f64) -> Value {
    let broken: Vec<Value> = exploration
        .broken
        .iter()
        .map(|(rule, it)| {
            json!({
                "rule": rule,
                "predicted": exploration.study.predicts(rule),
                "seeds": it.seeds,
                "first": it.first,
                "replay": replay(arguments, exploration.study, it.first),
                "script": it.script,
                "moments": it.run.moments.len(),
            })
        })
        .collect();
    json!({
        "study": exploration.study.name,
        "protocol": exploration.study.kind.key(),
        "says": exploration.study.says,
        "settings": exploration.study.settings,
        "seeds": exploration.seeds,
        "events": exploration.events,
        "seeds_per_second": rate.round(),
        "as_predicted": exploration.is_as_predicted(),
        "predicted": exploration.study.breaks,
        "broken": broken,
    })
}
