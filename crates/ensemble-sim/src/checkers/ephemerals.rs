//! Ephemerals live as long as their sessions: no longer, and unless deleted no shorter (G15).

use super::changes::Change;
use super::ledger::{Cursor, Shared};
use super::{Checked, broken, member, seen, started};
use crate::client::{Ask, Reply, Seen};
use crate::member::Member;
use crate::participant::{Name, Output, Participant};
use std::collections::BTreeMap;
use std::rc::Rc;
use zoarium_proto::{SessionId, Zxid};
use zoarium_sim::{Checker, Event, EventKind, Running, What};

const RULE: &str = "ephemerals live as long as their sessions";

/// What should be there, by what sessions and txns say, and not by what a closeSession lists.
#[derive(Debug)]
pub(super) struct Ephemerals {
    ledger: Shared,
    cursor: Cursor,
    live: BTreeMap<String, SessionId>,
    /// When an ephemeral of this path came or went last.
    changed: BTreeMap<String, Zxid>,
    /// The state of each server that was looked at last.
    looked_at: BTreeMap<Name, Zxid>,
}

impl Checker<Participant> for Ephemerals {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Started, EventKind::Stepped, EventKind::Output]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        if let Some(member) = started(event, running)
            && member.options().ensemble.is_none()
        {
            self.start_from(member);
        }
        if let What::Output { output: Output::Applied { .. } | Output::Serving { .. }, .. } =
            event.what
        {
            self.catch_up();
        }
        if let What::Stepped(process) = event.what
            && let Some(member) = member(running, process).filter(|member| member.is_serving())
        {
            let zxid = member.tree().last_zxid();
            let is_new = self.looked_at.insert(process, zxid) != Some(zxid);
            return if is_new { no_orphans(member) } else { Ok(()) };
        }
        match seen(event) {
            Some((_, Seen::Replied { zxid, ask: Ask::List { path, .. }, reply, .. })) => {
                self.on_list(*zxid, path, reply)
            }
            _ => Ok(()),
        }
    }

    fn settled(&self, running: &Running<Participant>) -> Checked {
        let lacks = |member: &Member| {
            let mut live = self.live.keys();
            live.find(|path| member.tree().find(path).is_none()).cloned()
        };
        let members = running.keys().filter_map(|name| member(running, *name));
        match members.filter(|member| member.is_serving()).find_map(lacks) {
            Some(path) => broken(RULE, format!("{path} is gone before its session")),
            None => Ok(()),
        }
    }
}

/// No ephemeral belongs to a session that is over.
fn no_orphans(member: &Member) -> Checked {
    let tree = member.tree();
    let mut owners = tree.sessions_with_ephemerals();
    match owners.find(|session| !tree.sessions().contains_key(session)) {
        Some(session) => {
            let paths: Vec<String> = tree.ephemerals(session).collect();
            broken(RULE, format!("{session} is over and has {paths:?}"))
        }
        None => Ok(()),
    }
}

impl Ephemerals {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self {
            ledger,
            cursor: Cursor::new(),
            live: BTreeMap::new(),
            changed: BTreeMap::new(),
            looked_at: BTreeMap::new(),
        }
    }

    /// Recovery may have lost what nobody was told of.
    fn start_from(&mut self, member: &Member) {
        self.live.clear();
        self.changed.clear();
        let tree = member.tree();
        for session in tree.sessions_with_ephemerals() {
            self.live.extend(tree.ephemerals(session).map(|path| (path, session)));
        }
    }

    fn catch_up(&mut self) {
        let ledger = Rc::clone(&self.ledger);
        let ledger = ledger.borrow();
        for (zxid, logged) in ledger.news(&mut self.cursor) {
            logged.changes.iter().for_each(|change| self.apply(zxid, change));
        }
    }

    fn apply(&mut self, zxid: Zxid, change: &Change) {
        match change {
            Change::Created { path, owner: Some(owner), .. } => {
                self.live.insert(path.clone(), *owner);
                self.changed.insert(path.clone(), zxid);
            }
            Change::Deleted { path } => {
                self.live.remove(path);
                self.changed.insert(path.clone(), zxid);
            }
            Change::SessionClosed(session) => {
                let changed = &mut self.changed;
                self.live.retain(|path, owner| {
                    let stays = owner != session;
                    if !stays {
                        changed.insert(path.clone(), zxid);
                    }
                    stays
                });
            }
            Change::Created { owner: None, .. } | Change::DataSet { .. } => {}
        }
    }

    /// A list shows those ephemerals that are there, as far as they have not changed since.
    fn on_list(&self, zxid: Zxid, parent: &str, reply: &Reply) -> Checked {
        let Reply::Children(names) = reply else { return Ok(()) };
        for (path, at) in self.changed.iter().filter(|(_, at)| **at <= zxid) {
            let Some(name) = path.strip_prefix(parent).and_then(|it| it.strip_prefix('/')) else {
                continue;
            };
            let is_listed = names.iter().any(|listed| listed == name);
            let is_live = self.live.contains_key(path);
            if parent == "/eph" && is_listed != is_live {
                let state = if is_live { "lacks" } else { "has" };
                return broken(RULE, format!("a list at {zxid} {state} {path}, see {at}"));
            }
        }
        Ok(())
    }
}
