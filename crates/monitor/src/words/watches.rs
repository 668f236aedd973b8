//! `wchs`, `wchp` and `wchc`.

use super::srvr::hexadecimal;
use serde::Serialize;

/// The answer to `wchs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WatchSummary {
    /// How many connections watch something.
    pub connections: u64,
    /// How many paths are watched.
    pub paths: u64,
    /// How many watches there are.
    pub watches: u64,
}

impl WatchSummary {
    /// Reads an answer.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let connections = words.next()?.parse().ok()?;
        let paths = words.nth(2)?.parse().ok()?;
        let (_, watches) = text.split_once("Total watches:")?;
        Some(Self { connections, paths, watches: watches.trim().parse().ok()? })
    }
}

/// A path with how many sessions watch its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WatchedPath {
    /// The path.
    pub path: String,
    /// Sessions.
    pub sessions: u64,
}

impl WatchedPath {
    /// Reads the answer to `wchp`: a path, then a line for each session that begins with a tab. The
    /// most watched comes first.
    pub fn parse_all(text: &str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for line in text.lines() {
            let session = line.strip_prefix('\t').and_then(hexadecimal);
            match (session, found.last_mut()) {
                (Some(_), Some(last)) => last.sessions += 1,
                _ if line.starts_with('/') => {
                    found.push(Self { path: line.to_owned(), sessions: 0 });
                }
                _ => {}
            }
        }
        found.sort_by(|a, b| b.sessions.cmp(&a.sessions).then_with(|| a.path.cmp(&b.path)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_read() {
        let text = "1 connections watching 2 paths\nTotal watches:3\n";
        let expected = WatchSummary { connections: 1, paths: 2, watches: 3 };
        assert_eq!(WatchSummary::parse(text), Some(expected));
        for odd in ["", "x connections watching 2 paths\nTotal watches:3", "1 2", "1 a b 2"] {
            assert_eq!(WatchSummary::parse(odd), None);
        }
    }

    #[test]
    fn paths_come_by_how_many_watch_them() {
        let text = "/a\n\t0x1\n/b\n\t0x1\n\t0x2\n/c\n\n";
        let found: Vec<_> =
            WatchedPath::parse_all(text).into_iter().map(|it| (it.path, it.sessions)).collect();
        assert_eq!(found, [("/b".to_owned(), 2), ("/a".to_owned(), 1), ("/c".to_owned(), 0)]);
    }
}
