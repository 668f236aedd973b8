//! Ensembles of several implementations, in every pairing of roles.
//!
//! Each pairing is one ensemble with a story of steps: one implementation leads at first and the
//! other follows and observes; then the leader is killed and they change roles. How a learner was
//! brought up to date is read off the wire, and after each step all trees and digests are compared.

mod life;
mod local;
mod synchronization;

use std::time::Instant;

use anyhow::Result;

use crate::Options;
use crate::ensemble::{Ensemble, Plan, Role, Sid, Wiring};
use crate::report::{Outcome, Report};
use crate::server::Kind;
use crate::setup;
use crate::tools::Tools;

/// The first leader; the observer is the last server.
pub(crate) const LEADER: Sid = 3;
/// Wins the election when the leader is gone.
pub(crate) const HEIR: Sid = 2;
pub(crate) const FOLLOWER: Sid = 1;
pub(crate) const OBSERVER: Sid = 4;

type Step = (&'static str, fn(&mut Ensemble<'_>) -> Result<String>);

/// What every pairing goes through, in this order: each step begins where the last one ended.
const STORY: &[Step] = &[
    ("serves", life::serves),
    ("session-moves", life::session_moves),
    ("diff", synchronization::diff),
    ("snap", synchronization::snap),
    ("snap-observer", synchronization::snap_of_observer),
    ("trunc", synchronization::trunc),
    ("diff-from-heir", synchronization::diff_from_heir),
    ("snap-from-heir", synchronization::snap_from_heir),
    ("election-back", life::election_back),
    ("snap-over-epoch", synchronization::snap_over_epoch),
    ("load", life::load),
];

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    let ours = options.server;
    for other in [Kind::Apache38, Kind::Apache] {
        let mut pairings = vec![(ours, other), (other, ours)];
        pairings.dedup();
        for (leader, follower) in pairings {
            let name = format!("mixed/{}-leads-{}", leader.name(), follower.name());
            if name.contains(&options.filter) {
                tell(tools, report, &name, leader, follower);
            }
        }
    }
    for other in [Kind::Apache38, Kind::Apache] {
        let name = format!("mixed/local-sessions-{}", other.name());
        if name.contains(&options.filter) {
            report.result(&name, local::sessions(tools, &name, ours, other));
        }
    }
    Ok(())
}

/// Plays the story with one pairing.
fn tell(tools: &Tools, report: &Report, name: &str, leader: Kind, follower: Kind) {
    let began = Instant::now();
    let plan = Plan {
        name: name.replace('/', "-"),
        members: vec![
            (follower, Role::Participant),
            (follower, Role::Participant),
            (leader, Role::Participant),
            (follower, Role::Observer),
        ],
        lines: &[],
        wiring: Wiring::Proxies,
    };
    let mut ensemble = match Ensemble::start_led_by(tools, &plan, LEADER) {
        Ok(ensemble) => ensemble,
        Err(error) => return report.result(&format!("{name}/start"), Err(error)),
    };
    report.result(&format!("{name}/start"), Ok(took(began)));
    for (index, (step, play)) in STORY.iter().enumerate() {
        let began = Instant::now();
        let check = format!("{name}/{step}");
        match play(&mut ensemble) {
            Ok(detail) if detail.is_empty() => report.result(&check, Ok(took(began))),
            Ok(detail) => report.result(&check, Ok(format!("{detail}; {}", took(began)))),
            Err(error) => {
                report.result(&check, Err(ensemble.explain(error)));
                for (step, _) in &STORY[index + 1..] {
                    let reason = format!("it begins where {check} ends");
                    report.line(&format!("{name}/{step}"), &Outcome::Skipped(reason), "");
                }
                return;
            }
        }
    }
}

/// For a report.
pub(crate) fn took(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}
