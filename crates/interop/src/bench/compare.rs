//! `bench compare`: workloads in turn against our server and others.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use zoarium_bench::run::run as run_workload;
use zoarium_bench::settings::Settings;
use zoarium_bench::workload::{PRESETS, Preset, Workload};

use super::contender::{Contender, Maker};
use super::figures::{Contest, Entry, aligned, figures};
use super::machine::Circumstances;
use super::{Scratch, USAGE, page, previous, raise_file_limit, value};
use crate::report::say;
use crate::setup;
use crate::tools::Tools;

/// How long a run takes before it is measured, beside the warm-up of the workload.
const RUN_UP: Duration = Duration::from_millis(500);

/// What `bench compare` is asked.
#[derive(Debug)]
pub(super) struct Options {
    workloads: Vec<Preset>,
    against: Vec<String>,
    servers: u16,
    pairs: usize,
    seconds: f64,
    warm_up: f64,
    json: Option<PathBuf>,
    writes: bool,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            workloads: Vec::new(),
            against: Vec::new(),
            servers: 1,
            pairs: 5,
            seconds: 5.0,
            warm_up: 4.0,
            json: None,
            writes: false,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--against" => options.against.push(value(argument, &mut rest)?),
                "--servers" => options.servers = value(argument, &mut rest)?,
                "--pairs" => options.pairs = value(argument, &mut rest)?,
                "--seconds" => options.seconds = value(argument, &mut rest)?,
                "--warm-up" => options.warm_up = value(argument, &mut rest)?,
                "--quick" => {
                    (options.pairs, options.seconds, options.warm_up) = (3, 2.0, 2.0);
                }
                "--json" => options.json = Some(value(argument, &mut rest)?),
                "--write" => options.writes = true,
                option if option.starts_with('-') => bail!("unknown option {option}\n{USAGE}"),
                name => {
                    let preset = Preset::named(name);
                    options.workloads.push(preset.with_context(|| {
                        let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
                        format!("no workload {name:?}; there are {}", names.join(", "))
                    })?);
                }
            }
        }
        let is_time = |seconds: f64| (0.1..=3600.0).contains(&seconds);
        if !(1..=9).contains(&options.servers) || !is_time(options.seconds) || options.pairs == 0 {
            bail!("--servers is 1 to 9, --seconds 0.1 to 3600, --pairs at least 1\n{USAGE}");
        }
        if !(0.0..=3600.0).contains(&options.warm_up) {
            bail!("--warm-up is 0 to 3600\n{USAGE}");
        }
        if options.workloads.is_empty() {
            options.workloads = PRESETS.to_vec();
        }
        if options.against.is_empty() {
            options.against = vec!["apache".to_owned()];
        }
        Ok(options)
    }

    fn manner(&self) -> String {
        let kind = if self.servers == 1 { "Servers" } else { "All servers of all ensembles" };
        format!(
            "{kind} and the load generator share the processors; Apache's have `-Xmx1g`. Medians of {} \
             runs of {} s; ratios are those of neighbouring runs, with the least and the greatest.",
            self.pairs, self.seconds
        )
    }
}

/// Runs everything and shows it; false when a workload could not be measured.
pub(super) fn run(tools: &Tools, options: &Options) -> Result<bool> {
    // So that a wrong path is known before and not after.
    if let Some(path) = &options.json {
        fs::write(path, "").with_context(|| format!("--json {}", path.display()))?;
    }
    raise_file_limit()?;
    let scratch = Scratch::new(tools)?;
    let makers = makers(tools, &scratch, options)?;
    let circumstances = Circumstances::now(&scratch.dir)?;
    say(&circumstances.line());
    let data = scratch.dir("servers")?;
    let mut sides = Vec::new();
    for maker in &makers {
        say(&format!("starting {}: {} server(s)", maker.name(), options.servers));
        sides.push(Contender::start(tools, &data, maker, options.servers, &[])?);
    }
    let contest = Contest {
        circumstances,
        servers: options.servers,
        manner: options.manner(),
        sides: titles(tools, &makers)?,
        entries: measure(&sides, options)?,
    };
    say(&format!("\n{}\n{}", aligned(&contest.table(), 2), contest.other_load()));
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", contest.json())).context("--json")?;
    }
    if options.writes {
        let docs = Path::new("docs");
        page::write(&contest, docs)?;
        say("written: docs/performance.md, docs/bench");
    }
    Ok(contest.entries.iter().all(|entry| entry.failure.is_none()))
}

/// Ours and the others.
fn makers(tools: &Tools, scratch: &Scratch, options: &Options) -> Result<Vec<Maker>> {
    let mut makers = vec![Maker::Zoarium];
    for rival in &options.against {
        let maker = if rival == "apache" {
            setup::jars(tools)?;
            Maker::Apache
        } else {
            let (commit, binary) = previous::binary(tools, &scratch.dir, rival)?;
            Maker::Earlier { commit, binary }
        };
        if !makers.contains(&maker) {
            makers.push(maker);
        }
    }
    Ok(makers)
}

/// What reports call them.
fn titles(tools: &Tools, makers: &[Maker]) -> Result<Vec<String>> {
    let title = |maker: &Maker| match maker {
        Maker::Zoarium => Ok("Zoarium".to_owned()),
        Maker::Apache => Ok(format!("Apache {}", tools.apache_version()?)),
        Maker::Earlier { commit, .. } => Ok(commit.clone()),
    };
    makers.iter().map(title).collect()
}

fn measure(sides: &[Contender], options: &Options) -> Result<Vec<Entry>> {
    let workloads: Vec<Workload> =
        options.workloads.iter().map(|preset| preset.workload()).collect();
    let mut entries: Vec<Entry> = Vec::new();
    for (preset, workload) in options.workloads.iter().zip(&workloads) {
        entries.push(Entry {
            workload: preset.name,
            about: preset.about,
            figures: figures(&workload.kind),
            runs: vec![Vec::new(); sides.len()],
            failure: None,
        });
    }
    let mut clock = Clock::new(sides.len() * workloads.len(), options);
    // The same for each side.
    let warm = settings(Duration::ZERO, Duration::from_secs_f64(options.warm_up.max(0.1)));
    for (workload, entry) in workloads.iter().zip(&mut entries) {
        for side in sides {
            clock.tell("warm-up", workload, side);
            attempt(workload, side, &warm, entry, None)?;
        }
    }
    let settings = settings(RUN_UP, Duration::from_secs_f64(options.seconds));
    for pair in 0..options.pairs {
        for (workload, entry) in workloads.iter().zip(&mut entries) {
            for turn in 0..sides.len() {
                // A B, B A, A B, …: neither always goes first.
                let index = if pair % 2 == 0 { turn } else { sides.len() - 1 - turn };
                clock.tell(&format!("pair {}", pair + 1), workload, &sides[index]);
                attempt(workload, &sides[index], &settings, entry, Some(index))?;
            }
        }
    }
    Ok(entries)
}

fn settings(warm_up: Duration, duration: Duration) -> Settings {
    Settings { warm_up, duration, ..Settings::default() }
}

/// One run, or two: on a machine that stalled for a while a session may have expired. A second
/// failure ends its workload and is told at once, and the others go on.
fn attempt(
    workload: &Workload,
    side: &Contender,
    settings: &Settings,
    entry: &mut Entry,
    keep_for: Option<usize>,
) -> Result<()> {
    if entry.failure.is_some() {
        return Ok(());
    }
    for is_last in [false, true] {
        match (run_workload(workload, &side.side()?, settings), keep_for) {
            (Ok(result), Some(index)) => {
                entry.runs[index].push(result);
                return Ok(());
            }
            (Ok(_), None) => return Ok(()),
            (Err(error), _) => {
                let (name, side_name, tails) = (&workload.name, &side.name, side.log_tails());
                say(&format!("{name} against {side_name}: {error}\n{tails}"));
                entry.failure = is_last.then(|| format!("{side_name}: {error}"));
            }
        }
    }
    Ok(())
}

/// Says what is done, and how long the rest takes.
struct Clock {
    number: usize,
    count: usize,
    began: Instant,
}

impl Clock {
    fn new(sides_by_workloads: usize, options: &Options) -> Self {
        let count = sides_by_workloads * (options.pairs + 1);
        let run = options.pairs as f64 * (options.seconds + 1.0) + options.warm_up;
        say(&format!("{count} runs, about {:.0} s", sides_by_workloads as f64 * run));
        Self { number: 0, count, began: Instant::now() }
    }

    fn tell(&mut self, what: &str, workload: &Workload, side: &Contender) {
        self.number += 1;
        say(&format!(
            "{:4.0} s  {}/{}  {what}: {} against {}",
            self.began.elapsed().as_secs_f64(),
            self.number,
            self.count,
            workload.name,
            side.name
        ));
    }
}
