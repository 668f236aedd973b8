//! Writes are linearizable (G1), nobody is told of what is not committed, and what was
//! acknowledged is what was committed (G7).

use super::changes::Change;
use super::ledger::{Logged, Shared};
use super::{Checked, broken, seen};
use crate::client::{Ask, Reply, Seen};
use crate::participant::Participant;
use std::collections::BTreeMap;
use zoarium_proto::{SessionId, Xid, Zxid};
use zoarium_sim::{Checker, Event, EventKind, Running};

#[derive(Debug)]
pub(super) struct Writes {
    ledger: Shared,
    /// The newest zxid that anyone was told.
    newest: Zxid,
    /// What that was when a write was sent that is not answered.
    sent: BTreeMap<(SessionId, i32), Zxid>,
}

impl Writes {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self { ledger, newest: Zxid::ZERO, sent: BTreeMap::new() }
    }

    fn on_reply(
        &mut self,
        (session, xid): (SessionId, Xid),
        zxid: Zxid,
        ask: &Ask,
        reply: &Reply,
    ) -> Checked {
        let ledger = self.ledger.borrow();
        if !ledger.is_committed(zxid) {
            let detail = format!("{session} is told of {zxid} with {ask:?}");
            return broken("nobody is told of what is not committed", detail);
        }
        self.newest = self.newest.max(zxid);
        let Some(newest) = self.sent.remove(&(session, xid.0)) else { return Ok(()) };
        if matches!(reply, Reply::Error(_)) {
            return Ok(());
        }
        if zxid <= newest {
            let detail = format!("{ask:?} of {session} has {zxid}, {newest} was known before");
            return broken("writes are linearizable", detail);
        }
        match ledger.committed_txn(zxid) {
            Some(txn) if (txn.session, txn.cxid) == (session, xid.0) && does(txn, ask) => Ok(()),
            Some(_) | None => {
                let detail = format!("{ask:?} of {session} was acknowledged with {zxid}");
                broken("no acknowledged write is lost", detail)
            }
        }
    }
}

/// Whether a txn is what was asked for. Two requests of a session may have one xid, if another
/// client has gone on with it.
fn does(txn: &Logged, ask: &Ask) -> bool {
    match ask {
        Ask::Create { path, data, .. } => txn.changes.iter().any(
            |it| matches!(it, Change::Created { path: p, data: d, .. } if p == path && d == data),
        ),
        Ask::Set { path, data } => txn
            .changes
            .iter()
            .any(|it| matches!(it, Change::DataSet { path: p, data: d } if p == path && d == data)),
        Ask::Delete { path } => {
            txn.changes.iter().any(|it| matches!(it, Change::Deleted { path: p } if p == path))
        }
        _ => true,
    }
}

impl Checker<Participant> for Writes {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Output]
    }

    fn on_event(&mut self, event: &Event<'_, Participant>, _: &Running<Participant>) -> Checked {
        match seen(event) {
            Some((_, Seen::Sent { session, xid, ask })) if ask.is_write() => {
                self.sent.insert((*session, xid.0), self.newest);
                Ok(())
            }
            Some((_, Seen::Disconnected(session) | Seen::Detached(session))) => {
                self.sent.retain(|(of, _), _| of != session);
                Ok(())
            }
            Some((_, Seen::Replied { session, xid, zxid, ask, reply, .. })) => {
                self.on_reply((*session, *xid), *zxid, ask, reply)
            }
            _ => Ok(()),
        }
    }
}
