//! Sequence numbers are given once and in order, over deletes and crashes (G17).

use super::{Checked, broken, seen};
use crate::client::{Ask, Reply, Seen};
use crate::participant::Participant;
use std::collections::BTreeMap;
use zoarium_proto::Zxid;
use zoarium_sim::{Checker, Event, EventKind, Running};

const RULE: &str = "sequence numbers are unique and in order";

/// The numbers that were acknowledged, with their txns.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    given: BTreeMap<i32, Zxid>,
}

impl Checker<Participant> for Sequences {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Output]
    }

    fn on_event(&mut self, event: &Event<'_, Participant>, _: &Running<Participant>) -> Checked {
        let Some((_, Seen::Replied { ask: Ask::CreateSequential { .. }, reply, .. })) = seen(event)
        else {
            return Ok(());
        };
        let Reply::Created { path, stat } = reply else { return Ok(()) };
        let number = path.strip_prefix("/seq/n-").filter(|digits| digits.len() == 10);
        let Some(number) = number.and_then(|digits| digits.parse().ok()) else {
            return broken(RULE, format!("{path} has no number of ten digits"));
        };
        if let Some(before) = self.given.insert(number, stat.czxid) {
            return broken(RULE, format!("{path} is of {before} and of {}", stat.czxid));
        }
        let lower = self.given.range(..number).next_back();
        let higher = self.given.range(number + 1..).next();
        let in_order = lower.is_none_or(|(_, zxid)| *zxid < stat.czxid)
            && higher.is_none_or(|(_, zxid)| *zxid > stat.czxid);
        match in_order {
            true => Ok(()),
            false => broken(RULE, format!("{path} of {} is out of order", stat.czxid)),
        }
    }
}
