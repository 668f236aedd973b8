//! The tree has the digest that the log says, live and after recovery, and after one txn all servers
//! have the same (G20).

use super::{Checked, broken, started};
use crate::participant::{Output, Participant};
use std::collections::BTreeMap;
use zoarium_proto::Zxid;
use zoarium_sim::{Checker, Event, EventKind, Running, What};

const RULE: &str = "the tree has the digest of the log";

/// The digest after each txn.
#[derive(Debug, Default)]
pub(super) struct Digests {
    known: BTreeMap<Zxid, u64>,
}

impl Checker<Participant> for Digests {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Started, EventKind::Output]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        if let What::Output {
            process,
            output: Output::Applied { zxid, digest_matches, digest, .. },
        } = event.what
        {
            if *digest_matches == Some(false) {
                return broken(RULE, format!("not after {zxid} on {process:?}"));
            }
            if let Some(digest) = digest {
                let known = *self.known.entry(*zxid).or_insert(*digest);
                if known != *digest {
                    let detail = format!("{process:?} has {digest:x} after {zxid}, not {known:x}");
                    return broken("all servers have the same digest after a txn", detail);
                }
            }
        }
        if let What::Output { process, output: Output::Serving { zxids: (last, seen), .. } } =
            event.what
            && seen > last
        {
            let detail = format!("{process:?} serves at {last} and has seen {seen}");
            return broken("a tree that is served is of one moment", detail);
        }
        let Some(member) = started(event, running) else { return Ok(()) };
        if member.options().ensemble.is_none() {
            // It gives zxids again that it has lost.
            self.known.split_off(&Zxid(member.recovered().last_zxid.0 + 1));
        }
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
