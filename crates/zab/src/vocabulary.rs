//! What goes into a [`Zab`](crate::Zab) and comes out of it, beside messages.

use crate::ids::{Epoch, ReadId};
use crate::message::{Forward, Txn};
use crate::reason::Reason;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use zoarium_proto::{Membership, ServerId, Zxid};

/// One conversation with one peer. The driver gives each its own connection.
///
/// A driver keeps two promises. Nothing of a link is handed over after its
/// [`Output::Disconnect`] or [`LinkDown`](zoarium_process::Input::LinkDown) until its next
/// [`LinkUp`](zoarium_process::Input::LinkUp), so what an old connection still holds is never taken
/// for the new one's. And what was sent before an [`Output::SendSnapshot`] leaves before the
/// stream, what was sent after it behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The peer.
    pub peer: ServerId,
    /// The conversation.
    pub channel: Channel,
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Notifications. The driver keeps it up with every member as well as it can.
    Election,
    /// To the leader this server has joined; dialled when [`Output::Connect`] asks for it. That
    /// the leader does not answer is told as a link that went down.
    Leader,
    /// From a server that has joined this one. It is up when its first packet has named the sender.
    Learner,
}

impl Link {
    /// The election link with `peer`.
    pub const fn election(peer: ServerId) -> Self {
        Self { peer, channel: Channel::Election }
    }

    /// The link to the leader `peer`.
    pub const fn leader(peer: ServerId) -> Self {
        Self { peer, channel: Channel::Leader }
    }

    /// The link from the learner `peer`.
    pub const fn learner(peer: ServerId) -> Self {
        Self { peer, channel: Channel::Learner }
    }
}

/// What a peer is woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Twice a tick: pings and deadlines.
    HalfTick,
    /// Repeat the proposal to those who may have missed it.
    Notify,
    /// No better candidate has shown up: decide.
    Decide,
    /// Dial the leader again.
    Connect,
}

/// What is made durable. Records are carried out in order, and each is durable as a whole or not
/// at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The newest epoch promised.
    AcceptedEpoch(Epoch),
    /// The newest epoch whose leader's history this server has.
    CurrentEpoch(Epoch),
    /// The next transaction of the log.
    Append(Txn),
    /// Remove what is after `to` from the log, and every snapshot newer than it
    /// (ZOOKEEPER-1549, 4837); write on in a file opened anew (ZOOKEEPER-1489).
    Truncate {
        /// The last zxid to keep.
        to: Zxid,
    },
    /// The snapshot received from the leader becomes the history. What the log had before is
    /// void, as it may be another history (ZOOKEEPER-2846).
    Snapshot {
        /// The zxid from which on transactions follow.
        zxid: Zxid,
    },
}

/// What the owner asks, and what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// On a serving leader: broadcast this, whose zxid is [`Zab::next_zxid`](crate::Zab::next_zxid).
    Propose(Txn),
    /// On a learner: hand this to the leader.
    Forward(Forward),
    /// On a learner: ask the leader whether a session lives.
    Revalidate(Bytes),
    /// On a leader: the answer to [`Output::Revalidate`].
    Revalidated {
        /// Who asked.
        to: ServerId,
        /// The answer.
        answer: Bytes,
    },
    /// On a leader: tell `to`, which may be this server, when a quorum has confirmed that this
    /// server still leads, and all that is proposed so far is delivered.
    Sync {
        /// Who asked.
        to: ServerId,
    },
    /// On a learner: the answer to [`Output::Ping`].
    Pong {
        /// The zxid of the ping.
        zxid: Zxid,
        /// Sessions heard of since the last answer, encoded.
        touched: Bytes,
    },
    /// The answer to [`Output::ReadHistory`].
    HistoryRead {
        /// Which question.
        read: ReadId,
        /// The logged transactions from the last one at or before the zxid asked for, or `None` if
        /// the log does not reach back to it, goes through a snapshot that was received, or is
        /// larger than a snapshot would be.
        txns: Option<Vec<Txn>>,
    },
    /// A snapshot is on its way to the learner as a whole; what follows it may be expected.
    SnapshotSent {
        /// The learner.
        to: ServerId,
    },
    /// The leader's snapshot has arrived and is good.
    SnapshotReceived,
}

/// What the owner is told to do, or told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// This server has no leader. Nothing that is under way may be answered any more, since nobody
    /// knows what becomes of it.
    Looking {
        /// Why not.
        why: Reason,
    },
    /// This server joins a leader; it does not serve yet.
    Joining {
        /// The leader.
        leader: ServerId,
    },
    /// This server was elected; it does not lead yet.
    Elected,
    /// This server serves clients from here on.
    Serving {
        /// Who leads.
        leader: ServerId,
        /// Which epoch.
        epoch: Epoch,
    },
    /// Apply this to the tree. While this server serves, it is committed. Before, it is only
    /// what the log has, and an [`Output::Truncate`] or [`Output::InstallSnapshot`] may undo it.
    Deliver(Txn),
    /// The tree has to forget what is after `to`: it is read back when the record
    /// [`Record::Truncate`], which comes first, is durable.
    Truncate {
        /// The last zxid to keep.
        to: Zxid,
    },
    /// Send SNAP and the tree, which is at `zxid`, on the learner's link.
    SendSnapshot {
        /// The learner.
        to: ServerId,
        /// The tree's zxid.
        zxid: Zxid,
    },
    /// A snapshot stream follows on the leader's link: read it beside the tree, make it durable
    /// beside the history, and answer with [`Request::SnapshotReceived`].
    ReceiveSnapshot {
        /// The zxid it is sent for.
        zxid: Zxid,
    },
    /// The received snapshot becomes the tree.
    InstallSnapshot {
        /// The zxid it was sent for.
        zxid: Zxid,
    },
    /// Read the log on disk; the answer is [`Request::HistoryRead`].
    ReadHistory {
        /// The question's number.
        read: ReadId,
        /// The last transaction at or before this zxid is wanted, and those behind it,
        from: Zxid,
        /// up to this one.
        upto: Zxid,
    },
    /// Dial [`Link::leader`].
    Connect {
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
    /// A learner's client asks.
    Forwarded {
        /// The learner.
        from: ServerId,
        /// The request.
        request: Forward,
    },
    /// A learner asks whether a session lives.
    Revalidate {
        /// The learner.
        from: ServerId,
        /// The question.
        question: Bytes,
    },
    /// The leader's answer to [`Request::Revalidate`].
    Revalidated(Bytes),
    /// The leader wants to know which sessions live.
    Ping {
        /// To be repeated in the answer.
        zxid: Zxid,
    },
    /// A learner has heard of sessions.
    Touched {
        /// The learner.
        from: ServerId,
        /// The sessions, encoded.
        sessions: Bytes,
    },
    /// The oldest sync is done: what was committed before it has been delivered.
    Synced,
    /// A membership is in force; links have to follow.
    Activated(Arc<Membership>),
}

/// A learner as its leader sees it, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnerStatus {
    /// Which server.
    pub id: ServerId,
    /// Whether it only learns.
    pub is_observer: bool,
    /// Whether it serves.
    pub is_serving: bool,
}
