//! What is due, in order.

use crate::rng::mix;
use crate::time::Time;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::mem;

/// What is due, by time. What is due at one time comes in an order that the seed decides.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    due: BinaryHeap<Reverse<Entry<T>>>,
    added: u64,
    seed: u64,
}

/// Something that is due, sorted by its key alone.
#[derive(Debug)]
struct Entry<T> {
    key: Key,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// Names something that is due, and sorts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) time: Time,
    /// The plan first, in its order; all else as the seed says.
    rank: u64,
    /// Makes keys unique.
    number: u64,
}

/// Ranks below this are the plan's.
const RANDOM_RANK_MIN: u64 = 1 << 63;

impl<T> Schedule<T> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { due: BinaryHeap::new(), added: 0, seed }
    }

    /// Adds something.
    pub(crate) fn add(&mut self, time: Time, what: T) {
        let rank = mix(self.seed, self.added) | RANDOM_RANK_MIN;
        self.insert(time, rank, what);
    }

    /// Adds something that comes before all that is added otherwise, in the order of adding.
    pub(crate) fn add_first(&mut self, time: Time, what: T) {
        self.insert(time, 0, what);
    }

    fn insert(&mut self, time: Time, rank: u64, what: T) {
        self.added += 1;
        let key = Key { time, rank, number: self.added };
        self.due.push(Reverse(Entry { key, what }));
    }

    /// All that is due, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let mut all: Vec<&Entry<T>> = self.due.iter().map(|Reverse(entry)| entry).collect();
        all.sort_unstable();
        all.into_iter().map(|entry| (entry.key, &entry.what))
    }

    /// Takes out one thing, whatever comes before it.
    pub(crate) fn take(&mut self, key: Key) -> Option<T> {
        let mut all = mem::take(&mut self.due).into_vec();
        let place = all.iter().position(|Reverse(entry)| entry.key == key);
        let taken = place.map(|place| all.swap_remove(place).0.what);
        self.due = all.into();
        taken
    }

    /// When the next thing is due.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.due.peek().map(|Reverse(entry)| entry.key.time)
    }

    /// Takes the next thing out.
    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        self.due.pop().map(|Reverse(entry)| (entry.key.time, entry.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(seed: u64) -> Vec<u32> {
        let mut schedule = Schedule::new(seed);
        (0..8).for_each(|what| schedule.add(Time(5), what));
        schedule.add(Time(3), 100);
        schedule.add_first(Time(5), 200);
        schedule.add_first(Time(5), 201);
        std::iter::from_fn(|| schedule.pop()).map(|(_, what)| what).collect()
    }

    #[test]
    fn time_decides_then_the_plan_then_the_seed() {
        let one = order(1);
        assert_eq!(one[..3], [100, 200, 201]);
        assert_eq!(one, order(1));
        assert_ne!(one, order(2));
        let mut rest = one[3..].to_vec();
        rest.sort_unstable();
        assert_eq!(rest, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_taken_out_of_turn_is_gone_and_the_rest_stays_in_order() {
        let mut schedule = Schedule::new(1);
        (0..8).for_each(|what| schedule.add(Time(8 - what), what));
        let (fourth, what) = schedule.iter().map(|(key, what)| (key, *what)).nth(3).unwrap();
        assert_eq!(schedule.take(fourth), Some(what));
        assert_eq!(schedule.take(fourth), None);
        let rest: Vec<_> = std::iter::from_fn(|| schedule.pop()).map(|(_, what)| what).collect();
        assert_eq!(rest, [7, 6, 5, 3, 2, 1, 0]);
    }
}
