//! One run of one workload against one side.

mod sessions;
mod watch;

use crate::cpu::Cpu;
use crate::engine::{Engine, Window};
use crate::error::BenchError;
use crate::result::RunResult;
use crate::session::{Session, open_all};
use crate::settings::{Settings, Side};
use crate::source::{Source, Znodes};
use crate::stage::Stage;
use crate::tally::Tally;
use crate::workload::{Kind, Mix, Workload};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    pub(crate) cpu: Cpu,
}

/// Runs a workload, checks what it left, and removes that.
///
/// # Errors
/// If a server cannot be reached, refuses a request, or answers what it must not; nothing is
/// measured then.
pub fn run(workload: &Workload, side: &Side, settings: &Settings) -> Result<RunResult, BenchError> {
    let measured = match &workload.kind {
        Kind::Mix(mix) => on_stage(workload, side, settings, |stage, znodes| {
            run_mix(workload, mix, side, settings, (stage, znodes))
        }),
        Kind::Latency => on_stage(workload, side, settings, |stage, znodes| {
            let reads = Mix { read: 1.0, ..Mix::empty() };
            let writes = Mix { write: 1.0, ..Mix::empty() };
            let mut reads = run_mix(workload, &reads, side, settings, (stage, znodes))?;
            let writes = run_mix(workload, &writes, side, settings, (stage, znodes))?;
            reads.follow_with(writes);
            Ok(reads)
        }),
        Kind::Watch { persistent } => on_stage(workload, side, settings, |_, znodes| {
            watch::run(workload, *persistent, side, settings, znodes)
        }),
        Kind::Connect => sessions::run(workload, side, settings),
    }?;
    let result = RunResult::new(workload, side, settings, &measured);
    if result.ops == 0 {
        return Err(BenchError::Nothing { seconds: settings.duration.as_secs_f64() });
    }
    Ok(result)
}

impl Measured {
    fn follow_with(&mut self, later: Self) {
        self.tally.follow_with(later.tally);
        self.cpu = self.cpu.plus(later.cpu);
    }
}

/// Runs between setting the znodes up and removing them.
fn on_stage(
    workload: &Workload,
    side: &Side,
    settings: &Settings,
    play: impl FnOnce(&Stage, &Arc<Znodes>) -> Result<Measured, BenchError>,
) -> Result<Measured, BenchError> {
    let stage = Stage::open(side, settings)?;
    let znodes = Arc::new(stage.set(workload)?);
    let measured = play(&stage, &znodes)?;
    if !settings.keep {
        stage.strike()?;
    }
    stage.close();
    Ok(measured)
}

fn run_mix(
    workload: &Workload,
    mix: &Mix,
    side: &Side,
    settings: &Settings,
    (stage, znodes): (&Stage, &Arc<Znodes>),
) -> Result<Measured, BenchError> {
    let mut engines = engines(workload, mix, side, settings, znodes)?;
    let measured = measure(&mut engines, side, settings)?;
    if mix.create + mix.churn > 0.0 {
        let left = engines.iter().map(|engine| engine.source().left()).sum();
        count(stage, znodes, "created znodes", left)?;
    }
    engines.iter_mut().try_for_each(Engine::close)?;
    if mix.ephemeral {
        count(stage, znodes, "ephemerals of closed sessions", 0)?;
    }
    Ok(measured)
}

/// What is there must be what the replies said.
fn count(
    stage: &Stage,
    znodes: &Znodes,
    what: &'static str,
    expected: u64,
) -> Result<(), BenchError> {
    match stage.made(znodes)? {
        found if found == expected => Ok(()),
        found => Err(BenchError::Miscounted { what, expected, found }),
    }
}

/// Opens the sessions and deals them out to threads.
fn engines(
    workload: &Workload,
    mix: &Mix,
    side: &Side,
    settings: &Settings,
    znodes: &Arc<Znodes>,
) -> Result<Vec<Engine>, BenchError> {
    let threads = settings.threads.clamp(1, workload.connections);
    let mut hands: Vec<Vec<Session>> = Vec::new();
    hands.resize_with(threads, Vec::new);
    let sessions = open_all(&side.targets()?, workload.connections, settings)?;
    for (number, session) in sessions.into_iter().enumerate() {
        hands[number % threads].push(session);
    }
    let make = |(thread, sessions): (usize, Vec<Session>)| {
        let share = sessions.len() as f64 / workload.connections as f64;
        let source = Source::new(Arc::clone(znodes), mix, thread, sessions.len());
        let rate = settings.rate.map(|rate| rate * share);
        Engine::new(sessions, workload.pipeline, source, rate)
    };
    hands.into_iter().enumerate().map(make).collect()
}

/// Runs all threads at the same time, and reads the clocks of processes around what is measured.
fn measure(
    engines: &mut [Engine],
    side: &Side,
    settings: &Settings,
) -> Result<Measured, BenchError> {
    let window = Window { begin: settings.warm_up, duration: settings.duration };
    let origin = Instant::now();
    let waiter = thread::current();
    thread::scope(|scope| {
        let threads: Vec<_> = engines
            .iter_mut()
            .map(|engine| {
                let waiter = waiter.clone();
                scope.spawn(move || {
                    let tally = engine.run(origin, window);
                    waiter.unpark();
                    tally
                })
            })
            .collect();
        // A thread that ends early has failed, and there is nothing to wait for.
        let wait_until = |until: Instant| {
            while !threads.iter().any(thread::ScopedJoinHandle::is_finished) {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                thread::park_timeout(left);
            }
        };
        wait_until(origin + window.begin);
        let before = Cpu::now(&side.pids)?;
        wait_until(origin + window.begin + window.duration);
        let cpu = Cpu::now(&side.pids)?.since(before);
        let mut tally = Tally::new(0, window.duration);
        for thread in threads {
            match thread.join() {
                Ok(seen) => tally.add(&seen?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(Measured { tally, cpu })
    })
}

/// Measures something that runs for a while in this thread or in its own.
fn metered(
    side: &Side,
    duration: Duration,
    work: impl FnOnce(&mut Tally) -> Result<(), BenchError>,
) -> Result<Measured, BenchError> {
    let mut tally = Tally::new(0, duration);
    let (before, began) = (Cpu::now(&side.pids)?, Instant::now());
    work(&mut tally)?;
    tally.measured = began.elapsed();
    let cpu = Cpu::now(&side.pids)?.since(before);
    Ok(Measured { tally, cpu })
}
