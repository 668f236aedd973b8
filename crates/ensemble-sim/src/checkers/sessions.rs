//! A session lives for its timeout after the last sign of life, and not much longer; when it is
//! over it stays over (G14).

use super::changes::{Change, changes};
use super::{Checked, broken, member, started};
use crate::participant::{Name, Output, Participant, Timer};
use std::collections::BTreeSet;
use std::time::Duration;
use zoarium_process::{Input, Instant};
use zoarium_proto::SessionId;
use zoarium_sim::{Checker, Event, Running, What};

#[derive(Debug, Default)]
pub(super) struct Sessions {
    over: BTreeSet<SessionId>,
    /// The server that a tick is being given to, and when it was asked for, on its clock.
    ticking: Option<(Name, Instant)>,
    tick_at: Instant,
}

impl Checker<Participant> for Sessions {
    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        const TICK: Timer = Timer::Peer(zoarium_peer::Timer::Sessions);
        if let Some(member) = started(event, running) {
            // What was decided and not durable is not decided.
            self.over.retain(|session| !member.tree().sessions().contains_key(session));
        }
        match event.what {
            What::TimerSet { timer: TICK, at, .. } => self.tick_at = at,
            What::Input { process, input: Input::Timer(TICK), .. } => {
                self.ticking = Some((process, self.tick_at));
            }
            What::Stepped(process) => {
                if let Some((_, at)) = self.ticking.take_if(|(ticking, _)| *ticking == process) {
                    return none_is_late(running, process, at);
                }
            }
            What::Output { output: Output::Applied { txn, .. }, .. } => {
                self.over.extend(changes(txn).1.into_iter().filter_map(|change| match change {
                    Change::SessionClosed(session) => Some(session),
                    Change::Created { .. } | Change::Deleted { .. } | Change::DataSet { .. } => {
                        None
                    }
                }));
            }
            What::Output { output: Output::Expired { session, silent_ms, timeout_ms }, .. }
                if silent_ms < timeout_ms =>
            {
                let detail = format!("{session} was silent for {silent_ms} ms of {timeout_ms}");
                return broken("no session expires early", detail);
            }
            // At the server: a client may hear of it when it is over already.
            What::Output { output: Output::Connected(session), .. }
                if self.over.contains(session) =>
            {
                return broken("a session that is over stays over", session.to_string());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Deadlines are rounded up to ticks, so at a tick nobody is late by more than one.
fn none_is_late(running: &Running<Participant>, server: Name, now: Instant) -> Checked {
    let Some(member) = member(running, server) else { return Ok(()) };
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
