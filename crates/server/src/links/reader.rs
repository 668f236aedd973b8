//! Bytes that were read and not yet taken.

use super::connection::Ended;
use bytes::BytesMut;
use rustix::net::RecvFlags;
use std::cell::RefCell;
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;

const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    /// Where sockets are read into. What is read is copied out once, into memory of its own size:
    /// payloads share it, and some are kept for long.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

/// Reads more.
///
/// # Errors
/// If there is nothing more.
pub(super) async fn fill(stream: &TcpStream, unread: &mut BytesMut) -> Result<(), Ended> {
    loop {
        stream.readable().await?;
        match try_fill(stream, unread) {
            Ok(0) => return Err(Ended::ByPeer),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn try_fill(stream: &TcpStream, unread: &mut BytesMut) -> io::Result<usize> {
    SCRATCH.with_borrow_mut(|scratch| {
        let count = read_out(stream, scratch)?;
        if unread.is_empty() {
            *unread = BytesMut::from(&scratch[..count]);
        } else {
            unread.extend_from_slice(&scratch[..count]);
        }
        Ok(count)
    })
}

/// Reads what is there. If that is less than there is room for, the socket counts as empty from then
/// on: to ask it once more would be a system call for nothing.
fn read_out(stream: &TcpStream, scratch: &mut [u8]) -> io::Result<usize> {
    let mut count = None;
    let room = scratch.len();
    let read = stream.try_io(Interest::READABLE, || {
        let (_, read) = rustix::net::recv(stream, &mut *scratch, RecvFlags::empty())?;
        count = Some(read);
        // What has come since is not forgotten by that, but reported as new.
        if (1..room).contains(&read) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    count.map_or_else(|| read.map(|()| 0), Ok)
}
