//! `srvr` and the head of `stat`.

use serde::Serialize;
use std::fmt;

/// What a server is in its ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It orders all writes.
    Leader,
    /// It votes.
    Follower,
    /// It does not vote.
    Observer,
    /// It is alone.
    Standalone,
    /// It has no quorum, and serves read-only clients.
    ReadOnly,
}

impl Role {
    /// As servers call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Standalone => "standalone",
            Self::ReadOnly => "read-only",
        }
    }

    /// The role with this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Leader, Self::Follower, Self::Observer, Self::Standalone, Self::ReadOnly];
        all.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// The answer to `srvr`, as far as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Srvr {
    /// The version without what it was built from, as in `3.9.5`.
    pub version: Option<String>,
    /// Its role.
    pub role: Option<Role>,
    /// The last zxid that it has applied.
    pub zxid: Option<u64>,
    /// Least, mean and greatest latency of requests since the last reset, in milliseconds.
    pub latency_ms: Option<(f64, f64, f64)>,
    /// Requests received.
    pub received: Option<u64>,
    /// Replies and events sent.
    pub sent: Option<u64>,
    /// Connections, the one that asks included where Apache's server counts it.
    pub connections: Option<u64>,
    /// Requests under way.
    pub outstanding: Option<u64>,
    /// Znodes.
    pub znodes: Option<u64>,
}

impl Srvr {
    /// Reads an answer; lines that are not understood are passed over.
    pub fn parse(text: &str) -> Self {
        let value = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
        };
        let number = |name: &str| value(name)?.parse().ok();
        let version = value("Zookeeper version").or_else(|| value("ZooKeeper version"));
        Self {
            version: version.map(short_version),
            role: value("Mode").and_then(Role::named),
            zxid: value("Zxid").and_then(hexadecimal),
            latency_ms: value("Latency min/avg/max").and_then(latency),
            received: number("Received"),
            sent: number("Sent"),
            connections: number("Connections"),
            outstanding: number("Outstanding"),
            znodes: number("Node count"),
        }
    }
}

/// `3.9.5` of `3.9.5-<commit>, built on …`; what is before the dash may have one of its own, as in
/// `3.10.0-SNAPSHOT-<commit>`.
pub(crate) fn short_version(text: &str) -> String {
    let name = text.split(',').next().unwrap_or_default().trim();
    let is_commit = |part: &str| part.len() >= 7 && part.bytes().all(|b| b.is_ascii_hexdigit());
    match name.rsplit_once('-') {
        Some((version, commit)) if is_commit(commit) => version.to_owned(),
        _ => name.to_owned(),
    }
}

/// A number behind `0x`.
pub(crate) fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn latency(text: &str) -> Option<(f64, f64, f64)> {
    let mut parts = text.split('/').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Apache 3.9.5.
    const LEADER: &str = "\
Zookeeper version: 3.9.5-293c895a8d966a3ecb92872be4a1daf87d725da2, built on 2026-02-11 20:18 UTC
Latency min/avg/max: 0/0.7754/12
Received: 316
Sent: 334
Connections: 3
Outstanding: 1
Zxid: 0x1000000de
Mode: leader
Node count: 27
Proposal sizes last/min/max: -1/-1/-1
";

    #[test]
    fn all_of_an_answer_is_read() {
        let srvr = Srvr::parse(LEADER);
        assert_eq!(srvr.version.as_deref(), Some("3.9.5"));
        assert_eq!((srvr.role, srvr.zxid), (Some(Role::Leader), Some(0x1_0000_00de)));
        assert_eq!(srvr.latency_ms, Some((0.0, 0.7754, 12.0)));
        assert_eq!((srvr.received, srvr.sent, srvr.outstanding), (Some(316), Some(334), Some(1)));
        assert_eq!((srvr.connections, srvr.znodes), (Some(3), Some(27)));
    }

    #[test]
    fn what_is_not_there_or_not_understood_is_left_out() {
        assert_eq!(Srvr::parse(""), Srvr::default());
        let odd = "Mode: emperor\nZxid: 12\nReceived: -1\nLatency min/avg/max: 1/2\nSent 5\n\u{0}";
        assert_eq!(Srvr::parse(odd), Srvr::default());
    }

    #[test]
    fn versions_lose_their_commit_only() {
        for (text, expected) in [
            ("3.9.5-293c895a8d96, built on x", "3.9.5"),
            ("3.10.0-SNAPSHOT-293c895a8d96, built", "3.10.0-SNAPSHOT"),
            ("3.8.0", "3.8.0"),
            ("3.9.0-zoarium", "3.9.0-zoarium"),
        ] {
            assert_eq!(short_version(text), expected);
        }
    }
}
