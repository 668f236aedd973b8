//! Connections that can be cut, at a byte of choice, and kept from being made.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zoarium_client::connector::{Connecting, Connector, HostPort, Tcp, Transport};

/// Makes connections through itself. Clones control the same ones.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Connections made so far.
    made: u64,
    /// Connections up to this one are cut.
    cut_upto: u64,
    /// No connections are made.
    is_down: bool,
    /// Bytes that still come from the server before the connection is cut.
    left: Option<usize>,
    /// The byte from the server that is changed, counted from the next one.
    changes: Option<usize>,
    /// Nothing comes from the server.
    is_mute: bool,
    waiting: Vec<Waker>,
}

impl Wire {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap();
        change(&mut state);
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// Cuts the present connection.
    pub(crate) fn cut(&self) {
        self.change(|state| state.cut_upto = state.made);
    }

    /// Cuts the present connection, and keeps others from being made.
    pub(crate) fn take_down(&self) {
        self.change(|state| (state.cut_upto, state.is_down) = (state.made, true));
    }

    pub(crate) fn bring_up(&self) {
        self.change(|state| (state.is_down, state.is_mute) = (false, false));
    }

    /// Cuts the present connection when so many bytes more have come from the server.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.change(|state| state.left = Some(bytes));
    }

    /// Changes the highest bit of a byte that comes from the server; 0 is the next one.
    pub(crate) fn change_byte(&self, offset: usize) {
        self.change(|state| state.changes = Some(offset));
    }

    /// Lets nothing come from the server, as if the network swallowed it.
    pub(crate) fn mute(&self) {
        self.change(|state| state.is_mute = true);
    }

    pub(crate) fn connections(&self) -> u64 {
        self.0.lock().unwrap().made
    }
}

impl Connector for Wire {
    fn connect<'a>(&'a self, server: &'a HostPort) -> Connecting<'a> {
        Box::pin(async move {
            if self.0.lock().unwrap().is_down {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let stream = Tcp.connect(server).await?;
            let mut state = self.0.lock().unwrap();
            state.made += 1;
            let wired = Wired { number: state.made, stream, wire: self.clone() };
            Ok(Box::new(wired) as Box<dyn Transport>)
        })
    }
}

struct Wired {
    number: u64,
    stream: Box<dyn Transport>,
    wire: Wire,
}

impl Wired {
    fn check(&self) -> io::Result<()> {
        match self.wire.0.lock().unwrap().cut_upto >= self.number {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Wired {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        let left = {
            let mut state = self.wire.0.lock().unwrap();
            state.waiting.push(cx.waker().clone());
            if state.is_mute {
                return Poll::Pending;
            }
            state.left
        };
        let room = left.unwrap_or(usize::MAX).min(buffer.remaining());
        if room == 0 {
            // The first byte too many is lost, with all that follows.
            let mut lost = [0];
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut ReadBuf::new(&mut lost)))?;
            self.wire.change(|state| (state.left, state.cut_upto) = (None, state.made));
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        let filled = buffer.filled_mut();
        let start = filled.len() - read;
        self.wire.change(|state| {
            state.left = state.left.map(|left| left - read);
            state.changes = state.changes.and_then(|offset| match filled.get_mut(start + offset) {
                Some(byte) => {
                    *byte ^= 0x80;
                    None
                }
                None => Some(offset - read),
            });
        });
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wired {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
