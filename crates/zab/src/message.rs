//! What peers say to each other: each variant is one message of Apache's, without its bytes.

use crate::ids::{Epoch, Round};
use alloc::sync::Arc;
use bytes::Bytes;
use core::fmt;
use zoarium_proto::{Membership, ServerId, Zxid};

/// A message of either port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// On the election port.
    Election(Notification),
    /// On the quorum port.
    Quorum(Packet),
}

/// The state a peer says it is in; numbers as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Electing.
    Looking = 0,
    /// Has joined a leader, as one who votes.
    Following = 1,
    /// Leads.
    Leading = 2,
    /// Has joined a leader, as one who only learns.
    Observing = 3,
}

/// Whom a peer wants to lead, and how much history the candidate has.
///
/// The order of fields is the order of preference: first the candidate's currentEpoch, then its
/// last zxid, then its id (`FastLeaderElection.totalOrderPredicate`). The epoch comes first since
/// a zxid of an old epoch may be one that the ensemble has abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vote {
    /// The candidate's currentEpoch; of an established leader, the epoch it leads.
    pub epoch: Epoch,
    /// The candidate's last zxid when it was proposed.
    pub zxid: Zxid,
    /// The candidate.
    pub leader: ServerId,
}

impl fmt::Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (epoch {}, zxid {})", self.leader, self.epoch, self.zxid)
    }
}

/// The one message of elections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The sender's state.
    pub state: PeerState,
    /// Its proposal while looking, else the vote by which it joined. `None` for a server that has
    /// no candidate: on the wire `Long.MIN_VALUE` as the leader, or −1 as the zxid, with which a
    /// server says that its empty database is not to be trusted (ZOOKEEPER-261).
    pub vote: Option<Vote>,
    /// The election this belongs to.
    pub round: Round,
    /// The sender's committed membership.
    pub membership: Arc<Membership>,
}

/// A transaction with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// Its place.
    pub zxid: Zxid,
    /// Header and body as they are on the wire and in the log.
    pub bytes: Bytes,
    /// The membership that a reconfiguration proposes; `None` for all other transactions.
    pub membership: Option<Arc<Membership>>,
}

/// A client's request on its way from a learner to the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Session, cxid, type and body.
    pub bytes: Bytes,
    /// The client's identities, as the packet's encoded vector.
    pub auth: Bytes,
}

/// The messages between a leader and its learners, in the order of their numbers on the wire
/// (Apache's `Leader` constants).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// 1, to the leader: a client's request.
    Request(Forward),
    /// 2, to a follower: log this.
    Proposal(Txn),
    /// 3, to the leader: all up to here is durable. Counter 0 answers NEWLEADER and UPTODATE.
    Ack(Zxid),
    /// 4, to a follower: deliver the oldest proposal, which is this one.
    Commit(Zxid),
    /// 5, both ways: I am here. The answer repeats the zxid and carries the sessions touched.
    Ping {
        /// The leader's last proposal.
        zxid: Zxid,
        /// Empty from the leader; from a learner ids and timeouts, encoded.
        touched: Bytes,
    },
    /// 6, both ways: does this session live? And the answer.
    Revalidate(Bytes),
    /// 7, to a learner: all that was committed before your sync has been sent.
    Sync,
    /// 8, to an observer: a proposal and its commit.
    Inform(Txn),
    /// 9, to a follower: a commit of a reconfiguration.
    CommitAndActivate {
        /// The proposal.
        zxid: Zxid,
        /// Who is to lead from here on.
        designated: ServerId,
    },
    /// 10, to a learner: what was sent so far is my history; make it and my epoch durable.
    NewLeader {
        /// The leader's epoch.
        epoch: Epoch,
        /// The leader's last seen membership.
        membership: Arc<Membership>,
    },
    /// 11, to the leader: the first message of a follower.
    FollowerInfo(LearnerInfo),
    /// 12, to a learner: a quorum has my history; serve.
    UpToDate,
    /// 13, to a learner: your history is a prefix of mine; what is missing follows.
    Diff {
        /// The last zxid of what follows. Informative.
        last: Zxid,
    },
    /// 14, to a learner: forget what is after this zxid; what is missing follows.
    Trunc {
        /// The last zxid to keep.
        to: Zxid,
    },
    /// 15, to a learner: my state follows, up to at least this zxid.
    Snap {
        /// The zxid from which on transactions follow.
        zxid: Zxid,
    },
    /// 16, to the leader: the first message of an observer.
    ObserverInfo(LearnerInfo),
    /// 17, to a learner: this is the epoch I mean to lead.
    LeaderInfo {
        /// The epoch.
        epoch: Epoch,
    },
    /// 18, to the leader: I will accept no older epoch, and this is my history.
    AckEpoch {
        /// The learner's currentEpoch, or `None` if it had promised this epoch already (−1 on the
        /// wire): it may have promised it to another, so that does not count.
        current: Option<Epoch>,
        /// Its last zxid.
        last: Zxid,
    },
    /// 19, to an observer: a reconfiguration and its commit.
    InformAndActivate {
        /// Who is to lead from here on.
        designated: ServerId,
        /// The reconfiguration.
        txn: Txn,
    },
}

/// How a learner introduces itself; its id is that of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnerInfo {
    /// The newest epoch it has promised to accept.
    pub accepted: Epoch,
    /// Version of its committed membership.
    pub membership_version: Zxid,
}

impl Packet {
    /// Whether this proposes or commits something up to `processed`.
    pub(crate) fn is_done(&self, processed: Zxid) -> bool {
        match self {
            Self::Proposal(txn) | Self::Inform(txn) | Self::InformAndActivate { txn, .. } => {
                txn.zxid <= processed
            }
            Self::Commit(zxid) | Self::CommitAndActivate { zxid, .. } => *zxid <= processed,
            Self::Request(_)
            | Self::Ack(_)
            | Self::Ping { .. }
            | Self::Revalidate(_)
            | Self::Sync
            | Self::NewLeader { .. }
            | Self::FollowerInfo(_)
            | Self::UpToDate
            | Self::Diff { .. }
            | Self::Trunc { .. }
            | Self::Snap { .. }
            | Self::ObserverInfo(_)
            | Self::LeaderInfo { .. }
            | Self::AckEpoch { .. } => false,
        }
    }

    /// Apache's name of the message.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Request(_) => "REQUEST",
            Self::Proposal(_) => "PROPOSAL",
            Self::Ack(_) => "ACK",
            Self::Commit(_) => "COMMIT",
            Self::Ping { .. } => "PING",
            Self::Revalidate(_) => "REVALIDATE",
            Self::Sync => "SYNC",
            Self::Inform(_) => "INFORM",
            Self::CommitAndActivate { .. } => "COMMITANDACTIVATE",
            Self::NewLeader { .. } => "NEWLEADER",
            Self::FollowerInfo(_) => "FOLLOWERINFO",
            Self::UpToDate => "UPTODATE",
            Self::Diff { .. } => "DIFF",
            Self::Trunc { .. } => "TRUNC",
            Self::Snap { .. } => "SNAP",
            Self::ObserverInfo(_) => "OBSERVERINFO",
            Self::LeaderInfo { .. } => "LEADERINFO",
            Self::AckEpoch { .. } => "ACKEPOCH",
            Self::InformAndActivate { .. } => "INFORMANDACTIVATE",
        }
    }
}
