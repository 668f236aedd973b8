//! A sync is answered when the server has all that its leader had committed when it was asked
//! (G9).

use super::ledger::Shared;
use super::{Checked, broken, member, seen};
use crate::client::{Ask, Seen};
use crate::participant::{Body, Message, Participant};
use crate::segment::Segment;
use std::collections::BTreeMap;
use zoarium_process::Input;
use zoarium_proto::{OpCode, Reader, SessionId, Zxid};
use zoarium_sim::{Checker, Event, EventKind, Running, What};
use zoarium_zab::Packet;

const RULE: &str = "a sync brings the server to where its leader was";

/// How far the leader was when it was asked, by session and xid.
#[derive(Debug)]
pub(super) struct Syncs {
    ledger: Shared,
    asked: BTreeMap<(SessionId, i32), Zxid>,
}

impl Syncs {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self { ledger, asked: BTreeMap::new() }
    }
}

impl Checker<Participant> for Syncs {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Input, EventKind::Output]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        if let What::Input { process, input: Input::Message { from, message }, .. } = event.what
            && let Some(member) = member(running, process)
            && member.is_leading()
        {
            let sync = match message {
                Message::Server(segment) => forwarded(segment),
                Message::Client { connection, body: Body::Frame(frame) } => {
                    member.session(*from, *connection).and_then(|session| asked(session, frame))
                }
                Message::Client { .. } => None,
            };
            if let Some(sync) = sync {
                self.asked.insert(sync, member.tree().last_zxid());
            }
        }
        let Some((_, Seen::Replied { session, xid, zxid, ask: Ask::Sync, .. })) = seen(event)
        else {
            return Ok(());
        };
        match self.asked.get(&(*session, xid.0)) {
            Some(leader) if *zxid < self.ledger.borrow().last_txn(*leader) => {
                broken(RULE, format!("{session} is at {zxid}, the leader was at {leader}"))
            }
            Some(_) => Ok(()),
            None => broken(RULE, format!("{session} is answered, and no leader was asked")),
        }
    }
}

/// The session and xid of a sync that a learner has forwarded.
fn forwarded(segment: &Segment) -> Option<(SessionId, i32)> {
    let Packet::Request(request) = segment.packet()? else { return None };
    let mut reader = Reader::new(&request.bytes);
    let (session, xid) = (SessionId(reader.long().ok()?), reader.int().ok()?);
    let op = OpCode::from_wire(reader.int().ok()?);
    (op == Some(OpCode::Sync)).then_some((session, xid))
}

/// The session and xid of a sync that a leader's own client has sent.
fn asked(session: SessionId, frame: &[u8]) -> Option<(SessionId, i32)> {
    let mut reader = Reader::new(frame);
    let (xid, op) = (reader.int().ok()?, OpCode::from_wire(reader.int().ok()?));
    (op == Some(OpCode::Sync)).then_some((session, xid))
}
