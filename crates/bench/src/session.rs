//! A session on a blocking socket: how every measured connection begins, and all of it where one
//! request at a time is the point.

use crate::error::{BenchError, Fault, OpenError};
use crate::frames::{next_frame, split_reply};
use crate::op::Op;
use crate::settings::Settings;
use bytes::BufMut;
use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use zoarium_proto::connect::{ConnectRequest, ConnectResponse};
use zoarium_proto::jute::{put_buffer, put_text};
use zoarium_proto::reply::{ReplyHeader, put_frame};
use zoarium_proto::{OpCode, Reader, SessionId, Xid};
use zoarium_session::request::Request;

/// Without a reply for so long a run has failed.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// How many handshakes are under way at a time: fewer than the connections that a Java server lets
/// wait to be accepted.
const OPENING_MAX: usize = 32;

/// A server with its address.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As host:port, for messages.
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) server: String,
    pub(crate) stream: TcpStream,
    pub(crate) id: SessionId,
    /// How long the server waits for a sign of life.
    pub(crate) timeout: Duration,
    /// The newest zxid it has seen.
    pub(crate) zxid: i64,
    xid: i32,
    out: Vec<u8>,
    /// Received and not yet taken: `received[taken..]`.
    received: Vec<u8>,
    taken: usize,
}

/// A session whose handshake is under way.
#[derive(Debug)]
struct Opening(Session);

impl Opening {
    fn start(target: &Target, settings: &Settings) -> Result<Self, BenchError> {
        let open = || -> Result<Session, OpenError> {
            let stream = TcpStream::connect_timeout(&target.address, STALL)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(STALL))?;
            stream.set_write_timeout(Some(STALL))?;
            let mut out = Vec::new();
            put_frame(&mut out, |out| connect_request(settings).encode(out));
            for (scheme, credentials) in &settings.identities {
                put_auth(&mut out, scheme, credentials);
            }
            let mut session = Session {
                server: target.name.clone(),
                stream,
                id: SessionId::NONE,
                timeout: Duration::ZERO,
                zxid: 0,
                xid: 0,
                out,
                received: Vec::new(),
                taken: 0,
            };
            session.flush()?;
            Ok(session)
        };
        open().map(Self).map_err(|source| BenchError::Open { server: target.name.clone(), source })
    }

    fn finish(self, settings: &Settings) -> Result<Session, BenchError> {
        let mut session = self.0;
        match session.finish_handshake(settings.identities.len()) {
            Ok(()) => Ok(session),
            Err(source) => Err(BenchError::Open { server: session.server, source }),
        }
    }
}

fn connect_request(settings: &Settings) -> ConnectRequest<'static> {
    let timeout_ms = i32::try_from(settings.session_timeout.as_millis()).unwrap_or(i32::MAX);
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0,
        timeout_ms,
        session: SessionId::NONE,
        password: Some(&[0; 16]),
        read_only: Some(false),
    }
}

fn put_auth(out: &mut Vec<u8>, scheme: &str, credentials: &str) {
    put_frame(out, |out| {
        out.put_i32(Xid::AUTH.0);
        out.put_i32(OpCode::Auth.to_wire());
        out.put_i32(0);
        put_text(out, scheme);
        put_buffer(out, Some(credentials.as_bytes()));
    });
}

/// Appends a ping.
pub(crate) fn put_ping(out: &mut Vec<u8>) {
    put_bare(out, Xid::PING, OpCode::Ping);
}

/// Appends a request to end the session.
pub(crate) fn put_close(out: &mut Vec<u8>, xid: Xid) {
    put_bare(out, xid, OpCode::CloseSession);
}

fn put_bare(out: &mut Vec<u8>, xid: Xid, op: OpCode) {
    put_frame(out, |out| {
        out.put_i32(xid.0);
        out.put_i32(op.to_wire());
    });
}

/// Opens `count` sessions, spread over the servers. Each server has caught up with what was written
/// before, over whichever session.
pub(crate) fn open_all(
    targets: &[Target],
    count: usize,
    settings: &Settings,
) -> Result<Vec<Session>, BenchError> {
    let mut sessions = Vec::with_capacity(count);
    let mut next = targets.iter().cycle();
    while sessions.len() < count {
        let batch = next.by_ref().take(OPENING_MAX.min(count - sessions.len()));
        let opening: Vec<_> =
            batch.map(|target| Opening::start(target, settings)).collect::<Result<_, _>>()?;
        for opening in opening {
            sessions.push(opening.finish(settings)?);
        }
    }
    let sync = Request::Sync { path: Cow::Borrowed("/") };
    sessions.iter_mut().try_for_each(|session| session.send(&sync))?;
    sessions.iter_mut().try_for_each(|session| session.reply(Op::Open).map(|_| ()))?;
    Ok(sessions)
}

impl Session {
    pub(crate) fn open(target: &Target, settings: &Settings) -> Result<Self, BenchError> {
        Opening::start(target, settings)?.finish(settings)
    }

    fn finish_handshake(&mut self, identities: usize) -> Result<(), OpenError> {
        let frame = self.frame()?.ok_or(OpenError::HungUp)?;
        let response = ConnectResponse::decode(&mut Reader::new(frame))?;
        let timeout_ms = u64::try_from(response.timeout_ms).unwrap_or(0);
        if response.session == SessionId::NONE || timeout_ms == 0 {
            return Err(OpenError::Refused);
        }
        (self.id, self.timeout) = (response.session, Duration::from_millis(timeout_ms));
        for _ in 0..identities {
            let frame = self.frame()?.ok_or(OpenError::Identity)?;
            let (header, _) = split_reply(frame)?;
            if header.error != 0 {
                return Err(OpenError::Identity);
            }
        }
        Ok(())
    }

    /// An error of this session.
    pub(crate) fn error(&self, fault: Fault) -> BenchError {
        BenchError::Fault { server: self.server.clone(), session: self.id, fault }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// The next frame; `None` at the end of the stream.
    fn frame(&mut self) -> Result<Option<&[u8]>, Fault> {
        loop {
            if let Some(frame) = next_frame(&self.received[self.taken..])? {
                let start = self.taken + 4;
                self.taken = start + frame.len();
                return Ok(Some(&self.received[start..self.taken]));
            }
            self.received.drain(..self.taken);
            self.taken = 0;
            let mut chunk = [0; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: &Request<'_>) -> Result<(), BenchError> {
        self.xid += 1;
        request.encode(Xid(self.xid), &mut self.out);
        self.flush().map_err(|error| self.error(error.into()))
    }

    /// Waits for the reply to the last request sent, which must be a success, and returns how many
    /// bytes its record has.
    pub(crate) fn reply(&mut self, op: Op) -> Result<usize, BenchError> {
        self.next_reply(op).map_err(|fault| self.error(fault))
    }

    fn next_reply(&mut self, op: Op) -> Result<usize, Fault> {
        loop {
            let (due, before) = (self.xid, self.zxid);
            let frame = self.frame()?.ok_or(Fault::HungUp { waiting: 1 })?;
            let (header, record) = split_reply(frame)?;
            if [Xid::NOTIFICATION, Xid::PING].contains(&header.xid) {
                continue;
            }
            check(header, due, before, op)?;
            let length = record.len();
            self.zxid = header.zxid;
            return Ok(length);
        }
    }

    /// Waits for the next event.
    pub(crate) fn event(&mut self) -> Result<(), BenchError> {
        let due = Fault::HungUp { waiting: 1 };
        let found = self.frame().and_then(|frame| Ok(split_reply(frame.ok_or(due)?)?.0.xid));
        match found {
            Ok(Xid::NOTIFICATION) => Ok(()),
            Ok(Xid(found)) => Err(self.error(Fault::Order { found, expected: Some(-1) })),
            Err(fault) => Err(self.error(fault)),
        }
    }

    /// Ends the session and waits until that is done.
    pub(crate) fn close(mut self) -> Result<(), BenchError> {
        self.send_close()?;
        self.reply(Op::Close).map(|_| ())
    }

    pub(crate) fn send_close(&mut self) -> Result<(), BenchError> {
        self.xid += 1;
        put_close(&mut self.out, Xid(self.xid));
        self.flush().map_err(|error| self.error(error.into()))
    }
}

/// Holds a reply's header against what was due.
pub(crate) fn check(header: ReplyHeader, due: i32, before: i64, op: Op) -> Result<(), Fault> {
    if header.xid.0 != due {
        return Err(Fault::Order { found: header.xid.0, expected: Some(due) });
    }
    if header.error != 0 {
        return Err(Fault::Refused { op, code: header.error });
    }
    if header.zxid < before {
        return Err(Fault::WentBack { found: header.zxid, before });
    }
    Ok(())
}
