//! What clients saw.

use super::{Ask, Reply};
use zoarium_proto::{EventType, SessionId, Xid, Zxid};
use zoarium_session::WatchId;
use zoarium_session::fault::Fault;

/// What a client saw, for checkers. Every session is one client's.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The session is connected.
    Connected(SessionId),
    /// The session is over.
    Lost(SessionId),
    /// The client has let go of its session, and of its watches.
    Detached(SessionId),
    /// The connection is gone, or given up, and with it unanswered requests.
    Disconnected(SessionId),
    /// A request was sent.
    Sent {
        /// In which session.
        session: SessionId,
        /// Its number.
        xid: Xid,
        /// What it asks.
        ask: Ask,
    },
    /// A request was not sent, and will not be.
    NotSent(Ask),
    /// A reply came.
    Replied {
        /// In which session.
        session: SessionId,
        /// The number it has.
        xid: Xid,
        /// The zxid it has.
        zxid: Zxid,
        /// The oldest request without an answer; it should be this one's.
        expected: Option<Xid>,
        /// What was asked.
        ask: Ask,
        /// The answer.
        reply: Reply,
        /// The watch that the request has set.
        watch: Option<WatchId>,
    },
    /// A watch fired.
    Event {
        /// In which session.
        session: SessionId,
        /// Which of its watches.
        watch: WatchId,
        /// What happened.
        kind: EventType,
        /// To which znode.
        path: String,
        /// By which txn.
        zxid: Option<Zxid>,
    },
    /// The watches of the connection before are set again, and what was missed has been told.
    Rewatched {
        /// In which session.
        session: SessionId,
        /// The zxid of the reply.
        zxid: Zxid,
    },
    /// A server did what the protocol does not allow.
    Misbehaved(Fault),
}
