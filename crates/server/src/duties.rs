//! Two workers share two duties: what has come for the peer loop, and what the disk has to do.
//!
//! Each duty is one worker's at a time. Each worker has one of its own, so that what it needs stays
//! in its processor's caches, and sees to the other when that costs less than to wake somebody:
//!
//! - The loop's worker syncs a few records by itself when it has nothing to tell meanwhile. If
//!   something comes that cannot wait, the disk's worker sees to that. So a lone write pays for no
//!   change of threads, many writes overlap with their syncs, and a disk that stalls holds up
//!   nothing but what needs it.
//! - The disk's worker tells what has become durable by itself if that is little.
//! - While nobody runs the loop, whoever brings a few events may do that itself: [`Duties::settle`].
//!   On a standalone server that is a guest, who sits in for the loop's worker while that sleeps,
//!   and stays until there is nothing to do: [`Duties::sit_in`]. So a lone write is decided, synced
//!   and answered by the thread that has read it.
#[cfg(test)]
mod tests;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The worker whose own duty the events are.
pub(crate) const LOOP: usize = 0;
/// The worker whose own duty the jobs are.
pub(crate) const DISK: usize = 1;
/// How many workers there are.
pub(crate) const WORKERS: usize = 2;

/// How many jobs at most are few.
pub(crate) const FEW_JOBS: usize = 16;

/// How many events at most are seen to by who brings them.
const FEW_EVENTS: usize = 4;

/// How many events that can wait do wait for the loop's worker, if it is at the disk.
const EVENTS_WAIT_MAX: usize = 32;

/// What a worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// The events, or the loop's timers if there are none: [`Duties::take_events`].
    Events,
    /// These jobs.
    Jobs,
    /// Nothing any more.
    Over,
}

/// Who sees to what was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The workers, or nobody has to.
    Others,
    /// The caller, who has the events.
    Caller,
    /// The guest, who is to be told: [`Duties::sit_in`].
    Guest,
}

/// When the loop runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Though nothing has come.
    pub(crate) at: Option<Instant>,
    /// Whether that will not take long, so that anybody may do it.
    pub(crate) is_quick: bool,
}

/// Both duties. What waits is unbounded; whoever fills it is bounded by what it has under way.
#[derive(Debug)]
pub(crate) struct Duties<E, J> {
    waiting: Mutex<Waiting<E, J>>,
    /// One for each worker, to wake it.
    called: [Condvar; WORKERS],
    /// Jobs have come for who gathers them.
    jobs_came: Condvar,
}

#[derive(Debug)]
struct Waiting<E, J> {
    events: Queue<E>,
    jobs: Queue<J>,
    schedule: Schedule,
    /// The workers that sleep and that nobody has called yet: to call one is a system call, which
    /// would be for nothing while it works.
    asleep: [Option<Asleep>; WORKERS],
    /// Whether any of the events cannot wait.
    is_urgent: bool,
    /// There is a guest who can be asked to sit in for the loop's worker.
    has_guest: bool,
    /// The loop's worker, which sleeps, while the guest sits in for it.
    visited: Option<Asleep>,
    /// The loop's worker has the jobs.
    loop_at_disk: bool,
    /// Whether who has the jobs waits for more of them.
    gathering: bool,
}

#[derive(Debug)]
struct Queue<T> {
    entries: Vec<T>,
    turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nobody's.
    Free,
    /// Somebody has it.
    Taken,
    /// It ends with that.
    Over,
}

/// A worker that sleeps, and when it wakes by itself.
#[derive(Clone, Copy, Debug)]
struct Asleep {
    until: Option<Instant>,
}

type Lock<'a, E, J> = MutexGuard<'a, Waiting<E, J>>;

impl<E, J> Duties<E, J> {
    /// Appends an event, and has it seen to at once.
    pub(crate) fn tell(&self, event: E) {
        let mut waiting = self.lock();
        waiting.events.entries.push(event);
        waiting.is_urgent = true;
        if waiting.events.is_due() {
            self.call_for_events(waiting);
        }
    }

    /// Appends events in order; [`Duties::settle`] has to follow.
    pub(crate) fn offer(&self, events: impl IntoIterator<Item = E>) {
        self.lock().events.entries.extend(events);
    }

    /// Has the events seen to, at once if they are `urgent`, or else soon.
    #[must_use]
    pub(crate) fn settle(&self, urgent: bool) -> Settled {
        let mut waiting = self.lock();
        waiting.is_urgent |= urgent;
        if !waiting.events.is_due() {
            return Settled::Others;
        }
        if waiting.schedule.is_quick && waiting.events.entries.len() <= FEW_EVENTS {
            if waiting.has_guest && waiting.asleep[LOOP].is_some() {
                waiting.visited = waiting.asleep[LOOP].take();
                return Settled::Guest;
            }
            let nobody = waiting.asleep[LOOP].is_some()
                || (waiting.loop_at_disk && waiting.asleep[DISK].is_some());
            if urgent && nobody {
                waiting.events.turn = Turn::Taken;
                return Settled::Caller;
            }
        }
        self.call_for_events(waiting);
        Settled::Others
    }

    /// From here on there is a guest, who comes when [`Duties::settle`] says so.
    pub(crate) fn expect_guest(&self) {
        self.lock().has_guest = true;
    }

    /// What the guest is to do in the place of the loop's worker. When there is nothing more, its
    /// visit is over. Jobs go into `jobs`, which must be empty.
    pub(crate) fn sit_in(&self, jobs: &mut Vec<J>) -> Option<Duty> {
        match self.choose(LOOP, self.lock(), jobs) {
            Ok(duty @ (Duty::Events | Duty::Jobs)) => return Some(duty),
            Ok(Duty::Over) => {
                self.lock().visited = None;
                self.called[LOOP].notify_one();
            }
            Err(mut waiting) => {
                waiting.asleep[LOOP] = waiting.visited.take();
                self.see_to_schedule(waiting);
            }
        }
        None
    }

    fn call_for_events(&self, waiting: Lock<'_, E, J>) {
        if waiting.asleep[LOOP].is_some() {
            self.call(waiting, LOOP);
        } else if waiting.loop_at_disk && !waiting.may_events_wait() {
            self.call(waiting, DISK);
        }
    }

    /// Appends jobs in order. They are done when this worker has nothing else to do, or another
    /// one is called by [`Duties::share_jobs`].
    pub(crate) fn add_jobs(&self, jobs: impl IntoIterator<Item = J>) {
        let mut waiting = self.lock();
        waiting.jobs.entries.extend(jobs);
        if waiting.gathering {
            self.jobs_came.notify_one();
        }
    }

    /// Has the jobs done from now on, because the caller has something else to do.
    pub(crate) fn share_jobs(&self) {
        let waiting = self.lock();
        if waiting.jobs.is_due() {
            self.call_for_jobs(waiting, DISK);
        }
    }

    fn call_for_jobs(&self, waiting: Lock<'_, E, J>, first: usize) {
        let worker = if waiting.asleep[first].is_some() { first } else { WORKERS - 1 - first };
        self.call(waiting, worker);
    }

    /// Waits until this worker has something to do. Jobs go into `jobs`, which must be empty.
    pub(crate) fn next(&self, worker: usize, jobs: &mut Vec<J>) -> Duty {
        let mut waiting = self.lock();
        loop {
            waiting = match self.choose(worker, waiting, jobs) {
                Ok(duty) => return duty,
                Err(nothing) => self.sleep(worker, nothing),
            };
        }
    }

    /// What there is for this worker, or the lock if there is nothing.
    fn choose<'a>(
        &'a self,
        worker: usize,
        mut waiting: Lock<'a, E, J>,
        jobs: &mut Vec<J>,
    ) -> Result<Duty, Lock<'a, E, J>> {
        assert!(jobs.is_empty(), "a batch is taken before the last one is done");
        if waiting.jobs.is_due() && waiting.are_jobs_for(worker) {
            waiting.jobs.turn = Turn::Taken;
            std::mem::swap(&mut waiting.jobs.entries, jobs);
            waiting.loop_at_disk = worker == LOOP;
            if waiting.events.is_due() {
                self.call_for_events(waiting);
            } else {
                self.see_to_schedule(waiting);
            }
            return Ok(Duty::Jobs);
        }
        let events = waiting.events.is_due() || waiting.is_late();
        if events && waiting.are_events_for(worker) {
            waiting.events.turn = Turn::Taken;
            if waiting.jobs.is_due() {
                self.call(waiting, DISK);
            }
            return Ok(Duty::Events);
        }
        if (waiting.events.turn, waiting.jobs.turn) == (Turn::Over, Turn::Over) {
            return Ok(Duty::Over);
        }
        if waiting.jobs.is_due() && waiting.asleep[DISK].take().is_some() {
            // Under the lock: whatever comes before this worker sleeps would find nobody to call.
            self.called[DISK].notify_one();
        }
        Err(waiting)
    }

    /// Swaps the events into `events`, which must be empty; for who has them.
    pub(crate) fn take_events(&self, events: &mut Vec<E>) {
        assert!(events.is_empty(), "a batch is taken before the last one is done");
        let mut waiting = self.lock();
        std::mem::swap(&mut waiting.events.entries, events);
        waiting.is_urgent = false;
    }

    /// The events are done, by this worker or by somebody else.
    pub(crate) fn leave_events(&self, worker: Option<usize>, schedule: Schedule) {
        let mut waiting = self.lock();
        waiting.events.turn = Turn::Free;
        waiting.schedule = schedule;
        // A worker looks by itself what there is.
        if worker.is_some() {
            return;
        }
        if waiting.events.is_due() {
            self.call_for_events(waiting);
        } else if waiting.jobs.is_due() {
            self.call_for_jobs(waiting, LOOP);
        } else {
            self.see_to_schedule(waiting);
        }
    }

    /// The jobs are done by this worker, which has something to tell the loop. `few` says whether
    /// it may do that itself.
    pub(crate) fn leave_jobs(&self, worker: usize, news: Option<E>, few: bool) {
        let mut waiting = self.lock();
        waiting.jobs.turn = Turn::Free;
        waiting.loop_at_disk = false;
        waiting.events.entries.extend(news);
        if worker == DISK && !few && waiting.events.is_due() {
            self.call(waiting, LOOP);
        }
    }

    /// No more events are taken.
    pub(crate) fn end_events(&self) {
        self.lock().events.turn = Turn::Over;
        self.called.iter().for_each(Condvar::notify_one);
    }

    /// No more jobs are done.
    pub(crate) fn end_jobs(&self) {
        self.lock().jobs.turn = Turn::Over;
        self.called.iter().for_each(Condvar::notify_one);
    }

    /// Waits for more jobs until `deadline`, and appends what has come to those taken.
    pub(crate) fn gather(&self, jobs: &mut Vec<J>, deadline: Instant) {
        let mut waiting = self.lock();
        while waiting.jobs.entries.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting.gathering = true;
            let woken = self.jobs_came.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.gathering = false;
        jobs.append(&mut waiting.jobs.entries);
    }

    /// Has somebody wake when the loop is to run again.
    fn see_to_schedule(&self, waiting: Lock<'_, E, J>) {
        let Some(at) = waiting.schedule.at else { return };
        let wakes = |asleep: &Asleep| asleep.until.is_some_and(|until| until <= at);
        if !waiting.asleep.iter().flatten().any(wakes) {
            self.call_for_jobs(waiting, LOOP);
        }
    }

    fn sleep<'a>(&'a self, worker: usize, mut waiting: Lock<'a, E, J>) -> Lock<'a, E, J> {
        let now = Instant::now();
        // What is late is being seen to by who has the events.
        let until = waiting.schedule.at.filter(|at| *at > now);
        waiting.asleep[worker] = Some(Asleep { until });
        let called = &self.called[worker];
        let mut waiting = match until {
            None => called.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            Some(at) => {
                let woken = called.wait_timeout(waiting, at - now);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        while worker == LOOP && waiting.visited.is_some() {
            // The guest sees to what this one has woken for, and has it called if need be.
            waiting.visited = Some(Asleep { until: None });
            waiting = called.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.asleep[worker] = None;
        waiting
    }

    /// Wakes a worker if it sleeps. If it does not, it looks what there is when it has finished.
    fn call(&self, mut waiting: Lock<'_, E, J>, worker: usize) {
        if waiting.asleep[worker].take().is_some() {
            drop(waiting);
            self.called[worker].notify_one();
        }
    }

    fn lock(&self) -> Lock<'_, E, J> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E, J> Waiting<E, J> {
    /// Whether the loop's timers are due, and nobody sees to them.
    fn is_late(&self) -> bool {
        self.events.turn == Turn::Free && self.schedule.at.is_some_and(|at| at <= Instant::now())
    }

    /// Whether jobs are to be done by this worker.
    fn are_jobs_for(&self, worker: usize) -> bool {
        let few = self.jobs.entries.len() <= FEW_JOBS;
        worker == DISK || (self.may_events_wait() && (few || self.asleep[DISK].is_none()))
    }

    /// Whether what events there are may wait for a disk.
    fn may_events_wait(&self) -> bool {
        let few = self.events.entries.len() < EVENTS_WAIT_MAX;
        few && !self.is_urgent && !self.is_late()
    }

    /// Whether events are to be seen to by this worker.
    const fn are_events_for(&self, worker: usize) -> bool {
        worker == LOOP || self.loop_at_disk || self.asleep[LOOP].is_some()
    }
}

impl<T> Queue<T> {
    fn is_due(&self) -> bool {
        self.turn == Turn::Free && !self.entries.is_empty()
    }
}

impl<E, J> Default for Duties<E, J> {
    fn default() -> Self {
        let waiting = Waiting {
            events: Queue::default(),
            jobs: Queue::default(),
            schedule: Schedule { at: None, is_quick: false },
            asleep: [None; WORKERS],
            is_urgent: false,
            has_guest: false,
            visited: None,
            loop_at_disk: false,
            gathering: false,
        };
        let called = Default::default();
        Self { waiting: Mutex::new(waiting), called, jobs_came: Condvar::new() }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), turn: Turn::Free }
    }
}
