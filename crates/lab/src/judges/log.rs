//! The properties of a replicated log.

use super::rules;
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::Subject;
use std::collections::BTreeMap;
use zoarium_sim::{Checker, Event, Running, Violation, What};

/// All deliver the same commands in the same order, from the first on and without gaps.
#[derive(Debug, Default)]
pub(crate) struct TotalOrder {
    /// The longest order anyone has shown.
    order: Vec<Value>,
    /// How far each process is, since it was started.
    places: BTreeMap<Name, u64>,
}

impl TotalOrder {
    fn on_delivered(&mut self, process: Name, place: u64, value: &Value) -> Result<(), String> {
        let last = self.places.entry(process).or_default();
        if place > *last + 1 {
            return Err(format!("{process} delivers {value} at {place} after {last}"));
        }
        *last = place;
        let index = usize::try_from(place - 1).unwrap_or(usize::MAX);
        match self.order.get(index) {
            Some(known) if known == value => Ok(()),
            Some(known) => {
                Err(format!("{process} delivers {value} at {place}, another delivered {known}"))
            }
            None => {
                self.order.push(value.clone());
                Ok(())
            }
        }
    }
}

impl<S: Subject> Checker<S> for TotalOrder {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        match event.what {
            What::Started { process, .. } => {
                self.places.remove(&process);
                Ok(())
            }
            What::Output { process, output: Said::Delivered { place, value } } => {
                let result = self.on_delivered(process, *place, value);
                result.map_err(|detail| Violation::new(rules::TOTAL_ORDER, detail))
            }
            _ => Ok(()),
        }
    }
}

/// If a primary broadcasts one command after another, who delivers the second has delivered the
/// first before it: the second may have been made on top of the first.
#[derive(Debug, Default)]
pub(crate) struct PrimaryOrder {
    /// What each primary broadcast in its round, in order.
    broadcast: BTreeMap<(Name, u64), Vec<Value>>,
    delivered: BTreeMap<Name, Vec<Value>>,
}

impl PrimaryOrder {
    fn on_delivered(&mut self, process: Name, value: &Value) -> Result<(), String> {
        let before = self.delivered.entry(process).or_default();
        for ((primary, _), commands) in &self.broadcast {
            let Some(place) = commands.iter().position(|command| command == value) else {
                continue;
            };
            let missing = commands[..place].iter().find(|earlier| !before.contains(earlier));
            if let Some(missing) = missing {
                return Err(format!(
                    "{process} delivers {value}, which {primary} made on top of {missing}, \
                     without {missing}"
                ));
            }
        }
        before.push(value.clone());
        Ok(())
    }
}

impl<S: Subject> Checker<S> for PrimaryOrder {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        match event.what {
            What::Started { process, .. } => {
                self.delivered.remove(&process);
                Ok(())
            }
            What::Output { process, output: Said::Broadcast { round, value } } => {
                self.broadcast.entry((process, *round)).or_default().push(value.clone());
                Ok(())
            }
            What::Output { process, output: Said::Delivered { value, .. } } => {
                let result = self.on_delivered(process, value);
                result.map_err(|detail| Violation::new(rules::PRIMARY_ORDER, detail))
            }
            _ => Ok(()),
        }
    }
}

/// A read returns the last write that was answered before the read was asked, or a later one.
/// Writes are `…=value` and their answers are the place in the log; reads are `read…`, answered
/// with the place they have seen.
#[derive(Debug, Default)]
pub(crate) struct Registers {
    /// The place of the last answered write.
    written: u64,
}

impl<S: Subject> Checker<S> for Registers {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        let What::Output { process, output: Said::Answered { request, answer } } = event.what
        else {
            return Ok(());
        };
        let Ok(place) = answer.as_str().parse::<u64>() else { return Ok(()) };
        if !request.as_str().starts_with("read") {
            self.written = self.written.max(place);
            return Ok(());
        }
        if place >= self.written {
            return Ok(());
        }
        let detail =
            format!("{process} reads place {place} when place {} is answered", self.written);
        Err(Violation::new(rules::FRESH_READS, detail))
    }
}

/// An epoch has one leader.
#[derive(Debug, Default)]
pub(crate) struct OneLeader {
    leaders: BTreeMap<u64, Name>,
}

impl<S: Subject> Checker<S> for OneLeader {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        let What::Output { process, output: Said::Leads { round } } = event.what else {
            return Ok(());
        };
        let leader = *self.leaders.entry(*round).or_insert(process);
        if leader == process {
            return Ok(());
        }
        let detail = format!("{leader} and {process} lead epoch {round}");
        Err(Violation::new(rules::ONE_LEADER, detail))
    }
}
