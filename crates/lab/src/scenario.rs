//! Scenarios: scripted runs, each with what it shows and the assertions that it shows it.

use crate::kind::Kind;
use crate::nearest::nearest;
use crate::play::{Changes, Unplayable};
use crate::run::Run;
use crate::text::View;
use std::fmt::Debug;
use std::time::Duration;

/// What was measured, or what is wrong with it.
pub type Finding = Result<String, String>;

/// A scripted run.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// The heading of its diagram.
    pub title: &'static str,
    /// What it shows, and why that is so.
    pub shows: &'static str,
    /// Of which protocol.
    pub kind: Kind,
    /// Settings that are not the default.
    pub settings: &'static str,
    /// What happens, in the language of [`zoarium_sim::Plan::parse`].
    pub script: &'static str,
    /// From when on it is worth showing, in milliseconds after the start.
    pub from_ms: u64,
    /// Up to when.
    pub to_ms: u64,
    /// Which rules it breaks, on purpose.
    pub breaks: &'static [&'static str],
    /// What it claims.
    pub claims: &'static [Claim],
}

/// A sentence, and how it is checked.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The sentence.
    pub says: &'static str,
    /// Checks it.
    pub check: fn(&Played) -> Finding,
}

/// A claim.
pub(crate) const fn claim(says: &'static str, check: fn(&Played) -> Finding) -> Claim {
    Claim { says, check }
}

/// A scenario that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// Which.
    pub scenario: &'static Scenario,
    /// With which changes.
    pub changes: Changes,
    /// What happened.
    pub run: Run,
}

/// A claim that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The sentence.
    pub says: String,
    /// What was found.
    pub finding: Finding,
}

impl Scenario {
    /// All scenarios, protocol by protocol.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        Kind::ALL.into_iter().flat_map(|kind| kind.scenarios())
    }

    /// The scenario of that name.
    ///
    /// # Errors
    /// With a message that names the one that was meant, if any is near.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        if let Some(found) = Self::all().find(|scenario| scenario.name == name) {
            return Ok(found);
        }
        let meant = crate::settings::meant(nearest(name, Self::all().map(|it| it.name)));
        Err(format!("no scenario {name}{meant}; `zoarium lab list` shows all"))
    }

    /// Plays it.
    ///
    /// # Errors
    /// If the changes cannot be used.
    pub fn play(&'static self, changes: &Changes) -> Result<Played, Unplayable> {
        let run = self.kind.play(self.settings, self.script, changes)?;
        Ok(Played { scenario: self, changes: changes.clone(), run })
    }
}

impl Played {
    /// Checks all claims, and that exactly those rules were broken that were to be.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let verdict =
            |claim: &Claim| Verdict { says: claim.says.to_owned(), finding: (claim.check)(self) };
        let mut verdicts: Vec<Verdict> = self.scenario.claims.iter().map(verdict).collect();
        verdicts.push(self.judged());
        verdicts
    }

    /// The part of the run that is worth showing.
    pub const fn view(&self) -> View {
        let Scenario { from_ms, to_ms, .. } = *self.scenario;
        View {
            from: Duration::from_millis(from_ms),
            to: Duration::from_millis(to_ms),
            quiet: false,
        }
    }

    /// Whether all is as claimed.
    pub fn holds(&self) -> bool {
        self.verdicts().iter().all(|verdict| verdict.finding.is_ok())
    }

    fn judged(&self) -> Verdict {
        let (broken, expected) = (self.run.broken(), self.scenario.breaks);
        let says = match expected {
            [] => "the judges find no rule broken".to_owned(),
            rules => format!("the judges report that this breaks: {}", rules.join(", ")),
        };
        let finding = match &self.run.failure {
            Some(failure) => Err(failure.clone()),
            None if broken == expected => Ok(String::new()),
            None if broken.is_empty() => Err("none is broken".to_owned()),
            None => Err(format!("broken: {}", broken.join(", "))),
        };
        Verdict { says, finding }
    }

    /// Plays the same scenario with more settings, or another script.
    ///
    /// # Errors
    /// In words, if that cannot be played.
    pub(crate) fn twin(&self, settings: &str, script: Option<&str>) -> Result<Run, String> {
        let settings = format!("{} {settings}", self.scenario.settings);
        let script = script.unwrap_or(self.scenario.script);
        let run = self.scenario.kind.play(&settings, script, &self.changes);
        run.map_err(|error| error.to_string())
    }
}

/// Whether something is as expected.
pub(crate) fn is<T: Debug + PartialEq>(found: T, expected: T) -> Finding {
    if found == expected {
        return Ok(shown(&found));
    }
    Err(format!("{found:?}, not {expected:?}"))
}

/// Whether something holds; what is shown of it in either case.
pub(crate) fn that(holds: bool, shown: impl Into<String>) -> Finding {
    if holds { Ok(shown.into()) } else { Err(shown.into()) }
}

/// A value in words; nothing, if it says no more than the claim.
fn shown(what: &impl Debug) -> String {
    let text = format!("{what:?}").replace("), (", "; ").replace("Some", "");
    let text = text.replace(['[', ']', '(', ')', '"'], "");
    if ["true", "false", "", "None"].contains(&text.as_str()) { String::new() } else { text }
}
