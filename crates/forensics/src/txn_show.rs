//! A log entry for people, one line each, and for programs, one JSON object a line.

use std::fmt;
use std::io::Write;

use serde::Serialize;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn};
use zoarium_proto::{ErrorCode, OpCode, SessionId, Zxid};

use crate::error::Error;
use crate::moment::Moment;
use crate::scan::Record;
use crate::znode_json::{AclEntry, AclText, Data, Shown, acl_entries};

/// The name of a txn's type, as Apache's tools show it.
pub fn kind_name(kind: i32) -> &'static str {
    OpCode::from_wire(kind).map_or("unknown", op_name)
}

/// The types that txns can have, in the order in which they are told.
pub const KINDS: [OpCode; 14] = [
    OpCode::Create,
    OpCode::Create2,
    OpCode::CreateContainer,
    OpCode::CreateTtl,
    OpCode::Delete,
    OpCode::DeleteContainer,
    OpCode::SetData,
    OpCode::SetAcl,
    OpCode::Check,
    OpCode::Multi,
    OpCode::Reconfig,
    OpCode::CreateSession,
    OpCode::CloseSession,
    OpCode::Error,
];

/// The name of a type.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other operations are no transactions")]
pub const fn op_name(op: OpCode) -> &'static str {
    match op {
        OpCode::Create => "create",
        OpCode::Create2 => "create2",
        OpCode::CreateContainer => "createContainer",
        OpCode::CreateTtl => "createTTL",
        OpCode::Delete => "delete",
        OpCode::DeleteContainer => "deleteContainer",
        OpCode::SetData => "setData",
        OpCode::SetAcl => "setACL",
        OpCode::Check => "check",
        OpCode::Multi => "multi",
        OpCode::Reconfig => "reconfig",
        OpCode::CreateSession => "createSession",
        OpCode::CloseSession => "closeSession",
        OpCode::Error => "error",
        _ => "unknown",
    }
}

/// Writes an entry as a line, the parts of a multi as lines of their own behind it. With `data` the
/// data is shown too, as far as it is text.
///
/// # Errors
/// If the entry is no txn or the line cannot be written.
pub fn write_text(record: &Record<'_>, data: bool, out: &mut dyn Write) -> Result<(), Error> {
    let LoggedTxn { header, txn, .. } = record.decode()?;
    let time = Moment(header.time_ms);
    let (zxid, session, cxid) = (header.zxid, header.session, header.cxid);
    let kind = op_name(txn.kind());
    writeln!(out, "{time}  {zxid}  session {session} cxid {cxid}  {kind}{}", Details(&txn, data))?;
    if let Txn::Multi(parts) = &txn {
        for part in parts {
            writeln!(out, "    {}{}", op_name(part.kind()), Details(part, data))?;
        }
    }
    Ok(())
}

/// What a txn does, behind its type.
struct Details<'a>(&'a Txn<'a>, bool);

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(txn, with_data) = self;
        match txn {
            Txn::CreateSession { timeout_ms } => write!(f, " timeout {timeout_ms} ms"),
            Txn::CloseSession { paths } => {
                let mut before = " deletes ";
                for path in paths {
                    write!(f, "{before}{}", Escaped(path))?;
                    before = ", ";
                }
                Ok(())
            }
            Txn::Error { code } => write!(f, " {}", CodeName(*code)),
            Txn::Create(create) => {
                let (mode, ttl_ms) = mode_of_create(create.kind);
                write!(f, " {} {mode}", Escaped(&create.path))?;
                if let Some(ttl_ms) = ttl_ms {
                    write!(f, " {ttl_ms} ms")?;
                }
                write_data(f, create.data, *with_data)?;
                write!(f, " acl {}", AclText(create.acl))
            }
            Txn::Delete { path, .. } => write!(f, " {}", Escaped(path)),
            Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => {
                write!(f, " {} version {version}", Escaped(path))?;
                write_data(f, *data, *with_data)
            }
            Txn::SetAcl { path, acl, version } => {
                write!(f, " {} aversion {version} acl {}", Escaped(path), AclText(*acl))
            }
            Txn::Check { path, version } => write!(f, " {} version {version}", Escaped(path)),
            Txn::Multi(parts) => {
                let outcome = if has_failed(parts) { ", failed: none has an effect" } else { "" };
                write!(f, " of {}{outcome}", parts.len())
            }
        }
    }
}

/// Whether a multi of these parts has failed as a whole.
pub(crate) fn has_failed(parts: &[Txn<'_>]) -> bool {
    parts.iter().any(|part| matches!(part, Txn::Error { .. }))
}

fn write_data(f: &mut fmt::Formatter<'_>, data: Option<&[u8]>, in_full: bool) -> fmt::Result {
    let Some(bytes) = data else { return f.write_str(" null") };
    write!(f, " {} bytes", bytes.len())?;
    match std::str::from_utf8(bytes) {
        Ok(text) if in_full => write!(f, " {text:?}"),
        Err(_) if in_full => write!(f, " b\"{}\"", bytes.escape_ascii()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A path on one line: paths may hold line feeds and worse.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| (b' '..=b'~').contains(&byte);
        if self.0.bytes().all(is_plain) || !self.0.chars().any(char::is_control) {
            f.write_str(self.0)
        } else {
            write!(f, "{}", self.0.escape_debug())
        }
    }
}

/// An error code with its name.
struct CodeName(i32);

impl fmt::Display for CodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match ErrorCode::from_wire(self.0) {
            Some(code) => write!(f, " {code:?}"),
            None => Ok(()),
        }
    }
}

/// What kind of znode is created, and its time to live if it has one.
pub(crate) const fn mode_of_create(kind: CreateKind) -> (&'static str, Option<i64>) {
    match kind {
        CreateKind::Plain { ephemeral: false, .. } => ("persistent", None),
        CreateKind::Plain { ephemeral: true, .. } => ("ephemeral", None),
        CreateKind::Container => ("container", None),
        CreateKind::Ttl { ttl_ms } => ("ttl", Some(ttl_ms)),
    }
}

/// Writes an entry as one JSON object on a line.
///
/// # Errors
/// As [`write_text`].
pub fn write_json(record: &Record<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let logged = record.decode()?;
    let LoggedTxn { header, txn, digest } = &logged;
    let line = TxnJson {
        zxid: Shown(header.zxid),
        time: Shown(Moment(header.time_ms)),
        session: Shown(header.session),
        cxid: header.cxid,
        change: ChangeJson::new(txn),
        digest: digest.map(|digest| format!("{:#x}", digest.value)),
        file: record.entry.file,
        offset: record.entry.offset,
    };
    serde_json::to_writer(&mut *out, &line)?;
    Ok(out.write_all(b"\n")?)
}

#[derive(Serialize)]
struct TxnJson<'a> {
    zxid: Shown<Zxid>,
    time: Shown<Moment>,
    session: Shown<SessionId>,
    cxid: i32,
    #[serde(flatten)]
    change: ChangeJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    file: &'a str,
    offset: u64,
}

/// What a txn does. Fields that its type does not have are absent.
#[derive(Default, Serialize)]
struct ChangeJson<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<i64>,
    #[serde(flatten)]
    data: Option<Data<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acl: Option<Vec<AclEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletes: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<Self>>,
}

impl<'a> ChangeJson<'a> {
    fn new(txn: &'a Txn<'a>) -> Self {
        let this = Self { kind: op_name(txn.kind()), ..Self::default() };
        match txn {
            Txn::CreateSession { timeout_ms } => Self { timeout_ms: Some(*timeout_ms), ..this },
            Txn::CloseSession { paths } => {
                Self { deletes: Some(paths.iter().map(AsRef::as_ref).collect()), ..this }
            }
            Txn::Error { code } => Self { error: Some(*code), ..this },
            Txn::Create(create) => this.create(create),
            Txn::Delete { path, .. } => Self { path: Some(path), ..this },
            Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => Self {
                path: Some(path),
                data: Some((*data).into()),
                version: Some(*version),
                ..this
            },
            Txn::SetAcl { path, acl, version } => Self {
                path: Some(path),
                acl: Some(acl_entries(*acl)),
                version: Some(*version),
                ..this
            },
            Txn::Check { path, version } => {
                Self { path: Some(path), version: Some(*version), ..this }
            }
            Txn::Multi(parts) => Self {
                failed: Some(has_failed(parts)),
                parts: Some(parts.iter().map(ChangeJson::new).collect()),
                ..this
            },
        }
    }

    fn create(self, create: &'a CreateTxn<'a>) -> Self {
        let (mode, ttl_ms) = mode_of_create(create.kind);
        Self {
            path: Some(&create.path),
            mode: Some(mode),
            ttl_ms,
            data: Some(create.data.into()),
            acl: Some(acl_entries(create.acl)),
            ..self
        }
    }
}
