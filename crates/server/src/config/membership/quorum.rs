//! Which participants make a quorum: a majority, or with `group.N` and `weight.N` lines majorities
//! of weight in a majority of groups.

use super::{Member, MembershipError, Role, ServerId, server_id};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Weight of a participant without a `weight.N` line.
const DEFAULT_WEIGHT: u32 = 1;

/// Which participants make a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuorumRule {
    /// More than half of them.
    Majority,
    /// More than half of the weight in more than half of the groups; groups of weight 0 do not
    /// count.
    Hierarchical {
        /// Members of each group. Every participant is in exactly one.
        groups: BTreeMap<u64, BTreeSet<ServerId>>,
        /// Weight of every participant.
        weights: BTreeMap<ServerId, u32>,
    },
}

impl fmt::Display for QuorumRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority => Ok(()),
            Self::Hierarchical { groups, weights } => {
                for (group, servers) in groups {
                    let servers: Vec<_> = servers.iter().map(ServerId::to_string).collect();
                    writeln!(f, "group.{group}={}", servers.join(":"))?;
                }
                weights.iter().try_for_each(|(id, weight)| writeln!(f, "weight.{id}={weight}"))
            }
        }
    }
}

/// The group and weight lines read so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    groups: BTreeMap<u64, BTreeSet<ServerId>>,
    weights: BTreeMap<ServerId, u32>,
    any: bool,
}

impl Lines {
    pub(super) fn group(&mut self, group: &str, members: &str) -> Result<(), MembershipError> {
        self.any = true;
        let ServerId(group) = server_id(group)?;
        for member in members.split(':') {
            let server = server_id(member.trim())?;
            if self.groups.values().any(|group| group.contains(&server)) {
                return Err(MembershipError::InSeveralGroups { server });
            }
            self.groups.entry(group).or_default().insert(server);
        }
        Ok(())
    }

    pub(super) fn weight(&mut self, id: &str, weight: &str) -> Result<(), MembershipError> {
        self.any = true;
        let parsed = weight.parse().ok().filter(|weight| *weight <= i32::MAX.unsigned_abs());
        let weight = parsed.ok_or_else(|| MembershipError::Weight { text: weight.to_owned() })?;
        self.weights.insert(server_id(id)?, weight);
        Ok(())
    }

    /// Checks the lines against the members, and fills in the default weights.
    pub(super) fn finish(
        mut self,
        members: &BTreeMap<ServerId, Member>,
    ) -> Result<QuorumRule, MembershipError> {
        if !self.any {
            return Ok(QuorumRule::Majority);
        }
        let votes = |server: &ServerId| {
            members.get(server).is_some_and(|member| member.role == Role::Participant)
        };
        let grouped: BTreeSet<ServerId> = self.groups.values().flatten().copied().collect();
        if let Some(server) = grouped.iter().find(|server| !votes(server)) {
            return Err(MembershipError::NotAParticipant { server: *server });
        }
        for server in members.keys().filter(|server| votes(server)) {
            if !grouped.contains(server) {
                return Err(MembershipError::InNoGroup { server: *server });
            }
            self.weights.entry(*server).or_insert(DEFAULT_WEIGHT);
        }
        self.weights.retain(|server, _| votes(server));
        if self.weights.values().all(|weight| *weight == 0) {
            return Err(MembershipError::NoWeight);
        }
        Ok(QuorumRule::Hierarchical { groups: self.groups, weights: self.weights })
    }
}
