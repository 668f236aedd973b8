//! A read shows the state that its zxid names, and nothing else (G3, G8, G16).

use super::changes::Change;
use super::ledger::{Cursor, Shared};
use super::{Checked, broken, seen};
use crate::client::{Ask, Reply, Seen};
use crate::participant::Participant;
use std::collections::{BTreeMap, BTreeSet};
use zoarium_proto::{ErrorCode, Zxid};
use zoarium_sim::{Checker, Event, EventKind, Running};

const RULE: &str = "a read shows the state that its zxid names";

/// What became of a znode, and by which txns: its data, or that it went.
type Versions = Vec<(Zxid, Option<Vec<u8>>)>;

#[derive(Debug)]
pub(super) struct Contents {
    ledger: Shared,
    cursor: Cursor,
    znodes: BTreeMap<String, Versions>,
}

impl Contents {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self { ledger, cursor: Cursor::new(), znodes: BTreeMap::new() }
    }

    /// Takes in what is committed since the last time; what a lone server has lost is forgotten.
    fn catch_up(&mut self) {
        let ledger = self.ledger.borrow();
        if ledger.is_cut(&self.cursor) {
            self.znodes.clear();
            self.cursor = ledger.beginning();
        }
        for (zxid, logged) in ledger.news(&mut self.cursor) {
            for change in &logged.changes {
                let (path, data) = match change {
                    Change::Created { path, data, .. } | Change::DataSet { path, data } => {
                        (path, Some(data.clone()))
                    }
                    Change::Deleted { path } => (path, None),
                    Change::SessionClosed(_) => continue,
                };
                self.znodes.entry(path.clone()).or_default().push((zxid, data));
            }
        }
    }

    fn at(&self, path: &str, zxid: Zxid) -> Option<&Vec<u8>> {
        let versions = self.znodes.get(path)?;
        let count = versions.partition_point(|(at, _)| *at <= zxid);
        versions[..count].last()?.1.as_ref()
    }

    fn check(&self, zxid: Zxid, path: &str, reply: &Reply) -> Checked {
        let is_missing = *reply == Reply::Error(ErrorCode::NoNode.to_wire());
        let data = match reply {
            Reply::Data { data, .. } => Some(data),
            Reply::Stat(_) if self.at(path, zxid).is_some() => return Ok(()),
            Reply::Stat(_) => None,
            _ if is_missing && self.at(path, zxid).is_none() => return Ok(()),
            _ if is_missing => None,
            // What was refused shows nothing.
            _ => return Ok(()),
        };
        let there = self.at(path, zxid);
        if data.is_some() && data == there {
            return Ok(());
        }
        let text = |data: Option<&Vec<u8>>| {
            data.map_or_else(|| "nothing".to_owned(), |it| it.escape_ascii().to_string())
        };
        broken(RULE, format!("{path} at {zxid} is {}, shown {}", text(there), text(data)))
    }

    fn check_list(&self, zxid: Zxid, parent: &str, names: &[String]) -> Checked {
        let prefix = format!("{parent}/");
        let below = self.znodes.range(prefix.clone()..);
        let below = below.map(|(path, _)| path).take_while(|path| path.starts_with(&prefix));
        let there: BTreeSet<&str> = below
            .filter(|path| self.at(path, zxid).is_some())
            .map(|it| &it[prefix.len()..])
            .collect();
        let shown: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        match there == shown {
            true => Ok(()),
            false => broken(RULE, format!("{parent} at {zxid} has {there:?}, shown {shown:?}")),
        }
    }
}

impl Checker<Participant> for Contents {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Output]
    }

    fn on_event(&mut self, event: &Event<'_, Participant>, _: &Running<Participant>) -> Checked {
        let Some((_, Seen::Replied { zxid, ask, reply, .. })) = seen(event) else { return Ok(()) };
        match (ask, reply) {
            (Ask::Get { path, .. } | Ask::Exists { path, .. }, _) => {
                self.catch_up();
                self.check(*zxid, path, reply)
            }
            (Ask::GetBoth { paths }, Reply::Results(results)) => {
                self.catch_up();
                let mut both = paths.iter().zip(results);
                both.try_for_each(|(path, result)| self.check(*zxid, path, result))
            }
            (Ask::List { path, .. }, Reply::Children(names)) => {
                self.catch_up();
                self.check_list(*zxid, path, names)
            }
            _ => Ok(()),
        }
    }
}
