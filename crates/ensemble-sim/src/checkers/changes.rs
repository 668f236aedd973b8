//! What a txn does, told by the txn alone.

use zoarium_proto::txn::{CreateKind, LoggedTxn, Txn};
use zoarium_proto::{EventType, SessionId};

/// What a txn does to one znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Created { path: String, owner: Option<SessionId>, data: Vec<u8> },
    Deleted { path: String },
    DataSet { path: String, data: Vec<u8> },
    SessionClosed(SessionId),
}

/// Whose a txn is, and whether it has failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) session: SessionId,
    pub(super) cxid: i32,
    pub(super) is_error: bool,
}

/// The changes that a txn makes, in order.
pub(super) fn changes(txn: &[u8]) -> (Header, Vec<Change>) {
    let Ok(txn) = LoggedTxn::decode(txn) else {
        let nobody = Header { session: SessionId::NONE, cxid: 0, is_error: true };
        return (nobody, Vec::new());
    };
    let mut all = Vec::new();
    add(&txn.txn, txn.header.session, &mut all);
    let (session, cxid) = (txn.header.session, txn.header.cxid);
    let is_error = match &txn.txn {
        Txn::Error { .. } => true,
        Txn::Multi(parts) => parts.iter().any(|part| matches!(part, Txn::Error { .. })),
        _ => false,
    };
    (Header { session, cxid, is_error }, all)
}

fn add(txn: &Txn<'_>, session: SessionId, all: &mut Vec<Change>) {
    match txn {
        Txn::Create(create) => {
            let owner = match create.kind {
                CreateKind::Plain { ephemeral: true, .. } => Some(session),
                CreateKind::Plain { .. } | CreateKind::Container | CreateKind::Ttl { .. } => None,
            };
            let data = create.data.unwrap_or_default().to_vec();
            all.push(Change::Created { path: create.path.to_string(), owner, data });
        }
        Txn::Delete { path, .. } => all.push(Change::Deleted { path: path.to_string() }),
        Txn::SetData { path, data, .. } => {
            let data = data.unwrap_or_default().to_vec();
            all.push(Change::DataSet { path: path.to_string(), data });
        }
        Txn::CloseSession { paths } => {
            all.extend(paths.iter().map(|path| Change::Deleted { path: path.to_string() }));
            all.push(Change::SessionClosed(session));
        }
        Txn::Multi(parts) if parts.iter().any(|part| matches!(part, Txn::Error { .. })) => {}
        Txn::Multi(parts) => parts.iter().for_each(|part| add(part, session, all)),
        Txn::CreateSession { .. }
        | Txn::Error { .. }
        | Txn::Reconfig { .. }
        | Txn::SetAcl { .. }
        | Txn::Check { .. } => {}
    }
}

impl Change {
    /// The events that watches of that znode and its parent may be told of.
    pub(super) fn events(&self) -> Vec<(EventType, String)> {
        match self {
            Self::Created { path, .. } => with_parent(EventType::NodeCreated, path),
            Self::Deleted { path } => with_parent(EventType::NodeDeleted, path),
            Self::DataSet { path, .. } => vec![(EventType::NodeDataChanged, path.clone())],
            Self::SessionClosed(_) => Vec::new(),
        }
    }
}

fn with_parent(kind: EventType, path: &str) -> Vec<(EventType, String)> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    vec![(kind, path.to_owned()), (EventType::NodeChildrenChanged, parent.to_owned())]
}
