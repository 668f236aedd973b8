//! What is between decision and delivery: proposals that are not yet durable, and requests that
//! must not be answered before them.
//!
//! Reads that follow a write and refusals pass through the same queue as proposals, so whatever a
//! session is told comes in the order it asked.

use crate::request::Output;
use alloc::collections::VecDeque;
use bytes::Bytes;
use zoarium_process::PersistSeq;
use zoarium_proto::{ConnId, OpCode, SessionId, Xid, Zxid};

/// A committed transaction.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its place in the order.
    pub zxid: Zxid,
    /// The encoded [`zoarium_proto::txn::LoggedTxn`], which this server wrote or checked.
    pub txn: Bytes,
    /// The session it ends, if it ends one.
    pub closes: Option<SessionId>,
    /// Who waits for it here.
    pub origin: Option<Origin>,
}

/// Who on this server waits for a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A request.
    Request {
        /// On which connection.
        conn: ConnId,
        /// The client's number for it.
        xid: Xid,
        /// What it asked.
        op: OpCode,
    },
    /// A handshake that opens a session.
    Connect {
        /// On which connection.
        conn: ConnId,
        /// The session.
        session: SessionId,
        /// Its timeout in milliseconds.
        timeout_ms: i32,
        /// The client's readOnly field, if it sent one.
        read_only: Option<bool>,
    },
}

#[derive(Debug)]
enum Stage {
    Proposal { seq: PersistSeq, delivery: Delivery },
    Passing(Output),
}

impl Stage {
    /// Which connection is told when its turn comes.
    const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Proposal { delivery, .. } => match delivery.origin {
                Some(Origin::Request { conn, .. } | Origin::Connect { conn, .. }) => Some(conn),
                None => None,
            },
            Self::Passing(output) => match output {
                Output::Answer(request) => Some(request.conn),
                Output::Refuse { conn, .. }
                | Output::Connected { conn, .. }
                | Output::Close { conn } => Some(*conn),
                Output::Deliver(_) | Output::OverQuota(_) => None,
            },
        }
    }
}

/// The queue. Its length is bounded by the driver, who stops reading from connections when too
/// many requests are under way.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    stages: VecDeque<Stage>,
    proposals: usize,
    last_seq: PersistSeq,
}

impl Pipeline {
    /// Queues a proposal; the result numbers its record.
    pub(crate) fn propose(&mut self, delivery: Delivery) -> PersistSeq {
        self.last_seq = self.last_seq.next();
        self.proposals += 1;
        self.stages.push_back(Stage::Proposal { seq: self.last_seq, delivery });
        self.last_seq
    }

    /// Queues an output behind the proposals under way, or gives it back if there are none.
    pub(crate) fn pass(&mut self, output: Output) -> Option<Output> {
        if self.stages.is_empty() {
            return Some(output);
        }
        self.stages.push_back(Stage::Passing(output));
        None
    }

    /// Whether there is anything for this connection in the queue. Looks at all of it.
    pub(crate) fn has_for(&self, conn: ConnId) -> bool {
        self.stages.iter().any(|stage| stage.conn() == Some(conn))
    }

    /// Takes out, in order, what is due when records up to `upto` are committed.
    pub(crate) fn commit(&mut self, upto: PersistSeq, mut due: impl FnMut(Output)) {
        assert!(upto <= self.last_seq, "{upto:?} committed, {:?} proposed", self.last_seq);
        while let Some(stage) = self.stages.pop_front() {
            match stage {
                Stage::Proposal { seq, delivery } if seq <= upto => {
                    self.proposals -= 1;
                    due(Output::Deliver(delivery));
                }
                Stage::Passing(output) => due(output),
                early @ Stage::Proposal { .. } => {
                    self.stages.push_front(early);
                    return;
                }
            }
        }
    }

    /// Number of proposals not yet committed.
    pub(crate) const fn proposals(&self) -> usize {
        self.proposals
    }
}
