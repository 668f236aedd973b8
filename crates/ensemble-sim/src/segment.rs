//! What goes over a link between two servers: several connections at a time, each with messages of
//! its own order.

use bytes::Bytes;
use std::fmt;
use zoarium_proto::SessionId;
use zoarium_zab::{Message, Packet};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// Notifications.
    Election,
    /// Between a leader and the learner that has dialled it.
    Quorum,
}

/// Names a connection between two servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// What it is for.
    pub port: Port,
    /// The server that has dialled.
    pub dialer: u8,
    /// The dialer's count of connections.
    pub number: u64,
}

/// One message of one connection.
#[derive(Clone)]
pub struct Segment {
    /// On which connection.
    pub connection: Connection,
    /// What is sent.
    pub body: Carried,
    /// For checkers alone: the sessions that the sender of a ping's answer has heard of.
    pub heard: Vec<SessionId>,
}

/// What is sent on a connection.
#[derive(Clone, Debug)]
pub enum Carried {
    /// The dialer opens it.
    Open,
    /// The other end has taken it.
    Accepted,
    /// A message.
    Message(Message),
    /// A part of a snapshot's stream.
    Snapshot {
        /// The bytes.
        bytes: Bytes,
        /// Whether the stream ends here.
        is_last: bool,
    },
    /// One end closes it.
    Close,
}

impl Segment {
    /// The packet, if it is one.
    pub const fn packet(&self) -> Option<&Packet> {
        match &self.body {
            Carried::Message(Message::Quorum(packet)) => Some(packet),
            Carried::Open
            | Carried::Accepted
            | Carried::Message(Message::Election(_))
            | Carried::Snapshot { .. }
            | Carried::Close => None,
        }
    }
}

impl Connection {
    /// A number that no other connection between two servers has.
    pub(crate) const fn stream(self) -> u64 {
        let port = match self.port {
            Port::Election => 0,
            Port::Quorum => 1,
        };
        self.number << 9 | (self.dialer as u64) << 1 | port
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = match self.port {
            Port::Election => 'e',
            Port::Quorum => 'q',
        };
        write!(out, "{port}{}.{}", self.dialer, self.number)
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} ", self.connection)?;
        match &self.body {
            Carried::Message(Message::Election(it)) => {
                write!(out, "{:?} round {}", it.state, it.round)?;
                it.vote.map_or(Ok(()), |vote| write!(out, " for {vote}"))
            }
            Carried::Message(Message::Quorum(Packet::NewLeader { epoch, .. })) => {
                write!(out, "NEWLEADER {epoch}")
            }
            Carried::Message(Message::Quorum(packet)) => write!(out, "{packet:?}"),
            Carried::Snapshot { bytes, is_last } => {
                let end = if *is_last { ", the last" } else { "" };
                write!(out, "{} bytes of a snapshot{end}", bytes.len())
            }
            body @ (Carried::Open | Carried::Accepted | Carried::Close) => write!(out, "{body:?}"),
        }
    }
}
