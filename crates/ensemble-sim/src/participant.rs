//! Who takes part and what they say: servers and clients as one kind of process.

use crate::client::{Client, Seen};
use crate::member::Member;
use crate::segment::{Port, Segment};
use bytes::Bytes;
use std::fmt;
use zoarium_process::{Effects, Input, Now, Process, Protocol};
use zoarium_proto::{ServerId, SessionId, Zxid};
use zoarium_zab::{Epoch, Link, Reason};

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

/// What goes over a link between two participants.
#[derive(Clone)]
pub enum Message {
    /// Between a client and a server, which may see many connections, several of them at a time.
    Client {
        /// The client's count of connections.
        connection: u64,
        /// What is sent on it.
        body: Body,
    },
    /// Between two servers.
    Server(Segment),
}

/// What is sent on a connection between a client and a server.
#[derive(Clone, Debug)]
pub enum Body {
    /// The client opens it.
    Open,
    /// The bytes of a frame, without the length before it.
    Frame(Bytes),
    /// One end closes it.
    Close,
}

impl Message {
    /// Connections are apart: what is on one may overtake what is on another.
    pub(crate) const fn stream(&self) -> u64 {
        match self {
            Self::Client { connection, .. } => *connection,
            Self::Server(segment) => segment.connection.stream(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client { connection, body } => {
                write!(out, "#{connection} ")?;
                match body {
                    Body::Open => write!(out, "open"),
                    Body::Frame(frame) => write!(out, "{}", frame.escape_ascii()),
                    Body::Close => write!(out, "close"),
                }
            }
            Self::Server(segment) => write!(out, "{segment:?}"),
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
    /// The server's next slice of the snapshot that it sends to a learner.
    Transfer(u8),
    /// The leader that a server has dialled does not answer.
    DialOver,
    /// The server dials another for elections again.
    Redial(u8),
    /// The log that a server was to read is read.
    HistoryRead,
    /// A timer of the client's session.
    Session(zoarium_session::Timer),
    /// The client begins, or finds that it cannot reach a server.
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
    /// A server: the connections of this kind with that server break.
    Break(Port, u8),
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
        /// The digest after it; none while the tree is of no one moment.
        digest: Option<u64>,
    },
    /// A server has no leader, or none any more.
    Looking(Reason),
    /// A server joins a leader.
    Joining(ServerId),
    /// A server was elected.
    Elected,
    /// A server serves clients from here on.
    Serving {
        /// Who leads.
        leader: ServerId,
        /// Which epoch.
        epoch: Epoch,
        /// How far the tree is, and how far it has seen: further, if it came from a snapshot that
        /// was taken while txns went on.
        zxids: (Zxid, Zxid),
    },
    /// A server closes a link.
    Closed(Link, Reason),
    /// What a server has sent is not what its bytes say.
    Garbled(String),
    /// A server has gone back to an earlier state.
    Truncated(Zxid),
    /// A server has taken over its leader's state.
    Installed {
        /// The zxid it was sent for.
        zxid: Zxid,
        /// Where the history on its disk ends.
        on_disk: Zxid,
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
