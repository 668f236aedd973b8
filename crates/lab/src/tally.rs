//! Counts durable votes: what is chosen, as Lamport defines it, whether anyone knows it or not.

use crate::judges::rules;
use crate::name::Name;
use crate::said::Value;
use crate::subject::{Subject, Vote};
use std::collections::{BTreeMap, BTreeSet};
use zoarium_process::PersistSeq;
use zoarium_sim::{Checker, Event, Running, Violation, What};

/// The votes of a run.
#[derive(Debug)]
pub(crate) struct Tally<S: Subject> {
    setup: S::Setup,
    /// What each process has written and is not durable.
    waiting: BTreeMap<Name, Vec<(PersistSeq, Vote)>>,
    /// Who voted, by slot, round and value.
    voters: BTreeMap<(u64, u64, Value), BTreeSet<Name>>,
}

impl<S: Subject> Tally<S> {
    pub(crate) fn new(setup: &S::Setup) -> Self {
        Self { setup: setup.clone(), waiting: BTreeMap::new(), voters: BTreeMap::new() }
    }

    /// What is chosen by this event, and whose vote made it so.
    pub(crate) fn on_event(&mut self, event: &Event<'_, S>) -> Vec<(Name, Vote)> {
        match event.what {
            What::Persist { process, seq, record } => {
                if let Some(vote) = S::vote(process, record) {
                    self.waiting.entry(process).or_default().push((seq, vote));
                }
                Vec::new()
            }
            What::Crashed { process, .. } => {
                self.waiting.remove(&process);
                Vec::new()
            }
            What::Synced { process, upto } => self.on_synced(process, upto),
            What::Planned(_)
            | What::Calmed
            | What::Started { .. }
            | What::Paused(_)
            | What::Resumed(_)
            | What::Input { .. }
            | What::Stepped(_)
            | What::Sent { .. }
            | What::Lost { .. }
            | What::Written { .. }
            | What::DiskFull { .. }
            | What::TimerSet { .. }
            | What::TimerCancelled { .. }
            | What::Output { .. }
            | What::RequestLost { .. }
            | What::Connected(..)
            | What::Disconnected(..) => Vec::new(),
        }
    }

    fn on_synced(&mut self, process: Name, upto: PersistSeq) -> Vec<(Name, Vote)> {
        let Some(waiting) = self.waiting.get_mut(&process) else { return Vec::new() };
        let count = waiting.iter().take_while(|(seq, _)| *seq <= upto).count();
        let durable: Vec<Vote> = waiting.drain(..count).map(|(_, vote)| vote).collect();
        let chosen = durable.into_iter().filter(|vote| self.completes(process, vote));
        chosen.map(|vote| (process, vote)).collect()
    }

    /// Counts a vote; whether it is the one that was missing.
    fn completes(&mut self, process: Name, vote: &Vote) -> bool {
        let key = (vote.slot, vote.round, vote.value.clone());
        let voters = self.voters.entry(key).or_default();
        voters.insert(process) && voters.len() == S::votes_needed(&self.setup, vote.round)
    }
}

/// No place ever has two chosen values: the heart of consensus, whatever learners make of it.
#[derive(Debug)]
pub(crate) struct OneChosen<S: Subject> {
    tally: Tally<S>,
    chosen: BTreeMap<u64, Value>,
}

impl<S: Subject> OneChosen<S> {
    pub(crate) fn new(setup: &S::Setup) -> Self {
        Self { tally: Tally::new(setup), chosen: BTreeMap::new() }
    }
}

impl<S: Subject> Checker<S> for OneChosen<S> {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        self.tally.on_event(event).into_iter().try_for_each(|(_, vote)| {
            let Vote { slot, value, .. } = vote;
            let first = self.chosen.entry(slot).or_insert_with(|| value.clone());
            if *first == value {
                return Ok(());
            }
            let place = if slot == 0 { String::new() } else { format!(" in slot {slot}") };
            let detail = format!("{first} was chosen{place}, and then {value}");
            Err(Violation::new(rules::ONE_CHOSEN, detail))
        })
    }
}
