//! The audit log: a line for every write, with who asked for it and what became of it
//! (`audit.enable`; Apache: `AuditHelper`). The lines are Apache's.
//!
//! They go to the log under the target [`TARGET`], so that a filter can have them alone. A line is
//! written before the client hears of its request.

mod line;

use crate::peer_loop::Connections;
use line::{Line, Verdict, acl_text, type_name};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use zoarium_peer::{ClientRequest, Request};
use zoarium_proto::create::CreateMode;
use zoarium_proto::multi::{MultiRequest, WriteOp};
use zoarium_proto::request::{CreateRequest, PathVersionRequest, SetAclRequest, SetDataRequest};
use zoarium_proto::{ConnId, DecodeError, OpCode, Reader, SessionId};
use zoarium_tree::Outcome;
use zoarium_tree::access::{AccessRules, Identities};

/// The target of the lines.
const TARGET: &str = "zoarium::audit";

/// What the peer loop keeps for the audit log.
#[derive(Debug)]
pub(crate) struct Audit {
    /// Who the server runs as.
    server_user: String,
    /// By connection, in order: whatever will be delivered or refused. `None` is no write.
    under_way: HashMap<ConnId, VecDeque<Option<Asked>>>,
}

/// A write under way.
#[derive(Debug)]
struct Asked {
    request: ClientRequest,
    ip: Option<IpAddr>,
}

impl Audit {
    pub(crate) fn new() -> Self {
        let server_user = crate::version::user_name();
        Self { server_user, under_way: HashMap::new() }
    }

    /// A request goes to the peer.
    pub(crate) fn admit(&mut self, request: &Request, connections: &Connections) {
        let (conn, asked) = match request {
            Request::Client(request) if request.op.is_write() => {
                let ip = connections.get(&request.conn).map(|it| it.remote.ip());
                (request.conn, Some(Asked { request: request.clone(), ip }))
            }
            Request::Refuse { conn, .. } => (*conn, None),
            Request::Client(_)
            | Request::Connect(_)
            | Request::Disconnected { .. }
            | Request::Heard(_)
            | Request::DiskFull(_)
            | Request::HistoryRead { .. }
            | Request::SnapshotSent { .. }
            | Request::SnapshotReceived => return,
        };
        self.under_way.entry(conn).or_default().push_back(asked);
    }

    /// The oldest request of a connection is refused.
    pub(crate) fn refused(&mut self, conn: ConnId, rules: &AccessRules) {
        self.finished(conn, &Outcome::Error(0), rules);
    }

    /// The oldest request of a connection is done, with this outcome.
    pub(crate) fn finished(&mut self, conn: ConnId, outcome: &Outcome<'_>, rules: &AccessRules) {
        let Some(of_conn) = self.under_way.get_mut(&conn) else { return };
        let asked = of_conn.pop_front().flatten();
        if of_conn.is_empty() {
            self.under_way.remove(&conn);
        }
        let Some(Asked { request, ip }) = asked else { return };
        let users = user_names(&request.identities, rules);
        let line = Line {
            session: Some(request.session),
            user: &users,
            ip,
            operation: "",
            znode: None,
            znode_type: None,
            acl: None,
            verdict: if is_failure(outcome) { Verdict::Failure } else { Verdict::Success },
        };
        // What cannot be read has failed, and there is nothing more to say of it.
        let _unreadable = describe(&request, outcome, &line);
    }

    /// An ephemeral has gone with its session.
    pub(crate) fn ephemeral_gone(&mut self, session: SessionId, path: &str) {
        let line = Line {
            session: Some(session),
            user: &self.server_user,
            ip: None,
            operation: "ephemeralZNodeDeletionOnSessionCloseOrExpire",
            znode: Some(path),
            znode_type: None,
            acl: None,
            verdict: Verdict::Success,
        };
        write(&line);
    }
}

fn describe(
    request: &ClientRequest,
    outcome: &Outcome<'_>,
    line: &Line<'_>,
) -> Result<(), DecodeError> {
    let op = request.op;
    let reader = &mut Reader::new(&request.body);
    if op == OpCode::Multi {
        describe_multi(reader, outcome, line)?;
    } else if op == OpCode::Reconfig {
        write(&Line { operation: "reconfig", ..line.clone() });
    } else if op == OpCode::SetAcl {
        let request = SetAclRequest::decode(reader)?;
        let (znode, acl) = (request.path.as_deref(), request.acl.map(acl_text));
        write(&Line { operation: "setAcl", znode, acl: acl.as_deref(), ..line.clone() });
    } else if op == OpCode::Delete {
        let request = PathVersionRequest::decode(reader)?;
        describe_part(&WriteOp::Delete(request), outcome, line);
    } else if op == OpCode::SetData {
        let request = SetDataRequest::decode(reader)?;
        describe_part(&WriteOp::SetData(request), outcome, line);
    } else if is_create(op) {
        let request = CreateRequest::decode(op, reader)?;
        describe_part(&WriteOp::Create(op, request), outcome, line);
    }
    Ok(())
}

/// A multi that was done has a line for each part; one that was not, a line for the whole.
fn describe_multi(
    reader: &mut Reader<'_>,
    outcome: &Outcome<'_>,
    line: &Line<'_>,
) -> Result<(), DecodeError> {
    match (MultiRequest::decode(reader)?, outcome) {
        (MultiRequest::Writes(parts), Outcome::Multi(outcomes)) if !is_failure(outcome) => {
            for (part, outcome) in parts.iter().zip(outcomes) {
                describe_part(part, outcome, line);
            }
        }
        (MultiRequest::Writes(_) | MultiRequest::Reads(_) | MultiRequest::Empty, _) => {
            write(&Line { operation: "multiOperation", ..line.clone() });
        }
    }
    Ok(())
}

fn describe_part(part: &WriteOp<'_>, outcome: &Outcome<'_>, line: &Line<'_>) {
    let (operation, znode_type) = match part {
        WriteOp::Create(_, request) => {
            ("create", CreateMode::from_wire(request.flags).map(type_name))
        }
        WriteOp::Delete(_) => ("delete", None),
        WriteOp::SetData(_) => ("setData", None),
        WriteOp::Check(_) => return,
    };
    // Only a created znode can have another path than was asked for.
    let znode = if let Outcome::Created { path, .. } = outcome { Some(*path) } else { part.path() };
    write(&Line { operation, znode, znode_type, ..line.clone() });
}

/// Notes that the server has started, or could not.
pub(crate) fn server_started(is_failure: bool) {
    let verdict = if is_failure { Verdict::Failure } else { Verdict::Success };
    server_line("serverStart", verdict);
}

/// Notes that the server is being stopped.
pub(crate) fn server_stops() {
    server_line("serverStop", Verdict::Invoked);
}

fn server_line(operation: &'static str, verdict: Verdict) {
    let line = Line {
        session: None,
        user: &crate::version::user_name(),
        ip: None,
        operation,
        znode: None,
        znode_type: None,
        acl: None,
        verdict,
    };
    write(&line);
}

/// Failures are errors, as in Apache, so that a filter can have them alone.
fn write(line: &Line<'_>) {
    match line.verdict {
        Verdict::Failure => tracing::error!(target: TARGET, "{line}"),
        Verdict::Success | Verdict::Invoked => tracing::info!(target: TARGET, "{line}"),
    }
}

fn is_create(op: OpCode) -> bool {
    matches!(op, OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl)
}

fn is_failure(outcome: &Outcome<'_>) -> bool {
    match outcome {
        Outcome::Error(_) => true,
        Outcome::Multi(parts) => parts.iter().any(is_failure),
        Outcome::Created { .. }
        | Outcome::Deleted
        | Outcome::DataSet { .. }
        | Outcome::AclSet { .. }
        | Outcome::Checked
        | Outcome::SessionCreated
        | Outcome::SessionClosed => false,
    }
}

/// The names of all identities; those that have none are left out.
fn user_names(identities: &Identities, rules: &AccessRules) -> String {
    let names = identities.iter().map(|id| rules.user_name(id)).filter(|name| !name.is_empty());
    names.collect::<Vec<_>>().join(",")
}
