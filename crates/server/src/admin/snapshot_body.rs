//! Snapshots on their way between files, which are read and written by threads that may block,
//! and HTTP bodies, which are not.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Bytes read from a file at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks waiting for the other side.
const CHUNKS_MAX: usize = 4;

/// A file as a body. Its length is known, so the client sees when it got all.
pub(super) struct FileBody {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    bytes_left: u64,
}

impl FileBody {
    /// Starts to read the file, on a thread of its own. `bytes` is its length.
    pub(super) fn new(file: File, bytes: u64) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
        tokio::task::spawn_blocking(move || send_file(file.take(bytes), &sender));
        Self { chunks, bytes_left: bytes }
    }
}

fn send_file(mut file: impl Read, chunks: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = file.read(&mut chunk);
        let chunk = read.map(|length| {
            chunk.truncate(length);
            Bytes::from(chunk)
        });
        let is_last = chunk.as_ref().map_or(true, Bytes::is_empty);
        // The receiver is gone when the client is.
        if chunks.blocking_send(chunk).is_err() || is_last {
            return;
        }
    }
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let chunk = std::task::ready!(self.chunks.poll_recv(context));
        Poll::Ready(match chunk {
            Some(Ok(chunk)) if !chunk.is_empty() => {
                self.bytes_left = self.bytes_left.saturating_sub(chunk.len() as u64);
                Some(Ok(Frame::data(chunk)))
            }
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(_)) | None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes_left)
    }
}

/// Hands a body to a blocking reader. The sending half takes frames as they come and waits while
/// [`CHUNKS_MAX`] are not read yet.
pub(super) fn body_reader() -> (mpsc::Sender<io::Result<Bytes>>, BodyReader) {
    let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
    (sender, BodyReader { chunks, chunk: Bytes::new() })
}

/// The reading half. A body that broke off reads as an error, never as an early end.
pub(super) struct BodyReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.split_to(length).copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Sends all of a body to its reader; stops when the reader does, and with an error when nothing
/// comes for `idle_timeout`.
pub(super) async fn send_body(
    mut body: Body,
    chunks: mpsc::Sender<io::Result<Bytes>>,
    idle_timeout: Duration,
) {
    loop {
        let next = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let chunk = match timeout(idle_timeout, next).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => Ok(frame.into_data().unwrap_or_default()),
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Err(elapsed) => Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)),
        };
        let is_last = chunk.is_err();
        if chunks.send(chunk).await.is_err() || is_last {
            return;
        }
    }
}
