//! What is special about commit protocols: every participant has a veto.

use super::rules;
use crate::name::Name;
use crate::said::Said;
use crate::subject::Subject;
use std::collections::BTreeSet;
use zoarium_sim::{Checker, Event, Running, Violation, What};

/// Commit is decided only if every participant has voted for it.
#[derive(Debug)]
pub(crate) struct CommitValidity {
    missing: BTreeSet<Name>,
    refused: Option<Name>,
}

impl CommitValidity {
    pub(crate) fn new(participants: impl IntoIterator<Item = Name>) -> Self {
        Self { missing: participants.into_iter().collect(), refused: None }
    }
}

impl<S: Subject> Checker<S> for CommitValidity {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        let What::Output { process, output } = event.what else { return Ok(()) };
        match output {
            Said::Voted { yes: true } => {
                self.missing.remove(&process);
            }
            Said::Voted { yes: false } => self.refused = Some(process),
            Said::Decided(value) if value.as_str() == "COMMIT" => {
                let objector = self.refused.or(self.missing.first().copied());
                if let Some(objector) = objector {
                    let detail = format!("{process} commits, and {objector} has not voted yes");
                    return Err(Violation::new(rules::VALIDITY, detail));
                }
            }
            Said::Decided(_)
            | Said::Proposed(_)
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
