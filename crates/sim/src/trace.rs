//! What is kept of a run.

use crate::event::Event;
use crate::names::Names;
use std::collections::VecDeque;
use std::fmt::{self, Write};
use zoarium_process::Protocol;

/// How much of a run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceLevel {
    /// Nothing: the fastest way to look at many seeds.
    Nothing,
    /// A hash of all lines.
    Digest,
    /// That, and the last lines, at most so many.
    Lines(usize),
}

/// A run as text.
#[derive(Debug)]
pub struct Trace {
    level: TraceLevel,
    digest: Fnv,
    lines: VecDeque<String>,
}

impl Trace {
    pub(crate) const fn new(level: TraceLevel) -> Self {
        Self { level, digest: Fnv::EMPTY, lines: VecDeque::new() }
    }

    pub(crate) fn record<P: Protocol>(&mut self, event: &Event<'_, P>, names: &Names<P::Id>) {
        match self.level {
            TraceLevel::Nothing => {}
            TraceLevel::Digest => {
                event.write_line(names, &mut self.digest).expect("a hash takes all");
                self.digest.add(b"\n");
            }
            TraceLevel::Lines(max) => {
                let line = event.line(names);
                self.digest.add(line.as_bytes());
                self.digest.add(b"\n");
                if self.lines.len() >= max {
                    self.lines.pop_front();
                }
                self.lines.push_back(line);
            }
        }
    }

    /// A hash of all lines; of none if the level is [`TraceLevel::Nothing`].
    pub const fn digest(&self) -> u64 {
        self.digest.0
    }

    /// The lines that were kept.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// FNV-1a: not for keeping secrets, but the same on every platform.
#[derive(Debug)]
struct Fnv(u64);

impl Fnv {
    const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}
