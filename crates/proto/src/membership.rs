//! The ensemble's membership: who belongs to it and which of them make a quorum.
//!
//! It is text everywhere: `server.N`, `group.N` and `weight.N` lines in `zoo.cfg` and dynamic
//! files, and with a version line in `/zookeeper/config`, in notifications and in NEWLEADER
//! (Apache's `QuorumVerifier`).

mod address;
mod change;
mod error;
mod lines;
mod quorum;

use crate::Zxid;
use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

pub use crate::ids::ServerId;
pub use address::{HostPort, Member, MemberAddress, Role};
pub use change::ChangeError;
pub use error::{MembershipError, TextError};
pub use lines::MembershipLines;
pub use quorum::QuorumRule;

/// Who belongs to the ensemble, and which of them make a quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Zxid of the reconfiguration that led to it; 0 for a membership from `zoo.cfg`.
    pub version: Zxid,
    /// All members by id.
    pub members: BTreeMap<ServerId, Member>,
    /// Which participants make a quorum.
    pub quorum: QuorumRule,
}

impl Membership {
    /// Reads the text that its `Display` writes, or Apache's `QuorumVerifier.toString`. Several
    /// addresses of a member are allowed: the sender's `multiAddress.enabled` decides. Without a
    /// version line the version is 0.
    ///
    /// # Errors
    /// With the first line that is wrong, or with what the lines make together.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let mut lines = MembershipLines::new(true);
        let mut version = Zxid::ZERO;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let read = match line.split_once('=') {
                Some(("version", text)) => parse_version(text).map(|read| version = read),
                Some((key, value)) => lines.add(key, value),
                None => Err(MembershipError::Line { text: line.to_owned() }),
            };
            read.map_err(|source| TextError::Line { number, source })?;
        }
        Ok(lines.finish(version)?)
    }

    /// Members that vote.
    pub fn participants(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.role == Role::Participant)
    }

    /// Members that only learn.
    pub fn observers(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.role == Role::Observer)
    }

    /// Whether a server votes.
    pub fn is_participant(&self, server: ServerId) -> bool {
        self.members.get(&server).is_some_and(|member| member.role == Role::Participant)
    }

    /// A server's weight among the participants, 0 for others. A server without weight is never
    /// elected (`FastLeaderElection.totalOrderPredicate`).
    pub fn weight(&self, server: ServerId) -> u32 {
        match &self.quorum {
            QuorumRule::Majority => u32::from(self.is_participant(server)),
            QuorumRule::Hierarchical { weights, .. } => weights.get(&server).copied().unwrap_or(0),
        }
    }

    /// Whether the participants among `acks` are a quorum. Any two quorums have a participant in
    /// common.
    pub fn is_quorum(&self, acks: &BTreeSet<ServerId>) -> bool {
        match &self.quorum {
            QuorumRule::Majority => {
                let acked = acks.iter().filter(|server| self.is_participant(**server)).count();
                acked > self.participants().count() / 2
            }
            QuorumRule::Hierarchical { groups, weights } => {
                quorum::is_hierarchical_quorum(groups, weights, acks)
            }
        }
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

/// A version is written as a `long` in hexadecimal, and never negative.
fn parse_version(text: &str) -> Result<Zxid, MembershipError> {
    let version = i64::from_str_radix(text.trim(), 16).ok().filter(|version| *version >= 0);
    let version = version.ok_or_else(|| MembershipError::Version { text: text.to_owned() })?;
    Ok(Zxid::from_wire(version))
}

#[cfg(test)]
mod tests;
