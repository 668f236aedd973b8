//! How a process writes its log: with or without waiting for the disk.

use std::collections::VecDeque;
use std::fmt;
use zoarium_process::{Effects, PersistSeq, Protocol};

/// Something written to a log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry<R> {
    /// What it says.
    pub(crate) record: R,
    /// Whether its writer waits until it is durable.
    pub(crate) forced: bool,
}

/// As its record: it is the label of a durable write.
impl<R: fmt::Debug> fmt::Debug for Entry<R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(out)
    }
}

/// The log of a process, and what the process will do when its last entries are durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Journal<T> {
    asked: u64,
    waiting: VecDeque<(u64, T)>,
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self { asked: 0, waiting: VecDeque::new() }
    }
}

impl<T> Journal<T> {
    /// Writes and goes on at once. A crash may take the entry away.
    pub(crate) fn note<P, R>(&mut self, record: R, fx: &mut Effects<P>)
    where
        P: Protocol<Record = Entry<R>>,
    {
        self.asked += 1;
        fx.persist(PersistSeq(self.asked), Entry { record, forced: false });
    }

    /// Writes, and keeps `then` until the entry is durable: [`Journal::durable`] gives it back.
    pub(crate) fn force<P, R>(&mut self, record: R, then: T, fx: &mut Effects<P>)
    where
        P: Protocol<Record = Entry<R>>,
    {
        self.asked += 1;
        self.waiting.push_back((self.asked, then));
        fx.persist(PersistSeq(self.asked), Entry { record, forced: true });
    }

    /// What was waiting for these entries, in order.
    pub(crate) fn durable(&mut self, upto: PersistSeq) -> Vec<T> {
        let count = self.waiting.iter().take_while(|(seq, _)| *seq <= upto.0).count();
        self.waiting.drain(..count).map(|(_, then)| then).collect()
    }
}
