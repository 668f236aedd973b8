//! What is between decision and delivery: requests whose transactions are not yet committed, and
//! what must not be answered before them.
//!
//! Reads that follow a write and refusals pass through the same queue as writes, so whatever a
//! session is told comes in the order it asked. On a leader writes wait for their zxid. On a
//! learner they wait for the leader's transaction of the same session and cxid (Apache:
//! `CommitProcessor`): what a learner forwards is proposed, and so committed, in its order.

use crate::request::{ClientRequest, Output};
use alloc::collections::VecDeque;
use bytes::Bytes;
use zoarium_proto::txn::TxnHeader;
use zoarium_proto::{ConnId, OpCode, SessionId, Xid, Zxid};
use zoarium_tree::Foresight;

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
    /// What this server has foreseen of it, if it has decided it; for
    /// [`zoarium_tree::Tree::apply_foreseen`].
    pub foresight: Foresight,
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

impl Origin {
    const fn conn(self) -> ConnId {
        match self {
            Self::Request { conn, .. } | Self::Connect { conn, .. } => conn,
        }
    }
}

#[derive(Debug)]
enum Stage {
    /// Proposed here.
    Proposal { zxid: Zxid, origin: Option<Origin>, foresight: Foresight },
    /// Sent to the leader, who had proposed what is up to `after` before.
    Forwarded { session: SessionId, cxid: i32, op: OpCode, after: Zxid, origin: Origin },
    /// A sync, until the leader has answered it.
    Sync { request: ClientRequest, is_done: bool },
    /// Nothing to wait for but what is before it.
    Passing(Output),
}

impl Stage {
    /// Which connection is told when its turn comes.
    const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Proposal { origin: None, .. } => None,
            Self::Proposal { origin: Some(origin), .. } | Self::Forwarded { origin, .. } => {
                Some(origin.conn())
            }
            Self::Sync { request, .. } | Self::Passing(Output::Answer(request)) => {
                Some(request.conn)
            }
            Self::Passing(Output::Refuse { conn, .. } | Output::Closed { conn, .. }) => Some(*conn),
            // Nothing else passes that answers a request.
            Self::Passing(_) => None,
        }
    }
}

/// The queue. Its length is bounded by the driver, who stops reading from connections when too
/// many requests are under way.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    stages: VecDeque<Stage>,
    proposals: usize,
}

impl Pipeline {
    /// Queues a proposal of this server.
    pub(crate) fn propose(&mut self, zxid: Zxid, origin: Option<Origin>, foresight: Foresight) {
        self.proposals += 1;
        self.stages.push_back(Stage::Proposal { zxid, origin, foresight });
    }

    /// Queues a request sent to the leader, of whom this server has all up to `after`.
    pub(crate) fn forward(
        &mut self,
        (session, cxid, op): (SessionId, i32, OpCode),
        after: Zxid,
        origin: Origin,
    ) {
        self.stages.push_back(Stage::Forwarded { session, cxid, op, after, origin });
    }

    /// The newest proposal of this server that is not committed.
    pub(crate) fn newest_proposal(&self) -> Option<Zxid> {
        self.stages.iter().rev().find_map(|stage| match stage {
            Stage::Proposal { zxid, .. } => Some(*zxid),
            Stage::Forwarded { .. } | Stage::Sync { .. } | Stage::Passing(_) => None,
        })
    }

    /// Queues a sync, to be ended by [`Pipeline::synced`].
    pub(crate) fn sync(&mut self, request: ClientRequest) {
        self.stages.push_back(Stage::Sync { request, is_done: false });
    }

    /// Queues an output behind what is under way, or gives it back if nothing is.
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

    /// Takes out who waits for this transaction, which is committed, and what was foreseen of it.
    pub(crate) fn delivered(
        &mut self,
        header: &TxnHeader,
        kind: i32,
    ) -> (Option<Origin>, Foresight) {
        let is_it = |stage: &mut Stage| match stage {
            Stage::Proposal { zxid, .. } => *zxid == header.zxid,
            // A client that has moved may number its requests anew, so what it asked elsewhere may
            // look the same: that is not as new, or of another type.
            Stage::Forwarded { session, cxid, op, after, .. } => {
                (*session, *cxid) == (header.session, header.cxid)
                    && header.zxid > *after
                    && (kind == op.to_wire() || kind == OpCode::Error.to_wire())
            }
            Stage::Sync { .. } | Stage::Passing(_) => false,
        };
        match self.stages.pop_front_if(is_it) {
            Some(Stage::Proposal { origin, foresight, .. }) => {
                self.proposals -= 1;
                (origin, foresight)
            }
            Some(Stage::Forwarded { origin, .. }) => (Some(origin), Foresight::Nothing),
            Some(Stage::Sync { .. } | Stage::Passing(_)) | None => (None, Foresight::Nothing),
        }
    }

    /// The oldest sync is answered.
    pub(crate) fn synced(&mut self) {
        let open = self.stages.iter_mut().find_map(|stage| match stage {
            Stage::Sync { is_done, .. } if !*is_done => Some(is_done),
            Stage::Proposal { .. }
            | Stage::Forwarded { .. }
            | Stage::Sync { .. }
            | Stage::Passing(_) => None,
        });
        if let Some(is_done) = open {
            *is_done = true;
        }
    }

    /// Takes out what has nothing to wait for any more.
    pub(crate) fn next_due(&mut self) -> Option<Output> {
        let due = self.stages.pop_front_if(|stage| match stage {
            Stage::Passing(_) => true,
            Stage::Sync { is_done, .. } => *is_done,
            Stage::Proposal { .. } | Stage::Forwarded { .. } => false,
        })?;
        match due {
            Stage::Passing(output) => Some(output),
            Stage::Sync { request, .. } => Some(Output::Answer(request)),
            Stage::Proposal { .. } | Stage::Forwarded { .. } => None,
        }
    }

    /// Gives up on everything; what is left to say is that requests are not answered.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = Output> + '_ {
        self.proposals = 0;
        self.stages.drain(..).filter_map(|stage| {
            let conn = stage.conn()?;
            let handshake = matches!(
                stage,
                Stage::Proposal { origin: Some(Origin::Connect { .. }), .. }
                    | Stage::Forwarded { origin: Origin::Connect { .. }, .. }
            );
            (!handshake).then_some(Output::Unanswered { conn })
        })
    }

    /// Number of this server's proposals not yet committed.
    pub(crate) const fn proposals(&self) -> usize {
        self.proposals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client asked it elsewhere, before it came here and numbered its requests anew.
    #[test]
    fn transaction_from_before_a_request_is_not_its_answer() {
        let mut pipeline = Pipeline::default();
        let session = SessionId(1);
        let origin = Origin::Request { conn: ConnId(1), xid: Xid(7), op: OpCode::Create };
        pipeline.forward((session, 7, OpCode::Create), Zxid(3), origin);
        let kind = OpCode::Create.to_wire();
        let header = |zxid| TxnHeader { session, cxid: 7, zxid: Zxid(zxid), time_ms: 0 };
        assert_eq!(pipeline.delivered(&header(3), kind).0, None);
        assert_eq!(pipeline.delivered(&header(4), kind).0, Some(origin));
    }
}
