//! A connection that asks for one thing every millisecond and notes how long it takes; and a watch
//! on the machine itself, so that nobody blames a server for what it could not help.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use zoarium_bench::histogram::Histogram;

use crate::bench::pipe::Pipe;
use crate::wire::Jute;

/// How often a probe asks.
const TICK: Duration = Duration::from_millis(1);
/// How often one looks at a server that has many threads.
const MANY_TICK: Duration = Duration::from_millis(5);
/// How many threads are many.
const MANY: usize = 16;
/// What a probe waits for longer is noted with its time.
const NOTED: Duration = Duration::from_millis(5);
/// What the machine takes longer than it should is noted from here.
const DISTURBED: Duration = Duration::from_micros(200);
/// Upper ends of the rows of a histogram, in microseconds.
const ROWS: [u64; 14] =
    [25, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000, 50_000, u64::MAX];

/// Something that took a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) began: Instant,
    pub(super) took: Duration,
}

impl Stretch {
    /// How much of this is covered by others.
    pub(super) fn covered_by(&self, others: &[Self]) -> Duration {
        let end = self.began + self.took;
        let overlaps = |it: &&Self| it.began < end && it.began + it.took > self.began;
        let mut inside: Vec<_> = others
            .iter()
            .filter(overlaps)
            .map(|it| (it.began.max(self.began), (it.began + it.took).min(end)))
            .collect();
        inside.sort_unstable();
        let (mut covered, mut until) = (Duration::ZERO, self.began);
        for (from, to) in inside {
            covered += to.saturating_duration_since(from.max(until));
            until = until.max(to);
        }
        covered
    }
}

/// What a probe has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) histogram: Histogram,
    /// By [`ROWS`].
    counts: [u64; ROWS.len()],
    /// What took longer than 5 ms, and how long the probe itself waited for a processor meanwhile.
    pub(super) pauses: Vec<(Stretch, Duration)>,
}

impl Seen {
    fn note(&mut self, began: Instant, took: Duration, waited: Duration) {
        self.histogram.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let row = ROWS.iter().position(|end| micros < *end).unwrap_or(ROWS.len() - 1);
        self.counts[row] += 1;
        if took > NOTED {
            self.pauses.push((Stretch { began, took }, waited));
        }
    }

    /// In microseconds: half of all, 99 of 100, 999 of 1000, the longest.
    pub(super) fn quantiles(&self) -> [f64; 4] {
        let at = |quantile| self.histogram.quantile_ns(quantile) as f64 / 1e3;
        [at(0.5), at(0.99), at(0.999), self.histogram.max_ns() as f64 / 1e3]
    }
}

/// How often requests took so long.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// From when to when.
    pub(super) name: String,
    /// Microseconds; what is counted took at least as long.
    pub(super) from: u64,
    /// Of each that was seen.
    pub(super) counts: Vec<u64>,
}

/// Histograms beside each other, from the first row that has something to the last.
pub(super) fn histogram(seen: &[&Seen]) -> Vec<Row> {
    let counts = |index: usize| seen.iter().map(|it| it.counts[index]).collect::<Vec<_>>();
    let has_some = |index: &usize| counts(*index).iter().any(|count| *count > 0);
    let first = (0..ROWS.len()).find(has_some).unwrap_or(0);
    let end = (0..ROWS.len()).rfind(has_some).map_or(first, |last| last + 1);
    let row = |index: usize| {
        let from = if index == 0 { 0 } else { ROWS[index - 1] };
        Row { name: row_name(from, ROWS[index]), from, counts: counts(index) }
    };
    (first..end).map(row).collect()
}

fn row_name(from: u64, to: u64) -> String {
    match (from, to) {
        (0, _) => format!("below {to} µs"),
        (_, u64::MAX) => format!("{} ms or more", from / 1000),
        (1000.., _) => format!("{}–{} ms", from / 1000, to / 1000),
        _ => format!("{from}–{to} µs"),
    }
}

/// Threads that go on until they are told to stop.
#[derive(Debug)]
pub(super) struct Running<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<T>>,
}

impl<T: Send + 'static> Running<T> {
    /// Runs `work`, which looks now and then whether it is to stop.
    pub(super) fn start(work: impl FnOnce(&AtomicBool) -> Result<T> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        Self { stop, thread: thread::spawn(move || work(&told)) }
    }

    /// Tells it to stop, and waits for what it has to say.
    pub(super) fn stop(self) -> Result<T> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("a thread has panicked"))?
    }
}

/// Asks the same again and again, once a millisecond, over a session of its own.
pub(super) fn probe(
    port: u16,
    request: impl Fn() -> (i32, Jute) + Send + 'static,
) -> Result<Running<Seen>> {
    let mut pipe = Pipe::open(port)?;
    Ok(Running::start(move |stop| {
        let (mut seen, own) = (Seen::default(), Path::new("/proc/thread-self"));
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let ((op, body), began) = (request(), Instant::now());
            let before = run_delay(own);
            pipe.call(op, body)?;
            seen.note(began, began.elapsed(), run_delay(own).saturating_sub(before));
            due = (due + TICK).max(Instant::now());
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(seen)
    }))
}

/// When a server could do nothing about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    /// A thread of it, or who looks at it, had all it needed but a processor.
    pub(super) processor: Vec<Stretch>,
    /// A thread of it waited for the disk.
    pub(super) disk: Vec<Stretch>,
}

/// Looks all the time at what the threads of a server wait for, by the kernel's accounts of them.
pub(super) fn watch_server(pid: u32) -> Running<Waits> {
    Running::start(move |stop| {
        let mut waits = Waits::default();
        let (mut tasks, mut before) = (Vec::new(), Instant::now());
        let mut listed = before;
        while !stop.load(Ordering::Relaxed) {
            if tasks.is_empty() || listed.elapsed() > Duration::from_secs(1) {
                (tasks, listed) = (tasks_of(pid)?, Instant::now());
            }
            let tick = if tasks.len() > MANY { MANY_TICK } else { TICK };
            thread::sleep(tick);
            let now = Instant::now();
            let mut late = vec![(now - before).saturating_sub(tick)];
            if tasks.iter().any(|(task, _)| is_on_disk(task)) {
                waits.disk.push(Stretch { began: before, took: now - before });
            }
            for (task, known) in &mut tasks {
                // Told when the wait is over.
                let delay = run_delay(task);
                late.push(delay.saturating_sub(*known));
                *known = delay;
            }
            let waited = late.into_iter().filter(|took| *took > DISTURBED);
            waits.processor.extend(waited.map(|took| Stretch { began: now - took, took }));
            before = now;
        }
        Ok(waits)
    })
}

/// The directories of a process's threads, and how long each has waited for a processor so far.
fn tasks_of(pid: u32) -> Result<Vec<(PathBuf, Duration)>> {
    let with_delay = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry?.path();
        let delay = run_delay(&path);
        Ok((path, delay))
    };
    fs::read_dir(format!("/proc/{pid}/task"))?.map(with_delay).collect()
}

/// Whether a thread is in the kernel and can not be interrupted. One that has ended is not.
fn is_on_disk(task: &Path) -> bool {
    let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('D'))
}

/// How long a thread has waited for a processor so far.
fn run_delay(task: &Path) -> Duration {
    let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    let ns = text.split(' ').nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cover_counts_once_and_only_inside() {
        let zero = Instant::now();
        let stretch = |from: u64, took: u64| Stretch {
            began: zero + Duration::from_millis(from),
            took: Duration::from_millis(took),
        };
        let pause = stretch(10, 10);
        let covered = |others: &[Stretch]| pause.covered_by(others).as_millis();
        assert_eq!(covered(&[]), 0);
        assert_eq!(covered(&[stretch(0, 5), stretch(25, 5)]), 0);
        assert_eq!(covered(&[stretch(0, 12), stretch(18, 9)]), 4);
        assert_eq!(covered(&[stretch(12, 4), stretch(11, 3)]), 5);
        assert_eq!(covered(&[stretch(0, 100), stretch(12, 2)]), 10);
    }

    #[test]
    fn pauses_are_noted_with_their_place_in_the_histogram() {
        let mut seen = Seen::default();
        for micros in [10, 60, 60, 7000] {
            seen.note(Instant::now(), Duration::from_micros(micros), Duration::ZERO);
        }
        assert_eq!(seen.pauses.len(), 1);
        let rows = histogram(&[&seen]);
        let counts: Vec<_> = rows.iter().map(|row| row.counts[0]).collect();
        assert_eq!(counts, [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((rows[0].name.as_str(), rows[2].name.as_str()), ("below 25 µs", "50–75 µs"));
        assert_eq!((rows[11].name.as_str(), rows[11].from), ("5–10 ms", 5000));
    }
}
