//! Hunts for bugs with seed after seed. Called by `cargo xtask sim`.

use anyhow::{Context, Result, bail};
use std::fmt::{self, Write};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use zoarium_ensemble_sim::{Bug, Kind, Name, Scripted, Trial, find};
use zoarium_sim::driver::{Hunt, hunt, replay};
use zoarium_sim::{Experiment, Plan, TraceLevel, run};

const USAGE: &str = "\
usage: cargo xtask sim [--seeds N] [--start S] [--bug NAME]
       cargo xtask sim --seed S [--bug NAME]
       cargo xtask sim --script FILE [--bug NAME]
       cargo xtask sim --planted
       cargo xtask sim --exhaust
       cargo xtask sim --speed [--seeds N] [--start S]

  --seeds N       tries N seeds (100 unless told), stops at the first that fails, and shrinks it
  --start S       the first of them (1 unless told)
  --seed S        replays one seed and prints all that happens
  --script FILE   the same with a plan, as a hunt prints it
  --bug NAME      with a bug planted in the servers
  --planted       shows that each planted bug is found, and by how many seeds
  --exhaust       crashes one scripted run at each operation of each disk, with all that the disk
                  may keep of what was not synced
  --speed         how fast five servers and three clients are simulated, with faults";

/// How many seeds a planted bug may take.
const PLANTED_SEEDS_MAX: u64 = 300;

/// How many runs shrinking may take.
const SHRINK_RUNS_MAX: u32 = 3000;

/// How many of the last lines of a failing run are shown.
const LINES: usize = 60;

#[derive(Debug, Default)]
struct Arguments {
    seeds: Option<u64>,
    start: Option<u64>,
    seed: Option<u64>,
    script: Option<String>,
    bug: Option<Bug>,
    planted: bool,
    exhaust: bool,
    speed: bool,
    commit: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "the binary parses arguments")]
fn main() -> Result<ExitCode> {
    let arguments = parse(std::env::args().skip(1))?;
    if arguments.planted {
        return planted();
    }
    if arguments.exhaust {
        return crash_at_each_point();
    }
    if arguments.speed {
        return speed(arguments.start.unwrap_or(1), arguments.seeds.unwrap_or(100));
    }
    let trial = arguments.bug.map_or_else(Trial::default, Trial::of_bug);
    let plan = match (arguments.seed, &arguments.script) {
        (Some(seed), _) => Some(trial.plan(seed)),
        (None, Some(file)) => Some(read_plan(&trial, file)?),
        (None, None) => None,
    };
    if let Some(plan) = plan {
        let exit = replay(&trial, &plan, &mut Stdout)?;
        return Ok(ExitCode::from(exit.code()));
    }
    let bug = Bug::ALL.into_iter().find(|(bug, _)| Some(*bug) == arguments.bug);
    let bug = bug.map_or_else(String::new, |(_, name)| format!(" --bug {name}"));
    let seeds = Hunt {
        first: arguments.start.unwrap_or(1),
        count: arguments.seeds.unwrap_or(100),
        commit: arguments.commit.unwrap_or_else(|| "unknown".to_owned()),
        command: format!("cargo xtask sim{bug}"),
        shrink_runs_max: SHRINK_RUNS_MAX,
        twice: false,
        lines: LINES,
    };
    let (exit, took) = timed(|| hunt(&trial, &seeds, &mut Stdout));
    writeln!(Stdout, "{:.1} s", took.as_secs_f64())?;
    Ok(ExitCode::from(exit?.code()))
}

/// Does something, and says how long it took.
#[expect(clippy::disallowed_types, reason = "how fast it is depends on the machine")]
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = std::time::Instant::now();
    let result = act();
    (result, began.elapsed())
}

/// Runs seeds with five servers and three clients, and says how much faster they are than time.
fn speed(first: u64, count: u64) -> Result<ExitCode> {
    let trial = Trial { kind: Kind::Ensemble { voters: 5, observers: 0 }, bug: None };
    let lasted = |seed| run(&trial, &trial.plan(seed), TraceLevel::Nothing).ended.since_start();
    let (lasted, took) = timed(|| (first..first + count).map(lasted).sum::<Duration>());
    let (lasted, took) = (lasted.as_secs_f64(), took.as_secs_f64());
    let times = lasted / took;
    writeln!(
        Stdout,
        "{count} seeds, {lasted:.0} s simulated in {took:.1} s, {times:.0} times as fast"
    )?;
    Ok(ExitCode::SUCCESS)
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value\n{USAGE}"));
        match word.as_str() {
            "--seeds" => arguments.seeds = Some(value()?.parse()?),
            "--start" => arguments.start = Some(value()?.parse()?),
            "--seed" => arguments.seed = Some(value()?.parse()?),
            "--script" => arguments.script = Some(value()?),
            "--commit" => arguments.commit = Some(value()?),
            "--bug" => arguments.bug = Some(bug(&value()?)?),
            "--planted" => arguments.planted = true,
            "--exhaust" => arguments.exhaust = true,
            "--speed" => arguments.speed = true,
            _ => bail!("unknown argument {word}\n{USAGE}"),
        }
    }
    Ok(arguments)
}

/// A plan as a hunt prints it. Its seed says who takes part, and so what the names mean.
#[expect(clippy::disallowed_methods, reason = "the binary reads scripts")]
fn read_plan(trial: &Trial, file: &str) -> Result<Plan<Name>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let seed = text.lines().find_map(|line| line.trim().strip_prefix("seed "));
    let seed: u64 = seed.with_context(|| format!("{file} has no line with a seed"))?.parse()?;
    Plan::parse(&text, &trial.names(seed)).with_context(|| format!("{file} is no plan"))
}

fn bug(name: &str) -> Result<Bug> {
    let found = Bug::ALL.into_iter().find(|(_, known)| *known == name);
    let names: Vec<&str> = Bug::ALL.into_iter().map(|(_, name)| name).collect();
    Ok(found.with_context(|| format!("no bug {name}; there are: {}", names.join(" ")))?.0)
}

/// Looks for each planted bug; fails if one is not found.
fn planted() -> Result<ExitCode> {
    let mut out = Stdout;
    let mut missed = Vec::new();
    for (bug, name) in Bug::ALL {
        match find(bug, PLANTED_SEEDS_MAX) {
            Some(found) => writeln!(out, "{name:24} seed {:3}  {}", found.seed, found.failure)?,
            None => {
                writeln!(out, "{name:24} not found by {PLANTED_SEEDS_MAX} seeds")?;
                missed.push(name);
            }
        }
    }
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "planted and not found: {}", missed.join(", "))?;
    Ok(ExitCode::FAILURE)
}

/// Tries each plan that crashes the scripted run once more; stops at the first that fails, and shows
/// it.
fn crash_at_each_point() -> Result<ExitCode> {
    let mut out = Stdout;
    let scripted = Scripted::conversations();
    let plans = scripted.crash_points();
    writeln!(out, "{} moments to crash at", plans.len())?;
    for plan in &plans {
        if let Err(failure) = run(&scripted, plan, TraceLevel::Nothing).result {
            writeln!(out, "{}\n{failure}", plan.script(&scripted.names(plan.seed)))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    writeln!(out, "all survived")?;
    Ok(ExitCode::SUCCESS)
}

/// The way to the terminal for what writes text.
#[derive(Debug)]
struct Stdout;

impl Write for Stdout {
    #[expect(clippy::disallowed_methods, reason = "the binary prints")]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        std::io::stdout().write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
