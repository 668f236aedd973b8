//! What goes into a [`Session`] and comes out of it.

use crate::backoff::Backoff;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::request::{REQUEST_BYTES_MAX, Request};
use crate::session::Session;
use crate::state::{Auth, Credentials, State};
use crate::watches::WatchId;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::convert::Infallible;
use core::fmt::Debug;
use core::time::Duration;
use zoarium_process::Protocol;
use zoarium_proto::membership::HostPort;
use zoarium_proto::{EventType, Zxid};

impl<T: Debug> Protocol for Session<T> {
    type Id = LinkId;
    /// To a session: one frame, without its length. From a session: frames, with their lengths.
    type Message = Bytes;
    type Timer = Timer;
    /// A session makes nothing durable.
    type Record = Infallible;
    type Request = Command<T>;
    type Output = Output<T>;
}

/// One connection, or an attempt at one. Each has a number of its own, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Names a request of a session, to abandon it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a session is woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Timer {
    /// The attempt at a connection has taken too long.
    Attempt,
    /// The wait before the next attempt is over.
    Retry,
    /// Say something if nothing has been said.
    Ping,
    /// Give the connection up if nothing has been heard.
    Silence,
    /// Give the session up.
    Expiry,
    /// Look for a server that takes writes.
    Seek,
    /// Do not wait any longer for the session to be closed.
    Close,
}

impl Timer {
    /// All of them, in the order of their numbers (`timer as usize`).
    pub const ALL: [Self; 7] = [
        Self::Attempt,
        Self::Retry,
        Self::Ping,
        Self::Silence,
        Self::Expiry,
        Self::Seek,
        Self::Close,
    ];
}

/// What the owner of a session asks. `T` is the caller's mark on a request; it comes back with
/// the answer.
#[derive(Debug)]
pub enum Command<T> {
    /// Send a request, or keep it until there is a connection. See [`Session::submit`], which
    /// takes borrowed ones.
    Submit {
        /// The request.
        request: Request<'static>,
        /// Comes back with the answer.
        tag: T,
    },
    /// Nobody waits for the answer: a request that was not sent yet is not sent.
    Abandon(RequestId),
    /// Nobody waits for the watch.
    Unwatch {
        /// The watch's path, as it was in the request.
        path: String,
        /// The watch.
        watch: WatchId,
    },
    /// Claim an identity, in this connection and all later ones. Answered when a server has
    /// accepted it; if one refuses it, the session is over.
    Authenticate {
        /// The identity.
        auth: Auth,
        /// Comes back with the answer.
        tag: T,
    },
    /// The servers are these from here on, at least one.
    Servers(Vec<HostPort>),
    /// The answer to [`Output::Seek`], if the server takes writes.
    FoundReadWrite(HostPort),
    /// Something came on a link that the driver cannot make a frame of.
    Break {
        /// The link.
        link: LinkId,
        /// Why.
        why: Fault,
    },
    /// End the session on the server. What was submitted before is done first; nothing is taken
    /// after.
    Close {
        /// Comes back with the answer.
        tag: T,
    },
    /// Let go of the session without ending it. See [`Session::credentials`].
    Detach,
}

/// What a session tells its owner to do, or tells it.
#[derive(Debug)]
pub enum Output<T> {
    /// Connect to a server. The answer is a link that comes up or goes down.
    Dial {
        /// What to call the connection.
        link: LinkId,
        /// Which server; its name is to be looked up each time (ZOOKEEPER-2184).
        server: HostPort,
    },
    /// Close a connection, or stop making it. What was sent before should still leave. It is not
    /// to be reported as down.
    HangUp {
        /// The connection.
        link: LinkId,
        /// Why.
        why: Fault,
    },
    /// Ask a server with the word `isro` whether it takes writes (`rw`), and answer with
    /// [`Command::FoundReadWrite`] if it does.
    Seek {
        /// The server.
        server: HostPort,
    },
    /// The session is in another state. It comes before everything that follows from it.
    State(State),
    /// A request is answered, or will not be.
    Answered {
        /// The request's tag.
        tag: T,
        /// The answer.
        answer: Result<Reply, Failure>,
        /// The watch that the request has set.
        watch: Option<WatchId>,
    },
    /// Something for a watch. An event comes before every answer that shows its change.
    Watch {
        /// The watch.
        watch: WatchId,
        /// What.
        notice: Notice,
    },
}

/// What a watch is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A change. A one-shot watch is over with it.
    Event(Event),
    /// A persistent watch may have missed changes after `since`. It is set again: what is read from
    /// here on is as new as the events that follow.
    Gap {
        /// All changes up to this one have been told.
        since: Zxid,
    },
    /// The watch is over with its session.
    SessionLost,
}

/// A change of a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventType,
    /// To which znode: the server's path.
    pub path: Arc<str>,
    /// By which transaction, if the server says so: those before 3.9 do not, and none does for an
    /// event that was missed and made up for.
    pub zxid: Option<Zxid>,
}

/// How a session behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long servers are asked to keep the session without hearing from the client. They may
    /// decide on another time. Default 30 s.
    pub session_timeout: Duration,
    /// Whether a server that only takes reads will do. Default no.
    pub read_only_allowed: bool,
    /// Whether another session is opened when one is lost. Default yes.
    pub renews_lost_sessions: bool,
    /// The longest frame that servers take, in bytes. Default [`REQUEST_BYTES_MAX`].
    pub request_bytes_max: usize,
    /// How many requests may be under way on a connection; further ones wait, in order. Default
    /// 1000, as many as a server takes from all its clients before it lets them wait.
    pub requests_max: usize,
    /// How many bytes may wait to be sent before further requests wait, in order. Default 16 MiB.
    pub unsent_bytes_max: usize,
    /// How long to wait after no server could be reached.
    pub backoff: Backoff,
    /// How long a close waits for a server. Default 1 s, as Curator's.
    pub close_patience: Duration,
    /// A session to go on with.
    pub resume: Option<Credentials>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_secs(30),
            read_only_allowed: false,
            renews_lost_sessions: true,
            request_bytes_max: REQUEST_BYTES_MAX,
            requests_max: 1000,
            unsent_bytes_max: 16 << 20,
            backoff: Backoff::default(),
            close_patience: Duration::from_secs(1),
            resume: None,
        }
    }
}
