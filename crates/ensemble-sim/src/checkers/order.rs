//! What a session is told comes in the order it asked, and time never runs back in it; what it asks
//! is done in the order it asked, whichever servers it has asked (G3–G5).

use super::changes::Change;
use super::ledger::{Cursor, Shared};
use super::{Checked, broken, seen};
use crate::client::Seen;
use crate::participant::{Output, Participant};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use zoarium_proto::{SessionId, Zxid};
use zoarium_sim::{Checker, Event, EventKind, Running, What};

#[derive(Debug)]
pub(super) struct Order {
    ledger: Shared,
    cursor: Cursor,
    /// The xid of the last request of each session that was done.
    done: BTreeMap<SessionId, i32>,
    newest: BTreeMap<SessionId, Zxid>,
    /// Sessions that another client has gone on with, which counts its requests from 1 again.
    resumed: BTreeSet<SessionId>,
}

impl Checker<Participant> for Order {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Output]
    }

    fn on_event(&mut self, event: &Event<'_, Participant>, _: &Running<Participant>) -> Checked {
        if matches!(event.what, What::Output { output: Output::Applied { .. }, .. }) {
            self.catch_up()?;
        }
        match seen(event) {
            Some((_, Seen::Detached(session))) => {
                self.resumed.insert(*session);
                Ok(())
            }
            Some((_, Seen::Replied { session, xid, zxid, expected, ask, .. })) => {
                if *expected != Some(*xid) {
                    let detail = format!("{session} was answered {xid:?}, {expected:?} was due");
                    return broken("replies come in the order of requests", detail);
                }
                self.rises(*session, *zxid, ask)
            }
            Some((_, Seen::Event { session, zxid: Some(zxid), path, .. })) => {
                self.rises(*session, *zxid, path)
            }
            _ => Ok(()),
        }
    }
}

impl Order {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self {
            ledger,
            cursor: Cursor::new(),
            done: BTreeMap::new(),
            newest: BTreeMap::new(),
            resumed: BTreeSet::new(),
        }
    }

    fn catch_up(&mut self) -> Checked {
        let ledger = self.ledger.borrow();
        for (zxid, txn) in ledger.news(&mut self.cursor) {
            // Zero is what the server does for a session; what failed may have come too late.
            // A client that moves while it closes its session asks for that twice.
            let closes = txn.changes.contains(&Change::SessionClosed(txn.session));
            let is_resumed = self.resumed.contains(&txn.session);
            if txn.cxid == 0 || txn.is_error || closes || is_resumed || ledger.is_alone() {
                continue;
            }
            let before = self.done.insert(txn.session, txn.cxid);
            if let Some(before) = before.filter(|before| *before >= txn.cxid) {
                let detail = format!("{} does {} at {zxid}, after {before}", txn.session, txn.cxid);
                return broken("what a session asks is done in its order", detail);
            }
        }
        Ok(())
    }

    fn rises(&mut self, session: SessionId, zxid: Zxid, what: &dyn Debug) -> Checked {
        let newest = self.newest.entry(session).or_default();
        if zxid < *newest {
            let detail = format!("{session} saw {newest}, then {zxid} with {what:?}");
            return broken("zxids never fall in a session", detail);
        }
        *newest = zxid;
        Ok(())
    }
}
