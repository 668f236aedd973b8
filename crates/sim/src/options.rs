//! How long things take in a world, and how much of a run is kept.

use crate::rng::Rng;
use crate::trace::TraceLevel;
use std::time::Duration;

/// A distribution of delays: uniform, with a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The shortest.
    pub low: Duration,
    /// The longest usual one.
    pub high: Duration,
    /// How many in a million are unusual.
    pub tail_parts: u32,
    /// The longest unusual one.
    pub tail: Duration,
}

impl Delay {
    /// Always the same.
    pub const fn fixed(delay: Duration) -> Self {
        Self { low: delay, high: delay, tail_parts: 0, tail: delay }
    }

    /// Anything from `low` to `high`.
    pub const fn uniform(low: Duration, high: Duration) -> Self {
        Self { low, high, tail_parts: 0, tail: high }
    }

    /// The same, but `parts` in a million take up to `tail`.
    #[must_use]
    pub const fn with_tail(self, parts: u32, tail: Duration) -> Self {
        Self { tail_parts: parts, tail, ..self }
    }

    pub(crate) fn draw(self, rng: &mut Rng) -> Duration {
        let unusual = self.tail_parts > 0 && rng.chance(self.tail_parts);
        if unusual { rng.between(self.high, self.tail) } else { rng.between(self.low, self.high) }
    }
}

/// What connects two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPolicy {
    /// As TCP does: in order, and nothing is lost but by the end of the connection, of which both
    /// hear with `LinkDown`.
    Fifo,
    /// As UDP does: no connection, no order. Both shares are in a million.
    Datagram {
        /// How many are lost.
        loss_parts: u32,
        /// How many arrive twice; needs [`World::copy`](crate::World::copy).
        duplicate_parts: u32,
    },
}

/// Everything about a run that is neither world nor plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What connects processes.
    pub links: LinkPolicy,
    /// From sending to receiving.
    pub message: Delay,
    /// From the moment two processes could be connected until they are.
    pub connect: Delay,
    /// From the end of a connection until a process hears of it.
    pub notice: Delay,
    /// How long nothing may come through before a connection ends, and after how long again an
    /// end that nothing reaches hears of that. Partitions shorter than this only delay, as TCP
    /// sends again.
    pub detect: Delay,
    /// From writing records to their being durable.
    pub sync: Delay,
    /// How long to wait before a full disk is tried again.
    pub full_disk_retry: Duration,
    /// How late timers are.
    pub timer_late: Delay,
    /// What all wall clocks show at the start, in milliseconds since 1970.
    pub wall_ms: i64,
    /// What is kept of a run.
    pub trace: TraceLevel,
    /// A run of more events than this has run away.
    pub events_max: u64,
}

/// A local network with disks of flash, and no trace.
impl Default for Options {
    fn default() -> Self {
        let micros = Duration::from_micros;
        let millis = Duration::from_millis;
        Self {
            links: LinkPolicy::Fifo,
            message: Delay::uniform(micros(50), micros(500)).with_tail(10_000, millis(50)),
            connect: Delay::uniform(millis(1), millis(20)),
            notice: Delay::uniform(micros(50), millis(5)),
            detect: Delay::uniform(millis(200), millis(2000)),
            sync: Delay::uniform(micros(100), millis(5)).with_tail(10_000, millis(200)),
            full_disk_retry: millis(1000),
            timer_late: Delay::uniform(Duration::ZERO, millis(1)),
            wall_ms: 1_700_000_000_000,
            trace: TraceLevel::Nothing,
            events_max: 5_000_000,
        }
    }
}
