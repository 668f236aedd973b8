//! Memberships that an operator asks for, from the strings of a reconfig request.

use super::{HostPort, Member, Membership, MembershipError, QuorumRule, ServerId, TextError};
use crate::Zxid;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use thiserror::Error;

/// What can be wrong with a change.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// The new members do not make a membership.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A joining server's line is wrong.
    #[error(transparent)]
    Line(#[from] MembershipError),
    /// Groups and weights have to be said anew.
    #[error("servers join and leave one by one only where a majority is a quorum")]
    NotAMajority,
    /// A joining server needs all its ports.
    #[error("server {server} has no client port")]
    NoClientPort {
        /// The server.
        server: ServerId,
    },
    /// More than one address needs `multiAddress.enabled`.
    #[error("server {server} has several addresses, which need multiAddress.enabled=true")]
    SeveralAddresses {
        /// The server.
        server: ServerId,
    },
    /// Two servers cannot listen on the same port.
    #[error("servers {one} and {other} are both at {address}")]
    SameAddress {
        /// The joining server.
        one: ServerId,
        /// The other one.
        other: ServerId,
        /// Where.
        address: HostPort,
    },
}

impl ChangeError {
    /// Whether a server's id cannot be read, which Apache answers otherwise than the rest.
    pub const fn is_server_id(&self) -> bool {
        matches!(
            self,
            Self::Line(MembershipError::ServerId { .. })
                | Self::Text(
                    TextError::Line { source: MembershipError::ServerId { .. }, .. }
                        | TextError::Together(MembershipError::ServerId { .. })
                )
        )
    }
}

impl Membership {
    /// This membership without the servers in `leaving`, ids separated by commas, and with those
    /// in `joining`, `server.N=` lines separated by commas. One that is there already is changed.
    ///
    /// # Errors
    /// If a part cannot be read, or what comes of it is no membership.
    pub fn changed(
        &self,
        leaving: Option<&str>,
        joining: Option<&str>,
        several_addresses: bool,
        version: Zxid,
    ) -> Result<Self, ChangeError> {
        if self.quorum != QuorumRule::Majority {
            return Err(ChangeError::NotAMajority);
        }
        let mut members = self.members.clone();
        for id in parts(leaving) {
            members.remove(&server_id(id)?);
        }
        for line in parts(joining) {
            let joiner = joiner(line)?;
            let mut others = members.values().filter(|member| member.id != joiner.id);
            others.try_for_each(|other| check_apart(&joiner, other))?;
            members.insert(joiner.id, joiner);
        }
        Self { version, members, quorum: QuorumRule::Majority }.checked(several_addresses)
    }

    /// The membership of `text`: lines separated by commas or line ends.
    ///
    /// # Errors
    /// If it is none.
    pub fn replaced(
        text: &str,
        several_addresses: bool,
        version: Zxid,
    ) -> Result<Self, ChangeError> {
        let mut lines = String::new();
        for line in text.split([',', '\n']) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let equals = if line.contains('=') { "=" } else { "" };
            lines += &format!("{}{equals}{}\n", key.trim(), value.trim());
        }
        Self { version, ..Self::parse(&lines)? }.checked(several_addresses)
    }

    fn checked(self, several_addresses: bool) -> Result<Self, ChangeError> {
        match self.members.values().find(|member| member.addresses.len() > 1) {
            Some(member) if !several_addresses => {
                Err(ChangeError::SeveralAddresses { server: member.id })
            }
            Some(_) | None => Ok(self),
        }
    }
}

/// The parts of a list. Those that are empty do not count.
fn parts(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn server_id(text: &str) -> Result<ServerId, MembershipError> {
    ServerId::parse(text).ok_or_else(|| MembershipError::ServerId { text: text.to_owned() })
}

/// `server.N=host:quorumPort:electionPort[:role];[clientHost:]clientPort`. Like Apache this takes
/// any key that ends with the number.
fn joiner(line: &str) -> Result<Member, ChangeError> {
    let form = || MembershipError::Line { text: line.to_owned() };
    let (key, value) = line.split_once('=').ok_or_else(form)?;
    let id = key.trim().rsplit('.').next().unwrap_or_default();
    let member = Member::parse(server_id(id)?, value.trim())?;
    match member.client {
        Some(_) => Ok(member),
        None => Err(ChangeError::NoClientPort { server: member.id }),
    }
}

/// # Errors
/// If both servers would listen at one address. Those that every machine has do not count.
fn check_apart(joiner: &Member, other: &Member) -> Result<(), ChangeError> {
    let taken = endpoints(other);
    match endpoints(joiner).into_iter().find(|endpoint| taken.contains(endpoint)) {
        Some(address) => Err(ChangeError::SameAddress { one: joiner.id, other: other.id, address }),
        None => Ok(()),
    }
}

fn endpoints(member: &Member) -> Vec<HostPort> {
    let peers = member.addresses.iter().flat_map(|address| {
        [address.quorum_port, address.election_port]
            .map(|port| HostPort { host: address.host.clone(), port })
    });
    let clients = member.client.iter().chain(&member.secure_client).cloned();
    peers.chain(clients).filter(|endpoint| !is_everywhere(&endpoint.host)).collect()
}

fn is_everywhere(host: &str) -> bool {
    let special = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    host == "localhost" || host.parse().is_ok_and(special)
}
