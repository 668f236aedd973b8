//! A session lives for its timeout after the last sign of life, and not much longer; when it is
//! over it stays over (G14).

use super::changes::Change;
use super::ledger::{Cursor, Shared};
use super::{Checked, broken, member, started};
use crate::participant::{Name, Output, Participant, Timer};
use std::collections::BTreeMap;
use std::time::Duration;
use zoarium_process::{Input, Instant};
use zoarium_proto::{SessionId, Zxid};
use zoarium_sim::{Checker, Event, EventKind, Running, What};

#[derive(Debug)]
pub(super) struct Sessions {
    ledger: Shared,
    cursor: Cursor,
    /// Which sessions are over, and since which txn.
    over: BTreeMap<SessionId, Zxid>,
    /// The server that a tick is being given to, and when it was asked for, on its clock.
    ticking: Option<(Name, Instant)>,
    tick_at: BTreeMap<Name, Instant>,
}

impl Sessions {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self {
            ledger,
            cursor: Cursor::new(),
            over: BTreeMap::new(),
            ticking: None,
            tick_at: BTreeMap::new(),
        }
    }

    fn catch_up(&mut self) {
        let ledger = self.ledger.borrow();
        for (zxid, logged) in ledger.news(&mut self.cursor) {
            for change in &logged.changes {
                if let Change::SessionClosed(session) = change {
                    self.over.insert(*session, zxid);
                }
            }
        }
    }
}

impl Checker<Participant> for Sessions {
    fn looks_at(&self) -> &'static [EventKind] {
        &[
            EventKind::Started,
            EventKind::Input,
            EventKind::Stepped,
            EventKind::TimerSet,
            EventKind::Output,
        ]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        const TICK: Timer = Timer::Peer(zoarium_peer::Timer::Sessions);
        if let Some(member) = started(event, running)
            && member.options().ensemble.is_none()
        {
            // What was decided and not durable is not decided.
            self.over.retain(|session, _| !member.tree().sessions().contains_key(session));
        }
        match event.what {
            What::TimerSet { process, timer: TICK, at } => {
                self.tick_at.insert(process, at);
            }
            What::Input { process, input: Input::Timer(TICK), .. } => {
                self.ticking = self.tick_at.get(&process).map(|at| (process, *at));
            }
            What::Stepped(process) => {
                if let Some((_, at)) = self.ticking.take_if(|(ticking, _)| *ticking == process) {
                    return none_is_late(running, process, at);
                }
            }
            What::Output { output: Output::Applied { .. } | Output::Serving { .. }, .. } => {
                self.catch_up();
            }
            What::Output { output: Output::Expired { session, silent_ms, timeout_ms }, .. }
                if silent_ms < timeout_ms =>
            {
                let detail = format!("{session} was silent for {silent_ms} ms of {timeout_ms}");
                return broken("no session expires early", detail);
            }
            // At the server: a client may hear of it when it is over already, and other servers
            // may be further.
            What::Output { process, output: Output::Connected(session) } => {
                let applied = member(running, process).map(|member| member.tree().last_zxid());
                let over = self.over.get(session).copied();
                if over.is_some_and(|over| applied.is_none_or(|applied| over <= applied)) {
                    return broken("a session that is over stays over", session.to_string());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Deadlines are rounded up to ticks, so at a tick nobody is late by more than one.
fn none_is_late(running: &Running<Participant>, server: Name, now: Instant) -> Checked {
    let Some(member) = member(running, server).filter(|it| it.is_leading()) else {
        return Ok(());
    };
    // Without a zxid even the end of a session has to wait.
    if member.peer().zab().is_some_and(|zab| zab.next_zxid().is_none()) {
        return Ok(());
    }
    let tick = member.options().peer.tick;
    let silent = |heard| now.saturating_since(heard);
    let mut sessions = member.sessions();
    match sessions.find(|it| silent(it.heard) > it.timeout + tick + Duration::from_millis(1)) {
        Some(late) => {
            let detail = format!("{} was silent for {:?}", late.session, silent(late.heard));
            broken("sessions expire in time", detail)
        }
        None => Ok(()),
    }
}
