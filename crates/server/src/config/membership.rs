//! The ensemble's membership: `server.N`, `group.N` and `weight.N` lines.

mod address;
mod quorum;

use super::error::{ConfigError, Setting};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;
use zoarium_proto::Zxid;

pub use address::{HostPort, Member, MemberAddress, Role};
pub use quorum::QuorumRule;

/// Number of a server in its ensemble: the N of `server.N`, and what `myid` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(
    /// At most 2^63 − 1, as a Java `long` holds it.
    pub u64,
);

impl ServerId {
    /// What [`ServerId::parse`] allows, for messages.
    pub const ALLOWED: &'static str = "0 to 9223372036854775807";

    /// Reads a decimal id.
    pub fn parse(text: &str) -> Option<Self> {
        let number: i64 = text.parse().ok()?;
        u64::try_from(number).ok().map(Self)
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who belongs to the ensemble, and which of them make a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Zxid of the reconfiguration that led to it; 0 for a membership from `zoo.cfg`.
    pub version: Zxid,
    /// All members by id.
    pub members: BTreeMap<ServerId, Member>,
    /// Which participants make a quorum.
    pub quorum: QuorumRule,
}

/// What can be wrong with membership lines.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MembershipError {
    /// The key is none of the three kinds.
    #[error("not a key for members; allowed: server.N, group.N, weight.N")]
    Key,
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
    /// `standaloneEnabled=false` asks for an ensemble, which has participants.
    #[error("there are no participants; with standaloneEnabled=false there must be one at least")]
    NoParticipants,
    /// Observers observe somebody.
    #[error("observers need at least 2 participants, or 1 with standaloneEnabled=false")]
    ObserversAlone,
    /// The server itself must be in the list.
    #[error("there is no line server.{server} for this server, whose myid is {server}")]
    NotAMember {
        /// The id in `myid`.
        server: ServerId,
    },
}

impl Membership {
    /// Reads membership lines. All lines that are wrong are reported.
    pub(crate) fn read(
        path: &str,
        version: Zxid,
        lines: &[(String, Setting)],
        multi_address: bool,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let mut members = BTreeMap::new();
        let mut quorum = quorum::Lines::default();
        for (key, setting) in lines {
            let read = match key.split_once('.') {
                Some(("server", id)) => member(id, &setting.value, multi_address)
                    .map(|member| drop(members.insert(member.id, member))),
                Some(("group", group)) => quorum.group(group, &setting.value),
                Some(("weight", id)) => quorum.weight(id, &setting.value),
                Some(_) | None => Err(MembershipError::Key),
            };
            if let Err(source) = read {
                errors.push(ConfigError::Membership { setting: setting.clone(), source });
            }
        }
        let quorum = quorum.finish(&members).unwrap_or_else(|source| {
            // A missing server line may be one that was reported already.
            if errors.is_empty() {
                errors.push(ConfigError::Ensemble { path: path.to_owned(), source });
            }
            QuorumRule::Majority
        });
        Self { version, members, quorum }
    }

    /// Members that vote.
    pub fn participants(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.role == Role::Participant)
    }

    /// Members that only learn.
    pub fn observers(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.role == Role::Observer)
    }

    /// The lines of a dynamic file: sorted as text, without a line end after the last.
    pub fn dynamic_file(&self, with_version: bool) -> String {
        let text = self.to_string();
        let mut lines: Vec<&str> =
            text.lines().filter(|line| with_version || !line.starts_with("version=")).collect();
        lines.sort_unstable();
        lines.join("\n")
    }
}

/// The text in `/zookeeper/config`: members by id, groups, weights, and the version without a
/// line end.
impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, member) in &self.members {
            writeln!(f, "server.{id}={member}")?;
        }
        write!(f, "{}version={:x}", self.quorum, self.version.0)
    }
}

fn member(id: &str, value: &str, multi_address: bool) -> Result<Member, MembershipError> {
    let id = server_id(id)?;
    let member = Member::parse(id, value)?;
    if member.addresses.len() > 1 && !multi_address {
        return Err(MembershipError::SeveralAddresses);
    }
    Ok(member)
}

fn server_id(text: &str) -> Result<ServerId, MembershipError> {
    ServerId::parse(text).ok_or_else(|| MembershipError::ServerId { text: text.to_owned() })
}

#[cfg(test)]
mod tests;
