//! Which participants make a quorum: a majority, or with `group.N` and `weight.N` lines majorities
//! of weight in a majority of groups (Apache's `QuorumMaj` and `QuorumHierarchical`).

use super::ServerId;
use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

/// Which participants make a quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Whether `acks` have more than half of the weight in more than half of the groups that have any.
pub(super) fn is_hierarchical_quorum(
    groups: &BTreeMap<u64, BTreeSet<ServerId>>,
    weights: &BTreeMap<ServerId, u32>,
    acks: &BTreeSet<ServerId>,
) -> bool {
    let weight = |server: &ServerId| u64::from(weights.get(server).copied().unwrap_or(0));
    let (mut counted, mut won) = (0_usize, 0_usize);
    for group in groups.values() {
        let all: u64 = group.iter().map(weight).sum();
        let acked: u64 = group.intersection(acks).map(weight).sum();
        counted += usize::from(all > 0);
        won += usize::from(acked > all / 2);
    }
    won > counted / 2
}

impl fmt::Display for QuorumRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority => Ok(()),
            Self::Hierarchical { groups, weights } => {
                for (group, servers) in groups {
                    write!(f, "group.{group}=")?;
                    for (index, server) in servers.iter().enumerate() {
                        let separator = if index > 0 { ":" } else { "" };
                        write!(f, "{separator}{server}")?;
                    }
                    f.write_str("\n")?;
                }
                weights.iter().try_for_each(|(id, weight)| writeln!(f, "weight.{id}={weight}"))
            }
        }
    }
}
