//! Where a server is.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The client port of a server that is written without one.
pub const CLIENT_PORT: u16 = 2181;

/// A server's client address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Host name or address; IPv6 addresses without brackets.
    pub host: String,
    /// Client port.
    pub port: u16,
}

/// Text that names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no server: expected HOST, HOST:PORT, or [ADDRESS]:PORT for IPv6")]
pub struct TargetError {
    /// The text.
    pub text: String,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError { text: text.to_owned() };
        let (host, rest) = match text.strip_prefix('[') {
            Some(inside) => inside.split_once(']').ok_or_else(wrong)?,
            // An address with several colons and no brackets has no port.
            None if text.matches(':').count() > 1 => (text, ""),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
            None if rest.is_empty() => CLIENT_PORT,
            None => return Err(wrong()),
        };
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/,;[]".contains(c);
        if host.is_empty() || host.contains(is_odd) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        out.pad(&text)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_people_write_them() {
        for (text, shown) in [
            ("zoo1", "zoo1:2181"),
            ("zoo1:2182", "zoo1:2182"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("[::1]:2183", "[::1]:2183"),
            ("[::1]", "[::1]:2181"),
            ("::1", "[::1]:2181"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            ":2181",
            "zoo1:",
            "zoo1:0",
            "zoo1:65536",
            "zoo1:x",
            "[::1",
            "[::1]2",
            "a b",
            "a,b",
            "zoo1/x",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
