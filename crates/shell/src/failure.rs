//! Why a command did not do what it was told, and how that is said.

mod apache;

pub(crate) use apache::option_table;

use crate::call::Manner;
use crate::table::Spec;
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;
use zoarium_client::{Cause, ConnectError, Error, ErrorCode, Failure as Unanswered, OpCode};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done = 0,
    /// The server refused it, or what was looked for is not there.
    Refused = 1,
    /// It made no sense.
    Misused = 2,
    /// There is no connection, or it was lost.
    Unconnected = 3,
    /// It wanted a yes, and nobody was there to give it.
    Unconfirmed = 4,
    /// There is no such command.
    Unknown = 127,
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no such command.
    Unknown { name: String, nearest: Option<&'static str> },
    /// Its options make no sense.
    Syntax(Syntax),
    /// It has too few words.
    Usage { spec: &'static Spec },
    /// It has a word too many.
    Extra { word: String, spec: &'static Spec },
    /// An option or word with a value that makes no sense.
    Value { what: String, text: String },
    /// What makes no sense, in words that Apache's client says too.
    Said(String),
    /// The same, where Apache's client does not take it for a failure: its code is 0.
    Remark { text: String, is_result: bool },
    /// What the client or the server refused; in our manner with the path of the nearest znode
    /// above a missing one that is there.
    Refused { error: Error, ancestor: Option<String> },
    /// A list of which nothing can be read; refused before it was sent.
    NoAcl,
    /// The session was closed by hand.
    NotConnected,
    /// No server can be reached.
    NoServer { servers: String, why: Option<String> },
    /// No session.
    Connect(ConnectError),
    /// Nobody said yes.
    Unconfirmed { what: String },
    /// A local file.
    File { path: PathBuf, source: io::Error },
    /// A local file that is not what it should be.
    Format { path: PathBuf, why: String },
    /// Nobody reads what is printed any more.
    Closed,
    /// Ctrl-C.
    Interrupted,
    /// What was compared differs; that has been printed.
    Differs,
}

/// Options that make no sense.
#[derive(Debug)]
pub(crate) enum Syntax {
    Unrecognized {
        option: String,
        nearest: Option<String>,
        spec: &'static Spec,
    },
    MissingValue {
        option: &'static str,
        spec: &'static Spec,
    },
    Exclusive {
        option: &'static str,
        selected: &'static str,
    },
    /// One of a quota's options has to be there.
    MissingQuota,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused { error, ancestor: None }
    }
}

impl Failure {
    /// There is no znode at `path`.
    pub(crate) fn no_node(path: &str) -> Self {
        Self::code(OpCode::Exists, path, ErrorCode::NoNode)
    }

    /// What a server would answer.
    pub(crate) fn code(op: OpCode, path: &str, code: ErrorCode) -> Self {
        Error::Request { op, path: path.to_owned(), failure: Unanswered::Refused(code) }.into()
    }

    /// The path of the znode that is missing, if that is what failed.
    pub(crate) fn missing(&self) -> Option<&str> {
        let Self::Refused { error: error @ Error::Request { path, .. }, .. } = self else {
            return None;
        };
        error.is_no_node().then_some(path)
    }

    /// Whether there was no answer because there is no connection.
    const fn is_loss(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if cause(error).is_some())
    }

    /// What it does to the exit code.
    pub(crate) fn exit(&self, manner: Manner) -> Exit {
        match self {
            Self::Unknown { .. } => Exit::Unknown,
            Self::Closed => Exit::Done,
            Self::Remark { .. } if manner == Manner::Apache => Exit::Done,
            _ if manner == Manner::Apache => Exit::Refused,
            Self::Syntax(_)
            | Self::Usage { .. }
            | Self::Extra { .. }
            | Self::Value { .. }
            | Self::Said(_)
            | Self::NoAcl
            | Self::Connect(ConnectError::ConnectString(_))
            | Self::Format { .. } => Exit::Misused,
            Self::Refused { error: Error::Request { .. }, .. } if self.is_loss() => {
                Exit::Unconnected
            }
            Self::Refused { error: Error::Request { .. } | Error::Compression { .. }, .. } => {
                Exit::Refused
            }
            // Nothing was sent.
            Self::Refused { .. } => Exit::Misused,
            Self::NotConnected | Self::NoServer { .. } | Self::Connect(_) => Exit::Unconnected,
            Self::Unconfirmed { .. } => Exit::Unconfirmed,
            Self::Remark { .. } | Self::File { .. } | Self::Interrupted | Self::Differs => {
                Exit::Refused
            }
        }
    }

    /// What is printed on standard error, without a line end; may be empty.
    pub(crate) fn text(&self, manner: Manner) -> String {
        match manner {
            Manner::Apache => apache::text(self),
            Manner::Own => self.own_text(),
        }
    }

    fn own_text(&self) -> String {
        match self {
            Self::Unknown { name, nearest: Some(nearest) } => {
                format!("no command {name}; did you mean {nearest}?")
            }
            Self::Unknown { name, nearest: None } => format!("no command {name}; `help` lists all"),
            Self::Syntax(syntax) => syntax.own_text(),
            Self::Usage { spec } => format!("usage: {}", spec.usage_line().trim_end()),
            Self::Extra { word, spec } => {
                let usage = spec.usage_line();
                format!("{word} is one word too many; usage: {}", usage.trim_end())
            }
            Self::Value { what, text } => format!("{text:?} makes no sense as {what}"),
            Self::Refused { error, ancestor: Some(ancestor) } => {
                format!("{}; the nearest above it is {ancestor}", apache::refusal(error))
            }
            Self::Refused { error: error @ Error::Path { path, .. }, .. } => {
                format!("{}: {path:?}", apache::refusal(error))
            }
            Self::Refused { error, .. } if self.is_loss() => match error.may_be_done() {
                true => format!("{error}; it may have been done"),
                false => error.to_string(),
            },
            Self::Refused { error, .. } => apache::refusal(error),
            Self::NoAcl => "an ACL without entries".to_owned(),
            Self::NotConnected => "not connected; `connect` opens a session".to_owned(),
            Self::NoServer { servers, why: Some(why) } => {
                format!("cannot connect to {servers}: {why}")
            }
            Self::NoServer { servers, why: None } => {
                format!("no server of {servers} has given a session in time")
            }
            Self::Connect(error) => error.to_string(),
            Self::Unconfirmed { what } => format!("{what}: not done without --yes"),
            Self::File { path, source } => format!("{}: {source}", path.display()),
            Self::Format { path, why } => format!("{}: {why}", path.display()),
            Self::Interrupted => "interrupted".to_owned(),
            Self::Closed | Self::Differs => String::new(),
            Self::Said(text) | Self::Remark { text, .. } => text.clone(),
        }
    }

    /// The failure as a JSON object; null if there is nothing to say.
    pub(crate) fn json(&self) -> Value {
        let message = self.own_text();
        if message.is_empty() {
            return Value::Null;
        }
        let mut error = json!({ "message": message });
        if let Self::Refused { error: refused, ancestor } = self {
            if let Some(code) = refused.code() {
                error["code"] = format!("{code:?}").into();
            }
            if let Error::Path { path, .. } | Error::Request { path, .. } = refused {
                error["path"] = path.clone().into();
            }
            if let Some(ancestor) = ancestor {
                error["ancestor"] = ancestor.clone().into();
            }
        }
        json!({ "error": error })
    }
}

impl Syntax {
    fn own_text(&self) -> String {
        match self {
            Self::Unrecognized { option, nearest: Some(nearest), spec } => {
                format!("{} has no option {option}; did you mean {nearest}?", spec.name)
            }
            Self::Unrecognized { option, nearest: None, spec } => {
                let usage = spec.usage_line();
                format!("{} has no option {option}; usage: {}", spec.name, usage.trim_end())
            }
            Self::MissingValue { option, spec } => {
                let option = crate::table::dashed(option, spec);
                format!("option {option} of {} needs a value", spec.name)
            }
            Self::Exclusive { option, selected } => {
                format!("-{option} does not go together with -{selected}")
            }
            Self::MissingQuota => "one of -n, -b, -N and -B is needed".to_owned(),
        }
    }
}

/// Why a request has no answer.
const fn cause(error: &Error) -> Option<Cause> {
    if let Error::Request {
        failure: Unanswered::NotSent(cause) | Unanswered::Unanswered(cause),
        ..
    } = error
    {
        return Some(*cause);
    }
    None
}
