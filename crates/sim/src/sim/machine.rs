//! What there is of a process outside of it, and what can be due.

use super::IoCount;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::event::MessageId;
use crate::rng::Rng;
use crate::time::Time;
use crate::world::{Id, Message, Request, World};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use zoarium_process::{Instant, PersistSeq, Protocol};

pub(super) type Timer<W> = <<W as World>::Process as Protocol>::Timer;
type Record<W> = <<W as World>::Process as Protocol>::Record;

/// Monotonic clocks start at most this far from zero, so that nobody takes them for each other's.
const CLOCK_ORIGIN_MAX: Duration = Duration::from_hours(1000);

/// Something that is due at a time.
#[derive(Debug)]
pub(super) enum Due<W: World> {
    /// A step of the plan.
    Plan(usize),
    /// The end of a phase.
    PhaseOver,
    /// A look at whether the world has settled; the last may not fail.
    Poll {
        last: bool,
    },
    /// The first parcel of a wire may be due.
    Wake {
        from: Id<W>,
        to: Id<W>,
    },
    Datagram {
        from: Id<W>,
        to: Id<W>,
        message: MessageId,
        /// In a box, so that what is due is small: the schedule moves it about.
        body: Box<Message<W>>,
    },
    /// A process hears of the end of a connection.
    Notice {
        at: Id<W>,
        of: Id<W>,
        epoch: u64,
    },
    /// Nothing has come through for too long.
    Detect {
        pair: (Id<W>, Id<W>),
        detection: u64,
    },
    Connect {
        pair: (Id<W>, Id<W>),
        attempt: u64,
    },
    Timer {
        process: Id<W>,
        incarnation: u64,
        timer: Timer<W>,
        setting: u64,
    },
    /// The disk may begin its next batch.
    Write {
        process: Id<W>,
        incarnation: u64,
    },
    /// The disk is done with its batch.
    Sync {
        process: Id<W>,
        incarnation: u64,
    },
    Request {
        process: Id<W>,
        request: Request<W>,
    },
    Restart {
        process: Id<W>,
        incarnation: u64,
    },
    Resume {
        process: Id<W>,
        pause: u64,
    },
}

impl<W: World> Due<W> {
    /// Whose driver has to do it; nobody's if it just happens.
    pub(super) const fn process(&self) -> Option<Id<W>> {
        match self {
            Self::Plan(_)
            | Self::PhaseOver
            | Self::Poll { .. }
            | Self::Detect { .. }
            | Self::Connect { .. }
            | Self::Restart { .. }
            | Self::Resume { .. } => None,
            Self::Wake { to: process, .. }
            | Self::Datagram { to: process, .. }
            | Self::Notice { at: process, .. }
            | Self::Timer { process, .. }
            | Self::Write { process, .. }
            | Self::Sync { process, .. }
            | Self::Request { process, .. } => Some(*process),
        }
    }
}

/// The machine a process runs on: what outlives it, and what its driver has to remember.
#[derive(Debug)]
pub(super) struct Machine<W: World> {
    pub(super) disk: W::Disk,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    /// Counts the lives and deaths of the process: odd while it lives.
    pub(super) incarnation: u64,
    /// Counts pauses and resumptions: odd while it is paused.
    pub(super) pauses: u64,
    /// What has come for a paused process: its driver stands still too.
    pub(super) held: VecDeque<Due<W>>,
    /// When each timer is due, and the number of that setting.
    pub(super) timers: BTreeMap<Timer<W>, (Instant, u64)>,
    /// Counts settings of timers.
    pub(super) settings: u64,
    /// Effects carried out, over all lives.
    pub(super) effects: u64,
    pub(super) writer: Writer<Record<W>>,
    /// Syncs done, over all lives.
    pub(super) syncs: u64,
    pub(super) slow_disk: Duration,
    /// Whether the next sync fails, and how long the process is then down.
    pub(super) fail_sync: Option<Option<Duration>>,
    /// The operation, counted from 1, instead of which the disk halts.
    pub(super) halts_at: Option<u64>,
}

/// What a disk thread would know.
#[derive(Debug)]
pub(super) struct Writer<R> {
    /// Not yet written.
    pub(super) queue: VecDeque<(PersistSeq, R)>,
    /// Whether a batch is under way.
    pub(super) is_busy: bool,
    /// The last record that the process asked for.
    pub(super) asked: PersistSeq,
    /// The last record written.
    pub(super) written: PersistSeq,
    pub(super) is_full: bool,
}

impl<R> Default for Writer<R> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            is_busy: false,
            asked: PersistSeq(0),
            written: PersistSeq(0),
            is_full: false,
        }
    }
}

impl<W: World> Machine<W> {
    pub(super) fn new(disk: W::Disk, rng: Rng, wall_ms: i64) -> Self {
        let mut rng = rng;
        let shown = rng.between(Duration::ZERO, CLOCK_ORIGIN_MAX);
        Self {
            disk,
            clock: Clock::new(shown, wall_ms),
            rng,
            incarnation: 0,
            pauses: 0,
            held: VecDeque::new(),
            timers: BTreeMap::new(),
            settings: 0,
            effects: 0,
            writer: Writer::default(),
            syncs: 0,
            slow_disk: Duration::ZERO,
            fail_sync: None,
            halts_at: None,
        }
    }

    pub(super) const fn is_alive(&self) -> bool {
        self.incarnation % 2 == 1
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.pauses % 2 == 1
    }

    /// Forgets what only the process's driver knew.
    pub(super) fn forget(&mut self) {
        self.timers.clear();
        self.writer = Writer::default();
        self.fail_sync = None;
        if self.is_paused() {
            self.pauses += 1;
        }
    }

    /// Takes a timer out, if this setting of it still holds and is due.
    pub(super) fn take_timer(&mut self, timer: Timer<W>, setting: u64, now: Time) -> Ripe {
        let Some((at, current)) = self.timers.get(&timer).copied() else { return Ripe::No };
        if current != setting {
            return Ripe::No;
        }
        if self.clock.at(now).mono < at {
            return Ripe::Later(self.clock.when(at, now));
        }
        self.timers.remove(&timer);
        Ripe::Yes
    }

    pub(super) fn io_count(&self) -> IoCount {
        IoCount { operations: self.disk.operations(), syncs: self.syncs }
    }
}

/// Whether a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ripe {
    Yes,
    /// The clock has been slowed down meanwhile.
    Later(Time),
    /// It was moved or cancelled.
    No,
}
