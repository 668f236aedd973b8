//! An open loop: requests are due at a rate, whether or not the servers keep up.

use super::connection::nanos;
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::time::Duration;

/// How often the timer wakes the thread at most: a request is sent that much too late at most.
const TICK_NS_MIN: u64 = 50_000;

/// When each request of a thread is due.
#[derive(Debug)]
pub(super) struct Pace {
    interval_ns: u64,
    begin_ns: u64,
    taken: u64,
    timer: OwnedFd,
}

impl Pace {
    /// `rate` requests a second, the first at once.
    pub(super) fn new(rate: f64) -> io::Result<Self> {
        let interval = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        let interval_ns = nanos(interval).max(1);
        // Milliseconds, which polls can wait for, are too coarse.
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        let tick_ns = interval_ns.max(TICK_NS_MIN);
        let tick = Timespec {
            tv_sec: i64::try_from(tick_ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(tick_ns % 1_000_000_000).unwrap_or(0),
        };
        let ticks = Itimerspec { it_interval: tick, it_value: tick };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &ticks)?;
        Ok(Self { interval_ns, begin_ns: 0, taken: 0, timer })
    }

    pub(super) fn begin(&mut self, now_ns: u64) {
        self.begin_ns = now_ns;
    }

    /// What the poll watches.
    pub(super) fn timer(&self) -> RawFd {
        self.timer.as_raw_fd()
    }

    /// Lets the timer ring again.
    pub(super) fn heard(&self) -> io::Result<()> {
        match rustix::io::read(&self.timer, &mut [0_u8; 8]) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// When the next request is due, in ns of the run.
    pub(super) fn next_due_ns(&self) -> u64 {
        self.begin_ns.saturating_add(self.taken.saturating_mul(self.interval_ns))
    }

    /// The next request is under way.
    pub(super) fn take(&mut self) {
        self.taken += 1;
    }

    /// How many requests were due before `until_ns` and are not under way.
    pub(super) fn backlog(&self, until_ns: u64) -> u64 {
        let due = until_ns.saturating_sub(self.begin_ns).div_ceil(self.interval_ns);
        due.saturating_sub(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_their_rate_however_late_they_leave() {
        let mut pace = Pace::new(1000.0).unwrap();
        pace.begin(500);
        assert_eq!(pace.next_due_ns(), 500);
        for _ in 0..3 {
            pace.take();
        }
        assert_eq!(pace.next_due_ns(), 3_000_500);
        assert_eq!(pace.backlog(10_000_500), 7);
        assert_eq!(pace.backlog(1_000_000), 0);
    }
}
