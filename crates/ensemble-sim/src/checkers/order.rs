//! What a session is told comes in the order it asked, and time never runs back in it (G3–G5).

use super::{Checked, broken, seen};
use crate::client::Seen;
use crate::participant::Participant;
use std::collections::BTreeMap;
use zoarium_proto::{SessionId, Zxid};
use zoarium_sim::{Checker, Event, Running};

#[derive(Debug, Default)]
pub(super) struct Order {
    newest: BTreeMap<SessionId, Zxid>,
}

impl Checker<Participant> for Order {
    fn on_event(&mut self, event: &Event<'_, Participant>, _: &Running<Participant>) -> Checked {
        match seen(event) {
            Some((_, Seen::Replied { session, xid, zxid, expected, ask, .. })) => {
                if *expected != Some(*xid) {
                    let detail = format!("{session} was answered {xid:?}, {expected:?} was due");
                    return broken("replies come in the order of requests", detail);
                }
                self.rises(*session, *zxid, &format!("{ask:?}"))
            }
            Some((_, Seen::Event { session, zxid: Some(zxid), path, .. })) => {
                self.rises(*session, *zxid, path)
            }
            _ => Ok(()),
        }
    }
}

impl Order {
    fn rises(&mut self, session: SessionId, zxid: Zxid, what: &str) -> Checked {
        let newest = self.newest.entry(session).or_default();
        if zxid < *newest {
            let detail = format!("{session} saw {newest}, then {zxid} with {what}");
            return broken("zxids never fall in a session", detail);
        }
        *newest = zxid;
        Ok(())
    }
}
