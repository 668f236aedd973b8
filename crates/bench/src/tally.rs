//! What a thread has seen: how many operations, how long they took, and when.

use crate::histogram::Histogram;
use crate::op::Op;
use std::time::Duration;

/// How many points a plot over time has at most.
const SLOTS_MAX: u32 = 100;

/// The shortest time that is worth a point.
const SLOT_MIN: Duration = Duration::from_millis(100);

/// Latencies by operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies([Option<Histogram>; Op::ALL.len()]);

impl Latencies {
    #[inline]
    pub(crate) fn record(&mut self, op: Op, ns: u64) {
        self.0[op as usize].get_or_insert_default().record(ns);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            if let Some(theirs) = theirs {
                ours.get_or_insert_default().add(theirs);
            }
        }
    }

    /// Those of one operation, if there were any.
    pub(crate) fn of(&self, op: Op) -> Option<&Histogram> {
        self.0[op as usize].as_ref()
    }

    /// All of them together.
    pub(crate) fn merged(&self) -> Histogram {
        let mut all = Histogram::default();
        self.0.iter().flatten().for_each(|histogram| all.add(histogram));
        all
    }
}

/// What was seen in the time measured, cut into slots of the same length.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    slot_ns: u64,
    /// When the first slot begins, in ns of the run.
    begin_ns: u64,
    /// When the current slot ends.
    end_ns: u64,
    pub(crate) slots: Vec<Latencies>,
    /// From when a request left, where that is not when it was due.
    pub(crate) service: Latencies,
    /// How many replies there were, measured or not.
    pub(crate) replies: u64,
    /// How long was measured.
    pub(crate) measured: Duration,
    /// Requests that were due in the time measured and had no reply at its end.
    pub(crate) unanswered: u64,
}

impl Tally {
    /// Measures from `begin_ns` of the run for as long as `duration`.
    pub(crate) fn new(begin_ns: u64, duration: Duration) -> Self {
        let slot = (duration / SLOTS_MAX).max(SLOT_MIN);
        let slot_ns = u64::try_from(slot.as_nanos()).unwrap_or(u64::MAX);
        let end_ns = begin_ns.saturating_add(slot_ns);
        let (slots, service) = (vec![Latencies::default()], Latencies::default());
        Self {
            slot_ns,
            begin_ns,
            end_ns,
            slots,
            service,
            replies: 0,
            measured: Duration::ZERO,
            unanswered: 0,
        }
    }

    pub(crate) fn slot(&self) -> Duration {
        Duration::from_nanos(self.slot_ns)
    }

    /// Time goes on to `now_ns`; what is recorded belongs to its slot.
    pub(crate) fn advance(&mut self, now_ns: u64) {
        while now_ns >= self.end_ns {
            self.slots.push(Latencies::default());
            self.end_ns = self.end_ns.saturating_add(self.slot_ns);
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, op: Op, now_ns: u64, due_ns: u64, sent_ns: u64) {
        self.replies += 1;
        if now_ns < self.begin_ns {
            return;
        }
        if let Some(slot) = self.slots.last_mut() {
            slot.record(op, now_ns.saturating_sub(due_ns));
        }
        if sent_ns != due_ns {
            self.service.record(op, now_ns.saturating_sub(sent_ns));
        }
    }

    /// Adds what another thread has seen at the same time.
    pub(crate) fn add(&mut self, other: &Self) {
        let length = self.slots.len().max(other.slots.len());
        self.slots.resize_with(length, Latencies::default);
        for (ours, theirs) in self.slots.iter_mut().zip(&other.slots) {
            ours.add(theirs);
        }
        self.service.add(&other.service);
        self.replies += other.replies;
        self.measured = self.measured.max(other.measured);
        self.unanswered += other.unanswered;
    }

    /// Adds what was seen after this.
    pub(crate) fn follow_with(&mut self, later: Self) {
        let whole = self.measured.as_nanos() / u128::from(self.slot_ns);
        self.slots.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
        self.slots.extend(later.slots);
        self.service.add(&later.service);
        self.replies += later.replies;
        self.measured += later.measured;
        self.unanswered += later.unanswered;
    }

    /// What was seen in all of the time.
    pub(crate) fn latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        self.slots.iter().for_each(|slot| all.add(slot));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_the_measurement_does_not_count() {
        let mut tally = Tally::new(1000, Duration::from_secs(1));
        tally.record(Op::Read, 999, 0, 0);
        tally.record(Op::Read, 1000, 0, 0);
        assert_eq!((tally.replies, tally.latencies().merged().total()), (2, 1));
    }

    #[test]
    fn slots_without_replies_are_there() {
        let mut tally = Tally::new(0, Duration::from_secs(1));
        assert_eq!(tally.slot(), SLOT_MIN);
        tally.advance(350_000_000);
        tally.record(Op::Write, 350_000_000, 0, 100_000_000);
        let counts: Vec<_> = tally.slots.iter().map(|slot| slot.merged().total()).collect();
        assert_eq!(counts, [0, 0, 0, 1]);
        assert_eq!(tally.service.merged().max_ns(), 250_000_000);
    }
}
