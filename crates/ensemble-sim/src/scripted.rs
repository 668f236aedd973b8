//! Runs that are written down: one with every conversation between servers in it, to be crashed at
//! each moment, and those that bugs were found by.

use crate::checkers;
use crate::ensemble::Ensemble;
use crate::participant::{Name, Participant};
use crate::setup::Setup;
use std::time::Duration;
use zoarium_sim::{Checkers, Experiment, Plan, crash_points};

/// How long a server is away that crashes in addition.
const DOWN_FOR: Duration = Duration::from_millis(200);

/// A scripted run and what it is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Scripted {
    /// What it is called.
    pub name: &'static str,
    script: &'static str,
    setup: Setup,
}

impl Scripted {
    /// DIFF, TRUNC and SNAP in one run of three servers.
    pub const fn conversations() -> Self {
        Self {
            name: "conversations",
            script: include_str!("scripted/conversations.txt"),
            setup: Setup::scripted(3, 0, None),
        }
    }

    /// Runs that have failed once, each by one bug.
    pub const fn failed_once() -> [Self; 4] {
        [
            Self {
                name: "restart_with_a_proposed_membership",
                script: include_str!("scripted/restart_with_a_proposed_membership.txt"),
                setup: Setup::scripted(3, 1, Some(0)),
            },
            Self {
                name: "proposals_behind_a_membership",
                script: include_str!("scripted/proposals_behind_a_membership.txt"),
                setup: Setup::scripted(3, 1, Some(2)),
            },
            Self {
                name: "closed_while_it_moves",
                script: include_str!("scripted/closed_while_it_moves.txt"),
                setup: Setup::scripted(3, 0, None),
            },
            Self {
                name: "nothing_behind_the_first_step",
                script: include_str!("scripted/nothing_behind_the_first_step.txt"),
                setup: Setup::scripted(1, 0, None),
            },
        ]
    }

    /// The plans that differ from it by one crash: at each operation of each disk, for each thing
    /// that the disk may keep, and behind each sync.
    pub fn crash_points(&self) -> Vec<Plan<Name>> {
        crash_points(self, &self.plan(0), DOWN_FOR)
    }
}

impl Experiment for Scripted {
    type World = Ensemble;

    fn world(&self, _: u64) -> Ensemble {
        Ensemble::new(self.setup)
    }

    fn checkers(&self) -> Checkers<Participant> {
        checkers::all()
    }

    fn plan(&self, _: u64) -> Plan<Name> {
        Plan::parse(self.script, &self.setup.names()).expect("the script is a plan")
    }
}
