//! What processes tell the outside: what judges judge and diagrams mark.

use crate::name::Name;
use std::fmt;
use std::sync::Arc;

/// A value to agree on, or a command of a replicated log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Arc<str>);

impl Value {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// As it is displayed: values stand in the labels of messages.
impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Something a process tells the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A value was put forward: by a client, or as a vote for its own transaction.
    Proposed(Value),
    /// A participant of a commit protocol has voted.
    Voted {
        /// For commit.
        yes: bool,
    },
    /// This process has decided, for good.
    Decided(Value),
    /// A primary has given a command its place, for the first time.
    Broadcast {
        /// The primary's ballot or epoch.
        round: u64,
        /// The command.
        value: Value,
    },
    /// This process has executed a command.
    Delivered {
        /// Its place in the order, from 1.
        place: u64,
        /// The command.
        value: Value,
    },
    /// This process leads from here on.
    Leads {
        /// Its ballot or epoch.
        round: u64,
    },
    /// Enough answers have come.
    Quorum {
        /// Answers of what kind.
        of: &'static str,
        /// From whom.
        members: Vec<Name>,
    },
    /// A client's request is answered.
    Answered {
        /// Which.
        request: Value,
        /// The answer.
        answer: Value,
    },
    /// Something a reader wants to know.
    Note(String),
}
