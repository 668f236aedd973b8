//! `bench curves`: how what an operation costs depends on what the server holds, and stories of
//! large trees, many watches, snapshots under load and clients that flood.

mod fairness;
mod joining;
mod probe;
mod shape;
mod sizes;
mod snapshots;
mod steady;
mod watches;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use zoarium_bench::cpu::Cpu;

use super::contender::{Contender, Maker};
use super::machine::Circumstances;
use super::{Scratch, USAGE, raise_file_limit, value};
use crate::report::say;
use crate::setup;
use crate::tools::Tools;

/// Never reached: no snapshots beside those that are asked for.
const NO_SNAPSHOTS: &str = "snapCount=1000000000";

/// A story: its name, what it shows, how long it may take, short and in full, and the function that
/// runs it. That fails if it can not be measured, or a bound is exceeded.
type Story = (&'static str, &'static str, [u64; 2], fn(&Ground<'_>) -> Result<Value>);

const STORIES: &[Story] = &[
    ("znodes", "CPU per operation with 1 thousand to 5 million znodes", [180, 900], sizes::znodes),
    (
        "connections",
        "CPU per operation with 10 to 5,000 connections",
        [180, 400],
        sizes::connections,
    ),
    ("watches", "a million watches: memory, and events to all of them", [120, 400], watches::run),
    (
        "shape",
        "a million children of one parent: memory, snapshot, load, listing",
        [120, 400],
        shape::run,
    ),
    ("join", "a third server joins two that hold 5 million znodes", [120, 900], joining::run),
    (
        "steady",
        "reads, writes and snapshots for a while: a pause over 5 ms fails",
        [240, 1200],
        steady::run,
    ),
    ("fairness", "a quiet connection beside one that floods", [120, 240], fairness::run),
    (
        "snapshots",
        "p99 of creates while snapshots run, beside Apache's server",
        [180, 600],
        snapshots::run,
    ),
];

/// What `bench curves` is asked.
#[derive(Debug)]
pub(super) struct Options {
    names: Vec<String>,
    is_short: bool,
    seconds: Option<u64>,
    with_apache: bool,
    json: Option<PathBuf>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            names: Vec::new(),
            is_short: false,
            seconds: None,
            with_apache: false,
            json: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--short" => options.is_short = true,
                "--seconds" => options.seconds = Some(value(argument, &mut rest)?),
                "--apache" => options.with_apache = true,
                "--json" => options.json = Some(value(argument, &mut rest)?),
                option if option.starts_with('-') => bail!("unknown option {option}\n{USAGE}"),
                name if STORIES.iter().any(|(story, ..)| *story == name) => {
                    options.names.push(name.to_owned());
                }
                name => bail!("no story {name:?}; there are\n{}", list()),
            }
        }
        Ok(options)
    }
}

/// The stories, a line each.
pub(super) fn list() -> String {
    let line = |(name, about, ..): &Story| format!("  {name:<12}{about}\n");
    STORIES.iter().map(line).collect()
}

/// Where stories play.
struct Ground<'a> {
    tools: &'a Tools,
    scratch: &'a Scratch,
    is_short: bool,
    /// Instead of the story's own length.
    seconds: Option<u64>,
    /// Ours, and Apache's if that is wanted.
    makers: Vec<Maker>,
}

impl Ground<'_> {
    /// One of two, for short and in full.
    fn choose<T>(&self, short: T, full: T) -> T {
        if self.is_short { short } else { full }
    }

    /// A story told of each maker's servers.
    fn of_each(&self, mut of: impl FnMut(&Maker) -> Result<Value>) -> Result<Value> {
        let told = self.makers.iter().map(|maker| Ok((maker.name().to_owned(), of(maker)?)));
        told.collect::<Result<_>>().map(Value::Object)
    }

    /// A server, or an ensemble, whose directory goes with the returned value.
    fn start(&self, maker: &Maker, lines: &[&str]) -> Result<Stage> {
        let dir = StageDir(self.scratch.dir("stage")?);
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let servers = Contender::start(self.tools, &dir.0, maker, 1, &lines)?;
        Ok(Stage { servers, _dir: dir })
    }
}

/// Servers and their directory, in the order in which they go.
struct Stage {
    servers: Contender,
    _dir: StageDir,
}

impl Stage {
    fn port(&self) -> u16 {
        self.servers.port(0)
    }

    /// Memory of all servers that the kernel has given them.
    fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(&self.servers.pids())
    }

    /// CPU that the servers have used so far.
    fn cpu(&self) -> Result<Duration> {
        Ok(Cpu::now(&self.servers.pids())?.servers)
    }
}

#[derive(Debug)]
struct StageDir(PathBuf);

impl Drop for StageDir {
    fn drop(&mut self) {
        super::remove(&self.0);
    }
}

fn resident_bytes(pids: &[u32]) -> Result<u64> {
    let of = |pid: &u32| -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse::<u64>()? * 1024)
    };
    pids.iter().map(of).sum()
}

/// Runs the wanted stories; false when one has failed.
pub(super) fn run(tools: &Tools, options: &Options) -> Result<bool> {
    if let Some(path) = &options.json {
        fs::write(path, "").with_context(|| format!("--json {}", path.display()))?;
    }
    raise_file_limit()?;
    setup::jars(tools)?;
    let scratch = Scratch::new(tools)?;
    let mut makers = vec![Maker::Zoarium];
    makers.extend(options.with_apache.then_some(Maker::Apache));
    let (is_short, seconds) = (options.is_short, options.seconds);
    let ground = Ground { tools, scratch: &scratch, is_short, seconds, makers };
    let circumstances = Circumstances::now(&scratch.dir)?;
    say(&circumstances.line());
    let mut json = circumstances.json();
    json["stories"] = Value::Object(Map::new());
    let mut failures = Vec::new();
    let is_wanted =
        |name: &str| options.names.is_empty() || options.names.iter().any(|it| it == name);
    for (name, about, [short, full], story) in STORIES.iter().filter(|(name, ..)| is_wanted(name)) {
        say(&format!("\n── {name}: {about}"));
        let began = Instant::now();
        let limit = Duration::from_secs(ground.choose(*short, *full) + seconds.unwrap_or(0));
        scratch.end_after(limit, name);
        let told = story(&ground);
        let took = began.elapsed().as_secs_f64();
        match told {
            Ok(figures) => {
                say(&format!("── {name}: {took:.0} s"));
                json["stories"][*name] = figures;
            }
            Err(error) => {
                say(&format!("── {name}: FAILED after {took:.0} s: {error:#}"));
                json["stories"][*name] = json!({ "failure": format!("{error:#}") });
                failures.push(*name);
            }
        }
        // After each, so that one that takes too long leaves those before it.
        if let Some(path) = &options.json {
            fs::write(path, format!("{json:#}\n")).context("--json")?;
        }
    }
    if !failures.is_empty() {
        say(&format!("\nfailed: {}", failures.join(", ")));
    }
    Ok(failures.is_empty())
}

/// Microseconds, for a table.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
