//! The vocabulary of a peer: what it is asked and what it tells its driver.

use crate::peer::Peer;
use crate::pipeline::Delivery;
use crate::prep::OverQuota;
use alloc::vec::Vec;
use bytes::Bytes;
use zoarium_process::{Instant, Protocol};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{ConnId, ErrorCode, OpCode, SessionId, Xid};
use zoarium_tree::access::Identities;

/// A member of the ensemble, by its `myid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u8);

/// What wakes a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A tick: sessions may be over. Before it, the driver reports with [`Request::Heard`] whom it
    /// has heard of since the last one.
    Sessions,
    /// Containers and TTL znodes may be due.
    Reaper,
}

/// A request of a session, by the frame it came in.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// The connection it came on.
    pub conn: ConnId,
    /// The connection's session.
    pub session: SessionId,
    /// The client's number for it.
    pub xid: Xid,
    /// What it asks.
    pub op: OpCode,
    /// The record after the request header, as it came.
    pub body: Bytes,
    /// Who asks.
    pub identities: Identities,
}

/// A handshake.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The connection it came on.
    pub conn: ConnId,
    /// The newest zxid that the client has seen, as it came.
    pub last_zxid_seen: i64,
    /// The session timeout asked for, in milliseconds.
    pub timeout_ms: i32,
    /// The session to renew, or [`SessionId::NONE`].
    pub session: SessionId,
    /// The password given.
    pub password: Bytes,
    /// The client's readOnly field, if it sent one.
    pub read_only: Option<bool>,
}

/// What the outside asks of a peer.
#[derive(Clone, Debug)]
pub enum Request {
    /// Open or renew a session.
    Connect(Connect),
    /// A write, a sync, or a read that has to stay behind one.
    Client(ClientRequest),
    /// Refuse a request, behind what is under way for its connection.
    Refuse {
        /// Whom to tell.
        conn: ConnId,
        /// The client's number for the request.
        xid: Xid,
        /// Why.
        error: ErrorCode,
    },
    /// A connection is gone; its session lives on until its timeout.
    Disconnected {
        /// Which connection.
        conn: ConnId,
    },
    /// Sessions whose clients were heard of, and when last.
    Heard(Vec<(SessionId, Instant)>),
    /// The disk is full, or has room again. While it is full no write is taken.
    DiskFull(bool),
}

impl Request {
    /// The connection that a client's request came on.
    pub const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Client(request) => Some(request.conn),
            Self::Refuse { conn, .. } => Some(*conn),
            Self::Connect(_) | Self::Disconnected { .. } | Self::Heard(_) | Self::DiskFull(_) => {
                None
            }
        }
    }
}

/// What a peer tells its driver. Outputs are carried out in order.
#[derive(Debug)]
pub enum Output {
    /// A committed transaction: apply it, fire its watches, answer its origin.
    Deliver(Delivery),
    /// A read or sync whose turn has come: answer it from the tree as it is here.
    Answer(ClientRequest),
    /// A request that fails without having been proposed.
    Refuse {
        /// Whom to tell.
        conn: ConnId,
        /// The client's number for the request.
        xid: Xid,
        /// Why.
        error: ErrorCode,
    },
    /// The answer to a handshake.
    Connected {
        /// Whom to tell.
        conn: ConnId,
        /// What to tell. A timeout of 0 says that the session is over; the connection then closes.
        response: ConnectResponse,
    },
    /// A request exceeded a quota; for the log.
    OverQuota(OverQuota),
    /// Close a connection once what it has been told is written.
    Close {
        /// Which connection.
        conn: ConnId,
    },
}

impl Protocol for Peer {
    type Id = PeerId;
    type Message = core::convert::Infallible;
    type Timer = Timer;
    /// A transaction as it is logged: [`zoarium_proto::txn::LoggedTxn`], encoded.
    type Record = LogRecord;
    type Request = Request;
    type Output = Output;
}

/// A transaction on its way to the log.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// Its place in the order.
    pub zxid: zoarium_proto::Zxid,
    /// The encoded [`zoarium_proto::txn::LoggedTxn`].
    pub txn: Bytes,
}
