//! One `server.N` line: `host:quorumPort:electionPort[:role][|…][;[clientHost:]clientPort]`.

use super::{MembershipError, ServerId};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

/// A host name or address with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Host name or address; IPv6 addresses without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl HostPort {
    /// Reads `host:port`; an IPv6 address must be in brackets.
    ///
    /// # Errors
    /// If it has another form, or no usable port.
    pub fn parse(text: &str) -> Result<Self, MembershipError> {
        host_port(text, |text| MembershipError::HostPortForm { text })
    }

    /// Whether it stands for all addresses of a machine, and so cannot be dialled.
    pub fn is_unspecified(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(&self.host), self.port)
    }
}

/// Whether a member votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Votes in elections and on proposals.
    Participant,
    /// Learns what was decided.
    Observer,
}

impl Role {
    /// How the roles are written.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("participant", Self::Participant), ("observer", Self::Observer)];

    fn word(self) -> &'static str {
        match self {
            Self::Participant => "participant",
            Self::Observer => "observer",
        }
    }
}

/// Where a member listens to its peers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberAddress {
    /// Host name or address; IPv6 addresses without brackets.
    pub host: String,
    /// Port on which a leader serves learners.
    pub quorum_port: u16,
    /// Port for elections.
    pub election_port: u16,
}

/// One server of the ensemble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub id: ServerId,
    /// Its addresses, at least one, in order; more than one when it is on several networks.
    pub addresses: Vec<MemberAddress>,
    /// Whether it votes.
    pub role: Role,
    /// Its client port, when the line has it.
    pub client: Option<HostPort>,
    /// Its client port for TLS, when the line has it (since 3.10).
    pub secure_client: Option<HostPort>,
}

impl Member {
    /// Reads what follows `server.N=`.
    ///
    /// # Errors
    /// With the part that is wrong.
    pub fn parse(id: ServerId, text: &str) -> Result<Self, MembershipError> {
        let mut parts = text.split(';').map(str::trim);
        let servers = parts.next().unwrap_or_default();
        let client = parts.next().filter(|part| !part.is_empty());
        let secure_client = parts.next().filter(|part| !part.is_empty());
        if let Some(part) = parts.next() {
            return Err(MembershipError::ClientForm { part: part.to_owned() });
        }
        let mut addresses = Vec::new();
        let mut role = None;
        for part in servers.split('|') {
            let (address, its_role) = server_part(part.trim())?;
            if role.is_some() && its_role.is_some() && role != its_role {
                return Err(MembershipError::RolesDiffer);
            }
            role = role.or(its_role);
            addresses.push(address);
        }
        // They are a set, so members are equal in whichever order their addresses were written.
        addresses.sort_unstable();
        Ok(Self {
            id,
            addresses,
            role: role.unwrap_or(Role::Participant),
            client: client.map(client_part).transpose()?,
            secure_client: secure_client.map(client_part).transpose()?,
        })
    }
}

/// As `QuorumServer.toString` writes it: addresses by host, the role once.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.addresses.iter().enumerate() {
            let MemberAddress { host, quorum_port, election_port } = address;
            let separator = if index > 0 { "|" } else { "" };
            write!(f, "{separator}{}:{quorum_port}:{election_port}", bracketed(host))?;
        }
        write!(f, ":{}", self.role.word())?;
        match (&self.client, &self.secure_client) {
            (Some(client), None) => write!(f, ";{client}"),
            (Some(client), Some(secure)) => write!(f, ";{client};{secure}"),
            (None, Some(secure)) => write!(f, ";;{secure}"),
            (None, None) => Ok(()),
        }
    }
}

fn server_part(part: &str) -> Result<(MemberAddress, Option<Role>), MembershipError> {
    let form = || MembershipError::ServerForm { part: part.to_owned() };
    let (host, rest) = host_and_rest(part).ok_or_else(form)?;
    let rest: Vec<&str> = rest.split(':').collect();
    let (quorum_port, election_port, role) = match rest[..] {
        [quorum, election] => (quorum, election, None),
        [quorum, election, role] => (quorum, election, Some(role)),
        _ => return Err(form()),
    };
    let (quorum_port, election_port) = (port(quorum_port)?, port(election_port)?);
    if quorum_port == election_port {
        return Err(MembershipError::SamePort { port: quorum_port });
    }
    let role = role.map(|text| {
        let text = text.trim();
        let named = Role::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        named.map(|(_, role)| *role).ok_or_else(|| MembershipError::Role { text: text.to_owned() })
    });
    let address = MemberAddress { host: host.to_owned(), quorum_port, election_port };
    Ok((address, role.transpose()?))
}

/// A port alone is on all addresses.
fn client_part(part: &str) -> Result<HostPort, MembershipError> {
    if !part.contains(':') {
        return Ok(HostPort { host: "0.0.0.0".to_owned(), port: port(part)? });
    }
    host_port(part, |part| MembershipError::ClientForm { part })
}

/// `form` makes the error for text of another form.
fn host_port(
    text: &str,
    form: impl Fn(String) -> MembershipError,
) -> Result<HostPort, MembershipError> {
    let form = || form(text.to_owned());
    let (host, rest) = host_and_rest(text).ok_or_else(form)?;
    match rest.contains(':') {
        true => Err(form()),
        false => Ok(HostPort { host: host.to_owned(), port: port(rest)? }),
    }
}

/// Splits behind the host. An IPv6 address is in brackets.
fn host_and_rest(part: &str) -> Option<(&str, &str)> {
    let (host, rest) = match part.strip_prefix('[') {
        Some(part) => part.split_once("]:")?,
        None => part.split_once(':')?,
    };
    let host = host.trim();
    let strange = |c: char| matches!(c, '[' | ']') || c.is_control() || c.is_whitespace();
    (!host.is_empty() && !host.contains(strange)).then_some((host, rest))
}

fn port(text: &str) -> Result<u16, MembershipError> {
    let port = text.trim().parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| MembershipError::Port { text: text.to_owned() })
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
