//! One connection, as its own task, the peer loop and the hub share it.

use super::hub::Hub;
use super::outbox::{Outbox, Taken};
use super::snapshot::Outgoing;
use super::traffic::Traffic;
use super::writer::{self, Writing};
use super::{Batch, LinkEvent, Sink};
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use zoarium_proto::{DecodeError, ServerId};
use zoarium_tree::snapshot::LoadError;
use zoarium_zab::wire::{Direction, WireError, put_notification, put_packet};
use zoarium_zab::{Channel, Link, Message};

/// What may have been read of one connection and not been dealt with by the peer loop, in bytes,
/// before it is not read for a while. One read may exceed it.
pub(super) const IN_FLIGHT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a connection that is about to close may take to read its last words.
const LAST_WORDS_MAX: Duration = Duration::from_secs(2);

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the peer closed it")]
    ByPeer,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no message: {0}")]
    Frame(#[from] DecodeError),
    #[error("{0}")]
    Wire(#[from] WireError),
    #[error("the peer took no bytes for {0:?}")]
    Stalled(Duration),
    #[error("the peer sent nothing of its snapshot for {0:?}")]
    SnapshotStalled(Duration),
    #[error("{0}: it does not keep up")]
    TooMuchWaits(super::outbox::TooMuchWaits),
    #[error("the snapshot received is none: {0}")]
    Snapshot(#[from] LoadError),
    #[error("the snapshot received has a record of {needed} bytes, at most {max} are allowed")]
    SnapshotRecord { needed: usize, max: usize },
    #[error("the snapshot received does not end as it should: {0}")]
    SnapshotEnd(DecodeError),
    #[error("the tree was replaced while a snapshot of it was sent")]
    SnapshotLost,
    #[error("a newer connection of the same peer takes its place")]
    Replaced,
    #[error("the peer has lost it and asks for another")]
    Asked,
    #[error("the peer is no member any more")]
    Removed,
    #[error("{0}")]
    Unreachable(#[from] super::dial::Unreachable),
}

/// How a connection's task is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Now,
    AfterLastWords,
}

/// One connection of a link.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) link: Link,
    began: Instant,
    sink: Arc<dyn Sink>,
    /// Whether events are handed on.
    gate: Mutex<bool>,
    outbox: Mutex<Outbox>,
    /// Where the outbox goes, while the connection's task runs.
    stream: Mutex<Option<Arc<TcpStream>>>,
    /// Bytes written, without snapshots.
    written: AtomicU64,
    pub(super) traffic: Traffic,
    wake_writer: Notify,
    /// Bytes in batches that are not dropped yet.
    in_flight: AtomicUsize,
    room: Notify,
    end: watch::Sender<Option<End>>,
}

impl Connection {
    pub(super) fn new(link: Link, hub: &Hub) -> Arc<Self> {
        Arc::new(Self {
            link,
            began: Instant::now(),
            sink: Arc::clone(&hub.sink),
            gate: Mutex::new(true),
            outbox: Mutex::new(Outbox::new(hub.options.out_bytes_max)),
            stream: Mutex::new(None),
            written: AtomicU64::new(0),
            traffic: Traffic::default(),
            wake_writer: Notify::new(),
            in_flight: AtomicUsize::new(0),
            room: Notify::new(),
            end: watch::Sender::new(None),
        })
    }

    /// How long ago it was made.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Hands events on, which were read from so many bytes.
    pub(super) fn push(self: &Arc<Self>, events: Vec<LinkEvent>, bytes: usize) {
        let gate = self.gate();
        if *gate {
            self.traffic.note_received(&events);
            self.sink.tell(self.batch(events, bytes));
        }
    }

    /// The same, for who is in the middle of nothing and may see to the events itself.
    pub(super) fn push_and_settle(self: &Arc<Self>, events: Vec<LinkEvent>, bytes: usize) {
        let gate = self.gate();
        if *gate {
            self.traffic.note_received(&events);
            self.sink.offer(self.batch(events, bytes));
        }
        drop(gate);
        self.sink.settle();
    }

    fn batch(self: &Arc<Self>, events: Vec<LinkEvent>, bytes: usize) -> Batch {
        self.in_flight.fetch_add(bytes, Relaxed);
        Batch { connection: Arc::clone(self), events: events.into_iter(), bytes }
    }

    /// Ends the connection at once. The loop is told, unless it knows. The result says so.
    pub(super) fn cut(self: &Arc<Self>) -> bool {
        let mut gate = self.gate();
        let open = std::mem::replace(&mut *gate, false);
        if open {
            self.sink.tell(self.batch(vec![LinkEvent::Down(self.link)], 0));
        }
        drop(gate);
        self.outbox().close(false);
        self.end.send_replace(Some(End::Now));
        open
    }

    /// Ends the connection when what was put into it has been written. The loop is not told: it
    /// wants it so.
    pub(super) fn finish(&self, why: &impl Display) {
        let was_open = std::mem::replace(&mut *self.gate(), false);
        self.outbox().close(true);
        if was_open {
            self.end.send_replace(Some(End::AfterLastWords));
            tracing::info!(link = %Shown(self.link), %why, "closed");
        }
    }

    /// Encodes a message for the peer. The result says whether the connection must be flushed for
    /// it.
    pub(super) fn put(&self, message: &Message, own: ServerId) -> bool {
        let written = self.written();
        let mut outbox = self.outbox();
        match message {
            Message::Election(notification) => {
                outbox.replace(written, |out| put_notification(notification, out))
            }
            Message::Quorum(packet) => {
                self.traffic.note_sent(packet);
                let direction = match self.link.channel {
                    Channel::Leader => Direction::ToLeader,
                    Channel::Learner | Channel::Election => Direction::ToLearner,
                };
                outbox.put(written, |out| put_packet(packet, direction, own, out))
            }
        }
    }

    pub(super) fn put_snapshot(&self, snapshot: Outgoing) -> bool {
        self.outbox().put_snapshot(self.written(), snapshot)
    }

    /// Has what was put in written.
    ///
    /// # Errors
    /// If too much waits.
    pub(super) fn flush(&self) -> Result<(), Ended> {
        let mut outbox = self.outbox();
        let ended = outbox.end_batch(self.written());
        if let Some(stream) = &*self.stream() {
            // What it does not take, for whatever reason, the task finds out again.
            let sent = outbox.write_through(|bytes| stream.try_write(bytes).unwrap_or(0));
            self.note_written(sent);
        }
        let is_left = outbox.has_more();
        drop(outbox);
        if is_left {
            self.wake_writer.notify_one();
        }
        ended.map_err(Ended::TooMuchWaits)
    }

    /// Waits for something to write, and takes it.
    pub(super) async fn take(&self, buffer: &mut Vec<u8>) -> Taken {
        loop {
            match self.try_take(buffer) {
                Taken::Nothing => self.wake_writer.notified().await,
                taken @ (Taken::Bytes | Taken::Snapshot(_)) => return taken,
            }
        }
    }

    /// Takes what there is to write.
    pub(super) fn try_take(&self, buffer: &mut Vec<u8>) -> Taken {
        self.outbox().take(buffer)
    }

    pub(super) fn note_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Relaxed);
    }

    /// Bytes that wait to be written.
    pub(super) fn waiting(&self) -> u64 {
        self.outbox().waiting(self.written())
    }

    /// The other end; `None` once the connection has ended.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.as_ref()?.peer_addr().ok()
    }

    fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// A batch is dealt with.
    pub(super) fn release(&self, bytes: usize) {
        self.in_flight.fetch_sub(bytes, AcqRel);
        self.room.notify_one();
    }

    /// Waits until no more than `bytes` are in batches.
    pub(super) async fn room(&self, bytes: usize) {
        while self.in_flight.load(Acquire) > bytes {
            self.room.notified().await;
        }
    }

    /// Waits until the connection is told to end.
    pub(super) async fn ending(&self) {
        let mut end = self.end.subscribe();
        // The sender is in `self`, so the channel is open.
        let _told = end.wait_for(Option::is_some).await;
    }

    fn has_last_words(&self) -> bool {
        *self.end.borrow() == Some(End::AfterLastWords)
    }

    fn gate(&self) -> MutexGuard<'_, bool> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream(&self) -> MutexGuard<'_, Option<Arc<TcpStream>>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs an established connection to its end. `reading` is its other half.
pub(super) async fn run(
    hub: &Hub,
    connection: &Arc<Connection>,
    stream: &Arc<TcpStream>,
    reading: impl Future<Output = Ended>,
) {
    *connection.stream() = Some(Arc::clone(stream));
    let mut writing = Writing::new(hub.options.init_limit);
    let ended = tokio::select! {
        ended = reading => Some(ended),
        ended = writer::run(connection, stream, &mut writing) => Some(ended),
        () = connection.ending() => None,
    };
    match ended {
        Some(ended) => hub.retire(connection, &ended),
        None => {
            if connection.has_last_words() {
                let last_words = writer::finish(connection, stream, &mut writing);
                // What a peer does not take in time it does not get.
                let _cut = tokio::time::timeout(LAST_WORDS_MAX, last_words).await;
            }
            hub.forget(connection);
        }
    }
    *connection.stream() = None;
    // Snapshots that were never begun go here, not where the last share of the connection happens
    // to be dropped.
    connection.outbox().close(false);
}

/// A link as it is named in logs.
pub(super) struct Shown(pub(super) Link);

impl Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Link { peer, channel } = self.0;
        match channel {
            Channel::Election => write!(f, "election link with {peer}"),
            Channel::Leader => write!(f, "link to leader {peer}"),
            Channel::Learner => write!(f, "link of learner {peer}"),
        }
    }
}
