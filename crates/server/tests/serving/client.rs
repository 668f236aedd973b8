//! A client that shows every byte: requests are built by hand, replies are headers and bodies.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes. A test that waits for so long fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const CREATE: i32 = 1;
pub(crate) const DELETE: i32 = 2;
pub(crate) const SET_DATA: i32 = 5;
pub(crate) const SET_ACL: i32 = 7;
pub(crate) const MULTI: i32 = 14;
pub(crate) const CREATE_CONTAINER: i32 = 19;
pub(crate) const CLOSE_SESSION: i32 = -11;
pub(crate) const GET_DATA: i32 = 4;
pub(crate) const EXISTS: i32 = 3;
pub(crate) const PING: i32 = 11;
pub(crate) const AUTH: i32 = 100;

/// A reply: xid, zxid, error and the rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) xid: i32,
    pub(crate) zxid: i64,
    pub(crate) error: i32,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Client {
    stream: TcpStream,
    session: i64,
}

impl Client {
    /// The session.
    pub(crate) fn session(&self) -> i64 {
        self.session
    }

    /// Opens a session; `None` if the server closes the connection instead.
    pub(crate) fn connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self { stream, session: 0 };
        let mut handshake = Vec::new();
        handshake.extend(0_i32.to_be_bytes());
        handshake.extend(0_i64.to_be_bytes());
        handshake.extend(30_000_i32.to_be_bytes());
        handshake.extend(0_i64.to_be_bytes());
        handshake.extend(buffer(&[0; 16]));
        handshake.push(0);
        client.send_frame(&handshake);
        let response = client.frame()?;
        client.session = i64::from_be_bytes(response[8..16].try_into().unwrap());
        Some(client)
    }

    pub(crate) fn send_frame(&mut self, frame: &[u8]) {
        // The server may have closed the connection; the next read tells.
        let _closed = self.stream.write_all(&buffer(frame));
    }

    pub(crate) fn send(&mut self, xid: i32, op: i32, body: &[u8]) {
        self.send_frame(&request(xid, op, body));
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let _closed = self.stream.write_all(bytes);
    }

    /// The next frame; `None` if the connection is closed instead.
    pub(crate) fn frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        if let Err(error) = self.stream.read_exact(&mut length) {
            let closed = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
            assert!(closed.contains(&error.kind()), "{error}");
            return None;
        }
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut frame).unwrap();
        Some(frame)
    }

    /// The next reply; `None` if the connection is closed instead.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let frame = self.frame()?;
        Some(Reply {
            xid: i32::from_be_bytes(frame[..4].try_into().unwrap()),
            zxid: i64::from_be_bytes(frame[4..12].try_into().unwrap()),
            error: i32::from_be_bytes(frame[12..16].try_into().unwrap()),
            body: frame[16..].to_owned(),
        })
    }

    /// Asks and waits for the reply.
    pub(crate) fn ask(&mut self, xid: i32, op: i32, body: &[u8]) -> Reply {
        self.send(xid, op, body);
        self.reply().expect("the server closed the connection")
    }

    /// Creates a znode open to everybody; the result is the error.
    pub(crate) fn create(&mut self, xid: i32, path: &str, data: &[u8]) -> i32 {
        self.ask(xid, CREATE, &create(path, data, 0)).error
    }
}

/// A request without its length.
pub(crate) fn request(xid: i32, op: i32, body: &[u8]) -> Vec<u8> {
    [&xid.to_be_bytes(), &op.to_be_bytes(), body].concat()
}

/// Bytes with their length before them.
pub(crate) fn buffer(bytes: &[u8]) -> Vec<u8> {
    [&i32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A create of a znode that is open to everybody.
pub(crate) fn create(path: &str, data: &[u8], flags: i32) -> Vec<u8> {
    let acl = [&1_i32.to_be_bytes()[..], &31_i32.to_be_bytes()].concat();
    let anyone = [buffer(b"world"), buffer(b"anyone")].concat();
    [buffer(path.as_bytes()), buffer(data), acl, anyone, flags.to_be_bytes().into()].concat()
}

/// A read of a znode with a watch.
pub(crate) fn path_with_watch(path: &str) -> Vec<u8> {
    [buffer(path.as_bytes()), vec![1]].concat()
}

/// A read of a znode without a watch.
pub(crate) fn path_without_watch(path: &str) -> Vec<u8> {
    [buffer(path.as_bytes()), vec![0]].concat()
}

/// A request that names a path and a version.
pub(crate) fn path_and_version(path: &str, version: i32) -> Vec<u8> {
    [buffer(path.as_bytes()), version.to_be_bytes().into()].concat()
}

/// A setData.
pub(crate) fn set_data(path: &str, data: &[u8], version: i32) -> Vec<u8> {
    [buffer(path.as_bytes()), buffer(data), version.to_be_bytes().into()].concat()
}

/// A multi of these operations and their records.
pub(crate) fn multi(parts: &[(i32, Vec<u8>)]) -> Vec<u8> {
    let header = |op: i32, done: u8| [&op.to_be_bytes()[..], &[done], &[0xFF; 4]].concat();
    let mut multi = Vec::new();
    for (op, record) in parts {
        multi.extend(header(*op, 0));
        multi.extend(record);
    }
    multi.extend(header(-1, 1));
    multi
}

/// An authentication.
pub(crate) fn auth(scheme: &str, data: &[u8]) -> Vec<u8> {
    [0_i32.to_be_bytes().into(), buffer(scheme.as_bytes()), buffer(data)].concat()
}

pub(crate) fn four_letter_word(address: SocketAddr, word: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(word.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
