//! A session over [`wire`]: one request at a time, errors as codes.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wire::{self, Connection, Hello, Jute, Reader, ReplyHeader, XID_NOTIFICATION, op};

/// Text of the super user's digest identity.
const SUPER_AUTH: &str = "super:pw";
/// The zoo.cfg line that makes [`Session::become_super`] work: the digest of `super:pw`.
pub(crate) const SUPER_CFG: &str =
    "DigestAuthenticationProvider.superDigest=super:0bX78nEegDzJM3ju0iLBEJdWzjg=";

/// How many requests a connection may send before its numbers are those of another one.
const XIDS: i32 = 1 << 20;
/// How many connections have numbers of their own.
const XID_RANGES: i32 = i32::MAX / XIDS;

/// Where the next connection's numbers begin.
///
/// Apache's clients go on counting when a session moves, and its servers rely on it: one that waits
/// for the answer to a request takes a late commit with the same session and number for it, also of
/// what the session had asked elsewhere (`CommitProcessor`).
fn first_xid() -> i32 {
    static RANGE: AtomicI32 = AtomicI32::new(0);
    RANGE.fetch_add(1, Ordering::Relaxed).rem_euclid(XID_RANGES) * XIDS
}

/// ACL `world:anyone:cdrwa`, encoded.
pub(crate) fn open_acl(jute: Jute) -> Jute {
    jute.int(1).int(31).text("world").text("anyone")
}

/// The record of a create.
pub(crate) fn create_body(path: &str, data: &[u8], flags: i32) -> Jute {
    open_acl(Jute::new().text(path).text(data)).int(flags)
}

/// A reply whose error code the caller looks at.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) zxid: i64,
    pub(crate) err: i32,
    pub(crate) body: Vec<u8>,
}

/// A session with its one connection.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    pub(crate) id: i64,
    pub(crate) password: Vec<u8>,
    xid: i32,
}

impl Session {
    /// A new session with the longest timeout that the server grants.
    pub(crate) fn open(port: u16) -> Result<Self> {
        Self::hello(port, &Hello::default())
    }

    /// Goes on with a session after its connection, or the server, was lost.
    pub(crate) fn resume(port: u16, id: i64, password: &[u8]) -> Result<Self> {
        let hello = Hello { session_id: id, password: password.into(), ..Hello::default() };
        let session = Self::hello(port, &hello)?;
        if session.id != id {
            bail!("session {id:#x} was not resumed");
        }
        Ok(session)
    }

    fn hello(port: u16, hello: &Hello) -> Result<Self> {
        Self::connect(port, hello, wire::REPLY_TIMEOUT)?
            .context("the session was refused as expired")
    }

    /// A session as `hello` asks for it; `None` when the server says that it is over. No answer may
    /// take longer than `patience`.
    pub(crate) fn connect(port: u16, hello: &Hello, patience: Duration) -> Result<Option<Self>> {
        let mut connection = Connection::open(port)?;
        connection.patience(patience)?;
        connection.send(&hello.bytes())?;
        let payload = connection.receive()?.context("closed instead of a ConnectResponse")?;
        let mut reader = Reader::new(&payload);
        let (_version, timeout_ms) = (reader.int()?, reader.int()?);
        let id = reader.long()?;
        let password = reader.text()?.unwrap_or_default().to_vec();
        Ok((timeout_ms > 0).then(|| Self { connection, id, password, xid: first_xid() }))
    }

    /// Sends a request and does not wait for its reply.
    pub(crate) fn send(&mut self, op: i32, body: Jute) -> Result<()> {
        self.xid += 1;
        self.connection.send(&wire::request(self.xid, op, &body.bytes()))
    }

    /// Sends a request and waits for its reply; watch events on the way are dropped.
    pub(crate) fn call(&mut self, op: i32, body: Jute) -> Result<Reply> {
        self.send(op, body)?;
        self.reply(self.xid)
    }

    /// Sends all requests, then waits for their replies. They must fit into the sockets' buffers.
    pub(crate) fn call_all(&mut self, requests: Vec<(i32, Jute)>) -> Result<Vec<Reply>> {
        let first = self.xid + 1;
        for (op, body) in requests {
            self.send(op, body)?;
        }
        (first..=self.xid).map(|xid| self.reply(xid)).collect()
    }

    fn reply(&mut self, wanted: i32) -> Result<Reply> {
        loop {
            let payload = self.connection.receive()?.context("connection closed")?;
            let mut reader = Reader::new(&payload);
            let ReplyHeader { xid, zxid, err } = ReplyHeader::read(&mut reader)?;
            if xid == wanted {
                return Ok(Reply { zxid, err, body: reader.rest().to_vec() });
            }
            if xid != XID_NOTIFICATION {
                bail!("reply to xid {xid}, expected {wanted}");
            }
        }
    }

    /// As [`Session::call`]; an error code becomes an error.
    pub(crate) fn must(&mut self, op: i32, body: Jute) -> Result<Reply> {
        let reply = self.call(op, body)?;
        if reply.err != 0 {
            bail!("op {op} answered {}", reply.err);
        }
        Ok(reply)
    }

    pub(crate) fn create(&mut self, path: &str, data: &[u8], flags: i32) -> Result<Reply> {
        self.must(op::CREATE, create_body(path, data, flags)).with_context(|| path.to_owned())
    }

    pub(crate) fn set(&mut self, path: &str, data: &[u8]) -> Result<Reply> {
        self.must(op::SET_DATA, Jute::new().text(path).text(data).int(-1))
            .with_context(|| path.to_owned())
    }

    pub(crate) fn delete(&mut self, path: &str) -> Result<Reply> {
        self.must(op::DELETE, Jute::new().text(path).int(-1)).with_context(|| path.to_owned())
    }

    pub(crate) fn become_super(&mut self) -> Result<()> {
        self.authenticate(SUPER_AUTH)
    }

    pub(crate) fn authenticate(&mut self, digest: &str) -> Result<()> {
        self.must(op::AUTH, Jute::new().int(0).text("digest").text(digest)).map(drop)
    }

    /// The names of the children, sorted; `None` when there is no such znode.
    pub(crate) fn children(&mut self, path: &str) -> Result<Option<Vec<String>>> {
        let reply = self.call(op::GET_CHILDREN, Jute::new().text(path).bool(false))?;
        match reply.err {
            0 => names(&reply).map(Some),
            -101 => Ok(None),
            err => bail!("getChildren {path}: {err}"),
        }
    }

    /// What this session reads from here on is at least as new as what the leader had committed.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.must(op::SYNC, Jute::new().text("/")).map(drop)
    }

    pub(crate) fn exists(&mut self, path: &str) -> Result<bool> {
        match self.call(op::EXISTS, Jute::new().text(path).bool(false))?.err {
            0 => Ok(true),
            -101 => Ok(false),
            err => bail!("exists {path}: {err}"),
        }
    }

    pub(crate) fn close(mut self) -> Result<()> {
        self.must(op::CLOSE_SESSION, Jute::new()).map(drop)
    }

    /// The data of a znode that must exist.
    pub(crate) fn data(&mut self, path: &str) -> Result<Vec<u8>> {
        let reply = self.must(op::GET_DATA, Jute::new().text(path).bool(false));
        let reply = reply.with_context(|| format!("read {path}"))?;
        Ok(Reader::new(&reply.body).text()?.unwrap_or_default().to_vec())
    }
}

/// The names in a reply to getChildren, sorted.
pub(crate) fn names(reply: &Reply) -> Result<Vec<String>> {
    let mut reader = Reader::new(&reply.body);
    let mut names = Vec::new();
    for _ in 0..reader.int()? {
        names.push(String::from_utf8_lossy(reader.text()?.unwrap_or_default()).into_owned());
    }
    names.sort();
    Ok(names)
}
