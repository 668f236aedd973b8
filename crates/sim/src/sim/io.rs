//! The disk of a process, as its disk thread would drive it: what has queued up while one batch
//! was synced is the next.

use super::Sim;
use super::machine::Due;
use crate::checker::Failure;
use crate::disk::{Disk, DiskError, Keep};
use crate::event::What;
use crate::plan::When;
use crate::world::{Id, World};
use zoarium_process::Input;

/// How often, in a million, a batch is only a part of what is queued.
const SMALL_BATCH_PARTS: u32 = 250_000;

impl<W: World> Sim<W> {
    /// Begins a batch if there is something to write and the disk is free.
    pub(super) fn start_writing(&mut self, process: Id<W>) -> Result<(), Failure> {
        let machine = self.machine(process);
        if !machine.is_alive() || machine.writer.is_busy || machine.writer.queue.is_empty() {
            return Ok(());
        }
        machine.writer.is_busy = true;
        let incarnation = machine.incarnation;
        self.write(process, incarnation)
    }

    /// Writes a batch; it is durable some time later.
    pub(super) fn write(&mut self, process: Id<W>, incarnation: u64) -> Result<(), Failure> {
        let machine = self.machine(process);
        if machine.incarnation != incarnation {
            return Ok(());
        }
        let queued = machine.writer.queue.len();
        let is_small = machine.rng.chance(SMALL_BATCH_PARTS);
        let count = if is_small { 1 + machine.rng.index(queued) } else { queued };
        for _ in 0..count {
            let machine = self.machine(process);
            let Some((seq, record)) = machine.writer.queue.front() else { break };
            match machine.disk.append(*seq, record) {
                Ok(()) => {
                    machine.writer.written = *seq;
                    machine.writer.queue.pop_front();
                }
                Err(DiskError::Full) => return self.wait_for_room(process),
                Err(error) => return self.disk_failed(process, &error),
            }
        }
        self.tell_room(process, false)?;
        let upto = self.machine(process).writer.written;
        self.tell(What::Written { process, upto })?;
        let (now, sync) = (self.now, self.options.sync);
        let machine = self.machine(process);
        let done = now + sync.draw(&mut machine.rng) + machine.slow_disk;
        self.schedule.add(done, Due::Sync { process, incarnation });
        Ok(())
    }

    /// Ends a batch: what was written is durable, and the process is told.
    pub(super) fn sync(&mut self, process: Id<W>, incarnation: u64) -> Result<(), Failure> {
        let machine = self.machine(process);
        if machine.incarnation != incarnation {
            return Ok(());
        }
        if let Some(down_for) = machine.fail_sync.take() {
            return self.crash(process, Keep::Part, down_for);
        }
        if let Err(error) = machine.disk.sync() {
            return self.disk_failed(process, &error);
        }
        machine.syncs += 1;
        machine.writer.is_busy = false;
        let (upto, syncs) = (machine.writer.written, machine.syncs);
        self.tell(What::Synced { process, upto })?;
        self.trigger(When::Sync(process, syncs))?;
        if self.machine(process).incarnation == incarnation {
            self.give(process, Input::Persisted { upto }, None)?;
            self.start_writing(process)?;
        }
        Ok(())
    }

    fn wait_for_room(&mut self, process: Id<W>) -> Result<(), Failure> {
        self.tell_room(process, true)?;
        let incarnation = self.machine(process).incarnation;
        let again = self.now + self.options.full_disk_retry;
        self.schedule.add(again, Due::Write { process, incarnation });
        Ok(())
    }

    /// Tells a process whether its disk is full, if that is news.
    fn tell_room(&mut self, process: Id<W>, full: bool) -> Result<(), Failure> {
        let writer = &mut self.machine(process).writer;
        if writer.is_full == full {
            return Ok(());
        }
        writer.is_full = full;
        self.tell(What::DiskFull { process, full })?;
        if let Some(request) = self.world.on_disk_full(process, full) {
            self.schedule.add(self.now, Due::Request { process, request });
        }
        Ok(())
    }

    /// Ends a process whose disk did not do as asked: as the plan says, if it was planned.
    pub(super) fn disk_failed(&mut self, process: Id<W>, error: &DiskError) -> Result<(), Failure> {
        if *error == DiskError::Halted
            && let Some(operation) = self.machine(process).halts_at
        {
            self.trigger(When::Io(process, operation))?;
        }
        self.crash(process, Keep::Part, None)
    }

    /// Tells a disk where to halt next.
    pub(super) fn arm(&mut self, process: Id<W>) {
        let moments = self.triggers.range(When::Io(process, 0)..=When::Io(process, u64::MAX));
        let next = moments.map(|(moment, _)| *moment).next();
        let halts_at = match next {
            Some(When::Io(_, count)) => Some(count),
            Some(When::At(_) | When::Effect(..) | When::Sync(..)) | None => None,
        };
        let machine = self.machine(process);
        machine.halts_at = halts_at;
        machine.disk.halt_at(halts_at.map(|count| count.saturating_sub(1)));
    }
}
