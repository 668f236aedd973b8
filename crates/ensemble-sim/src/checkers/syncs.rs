//! A sync is answered when the server has all that anybody was told before it was sent, so that
//! reads behind it are linearizable; and all that its leader had committed when it was asked (G9).

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

#[derive(Debug)]
pub(super) struct Syncs {
    ledger: Shared,
    /// How far the leader was when it was asked, by session and xid.
    asked: BTreeMap<(SessionId, i32), Zxid>,
    /// The newest zxid that anyone was told, and what that was when a sync was sent.
    newest: Zxid,
    sent: BTreeMap<(SessionId, i32), Zxid>,
}

impl Syncs {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self { ledger, asked: BTreeMap::new(), newest: Zxid::ZERO, sent: BTreeMap::new() }
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
        match seen(event) {
            Some((_, Seen::Sent { session, xid, ask: Ask::Sync })) => {
                self.sent.insert((*session, xid.0), self.newest);
                Ok(())
            }
            Some((_, Seen::Replied { session, xid, zxid, ask, .. })) => {
                self.newest = self.newest.max(*zxid);
                match ask {
                    Ask::Sync => self.on_synced((*session, xid.0), *zxid),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

impl Syncs {
    fn on_synced(&mut self, sync: (SessionId, i32), zxid: Zxid) -> Checked {
        let session = sync.0;
        if let Some(newest) = self.sent.remove(&sync)
            && zxid < newest
        {
            let detail = format!("{session} is at {zxid}, {newest} was known before it asked");
            return broken("synced reads are linearizable", detail);
        }
        match self.asked.get(&sync) {
            Some(leader) if zxid < self.ledger.borrow().last_txn(*leader) => {
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
