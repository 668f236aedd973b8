//! Connections to the admin server: only so many, and none that does nothing.
//!
//! Every connection is an open file, and clients need those too.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at a time; more wait in the accept queue.
const CONNECTIONS_MAX: usize = 100;

/// A listener whose connections end when they are idle.
pub(super) struct IdleListener {
    listener: TcpListener,
    idle_timeout: Duration,
    slots: Arc<Semaphore>,
}

impl IdleListener {
    pub(super) fn new(listener: TcpListener, idle_timeout: Duration) -> Self {
        Self { listener, idle_timeout, slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for IdleListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed, so there always is a slot in the end.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            idle_timeout: self.idle_timeout,
            timer: Box::pin(sleep(self.idle_timeout)),
            requests: Arc::default(),
            _slot: slot,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Its end of the connection.
    pub(super) address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Client {
    /// To be held while a request is worked on: its connection does not count as idle then.
    pub(super) fn request(&self) -> UnderWay {
        self.requests.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(&self.requests))
    }
}

impl Connected<IncomingStream<'_, IdleListener>> for Client {
    fn connect_info(stream: IncomingStream<'_, IdleListener>) -> Self {
        Self { address: *stream.remote_addr(), requests: Arc::clone(&stream.io().requests) }
    }
}

pub(super) struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One connection. Its reads and writes fail when nothing moved for the idle timeout, except for
/// reads while a request is worked on.
pub(super) struct Connection {
    stream: TcpStream,
    idle_timeout: Duration,
    timer: Pin<Box<Sleep>>,
    requests: Arc<AtomicUsize>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn moved(&mut self) {
        self.timer.as_mut().reset(Instant::now() + self.idle_timeout);
    }

    /// Nothing moves at the moment: waits for the timer.
    fn waits<T>(&mut self, cx: &mut Context<'_>, is_allowed: bool) -> Poll<io::Result<T>> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if !is_allowed {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.moved();
        }
        Poll::Pending
    }

    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.waits(cx, false),
            Poll::Ready(result) => {
                self.moved();
                Poll::Ready(result)
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending => {
                let is_allowed = self.requests.load(Relaxed) > 0;
                self.waits(cx, is_allowed)
            }
            Poll::Ready(result) => {
                self.moved();
                Poll::Ready(result)
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
