//! `interop bench`: how fast our server is beside Apache's and beside our own of an earlier commit,
//! and how what an operation costs depends on what the server holds. Not checks, but for
//! [`curves`], some of which have a bound: they are run by hand, on a quiet machine.
//!
//! Servers here have the configuration that users begin with, their data on a real disk, and JVMs
//! that take their time to become fast. Those of the checks are small and start fast instead.

mod chart;
mod compare;
mod contender;
mod curves;
mod figures;
mod machine;
mod page;
mod pipe;
mod previous;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::report::say;
use crate::tools::Tools;

/// How long something may take to notice that its servers were killed, because it took too long.
const GRACE: Duration = Duration::from_secs(90);

const USAGE: &str = "\
usage: cargo xtask bench compare [WORKLOAD…] [--against apache|COMMIT]… [--servers N] [--pairs N]
                                 [--seconds S] [--warm-up S] [--quick] [--json FILE] [--write]
       cargo xtask bench curves [STORY…] [--short] [--seconds S] [--apache] [--json FILE]
                                [--write]

compare runs each workload against our server and against others in turn, and shows the medians of
the ratios of neighbouring runs, with their spread. Servers are started for it, side by side.
  WORKLOAD    as in `zoarium bench --list`; default: all
  --against   Apache's server with 1 GB of heap (the default), or our own of a commit, such as
              HEAD~1; may be given several times
  --servers   how many servers each ensemble has (default 1)
  --pairs     how often each workload is run against each (default 5)
  --seconds   how long a run is measured (default 5)
  --warm-up   how long each workload runs before, once, for the JVM's sake (default 4)
  --quick     3 pairs of 2 s after 2 s
  --json      everything that was measured, as JSON
  --write     the table and a chart into docs/performance.md and docs/bench

curves runs the stories below, or all, each within a time of its own, and prints what they show:
about seven minutes, and `steady` as long as it is to last.
  --short     smaller trees and shorter runs: two minutes each at most, a minute of `steady`
  --seconds   how long `steady` lasts (default 600)
  --apache    against Apache's server as well
  --write     what each story shows into docs/performance.md and docs/bench, as soon as it is over

Ports are taken from $INTEROP_PORT upwards (default 21000).";

/// Runs what is asked for; false when a measurement has failed.
pub(crate) fn run(tools: &Tools, arguments: &[String]) -> Result<bool> {
    let Some((command, rest)) = arguments.split_first() else { bail!("{USAGE}") };
    match command.as_str() {
        "compare" => compare::run(tools, &compare::Options::parse(rest)?),
        "curves" => curves::run(tools, &curves::Options::parse(rest)?),
        "help" | "-h" | "--help" => {
            say(&format!("{USAGE}\n\nstories:\n{}", curves::list().trim_end()));
            Ok(true)
        }
        other => bail!("unknown command {other:?}\n{USAGE}"),
    }
}

/// When something has to be done, and what.
type Limit = Arc<Mutex<Option<Deadline>>>;

#[derive(Debug)]
struct Deadline {
    at: Instant,
    what: String,
    /// Its servers have been killed.
    is_over: bool,
}

/// A directory for the servers of one run. It goes when this is dropped, and when the program is
/// interrupted or takes too long.
#[derive(Debug)]
struct Scratch {
    dir: PathBuf,
    limit: Limit,
}

impl Scratch {
    fn new(tools: &Tools) -> Result<Self> {
        let dir = tools.run_dir(&format!("bench-{}", std::process::id()))?;
        let scratch = Self { dir, limit: Limit::default() };
        let file_system = machine::file_system(&scratch.dir)?;
        ensure!(
            file_system != "tmpfs",
            "{} is in memory, where a sync costs nothing: set CARGO_TARGET_DIR to a disk",
            scratch.dir.display()
        );
        remove_when_interrupted(scratch.dir.clone(), Arc::clone(&scratch.limit))?;
        Ok(scratch)
    }

    /// A fresh directory in it.
    fn dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(dir)
    }

    /// Kills all servers if it has not come to something else by then: what waits for them fails,
    /// and what comes next is not lost. If that does not help, it ends the program.
    fn end_after(&self, limit: Duration, what: &str) {
        let (at, what) = (Instant::now() + limit, format!("{what}: not done in {limit:?}"));
        let deadline = Deadline { at, what, is_over: false };
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

fn remove(dir: &Path) {
    if let Err(error) = fs::remove_dir_all(dir) {
        say(&format!("bench: {} is left: {error}", dir.display()));
    }
}

/// Servers die with this process by themselves; what they have written does not.
fn remove_when_interrupted(dir: PathBuf, limit: Limit) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wait = async move {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = interrupt.recv() => return anyhow::Ok("interrupted".to_owned()),
                _ = terminate.recv() => return anyhow::Ok("terminated".to_owned()),
                _ = tick.tick() => {}
            }
            let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(deadline) = limit.as_mut() else { continue };
            let late = Instant::now().saturating_duration_since(deadline.at);
            if late > GRACE {
                return Ok(deadline.what.clone());
            }
            if !late.is_zero() {
                if !std::mem::replace(&mut deadline.is_over, true) {
                    say(&format!("bench: {}", deadline.what));
                }
                // What has been started since, too.
                kill_children()?;
            }
        }
    };
    thread::spawn(move || {
        if let Ok(why) = runtime.block_on(wait) {
            say(&format!("bench: {why}"));
            remove(&dir);
            exit(130);
        }
    });
    Ok(())
}

/// Kills what this process has started.
fn kill_children() -> Result<()> {
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // Behind the name, which may contain anything: the state, then the parent.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        if parent == Some(own.as_str()) {
            // It may have ended by itself.
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
    Ok(())
}

/// Lets this process and the servers that it starts have as many open files as the system allows.
fn raise_file_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("raise the limit of open files")
}

/// The value of an option, which has to be there.
fn value<'a, T: std::str::FromStr>(
    name: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<T> {
    let text = rest.next().with_context(|| format!("{name} needs a value\n{USAGE}"))?;
    text.parse().ok().with_context(|| format!("{name}: {text:?} is no value for it\n{USAGE}"))
}
