//! Failures in the words of Apache's client.

use super::{Failure, Syntax, cause};
use crate::table::{Spec, Verb, apache_usage};
use std::io;
use zoarium_client::{Cause, Error, ErrorCode, Failure as Unanswered, OpCode, PathError};

pub(super) fn text(failure: &Failure) -> String {
    match failure {
        Failure::Unknown { name, .. } => {
            let shown = if name.is_empty() { " " } else { name };
            format!("{}\nCommand not found: Command not found {shown}", apache_usage())
        }
        Failure::Syntax(syntax) => format!("org.apache.commons.cli.{}", exception(syntax)),
        Failure::Usage { spec } => usage(spec),
        Failure::Extra { spec, .. } => spec.usage_line(),
        Failure::Refused { error, .. } => match (error, error.code()) {
            (
                Error::Request { op: OpCode::Create | OpCode::Create2, path, .. },
                Some(ErrorCode::InvalidAcl),
            ) => {
                format!("KeeperErrorCode = InvalidACL for {path}\n{}", refusal(error))
            }
            _ => refusal(error),
        },
        Failure::NoAcl => "Acl is not valid : null".to_owned(),
        Failure::NotConnected => "Not connected".to_owned(),
        Failure::NoServer { .. } | Failure::Connect(_) => {
            "KeeperErrorCode = ConnectionLoss".to_owned()
        }
        // Of the file the message of the exception begins with the path again.
        Failure::File { path, source } if source.kind() == io::ErrorKind::NotFound => {
            let path = path.display();
            format!("Error processing {path}{path} (No such file or directory)")
        }
        Failure::Value { .. }
        | Failure::Said(_)
        | Failure::Remark { .. }
        | Failure::Unconfirmed { .. }
        | Failure::File { .. }
        | Failure::Format { .. }
        | Failure::Closed
        | Failure::Interrupted
        | Failure::Differs => failure.own_text(),
    }
}

fn exception(syntax: &Syntax) -> String {
    match syntax {
        Syntax::Unrecognized { option, .. } => {
            format!("UnrecognizedOptionException: Unrecognized option: {option}")
        }
        Syntax::MissingValue { option, .. } => {
            format!("MissingArgumentException: Missing argument for option: {option}")
        }
        Syntax::Exclusive { option, selected } => format!(
            "AlreadySelectedException: The option '{option}' was specified but an option from this \
             group has already been selected: '{selected}'"
        ),
        Syntax::MissingQuota => "MissingOptionException: Missing required option: [-n num soft \
             quota, -b bytes soft quota, -N num hard quota, -B bytes hard quota]"
            .to_owned(),
    }
}

/// The usage line; for `get` and `set` with a table of the options (since 3.9.3).
fn usage(spec: &Spec) -> String {
    let line = spec.usage_line();
    match matches!(spec.verb, Verb::Get | Verb::Set) {
        true => format!("{line}\n{}\n", option_table(spec)),
        false => line,
    }
}

/// The options as commons-cli lists them.
pub(crate) fn option_table(spec: &Spec) -> String {
    let shown = |name: &str, value: Option<&str>| match value {
        None => format!("-{name}"),
        Some(value) => format!("-{name} {value}"),
    };
    let rows = spec.options.iter().map(|opt| (shown(opt.name, opt.value), opt.about));
    let width = rows.clone().map(|(option, _)| option.len()).max().unwrap_or(0);
    rows.map(|(option, about)| format!(" {option:width$}   {about}")).collect::<Vec<_>>().join("\n")
}

/// What stands before the path of a refused request.
const SAID: &[(ErrorCode, &str)] = &[
    (ErrorCode::NoNode, "Node does not exist:"),
    (ErrorCode::NoChildrenForEphemerals, "Ephemerals cannot have children:"),
    (ErrorCode::NodeExists, "Node already exists:"),
    (ErrorCode::NotEmpty, "Node not empty:"),
    (ErrorCode::NotReadOnly, "Not a read-only call:"),
    (ErrorCode::InvalidAcl, "Acl is not valid :"),
    (ErrorCode::NoAuth, "Insufficient permission :"),
    (ErrorCode::BadArguments, "Arguments are not valid :"),
    (ErrorCode::BadVersion, "version No is not valid :"),
    (ErrorCode::QuotaExceeded, "Quota has exceeded :"),
];

/// What is said of refusals that no path belongs to.
const SAID_ALONE: &[(ErrorCode, &str)] = &[
    (
        ErrorCode::ReconfigInProgress,
        "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
    ),
    (
        ErrorCode::NewConfigNoQuorum,
        "No quorum of new config is connected and up-to-date with the leader of last committed \
         config - try invoking reconfiguration after new servers are connected and synced",
    ),
];

/// What Apache's exceptions call the others, where that is not the code's name.
const CALLED: &[(ErrorCode, &str)] = &[
    (ErrorCode::SessionExpired, "Session expired"),
    (ErrorCode::InvalidCallback, "Invalid callback"),
    (ErrorCode::SessionMoved, "Session moved"),
    (ErrorCode::EphemeralOnLocalSession, "Ephemeral node on local session"),
    (ErrorCode::NoWatcher, "No such watcher"),
    (ErrorCode::ReconfigDisabled, "Reconfig is disabled"),
    (ErrorCode::SessionClosedRequireAuth, "Session closed because client failed to authenticate"),
    (ErrorCode::ThrottledOp, "Op throttled due to high load"),
];

fn look_up(table: &[(ErrorCode, &'static str)], code: ErrorCode) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

/// What Apache's client says to a refusal.
pub(super) fn refusal(error: &Error) -> String {
    if let Error::Path { path, source } = error {
        return path_text(path, *source);
    }
    let Error::Request { path, .. } = error else { return error.to_string() };
    let Some(code) = error.code() else { return lost(error, path) };
    if let Some(said) = look_up(SAID, code) {
        return format!("{said} {path}");
    }
    if let Some(said) = look_up(SAID_ALONE, code) {
        return said.to_owned();
    }
    match look_up(CALLED, code) {
        Some(called) => keeper(called, path),
        None => keeper(&format!("{code:?}"), path),
    }
}

fn keeper(text: &str, path: &str) -> String {
    match path {
        "" => format!("KeeperErrorCode = {text}"),
        path => format!("KeeperErrorCode = {text} for {path}"),
    }
}

fn lost(error: &Error, path: &str) -> String {
    match (cause(error), error) {
        (Some(Cause::ConnectionLost | Cause::Closed), _) => keeper("ConnectionLoss", path),
        (Some(Cause::SessionLost | Cause::OtherSession), _) => keeper("Session expired", path),
        (Some(Cause::AuthFailed), _) => keeper("AuthFailed", path),
        (None, Error::Request { failure: Unanswered::RefusedStrangely(code), .. }) => {
            keeper(&format!("Unknown error {code}"), path)
        }
        (None, _) => error.to_string(),
    }
}

fn path_text(path: &str, source: PathError) -> String {
    let caused = |by: String| format!("Invalid path string \"{path}\" caused by {by}");
    // Apache counts characters, of which the root slash is the first, and stands behind a name.
    let index = |at: usize| path.get(..at).map_or(at, |before| before.encode_utf16().count());
    match source {
        PathError::Empty => "Path length must be > 0".to_owned(),
        PathError::NotAbsolute => "Path must start with / character".to_owned(),
        PathError::TrailingSlash => "Path must not end with / character".to_owned(),
        PathError::EmptyName { at } => caused(format!("empty node name specified @{}", index(at))),
        PathError::RelativeName { at } => {
            let name = path.get(at..).and_then(|rest| rest.split('/').next()).unwrap_or_default();
            caused(format!(
                "relative paths not allowed @{}",
                (index(at) + name.len()).saturating_sub(1)
            ))
        }
        PathError::InvalidCharacter { at, .. } => {
            caused(format!("invalid character @{}", index(at)))
        }
    }
}
