//! Carrying out the actions of a plan.

use super::machine::Due;
use super::{Sim, stream};
use crate::checker::{Failure, Violation};
use crate::disk::{Disk, DiskError, Keep};
use crate::event::What;
use crate::plan::Action;
use crate::rng::{Rng, mix};
use crate::world::{Id, Start, StartError, World};
use std::time::Duration;
use zoarium_process::Input;

impl<W: World> Sim<W> {
    pub(super) fn act(&mut self, action: Action<Id<W>>) -> Result<(), Failure> {
        match action {
            Action::Crash { process, keep, down_for } => self.crash(process, keep, down_for),
            Action::Restart(process) => {
                let incarnation = self.machine(process).incarnation;
                self.restart(process, incarnation)
            }
            Action::Pause { process, pause_for } => self.pause(process, pause_for),
            Action::Resume(process) => {
                let pause = self.machine(process).pauses;
                self.resume(process, pause)
            }
            Action::Partition(groups) => {
                across(&groups, |from, to| self.block(from, to));
                Ok(())
            }
            Action::Block(from, to) => {
                from.iter().for_each(|from| to.iter().for_each(|to| self.block(*from, *to)));
                Ok(())
            }
            Action::Heal(groups) => {
                let all = self.names.ids().map(|id| vec![id]).collect();
                let groups = if groups.is_empty() { all } else { groups };
                across(&groups, |from, to| self.unblock(from, to));
                Ok(())
            }
            Action::Cut(one, other) => self.cut(one, other),
            Action::Drop { from, to, starting, times } => {
                if let Some(wire) = self.links.wires.at_mut((from, to)).filter(|_| times > 0) {
                    wire.drops.push((starting, times));
                }
                Ok(())
            }
            Action::SlowLink(from, to, by) => {
                if let Some(wire) = self.links.wires.at_mut((from, to)) {
                    wire.slow = by;
                }
                Ok(())
            }
            Action::Drift(process, rate) => {
                let now = self.now;
                self.machine(process).clock.set_rate(rate, now);
                self.reschedule_timers(process);
                Ok(())
            }
            Action::Jump(process, by_ms) => {
                self.machine(process).clock.jump(by_ms);
                Ok(())
            }
            Action::SlowDisk(process, by) => {
                self.machine(process).slow_disk = by;
                Ok(())
            }
            Action::FullDisk(process, full) => {
                self.machine(process).disk.set_full(full);
                Ok(())
            }
            Action::FailSync { process, down_for } => {
                self.machine(process).fail_sync = Some(down_for);
                Ok(())
            }
            Action::Corrupt(process) => self.while_down(process, |disk, rng| disk.corrupt(rng)),
            Action::Wipe(process) => self.while_down(process, |disk, _| disk.wipe()),
            Action::Request(to, words) => self.ask_in_words(to, &words),
        }
    }

    /// Does something with the disk of a process, if that is down.
    fn while_down(
        &mut self,
        process: Id<W>,
        act: impl FnOnce(&mut W::Disk, &mut Rng),
    ) -> Result<(), Failure> {
        let machine = self.machine(process);
        if !machine.is_alive() {
            act(&mut machine.disk, &mut machine.rng);
        }
        Ok(())
    }

    fn ask_in_words(&mut self, to: Id<W>, words: &str) -> Result<(), Failure> {
        let request = self.world.request(to, words).map_err(|reason| {
            let detail = format!("request {} {words}: {reason}", self.names.name(to));
            Failure::Plan(Violation::new("requests mean something", detail))
        })?;
        self.happen(Due::Request { process: to, request })
    }

    /// Ends a process, if it runs or is about to.
    pub(super) fn crash(
        &mut self,
        process: Id<W>,
        keep: Keep,
        down_for: Option<Duration>,
    ) -> Result<(), Failure> {
        let machine = self.machine(process);
        if !machine.is_alive() {
            return Ok(());
        }
        machine.incarnation += 1;
        machine.forget();
        machine.disk.crash(keep, &mut machine.rng);
        let incarnation = machine.incarnation;
        self.running.remove(&process);
        self.tell(What::Crashed { process, keep })?;
        self.disconnect_dead(process)?;
        self.release(process)?;
        if let Some(down_for) = down_for {
            self.schedule.add(self.now + down_for, Due::Restart { process, incarnation });
        }
        Ok(())
    }

    /// Starts a process from its disk, if it has not been started since that `incarnation`.
    pub(super) fn restart(&mut self, process: Id<W>, incarnation: u64) -> Result<(), Failure> {
        let machine = self.machine(process);
        if machine.is_alive() || machine.incarnation != incarnation {
            return Ok(());
        }
        machine.incarnation += 1;
        self.arm(process);
        let labels = [self.names.place(process), incarnation];
        let seed = labels.into_iter().fold(mix(self.plan.seed, stream::START), mix);
        let Self { world, machines, now, .. } = self;
        let machine = machines.get_mut(process).expect("every id of a world has a machine");
        let now = machine.clock.at(*now);
        let restarts = incarnation / 2;
        let disk = &mut machine.disk;
        match world.start(Start { process, disk, seed, now, restarts }) {
            Ok(participant) => {
                self.running.insert(process, participant);
                self.tell(What::Started { process, restarts })?;
                self.give(process, Input::Start, None)?;
                for of in self.links.pairs_of(process) {
                    self.plan_connection(of);
                }
                Ok(())
            }
            Err(StartError::Halted) => self.disk_failed(process, &DiskError::Halted),
            Err(StartError::Refused) => self.crash(process, Keep::All, None),
            Err(StartError::Unrecoverable(violation)) => Err(Failure::Safety(violation)),
        }
    }

    fn pause(&mut self, process: Id<W>, pause_for: Option<Duration>) -> Result<(), Failure> {
        let machine = self.machine(process);
        if !machine.is_alive() || machine.is_paused() {
            return Ok(());
        }
        machine.pauses += 1;
        let pause = machine.pauses;
        if let Some(pause_for) = pause_for {
            self.schedule.add(self.now + pause_for, Due::Resume { process, pause });
        }
        self.tell(What::Paused(process))
    }

    /// Lets a process go on, if it is in that `pause`.
    pub(super) fn resume(&mut self, process: Id<W>, pause: u64) -> Result<(), Failure> {
        let machine = self.machine(process);
        if !machine.is_paused() || machine.pauses != pause {
            return Ok(());
        }
        machine.pauses += 1;
        self.tell(What::Resumed(process))?;
        self.release(process)
    }

    /// Lets everything happen that has come for a process while it was paused.
    fn release(&mut self, process: Id<W>) -> Result<(), Failure> {
        while !self.machine(process).is_paused() {
            let Some(due) = self.machine(process).held.pop_front() else { break };
            self.happen(due)?;
        }
        Ok(())
    }
}

/// Calls for every ordered pair of processes of different groups.
fn across<I: Copy>(groups: &[Vec<I>], mut each: impl FnMut(I, I)) {
    for (index, group) in groups.iter().enumerate() {
        for (other_index, other) in groups.iter().enumerate() {
            if index != other_index {
                group.iter().for_each(|from| other.iter().for_each(|to| each(*from, *to)));
            }
        }
    }
}
