//! What was acknowledged or read is there after every crash (G7, G8), and a tree that is read back
//! is what its history makes of it.

use super::changes::Change;
use super::ledger::Shared;
use super::{Checked, broken, seen, started};
use crate::client::{Ask, Reply, Seen};
use crate::member::Member;
use crate::participant::Participant;
use std::collections::{BTreeMap, BTreeSet};
use zoarium_proto::Zxid;
use zoarium_sim::{Checker, Event, EventKind, Running};

#[derive(Debug)]
pub(super) struct Durability {
    ledger: Shared,
    /// The newest zxid of a reply to a write, and of any reply.
    acked: Zxid,
    seen: Zxid,
    /// What was created under `/keep` and acknowledged, with its data.
    kept: BTreeMap<String, Vec<u8>>,
    /// What a client knows not to be created, because it has not left it.
    unsent: BTreeSet<String>,
}

impl Checker<Participant> for Durability {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Started, EventKind::Output]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        if let Some((_, Seen::Replied { zxid, ask, reply, .. })) = seen(event) {
            self.on_reply(*zxid, ask, reply);
        }
        if let Some((_, Seen::NotSent(Ask::Create { path, .. }))) = seen(event)
            && path.starts_with("/keep/")
        {
            self.unsent.insert(path.clone());
        }
        started(event, running).map_or(Ok(()), |member| self.check(member))
    }

    fn settled(&self, running: &Running<Participant>) -> Checked {
        let members = running.keys().filter_map(|name| super::member(running, *name));
        let mut serving = members.filter(|member| member.is_serving());
        serving.try_for_each(|member| self.check_kept(member))
    }
}

impl Durability {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self {
            ledger,
            acked: Zxid::ZERO,
            seen: Zxid::ZERO,
            kept: BTreeMap::new(),
            unsent: BTreeSet::new(),
        }
    }

    fn on_reply(&mut self, zxid: Zxid, ask: &Ask, reply: &Reply) {
        self.seen = self.seen.max(zxid);
        if matches!(reply, Reply::Error(_)) {
            return;
        }
        if ask.is_write() {
            self.acked = self.acked.max(zxid);
        }
        if let Ask::Create { path, data, .. } = ask
            && path.starts_with("/keep/")
        {
            self.kept.insert(path.clone(), data.clone());
        }
    }

    fn check(&self, member: &Member) -> Checked {
        let last = member.recovered().last_zxid;
        // In an ensemble others may have it; the ledger sees to that.
        if self.ledger.borrow().is_alone() {
            if last < self.acked {
                let detail = format!("{} was acknowledged, recovery ends at {last}", self.acked);
                return broken("no acknowledged write is lost", detail);
            }
            if last < self.seen {
                let detail = format!("{} was read, recovery ends at {last}", self.seen);
                return broken("no state that was read is undone", detail);
            }
            self.check_kept(member)?;
        }
        match member.recovered().is_whole {
            true => self.check_content(member),
            false => Ok(()),
        }
    }

    fn check_kept(&self, member: &Member) -> Checked {
        let is_there = |path: &str, data: &[u8]| {
            member.tree().find(path).is_some_and(|znode| znode.data() == Some(data))
        };
        if let Some(path) = self.unsent.iter().find(|path| member.tree().find(path).is_some()) {
            return broken("what was not sent is not done", path.clone());
        }
        match self.kept.iter().find(|(path, data)| !is_there(path, data)) {
            Some((path, _)) => broken("no acknowledged write is lost", format!("{path} is gone")),
            None => Ok(()),
        }
    }

    /// The tree has what the history says, and nothing else.
    fn check_content(&self, member: &Member) -> Checked {
        let ledger = self.ledger.borrow();
        let history = ledger.history(member.recovered().last_zxid);
        let mut expected: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for change in history.iter().flat_map(|logged| &logged.changes) {
            match change {
                Change::Created { path, data, .. } | Change::DataSet { path, data } => {
                    expected.insert(path, data);
                }
                Change::Deleted { path } => {
                    expected.remove(path.as_str());
                }
                Change::SessionClosed(_) => {}
            }
        }
        let rule = "the tree is what its history makes of it";
        for (path, data) in &expected {
            let found = member.tree().find(path).map(|znode| znode.data().unwrap_or_default());
            if found != Some(*data) {
                let found = found.map(<[u8]>::escape_ascii);
                let found = found.map_or_else(|| "missing".to_owned(), |it| it.to_string());
                return broken(rule, format!("{path} is {found}, not {}", data.escape_ascii()));
            }
        }
        // The reserved znodes and the root, which counts twice, are in no history.
        let count = member.tree().znode_count();
        match count == expected.len() + 5 {
            true => Ok(()),
            false => broken(rule, format!("{count} znodes, {} created", expected.len())),
        }
    }
}
