//! A bit of a server's disk flips, wherever and whenever: the server notices or it does not matter,
//! and an operator who takes the directory away gets it back from the others.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use zoarium_ensemble_sim::{Ensemble, Kind, Name, Participant, Trial};
use zoarium_sim::{
    Action, Checker, Checkers, Event, EventKind, Experiment, Keep, Plan, Rng, Running, TraceLevel,
    Violation, What, When, run,
};

const SEEDS: u64 = 60;

/// When the operator comes. The others have had no trouble for a while and have all there is.
const WIPED_AT: Duration = Duration::from_secs(5);

/// Three servers without any other fault.
#[derive(Debug, Default)]
struct Damaged {
    /// How many runs there were in which the server did not start again, and in which it did.
    outcomes: Rc<RefCell<Outcomes>>,
}

#[derive(Debug, Default)]
struct Outcomes {
    refused: u64,
    started: u64,
}

const TRIAL: Trial = Trial { kind: Kind::Ensemble { voters: 3, observers: 0 }, bug: None };

impl Experiment for Damaged {
    type World = Ensemble;

    fn world(&self, seed: u64) -> Ensemble {
        TRIAL.world(seed)
    }

    fn checkers(&self) -> Checkers<Participant> {
        let mut all = TRIAL.checkers();
        all.push(Box::new(Watcher { outcomes: Rc::clone(&self.outcomes), victim: None }));
        all
    }

    fn plan(&self, seed: u64) -> Plan<Name> {
        let mut plan = TRIAL.plan(seed);
        plan.lasts = WIPED_AT + Duration::from_secs(1);
        let end = plan.lasts;
        plan.steps.retain(|step| {
            step.action.is_request() && matches!(step.when, When::At(time) if time < end)
        });
        let mut rng = Rng::new(seed);
        let victim = Name::Server([1, 2, 3][rng.index(3)]);
        let at = rng.between(Duration::from_millis(600), Duration::from_secs(3));
        let keep = Keep::EACH[rng.index(Keep::EACH.len())];
        plan.at(at, Action::crash(victim, keep))
            .at(at, Action::Corrupt(victim))
            .at(at + Duration::from_millis(300), Action::Restart(victim))
            .at(WIPED_AT, Action::Wipe(victim))
            .at(WIPED_AT, Action::Restart(victim))
    }
}

/// Sees what becomes of the server.
#[derive(Debug)]
struct Watcher {
    outcomes: Rc<RefCell<Outcomes>>,
    /// Who is damaged, and whether it has started since.
    victim: Option<(Name, bool)>,
}

impl Checker<Participant> for Watcher {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Planned, EventKind::Started]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        _: &Running<Participant>,
    ) -> Result<(), Violation> {
        match (&event.what, &mut self.victim) {
            (What::Planned(Action::Corrupt(name)), _) => self.victim = Some((*name, false)),
            (What::Planned(Action::Wipe(_)), Some((_, has_started))) => {
                let mut outcomes = self.outcomes.borrow_mut();
                outcomes.started += u64::from(*has_started);
                outcomes.refused += u64::from(!*has_started);
            }
            (What::Started { process, .. }, Some((name, has_started))) if process == name => {
                *has_started = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, running: &Running<Participant>) -> Result<(), Violation> {
        let (name, _) = self.victim.expect("each plan damages one");
        match running.contains_key(&name) {
            true => Ok(()),
            false => Err(Violation::new("a wiped server comes back", format!("{name:?}"))),
        }
    }
}

#[test]
fn damaged_log_is_refused_or_repaired_and_never_served() {
    let damaged = Damaged::default();
    for seed in 1..=SEEDS {
        let plan = damaged.plan(seed);
        let result = run(&damaged, &plan, TraceLevel::Nothing).result;
        assert_eq!(result, Ok(()), "{}", plan.script(&damaged.names(seed)));
    }
    let outcomes = damaged.outcomes.borrow();
    assert!(outcomes.refused > SEEDS / 6 && outcomes.started > SEEDS / 6, "{outcomes:?}");
}
