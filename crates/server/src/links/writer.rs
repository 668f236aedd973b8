//! The half of a connection that writes.

use super::connection::{Connection, Ended};
use super::outbox::Taken;
use super::snapshot;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// What is taken to be written.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) buffer: Vec<u8>,
    /// How much of the buffer is written.
    sent: usize,
    /// A snapshot is half written, so that nothing else can be.
    pub(super) in_snapshot: bool,
    /// How long a peer may take no bytes.
    stall_max: Duration,
}

impl Writing {
    pub(super) const fn new(stall_max: Duration) -> Self {
        Self { buffer: Vec::new(), sent: 0, in_snapshot: false, stall_max }
    }

    /// Writes what is left of the buffer. It may be given up between two writes and gone on with
    /// later.
    pub(super) async fn rest(
        &mut self,
        stream: &TcpStream,
        mut written: impl FnMut(usize),
    ) -> Result<(), Ended> {
        while self.sent < self.buffer.len() {
            match stream.try_write(&self.buffer[self.sent..]) {
                Ok(0) => return Err(Ended::Io(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    self.sent += count;
                    written(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let writable = tokio::time::timeout(self.stall_max, stream.writable()).await;
                    writable.map_err(|_| Ended::Stalled(self.stall_max))??;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.buffer.clear();
        self.sent = 0;
        Ok(())
    }
}

/// Writes what is put into a connection until it fails.
pub(super) async fn run(
    connection: &Arc<Connection>,
    stream: &TcpStream,
    writing: &mut Writing,
) -> Ended {
    let Err(ended) = write(connection, stream, writing).await;
    ended
}

async fn write(
    connection: &Arc<Connection>,
    stream: &TcpStream,
    writing: &mut Writing,
) -> Result<Infallible, Ended> {
    loop {
        match connection.take(&mut writing.buffer).await {
            Taken::Nothing => {}
            Taken::Bytes => writing.rest(stream, |count| connection.note_written(count)).await?,
            Taken::Snapshot(outgoing) => {
                snapshot::send(connection, stream, writing, outgoing).await?;
            }
        }
    }
}

/// Writes what is there, and closes the connection when the peer has read it.
pub(super) async fn finish(
    connection: &Arc<Connection>,
    stream: &TcpStream,
    writing: &mut Writing,
) -> Result<(), Ended> {
    if writing.in_snapshot {
        return Ok(());
    }
    writing.rest(stream, |_| {}).await?;
    while let Taken::Bytes = connection.try_take(&mut writing.buffer) {
        writing.rest(stream, |_| {}).await?;
    }
    // With bytes unread, a close would be a reset, and the peer might lose what it has not read.
    rustix::net::shutdown(stream, rustix::net::Shutdown::Write).map_err(io::Error::from)?;
    let mut unread = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut unread) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}
