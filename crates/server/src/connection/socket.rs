//! The writing half of a client's socket.

use std::io;
use tokio::net::tcp::OwnedWriteHalf;

/// What bytes for a client go through, whoever writes them.
#[derive(Debug)]
pub(crate) struct Socket(OwnedWriteHalf);

impl Socket {
    pub(crate) const fn new(half: OwnedWriteHalf) -> Self {
        Self(half)
    }

    /// Writes as much as is taken at once; the result is how many bytes that was.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.0.try_write(&bytes[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Writes all of `bytes`.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            bytes = &bytes[self.write(bytes)?..];
            if bytes.is_empty() {
                return Ok(());
            }
            self.0.writable().await?;
        }
    }

    /// Waits until more may be written.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// The connection.
    pub(crate) fn stream(&self) -> &tokio::net::TcpStream {
        self.0.as_ref()
    }
}
