//! Who created, changed and deleted a znode, and when.
//!
//! The log knows sessions, not people. What it tells of each session is added: on which server it
//! was opened, when it was opened and closed. Where a client came from is in no log of ours or
//! Apache's; it is looked up in server or audit logs if there are any ([`Addresses`]).

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;
use zoarium_proto::create::Owner;
use zoarium_proto::txn::{CreateTxn, LoggedTxn, Txn};
use zoarium_proto::{OpCode, SessionId, Zxid};

use crate::error::Error;
use crate::moment::Moment;
use crate::past::one_snapshot;
use crate::place::Place;
use crate::progress::{Progress, Silent};
use crate::scan::{Record, Scanned, scan};
use crate::touch::names_any;
use crate::txn_show::{has_failed, mode_of_create};
use crate::znode_json::{AclText, Shown};

mod addresses;

pub use addresses::Addresses;

/// All that the logs know of one path.
#[derive(Debug, Serialize)]
pub struct Blame {
    /// The path.
    pub path: String,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// The sessions that had a part in it.
    pub sessions: BTreeMap<String, SessionFacts>,
    /// Where the znode came from if the logs do not reach back to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// Something that happened to a znode.
#[derive(Debug, Serialize)]
pub struct Event {
    /// In which transaction.
    pub zxid: Shown<Zxid>,
    /// When, by the leader's clock.
    pub time: Shown<Moment>,
    /// What.
    pub what: What,
    /// More about it.
    pub details: String,
    /// Whose doing it was.
    pub session: Shown<SessionId>,
    /// The session's number of the request; 0 for a server's own.
    pub cxid: i32,
    /// Whether it was part of a multi.
    pub in_multi: bool,
}

/// What can happen to a znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was created.
    Created,
    /// Its data were replaced.
    DataSet,
    /// Its ACL was replaced.
    AclSet,
    /// It was deleted on request.
    Deleted,
    /// It was ephemeral, and its session ended.
    EndedWithSession,
    /// It was a container or had a time to live, and the leader removed it.
    Reaped,
}

impl What {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::DataSet => "data set",
            Self::AclSet => "ACL set",
            Self::Deleted => "deleted",
            Self::EndedWithSession => "ended with its session",
            Self::Reaped => "reaped by the leader",
        }
    }
}

/// What the logs tell of a session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionFacts {
    /// The id of the server that opened it, as the session's id has it.
    pub server: u8,
    /// When it was opened, if that is in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<Shown<Moment>>,
    /// Its timeout in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i32>,
    /// When it was closed, if that is in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Shown<Moment>>,
    /// Whether its client closed it. Otherwise it expired, or a server was told to close it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by_client: Option<bool>,
    /// Where its client came from, as far as server logs tell; it may have moved.
    pub addresses: Vec<String>,
}

/// A znode that is older than the logs.
#[derive(Debug, Serialize)]
pub struct Before {
    /// The snapshot that has it.
    pub snapshot: String,
    /// The transaction that created it.
    pub czxid: Shown<Zxid>,
    /// When.
    pub ctime: Shown<Moment>,
    /// The transaction that last set its data before the logs begin.
    pub mzxid: Shown<Zxid>,
    /// When.
    pub mtime: Shown<Moment>,
    /// The session it belongs to if it is ephemeral.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Shown<SessionId>>,
}

/// Looks for all that happened to `path`.
///
/// Reads the logs twice: for what happened, then for the sessions that had a part in it. So memory is
/// bounded by what is found.
///
/// # Errors
/// If there is no log, or it cannot be read.
pub fn blame(
    place: &Place,
    path: &str,
    progress: &mut dyn Progress,
) -> Result<(Blame, Scanned), Error> {
    let everything = (Zxid::ZERO, Zxid(u64::MAX));
    let before = before(place, path);
    let mut found = Found {
        path,
        owner: before.as_ref().and_then(|before| before.owner).map(|owner| owner.0),
        events: Vec::new(),
    };
    let wanted = |named: &str| named == path;
    let scanned = scan(place, everything, progress, &mut |record| {
        let names_it = names_any(record.kind, record.body, &wanted).unwrap_or(false);
        if names_it || found.closes_owner(record) {
            found.take(record)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let events = found.events;
    // What the snapshot says is only of use for what the events do not.
    let is_known = |before: &Before| events.iter().any(|event| event.zxid == before.czxid);
    let before = before.filter(|before| !is_known(before));
    let mut of = BTreeMap::new();
    let owners = before.iter().filter_map(|before| before.owner);
    for session in events.iter().map(|event| event.session).chain(owners) {
        if session.0 != SessionId::NONE {
            let server = session.0.server_id();
            of.insert(session.0, SessionFacts { server, ..SessionFacts::default() });
        }
    }
    if !of.is_empty() {
        scan(place, everything, progress, &mut |record| {
            if let Some(facts) = of.get_mut(&record.header.session) {
                facts.note(record);
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let sessions = of.into_iter().map(|(id, facts)| (id.to_string(), facts)).collect();
    Ok((Blame { path: path.to_owned(), events, sessions, before }, scanned))
}

/// What the oldest snapshot that can be loaded knows of a path. None is needed.
fn before(place: &Place, path: &str) -> Option<Before> {
    if place.file.is_some() {
        return None;
    }
    let mut oldest = place.fresh();
    let names = crate::past::names(&place.dirs.snapshots).ok()?;
    let snapshots = zoarium_persistence::names::snapshots_among(&names);
    snapshots.into_iter().find_map(|name| {
        oldest.file = Some(name.file());
        let (name, tree, _) = one_snapshot(&oldest, &mut Silent).ok()?;
        let znode = tree.find(path)?;
        let stat = znode.stat();
        Some(Before {
            snapshot: name.file(),
            czxid: Shown(stat.czxid),
            ctime: Shown(Moment(stat.ctime)),
            mzxid: Shown(stat.mzxid),
            mtime: Shown(Moment(stat.mtime)),
            owner: match znode.owner() {
                Owner::Session(session) => Some(Shown(session)),
                Owner::None | Owner::Container | Owner::Ttl(_) => None,
            },
        })
    })
}

struct Found<'p> {
    path: &'p str,
    /// The session that the znode belongs to at this place of the log.
    owner: Option<SessionId>,
    events: Vec<Event>,
}

impl Found<'_> {
    /// Whether a session is closed that the znode belongs to. Logs of old releases do not list what
    /// goes with it.
    fn closes_owner(&self, record: &Record<'_>) -> bool {
        record.kind == OpCode::CloseSession.to_wire() && self.owner == Some(record.header.session)
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let LoggedTxn { header, txn, .. } = record.decode()?;
        let in_multi = matches!(txn, Txn::Multi(_));
        let parts = if let Txn::Multi(parts) = &txn { parts } else { std::slice::from_ref(&txn) };
        // A multi with an error in it has no effect.
        if has_failed(parts) {
            return Ok(());
        }
        for part in parts {
            let Some((what, details)) = self.happening(part, header.session) else { continue };
            self.events.push(Event {
                zxid: Shown(header.zxid),
                time: Shown(Moment(header.time_ms)),
                what,
                details,
                session: Shown(header.session),
                cxid: header.cxid,
                in_multi,
            });
        }
        Ok(())
    }

    /// What a txn does to the znode.
    fn happening(&mut self, txn: &Txn<'_>, session: SessionId) -> Option<(What, String)> {
        let bytes = |data: &Option<&[u8]>| match data {
            Some(data) => format!("{} bytes", data.len()),
            None => "null".to_owned(),
        };
        match txn {
            Txn::Create(create) if create.path == self.path => {
                let (mode, ttl_ms) = mode_of_create(create.kind);
                self.owner = is_ephemeral(create).then_some(session);
                let ttl = ttl_ms.map(|ttl_ms| format!(" {ttl_ms} ms")).unwrap_or_default();
                let (data, acl) = (bytes(&create.data), AclText(create.acl));
                Some((What::Created, format!("{mode}{ttl}, {data}, acl {acl}")))
            }
            Txn::Delete { path, reaped } if path == self.path => {
                self.owner = None;
                Some((if *reaped { What::Reaped } else { What::Deleted }, String::new()))
            }
            Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version }
                if path == self.path =>
            {
                Some((What::DataSet, format!("version {version}, {}", bytes(data))))
            }
            Txn::SetAcl { path, acl, version } if path == self.path => {
                Some((What::AclSet, format!("aversion {version}, acl {}", AclText(*acl))))
            }
            Txn::CloseSession { paths }
                if self.owner == Some(session) || paths.iter().any(|path| path == self.path) =>
            {
                self.owner = None;
                Some((What::EndedWithSession, String::new()))
            }
            Txn::Create(_)
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::Reconfig { .. }
            | Txn::SetAcl { .. }
            | Txn::CloseSession { .. }
            | Txn::CreateSession { .. }
            | Txn::Error { .. }
            | Txn::Check { .. }
            | Txn::Multi(_) => None,
        }
    }
}

fn is_ephemeral(create: &CreateTxn<'_>) -> bool {
    mode_of_create(create.kind).0 == "ephemeral"
}

impl SessionFacts {
    fn note(&mut self, record: &Record<'_>) {
        let time = Some(Shown(Moment(record.header.time_ms)));
        if record.kind == OpCode::CreateSession.to_wire() {
            self.opened = time;
            let timeout = record.body.first_chunk::<4>();
            self.timeout_ms = timeout.map(|bytes| i32::from_be_bytes(*bytes));
        } else if record.kind == OpCode::CloseSession.to_wire() {
            self.closed = time;
            // A server that closes a session itself has no request to number it by.
            self.closed_by_client = Some(record.header.cxid != 0);
        }
    }
}

#[cfg(test)]
mod tests;
