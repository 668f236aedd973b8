//! One connection of many: requests under way, and bytes in between.

use crate::error::{BenchError, Fault};
use crate::frames::{next_frame, split_reply};
use crate::op::Op;
use crate::session::{self, Session};
use crate::source::Source;
use crate::tally::Tally;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;
use zoarium_proto::{SessionId, Xid};

/// Far from the xids of the handshake.
const FIRST_XID: i32 = 1 << 20;

/// A request under way. Times are in ns of the run.
#[derive(Clone, Copy, Debug)]
struct Pending {
    xid: i32,
    op: Op,
    due_ns: u64,
    sent_ns: u64,
}

/// A session that is measured.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    server: String,
    id: SessionId,
    timeout_ns: u64,
    zxid: i64,
    xid: i32,
    pending: VecDeque<Pending>,
    out: Vec<u8>,
    written: usize,
    /// The start of a frame whose end has not come.
    carry: Vec<u8>,
    last_sent_ns: u64,
}

impl Connection {
    pub(super) fn new(session: Session, pipeline: usize) -> Result<Self, BenchError> {
        let Session { server, stream, id, timeout, zxid, .. } = session;
        let nonblocking = stream.set_nonblocking(true);
        nonblocking.map_err(BenchError::system("making a socket non-blocking"))?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            server,
            id,
            timeout_ns: nanos(timeout),
            zxid,
            xid: FIRST_XID,
            pending: VecDeque::with_capacity(pipeline),
            out: Vec::new(),
            written: 0,
            carry: Vec::new(),
            last_sent_ns: 0,
        })
    }

    pub(super) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// When the oldest request was due that has no reply.
    pub(super) fn due_before(&self, ns: u64) -> usize {
        self.pending.iter().filter(|pending| pending.due_ns < ns).count()
    }

    pub(super) fn error(&self, fault: Fault) -> BenchError {
        BenchError::Fault { server: self.server.clone(), session: self.id, fault }
    }

    fn next_xid(&mut self) -> i32 {
        let xid = self.xid;
        self.xid = if xid == i32::MAX { 1 } else { xid + 1 };
        xid
    }

    /// Puts the next request behind what waits to be written.
    #[inline]
    pub(super) fn ask(&mut self, index: usize, source: &mut Source, due_ns: u64, sent_ns: u64) {
        let xid = self.next_xid();
        let op = source.put_next(index, xid, &mut self.out);
        self.pending.push_back(Pending { xid, op, due_ns, sent_ns });
        self.last_sent_ns = sent_ns;
    }

    /// Keeps the session up when the workload leaves the connection alone.
    pub(super) fn ping_if_idle(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.last_sent_ns) > self.timeout_ns / 3 {
            session::put_ping(&mut self.out);
            self.last_sent_ns = now_ns;
        }
    }

    pub(super) fn close(&mut self, now_ns: u64) {
        let xid = self.next_xid();
        session::put_close(&mut self.out, Xid(xid));
        self.pending.push_back(Pending { xid, op: Op::Close, due_ns: now_ns, sent_ns: now_ns });
    }

    /// Writes as much as the socket takes.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Takes all replies that have come. `scratch` lends its room; `now` tells the time in ns of the
    /// run.
    pub(super) fn receive(
        &mut self,
        scratch: &mut Vec<u8>,
        hung_up: bool,
        now: impl Fn() -> u64,
        tally: &mut Tally,
        source: &Source,
    ) -> Result<(), Fault> {
        loop {
            let held = self.carry.len();
            if scratch.len() < held * 2 {
                scratch.resize(held * 2, 0);
            }
            scratch[..held].copy_from_slice(&self.carry);
            let room = scratch.len() - held;
            let count = match self.stream.read(&mut scratch[held..]) {
                // Servers hang up when a session is closed.
                Ok(0) if self.pending.is_empty() => return Ok(()),
                Ok(0) => return Err(Fault::HungUp { waiting: self.pending.len() }),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let now_ns = now();
            tally.advance(now_ns);
            let mut rest = &scratch[..held + count];
            while let Some(frame) = next_frame(rest)? {
                rest = &rest[4 + frame.len()..];
                self.take(frame, now_ns, tally, source)?;
            }
            self.carry.clear();
            self.carry.extend_from_slice(rest);
            // Less than there was room for is all there is; the poll tells of what comes later.
            if count < room && !hung_up {
                return Ok(());
            }
        }
    }

    #[inline]
    fn take(
        &mut self,
        frame: &[u8],
        now_ns: u64,
        tally: &mut Tally,
        source: &Source,
    ) -> Result<(), Fault> {
        let (header, record) = split_reply(frame)?;
        if header.xid == Xid::PING || header.xid == Xid::NOTIFICATION {
            return Ok(());
        }
        let Some(Pending { xid, op, due_ns, sent_ns }) = self.pending.pop_front() else {
            return Err(Fault::Order { found: header.xid.0, expected: None });
        };
        session::check(header, xid, self.zxid, op)?;
        self.zxid = header.zxid;
        tally.record(op, now_ns, due_ns, sent_ns);
        source.check(op, record)
    }
}

/// A duration in nanoseconds, as far as they go.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
