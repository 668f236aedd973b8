//! On what, of what and when something was measured.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use zoarium_bench::cpu::Cpu;

use crate::tools::run;

/// What a figure is worth nothing without.
#[derive(Clone, Debug)]
pub(super) struct Circumstances {
    /// Processors, memory, kernel and file system.
    pub(super) machine: String,
    /// As in 2026-01-31.
    pub(super) date: String,
    /// What is checked out, and whether there are changes on top of it.
    pub(super) commit: String,
}

impl Circumstances {
    /// With data below `dir`.
    pub(super) fn now(dir: &Path) -> Result<Self> {
        let text = |program: &str, arguments: &[&str]| {
            run(Command::new(program).args(arguments)).map(|text| text.trim().to_owned())
        };
        Ok(Self {
            machine: machine(dir)?,
            date: text("date", &["-u", "+%Y-%m-%d"])?,
            commit: commit(text)?,
        })
    }

    pub(super) fn line(&self) -> String {
        format!("{}; commit {}; {}", self.date, self.commit, self.machine)
    }

    pub(super) fn json(&self) -> Value {
        json!({ "machine": self.machine, "date": self.date, "commit": self.commit })
    }
}

/// What everybody else on the machine uses, from a moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Others {
    began: Instant,
    /// `None` where the kernel does not tell.
    used: Option<Duration>,
}

impl Others {
    pub(super) fn now() -> Self {
        Self { began: Instant::now(), used: used_by_others() }
    }

    /// How many processors they have used since then. Servers that were started since must have
    /// ended.
    pub(super) fn load(self) -> Option<f64> {
        let used = used_by_others()?.saturating_sub(self.used?);
        Some(used.as_secs_f64() / self.began.elapsed().as_secs_f64().max(1e-9))
    }
}

/// CPU of the machine but that of this process and of its children that have ended.
fn used_by_others() -> Option<Duration> {
    let Cpu { own, machine, .. } = Cpu::now(&[]).ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may contain anything: the 16th and 17th field.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(13);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    let children = (ticks()? + ticks()?) / rustix::param::clock_ticks_per_second().max(1) as f64;
    Some(machine.saturating_sub(own).saturating_sub(Duration::from_secs_f64(children)))
}

/// The short name, and whether something else than these pages has been changed since.
fn commit(text: impl Fn(&str, &[&str]) -> Result<String>) -> Result<String> {
    let name = text("git", &["rev-parse", "--short", "HEAD"])?;
    let status = ["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"];
    let changes = text("git", &status)?;
    Ok(if changes.is_empty() { name } else { format!("{name} with changes") })
}

fn machine(dir: &Path) -> Result<String> {
    let first_value = |path: &str, name: &str| -> Result<String> {
        let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value);
        Ok(value.trim().to_owned())
    };
    let processors = std::thread::available_parallelism()?;
    let model = first_value("/proc/cpuinfo", "model name")?;
    let memory = first_value("/proc/meminfo", "MemTotal")?;
    let kib: u64 = memory.split(' ').next().unwrap_or_default().parse().context("MemTotal")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{processors} × {}, {} GiB, Linux {}, {}",
        if model.is_empty() { std::env::consts::ARCH } else { &model },
        kib.div_ceil(1 << 20),
        kernel.trim(),
        file_system(dir)?
    ))
}

/// The kind of file system that a directory is on, as the kernel calls it.
pub(super) fn file_system(dir: &Path) -> Result<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
    let mut found = ("", "unknown");
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        // Of two at the same place the later one is seen.
        if dir.starts_with(point) && point.len() >= found.0.len() {
            found = (point, kind);
        }
    }
    Ok(found.1.to_owned())
}
