//! What waits to be written on a connection.

use super::snapshot::Outgoing;
use std::collections::VecDeque;

/// What waits, in order.
#[derive(Debug)]
pub(super) enum Segment {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A snapshot, made while it is written.
    Snapshot(Outgoing),
}

/// What waits, and how much of it there may be.
///
/// A learner may be sent its whole history at once, so the first batch for an idle connection may
/// be of any size. What comes behind it while it is not read is bounded.
#[derive(Debug)]
pub(super) struct Outbox {
    /// How many bytes may wait.
    bytes_max: usize,
    segments: VecDeque<Segment>,
    /// Bytes that were ever put here, without snapshots.
    put: u64,
    /// How far bytes do not count: the end of the last batch that met an idle connection.
    free_upto: u64,
    /// The batch that is being put together, if there is one.
    batch: Option<Batch>,
    /// Whether the connection's task is writing what it has taken.
    writing: bool,
    /// Nothing more is written.
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    /// Whether little was waiting when it began.
    idle: bool,
}

/// A connection is idle with less than this part of its limit waiting.
const IDLE_PART: u64 = 4;

/// More waits than may.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} bytes wait for the peer, at most {max} may")]
pub(super) struct TooMuchWaits {
    waiting: u64,
    max: usize,
}

impl Outbox {
    /// One in which so many bytes may wait.
    pub(super) const fn new(bytes_max: usize) -> Self {
        let segments = VecDeque::new();
        let (batch, writing, closed) = (None, false, false);
        Self { bytes_max, segments, put: 0, free_upto: 0, batch, writing, closed }
    }

    /// Puts bytes in. The result says whether a batch begins with them. `written` is how many of
    /// all bytes have been written.
    pub(super) fn put(&mut self, written: u64, encode: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.closed {
            return false;
        }
        let begins = self.begin_batch(written);
        if !matches!(self.segments.back(), Some(Segment::Bytes(_))) {
            self.segments.push_back(Segment::Bytes(Vec::new()));
        }
        if let Some(Segment::Bytes(bytes)) = self.segments.back_mut() {
            let before = bytes.len();
            encode(bytes);
            self.put += (bytes.len() - before) as u64;
        }
        begins
    }

    /// Puts bytes in, in the place of those that are still here.
    pub(super) fn replace(&mut self, written: u64, encode: impl FnOnce(&mut Vec<u8>)) -> bool {
        for segment in &mut self.segments {
            if let Segment::Bytes(bytes) = segment {
                self.put -= bytes.len() as u64;
                bytes.clear();
            }
        }
        self.put(written, encode)
    }

    /// Puts a snapshot in.
    pub(super) fn put_snapshot(&mut self, written: u64, snapshot: Outgoing) -> bool {
        if self.closed {
            return false;
        }
        let begins = self.begin_batch(written);
        self.segments.push_back(Segment::Snapshot(snapshot));
        begins
    }

    fn begin_batch(&mut self, written: u64) -> bool {
        if self.batch.is_some() {
            return false;
        }
        let idle = self.put.saturating_sub(written) <= self.bytes_max as u64 / IDLE_PART;
        self.batch = Some(Batch { idle });
        true
    }

    /// Ends the batch.
    ///
    /// # Errors
    /// If more waits than may.
    pub(super) fn end_batch(&mut self, written: u64) -> Result<(), TooMuchWaits> {
        if let Some(Batch { idle: true }) = self.batch.take() {
            self.free_upto = self.put;
        }
        let waiting = self.put.saturating_sub(written.max(self.free_upto));
        let max = self.bytes_max;
        if waiting > max as u64 { Err(TooMuchWaits { waiting, max }) } else { Ok(()) }
    }

    /// Writes what waits without taking it, if it is short and nobody else is writing: who fills the
    /// outbox saves the connection's task a turn. The result is how many bytes `write` took.
    pub(super) fn write_through(&mut self, mut write: impl FnMut(&[u8]) -> usize) -> usize {
        let mut sent = 0;
        if !self.writing
            && let Some(Segment::Bytes(bytes)) = self.segments.front_mut()
            && bytes.len() <= THROUGH_BYTES_MAX
        {
            sent = write(bytes);
            bytes.drain(..sent);
        }
        sent
    }

    /// Whether there is anything to be taken.
    pub(super) fn has_more(&self) -> bool {
        self.segments.iter().any(|segment| match segment {
            Segment::Bytes(bytes) => !bytes.is_empty(),
            Segment::Snapshot(_) => true,
        })
    }

    /// Takes what is to be written next, when all that was taken before is written. Bytes are
    /// swapped with `buffer`, which must be empty.
    pub(super) fn take(&mut self, buffer: &mut Vec<u8>) -> Taken {
        let taken = self.take_next(buffer);
        self.writing = !matches!(taken, Taken::Nothing);
        taken
    }

    fn take_next(&mut self, buffer: &mut Vec<u8>) -> Taken {
        while let Some(segment) = self.segments.pop_front() {
            match segment {
                Segment::Snapshot(snapshot) => return Taken::Snapshot(snapshot),
                Segment::Bytes(bytes) if bytes.is_empty() => {}
                Segment::Bytes(bytes) => {
                    let mut kept = std::mem::replace(buffer, bytes);
                    // The memory goes back and forth while little is sent at a time.
                    if self.segments.is_empty() && kept.capacity() <= KEPT_BYTES_MAX {
                        kept.clear();
                        self.segments.push_back(Segment::Bytes(kept));
                    }
                    return Taken::Bytes;
                }
            }
        }
        Taken::Nothing
    }

    /// Bytes that wait, without snapshots.
    pub(super) const fn waiting(&self, written: u64) -> u64 {
        self.put.saturating_sub(written)
    }

    /// Takes no more. What was waiting is dropped, unless `last_words` are to be written.
    pub(super) fn close(&mut self, last_words: bool) {
        self.closed = true;
        if !last_words {
            self.segments.clear();
        }
    }
}

/// More is left to the connection's task, which has nothing else to do.
const THROUGH_BYTES_MAX: usize = 64 * 1024;

/// What is kept of a buffer's memory when it is empty.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// What [`Outbox::take`] gives.
#[derive(Debug)]
pub(super) enum Taken {
    /// There is nothing.
    Nothing,
    /// Bytes, in the buffer.
    Bytes,
    /// A snapshot.
    Snapshot(Outgoing),
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1000;

    fn put(outbox: &mut Outbox, written: u64, bytes: usize) -> bool {
        outbox.put(written, |out| out.extend(vec![7; bytes]))
    }

    fn waiting(outbox: &mut Outbox, written: u64) -> Option<u64> {
        outbox.end_batch(written).err().map(|too_much| too_much.waiting)
    }

    #[test]
    fn batch_for_an_idle_connection_may_be_of_any_size() {
        let mut outbox = Outbox::new(MAX);
        assert!(put(&mut outbox, 0, 3 * MAX));
        assert!(!put(&mut outbox, 0, 3 * MAX));
        assert_eq!(waiting(&mut outbox, 0), None);
        // What comes behind it may be as much as may wait.
        assert!(put(&mut outbox, 0, MAX));
        assert_eq!(waiting(&mut outbox, 0), None);
        assert!(put(&mut outbox, 0, 1));
        assert_eq!(waiting(&mut outbox, 0), Some(MAX as u64 + 1));
    }

    #[test]
    fn what_waits_counts_again_when_the_large_batch_is_written() {
        let mut outbox = Outbox::new(MAX);
        put(&mut outbox, 0, 3 * MAX);
        waiting(&mut outbox, 0);
        let written = 3 * MAX as u64;
        for _ in 0..10 {
            put(&mut outbox, written, MAX / 10);
            assert_eq!(waiting(&mut outbox, written), None);
        }
        put(&mut outbox, written, 1);
        // The first batches met an idle connection, so these do not count.
        assert_eq!(waiting(&mut outbox, written), None);
        put(&mut outbox, written, MAX);
        assert!(waiting(&mut outbox, written).is_some());
        assert_eq!(waiting(&mut outbox, written + 2 * MAX as u64), None);
    }

    #[test]
    fn slow_peer_has_no_second_large_batch() {
        let mut outbox = Outbox::new(MAX);
        let mut written = 0;
        let ended = (0..100).find(|_| {
            put(&mut outbox, written, MAX / 2);
            written += MAX as u64 / 10;
            waiting(&mut outbox, written).is_some()
        });
        assert_eq!(ended, Some(3));
    }

    #[test]
    fn newest_message_takes_the_place_of_one_that_waits() {
        let mut outbox = Outbox::new(MAX);
        let mut buffer = Vec::new();
        outbox.replace(0, |out| out.extend([1; 5]));
        outbox.replace(0, |out| out.extend([2; 3]));
        assert!(matches!(outbox.take(&mut buffer), Taken::Bytes));
        assert_eq!(buffer, [2; 3]);
        // That one is on its way.
        outbox.replace(0, |out| out.extend([3; 2]));
        buffer.clear();
        assert!(matches!(outbox.take(&mut buffer), Taken::Bytes));
        assert_eq!(buffer, [3; 2]);
        buffer.clear();
        assert!(matches!(outbox.take(&mut buffer), Taken::Nothing));
        assert_eq!(outbox.put, 5);
    }

    #[test]
    fn nothing_is_written_through_while_the_task_writes() {
        let mut outbox = Outbox::new(MAX);
        let mut buffer = Vec::new();
        put(&mut outbox, 0, 5);
        assert_eq!(outbox.write_through(|bytes| bytes.len() - 2), 3);
        assert!(outbox.has_more());
        assert!(matches!(outbox.take(&mut buffer), Taken::Bytes));
        assert_eq!(buffer.len(), 2);
        put(&mut outbox, 0, 5);
        assert_eq!(outbox.write_through(<[u8]>::len), 0, "these would overtake the others");
        buffer.clear();
        assert!(matches!(outbox.take(&mut buffer), Taken::Bytes));
        buffer.clear();
        assert!(matches!(outbox.take(&mut buffer), Taken::Nothing));
        put(&mut outbox, 0, 5);
        assert_eq!(outbox.write_through(<[u8]>::len), 5);
        assert!(!outbox.has_more());
    }

    #[test]
    fn closed_outbox_takes_nothing_and_keeps_last_words_only() {
        let mut outbox = Outbox::new(MAX);
        let mut buffer = Vec::new();
        put(&mut outbox, 0, 5);
        outbox.close(true);
        assert!(!put(&mut outbox, 0, 5));
        assert!(matches!(outbox.take(&mut buffer), Taken::Bytes));
        assert_eq!(buffer.len(), 5);
        buffer.clear();
        assert!(matches!(outbox.take(&mut buffer), Taken::Nothing));
    }
}
