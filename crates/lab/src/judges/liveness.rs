//! What must happen in the end.

use super::rules;
use crate::name::Name;
use crate::said::{Said, Value};
use crate::subject::Subject;
use std::collections::{BTreeMap, BTreeSet};
use zoarium_sim::{Checker, Event, Running, Violation, What};

/// Everyone who runs and is meant to decide has decided. So is who has proposed something.
#[derive(Debug)]
pub(crate) struct Decides {
    rule: &'static str,
    always: BTreeSet<Name>,
    waiting: BTreeSet<Name>,
    /// Whose death may leave them waiting. If it runs, or one of them has decided, they must not.
    decider: Option<Name>,
}

impl Decides {
    /// With those who are meant to decide whether they propose or not.
    pub(crate) fn new(rule: &'static str, always: impl IntoIterator<Item = Name>) -> Self {
        let always = always.into_iter().collect();
        Self { rule, always, waiting: BTreeSet::new(), decider: None }
    }

    /// They can all ask each other and this one: only if it is dead may they be blocked, and only
    /// if none of those who are left knows.
    pub(crate) fn by(self, decider: Name) -> Self {
        Self { decider: Some(decider), ..self }
    }

    /// Who could tell those who wait.
    fn knows(&self, running: &BTreeSet<Name>) -> Option<Name> {
        let decider = self.decider.filter(|name| running.contains(name));
        let decided =
            || self.always.intersection(running).find(|name| !self.waiting.contains(name));
        decider.or_else(|| self.decider.and_then(|_| decided().copied()))
    }
}

impl<S: Subject> Checker<S> for Decides {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        match event.what {
            What::Started { process, .. } => {
                self.waiting.remove(&process);
                self.waiting.extend(self.always.get(&process));
            }
            What::Output { process, output: Said::Proposed(_) } => {
                self.waiting.insert(process);
            }
            What::Output { process, output: Said::Decided(_) } => {
                self.waiting.remove(&process);
            }
            _ => {}
        }
        Ok(())
    }

    fn settled(&self, running: &Running<S>) -> Result<(), Violation> {
        let Some((name, process)) = running.iter().find(|(name, _)| self.waiting.contains(name))
        else {
            return Ok(());
        };
        let detail = format!("{name} has not decided: {}", process.state().word);
        match self.knows(&running.keys().copied().collect()) {
            None => Err(Violation::new(self.rule, detail)),
            Some(other) => {
                let detail = format!("{detail}, though {other} could tell");
                Err(Violation::new(rules::TERMINATION, detail))
            }
        }
    }
}

/// All who run have executed the same commands, and all that were answered.
#[derive(Debug)]
pub(crate) struct Converges {
    rule: &'static str,
    executed: BTreeMap<Name, Vec<Value>>,
    answered: BTreeSet<Value>,
}

impl Converges {
    pub(crate) const fn new(rule: &'static str) -> Self {
        Self { rule, executed: BTreeMap::new(), answered: BTreeSet::new() }
    }
}

impl<S: Subject> Checker<S> for Converges {
    fn on_event(&mut self, event: &Event<'_, S>, _: &Running<S>) -> Result<(), Violation> {
        match event.what {
            What::Started { process, .. } => {
                self.executed.insert(process, Vec::new());
            }
            What::Output { process, output: Said::Delivered { place, value } } => {
                let executed = self.executed.entry(process).or_default();
                executed.truncate(usize::try_from(place - 1).unwrap_or(usize::MAX));
                executed.push(value.clone());
            }
            What::Output { output: Said::Answered { request, .. }, .. }
                if request.as_str() != "read" =>
            {
                self.answered.insert(request.clone());
            }
            _ => {}
        }
        Ok(())
    }

    fn settled(&self, running: &Running<S>) -> Result<(), Violation> {
        let logs = || running.keys().filter_map(|name| Some((name, self.executed.get(name)?)));
        let Some((_, longest)) = logs().max_by_key(|(_, log)| log.len()) else { return Ok(()) };
        let missing = self.answered.iter().find(|value| !longest.contains(value));
        let behind = logs().find(|(_, log)| *log != longest);
        match (missing, behind) {
            (None, None) => Ok(()),
            (Some(value), _) => Err(Violation::new(self.rule, format!("{value} is lost"))),
            (None, Some((name, log))) => {
                let detail = format!("{name} has executed {} of {}", log.len(), longest.len());
                Err(Violation::new(self.rule, detail))
            }
        }
    }
}
