//! A raw client: frames, requests and replies as bytes.
//!
//! Written apart from crate `proto` on purpose. The two would have to contain the same mistake for
//! it to stay hidden, so this module is an independent judge of what the server puts on the wire.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long a reply may take before the check fails; generous, because two cores run it all.
pub(crate) const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a four-letter word may wait for its answer.
const WORD_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest reply accepted; the scenarios stay far below.
const REPLY_BYTES_MAX: usize = 64 << 20;

/// The xid of watch events.
pub(crate) const XID_NOTIFICATION: i32 = -1;
/// The xid of pings and their replies.
pub(crate) const XID_PING: i32 = -2;

/// Request types, by their wire numbers.
pub(crate) mod op {
    pub(crate) const CREATE: i32 = 1;
    pub(crate) const DELETE: i32 = 2;
    pub(crate) const EXISTS: i32 = 3;
    pub(crate) const GET_DATA: i32 = 4;
    pub(crate) const SET_DATA: i32 = 5;
    pub(crate) const GET_ACL: i32 = 6;
    pub(crate) const SET_ACL: i32 = 7;
    pub(crate) const GET_CHILDREN: i32 = 8;
    pub(crate) const SYNC: i32 = 9;
    pub(crate) const PING: i32 = 11;
    pub(crate) const GET_CHILDREN2: i32 = 12;
    pub(crate) const CHECK: i32 = 13;
    pub(crate) const MULTI: i32 = 14;
    pub(crate) const CREATE2: i32 = 15;
    pub(crate) const RECONFIG: i32 = 16;
    pub(crate) const CHECK_WATCHES: i32 = 17;
    pub(crate) const REMOVE_WATCHES: i32 = 18;
    pub(crate) const CREATE_CONTAINER: i32 = 19;
    pub(crate) const DELETE_CONTAINER: i32 = 20;
    pub(crate) const CREATE_TTL: i32 = 21;
    pub(crate) const MULTI_READ: i32 = 22;
    pub(crate) const AUTH: i32 = 100;
    pub(crate) const SET_WATCHES: i32 = 101;
    pub(crate) const SASL: i32 = 102;
    pub(crate) const GET_EPHEMERALS: i32 = 103;
    pub(crate) const GET_ALL_CHILDREN_NUMBER: i32 = 104;
    pub(crate) const SET_WATCHES2: i32 = 105;
    pub(crate) const ADD_WATCH: i32 = 106;
    pub(crate) const WHO_AM_I: i32 = 107;
    pub(crate) const CREATE_SESSION: i32 = -10;
    pub(crate) const CLOSE_SESSION: i32 = -11;
}

/// A string or buffer as Jute writes it: a length and bytes, or the length -1 for null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(Option<Vec<u8>>);

/// The null string or buffer.
pub(crate) const NULL: Text = Text(None);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Some(text.as_bytes().to_vec()))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self(Some(text.as_bytes().to_vec()))
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(Some(bytes.to_vec()))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Some(bytes))
    }
}

impl Text {
    /// What a label shows for this text.
    pub(crate) fn shown(&self) -> String {
        match &self.0 {
            None => "null".to_owned(),
            Some(bytes) if bytes.len() > 40 => format!("<{} bytes>", bytes.len()),
            Some(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        }
    }
}

/// Jute bytes under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jute(Vec<u8>);

impl Jute {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn int(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn bool(self, value: bool) -> Self {
        self.byte(u8::from(value))
    }

    /// A string or a buffer; both look the same on the wire.
    pub(crate) fn text(self, text: impl Into<Text>) -> Self {
        match text.into().0 {
            None => self.int(-1),
            Some(bytes) => self.int(length(bytes.len())).raw(&bytes),
        }
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// A vector of strings.
    pub(crate) fn texts(self, texts: &[&str]) -> Self {
        texts.iter().fold(self.int(length(texts.len())), |jute, text| jute.text(*text))
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A length that a test composed itself; larger ones saturate and the server refuses the frame.
fn length(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

/// The first request on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) protocol_version: i32,
    pub(crate) last_zxid_seen: i64,
    pub(crate) timeout_ms: i32,
    pub(crate) session_id: i64,
    pub(crate) password: Text,
    /// `None` leaves the byte out, as clients up to 3.3 do.
    pub(crate) read_only: Option<u8>,
}

impl Default for Hello {
    fn default() -> Self {
        Self {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: 600_000,
            session_id: 0,
            password: Text::from(vec![0; 16]),
            read_only: Some(0),
        }
    }
}

impl Hello {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let jute = Jute::new()
            .int(self.protocol_version)
            .long(self.last_zxid_seen)
            .int(self.timeout_ms)
            .long(self.session_id)
            .text(self.password.clone());
        match self.read_only {
            None => jute.bytes(),
            Some(byte) => jute.byte(byte).bytes(),
        }
    }
}

/// A request header and its record.
pub(crate) fn request(xid: i32, op: i32, body: &[u8]) -> Vec<u8> {
    Jute::new().int(xid).int(op).raw(body).bytes()
}

/// One client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)
            .with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Self { stream })
    }

    /// Changes how long a read waits.
    pub(crate) fn patience(&self, timeout: Duration) -> Result<()> {
        Ok(self.stream.set_read_timeout(Some(timeout))?)
    }

    /// Sends bytes as they are. A peer that has closed is not an error here: the read tells.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        match self.stream.write_all(bytes) {
            Err(error) if is_closed(error.kind()) => Ok(()),
            other => other.context("send"),
        }
    }

    /// Sends one frame.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.send_raw(&frame(payload))
    }

    /// The next frame, or `None` when the server has closed the connection.
    pub(crate) fn receive(&mut self) -> Result<Option<Vec<u8>>> {
        let mut head = [0; 4];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let len = usize::try_from(i32::from_be_bytes(head)).unwrap_or(usize::MAX);
        if len > REPLY_BYTES_MAX {
            bail!("reply frame of {} bytes", i32::from_be_bytes(head));
        }
        let mut payload = vec![0; len];
        if !self.fill(&mut payload)? {
            bail!("connection closed inside a frame of {len} bytes");
        }
        Ok(Some(payload))
    }

    /// All bytes until the server closes; for four-letter words.
    pub(crate) fn receive_to_end(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if !is_closed(error.kind()) => Err(error).context("receive to end"),
            _ => Ok(bytes),
        }
    }

    /// Fills `buffer`; false when the connection ended before its first byte.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => bail!("connection closed inside a frame"),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_closed(error.kind()) => return Ok(false),
                Err(error) if is_timeout(error.kind()) => bail!("no reply in time"),
                Err(error) => return Err(error).context("receive"),
            }
        }
        Ok(true)
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A payload with its length before it.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    Jute::new().text(payload).bytes()
}

/// Reads Jute from a reply; every method fails with what it expected when bytes are missing.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((head, tail)) = self.bytes.split_at_checked(len) else {
            bail!("{len} bytes expected, {} left", self.bytes.len());
        };
        self.bytes = tail;
        Ok(head)
    }

    pub(crate) fn int(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    pub(crate) fn long(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// A string or buffer; `None` is null.
    pub(crate) fn text(&mut self) -> Result<Option<&'a [u8]>> {
        match self.int()? {
            -1 => Ok(None),
            len => Ok(Some(self.take(usize::try_from(len).context("negative length")?)?)),
        }
    }
}

/// What every reply begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyHeader {
    pub(crate) xid: i32,
    pub(crate) zxid: i64,
    pub(crate) err: i32,
}

impl ReplyHeader {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { xid: reader.int()?, zxid: reader.long()?, err: reader.int()? })
    }
}

/// Asks a four-letter word and returns the text.
pub(crate) fn four_letter_word(port: u16, word: &str) -> Result<String> {
    let mut connection = Connection::open(port)?;
    connection.patience(WORD_TIMEOUT)?;
    connection.send_raw(word.as_bytes())?;
    Ok(String::from_utf8_lossy(&connection.receive_to_end()?).into_owned())
}
