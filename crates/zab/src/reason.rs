//! Why a link was closed or a role given up: data for logs, traces and tests.

use crate::ids::Epoch;
use crate::message::Vote;
use core::fmt;
use zoarium_proto::{ServerId, Zxid};

/// Why a link was closed, or a role given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The server has just started.
    Started,
    /// The link is down.
    LinkDown,
    /// The peer does not lead.
    NotLeading,
    /// The role is over, and its links with it.
    RoleOver,
    /// A newer link of the same peer has taken this one's place.
    Replaced,
    /// A wait has taken longer than initLimit or syncLimit.
    Timeout {
        /// What was waited for.
        waiting_for: &'static str,
    },
    /// The learners that are heard of are no quorum.
    NoQuorum,
    /// The server's own disk has made nothing durable for longer than syncLimit.
    DiskStalled,
    /// The leader's zxids are nearly used up.
    ZxidsUsedUp {
        /// The last.
        last: Zxid,
    },
    /// A voter looks for a leader while this server waits for it to join.
    VoterLooking {
        /// The voter.
        voter: ServerId,
    },
    /// Epochs are used up.
    EpochsUsedUp,
    /// A message that its sender could not send in this phase.
    Unexpected {
        /// Which.
        message: &'static str,
        /// The receiver's phase.
        phase: &'static str,
    },
    /// A leader offers an epoch older than one promised, or another than agreed.
    WrongEpoch {
        /// What it said.
        offered: Epoch,
        /// What was promised.
        accepted: Epoch,
    },
    /// A voter has promised an epoch newer than the leader's, and can join only a newer one.
    NewerPromise {
        /// The voter.
        by: ServerId,
        /// The epoch.
        accepted: Epoch,
    },
    /// A learner has promised an epoch that no election can have led to.
    AbsurdPromise {
        /// The epoch.
        promised: Epoch,
        /// What the leader has promised itself.
        accepted: Epoch,
    },
    /// A learner has more history than the leader before a quorum was heard.
    Ahead {
        /// The learner's epoch and last zxid.
        theirs: (Epoch, Zxid),
        /// The leader's.
        ours: (Epoch, Zxid),
    },
    /// A learner's membership is newer than the leader's.
    NewerMembership {
        /// The learner's version.
        theirs: Zxid,
    },
    /// A transaction does not follow the last one (ZOOKEEPER-4925).
    Gap {
        /// The last one.
        last: Zxid,
        /// The one that came.
        came: Zxid,
    },
    /// A commit is not that of the oldest proposal.
    UnmatchedCommit {
        /// The commit.
        commit: Zxid,
        /// The oldest proposal.
        oldest: Option<Zxid>,
    },
    /// A truncation to a point this history does not have.
    BadTruncation {
        /// The point.
        to: Zxid,
        /// The last zxid of the history.
        last: Zxid,
    },
    /// The history to be cut off is in a snapshot: another snapshot is needed.
    CannotTruncate {
        /// Where it was to be cut.
        to: Zxid,
        /// The oldest point at which it can be.
        floor: Zxid,
    },
    /// As many observers as may be are being sent snapshots.
    TooManySnapshots {
        /// How many.
        max: usize,
    },
    /// More is held back for a learner than [`HELD_MAX`](crate::HELD_MAX).
    TooFarBehind,
    /// A new membership makes another server leader, or this one something else.
    Reconfigured {
        /// Who is to lead.
        suggested: Option<Vote>,
    },
}

impl Reason {
    /// Whether the other side has said what no sound member of this ensemble says. It has the wrong
    /// files, the wrong configuration or a fault, and somebody should look at it.
    pub const fn is_misconduct(&self) -> bool {
        match self {
            Self::Unexpected { .. }
            | Self::AbsurdPromise { .. }
            | Self::Gap { .. }
            | Self::UnmatchedCommit { .. }
            | Self::BadTruncation { .. } => true,
            Self::Started
            | Self::LinkDown
            | Self::NotLeading
            | Self::RoleOver
            | Self::Replaced
            | Self::Timeout { .. }
            | Self::NoQuorum
            | Self::DiskStalled
            | Self::ZxidsUsedUp { .. }
            | Self::VoterLooking { .. }
            | Self::EpochsUsedUp
            | Self::WrongEpoch { .. }
            | Self::NewerPromise { .. }
            | Self::Ahead { .. }
            | Self::NewerMembership { .. }
            | Self::CannotTruncate { .. }
            | Self::TooManySnapshots { .. }
            | Self::TooFarBehind
            | Self::Reconfigured { .. } => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("just started"),
            Self::LinkDown => f.write_str("link down"),
            Self::NotLeading => f.write_str("not leading"),
            Self::RoleOver => f.write_str("role over"),
            Self::Replaced => f.write_str("replaced by a newer link"),
            Self::Timeout { waiting_for } => write!(f, "timeout waiting for {waiting_for}"),
            Self::NoQuorum => f.write_str("no quorum of learners is heard of"),
            Self::DiskStalled => f.write_str("own disk has stalled"),
            Self::ZxidsUsedUp { last } => write!(f, "zxids nearly used up, last {last}"),
            Self::VoterLooking { voter } => write!(f, "voter {voter} looks for another leader"),
            Self::EpochsUsedUp => f.write_str("epochs used up"),
            Self::Unexpected { message, phase } => write!(f, "{message} unexpected, {phase}"),
            Self::WrongEpoch { offered, accepted } => {
                write!(f, "epoch {offered} offered, epoch {accepted} promised")
            }
            Self::NewerPromise { by, accepted } => {
                write!(f, "voter {by} has promised epoch {accepted}")
            }
            Self::AbsurdPromise { promised, accepted } => write!(
                f,
                "it has promised epoch {promised}, and epoch {accepted} is the newest here: its files \
                 are not of this ensemble"
            ),
            Self::Ahead { theirs, ours } => write!(
                f,
                "learner is ahead: epoch {} zxid {}, leader has epoch {} zxid {}",
                theirs.0, theirs.1, ours.0, ours.1
            ),
            Self::NewerMembership { theirs } => {
                write!(f, "learner has a newer membership, version {theirs}")
            }
            Self::Gap { last, came } => write!(f, "transaction {came} does not follow {last}"),
            Self::UnmatchedCommit { commit, oldest } => match oldest {
                Some(oldest) => write!(f, "commit of {commit}, oldest proposal is {oldest}"),
                None => write!(f, "commit of {commit}, nothing is proposed"),
            },
            Self::BadTruncation { to, last } => write!(f, "truncation to {to}, last is {last}"),
            Self::CannotTruncate { to, floor } => {
                write!(f, "cannot truncate to {to}, history starts with a snapshot of {floor}")
            }
            Self::TooManySnapshots { max } => {
                write!(f, "{max} observers are being sent snapshots, which is as many as may be")
            }
            Self::TooFarBehind => f.write_str("too far behind"),
            Self::Reconfigured { suggested: Some(vote) } => {
                write!(f, "reconfigured, {} is to lead", vote.leader)
            }
            Self::Reconfigured { suggested: None } => f.write_str("reconfigured"),
        }
    }
}
