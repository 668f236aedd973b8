//! Which entries of a log are wanted.

use zoarium_proto::{DecodeError, OpCode, SessionId, Zxid};

use crate::moment::Moment;
use crate::scan::Record;
use crate::touch::names_any;

/// Wanted paths: a znode with all below it, or every path with a beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathFilter {
    /// This znode and all below it.
    Subtree(String),
    /// Every path that begins so: for `/locks/lock-*`.
    Beginning(String),
}

impl PathFilter {
    /// What a text stands for: a path, or the beginning of one with a `*` behind it.
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(beginning) => Self::Beginning(beginning.to_owned()),
            None if text.len() > 1 => Self::Subtree(text.trim_end_matches('/').to_owned()),
            None => Self::Subtree(text.to_owned()),
        }
    }

    /// Whether a path is wanted.
    pub fn wants(&self, path: &str) -> bool {
        match self {
            Self::Beginning(beginning) => path.starts_with(beginning.as_str()),
            Self::Subtree(root) if root == "/" => true,
            Self::Subtree(root) => path
                .strip_prefix(root.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

/// What an entry must be to be wanted. An empty filter wants all.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Names one of these paths, if there are any.
    pub paths: Vec<PathFilter>,
    /// Is of one of these sessions, if there are any.
    pub sessions: Vec<SessionId>,
    /// Is of one of these types, if there are any.
    pub kinds: Vec<OpCode>,
    /// The first zxid.
    pub from: Zxid,
    /// The last zxid.
    pub to: Zxid,
    /// Not before.
    pub since: Option<Moment>,
    /// Before.
    pub until: Option<Moment>,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            sessions: Vec::new(),
            kinds: Vec::new(),
            from: Zxid::ZERO,
            to: Zxid(u64::MAX),
            since: None,
            until: None,
        }
    }
}

impl Filter {
    /// Whether an entry is wanted. What the header can tell is asked first.
    ///
    /// # Errors
    /// If the entry's paths cannot be read.
    pub fn wants(&self, record: &Record<'_>) -> Result<bool, DecodeError> {
        let header = &record.header;
        let any = |list_is_empty: bool, found: bool| list_is_empty || found;
        let by_header = (self.from..=self.to).contains(&header.zxid)
            && any(self.sessions.is_empty(), self.sessions.contains(&header.session))
            && any(
                self.kinds.is_empty(),
                self.kinds.iter().any(|kind| kind.to_wire() == record.kind),
            )
            && self.since.is_none_or(|since| header.time_ms >= since.0)
            && self.until.is_none_or(|until| header.time_ms < until.0);
        if !by_header || self.paths.is_empty() {
            return Ok(by_header);
        }
        let wanted = |path: &str| self.paths.iter().any(|filter| filter.wants(path));
        names_any(record.kind, record.body, &wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_its_subtree_and_a_star_for_a_beginning() {
        for (filter, path, wanted) in [
            ("/a", "/a", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/", "/a", true),
            ("/", "/anything", true),
            ("/a*", "/ab", true),
            ("/a*", "/b", false),
            ("*", "/b", true),
        ] {
            assert_eq!(PathFilter::parse(filter).wants(path), wanted, "{filter} {path}");
        }
    }
}
