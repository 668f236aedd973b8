//! `bench curves`: how what an operation costs depends on what the server holds, and stories of
//! large trees, many watches, snapshots under load and clients that flood.

mod fairness;
mod joining;
mod probe;
mod shape;
mod sizes;
mod snapshots;
mod steady;
mod told;
mod trial;
mod watches;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use told::Told;
use zoarium_bench::cpu::Cpu;

use super::contender::{Contender, Maker};
use super::machine::{Circumstances, Others};
use super::{Scratch, USAGE, page, raise_file_limit, value};
use crate::report::say;
use crate::setup;
use crate::tools::Tools;

/// Never reached: no snapshots beside those that are asked for.
const NO_SNAPSHOTS: &str = "snapCount=1000000000";

/// A story.
struct Story {
    name: &'static str,
    /// What it shows, which is its heading as well.
    about: &'static str,
    /// How many seconds it may take, short and in full.
    limits: [u64; 2],
    /// Fails if it can not be measured.
    tell: fn(&Ground<'_>, &mut Told) -> Result<()>,
}

const fn story(
    name: &'static str,
    about: &'static str,
    limits: [u64; 2],
    tell: fn(&Ground<'_>, &mut Told) -> Result<()>,
) -> Story {
    Story { name, about, limits, tell }
}

const STORIES: &[Story] = &[
    story(
        "znodes",
        "CPU for an operation, by how many znodes there are",
        [180, 600],
        sizes::znodes,
    ),
    story(
        "connections",
        "CPU for an operation, by how many connections there are",
        [180, 400],
        sizes::connections,
    ),
    story(
        "watches",
        "A million watches: memory, and events to all of them",
        [120, 300],
        watches::run,
    ),
    story(
        "shape",
        "A million children of one parent: memory, snapshot, load, listing",
        [120, 300],
        shape::run,
    ),
    story("join", "A third server joins two that hold 5 million znodes", [120, 400], joining::run),
    story("fairness", "A quiet connection beside one that floods", [120, 240], fairness::run),
    story(
        "snapshots",
        "Creates while snapshots run, beside Apache's server",
        [180, 400],
        snapshots::run,
    ),
    // The longest comes last.
    story(
        "steady",
        "Reads, writes and snapshots for a while: a pause over 5 ms fails",
        [240, 1200],
        steady::run,
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
    writes: bool,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            names: Vec::new(),
            is_short: false,
            seconds: None,
            with_apache: false,
            json: None,
            writes: false,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--short" => options.is_short = true,
                "--seconds" => options.seconds = Some(value(argument, &mut rest)?),
                "--apache" => options.with_apache = true,
                "--json" => options.json = Some(value(argument, &mut rest)?),
                "--write" => options.writes = true,
                option if option.starts_with('-') => bail!("unknown option {option}\n{USAGE}"),
                name if STORIES.iter().any(|story| story.name == name) => {
                    options.names.push(name.to_owned());
                }
                name => bail!("no story {name:?}; there are\n{}", list()),
            }
        }
        if options.writes && options.is_short {
            bail!("--write is for whole stories, not for --short ones\n{USAGE}");
        }
        Ok(options)
    }

    fn wants(&self, story: &Story) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| name == story.name)
    }
}

/// The stories, a line each.
pub(super) fn list() -> String {
    let line = |Story { name, about, .. }: &Story| format!("  {name:<12}{about}\n");
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

    /// What something is called that was measured of a maker's servers: there may be others.
    fn named(&self, what: &str, maker: &Maker) -> String {
        match self.makers.len() {
            1 => what.to_owned(),
            _ => format!("{what} ({})", maker.name()),
        }
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
    pids.iter().map(|pid| memory(*pid, "VmRSS:")).sum()
}

/// The most memory that a process has had at a time.
fn peak_bytes(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.with_context(|| format!("no {field}"))?.parse::<u64>()? * 1024)
}

/// Runs the wanted stories; false when one has failed, or what it shows is worse than it may be.
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
    for story in STORIES.iter().filter(|story| options.wants(story)) {
        let (told, failure) = tell(story, &ground);
        // After each, so that one that takes too long leaves those before it.
        if let Some(path) = &options.json {
            json["stories"][story.name] = told.json.clone();
            if let Some(failure) = &failure {
                json["stories"][story.name]["failure"] = Value::String(failure.clone());
            }
            fs::write(path, format!("{json:#}\n")).context("--json")?;
        }
        if options.writes {
            write(story, &circumstances, &told, failure.as_deref())?;
        }
        failures.extend(failure.map(|_| story.name));
    }
    if !failures.is_empty() {
        say(&format!("\nfailed: {}", failures.join(", ")));
    }
    Ok(failures.is_empty())
}

/// What a story has told, and why it has failed.
fn tell(story: &Story, ground: &Ground<'_>) -> (Told, Option<String>) {
    say(&format!("\n── {}: {}", story.name, story.about));
    let (began, others) = (Instant::now(), Others::now());
    let [short, full] = story.limits;
    let limit = ground.choose(short, full) + ground.seconds.unwrap_or(0);
    ground.scratch.end_after(Duration::from_secs(limit), story.name);
    let mut told = Told::default();
    let result = (story.tell)(ground, &mut told);
    let failure = match result {
        Ok(()) => told.exceeded.take(),
        Err(error) => Some(format!("not measured to the end: {error:#}")),
    };
    let took = began.elapsed().as_secs_f64();
    match &failure {
        None => say(&format!("── {}: {took:.0} s", story.name)),
        Some(failure) => say(&format!("── {}: FAILED after {took:.0} s: {failure}", story.name)),
    }
    told.other_load = others.load();
    (told, failure)
}

/// Writes what a story has told into the page.
fn write(
    story: &Story,
    circumstances: &Circumstances,
    told: &Told,
    failure: Option<&str>,
) -> Result<()> {
    let docs = Path::new("docs");
    let name = format!("curve-{}", story.name);
    let mut section = format!("### {}\n\n{}.", story.about, circumstances.line());
    if let Some(load) = told.other_load {
        section += &format!(" Other load on the machine: {load:.2} processors.");
    }
    section.push('\n');
    if let Some(failure) = failure {
        // The first line: logs of servers may follow.
        section += &format!("\n**{}**\n", failure.lines().next().unwrap_or_default());
    }
    if let Some((about, svg)) = &told.chart {
        section += &format!("\n![{about}]({})\n", page::save_chart(docs, &name, svg)?);
    }
    section += &told.markdown();
    page::put_section(docs, &name, &section)
}

/// Microseconds, for a table.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
