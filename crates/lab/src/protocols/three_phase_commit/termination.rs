//! What those who are left make of their states when the coordinator is silent.

use super::{Mode, Setup, Standing, Standpoint};
use crate::name::Name;
use crate::protocols::two_phase_commit::Outcome;
use std::collections::BTreeMap;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is decided, or can be.
    Decide(Outcome),
    /// First all who answered must be brought to one mind.
    Lean(Outcome),
    /// Nobody can tell: too few are here.
    Wait,
}

/// Skeen's rule for a process that has taken over and has these answers, its own among them.
pub(super) fn judge(setup: &Setup, answers: &BTreeMap<Name, Standing>) -> Judgement {
    let is = |phase| answers.values().any(|standing| standing.phase == phase);
    if is(Standpoint::Commit) {
        return Judgement::Decide(Outcome::Commit);
    }
    // Who has not voted yet is asked too late: it aborts.
    if is(Standpoint::Abort) || is(Standpoint::Init) {
        return Judgement::Decide(Outcome::Abort);
    }
    match setup.mode {
        Mode::Simple => Judgement::Wait,
        Mode::Skeen => judge_alone(setup, answers),
        Mode::Quorum => judge_with_quorum(setup, answers),
    }
}

/// Silence is death: those who answered are all there are. If nobody knows that all voted yes,
/// nobody can have committed. After a total failure that holds only when the last to fail are
/// among those who answered, and only all of them together can be sure of that.
fn judge_alone(setup: &Setup, answers: &BTreeMap<Name, Standing>) -> Judgement {
    let steady = answers.values().filter(|standing| standing.steady);
    let operational: Vec<&Standing> = steady.collect();
    let counted = if !operational.is_empty() {
        operational
    } else if answers.len() == usize::from(setup.participants) {
        answers.values().collect()
    } else {
        return Judgement::Wait;
    };
    if counted.iter().any(|standing| standing.phase == Standpoint::PreCommit) {
        return Judgement::Lean(Outcome::Commit);
    }
    Judgement::Decide(Outcome::Abort)
}

/// Silence may be distance: whatever is decided here must be impossible to contradict elsewhere.
/// A process leans one way and never turns, and the two quorums have a process in common.
fn judge_with_quorum(setup: &Setup, answers: &BTreeMap<Name, Standing>) -> Judgement {
    let count = |phase| answers.values().filter(|standing| standing.phase == phase).count();
    let [ready, leaning_to_commit, leaning_to_abort] =
        [Standpoint::Ready, Standpoint::PreCommit, Standpoint::PreAbort].map(count);
    if leaning_to_commit >= setup.commit_quorum() {
        Judgement::Decide(Outcome::Commit)
    } else if leaning_to_abort >= setup.abort_quorum() {
        Judgement::Decide(Outcome::Abort)
    } else if leaning_to_commit > 0 && leaning_to_commit + ready >= setup.commit_quorum() {
        Judgement::Lean(Outcome::Commit)
    } else if leaning_to_abort + ready >= setup.abort_quorum() {
        Judgement::Lean(Outcome::Abort)
    } else {
        Judgement::Wait
    }
}
