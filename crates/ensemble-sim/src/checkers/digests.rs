//! The tree has the digest that the log says, live and after recovery.

use super::{Checked, broken, started};
use crate::participant::{Output, Participant};
use zoarium_sim::{Checker, Event, Running, What};

const RULE: &str = "the tree has the digest of the log";

#[derive(Debug)]
pub(super) struct Digests;

impl Checker<Participant> for Digests {
    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        if let What::Output { output: Output::Applied { zxid, digest_matches, .. }, .. } =
            event.what
            && *digest_matches == Some(false)
        {
            return broken(RULE, format!("not after {zxid}"));
        }
        let Some(member) = started(event, running) else { return Ok(()) };
        let recovered = member.recovered();
        if recovered.digest_mismatches > 0 {
            return broken(RULE, format!("recovery found {} others", recovered.digest_mismatches));
        }
        match recovered.oddities.first() {
            Some(oddity) => broken("recovery finds what a crash explains", oddity.clone()),
            None => Ok(()),
        }
    }
}
