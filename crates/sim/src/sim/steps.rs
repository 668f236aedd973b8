//! Handing inputs to processes and carrying out what they answer.

use super::Sim;
use super::machine::{Due, Ripe, Timer};
use crate::checker::{Failure, Violation};
use crate::disk::Keep;
use crate::event::{MessageId, What};
use crate::plan::When;
use crate::world::{Id, Order, Output, Outside, Request, World};
use std::mem;
use zoarium_process::{Effect, Effects, Input, Instant, PersistSeq, Process};

impl<W: World> Sim<W> {
    /// Gives an input to a process, if it runs.
    pub(super) fn give(
        &mut self,
        process: Id<W>,
        input: Input<W::Process>,
        message: Option<MessageId>,
    ) -> Result<(), Failure> {
        if !self.machine(process).is_alive() {
            return Ok(());
        }
        self.tell(What::Input { process, input: &input, message })?;
        let time = self.now;
        let now = self.machine(process).clock.at(time);
        let mut effects = mem::take(&mut self.effects);
        let participant = self.running.get_mut(&process).expect("a living process runs");
        participant.step(now, input, &mut effects);
        self.tell(What::Stepped(process))?;
        self.carry_out_effects(process, &mut effects)?;
        self.effects = effects;
        self.start_writing(process)
    }

    fn carry_out_effects(
        &mut self,
        process: Id<W>,
        effects: &mut Effects<W::Process>,
    ) -> Result<(), Failure> {
        let incarnation = self.machine(process).incarnation;
        for effect in effects.drain() {
            self.carry_out_effect(process, effect)?;
            let machine = self.machine(process);
            machine.effects += 1;
            let moment = When::Effect(process, machine.effects);
            self.trigger(moment)?;
            if self.machine(process).incarnation != incarnation {
                break;
            }
        }
        Ok(())
    }

    fn carry_out_effect(
        &mut self,
        process: Id<W>,
        effect: Effect<W::Process>,
    ) -> Result<(), Failure> {
        match effect {
            Effect::Send { to, message } => self.send(process, to, message),
            Effect::Persist { seq, record } => {
                self.tell(What::Persist { process, seq, record: &record })?;
                self.check_seq(process, seq)?;
                self.machine(process).writer.queue.push_back((seq, record));
                Ok(())
            }
            Effect::SetTimer { timer, at } => {
                self.tell(What::TimerSet { process, timer, at })?;
                self.set_timer(process, timer, at);
                Ok(())
            }
            Effect::CancelTimer(timer) => {
                self.tell(What::TimerCancelled { process, timer })?;
                self.machine(process).timers.remove(&timer);
                Ok(())
            }
            Effect::Output(output) => {
                self.tell(What::Output { process, output: &output })?;
                self.pass_on(process, &output)
            }
        }
    }

    /// Holds processes to the contract: records are numbered from 1, without gaps.
    fn check_seq(&mut self, process: Id<W>, seq: PersistSeq) -> Result<(), Failure> {
        let writer = &mut self.machine(process).writer;
        let expected = writer.asked.next();
        writer.asked = seq;
        if seq == expected {
            return Ok(());
        }
        let name = self.names.name(process);
        let detail = format!("{name} persists record {} where {} is next", seq.0, expected.0);
        Err(Failure::Safety(Violation::new("records are numbered from 1", detail)))
    }

    /// Lets the world see an output and does what it wants done.
    fn pass_on(&mut self, process: Id<W>, output: &Output<W>) -> Result<(), Failure> {
        let mut orders = Vec::new();
        let Self { world, machines, now, .. } = self;
        let machine = machines.get_mut(process).expect("every id of a world has a machine");
        let mut outside = Outside {
            process,
            time: *now,
            clock: &machine.clock,
            disk: &mut machine.disk,
            orders: &mut orders,
        };
        world.on_output(output, &mut outside);
        orders.into_iter().try_for_each(|order| match order {
            Order::Request { to, after, request } => {
                self.schedule.add(self.now + after, Due::Request { process: to, request });
                Ok(())
            }
            Order::Cut(one, other) => self.cut(one, other),
            Order::Exit { process, down_for } => self.crash(process, Keep::All, down_for),
        })
    }

    /// Hands a request to a process.
    pub(super) fn ask(&mut self, process: Id<W>, request: Request<W>) -> Result<(), Failure> {
        if self.machine(process).is_alive() {
            return self.give(process, Input::Request(request), None);
        }
        self.tell(What::RequestLost { process, request: &request })
    }

    fn set_timer(&mut self, process: Id<W>, timer: Timer<W>, at: Instant) {
        let machine = self.machine(process);
        machine.settings += 1;
        let setting = machine.settings;
        machine.timers.insert(timer, (at, setting));
        self.schedule_timer(process, timer, at, setting);
    }

    fn schedule_timer(&mut self, process: Id<W>, timer: Timer<W>, at: Instant, setting: u64) {
        let (now, late) = (self.now, self.options.timer_late);
        let machine = self.machine(process);
        let incarnation = machine.incarnation;
        let due = machine.clock.when(at, now) + late.draw(&mut machine.rng);
        self.schedule.add(due, Due::Timer { process, incarnation, timer, setting });
    }

    /// Puts all timers of a process anew, after its clock has changed.
    pub(super) fn reschedule_timers(&mut self, process: Id<W>) {
        let machine = self.machine(process);
        let all: Vec<_> = machine.timers.iter().map(|(timer, (at, _))| (*timer, *at)).collect();
        for (timer, at) in all {
            self.set_timer(process, timer, at);
        }
    }

    pub(super) fn timer_due(
        &mut self,
        process: Id<W>,
        incarnation: u64,
        timer: Timer<W>,
        setting: u64,
    ) -> Result<(), Failure> {
        let now = self.now;
        let machine = self.machine(process);
        if machine.incarnation != incarnation {
            return Ok(());
        }
        match machine.take_timer(timer, setting, now) {
            Ripe::Yes => self.give(process, Input::Timer(timer), None),
            Ripe::No => Ok(()),
            Ripe::Later(time) => {
                self.schedule.add(time, Due::Timer { process, incarnation, timer, setting });
                Ok(())
            }
        }
    }
}
