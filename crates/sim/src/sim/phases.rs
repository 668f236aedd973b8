//! From the phase of faults to the phase of calm, and to the end.

use super::Sim;
use super::machine::Due;
use crate::checker::Failure;
use crate::clock::Rate;
use crate::disk::Disk;
use crate::event::What;
use crate::plan::Settle;
use crate::world::{Id, World};
use std::time::Duration;

/// How often checkers are asked whether they are satisfied.
const POLLS: u32 = 100;

impl<W: World> Sim<W> {
    pub(super) fn phase_over(&mut self) -> Result<(), Failure> {
        let Some(settle) = self.plan.settle.clone() else { return self.end() };
        self.calm = true;
        self.tell(What::Calmed)?;
        self.triggers.clear();
        self.settle_links(&settle);
        for process in &settle.core {
            self.settle_process(*process)?;
        }
        for poll in 1..=POLLS {
            let time = self.now + settle.within * poll / POLLS;
            self.schedule.add(time, Due::Poll { last: poll == POLLS });
        }
        Ok(())
    }

    /// Opens the links of the core and closes all others.
    fn settle_links(&mut self, settle: &Settle<Id<W>>) {
        let all: Vec<_> = self.links.wires.pairs().collect();
        for (from, to) in all {
            if settle.core.contains(&from) && settle.core.contains(&to) {
                if let Some(wire) = self.links.wires.at_mut((from, to)) {
                    wire.slow = Duration::ZERO;
                    wire.drops.clear();
                }
                self.unblock(from, to);
            } else {
                self.block(from, to);
            }
        }
    }

    fn settle_process(&mut self, process: Id<W>) -> Result<(), Failure> {
        let now = self.now;
        let machine = self.machine(process);
        machine.disk.set_full(false);
        machine.disk.halt_at(None);
        machine.slow_disk = Duration::ZERO;
        machine.fail_sync = None;
        machine.clock.set_rate(Rate::TRUE, now);
        let (pause, incarnation) = (machine.pauses, machine.incarnation);
        self.reschedule_timers(process);
        self.resume(process, pause)?;
        self.restart(process, incarnation)
    }

    /// Asks the checkers whether all is well; ends the run if so.
    pub(super) fn poll(&mut self, last: bool) -> Result<(), Failure> {
        let settled = self.checkers.iter().try_for_each(|it| it.settled(&self.running));
        match settled {
            Ok(()) => self.end(),
            Err(violation) if last => Err(Failure::Liveness(violation)),
            Err(_) => Ok(()),
        }
    }

    /// Ends the run and lets the checkers judge it.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.ended = true;
        let Self { checkers, running, .. } = self;
        checkers.iter_mut().try_for_each(|it| it.finish(running)).map_err(Failure::Safety)
    }
}
