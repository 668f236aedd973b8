//! What happens to a world from outside: faults and requests, each at its moment.
//!
//! A plan is made by hand with the methods of [`Plan`], read from a script ([`Plan::parse`]) or
//! drawn from a seed ([`Plan::random`](crate::Intensity)). Whatever made it, it prints as a script.

use crate::clock::Rate;
use crate::disk::Keep;
use std::time::Duration;

/// One run: a seed and what happens.
///
/// It has two phases. In the first, faults happen and checkers watch for wrong answers. Then the
/// world is [calmed](Settle) and the checkers must be satisfied within a bounded time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<I> {
    /// Decides all that the plan leaves open: delays, the order of what happens at once, what a
    /// crash leaves.
    pub seed: u64,
    /// How long the first phase lasts.
    pub lasts: Duration,
    /// The second phase, if there is one.
    pub settle: Option<Settle<I>>,
    /// What happens, in no particular order; of two steps at one moment the first happens first.
    pub steps: Vec<Step<I>>,
}

/// The second phase: the processes of a core run and reach each other, nothing fails, and all
/// others are cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle<I> {
    /// The processes that must manage by themselves.
    pub core: Vec<I>,
    /// How long they have.
    pub within: Duration,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<I> {
    /// At which moment.
    pub when: When<I>,
    /// What.
    pub action: Action<I>,
}

/// A moment of a run. The numbers count from 1, over all restarts of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When<I> {
    /// This long after the start.
    At(Duration),
    /// When this many effects of the process have been carried out; the rest of the step's
    /// effects come after.
    Effect(I, u64),
    /// Instead of this operation of the process's disk. The action can only be a crash of it.
    Io(I, u64),
    /// After this many syncs of the process's disk, before the process is told of the last.
    Sync(I, u64),
}

/// Something that is done to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<I> {
    /// Ends a process at once. What its disk has not synced is kept or not.
    Crash {
        /// Which.
        process: I,
        /// What its disk keeps.
        keep: Keep,
        /// When it starts again, if by itself.
        down_for: Option<Duration>,
    },
    /// Starts a crashed process from what its disk holds.
    Restart(I),
    /// Stops a process, as a garbage collection or SIGSTOP would: what comes for it waits.
    Pause {
        /// Which.
        process: I,
        /// When it goes on, if by itself.
        pause_for: Option<Duration>,
    },
    /// Lets a paused process go on.
    Resume(I),
    /// Lets nothing through between processes of different groups.
    Partition(Vec<Vec<I>>),
    /// Lets nothing through from any of the first to any of the second; the other way is open.
    Block(Vec<I>, Vec<I>),
    /// Lifts what [`Action::Partition`] and [`Action::Block`] did between processes of different
    /// groups; everywhere, if there are no groups.
    Heal(Vec<Vec<I>>),
    /// Breaks the connection of two processes; it comes back by itself.
    Cut(I, I),
    /// Loses the next messages from one to another. A [`Fifo`](crate::LinkPolicy::Fifo) link ends
    /// with the first of them.
    Drop {
        /// The sender.
        from: I,
        /// The receiver.
        to: I,
        /// How they begin when printed with `Debug`; all do with the empty text.
        starting: String,
        /// How many, at most.
        times: u32,
    },
    /// Makes all messages from the first to the second take this much longer.
    SlowLink(I, I, Duration),
    /// Changes how fast a process's monotonic clock runs.
    Drift(I, Rate),
    /// Makes a process's wall clock jump, by milliseconds.
    Jump(I, i64),
    /// Makes every sync of a process's disk take this much longer.
    SlowDisk(I, Duration),
    /// Fills a process's disk or makes room on it.
    FullDisk(I, bool),
    /// Lets the next sync of a process's disk fail, which ends the process. Of what was not
    /// synced, a random part is kept.
    FailSync {
        /// Whose.
        process: I,
        /// When the process starts again, if by itself.
        down_for: Option<Duration>,
    },
    /// Flips one bit of what the disk of a process holds, which is down; nothing while it runs.
    Corrupt(I),
    /// Empties the disk of a process that is down, as an operator would; nothing while it runs.
    Wipe(I),
    /// Hands a process a request: what the words mean is the world's affair.
    Request(I, String),
}

impl<I: Copy> Plan<I> {
    /// A run of this length in which nothing happens.
    pub const fn new(seed: u64, lasts: Duration) -> Self {
        Self { seed, lasts, settle: None, steps: Vec::new() }
    }

    /// Adds a step at a time.
    #[must_use]
    pub fn at(self, after_start: Duration, action: Action<I>) -> Self {
        self.when(When::At(after_start), action)
    }

    /// Adds a step.
    #[must_use]
    pub fn when(mut self, when: When<I>, action: Action<I>) -> Self {
        self.steps.push(Step { when, action });
        self
    }

    /// Adds a request.
    #[must_use]
    pub fn request(self, after_start: Duration, to: I, words: impl Into<String>) -> Self {
        self.at(after_start, Action::Request(to, words.into()))
    }

    /// Adds a partition that comes and goes: for `half_period` it is there, for as long it is not.
    #[must_use]
    pub fn flap(
        mut self,
        from: Duration,
        groups: &[Vec<I>],
        half_period: Duration,
        times: u32,
    ) -> Self {
        for turn in 0..times {
            let begin = from + half_period * 2 * turn;
            self = self.at(begin, Action::Partition(groups.to_vec()));
            self = self.at(begin + half_period, Action::Heal(groups.to_vec()));
        }
        self
    }

    /// Adds the second phase.
    #[must_use]
    pub fn settling(mut self, core: impl IntoIterator<Item = I>, within: Duration) -> Self {
        self.settle = Some(Settle { core: core.into_iter().collect(), within });
        self
    }
}

impl<I: Copy> Action<I> {
    /// A crash without restart.
    pub const fn crash(process: I, keep: Keep) -> Self {
        Self::Crash { process, keep, down_for: None }
    }

    /// Whether this is no fault but an input.
    pub const fn is_request(&self) -> bool {
        matches!(self, Self::Request(..))
    }
}
