//! Where the servers are, as a user writes it: `host:port,host:port/chroot`.

use crate::chroot::{Chroot, ChrootError};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;
use zoarium_proto::membership::HostPort;

/// The port of a server that is written without one.
pub const DEFAULT_PORT: u16 = 2181;

/// Servers and the path below which a client lives.
///
/// ```
/// use zoarium_session::connect_string::ConnectString;
///
/// let parsed: ConnectString = "zoo1, zoo2:2182, [::1]:2183/app".parse()?;
/// assert_eq!(parsed.to_string(), "zoo1:2181,zoo2:2182,[::1]:2183/app");
///
/// let error = "zoo1:2181,zoo2:port".parse::<ConnectString>().unwrap_err();
/// assert_eq!(error.to_string(), "byte 15: a port is a number from 1 to 65535");
/// # Ok::<(), zoarium_session::connect_string::ConnectStringError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectString {
    /// The servers, at least one, in the order in which they were written.
    pub servers: Vec<HostPort>,
    /// What every path of the client begins with on the server.
    pub chroot: Chroot,
}

/// What is wrong with a connect string, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectStringError {
    /// Nothing between two commas, or before a colon, or at all.
    #[error("byte {at}: a host is missing")]
    HostMissing {
        /// Where it should be.
        at: usize,
    },
    /// Something that no host name or address contains.
    #[error("byte {at}: {character:?} in a host")]
    HostCharacter {
        /// Where it is.
        at: usize,
        /// Which it is.
        character: char,
    },
    /// More than one colon outside brackets.
    #[error("byte {at}: an IPv6 address is written in brackets, as in [::1]:2181")]
    BracketsMissing {
        /// Where the address starts.
        at: usize,
    },
    /// A bracket without its counterpart.
    #[error("byte {at}: no ] for this [")]
    BracketOpen {
        /// Where the bracket is.
        at: usize,
    },
    /// Brackets around something else than an IPv6 address.
    #[error("byte {at}: no IPv6 address")]
    NoAddress {
        /// Where it starts.
        at: usize,
    },
    /// Something between a bracket and the port.
    #[error("byte {at}: expected a colon and a port, a comma, or the end")]
    BehindBracket {
        /// Where it is.
        at: usize,
    },
    /// A port that is none.
    #[error("byte {at}: a port is a number from 1 to 65535")]
    Port {
        /// Where it starts.
        at: usize,
    },
    /// A chroot that is no path.
    #[error("byte {at}: chroot: {source}")]
    Chroot {
        /// Where the chroot starts.
        at: usize,
        /// What is wrong with it; positions in here count from its start.
        source: ChrootError,
    },
}

impl FromStr for ConnectString {
    type Err = ConnectStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end_of_servers = text.find('/').unwrap_or(text.len());
        let (servers, chroot) = text.split_at(end_of_servers);
        let chroot = Chroot::new(chroot.trim_end())
            .map_err(|source| ConnectStringError::Chroot { at: end_of_servers, source })?;
        let mut at = 0;
        let mut parsed = Vec::new();
        for server in servers.split(',') {
            parsed.push(parse_server(server, at)?);
            at += server.len() + 1;
        }
        Ok(Self { servers: parsed, chroot })
    }
}

impl fmt::Display for ConnectString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.servers.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            write!(f, "{separator}{server}")?;
        }
        f.write_str(self.chroot.as_str())
    }
}

/// Reads one server that starts at byte `at` of the whole.
fn parse_server(text: &str, at: usize) -> Result<HostPort, ConnectStringError> {
    let at = at + (text.len() - text.trim_start().len());
    let text = text.trim();
    if text.starts_with('[') {
        return parse_bracketed(text, at);
    }
    let (host, port) = match text.split_once(':') {
        None => (text, DEFAULT_PORT),
        Some((_, port)) if port.contains(':') => {
            return Err(ConnectStringError::BracketsMissing { at });
        }
        Some((host, port)) => (host, parse_port(port, at + host.len() + 1)?),
    };
    if host.is_empty() {
        return Err(ConnectStringError::HostMissing { at });
    }
    let strange = |(_, character): &(usize, char)| {
        !(character.is_alphanumeric() || matches!(character, '-' | '_' | '.'))
    };
    if let Some((offset, character)) = host.char_indices().find(strange) {
        return Err(ConnectStringError::HostCharacter { at: at + offset, character });
    }
    Ok(HostPort { host: host.to_owned(), port })
}

/// `[address]` or `[address]:port`; the address may name its zone, as in `fe80::1%eth0`.
fn parse_bracketed(text: &str, at: usize) -> Result<HostPort, ConnectStringError> {
    let (host, rest) = text[1..].split_once(']').ok_or(ConnectStringError::BracketOpen { at })?;
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(ConnectStringError::NoAddress { at: at + 1 });
    }
    let behind = at + host.len() + 2;
    let port = match rest.strip_prefix(':') {
        Some(port) => parse_port(port, behind + 1)?,
        None if rest.is_empty() => DEFAULT_PORT,
        None => return Err(ConnectStringError::BehindBracket { at: behind }),
    };
    Ok(HostPort { host: String::from(host), port })
}

fn parse_port(text: &str, at: usize) -> Result<u16, ConnectStringError> {
    // A plus sign parses as a number, but is no part of a port.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| *port > 0 && digits);
    port.ok_or(ConnectStringError::Port { at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use zoarium_proto::path::PathError;

    fn parse(text: &str) -> Result<String, ConnectStringError> {
        text.parse::<ConnectString>().map(|parsed| parsed.to_string())
    }

    #[test]
    fn servers_and_chroot_are_read() {
        for (text, canonical) in [
            ("a", "a:2181"),
            ("a:1,b:2,c", "a:1,b:2,c:2181"),
            ("a:1/", "a:1"),
            ("a:1/x/y", "a:1/x/y"),
            (" a:1 ,\tb ", "a:1,b:2181"),
            ("10.0.0.1:2181", "10.0.0.1:2181"),
            ("[2001:db8::1]", "[2001:db8::1]:2181"),
            ("[::1]:99,a/z", "[::1]:99,a:2181/z"),
            ("[fe80::1%eth0]:99", "[fe80::1%eth0]:99"),
            ("zoo_1.example-2.com", "zoo_1.example-2.com:2181"),
            ("a:1/x,b:2/x", "a:1/x,b:2/x"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(canonical), "{text:?}");
        }
    }

    #[test]
    fn fault_is_named_with_its_position() {
        use ConnectStringError as E;
        let chroot = |at, source| E::Chroot { at, source: ChrootError(source) };
        for (text, error) in [
            ("", E::HostMissing { at: 0 }),
            ("/a", E::HostMissing { at: 0 }),
            ("a,", E::HostMissing { at: 2 }),
            ("a,,b", E::HostMissing { at: 2 }),
            (":2181", E::HostMissing { at: 0 }),
            ("a:", E::Port { at: 2 }),
            ("a:0", E::Port { at: 2 }),
            ("a:65536", E::Port { at: 2 }),
            ("a:+1", E::Port { at: 2 }),
            ("ü:1, b:x", E::Port { at: 8 }),
            ("a b", E::HostCharacter { at: 1, character: ' ' }),
            ("a;b", E::HostCharacter { at: 1, character: ';' }),
            ("::1", E::BracketsMissing { at: 0 }),
            ("a,::1:2181", E::BracketsMissing { at: 2 }),
            ("[::1", E::BracketOpen { at: 0 }),
            ("[a]:1", E::NoAddress { at: 1 }),
            ("[::1]x", E::BehindBracket { at: 5 }),
            ("[::1]:", E::Port { at: 6 }),
            ("a:1/x/", chroot(3, PathError::TrailingSlash)),
            ("a:1/x//y", chroot(3, PathError::EmptyName { at: 3 })),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }
}
