//! Which runs, in which order.

use crate::error::BenchError;
use crate::run::run;
use crate::settings::{Settings, Side};
use crate::summary::Comparison;
use crate::workload::Workload;

/// Workloads for one side, or for two in turn.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is run, in order.
    pub workloads: Vec<Workload>,
    /// How.
    pub settings: Settings,
    /// What is measured.
    pub side: Side,
    /// What it is compared with.
    pub against: Option<Side>,
    /// How often each workload is run against each side.
    pub repeats: usize,
}

/// A run that begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Which workload.
    pub workload: &'a str,
    /// Against which side.
    pub side: &'a str,
    /// Which it is of all runs, from 1.
    pub number: usize,
    /// How many there are.
    pub count: usize,
}

impl Plan {
    /// Runs everything. `beginning` is told of each run.
    ///
    /// # Errors
    /// The first run that fails ends all of them.
    pub fn carry_out(
        &self,
        mut beginning: impl FnMut(Beginning<'_>),
    ) -> Result<Vec<Comparison>, BenchError> {
        let sides: Vec<&Side> =
            [Some(&self.side), self.against.as_ref()].into_iter().flatten().collect();
        let count = self.workloads.len() * self.repeats * sides.len();
        let mut comparisons: Vec<_> = self
            .workloads
            .iter()
            .map(|workload| Comparison {
                workload: workload.name.clone(),
                runs: Vec::new(),
                against: Vec::new(),
            })
            .collect();
        let mut number = 0;
        for repeat in 0..self.repeats {
            for (workload, comparison) in self.workloads.iter().zip(&mut comparisons) {
                for turn in 0..sides.len() {
                    // A B, B A, A B, …: neither always goes first.
                    let index = if repeat % 2 == 0 { turn } else { sides.len() - 1 - turn };
                    let side = sides[index];
                    number += 1;
                    let (workload_name, side_name) = (workload.name.as_str(), side.name.as_str());
                    beginning(Beginning {
                        workload: workload_name,
                        side: side_name,
                        number,
                        count,
                    });
                    let result = run(workload, side, &self.settings)?;
                    let runs =
                        if index == 0 { &mut comparison.runs } else { &mut comparison.against };
                    runs.push(result);
                }
            }
        }
        Ok(comparisons)
    }
}
