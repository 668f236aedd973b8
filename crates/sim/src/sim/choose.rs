//! Choosing by hand what happens next: for tools that play a run step by step, or try all orders.

use super::Sim;
use super::machine::Due;
use crate::checker::Failure;
use crate::event::MessageId;
use crate::link::Content;
use crate::schedule::Key;
use crate::time::Time;
use crate::world::{Id, Message, World};
use std::collections::BTreeSet;

/// Names something that may happen next, until something else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChoiceId(Key);

/// Something that may happen next.
#[derive(Debug)]
pub struct Choice<'a, W: World> {
    /// To choose it by.
    pub id: ChoiceId,
    /// When it would happen by itself.
    pub time: Time,
    /// What it is.
    pub what: Chosen<'a, W>,
}

/// What may happen next.
#[derive(Debug)]
pub enum Chosen<'a, W: World> {
    /// A message arrives.
    Message {
        /// The sender.
        from: Id<W>,
        /// The receiver.
        to: Id<W>,
        /// The message's name.
        message: MessageId,
        /// What it says.
        body: &'a Message<W>,
    },
    /// A process hears that a link is up or down.
    Link {
        /// Which process.
        at: Id<W>,
        /// The other end.
        of: Id<W>,
    },
    /// A timer of a process comes due.
    Timer(Id<W>),
    /// A process's disk finishes what it is about.
    Disk(Id<W>),
    /// A process is handed a request.
    Request(Id<W>),
    /// Something happens to the world: the plan, connecting, restarting, the end.
    World,
}

impl<W: World> Sim<W> {
    /// All that may happen next, by the time at which it would. On a link only what comes first
    /// can.
    pub fn choices(&self) -> Vec<Choice<'_, W>> {
        let mut wires = BTreeSet::new();
        let mut choices = Vec::new();
        for (key, due) in self.schedule.iter() {
            if let Due::Wake { from, to } = due
                && !wires.insert((*from, *to))
            {
                continue;
            }
            if let Some(what) = self.describe(due) {
                choices.push(Choice { id: ChoiceId(key), time: key.time, what });
            }
        }
        choices
    }

    /// Lets something happen now if its time is past, else at its time: all that was due before
    /// comes late. False if the run has ended or there is no such choice.
    ///
    /// # Errors
    /// As [`Sim::advance`].
    pub fn choose(&mut self, choice: ChoiceId) -> Result<bool, Failure> {
        if self.ended {
            return Ok(false);
        }
        let Some(due) = self.schedule.take(choice.0) else { return Ok(false) };
        self.advance_to(choice.0.time, due)
    }

    /// Nothing, if it is a wake-up for which there is no parcel.
    fn describe<'a>(&'a self, due: &'a Due<W>) -> Option<Chosen<'a, W>> {
        Some(match due {
            Due::Plan(_)
            | Due::PhaseOver
            | Due::Poll { .. }
            | Due::Detect { .. }
            | Due::Connect { .. }
            | Due::Restart { .. }
            | Due::Resume { .. } => Chosen::World,
            Due::Wake { from, to } => {
                let wire = self.links.wires.at((*from, *to)).filter(|wire| !wire.blocked)?;
                match &wire.parcels.front()?.content {
                    Content::Up => Chosen::Link { at: *to, of: *from },
                    Content::Message(message, body) => {
                        Chosen::Message { from: *from, to: *to, message: *message, body }
                    }
                }
            }
            Due::Datagram { from, to, message, body } => {
                Chosen::Message { from: *from, to: *to, message: *message, body }
            }
            Due::Notice { at, of, .. } => Chosen::Link { at: *at, of: *of },
            Due::Timer { process, .. } => Chosen::Timer(*process),
            Due::Write { process, .. } | Due::Sync { process, .. } => Chosen::Disk(*process),
            Due::Request { process, .. } => Chosen::Request(*process),
        })
    }
}
