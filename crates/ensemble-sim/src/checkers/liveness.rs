//! When nothing fails any more, every client is served.

use super::{Checked, broken, seen};
use crate::client::{Ask, Reply, Seen};
use crate::participant::{Name, Participant};
use std::collections::BTreeSet;
use zoarium_proto::{SessionId, Xid};
use zoarium_sim::{Checker, Event, Running, What};

/// Which clients have had a write answered that they sent after the faults.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    is_calm: bool,
    asked: BTreeSet<(SessionId, i32)>,
    served: BTreeSet<Name>,
}

impl Checker<Participant> for Liveness {
    fn on_event(&mut self, event: &Event<'_, Participant>, _: &Running<Participant>) -> Checked {
        self.is_calm |= matches!(event.what, What::Calmed);
        match seen(event) {
            Some((_, Seen::Sent { session, xid: Xid(xid), ask: Ask::Set { .. } }))
                if self.is_calm =>
            {
                self.asked.insert((*session, *xid));
            }
            Some((client, Seen::Replied { session, xid, reply: Reply::Stat(_), .. }))
                if self.asked.contains(&(*session, xid.0)) =>
            {
                self.served.insert(client);
            }
            _ => {}
        }
        Ok(())
    }

    fn settled(&self, running: &Running<Participant>) -> Checked {
        let mut clients = running.keys().filter(|name| matches!(name, Name::Client(_)));
        match clients.find(|name| !self.served.contains(name)) {
            Some(name) => broken("every client is served in the end", format!("{name:?} is not")),
            None => Ok(()),
        }
    }
}
