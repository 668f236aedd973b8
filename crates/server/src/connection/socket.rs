//! Writing to a client's socket.

use std::io;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

/// Writes as much as is taken at once; the result is how many bytes that was.
pub(crate) fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.try_write(&bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// What others than the connection's task write through. The connection ends when the task has
/// dropped its half too.
#[derive(Debug)]
pub(crate) struct Socket(Option<OwnedWriteHalf>);

impl Socket {
    pub(crate) const fn new(half: OwnedWriteHalf) -> Self {
        Self(Some(half))
    }

    /// See [`write_now`].
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_ref().map_or(Ok(0), |half| write_now(half.as_ref(), bytes))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // To close the connection says all that a shutdown would, which is a system call more.
        if let Some(half) = self.0.take() {
            half.forget();
        }
    }
}
