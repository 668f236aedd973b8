//! Bugs that can be planted, to see that the checkers find them.

use crate::setup::Kind;

/// Something that a server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A write is answered before its txn is durable.
    AckBeforeSync,
    /// A write is answered in time, but its effect can be read before it is durable.
    ReadBeforeSync,
    /// The log is written and never synced.
    LogNotSynced,
    /// Recovery leaves out the last txn of the log.
    LogTailIgnored,
    /// Recovery leaves one znode out of the tree, as from a snapshot without it.
    SnapshotMissesZnode,
    /// A snapshot is named after a later zxid than its own.
    SnapshotNamedAhead,
    /// A read is answered at once, though a write of its session is under way.
    ReadOvertakesWrite,
    /// The replies of one step come in the opposite order.
    RepliesReversed,
    /// The reply to a read has an older zxid than the state it shows.
    ZxidOfRead,
    /// A setData stores half of the data.
    DataTruncated,
    /// The last part of a multi has no effect.
    MultiLosesPart,
    /// The last part of a multi takes effect some time after the others.
    MultiInTwoSteps,
    /// Sessions never expire.
    ExpiredSessionKept,
    /// Sessions expire long before their timeout.
    SessionExpiredEarly,
    /// A client whose session is over is told that it has renewed it.
    SessionResurrected,
    /// One watch event in five is not sent.
    WatchLost,
    /// A client that comes back is not told what its watches have missed.
    CatchUpLost,
    /// Watch events are sent twice.
    WatchTwice,
    /// Watch events are sent behind the replies of the next step.
    EventAfterData,
    /// The counter of sequential znodes is worked out anew from the names that are there.
    SequenceReused,
    /// One of a session's ephemerals stays when the session ends.
    EphemeralLeftBehind,
    /// After a restart nobody is served.
    DeafAfterRestart,
    /// A proposal is acknowledged before it is durable.
    ProposalAckedBeforeSync,
    /// An epoch is promised, or proposed, before the promise is durable.
    PromiseBeforeSync,
    /// acceptedEpoch is never written.
    PromiseForgotten,
    /// NEWLEADER is acknowledged before history and epoch are durable.
    NewLeaderAckedBeforeSync,
    /// currentEpoch is durable before the history that it vouches for.
    EpochBeforeHistory,
    /// A leader takes its proposals for acknowledged by all.
    CommitWithoutQuorum,
    /// A leader takes its history for affirmed by all.
    LeaderUnaffirmed,
    /// A COMMIT is lost now and then.
    CommitLost,
    /// A server votes and promises with the history that it had when it started.
    StaleVote,
    /// What an old connection still holds is taken for the new one's.
    OldConnectionHeard,
    /// TRUNC leaves one txn too many.
    TruncOffByOne,
    /// A learner that should forget something is sent DIFF.
    DiffOverDivergentLog,
    /// The old log is kept beside a received snapshot.
    TailKeptBehindSnapshot,
    /// NEWLEADER comes behind the stream of a snapshot, but not behind what its end has seen.
    SnapshotSentEarly,
    /// A learner serves before UPTODATE.
    ServesBeforeUpToDate,
    /// A follower delivers what is proposed.
    DeliveredBeforeCommit,
    /// A learner answers a sync by itself.
    SyncAnsweredEarly,
    /// A leader answers a sync without a quorum that knows it for the leader.
    SyncUnconfirmed,
    /// A leader does what a session asks, wherever the request comes from.
    MovedSessionServed,
    /// A learner does not tell its leader which sessions live.
    TouchNotForwarded,
    /// A new leader gives sessions no time.
    NewLeaderExpires,
    /// A learner takes every session for alive.
    ExpiredSessionRevalidated,
    /// Packets between servers have the lower half of their zxid only.
    ZxidCutOnWire,
    /// A leader takes a proposed membership for acknowledged by all.
    ReconfiguredWithoutQuorum,
    /// A learner commits a membership and does not put it in force.
    ActivationLost,
    /// Recovery takes an entry of the log whatever its checksum.
    ChecksumIgnored,
    /// A client does not set its watches again on a new connection.
    WatchesNotSetAgain,
    /// A client sets its watches again as if it had seen what it has not.
    WatchesSetAgainAhead,
}

impl Bug {
    /// Where it shows.
    pub fn kind(self) -> Kind {
        // The first of those that need others.
        let first = Self::ALL.iter().position(|(bug, _)| *bug == Self::ProposalAckedBeforeSync);
        let own = Self::ALL.iter().position(|(bug, _)| *bug == self);
        if matches!(self, Self::ReconfiguredWithoutQuorum | Self::ActivationLost) {
            return Kind::Changing { voters: 3, spares: 1 };
        }
        match own < first {
            true => Kind::Alone,
            false => Kind::Ensemble { voters: 3, observers: 0 },
        }
    }

    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 50] = [
        (Self::AckBeforeSync, "ack-before-sync"),
        (Self::ReadBeforeSync, "read-before-sync"),
        (Self::LogNotSynced, "log-not-synced"),
        (Self::LogTailIgnored, "log-tail-ignored"),
        (Self::SnapshotMissesZnode, "snapshot-misses-znode"),
        (Self::SnapshotNamedAhead, "snapshot-named-ahead"),
        (Self::ReadOvertakesWrite, "read-overtakes-write"),
        (Self::RepliesReversed, "replies-reversed"),
        (Self::ZxidOfRead, "zxid-of-read"),
        (Self::DataTruncated, "data-truncated"),
        (Self::MultiLosesPart, "multi-loses-part"),
        (Self::MultiInTwoSteps, "multi-in-two-steps"),
        (Self::ExpiredSessionKept, "expired-session-kept"),
        (Self::SessionExpiredEarly, "session-expired-early"),
        (Self::SessionResurrected, "session-resurrected"),
        (Self::WatchLost, "watch-lost"),
        (Self::CatchUpLost, "catch-up-lost"),
        (Self::WatchTwice, "watch-twice"),
        (Self::EventAfterData, "event-after-data"),
        (Self::SequenceReused, "sequence-reused"),
        (Self::EphemeralLeftBehind, "ephemeral-left-behind"),
        (Self::DeafAfterRestart, "deaf-after-restart"),
        (Self::ProposalAckedBeforeSync, "proposal-acked-before-sync"),
        (Self::PromiseBeforeSync, "promise-before-sync"),
        (Self::PromiseForgotten, "promise-forgotten"),
        (Self::NewLeaderAckedBeforeSync, "new-leader-acked-before-sync"),
        (Self::EpochBeforeHistory, "epoch-before-history"),
        (Self::CommitWithoutQuorum, "commit-without-quorum"),
        (Self::LeaderUnaffirmed, "leader-unaffirmed"),
        (Self::CommitLost, "commit-lost"),
        (Self::StaleVote, "stale-vote"),
        (Self::OldConnectionHeard, "old-connection-heard"),
        (Self::TruncOffByOne, "trunc-off-by-one"),
        (Self::DiffOverDivergentLog, "diff-over-divergent-log"),
        (Self::TailKeptBehindSnapshot, "tail-kept-behind-snapshot"),
        (Self::SnapshotSentEarly, "snapshot-sent-early"),
        (Self::ServesBeforeUpToDate, "serves-before-up-to-date"),
        (Self::DeliveredBeforeCommit, "delivered-before-commit"),
        (Self::SyncAnsweredEarly, "sync-answered-early"),
        (Self::SyncUnconfirmed, "sync-unconfirmed"),
        (Self::MovedSessionServed, "moved-session-served"),
        (Self::TouchNotForwarded, "touch-not-forwarded"),
        (Self::NewLeaderExpires, "new-leader-expires"),
        (Self::ExpiredSessionRevalidated, "expired-session-revalidated"),
        (Self::ZxidCutOnWire, "zxid-cut-on-wire"),
        (Self::ReconfiguredWithoutQuorum, "reconfigured-without-quorum"),
        (Self::ActivationLost, "activation-lost"),
        (Self::ChecksumIgnored, "checksum-ignored"),
        (Self::WatchesNotSetAgain, "watches-not-set-again"),
        (Self::WatchesSetAgainAhead, "watches-set-again-ahead"),
    ];
}
