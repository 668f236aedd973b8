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
}

impl Bug {
    /// Where it shows.
    pub const fn kind(self) -> Kind {
        Kind::Alone
    }

    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 22] = [
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
    ];
}
