//! A progress bar, on a terminal only.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};
use zoarium_forensics::Progress;

use super::bytes;

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// Cells of the bar.
const WIDTH: u64 = 30;

/// Shows how far a command is, until it is dropped.
pub(super) struct Bar {
    started: Instant,
    drawn: Option<Instant>,
    shown: bool,
}

impl Bar {
    /// A bar, if there is a terminal to show it on that nothing else is written to: with `streaming`
    /// the answer is written while the work goes on.
    pub(super) fn new(streaming: bool) -> Self {
        let shown = stderr().is_terminal() && !(streaming && stdout().is_terminal());
        Self { started: Instant::now(), drawn: None, shown }
    }
}

impl Progress for Bar {
    fn at(&mut self, done: u64, total: u64) {
        let now = Instant::now();
        // What is done in a moment needs no bar.
        let last = self.drawn.unwrap_or(self.started);
        if !self.shown || now - last < EVERY || total == 0 {
            return;
        }
        self.drawn = Some(now);
        let cells = usize::try_from(WIDTH * done.min(total) / total).unwrap_or(0);
        let percent = 100 * done.min(total) / total;
        let ms = u64::try_from((now - self.started).as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = bytes(done.saturating_mul(1000) / ms);
        let (bar, rest) = ("█".repeat(cells), "░".repeat(30 - cells));
        let (done, total) = (bytes(done), bytes(total));
        // A bar that cannot be drawn is not worth an error.
        let _drawn =
            write!(stderr(), "\r{bar}{rest} {percent:3}%  {done} of {total}  {rate}/s\x1b[K");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _cleared = write!(stderr(), "\r\x1b[K");
        }
    }
}
