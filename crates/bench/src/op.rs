//! The operations that are measured.

use serde::{Serialize, Serializer};
use std::fmt;

/// An operation, measured apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// getData.
    Read,
    /// exists.
    Exists,
    /// getChildren2.
    Children,
    /// setData.
    Write,
    /// create2.
    Create,
    /// delete.
    Delete,
    /// multi of setData.
    Multi,
    /// From a change to the last watcher's event.
    Event,
    /// Opening a session.
    Open,
    /// Closing a session.
    Close,
}

impl Op {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Exists,
        Self::Children,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Multi,
        Self::Event,
        Self::Open,
        Self::Close,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Exists => "exists",
            Self::Children => "children",
            Self::Write => "write",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Multi => "multi",
            Self::Event => "event",
            Self::Open => "open",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
