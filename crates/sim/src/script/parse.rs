//! From lines to steps.

use super::words::{WordError, Words, unexpected};
use crate::disk::Keep;
use crate::names::Names;
use crate::plan::{Action, Plan, Settle, Step, When};
use std::fmt::Debug;
use std::time::Duration;

/// Reads one line into the plan.
pub(super) fn line<I>(line: &str, names: &Names<I>, plan: &mut Plan<I>) -> Result<(), WordError>
where
    I: Copy + Ord + Debug,
{
    let mut words = Words::new(line);
    if words.peek().is_none() {
        return Ok(());
    }
    let first = words.next("a line")?;
    match first {
        "seed" => plan.seed = words.number("a seed")?,
        "run" => plan.lasts = words.duration()?,
        "settle" => {
            let core = words.processes(names)?;
            words.expect("within")?;
            plan.settle = Some(Settle { core, within: words.duration()? });
        }
        "at" => return step(words, names, plan),
        _ => return Err(unexpected(first, "seed, run, settle or at")),
    }
    words.end()
}

fn step<I>(mut words: Words<'_>, names: &Names<I>, plan: &mut Plan<I>) -> Result<(), WordError>
where
    I: Copy + Ord + Debug,
{
    let when = moment(&mut words, names)?;
    if let When::At(from) = when
        && words.take("flap")
    {
        return flap(words, names, from, plan);
    }
    let line = words.rest();
    let action = action(&mut words, names)?;
    words.end()?;
    if let When::Io(process, _) = when
        && !matches!(action, Action::Crash { process: other, .. } if other == process)
    {
        return Err(unexpected(line, "a crash of the process whose disk this is"));
    }
    plan.steps.push(Step { when, action });
    Ok(())
}

fn flap<I>(
    mut words: Words<'_>,
    names: &Names<I>,
    from: Duration,
    plan: &mut Plan<I>,
) -> Result<(), WordError>
where
    I: Copy + Ord + Debug,
{
    let groups = words.groups(names)?;
    words.expect("every")?;
    let half_period = words.duration()?;
    words.expect("times")?;
    let times = words.number::<u16>("a count up to 65535")?;
    words.end()?;
    let empty = Plan::new(0, Duration::ZERO);
    plan.steps.extend(empty.flap(from, &groups, half_period, times.into()).steps);
    Ok(())
}

fn moment<I>(words: &mut Words<'_>, names: &Names<I>) -> Result<When<I>, WordError>
where
    I: Copy + Ord + Debug,
{
    let kind = match words.peek() {
        Some("effect") => When::Effect,
        Some("io") => When::Io,
        Some("sync") => When::Sync,
        Some(_) | None => return words.duration().map(When::At),
    };
    words.next("a moment")?;
    let expected = "a process, a colon and a count from 1";
    let word = words.next(expected)?;
    let counted = word.split_once(':').and_then(|(name, count)| {
        let count = count.parse().ok().filter(|count| *count > 0)?;
        Some(kind(names.id(name)?, count))
    });
    counted.ok_or_else(|| unexpected(word, expected))
}

fn action<I>(words: &mut Words<'_>, names: &Names<I>) -> Result<Action<I>, WordError>
where
    I: Copy + Ord + Debug,
{
    let verb = words.next("what happens")?;
    Ok(match verb {
        "crash" => {
            let process = words.process(names)?;
            let keep = if words.take("keep") { keep(words)? } else { Keep::All };
            Action::Crash { process, keep, down_for: for_duration(words)? }
        }
        "restart" => Action::Restart(words.process(names)?),
        "pause" => {
            let process = words.process(names)?;
            Action::Pause { process, pause_for: for_duration(words)? }
        }
        "resume" => Action::Resume(words.process(names)?),
        "partition" => Action::Partition(words.groups(names)?),
        "block" => {
            let from = words.processes(names)?;
            words.expect("->")?;
            Action::Block(from, words.processes(names)?)
        }
        "heal" if words.peek().is_none() => Action::Heal(Vec::new()),
        "heal" => Action::Heal(words.groups(names)?),
        "cut" => Action::Cut(words.process(names)?, words.process(names)?),
        "drop" => drop_messages(words, names)?,
        "slow-link" => {
            let from = words.process(names)?;
            words.expect("->")?;
            let to = words.process(names)?;
            Action::SlowLink(from, to, by_duration(words)?)
        }
        "clock" => {
            let process = words.process(names)?;
            words.expect("rate")?;
            Action::Drift(process, words.rate()?)
        }
        "wall-clock" => {
            let process = words.process(names)?;
            words.expect("by")?;
            Action::Jump(process, milliseconds(words)?)
        }
        "slow-disk" => Action::SlowDisk(words.process(names)?, by_duration(words)?),
        "full-disk" => Action::FullDisk(words.process(names)?, true),
        "free-disk" => Action::FullDisk(words.process(names)?, false),
        "fail-sync" => {
            let process = words.process(names)?;
            Action::FailSync { process, down_for: for_duration(words)? }
        }
        "corrupt" => Action::Corrupt(words.process(names)?),
        "wipe" => Action::Wipe(words.process(names)?),
        "request" => {
            let to = words.process(names)?;
            let request = words.rest().to_owned();
            *words = Words::new("");
            Action::Request(to, request)
        }
        _ => return Err(unexpected(verb, "what happens (crash, partition, request, …)")),
    })
}

fn drop_messages<I>(words: &mut Words<'_>, names: &Names<I>) -> Result<Action<I>, WordError>
where
    I: Copy + Ord + Debug,
{
    let from = words.process(names)?;
    words.expect("->")?;
    let to = words.process(names)?;
    let is_for_all = words.peek() == Some("times");
    let starting = if is_for_all { "" } else { words.next("how messages begin, or times")? };
    let starting = starting.to_owned();
    words.expect("times")?;
    let times = words.number("a count")?;
    Ok(Action::Drop { from, to, starting, times })
}

fn keep(words: &mut Words<'_>) -> Result<Keep, WordError> {
    let expected = "all, synced, part or torn";
    let word = words.next(expected)?;
    let keep = Keep::EACH.into_iter().find(|keep| super::keep_word(*keep) == word);
    keep.ok_or_else(|| unexpected(word, expected))
}

fn for_duration(words: &mut Words<'_>) -> Result<Option<Duration>, WordError> {
    words.take("for").then(|| words.duration()).transpose()
}

fn by_duration(words: &mut Words<'_>) -> Result<Duration, WordError> {
    words.expect("by")?;
    words.duration()
}

/// A whole number of milliseconds, which may be negative.
fn milliseconds(words: &mut Words<'_>) -> Result<i64, WordError> {
    let expected = "whole milliseconds such as -3600000ms";
    let word = words.next(expected)?;
    let number = word.strip_suffix("ms").and_then(|number| number.parse().ok());
    number.ok_or_else(|| unexpected(word, expected))
}
