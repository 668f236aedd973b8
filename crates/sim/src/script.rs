//! Plans as text.
//!
//! One line for one thing; `#` starts a comment. The first lines say what holds for the whole run:
//!
//! ```text
//! seed 42
//! run 5s
//! settle 1 2 3 within 10s
//! ```
//!
//! The others begin with a moment: a time after the start (`at 100ms`, `at 1.5s`), or a process and
//! a count (`at effect 2:17`, `at io 2:5`, `at sync 2:3`; see [`When`]). Then comes what happens:
//!
//! ```text
//! crash 2 [keep all|synced|part|torn] [for 50ms]     restart 2
//! pause 2 [for 300ms]                                resume 2
//! partition 1 | 2 3                                  block 1 2 -> 3
//! heal                                               heal 1 | 2 3
//! flap 1 | 2 3 every 200ms times 5                   cut 1 2
//! slow-link 1 -> 2 by 50ms                           clock 2 rate 1.5
//! wall-clock 2 by -3600000ms                         slow-disk 2 by 50ms
//! full-disk 2                                        free-disk 2
//! fail-sync 2 [for 50ms]                             drop 1 -> 2 [Accept] times 3
//! corrupt 2                                          wipe 2
//! request 1 any words
//! ```
//!
//! `for` says after how long a process comes back by itself.

use crate::clock::Rate;
use crate::disk::Keep;
use crate::names::Names;
use crate::plan::{Action, Plan, Step, When};
use std::fmt::{self, Debug, Display};
use std::time::Duration;

mod parse;
#[cfg(test)]
mod tests;
mod words;

pub use words::WordError;

/// A script that does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub error: WordError,
}

impl Display for ScriptError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.error)
    }
}

impl std::error::Error for ScriptError {}

impl<I: Copy + Ord + Debug> Plan<I> {
    /// Reads a script.
    ///
    /// # Errors
    /// With the first line that is wrong.
    pub fn parse(script: &str, names: &Names<I>) -> Result<Self, ScriptError> {
        let mut plan = Self::new(0, Duration::ZERO);
        for (index, line) in script.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            parse::line(line, names, &mut plan)
                .map_err(|error| ScriptError { line: index + 1, error })?;
        }
        Ok(plan)
    }

    /// The script that [`Plan::parse`] reads as this plan.
    pub fn script(&self, names: &Names<I>) -> String {
        let mut script = format!("seed {}\nrun {:?}\n", self.seed, self.lasts);
        if let Some(settle) = &self.settle {
            let core = list(&settle.core, names);
            script += &format!("settle {core} within {:?}\n", settle.within);
        }
        for step in &self.steps {
            script += &step.script(names);
            script.push('\n');
        }
        script
    }
}

impl<I: Copy + Ord + Debug> Step<I> {
    /// The script's line, without its end.
    pub fn script(&self, names: &Names<I>) -> String {
        let name = |id: I| names.name(id);
        let when = match self.when {
            When::At(time) => format!("{time:?}"),
            When::Effect(process, count) => format!("effect {}:{count}", name(process)),
            When::Io(process, count) => format!("io {}:{count}", name(process)),
            When::Sync(process, count) => format!("sync {}:{count}", name(process)),
        };
        format!("at {when} {}", self.action.script(names))
    }
}

impl<I: Copy + Ord + Debug> Action<I> {
    /// The part of the script's line after the moment.
    pub fn script(&self, names: &Names<I>) -> String {
        let name = |id: &I| names.name(*id);
        match self {
            Self::Crash { process, keep, down_for } => {
                let keep = keep_word(*keep);
                format!("crash {} keep {keep}{}", name(process), for_words(*down_for))
            }
            Self::Restart(process) => format!("restart {}", name(process)),
            Self::Pause { process, pause_for } => {
                format!("pause {}{}", name(process), for_words(*pause_for))
            }
            Self::Resume(process) => format!("resume {}", name(process)),
            Self::Partition(groups) => format!("partition {}", group_list(groups, names)),
            Self::Block(from, to) => format!("block {} -> {}", list(from, names), list(to, names)),
            Self::Heal(groups) if groups.is_empty() => "heal".to_owned(),
            Self::Heal(groups) => format!("heal {}", group_list(groups, names)),
            Self::Cut(one, other) => format!("cut {} {}", name(one), name(other)),
            Self::Drop { from, to, starting, times } => {
                let starting = if starting.is_empty() { "" } else { &format!(" {starting}") };
                format!("drop {} -> {}{starting} times {times}", name(from), name(to))
            }
            Self::SlowLink(from, to, by) => {
                format!("slow-link {} -> {} by {by:?}", name(from), name(to))
            }
            Self::Drift(process, rate) => {
                format!("clock {} rate {}", name(process), rate_word(*rate))
            }
            Self::Jump(process, by_ms) => format!("wall-clock {} by {by_ms}ms", name(process)),
            Self::SlowDisk(process, by) => format!("slow-disk {} by {by:?}", name(process)),
            Self::FullDisk(process, true) => format!("full-disk {}", name(process)),
            Self::FullDisk(process, false) => format!("free-disk {}", name(process)),
            Self::FailSync { process, down_for } => {
                format!("fail-sync {}{}", name(process), for_words(*down_for))
            }
            Self::Corrupt(process) => format!("corrupt {}", name(process)),
            Self::Wipe(process) => format!("wipe {}", name(process)),
            Self::Request(process, words) => format!("request {} {words}", name(process)),
        }
    }
}

/// The word of a script for what a disk keeps.
pub(crate) const fn keep_word(keep: Keep) -> &'static str {
    match keep {
        Keep::All => "all",
        Keep::Synced => "synced",
        Keep::Part => "part",
        Keep::Torn => "torn",
    }
}

fn for_words(duration: Option<Duration>) -> String {
    duration.map(|duration| format!(" for {duration:?}")).unwrap_or_default()
}

/// A rate as a decimal number with as few digits as it needs.
fn rate_word(rate: Rate) -> String {
    let word = format!("{}.{:06}", rate.0 / Rate::TRUE.0, rate.0 % Rate::TRUE.0);
    word.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn list<I: Copy + Ord + Debug>(ids: &[I], names: &Names<I>) -> String {
    ids.iter().map(|id| names.name(*id)).collect::<Vec<_>>().join(" ")
}

fn group_list<I: Copy + Ord + Debug>(groups: &[Vec<I>], names: &Names<I>) -> String {
    groups.iter().map(|group| list(group, names)).collect::<Vec<_>>().join(" | ")
}
