//! A client that sends whatever it is told, and blocks.

use crate::world::PATIENCE;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use zoarium_proto::connect::ConnectRequest;
use zoarium_proto::{ErrorCode, EventType, OpCode, Reader, SessionId, WatchedEvent, Xid};

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) xid: i32,
    pub(crate) zxid: i64,
    pub(crate) error: i32,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn ok(self) -> Vec<u8> {
        assert_eq!(self.error, 0, "reply to {}", self.xid);
        self.body
    }

    /// The data of a getData.
    pub(crate) fn data(self) -> Vec<u8> {
        let body = self.ok();
        Reader::new(&body).buffer().unwrap().unwrap_or_default().to_vec()
    }

    /// The names of a getChildren.
    pub(crate) fn names(self) -> Vec<String> {
        let body = self.ok();
        let mut reader = Reader::new(&body);
        (0..reader.int().unwrap())
            .map(|_| reader.text_not_null("name").unwrap().as_ref().to_owned())
            .collect()
    }
}

/// What a server sends.
#[derive(Debug)]
pub(crate) enum Frame {
    Reply(Reply),
    Event(EventType, String),
}

/// A connection without manners.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::with_capacity(4096, stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Writes to a server that may already have closed.
    pub(crate) fn write_to_the_deaf(&mut self, bytes: &[u8]) {
        let _closed = self.stream.write_all(bytes);
    }

    pub(crate) fn write_byte_by_byte(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write(&[*byte]));
    }

    /// The next frame without its length; `None` when the server has closed.
    pub(crate) fn frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.fill(&mut frame)?;
        Some(frame)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.reader.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                None
            }
            Err(error) => panic!("the server neither answers nor closes: {error}"),
        }
    }

    /// Reads and forgets until the server closes.
    pub(crate) fn expect_close(&mut self) {
        while self.frame().is_some() {}
    }

    /// All that comes until the server closes.
    pub(crate) fn text(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server does not close: {error}"),
        }
        String::from_utf8(bytes).unwrap()
    }
}

/// A connection with a session.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) raw: Raw,
    pub(crate) session: SessionId,
    pub(crate) password: Vec<u8>,
    pub(crate) timeout_ms: i32,
    next_xid: i32,
    /// Events that came while a reply was waited for.
    pub(crate) events: Vec<(EventType, String)>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, timeout_ms: i32) -> Self {
        let client = Self::shake(address, &handshake(SessionId::NONE, &[0; 16], timeout_ms));
        let client = client.expect("the handshake is not answered");
        assert_ne!(client.session, SessionId::NONE);
        client
    }

    /// Takes a session over. Its id is none when the server refuses.
    pub(crate) fn resume(address: SocketAddr, of: &Self) -> Self {
        Self::resume_with(address, of, &of.password)
    }

    pub(crate) fn resume_with(address: SocketAddr, of: &Self, password: &[u8]) -> Self {
        let client = Self::shake(address, &handshake(of.session, password, of.timeout_ms));
        client.expect("the handshake is not answered")
    }

    /// `None` if the server closes without an answer.
    pub(crate) fn shake(address: SocketAddr, handshake: &[u8]) -> Option<Self> {
        let mut raw = Raw::connect(address);
        raw.write(handshake);
        Self::from_answered(raw)
    }

    /// From a connection that has sent its handshake.
    pub(crate) fn from_answered(mut raw: Raw) -> Option<Self> {
        let frame = raw.frame()?;
        let mut reader = Reader::new(&frame);
        reader.int().unwrap();
        let timeout_ms = reader.int().unwrap();
        let session = SessionId(reader.long().unwrap());
        let password = reader.buffer().unwrap().unwrap().to_vec();
        Some(Self { raw, session, password, timeout_ms, next_xid: 0, events: Vec::new() })
    }

    /// Sends a request; the result is its xid.
    pub(crate) fn send(&mut self, (op, body): Request) -> i32 {
        let (xid, frame) = self.number((op, body));
        self.raw.write(&frame);
        xid
    }

    /// Numbers a request without sending it.
    pub(crate) fn number(&mut self, (op, body): Request) -> (i32, Vec<u8>) {
        self.next_xid += 1;
        (self.next_xid, request(self.next_xid, op, &body))
    }

    /// The next frame; `None` when the server has closed.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let frame = self.raw.frame()?;
        let mut reader = Reader::new(&frame);
        let (xid, zxid) = (reader.int().unwrap(), reader.long().unwrap());
        let error = reader.int().unwrap();
        if xid == Xid::NOTIFICATION.0 {
            let event = WatchedEvent::decode(zxid, &mut reader).unwrap();
            return Some(Frame::Event(event.kind, event.path.as_ref().to_owned()));
        }
        Some(Frame::Reply(Reply { xid, zxid, error, body: frame[16..].to_vec() }))
    }

    /// The next reply; events on the way are kept.
    pub(crate) fn reply(&mut self) -> Reply {
        loop {
            match self.next().expect("the server closes instead of answering") {
                Frame::Reply(reply) => return reply,
                Frame::Event(kind, path) => self.events.push((kind, path)),
            }
        }
    }

    /// The next event, if none was kept.
    pub(crate) fn event(&mut self) -> (EventType, String) {
        if !self.events.is_empty() {
            return self.events.remove(0);
        }
        match self.next().expect("the server closes instead of sending an event") {
            Frame::Event(kind, path) => (kind, path),
            Frame::Reply(reply) => panic!("a reply without a request: {reply:?}"),
        }
    }

    pub(crate) fn call(&mut self, request: Request) -> Reply {
        let xid = self.send(request);
        let reply = self.reply();
        assert_eq!(reply.xid, xid);
        reply
    }

    pub(crate) fn ping(&mut self) {
        self.raw.write(&ping());
        assert_eq!(self.reply().xid, Xid::PING.0);
    }

    /// Whether the server answers within `patience`.
    pub(crate) fn has_reply_within(&mut self, patience: Duration) -> bool {
        let stream = &self.raw.stream;
        stream.set_read_timeout(Some(patience)).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        peeked.is_ok()
    }
}

/// An operation and its record.
pub(crate) type Request = (OpCode, Vec<u8>);

/// A frame with a request.
pub(crate) fn request(xid: i32, op: OpCode, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(12 + body.len());
    frame.extend_from_slice(&u32::try_from(8 + body.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&xid.to_be_bytes());
    frame.extend_from_slice(&(op as i32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

pub(crate) fn ping() -> Vec<u8> {
    request(Xid::PING.0, OpCode::Ping, &[])
}

/// A frame with a handshake.
pub(crate) fn handshake(session: SessionId, password: &[u8], timeout_ms: i32) -> Vec<u8> {
    handshake_having_seen(0, session, password, timeout_ms)
}

pub(crate) fn handshake_having_seen(
    last_zxid_seen: i64,
    session: SessionId,
    password: &[u8],
    timeout_ms: i32,
) -> Vec<u8> {
    let request = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen,
        timeout_ms,
        session,
        password: Some(password),
        read_only: Some(false),
    };
    let mut body = Vec::new();
    request.encode(&mut body);
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    frame
}

/// The number of an error.
pub(crate) const fn code(error: ErrorCode) -> i32 {
    error.to_wire()
}
