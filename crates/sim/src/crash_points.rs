//! A crash at every operation of every disk.

use crate::disk::Keep;
use crate::experiment::{Experiment, run};
use crate::plan::{Action, Plan, When};
use crate::trace::TraceLevel;
use crate::world::Id;
use std::time::Duration;

/// The plans that differ from `plan` by one crash: for each process and each operation of its
/// disk in an undisturbed run, one for each thing the disk may keep when it halts instead of that
/// operation; and for each sync, one that crashes after it and before the process is told.
///
/// The process is `down_for` so long afterwards.
pub fn crash_points<E: Experiment>(
    experiment: &E,
    plan: &Plan<Id<E::World>>,
    down_for: Duration,
) -> Vec<Plan<Id<E::World>>> {
    let io = run(experiment, plan, TraceLevel::Nothing).io;
    let mut plans = Vec::new();
    for (process, count) in io {
        let crash = |keep| Action::Crash { process, keep, down_for: Some(down_for) };
        for operation in 1..=count.operations {
            let moment = When::Io(process, operation);
            plans.extend(Keep::EACH.map(|keep| plan.clone().when(moment, crash(keep))));
        }
        for sync in 1..=count.syncs {
            plans.push(plan.clone().when(When::Sync(process, sync), crash(Keep::Synced)));
        }
    }
    plans
}
