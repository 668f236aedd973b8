//! Sessions that are opened and closed, one at a time in each of many threads.

use super::{Measured, metered};
use crate::error::BenchError;
use crate::op::Op;
use crate::session::{Session, Target};
use crate::settings::{Settings, Side};
use crate::tally::Tally;
use crate::workload::Workload;
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn run(
    workload: &Workload,
    side: &Side,
    settings: &Settings,
) -> Result<Measured, BenchError> {
    let targets = side.targets()?;
    open_and_close(workload, &targets, settings, settings.warm_up)?;
    metered(side, settings.duration, |tally| {
        *tally = open_and_close(workload, &targets, settings, settings.duration)?;
        Ok(())
    })
}

fn open_and_close(
    workload: &Workload,
    targets: &[Target],
    settings: &Settings,
    duration: Duration,
) -> Result<Tally, BenchError> {
    let began = Instant::now();
    let open = |target: &Target| -> Result<Tally, BenchError> {
        let mut tally = Tally::new(0, settings.duration);
        while began.elapsed() < duration {
            let t0 = elapsed_ns(began);
            let session = Session::open(target, settings)?;
            let t1 = elapsed_ns(began);
            session.close()?;
            let t2 = elapsed_ns(began);
            tally.advance(t2);
            tally.record(Op::Open, t1, t0, t0);
            tally.record(Op::Close, t2, t1, t1);
        }
        Ok(tally)
    };
    let open = &open;
    thread::scope(|scope| {
        let targets = targets.iter().cycle().take(workload.connections);
        let threads: Vec<_> = targets.map(|target| scope.spawn(move || open(target))).collect();
        let mut all = Tally::new(0, settings.duration);
        for thread in threads {
            match thread.join() {
                Ok(seen) => all.add(&seen?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

fn elapsed_ns(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
