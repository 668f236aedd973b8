//! SNAP: a tree on its way to a learner, and the leader's on its way here.
//!
//! Behind the packet comes the snapshot without any length, then a signature, then packets again.

use super::connection::{Connection, Ended, Shown};
use super::reader::fill;
use super::writer::Writing;
use super::{LinkEvent, LinkOptions};
use bytes::{Buf, BytesMut};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use zoarium_proto::quorum::{next_snapshot_signature, put_snapshot_signature};
use zoarium_proto::{Reader, ServerId, Zxid};
use zoarium_tree::snapshot::{Loaded, Next, SnapshotLoader};
use zoarium_zab::Packet;
use zoarium_zab::wire::{Direction, put_packet};

/// How often an operator is told how far a snapshot is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A snapshot's bytes, from the session count to the path that ends the znodes.
pub(crate) trait SnapshotSource: Send + fmt::Debug {
    /// Appends the next bytes, a slice of some hundred kilobytes. It is called on a thread that may
    /// wait for locks, and so is `drop`.
    fn next(&mut self, out: &mut Vec<u8>) -> SnapshotSlice;
}

/// What follows the bytes that [`SnapshotSource::next`] appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotSlice {
    /// More.
    More,
    /// Nothing: the snapshot is whole.
    End,
    /// Nothing: the tree is another one, and no snapshot comes of it.
    Lost,
}

/// A snapshot that waits to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    zxid: Zxid,
    source: Option<Box<dyn SnapshotSource>>,
    runtime: Handle,
}

impl Outgoing {
    pub(super) fn new(zxid: Zxid, source: Box<dyn SnapshotSource>, runtime: &Handle) -> Self {
        Self { zxid, source: Some(source), runtime: runtime.clone() }
    }

    /// The next slice, made on a thread that may wait. The bytes are appended to `buffer`.
    async fn next(&mut self, buffer: &mut Vec<u8>) -> SnapshotSlice {
        let Some(mut source) = self.source.take() else { return SnapshotSlice::Lost };
        let mut bytes = std::mem::take(buffer);
        let making = self.runtime.spawn_blocking(move || {
            let slice = source.next(&mut bytes);
            (slice, source, bytes)
        });
        // If it has panicked, so will others that need the tree; this link goes down with it.
        let Ok((slice, source, bytes)) = making.await else { return SnapshotSlice::Lost };
        self.source = Some(source);
        *buffer = bytes;
        slice
    }
}

/// A source may hold what others have locked, the very thread that drops it among them.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            self.runtime.spawn_blocking(move || drop(source));
        }
    }
}

/// Sends a snapshot. Each slice is made when the peer has taken the one before.
pub(super) async fn send(
    connection: &Arc<Connection>,
    stream: &TcpStream,
    writing: &mut Writing,
    mut outgoing: Outgoing,
) -> Result<(), Ended> {
    let mut progress = Progress::start("snapshot sent", connection);
    writing.in_snapshot = true;
    let (to, zxid) = (connection.link.peer, outgoing.zxid);
    // The sender's id is in learners' packets only.
    put_packet(&Packet::Snap { zxid }, Direction::ToLearner, to, &mut writing.buffer);
    loop {
        let slice = outgoing.next(&mut writing.buffer).await;
        if slice == SnapshotSlice::End {
            put_snapshot_signature(&mut writing.buffer);
        }
        writing.rest(stream, |count| progress.add(count)).await?;
        match slice {
            SnapshotSlice::More => {}
            SnapshotSlice::End => break,
            SnapshotSlice::Lost => return Err(Ended::SnapshotLost),
        }
    }
    writing.in_snapshot = false;
    progress.end(zxid);
    connection.push(vec![LinkEvent::SnapshotSent { to }], 0);
    Ok(())
}

/// Receives the snapshot behind a SNAP, of which `unread` may have the beginning, and hands it on.
pub(super) async fn receive(
    connection: &Arc<Connection>,
    stream: &TcpStream,
    unread: &mut BytesMut,
    zxid: Zxid,
    options: &LinkOptions,
) -> Result<(), Ended> {
    let mut progress = Progress::start("snapshot received", connection);
    let loaded = load(stream, unread, zxid, options, &mut progress).await?;
    while next_signature(unread)?.is_none() {
        fill_in_time(stream, unread, options).await?;
    }
    progress.end(zxid);
    let leader: ServerId = connection.link.peer;
    let tree = Box::new(loaded.tree);
    connection.push(vec![LinkEvent::SnapshotArrived { leader, zxid, tree }], 1);
    connection.room(0).await;
    Ok(())
}

async fn load(
    stream: &TcpStream,
    unread: &mut BytesMut,
    zxid: Zxid,
    options: &LinkOptions,
    progress: &mut Progress,
) -> Result<Loaded, Ended> {
    // A znode has a path and data, an ACL schemes and ids.
    let record_bytes_max = 4 * options.packet_bytes_max;
    let mut loader = SnapshotLoader::new(options.tree);
    loop {
        let fed = loader.feed(unread)?;
        unread.advance(fed.consumed);
        progress.add(fed.consumed);
        match fed.next {
            Next::More { needed } if needed > record_bytes_max => {
                return Err(Ended::SnapshotRecord { needed, max: record_bytes_max });
            }
            Next::More { .. } => fill_in_time(stream, unread, options).await?,
            // What files have behind the first seal is not sent.
            Next::Seal | Next::End => return Ok(loader.finish(zxid)?),
        }
        // There may always be more to read, and others want to run.
        tokio::task::yield_now().await;
    }
}

async fn fill_in_time(
    stream: &TcpStream,
    unread: &mut BytesMut,
    options: &LinkOptions,
) -> Result<(), Ended> {
    let limit = options.init_limit;
    let filled = tokio::time::timeout(limit, fill(stream, unread)).await;
    filled.unwrap_or(Err(Ended::SnapshotStalled(limit)))
}

fn next_signature(unread: &mut BytesMut) -> Result<Option<()>, Ended> {
    let mut reader = Reader::new(unread);
    let found = next_snapshot_signature(&mut reader).map_err(Ended::SnapshotEnd)?;
    let passed = reader.offset();
    unread.advance(passed);
    Ok(found)
}

/// How far a snapshot is.
struct Progress {
    what: &'static str,
    link: String,
    began: Instant,
    shown: Instant,
    bytes: usize,
}

impl Progress {
    fn start(what: &'static str, connection: &Connection) -> Self {
        let (link, now) = (Shown(connection.link).to_string(), Instant::now());
        Self { what, link, began: now, shown: now, bytes: 0 }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.shown.elapsed() >= PROGRESS_INTERVAL {
            self.shown = Instant::now();
            let (seconds, bytes) = (self.began.elapsed().as_secs(), self.bytes);
            tracing::info!(link = self.link, bytes, seconds, "{}: so far", self.what);
        }
    }

    fn end(self, zxid: Zxid) {
        let (ms, bytes) = (self.began.elapsed().as_millis(), self.bytes);
        tracing::info!(link = self.link, %zxid, bytes, ms, "{}", self.what);
    }
}
