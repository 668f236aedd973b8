//! What can be wrong with a membership.

use super::ServerId;
use alloc::string::String;

/// What can be wrong with a line, or with all of them together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// The key is none of the three kinds.
    #[error("not a key for members; allowed: server.N, group.N, weight.N")]
    Key,
    /// A line without a value.
    #[error("{text:?} does not have the form key=value")]
    Line {
        /// The line.
        text: String,
    },
    /// The value of `version` is no zxid.
    #[error("{text:?} is no version; allowed: a hexadecimal number")]
    Version {
        /// What stands there.
        text: String,
    },
    /// The N of a key or a member of a group.
    #[error("{text:?} is no server id; allowed: {}", ServerId::ALLOWED)]
    ServerId {
        /// What stands there.
        text: String,
    },
    /// The value of a `server.N` line has too many or too few parts.
    #[error(
        "{part:?} does not have the form host:quorumPort:electionPort[:participant|observer]; \
         several such addresses are separated by |, and ;[clientHost:]clientPort may follow"
    )]
    ServerForm {
        /// The part that does not fit.
        part: String,
    },
    /// The part after the semicolon.
    #[error("{part:?} does not have the form [clientHost:]clientPort")]
    ClientForm {
        /// The part that does not fit.
        part: String,
    },
    /// An address by itself.
    #[error("{text:?} does not have the form host:port")]
    HostPortForm {
        /// What stands there.
        text: String,
    },
    /// A port is no number or none that can be opened.
    #[error("{text:?} is no port; allowed: 1 to 65535")]
    Port {
        /// What stands there.
        text: String,
    },
    /// Quorum and election traffic need a port each.
    #[error("quorum port and election port are both {port}; they must differ")]
    SamePort {
        /// The port.
        port: u16,
    },
    /// Neither participant nor observer.
    #[error("{text:?} is no role; allowed: participant, observer")]
    Role {
        /// What stands there.
        text: String,
    },
    /// A server has one role, whichever of its addresses is used.
    #[error("addresses of one server have different roles")]
    RolesDiffer,
    /// Off by default in Apache.
    #[error("several addresses need multiAddress.enabled=true")]
    SeveralAddresses,
    /// Weights are added up, so they are bounded.
    #[error("{text:?} is no weight; allowed: 0 to 2147483647")]
    Weight {
        /// What stands there.
        text: String,
    },
    /// Groups must be disjoint.
    #[error("server {server} is in more than one group")]
    InSeveralGroups {
        /// The server.
        server: ServerId,
    },
    /// With groups, every vote belongs to one.
    #[error("server {server} is a participant and in no group")]
    InNoGroup {
        /// The server.
        server: ServerId,
    },
    /// A group or weight for a server that is not there.
    #[error("server {server} has no server line, or is an observer, and cannot vote")]
    NotAParticipant {
        /// The server.
        server: ServerId,
    },
    /// No set of servers would be a quorum.
    #[error("all weights are 0, so there is no quorum")]
    NoWeight,
}

/// Text that is no membership.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A line is wrong.
    #[error("line {number}: {source}")]
    Line {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        source: MembershipError,
    },
    /// The lines are right, but not what they say together.
    #[error(transparent)]
    Together(#[from] MembershipError),
}
