//! A multi is done as a whole or not at all, and nobody sees a part of it (G16).

use super::{Checked, broken, seen};
use crate::client::{Ask, Reply, Seen};
use crate::participant::{Name, Participant};
use std::collections::{BTreeMap, BTreeSet};
use zoarium_proto::Zxid;
use zoarium_sim::{Checker, Event, EventKind, Running, What};

const RULE: &str = "a multi is all or nothing";

#[derive(Debug, Default)]
pub(super) struct Multis {
    /// The values of multis that must fail.
    bad: BTreeSet<Vec<u8>>,
    /// The state of each server that was looked at last.
    looked_at: BTreeMap<Name, Zxid>,
}

impl Checker<Participant> for Multis {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Stepped, EventKind::Output]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        if let What::Stepped(process) = event.what
            && let Some(member) = super::member(running, process).filter(|it| it.is_serving())
            && self.looked_at.insert(process, member.tree().last_zxid())
                != Some(member.tree().last_zxid())
        {
            let stat = |path| member.tree().find(path).map(|znode| znode.raw());
            let (x, y) = (stat("/pair/x"), stat("/pair/y"));
            // They are created one after the other, and set together ever after.
            let is_set = [x, y].iter().flatten().any(|stat| stat.version > 0);
            let (x, y) = (x.map(|stat| stat.mzxid), y.map(|stat| stat.mzxid));
            if is_set && x != y {
                return broken(RULE, format!("the pair was set by {x:?} and {y:?}"));
            }
        }
        match seen(event) {
            Some((_, Seen::Sent { ask: Ask::SetBoth { data, failing: true, .. }, .. })) => {
                self.bad.insert(data.clone());
                Ok(())
            }
            Some((_, Seen::Replied { ask, reply: Reply::Results(results), .. })) => {
                self.on_results(ask, results)
            }
            _ => Ok(()),
        }
    }
}

impl Multis {
    fn on_results(&self, ask: &Ask, results: &[Reply]) -> Checked {
        let failed = results.iter().filter(|it| matches!(it, Reply::Error(_))).count();
        match ask {
            Ask::SetBoth { failing: true, .. } if failed != results.len() => {
                broken(RULE, format!("a part of a failed one succeeded: {results:?}"))
            }
            Ask::SetBoth { failing: false, .. } if failed != 0 && failed != results.len() => {
                broken(RULE, format!("some parts failed: {results:?}"))
            }
            Ask::GetBoth { .. } => {
                let [Reply::Data { data: x, stat: sx }, Reply::Data { data: y, stat: sy }] =
                    results
                else {
                    return Ok(());
                };
                if self.bad.contains(x) || self.bad.contains(y) {
                    return broken(RULE, format!("{} is of a failed one", x.escape_ascii()));
                }
                match sx.version.max(sy.version) == 0 || (x == y && sx.mzxid == sy.mzxid) {
                    true => Ok(()),
                    false => broken(RULE, format!("half of {} or {} was read", sx.mzxid, sy.mzxid)),
                }
            }
            _ => Ok(()),
        }
    }
}
