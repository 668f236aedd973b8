//! Why there is no measurement.

use crate::op::Op;
use std::io;
use std::time::Duration;
use zoarium_proto::{DecodeError, ErrorCode, SessionId};

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A server cannot be reached, or does not open a session.
    #[error("{server}: {source}")]
    Open {
        /// Which, as host:port.
        server: String,
        /// Why.
        source: OpenError,
    },
    /// A server answered what it must not, or no longer answers.
    #[error("{server}, session {session}: {fault}")]
    Fault {
        /// Which, as host:port.
        server: String,
        /// In which session.
        session: SessionId,
        /// What is wrong.
        fault: Fault,
    },
    /// No reply came for so long.
    #[error("no reply for {} s; {waiting} requests wait", after.as_secs())]
    Stalled {
        /// How long.
        after: Duration,
        /// How many requests have no reply.
        waiting: usize,
    },
    /// The znodes that a workload needs cannot be made, looked at or removed.
    #[error("{doing}: {source}")]
    Setup {
        /// What was to be done.
        doing: &'static str,
        /// Why it was not.
        source: zoarium_client::Error,
    },
    /// No session for setting up.
    #[error("no session to set up with: {0}")]
    Connect(#[from] zoarium_client::ConnectError),
    /// The server has lost something, or has something it should not.
    #[error("{expected} {what} expected, {found} found")]
    Miscounted {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Nothing was done in the time measured.
    #[error("no operation ended in the {} s that were measured", seconds)]
    Nothing {
        /// How long was measured, in seconds.
        seconds: f64,
    },
    /// A process whose CPU is to be read.
    #[error("process {pid}: {source}; is it running?")]
    Process {
        /// Its id.
        pid: u32,
        /// What the system says.
        source: io::Error,
    },
    /// Threads, timers and polls of this process.
    #[error("{doing}: {source}")]
    System {
        /// What was to be done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl BenchError {
    pub(crate) const fn system(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    pub(crate) const fn setup(doing: &'static str) -> impl Fn(zoarium_client::Error) -> Self {
        move |source| Self::Setup { doing, source }
    }
}

/// Why a session was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name has no address.
    #[error("no address: {0}")]
    Resolve(io::Error),
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server hung up, as it does when it does not serve.
    #[error("the server hung up: it serves nobody, or has too many connections from here")]
    HungUp,
    /// An answer that is none.
    #[error("the answer to the handshake: {0}")]
    Decode(#[from] DecodeError),
    /// Something that cannot be read before the handshake was done.
    #[error("the answer to the handshake: {0}")]
    Handshake(#[from] Fault),
    /// A session that is over before it began.
    #[error("the server opened no session")]
    Refused,
    /// The identity was refused.
    #[error("the identity was refused")]
    Identity,
}

/// What a server must not do to a session.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It does not read or write.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It hung up.
    #[error("the server hung up with {waiting} requests unanswered")]
    HungUp {
        /// How many.
        waiting: usize,
    },
    /// A frame that cannot be.
    #[error("a frame of {length} bytes")]
    Frame {
        /// Its length as it came.
        length: i32,
    },
    /// A reply that cannot be read.
    #[error("a reply: {0}")]
    Decode(#[from] DecodeError),
    /// Replies come in the order of their requests.
    #[error("a reply to request {found}, {expected:?} was due")]
    Order {
        /// The xid that came.
        found: i32,
        /// The one that was due; `None` if nothing was.
        expected: Option<i32>,
    },
    /// The state that a session sees never goes back.
    #[error("zxid {found:#x} after {before:#x}")]
    WentBack {
        /// What came.
        found: i64,
        /// What had come before.
        before: i64,
    },
    /// A refusal. Every request of a workload is one that succeeds.
    #[error("{op} refused: {}", code_name(*code))]
    Refused {
        /// Of which operation.
        op: Op,
        /// The code on the wire.
        code: i32,
    },
    /// A reply of another length than the request asks for, or with other contents.
    #[error("{op}: {found} in the reply, {expected} expected ({what})")]
    Contents {
        /// To which operation.
        op: Op,
        /// What is compared.
        what: &'static str,
        /// What came.
        found: usize,
        /// What was due.
        expected: usize,
    },
}

fn code_name(code: i32) -> String {
    match ErrorCode::from_wire(code) {
        Some(name) => format!("{name:?} ({code})"),
        None => format!("code {code}"),
    }
}
