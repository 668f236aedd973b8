//! What a client's socket has not taken yet.

use crate::connection::write_now;
use std::io;
use tokio::net::TcpStream;

/// Bytes that wait for the socket. Without any it keeps no memory.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    /// How many of them are written.
    written: usize,
}

impl Unsent {
    /// How many bytes wait.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that wait.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Writes what waits, and `more` behind it, as far as the socket takes it; keeps the rest.
    pub(super) fn send(&mut self, more: &[u8], stream: &TcpStream) -> io::Result<()> {
        if self.is_empty() {
            let written = write_now(stream, more)?;
            self.bytes.extend_from_slice(&more[written..]);
            return Ok(());
        }
        self.bytes.extend_from_slice(more);
        self.written += write_now(stream, self.rest())?;
        self.forget_written();
        Ok(())
    }

    /// Frees what is written once it is half of all: a client that never catches up must not make
    /// this grow, and what waits must not be moved for every few bytes that are written.
    fn forget_written(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        } else if self.written >= self.len() {
            self.bytes.drain(..self.written);
            self.written = 0;
            self.bytes.shrink_to(2 * self.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_that_never_catches_up_does_not_make_it_grow() {
        let mut unsent = Unsent { bytes: vec![0; 1000], written: 0 };
        for _ in 0..10_000 {
            unsent.bytes.extend_from_slice(&[1; 100]);
            unsent.written += 100;
            unsent.forget_written();
            assert_eq!(unsent.len(), 1000);
            assert!(unsent.bytes.capacity() <= 4400, "{}", unsent.bytes.capacity());
        }
        unsent.written = unsent.bytes.len();
        unsent.forget_written();
        assert_eq!(unsent.bytes.capacity(), 0);
    }
}
