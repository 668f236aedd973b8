//! Who takes part and what they say: servers and clients as one kind of process.

use crate::client::{Client, Seen};
use crate::member::Member;
use bytes::Bytes;
use std::fmt;
use zoarium_process::{Effects, Input, Now, Process, Protocol};
use zoarium_proto::{SessionId, Zxid};

/// Names a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A server, by its `myid`.
    Server(u8),
    /// A client.
    Client(u8),
}

/// A server or a client.
#[derive(Debug)]
pub enum Participant {
    /// A server.
    Member(Box<Member>),
    /// A client.
    Client(Box<Client>),
}

/// What goes over a link between client and server, which may see many connections one after the
/// other.
#[derive(Clone)]
pub struct Message {
    /// The client's count of connections.
    pub connection: u64,
    /// What is sent on it.
    pub body: Body,
}

/// What is sent on a connection.
#[derive(Clone, Debug)]
pub enum Body {
    /// The client opens it.
    Open,
    /// The bytes of a frame, without the length before it.
    Frame(Bytes),
    /// One end closes it.
    Close,
}

impl fmt::Debug for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{} ", self.connection)?;
        match &self.body {
            Body::Open => write!(out, "open"),
            Body::Frame(frame) => write!(out, "{}", frame.escape_ascii()),
            Body::Close => write!(out, "close"),
        }
    }
}

/// What wakes a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A timer of the server's peer.
    Peer(zoarium_peer::Timer),
    /// The server's next slice of a snapshot.
    Snapshot,
    /// The server's rest of a multi; a planted bug's.
    RestOfMulti,
    /// The client pings, or gives up a silent server.
    Ping,
    /// The client opens a connection.
    Dial,
    /// The client does something without being asked, so that there is always a write to be
    /// answered.
    Probe,
}

/// What a plan or the world asks.
#[derive(Clone, Debug)]
pub enum Request {
    /// A server: its disk is full or has room again.
    DiskFull(bool),
    /// A client: send these, one behind the other.
    Do(Vec<Wish>),
}

/// A request before the client has filled in what only it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What kind.
    pub verb: crate::workload::Verb,
    /// About which of several znodes.
    pub which: u8,
}

/// What checkers are told.
#[derive(Debug)]
pub enum Output {
    /// A server has applied a txn.
    Applied {
        /// Its place in the order.
        zxid: Zxid,
        /// The encoded txn.
        txn: Bytes,
        /// Whether the digest after it is that of the log, if there is one to compare.
        digest_matches: Option<bool>,
    },
    /// A server has decided that a session is over.
    Expired {
        /// Which.
        session: SessionId,
        /// How long the client has been silent, in milliseconds of the server's clock.
        silent_ms: u64,
        /// The session's timeout in milliseconds.
        timeout_ms: u64,
    },
    /// A server tells a client that it is in this session.
    Connected(SessionId),
    /// A server has taken a snapshot.
    Snapshot(Zxid),
    /// A client saw something.
    Client(Seen),
}

impl Protocol for Participant {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = zoarium_zab::Record;
    type Request = Request;
    type Output = Output;
}

impl Process for Participant {
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match self {
            Self::Member(member) => member.step(now, input, effects),
            Self::Client(client) => client.step(now, input, effects),
        }
    }
}
