//! A session with many requests under way, for loads that the load generator does not know.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::report::say;
use crate::session::create_body;
use crate::wire::{Hello, Jute, Reader, ReplyHeader, XID_NOTIFICATION, op};

/// How long a reply may take: a listing of millions of children is one.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests that leave together while a tree is filled.
const BATCH: usize = 1000;
/// So many znodes are made between two words on how far it is.
const STRIDE: usize = 500_000;
/// Room for replies that are read with one call.
const BUFFER_BYTES: usize = 256 << 10;

/// A session on a blocking socket. It sends no pings, and has a timeout that it needs none for.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: BufReader<TcpStream>,
    out: Vec<u8>,
    /// The xid of the last request.
    asked: i32,
    /// The xid of the last reply.
    answered: i32,
    /// Events that came before a reply that was waited for.
    events: usize,
    frame: Vec<u8>,
}

impl Pipe {
    pub(super) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let stream = BufReader::with_capacity(BUFFER_BYTES, stream);
        let (out, frame) = (Vec::new(), Vec::new());
        let mut pipe = Self { stream, out, asked: 0, answered: 0, events: 0, frame };
        pipe.put_frame(&Hello::default().bytes());
        pipe.flush()?;
        pipe.receive().context("open a session")?;
        let mut reader = Reader::new(&pipe.frame);
        let (_version, timeout_ms) = (reader.int()?, reader.int()?);
        ensure!(timeout_ms > 0, "the session was refused");
        Ok(pipe)
    }

    fn put_frame(&mut self, payload: &[u8]) {
        self.out.extend(Jute::new().text(payload).bytes());
    }

    /// Puts a request behind those that wait to be sent.
    pub(super) fn push(&mut self, op: i32, body: Jute) {
        self.asked += 1;
        let header = Jute::new().int(self.asked).int(op);
        self.put_frame(&header.raw(&body.bytes()).bytes());
    }

    /// Sends what was pushed.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.stream.get_mut().write_all(&self.out).context("send")?;
        self.out.clear();
        Ok(())
    }

    /// How many requests have no reply.
    pub(super) fn waiting(&self) -> usize {
        usize::try_from(self.asked - self.answered).unwrap_or(0)
    }

    /// Waits for the next reply, which must be a success; its length in bytes.
    pub(super) fn reply(&mut self) -> Result<usize> {
        loop {
            let header = self.receive()?;
            if header.xid == XID_NOTIFICATION {
                self.events += 1;
                continue;
            }
            self.answered += 1;
            let due = self.answered;
            ensure!(header.xid == due, "reply to {}, expected one to {due}", header.xid);
            ensure!(header.err == 0, "a request was answered with {}", header.err);
            return Ok(self.frame.len());
        }
    }

    /// Waits for an event.
    pub(super) fn event(&mut self) -> Result<()> {
        if self.events > 0 {
            self.events -= 1;
            return Ok(());
        }
        match self.receive()?.xid {
            XID_NOTIFICATION => Ok(()),
            xid => bail!("reply to {xid}, expected an event"),
        }
    }

    /// Sends one request and waits for its reply; its length in bytes.
    pub(super) fn call(&mut self, op: i32, body: Jute) -> Result<usize> {
        self.push(op, body);
        self.flush()?;
        self.reply()
    }

    /// Asks `count` times, with about two batches under way.
    pub(super) fn call_many(
        &mut self,
        count: usize,
        mut request: impl FnMut(usize) -> (i32, Jute),
    ) -> Result<()> {
        for begin in (0..count).step_by(BATCH) {
            for index in begin..count.min(begin + BATCH) {
                let (op, body) = request(index);
                self.push(op, body);
            }
            self.flush()?;
            while self.waiting() > BATCH {
                self.reply()?;
            }
        }
        while self.waiting() > 0 {
            self.reply()?;
        }
        Ok(())
    }

    /// Makes the parents of a path and the path itself.
    pub(super) fn make_parents(&mut self, path: &str) -> Result<()> {
        let ends = path.match_indices('/').skip(1).map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            self.call(op::CREATE, create_body(&path[..end], b"", 0)).context("make parents")?;
        }
        Ok(())
    }

    /// Makes `count` znodes with the same data below a parent that is made too, and tells how far
    /// it is.
    pub(super) fn fill(
        &mut self,
        count: usize,
        data: &[u8],
        parent: &str,
        name: impl Fn(usize) -> String,
    ) -> Result<()> {
        self.make_parents(parent)?;
        for begin in (0..count).step_by(STRIDE) {
            let part = (count - begin).min(STRIDE);
            self.call_many(part, |index| {
                let path = format!("{parent}/{}", name(begin + index));
                (op::CREATE, create_body(&path, data, 0))
            })?;
            if count > part {
                say(&format!("  {} of {count} znodes", begin + part));
            }
        }
        Ok(())
    }

    /// Reads the next frame. What it begins with is a reply's header; a ConnectResponse has as many
    /// bytes.
    fn receive(&mut self) -> Result<ReplyHeader> {
        let mut head = [0; 4];
        self.read_exact(&mut head)?;
        let length = usize::try_from(i32::from_be_bytes(head)).context("length of a frame")?;
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        // Grows with what comes, not with what was announced.
        let read = self.stream.by_ref().take(length as u64).read_to_end(&mut frame);
        let complete = read.context("receive")? == length;
        self.frame = frame;
        ensure!(complete, "connection closed inside a frame");
        ReplyHeader::read(&mut Reader::new(&self.frame))
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        match self.stream.read_exact(buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => bail!("connection closed"),
            other => other.context("receive"),
        }
    }
}

/// A request that reads a znode's data.
pub(super) fn get(path: &str, watch: bool) -> (i32, Jute) {
    (op::GET_DATA, Jute::new().text(path).bool(watch))
}

/// A request that replaces a znode's data.
pub(super) fn set(path: &str, data: &[u8]) -> (i32, Jute) {
    (op::SET_DATA, Jute::new().text(path).text(data).int(-1))
}

/// A request for the names of a znode's children.
pub(super) fn list(path: &str) -> (i32, Jute) {
    (op::GET_CHILDREN, Jute::new().text(path).bool(false))
}
