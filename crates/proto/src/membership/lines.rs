//! A membership read line by line, from a file or a packet.

use super::{Member, Membership, MembershipError, QuorumRule, Role, ServerId};
use crate::Zxid;
use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};

/// Weight of a participant without a `weight.N` line.
const DEFAULT_WEIGHT: u32 = 1;

/// The lines read so far.
#[derive(Clone, Debug, Default)]
pub struct MembershipLines {
    several_addresses: bool,
    members: BTreeMap<ServerId, Member>,
    groups: BTreeMap<u64, BTreeSet<ServerId>>,
    grouped: BTreeSet<ServerId>,
    weights: BTreeMap<ServerId, u32>,
    hierarchical: bool,
}

impl MembershipLines {
    /// No lines. `several_addresses` says whether a member may have more than one
    /// (`multiAddress.enabled`).
    pub fn new(several_addresses: bool) -> Self {
        Self { several_addresses, ..Self::default() }
    }

    /// Takes a line: `server.N`, `group.N` or `weight.N`. A later line for a server replaces an
    /// earlier one.
    ///
    /// # Errors
    /// If it is no such line. It then counts for nothing.
    pub fn add(&mut self, key: &str, value: &str) -> Result<(), MembershipError> {
        match key.split_once('.') {
            Some(("server", id)) => self.server(id, value),
            Some(("group", group)) => self.group(group, value),
            Some(("weight", id)) => self.weight(id, value),
            Some(_) | None => Err(MembershipError::Key),
        }
    }

    fn server(&mut self, id: &str, value: &str) -> Result<(), MembershipError> {
        let member = Member::parse(server_id(id)?, value)?;
        if member.addresses.len() > 1 && !self.several_addresses {
            return Err(MembershipError::SeveralAddresses);
        }
        self.members.insert(member.id, member);
        Ok(())
    }

    fn group(&mut self, group: &str, members: &str) -> Result<(), MembershipError> {
        self.hierarchical = true;
        let ServerId(group) = server_id(group)?;
        for member in members.split(':') {
            let server = server_id(member.trim())?;
            if !self.grouped.insert(server) {
                return Err(MembershipError::InSeveralGroups { server });
            }
            self.groups.entry(group).or_default().insert(server);
        }
        Ok(())
    }

    fn weight(&mut self, id: &str, weight: &str) -> Result<(), MembershipError> {
        self.hierarchical = true;
        let parsed = weight.parse().ok().filter(|weight| *weight <= i32::MAX.unsigned_abs());
        let weight = parsed.ok_or_else(|| MembershipError::Weight { text: weight.to_owned() })?;
        self.weights.insert(server_id(id)?, weight);
        Ok(())
    }

    /// The members, whether or not the lines make sense together.
    pub const fn members(&self) -> &BTreeMap<ServerId, Member> {
        &self.members
    }

    /// What all lines say together.
    ///
    /// # Errors
    /// If groups and weights do not fit the members.
    pub fn finish(self, version: Zxid) -> Result<Membership, MembershipError> {
        let quorum = self.quorum()?;
        Ok(Membership { version, members: self.members, quorum })
    }

    /// Checks groups and weights against the members, and fills in the default weights.
    fn quorum(&self) -> Result<QuorumRule, MembershipError> {
        if !self.hierarchical {
            return Ok(QuorumRule::Majority);
        }
        let votes = |server: &ServerId| {
            self.members.get(server).is_some_and(|member| member.role == Role::Participant)
        };
        if let Some(server) = self.grouped.iter().find(|server| !votes(server)) {
            return Err(MembershipError::NotAParticipant { server: *server });
        }
        let mut weights = BTreeMap::new();
        for server in self.members.keys().filter(|server| votes(server)) {
            if !self.grouped.contains(server) {
                return Err(MembershipError::InNoGroup { server: *server });
            }
            let weight = self.weights.get(server).copied().unwrap_or(DEFAULT_WEIGHT);
            weights.insert(*server, weight);
        }
        if weights.values().all(|weight| *weight == 0) {
            return Err(MembershipError::NoWeight);
        }
        Ok(QuorumRule::Hierarchical { groups: self.groups.clone(), weights })
    }
}

fn server_id(text: &str) -> Result<ServerId, MembershipError> {
    ServerId::parse(text).ok_or_else(|| MembershipError::ServerId { text: text.to_owned() })
}
