//! What comes from a server, and what is done when nothing comes.

use super::connecting::{ping_interval, silence_max};
use super::{Phase, Session};
use crate::backoff::Backoff;
use crate::failure::Failure;
use crate::fault::{Fault, Misbehaved};
use crate::link::{InFlight, Waiter};
use crate::reply::Reply;
use crate::request::put_request;
use crate::state::State;
use crate::vocabulary::{Event, LinkId, Notice, Output, Timer};
use alloc::sync::Arc;
use bytes::Bytes;
use core::fmt::Debug;
use core::time::Duration;
use zoarium_process::{Effects, Instant};
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::{OpCode, Reader, WatchedEvent, Xid, Zxid};

/// Pauses between two looks for a server that takes writes (`ClientCnxn.SendThread`).
const SEEK: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(60) };

impl<T: Debug> Session<T> {
    pub(super) fn on_frame(
        &mut self,
        now: Instant,
        from: LinkId,
        frame: &Bytes,
        fx: &mut Effects<Self>,
    ) {
        if self.current_link() != Some(from) {
            return;
        }
        self.metrics.bytes_received += frame.len() as u64 + 4;
        let read = match &mut self.phase {
            Phase::Greeting { .. } => self.on_greeting(now, frame, fx),
            Phase::Proving(_) => self.on_token(now, frame, fx),
            Phase::Connected(link) => {
                link.heard = now;
                self.on_message(now, frame, fx)
            }
            Phase::Unstarted | Phase::Resting | Phase::Dialing { .. } | Phase::Ended => Ok(()),
        };
        match read {
            Ok(()) => self.leave_when_answered(now, fx),
            Err(Fault::AuthFailed) => self.end(State::AuthFailed, fx),
            Err(fault) => self.hang_up(now, fault, fx),
        }
    }

    fn on_message(
        &mut self,
        now: Instant,
        frame: &Bytes,
        fx: &mut Effects<Self>,
    ) -> Result<(), Fault> {
        let mut reader = Reader::new(frame);
        let header = ReplyHeader::decode(&mut reader)?;
        match header.xid {
            Xid::NOTIFICATION => self.on_event(header, &mut reader, fx),
            Xid::PING => self.on_pong(now, header),
            Xid::AUTH => self.on_authenticated(header, fx),
            Xid::SET_WATCHES => self.on_watches_set(header),
            _ => self.on_reply(now, header, &mut reader, frame, fx),
        }
    }

    fn on_event(
        &mut self,
        header: ReplyHeader,
        reader: &mut Reader<'_>,
        fx: &mut Effects<Self>,
    ) -> Result<(), Fault> {
        let event = WatchedEvent::decode(header.zxid, reader)?;
        self.metrics.events += 1;
        // An event is proof that the change has happened, but not that all events of the same
        // transaction have been told: so `seen.replied`, to which watches are set again, stays.
        if let Some(zxid) = event.zxid.filter(|zxid| zxid.to_wire() > 0) {
            self.seen.newest = self.seen.newest.max(zxid);
        }
        let path: Arc<str> = Arc::from(&*event.path);
        let told = Event { kind: event.kind, path: Arc::clone(&path), zxid: event.zxid };
        self.watches.fire(event.kind, &path, |watch| {
            fx.output(Output::Watch { watch, notice: Notice::Event(told.clone()) });
        });
        self.tidy_watches(&path);
        Ok(())
    }

    fn on_pong(&mut self, now: Instant, header: ReplyHeader) -> Result<(), Fault> {
        let Phase::Connected(link) = &mut self.phase else { return Ok(()) };
        let unasked = Misbehaved::OutOfOrder { answered: header.xid, awaited: None };
        let sent = link.ping.take().ok_or(unasked)?;
        self.is_alive(sent);
        self.metrics.ping = Some(now.saturating_since(sent));
        Ok(())
    }

    fn on_authenticated(
        &mut self,
        header: ReplyHeader,
        fx: &mut Effects<Self>,
    ) -> Result<(), Fault> {
        let Phase::Connected(link) = &mut self.phase else { return Ok(()) };
        let unasked = Misbehaved::OutOfOrder { answered: header.xid, awaited: None };
        let claim = link.auths.pop_front().ok_or(unasked)?;
        if header.error != 0 {
            return Err(Fault::AuthFailed);
        }
        if let Some(tag) = self.auths[claim].tag.take() {
            fx.output(Output::Answered { tag, answer: Ok(Reply::Done), watch: None });
        }
        Ok(())
    }

    fn on_watches_set(&mut self, header: ReplyHeader) -> Result<(), Fault> {
        let Phase::Connected(link) = &mut self.phase else { return Ok(()) };
        let unasked = Misbehaved::OutOfOrder { answered: header.xid, awaited: None };
        link.set_watches = link.set_watches.checked_sub(1).ok_or(unasked)?;
        match header.error {
            0 => self.saw(header.zxid),
            error => Err(Misbehaved::WatchesRefused(error).into()),
        }
    }

    fn on_reply(
        &mut self,
        now: Instant,
        header: ReplyHeader,
        reader: &mut Reader<'_>,
        frame: &Bytes,
        fx: &mut Effects<Self>,
    ) -> Result<(), Fault> {
        let Phase::Connected(link) = &mut self.phase else { return Ok(()) };
        let (request, handed) = link.take(header.xid, now)?;
        self.is_alive(handed);
        let read = request.expected.decode(header.error, reader, frame);
        let read = read.map_err(Fault::from).and_then(|answer| {
            self.saw(header.zxid)?;
            Ok(answer)
        });
        match read {
            Ok(answer) => {
                self.metrics.count(request.expected.op, answer.as_ref().err());
                self.metrics.latency.add(now.saturating_since(handed));
                self.on_answer(request, answer, fx)?;
                if !self.backlog.is_empty() {
                    self.send_backlog(fx);
                }
                Ok(())
            }
            Err(fault) => {
                // It fails with all others of this connection.
                if let Phase::Connected(link) = &mut self.phase {
                    link.put_back(request);
                }
                Err(fault)
            }
        }
    }

    fn on_answer(
        &mut self,
        request: InFlight<T>,
        answer: Result<Reply, Failure>,
        fx: &mut Effects<Self>,
    ) -> Result<(), Fault> {
        let mut fault = None;
        let watch = request.setting.as_ref().and_then(|setting| {
            let settled = self.watches.settled(setting, answer.as_ref().err());
            settled.unwrap_or_else(|()| {
                fault = Some(Misbehaved::WatchRefused);
                None
            })
        });
        match request.waiter {
            Waiter::Caller(tag) => fx.output(Output::Answered { tag, answer, watch }),
            Waiter::Closing => self.end(State::Closed, fx),
            Waiter::Removal(removal) => {
                if answer.is_err() {
                    self.watches.removal_refused(&removal);
                    self.tidy_watches(&removal.path);
                }
            }
            Waiter::SetBehind(path) => {
                let since = self.seen.replied;
                for watch in self.watches.recursive_at(&path) {
                    fx.output(Output::Watch { watch, notice: Notice::Gap { since } });
                }
            }
        }
        if let Some(setting) = &request.setting {
            self.tidy_watches(&setting.path);
        }
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// A reply shows the state as of `zxid`. Some replies show none: 0 and −1.
    fn saw(&mut self, zxid: i64) -> Result<(), Fault> {
        let Some(link) = self.link() else { return Ok(()) };
        if zxid <= 0 {
            return Ok(());
        }
        let zxid = Zxid::from_wire(zxid);
        if zxid < link.floor {
            return Err(Misbehaved::WentBack { answered: zxid, seen: link.floor }.into());
        }
        self.seen.replied = self.seen.replied.max(zxid);
        self.seen.newest = self.seen.newest.max(zxid);
        Ok(())
    }

    pub(super) fn on_ping_due(&mut self, now: Instant, fx: &mut Effects<Self>) {
        let Some(timeout) = self.identity.as_ref().map(|identity| identity.timeout) else { return };
        let Phase::Connected(link) = &mut self.phase else { return };
        let due = link.said + ping_interval(timeout);
        if due > now {
            // Something else was said meanwhile.
            fx.set_timer(Timer::Ping, due);
            return;
        }
        if link.ping.is_none() {
            link.ping = Some(now);
            put_request(&mut self.outgoing, Xid::PING, OpCode::Ping, |_| {});
        }
        fx.set_timer(Timer::Ping, now + ping_interval(timeout));
    }

    pub(super) fn on_silence_due(&mut self, now: Instant, fx: &mut Effects<Self>) {
        let Some(timeout) = self.identity.as_ref().map(|identity| identity.timeout) else { return };
        let Phase::Connected(link) = &mut self.phase else { return };
        let due = link.heard + silence_max(timeout);
        if due > now {
            fx.set_timer(Timer::Silence, due);
            return;
        }
        let silent = now.saturating_since(link.heard);
        self.hang_up(now, Fault::Silent(silent), fx);
    }

    pub(super) fn on_seek_due(&mut self, now: Instant, fx: &mut Effects<Self>) {
        if self.link().is_some_and(|link| link.read_only) {
            fx.output(Output::Seek { server: self.servers.take_turn() });
            self.set_seek_timer(now, fx);
        }
    }

    pub(super) fn set_seek_timer(&mut self, now: Instant, fx: &mut Effects<Self>) {
        self.seeks = self.seeks.saturating_add(1);
        let delay = SEEK.delay(self.seeks, &mut self.random);
        fx.set_timer(Timer::Seek, now + delay);
    }
}
