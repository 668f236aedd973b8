//! One run with every conversation between servers in it, to be crashed at each moment.

use crate::checkers;
use crate::ensemble::Ensemble;
use crate::participant::{Name, Participant};
use crate::setup::Setup;
use std::time::Duration;
use zoarium_sim::{Checkers, Experiment, Plan, crash_points};

/// Three servers: one learner is truncated, one is sent what the log has, one everything.
const SCRIPT: &str = "
seed 3
run 5s
settle s1 s2 s3 c1 c2 c3 within 30s

# An election, sessions, the first writes.
at 400ms request c1 keep:0 create:1 ephemeral:0 pair:0
at 400ms request c2 sequential:0 watch:1 get:1
at 400ms request c3 set:1 keep:1 sync:0

# The leader loses the others, and writes what they do not have.
at 600ms partition s3 | s1 s2
at 601ms request c1 keep:0 set:1 pair:1
at 601ms request c2 keep:0 set:1 pair:1
at 601ms request c3 keep:0 set:1 pair:1

# They elect another. The old leader comes back and forgets.
at 2500ms heal s3 | s1 s2
at 2600ms request c1 keep:0 create:2
at 2600ms request c2 set:2 ephemeral-sequential:1

# One is away for a few writes, which the log has when it comes back.
at 2800ms crash s1 keep synced for 300ms
at 2900ms request c3 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0
at 2900ms request c2 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0

# One is away for more than snapshots and logs are kept for.
at 3400ms crash s1 keep all for 900ms
at 3500ms request c1 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0
at 3500ms request c2 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0
at 3500ms request c3 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0
at 3700ms request c1 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0
at 3700ms request c2 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0
at 3700ms request c3 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0 keep:0
";

/// How long a server is away that crashes in addition.
const DOWN_FOR: Duration = Duration::from_millis(200);

/// The scripted run and what it is judged by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scripted;

impl Scripted {
    /// The plans that differ from it by one crash: at each operation of each disk, for each thing
    /// that the disk may keep, and behind each sync.
    pub fn crash_points(self) -> Vec<Plan<Name>> {
        crash_points(&self, &self.plan(0), DOWN_FOR)
    }
}

impl Experiment for Scripted {
    type World = Ensemble;

    fn world(&self, _: u64) -> Ensemble {
        Ensemble::new(Setup::scripted())
    }

    fn checkers(&self) -> Checkers<Participant> {
        checkers::all()
    }

    fn plan(&self, _: u64) -> Plan<Name> {
        Plan::parse(SCRIPT, &Setup::scripted().names()).expect("the script is a plan")
    }
}
