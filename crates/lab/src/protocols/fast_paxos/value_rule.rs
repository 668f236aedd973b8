//! Which value may have been chosen: the rule that makes fast rounds safe.

use super::{LastVote, Round, Setup};
use crate::said::Value;
use std::collections::BTreeMap;

/// The value that must be proposed in the next round by who has heard these last votes from a
/// quorum; `None` if any may be.
///
/// Only the highest round in which anyone voted counts. In a classic round there is one value. In a
/// fast round a value may have been chosen if all acceptors that were *not* heard, together with
/// those that voted for it, could be a fast quorum: with `heard` of `N` answers that takes
/// `heard + fast − N` votes. (Lamport, *Fast Paxos*, §3.2, observation 4.)
pub(super) fn bound<'a>(
    setup: &Setup,
    votes: impl Iterator<Item = &'a LastVote> + Clone,
) -> Option<Value> {
    let heard = votes.clone().count();
    let (round, _) = votes.clone().filter_map(|vote| vote.0.as_ref()).max_by_key(|it| it.0)?;
    let counts = counts(*round, votes);
    if counts.len() == 1 || !setup.is_fast(*round) {
        return counts.into_keys().next();
    }
    let needed = (heard + setup.fast_quorum).saturating_sub(usize::from(setup.acceptors));
    counts.into_iter().find(|(_, count)| *count >= needed).map(|(value, _)| value)
}

/// Whether no value can get a fast quorum in a round any more, whatever the others vote.
pub(super) fn has_collided<'a>(setup: &Setup, values: impl Iterator<Item = &'a Value>) -> bool {
    let mut counts: BTreeMap<&Value, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let heard: usize = counts.values().sum();
    let open = usize::from(setup.acceptors).saturating_sub(heard);
    heard > 0 && counts.values().all(|count| count + open < setup.fast_quorum)
}

fn counts<'a>(round: Round, votes: impl Iterator<Item = &'a LastVote>) -> BTreeMap<Value, usize> {
    let mut counts = BTreeMap::new();
    for (_, value) in votes.filter_map(|vote| vote.0.as_ref()).filter(|vote| vote.0 == round) {
        *counts.entry(value.clone()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::fast_paxos::FastPaxos;
    use crate::settings::Reader;
    use crate::subject::Subject;

    fn setup(settings: &str) -> Setup {
        FastPaxos::setup(&mut Reader::new(settings).unwrap()).unwrap()
    }

    fn bound_by(settings: &str, votes: &[&str]) -> Option<String> {
        let votes: Vec<LastVote> = votes.iter().map(|vote| last_vote(vote)).collect();
        bound(&setup(settings), votes.iter()).map(|value| value.to_string())
    }

    fn last_vote(vote: &str) -> LastVote {
        let vote = vote.split_once(':');
        LastVote(vote.map(|(round, value)| (round.parse().unwrap(), value.into())))
    }

    #[test]
    fn a_value_that_may_be_chosen_binds_and_others_do_not() {
        let five = "acceptors=5";
        // 3 + 4 − 5 = 2 votes of three are needed.
        assert_eq!(bound_by(five, &["1:x", "1:x", "1:y"]), Some("x".to_owned()));
        assert_eq!(bound_by(five, &["1:x", "1:y", "1:z"]), None);
        assert_eq!(bound_by(five, &["", "", ""]), None);
        // More answers leave less room for the unheard.
        assert_eq!(bound_by(five, &["1:x", "1:x", "1:y", "1:y"]), None);
        // A later classic round wins over any number of fast votes.
        assert_eq!(bound_by(five, &["1:x", "1:x", "2:y"]), Some("y".to_owned()));
    }

    #[test]
    fn the_smallest_quorums_are_those_of_the_paper() {
        for (acceptors, fast) in [(3, 3), (4, 3), (5, 4), (7, 6), (9, 7), (10, 8)] {
            assert_eq!(setup(&format!("acceptors={acceptors}")).fast_quorum, fast);
        }
        assert_eq!(setup("acceptors=7 classic-quorum=5").fast_quorum, 5);
        assert_eq!(setup("acceptors=10 classic-quorum=7").fast_quorum, 7);
    }
}
