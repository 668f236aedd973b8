//! One version of a znode has one value, whoever reads it and whenever (G1, G8).

use super::{Checked, broken, seen};
use crate::client::{Ask, Reply, Seen};
use crate::participant::Participant;
use std::collections::BTreeMap;
use zoarium_proto::{Stat, Zxid};
use zoarium_sim::{Checker, Event, EventKind, Running};

/// A znode, by its path and the txn that created it, and its version.
type Version = (String, Zxid, i32);

#[derive(Debug, Default)]
pub(super) struct Stability {
    known: BTreeMap<Version, (Zxid, Option<Vec<u8>>)>,
}

impl Checker<Participant> for Stability {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Output]
    }

    fn on_event(&mut self, event: &Event<'_, Participant>, _: &Running<Participant>) -> Checked {
        if let Some((_, Seen::Misbehaved(fault))) = seen(event) {
            return broken("servers keep to the protocol", fault.to_string());
        }
        let Some((_, Seen::Replied { ask, reply, .. })) = seen(event) else { return Ok(()) };
        match (ask, reply) {
            (Ask::Get { path, .. }, Reply::Data { data, stat }) => {
                self.note(path, stat, Some(data))
            }
            (Ask::Exists { path, .. }, Reply::Stat(stat)) => self.note(path, stat, None),
            (Ask::Set { path, data }, Reply::Stat(stat)) => self.note(path, stat, Some(data)),
            (Ask::Create { path, data, .. }, Reply::Created { stat, .. }) => {
                self.note(path, stat, Some(data))
            }
            (Ask::GetBoth { paths }, Reply::Results(results)) => {
                paths.iter().zip(results).try_for_each(|(path, result)| match result {
                    Reply::Data { data, stat } => self.note(path, stat, Some(data)),
                    _ => Ok(()),
                })
            }
            (Ask::SetBoth { paths, data, .. }, Reply::Results(results)) => {
                paths.iter().zip(results).try_for_each(|(path, result)| match result {
                    Reply::Stat(stat) => self.note(path, stat, Some(data)),
                    _ => Ok(()),
                })
            }
            _ => Ok(()),
        }
    }
}

impl Stability {
    fn note(&mut self, path: &str, stat: &Stat, data: Option<&Vec<u8>>) -> Checked {
        let version = (path.to_owned(), stat.czxid, stat.version);
        let new = (stat.mzxid, data.cloned());
        let known = self.known.entry(version.clone()).or_insert_with(|| new.clone());
        known.1 = known.1.take().or_else(|| new.1.clone());
        if known.0 == new.0 && (new.1.is_none() || known.1 == new.1) {
            return Ok(());
        }
        let text = |it: &(Zxid, Option<Vec<u8>>)| {
            format!("{} {}", it.0, it.1.as_deref().unwrap_or_default().escape_ascii())
        };
        let detail = format!("{version:?} is {}, then {}", text(known), text(&new));
        broken("one version has one value", detail)
    }
}
