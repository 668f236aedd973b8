//! Agreement, integrity and validity of single decisions.

use super::rules;
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::Subject;
use std::collections::{BTreeMap, BTreeSet};
use zoarium_sim::{Checker, Event, Running, Violation, What};

/// No two processes decide differently, and none changes its mind, crashes or not. (Uniform
/// agreement, with integrity as the case of a process and itself.)
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    decided: BTreeMap<Name, Value>,
}

impl<S: Subject> Checker<S> for Agreement {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        let What::Output { process, output: Said::Decided(value) } = event.what else {
            return Ok(());
        };
        let other = self.decided.iter().find(|(_, decided)| *decided != value);
        if let Some((other, decided)) = other {
            let detail = format!("{other} decided {decided}, {process} decides {value}");
            return Err(Violation::new(rules::AGREEMENT, detail));
        }
        self.decided.insert(process, value.clone());
        Ok(())
    }
}

/// What is decided was proposed by someone.
#[derive(Debug, Default)]
pub(crate) struct Validity {
    proposed: BTreeSet<Value>,
}

impl<S: Subject> Checker<S> for Validity {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        let What::Output { process, output } = event.what else { return Ok(()) };
        match output {
            Said::Proposed(value) => {
                self.proposed.insert(value.clone());
            }
            Said::Decided(value) if !self.proposed.contains(value) => {
                let detail = format!("{process} decides {value}, which nobody proposed");
                return Err(Violation::new(rules::VALIDITY, detail));
            }
            Said::Decided(_)
            | Said::Voted { .. }
            | Said::Broadcast { .. }
            | Said::Delivered { .. }
            | Said::Leads { .. }
            | Said::Quorum { .. }
            | Said::Answered { .. }
            | Said::Note(_) => {}
        }
        Ok(())
    }
}
