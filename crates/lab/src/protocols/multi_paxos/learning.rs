//! Learning what is chosen, executing it, and catching up.

use super::replica::{Fx, Replica};
use super::{Command, Executed, LEASE, Message, Record, Slot};
use crate::name::Name;
use crate::protocols::basic_paxos::Ballot;
use crate::said::Said;
use zoarium_process::Now;

/// How many commands one answer to a replica that catches up has, at most.
const CHOSEN_MAX: usize = 20;

impl Replica {
    /// All up to here is chosen: what was accepted in that ballot is what was chosen.
    pub(super) fn on_commit(
        &mut self,
        now: Now,
        from: Name,
        ballot: Ballot,
        upto: Slot,
        fx: &mut Fx,
    ) {
        if !self.heeds(now, from, ballot, fx) {
            return;
        }
        for (slot, (accepted_in, command)) in self.log.range(self.executed + 1..) {
            if *slot <= upto && *accepted_in == ballot {
                self.chosen.insert(*slot, command.clone());
            }
        }
        self.execute(fx);
        if self.executed < upto {
            fx.send(from, Message::CatchUp(self.executed + 1));
        }
    }

    pub(super) fn on_heartbeat(
        &mut self,
        now: Now,
        from: Name,
        ballot: Ballot,
        upto: Slot,
        count: u64,
        fx: &mut Fx,
    ) {
        self.on_commit(now, from, ballot, upto, fx);
        if self.promised.is_none_or(|promised| promised <= ballot) {
            if self.setup.leases {
                self.loyal_until = Some(now.mono + LEASE);
            }
            fx.send(from, Message::Alive(ballot, count));
        }
    }

    /// Executes what is chosen, in order and without gaps; a command that was proposed twice, once.
    pub(super) fn execute(&mut self, fx: &mut Fx) {
        let before = self.executed;
        while let Some(command) = self.chosen.get(&(self.executed + 1)).cloned() {
            self.executed += 1;
            if let Command::Do(value) = command
                && !self.state.contains(&value)
            {
                self.state.push(value.clone());
                let place = self.state.len();
                fx.output(Said::Delivered { place: place as u64, value: value.clone() });
                if self.clients.contains(&value) {
                    self.answer(value, place, fx);
                }
            }
        }
        if self.executed > before {
            self.journal.note(Record::Chosen(self.executed), fx);
            self.compact(fx);
        }
    }

    /// Throws away what nobody should need any more; who does gets the result instead.
    fn compact(&mut self, fx: &mut Fx) {
        if self.executed - self.compacted >= self.setup.keeps * 2 {
            let executed = Executed(self.state.clone());
            self.journal.note(Record::Snapshot(self.executed, executed), fx);
            self.compacted = self.executed;
            self.forget_log();
        }
    }

    fn forget_log(&mut self) {
        self.log.retain(|slot, _| *slot > self.compacted);
        self.chosen.retain(|slot, _| *slot > self.compacted);
    }

    /// Tells a replica that has missed something, from the log if that reaches back so far.
    pub(super) fn on_catch_up(&self, from: Name, first: Slot, fx: &mut Fx) {
        if first <= self.compacted {
            let executed = Executed(self.state.clone());
            return fx.send(from, Message::Snapshot(self.executed, executed));
        }
        let chosen = self.chosen.range(first..).filter(|(slot, _)| **slot <= self.executed);
        let commands: Vec<Command> =
            chosen.map(|(_, command)| command.clone()).take(CHOSEN_MAX).collect();
        if !commands.is_empty() {
            fx.send(from, Message::Chosen(first, commands));
        }
    }

    pub(super) fn on_chosen(&mut self, first: Slot, commands: Vec<Command>, fx: &mut Fx) {
        for (slot, command) in (first..).zip(commands) {
            if slot > self.executed && !self.chosen.contains_key(&slot) {
                self.journal.note(Record::Learned(slot, command.clone()), fx);
                self.chosen.insert(slot, command);
            }
        }
        self.execute(fx);
    }

    pub(super) fn on_snapshot(&mut self, upto: Slot, executed: Executed, fx: &mut Fx) {
        if upto <= self.executed {
            return;
        }
        self.journal.note(Record::Snapshot(upto, executed.clone()), fx);
        let known = self.state.len();
        self.state = executed.0;
        self.executed = upto;
        self.compacted = upto;
        self.forget_log();
        for (index, value) in self.state.iter().enumerate().skip(known) {
            fx.output(Said::Delivered { place: index as u64 + 1, value: value.clone() });
        }
        self.execute(fx);
    }
}
