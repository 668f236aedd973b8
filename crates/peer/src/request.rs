//! The vocabulary of a peer: what it is asked and what it tells its driver.

use crate::peer::Peer;
use crate::pipeline::Delivery;
use crate::prep::OverQuota;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use zoarium_process::{Instant, Protocol};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{ConnId, ErrorCode, Membership, OpCode, ServerId, SessionId, Xid, Zxid};
use zoarium_tree::access::Identities;
use zoarium_zab::{Epoch, Link, ReadId, Reason, Record, Txn};

/// What wakes a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Sessions may be over. Before it, the driver reports with [`Request::Heard`] whom it has
    /// heard of since the last one.
    Sessions,
    /// Containers and TTL znodes may be due.
    Reaper,
    /// There has been no leader for a while.
    ReadOnly,
    /// The agreement's own.
    Zab(zoarium_zab::Timer),
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
    /// The answer to [`Output::ReadHistory`].
    HistoryRead {
        /// Which question.
        read: ReadId,
        /// As in [`zoarium_zab::Request::HistoryRead`].
        txns: Option<Vec<Txn>>,
    },
    /// A snapshot is on its way to the learner as a whole.
    SnapshotSent {
        /// The learner.
        to: ServerId,
    },
    /// The leader's snapshot has arrived and is good.
    SnapshotReceived,
}

impl Request {
    /// The connection that a client's request came on.
    pub const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Client(request) => Some(request.conn),
            Self::Refuse { conn, .. } => Some(*conn),
            Self::Connect(_)
            | Self::Disconnected { .. }
            | Self::Heard(_)
            | Self::DiskFull(_)
            | Self::HistoryRead { .. }
            | Self::SnapshotSent { .. }
            | Self::SnapshotReceived => None,
        }
    }
}

/// What a peer tells its driver. Outputs are carried out in order; see also
/// [`Output::is_barrier`]. Those from [`Output::Looking`] on are told by members of an ensemble
/// only, and mean what [`zoarium_zab::Output`] says.
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
    /// A session has ended that only this server knew. Its request is answered with
    /// [`answer_closed`](crate::answer_closed).
    Closed {
        /// Whom to tell.
        conn: ConnId,
        /// The client's number for the request.
        xid: Xid,
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
    /// A request under way is not answered, as nobody knows what becomes of it. Its connection is
    /// closed, or about to be.
    Unanswered {
        /// The connection it came on.
        conn: ConnId,
    },
    /// There is no leader: close all client connections. Their sessions live on.
    Looking {
        /// Why not.
        why: Reason,
    },
    /// There is still no leader: reads are answered from the tree as it is, to the clients whose
    /// handshakes are. It ends with [`Output::Joining`] or [`Output::Elected`], before which all of
    /// them are told to close.
    ServingReadOnly,
    /// A leader is found; clients are not served yet.
    Joining {
        /// The leader.
        leader: ServerId,
    },
    /// This server is elected; it does not lead yet.
    Elected,
    /// Write this membership's text into the config znode, by [`zoarium_tree::Tree::put_config`]:
    /// it is in force, and what the tree has may be of another. Told before the tree is served.
    PutConfig(Arc<Membership>),
    /// Clients are served from here on.
    Serving {
        /// Who leads.
        leader: ServerId,
        /// Which epoch.
        epoch: Epoch,
    },
    /// When the record of this name is durable, read the tree back from the disk.
    Truncate {
        /// The last zxid to keep.
        to: Zxid,
    },
    /// Send SNAP and the tree, which is at `zxid`, to a learner.
    SendSnapshot {
        /// The learner.
        to: ServerId,
        /// The tree's zxid.
        zxid: Zxid,
    },
    /// A snapshot follows on the leader's link; answer with [`Request::SnapshotReceived`].
    ReceiveSnapshot {
        /// The zxid it is sent for.
        zxid: Zxid,
    },
    /// The received snapshot becomes the tree.
    InstallSnapshot {
        /// The zxid it was sent for.
        zxid: Zxid,
    },
    /// Read the log on disk; answer with [`Request::HistoryRead`].
    ReadHistory {
        /// The question's number.
        read: ReadId,
        /// The last transaction at or before this zxid is wanted, and those behind it,
        from: Zxid,
        /// up to this one.
        upto: Zxid,
    },
    /// Dial the leader.
    Dial {
        /// The leader.
        leader: ServerId,
    },
    /// Close a link, when what was sent on it has left.
    Disconnect {
        /// The link.
        link: Link,
        /// Why.
        why: Reason,
    },
    /// A membership is in force; links have to follow.
    Activated(Arc<Membership>),
}

impl Output {
    /// Whether all that is told up to here has to be carried out before the next step, which looks
    /// at the tree and must find it so.
    pub const fn is_barrier(&self) -> bool {
        match self {
            Self::Serving { .. }
            | Self::ServingReadOnly
            | Self::Truncate { .. }
            | Self::InstallSnapshot { .. } => true,
            Self::Deliver(_)
            | Self::Answer(_)
            | Self::Refuse { .. }
            | Self::Closed { .. }
            | Self::Connected { .. }
            | Self::OverQuota(_)
            | Self::Close { .. }
            | Self::Unanswered { .. }
            | Self::Looking { .. }
            | Self::Joining { .. }
            | Self::Elected
            | Self::PutConfig(_)
            | Self::SendSnapshot { .. }
            | Self::ReceiveSnapshot { .. }
            | Self::ReadHistory { .. }
            | Self::Dial { .. }
            | Self::Disconnect { .. }
            | Self::Activated(_) => false,
        }
    }
}

impl Protocol for Peer {
    type Id = Link;
    type Message = zoarium_zab::Message;
    type Timer = Timer;
    type Record = Record;
    type Request = Request;
    type Output = Output;
}
