//! What commands have to say, before it is text or JSON.

mod json;
mod text;

use bytes::Bytes;
use zoarium_client::acl::{AclEntry, Id};
use zoarium_client::{EventType, Stat, Zxid};

/// One thing that a command has to say.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A znode was made.
    Created { path: String, stat: Stat },
    /// What is in a znode. `None` is null.
    Data { path: String, data: Option<Bytes>, stat: Stat, shown: Shown, with_stat: bool },
    /// The children of a znode, sorted.
    Children { path: String, names: Vec<String>, stat: Option<Stat> },
    /// One path of a list.
    Path { path: String },
    /// A list of paths, sorted.
    Paths { paths: Vec<String> },
    /// The stat of a znode. What changes a znode shows it only when asked to.
    Stat { path: String, stat: Stat, is_shown: bool },
    /// Who may do what.
    Acl { path: String, acl: Vec<AclEntry>, stat: Stat, with_stat: bool },
    /// A number.
    Count { path: String, count: i64 },
    /// Who the client is.
    Identities(Vec<Id>),
    /// The configuration of the ensemble, as text.
    Config { text: String, stat: Stat, with_stat: bool, is_new: bool },
    /// Lines for people, and a value for programs.
    Lines { text: String, value: serde_json::Value },
    /// What goes wrong but does not stop a command.
    Warning(String),
    /// Nothing but that it was done, to this znode.
    Done { path: String },
}

/// How data is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Text,
    Base64,
    Hexdump,
}

/// What a watch or the connection tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) state: &'static str,
    /// `None` is `None` in Apache's words too.
    pub(crate) kind: NewsKind,
    pub(crate) path: Option<String>,
    pub(crate) zxid: Option<Zxid>,
}

/// What kind of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewsKind {
    /// Of the connection.
    State,
    /// Of a znode.
    Znode(EventType),
    /// Of a watch, that it is gone.
    Removed(&'static str),
}

pub(crate) use json::{bytes as json_bytes, stat as json_stat};
pub(crate) use text::event_name;
