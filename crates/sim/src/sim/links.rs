//! Connecting, sending, receiving, disconnecting.

use super::Sim;
use super::machine::Due;
use crate::checker::Failure;
use crate::event::{MessageId, What};
use crate::link::{Content, pair};
use crate::options::LinkPolicy;
use crate::world::{Id, Message, World};
use std::time::Duration;
use zoarium_process::Input;

impl<W: World> Sim<W> {
    pub(super) fn send(&mut self, from: Id<W>, to: Id<W>, body: Message<W>) -> Result<(), Failure> {
        self.messages += 1;
        let message = MessageId(self.messages);
        self.tell(What::Sent { from, to, body: &body, message })?;
        match self.options.links {
            LinkPolicy::Fifo => self.send_on_wire(from, to, message, body),
            LinkPolicy::Datagram { loss_parts, duplicate_parts } => {
                self.send_datagram(from, to, message, body, [loss_parts, duplicate_parts])
            }
        }
    }

    fn send_on_wire(
        &mut self,
        from: Id<W>,
        to: Id<W>,
        message: MessageId,
        body: Message<W>,
    ) -> Result<(), Failure> {
        let believed = self.links.wires.at((to, from)).and_then(|wire| wire.believed);
        let connected = self.links.pairs.at(pair(from, to)).and_then(|pair| pair.connected);
        let Some(epoch) = believed.filter(|epoch| connected == Some(*epoch)) else {
            return self.tell(What::Lost { from, to, message });
        };
        if self.links.wires.at_mut((from, to)).is_some_and(|wire| wire.drops(&body)) {
            self.tell(What::Lost { from, to, message })?;
            return self.cut(from, to);
        }
        let stream = Some(self.world.stream(&body));
        self.put((from, to), epoch, stream, Content::Message(message, body));
        Ok(())
    }

    /// Puts something on a wire.
    fn put(
        &mut self,
        (from, to): (Id<W>, Id<W>),
        epoch: u64,
        stream: Option<u64>,
        content: Content<Message<W>>,
    ) {
        if let Some(wire) = self.links.wires.at_mut((from, to)) {
            let due = self.now + self.options.message.draw(&mut wire.rng) + wire.slow;
            let due = wire.push(due, epoch, stream, content);
            self.schedule.add(due, Due::Wake { from, to });
        }
    }

    /// Takes the first parcel from a wire, if it is due. Every parcel has its own wake-up, so one
    /// at a time is enough.
    pub(super) fn arrive(&mut self, from: Id<W>, to: Id<W>) -> Result<(), Failure> {
        let connected = self.links.pairs.at(pair(from, to)).and_then(|pair| pair.connected);
        let Some(wire) = self.links.wires.at_mut((from, to)) else { return Ok(()) };
        let Some(parcel) = wire.pop_due(self.now) else { return Ok(()) };
        match parcel.content {
            Content::Up if connected == Some(parcel.epoch) => {
                wire.believed = connected;
                self.give(to, Input::LinkUp(from), None)
            }
            Content::Up => Ok(()),
            Content::Message(message, body) if wire.believed == Some(parcel.epoch) => {
                self.give(to, Input::Message { from, message: body }, Some(message))
            }
            Content::Message(message, _) => self.tell(What::Lost { from, to, message }),
        }
    }

    fn send_datagram(
        &mut self,
        from: Id<W>,
        to: Id<W>,
        message: MessageId,
        body: Message<W>,
        [loss_parts, duplicate_parts]: [u32; 2],
    ) -> Result<(), Failure> {
        let copy = self.world.copy(&body);
        let (calm, now, delay) = (self.calm, self.now, self.options.message);
        let Some(wire) = self.links.wires.at_mut((from, to)) else {
            return self.tell(What::Lost { from, to, message });
        };
        let is_lost = wire.rng.chance(loss_parts) && !calm;
        if is_lost || wire.blocked || wire.drops(&body) {
            return self.tell(What::Lost { from, to, message });
        }
        let is_doubled = wire.rng.chance(duplicate_parts);
        for body in [Some(body), copy.filter(|_| is_doubled)].into_iter().flatten() {
            let due = now + delay.draw(&mut wire.rng) + wire.slow;
            self.schedule.add(due, Due::Datagram { from, to, message, body: Box::new(body) });
        }
        Ok(())
    }

    pub(super) fn receive(
        &mut self,
        from: Id<W>,
        to: Id<W>,
        message: MessageId,
        body: Message<W>,
    ) -> Result<(), Failure> {
        if self.machine(to).is_alive() {
            return self.give(to, Input::Message { from, message: body }, Some(message));
        }
        self.tell(What::Lost { from, to, message })
    }

    /// Plans to connect two processes, if they can be and are not.
    pub(super) fn plan_connection(&mut self, of: (Id<W>, Id<W>)) {
        if self.options.links != LinkPolicy::Fifo || !self.can_connect(of) {
            return;
        }
        let Some(pair) = self.links.pairs.at_mut(of) else { return };
        pair.attempt += 1;
        let attempt = pair.attempt;
        let delay = self.draw(of, |sim| sim.options.connect);
        self.schedule.add(self.now + delay, Due::Connect { pair: of, attempt });
    }

    fn can_connect(&mut self, of: (Id<W>, Id<W>)) -> bool {
        let is_free = self.links.pairs.at(of).is_some_and(|pair| pair.connected.is_none());
        let are_alive = self.machine(of.0).is_alive() && self.machine(of.1).is_alive();
        is_free && are_alive && self.links.is_open(of) && self.links.is_quiet(of)
    }

    pub(super) fn connect(&mut self, of: (Id<W>, Id<W>), attempt: u64) -> Result<(), Failure> {
        let can_connect = self.can_connect(of);
        let Some(pair) = self.links.pairs.at_mut(of) else { return Ok(()) };
        if pair.attempt != attempt || !can_connect {
            return Ok(());
        }
        pair.epochs += 1;
        let epoch = pair.epochs;
        pair.connected = Some(epoch);
        self.tell(What::Connected(of.0, of.1))?;
        self.put(of, epoch, None, Content::Up);
        self.put((of.1, of.0), epoch, None, Content::Up);
        Ok(())
    }

    /// Ends a connection. Each end hears of it after a while; until then it may still receive what
    /// was on its way.
    pub(super) fn disconnect(&mut self, of: (Id<W>, Id<W>)) -> Result<(), Failure> {
        let Some(pair) = self.links.pairs.at_mut(of) else { return Ok(()) };
        let Some(epoch) = pair.connected.take() else { return Ok(()) };
        pair.attempt += 1;
        pair.detection += 1;
        self.tell(What::Disconnected(of.0, of.1))?;
        for (at, of) in [of, (of.1, of.0)] {
            let blocked = self.links.wires.at((of, at)).is_some_and(|wire| wire.blocked);
            let delay =
                self.draw(
                    (of, at),
                    |sim| {
                        if blocked { sim.options.detect } else { sim.options.notice }
                    },
                );
            self.schedule.add(self.now + delay, Due::Notice { at, of, epoch });
        }
        Ok(())
    }

    /// Tells one end that a connection is over.
    pub(super) fn notice(&mut self, at: Id<W>, of: Id<W>, epoch: u64) -> Result<(), Failure> {
        if self.stop_believing(at, of, epoch)? {
            self.give(at, Input::LinkDown(of), None)?;
        }
        self.plan_connection(pair(at, of));
        Ok(())
    }

    /// Makes one end forget a connection and what was coming on it; true if it knew of it.
    fn stop_believing(&mut self, at: Id<W>, of: Id<W>, epoch: u64) -> Result<bool, Failure> {
        let Some(wire) = self.links.wires.at_mut((of, at)) else { return Ok(false) };
        let believed = wire.believed == Some(epoch);
        if believed {
            wire.believed = None;
        }
        for message in wire.purge(epoch) {
            self.tell(What::Lost { from: of, to: at, message })?;
        }
        Ok(believed)
    }

    /// Ends all connections of a process that has died, which needs no notice of it.
    pub(super) fn disconnect_dead(&mut self, process: Id<W>) -> Result<(), Failure> {
        for of in self.links.pairs_of(process) {
            self.disconnect(of)?;
            let other = if of.0 == process { of.1 } else { of.0 };
            self.stop_believing(process, other, u64::MAX)?;
            if let Some(wire) = self.links.wires.at_mut((other, process)) {
                wire.believed = None;
            }
        }
        Ok(())
    }

    pub(super) fn cut(&mut self, one: Id<W>, other: Id<W>) -> Result<(), Failure> {
        self.disconnect(pair(one, other))
    }

    /// Lets nothing through, and plans the moment at which that is noticed.
    pub(super) fn block(&mut self, from: Id<W>, to: Id<W>) {
        let Some(wire) = self.links.wires.at_mut((from, to)) else { return };
        if wire.blocked {
            return;
        }
        wire.blocked = true;
        let of = pair(from, to);
        let delay = self.draw((from, to), |sim| sim.options.detect);
        if let Some(pair) = self.links.pairs.at(of) {
            let detection = pair.detection;
            self.schedule.add(self.now + delay, Due::Detect { pair: of, detection });
        }
    }

    pub(super) fn detect(&mut self, of: (Id<W>, Id<W>), detection: u64) -> Result<(), Failure> {
        let current = self.links.pairs.at(of).map(|pair| pair.detection);
        if current == Some(detection) && !self.links.is_open(of) {
            return self.disconnect(of);
        }
        Ok(())
    }

    /// Lets things through again: what was held up comes at once, in order.
    pub(super) fn unblock(&mut self, from: Id<W>, to: Id<W>) {
        let now = self.now;
        let Some(wire) = self.links.wires.at_mut((from, to)) else { return };
        if !wire.blocked {
            return;
        }
        wire.blocked = false;
        let overdue = wire.parcels.iter().filter(|parcel| parcel.due <= now).count();
        for _ in 0..overdue {
            self.schedule.add(now, Due::Wake { from, to });
        }
        let of = pair(from, to);
        if self.links.is_open(of)
            && let Some(pair) = self.links.pairs.at_mut(of)
        {
            pair.detection += 1;
        }
        self.plan_connection(of);
    }

    fn draw(
        &mut self,
        on: (Id<W>, Id<W>),
        which: impl Fn(&Self) -> crate::options::Delay,
    ) -> Duration {
        let delay = which(self);
        self.links.wires.at_mut(on).map_or(delay.low, |wire| delay.draw(&mut wire.rng))
    }
}
