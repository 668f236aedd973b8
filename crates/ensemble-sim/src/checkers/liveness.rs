//! When nothing fails any more, every server serves, every client is served, sessions of clients
//! that are there live, and all servers come to the same state (G14, G20).

use super::ledger::Shared;
use super::{Checked, broken, member, seen};
use crate::client::{Ask, Reply, Seen};
use crate::member::Member;
use crate::participant::{Name, Participant};
use std::collections::BTreeSet;
use std::sync::Arc;
use zoarium_proto::{ServerId, SessionId, Xid};
use zoarium_sim::{Checker, Event, EventKind, Running, What};

/// Which clients have had a write answered that they sent after the faults.
#[derive(Debug)]
pub(super) struct Liveness {
    ledger: Shared,
    is_calm: bool,
    asked: BTreeSet<(SessionId, i32)>,
    served: BTreeSet<Name>,
}

impl Liveness {
    pub(super) fn new(ledger: Shared) -> Self {
        Self { ledger, is_calm: false, asked: BTreeSet::new(), served: BTreeSet::new() }
    }
}

impl Checker<Participant> for Liveness {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Calmed, EventKind::Output]
    }

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
        let ledger = self.ledger.borrow();
        let membership = ledger.newest_membership();
        // Who is not in the ensemble may come and go.
        let is_in = |name: &Name| match (name, membership) {
            (Name::Server(id), Some(all)) => all.members.contains_key(&ServerId((*id).into())),
            (Name::Server(_), None) => true,
            (Name::Client(_), _) => false,
        };
        let members = || {
            let names = running.keys().filter(|name| is_in(name));
            names.filter_map(|name| Some((*name, member(running, *name)?)))
        };
        if let Some((name, _)) = members().find(|(_, member)| !member.is_serving()) {
            return broken("every server serves in the end", format!("{name:?} does not"));
        }
        let in_force =
            |member: &Member| member.peer().zab().map(|zab| Arc::clone(zab.membership()));
        let differs = |(_, member): &(Name, &Member)| {
            in_force(member).is_some_and(|it| Some(&it.members) != membership.map(|it| &it.members))
        };
        if let Some((name, _)) = members().find(differs) {
            return broken("all servers know who is in the ensemble", format!("{name:?} does not"));
        }
        let state = |member: &Member| {
            let tree = member.tree();
            (tree.last_zxid(), tree.digest(), tree.sessions().len(), tree.znode_count())
        };
        let mut states = members().map(|(name, member)| (name, state(member)));
        if let Some((one, first)) = states.next()
            && let Some((other, second)) = states.find(|(_, state)| *state != first)
        {
            let detail = format!("{one:?} is at {first:?}, {other:?} at {second:?}");
            return broken("all servers come to the same state", detail);
        }
        let mut clients = running.keys().filter(|name| matches!(name, Name::Client(_)));
        match clients.find(|name| !self.served.contains(name)) {
            Some(name) => broken("every client is served in the end", format!("{name:?} is not")),
            None => Ok(()),
        }
    }
}
