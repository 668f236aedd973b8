//! A tree that is too simple to be wrong: an ordered map from paths to znodes.

use std::collections::BTreeMap;

use zoarium_proto::create::Owner;
use zoarium_proto::txn::{CreateKind, CreateTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, ErrorCode, RawStat, SessionId};

use super::{ACLS, LIMITS, Op, QUOTA_OF, STATS};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Znode {
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) acl: Vec<u8>,
    pub(crate) stat: RawStat,
}

#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The root is at `/`.
    pub(crate) znodes: BTreeMap<String, Znode>,
    pub(crate) sessions: BTreeMap<SessionId, i32>,
}

impl Reference {
    pub(crate) fn new() -> Self {
        let mut reference = Self { znodes: BTreeMap::new(), sessions: BTreeMap::new() };
        for path in zoarium_proto::path::RESERVED {
            let config = path == zoarium_proto::path::CONFIG;
            let acl = if config { AclList::READ_ONLY } else { AclList::OPEN };
            let stat = RawStat { aversion: if config { -1 } else { 0 }, ..RawStat::default() };
            let znode = Znode { data: Some(Vec::new()), acl: acl.encoded().into(), stat };
            reference.znodes.insert(path.into(), znode);
        }
        reference
    }

    pub(crate) fn children<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = if path == "/" { String::from("/") } else { format!("{path}/") };
        self.znodes.keys().filter_map(move |child| {
            let name = child.strip_prefix(&prefix)?;
            (!name.is_empty() && !name.contains('/')).then_some(name)
        })
    }

    pub(crate) fn owned_by(&self, session: SessionId) -> Vec<String> {
        let owned = self.znodes.iter();
        owned
            .filter(|(_, znode)| Owner::from_raw(znode.stat.owner) == Owner::Session(session))
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// What a leader would make of an operation: a transaction that fits the tree, or an error.
    pub(crate) fn prepare<'a>(&self, session: SessionId, op: &'a Op) -> Txn<'a> {
        let refused = |code: ErrorCode| Txn::Error { code: code.to_wire() };
        let known = self.sessions.contains_key(&session);
        match op {
            Op::CreateSession => Txn::CreateSession { timeout_ms: 4000 },
            Op::CloseSession => Txn::CloseSession {
                paths: self.owned_by(session).into_iter().map(Into::into).collect(),
            },
            Op::Create { path, data, acl, kind } => {
                let ephemeral = matches!(kind, CreateKind::Plain { ephemeral: true, .. });
                match self.znodes.get(parent(path)) {
                    _ if ephemeral && !known => refused(ErrorCode::SessionExpired),
                    Some(_) if self.znodes.contains_key(path) => refused(ErrorCode::NodeExists),
                    Some(parent) if is_ephemeral(parent) => {
                        refused(ErrorCode::NoChildrenForEphemerals)
                    }
                    Some(parent) => Txn::Create(CreateTxn {
                        path: path.into(),
                        data: data.as_deref(),
                        acl: AclList::from_encoded(&ACLS[*acl]).unwrap(),
                        kind: *kind,
                        parent_cversion: parent.stat.cversion + 1,
                    }),
                    None => refused(ErrorCode::NoNode),
                }
            }
            Op::Delete { path } => match self.znodes.get(path) {
                _ if zoarium_proto::path::RESERVED.contains(&&**path) => {
                    refused(ErrorCode::BadArguments)
                }
                None => refused(ErrorCode::NoNode),
                Some(_) if self.children(path).next().is_some() => refused(ErrorCode::NotEmpty),
                Some(_) => Txn::Delete { path: path.into(), reaped: false },
            },
            Op::SetData { path, data } => match self.znodes.get(path) {
                None => refused(ErrorCode::NoNode),
                Some(znode) => Txn::SetData {
                    path: path.into(),
                    data: data.as_deref(),
                    version: znode.stat.version + 1,
                },
            },
            Op::SetAcl { path, acl } => match self.znodes.get(path) {
                None => refused(ErrorCode::NoNode),
                Some(znode) => Txn::SetAcl {
                    path: path.into(),
                    acl: AclList::from_encoded(&ACLS[*acl]).unwrap(),
                    version: znode.stat.aversion + 1,
                },
            },
            Op::Multi(parts) => self.prepare_multi(session, parts),
        }
    }

    fn prepare_multi<'a>(&self, session: SessionId, parts: &'a [Op]) -> Txn<'a> {
        let mut ahead = self.clone();
        let header = TxnHeader { session, cxid: 0, zxid: super::Zxid::ZERO, time_ms: 0 };
        let mut prepared = Vec::new();
        let mut failed = false;
        for part in parts {
            let txn = if failed {
                Txn::Error { code: ErrorCode::RuntimeInconsistency.to_wire() }
            } else {
                ahead.prepare(session, part)
            };
            failed |= matches!(txn, Txn::Error { .. });
            ahead.apply(&header, &txn);
            prepared.push(txn);
        }
        Txn::Multi(prepared)
    }

    /// Applies a transaction as fits a tree that may be anything. Whether it did what it says.
    pub(crate) fn apply(&mut self, header: &TxnHeader, txn: &Txn<'_>) -> bool {
        let done = match txn {
            Txn::CreateSession { timeout_ms } => {
                self.sessions.insert(header.session, *timeout_ms);
                true
            }
            Txn::CloseSession { paths } => {
                self.sessions.remove(&header.session);
                for path in paths {
                    self.delete(header, path);
                }
                for path in self.owned_by(header.session) {
                    self.delete(header, &path);
                }
                true
            }
            Txn::Error { .. } => false,
            Txn::Create(create) => self.create(header, create),
            Txn::Delete { path, .. } => self.delete(header, path),
            Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => {
                self.znodes.get_mut(alias(path)).is_some_and(|znode| {
                    znode.data = data.map(Into::into);
                    znode.stat.version = *version;
                    znode.stat.mzxid = header.zxid;
                    znode.stat.mtime = header.time_ms;
                    true
                })
            }
            Txn::SetAcl { path, acl, version } => {
                self.znodes.get_mut(alias(path)).is_some_and(|znode| {
                    znode.acl = acl.encoded().into();
                    znode.stat.aversion = *version;
                    true
                })
            }
            Txn::Check { .. } => true,
            Txn::Multi(parts) => {
                let failed = parts.iter().any(|part| matches!(part, Txn::Error { .. }));
                for part in parts.iter().filter(|_| !failed) {
                    self.apply(header, part);
                }
                true
            }
        };
        self.update_usage();
        done
    }

    fn create(&mut self, header: &TxnHeader, create: &CreateTxn<'_>) -> bool {
        let path = &*create.path;
        let parent = self.znodes.get_mut(parent(path)).filter(|_| is_valid(path));
        let Some(parent) = parent else { return false };
        if create.parent_cversion > parent.stat.cversion {
            parent.stat.cversion = create.parent_cversion;
            parent.stat.pzxid = header.zxid;
        }
        if let Some(existing) = self.znodes.get_mut(path) {
            existing.acl = create.acl.encoded().into();
            return false;
        }
        let owner = match create.kind {
            CreateKind::Plain { ephemeral: false, .. } => Owner::None,
            CreateKind::Plain { ephemeral: true, .. } => Owner::Session(header.session),
            CreateKind::Container => Owner::Container,
            CreateKind::Ttl { ttl_ms } => Owner::Ttl(ttl_ms),
        };
        let stat = RawStat {
            czxid: header.zxid,
            mzxid: header.zxid,
            pzxid: header.zxid,
            ctime: header.time_ms,
            mtime: header.time_ms,
            owner: owner.to_raw(),
            ..RawStat::default()
        };
        let acl = create.acl.encoded().into();
        self.znodes.insert(path.into(), Znode { data: create.data.map(Into::into), acl, stat });
        true
    }

    fn delete(&mut self, header: &TxnHeader, path: &str) -> bool {
        if !is_valid(path) {
            return false;
        }
        if let Some(parent) = self.znodes.get_mut(parent(path)) {
            parent.stat.pzxid = parent.stat.pzxid.max(header.zxid);
        }
        let below = format!("{path}/");
        self.znodes.retain(|other, _| !other.starts_with(&below));
        self.znodes.remove(path).is_some()
    }

    /// Keeps the one quota's usage, if it has both its znodes.
    fn update_usage(&mut self) {
        if !self.znodes.contains_key(LIMITS) {
            return;
        }
        let below = format!("{QUOTA_OF}/");
        let covered = self
            .znodes
            .iter()
            .filter(|(path, _)| *path == QUOTA_OF || path.starts_with(&below))
            .map(|(_, znode)| znode.data.as_ref().map_or(0, Vec::len));
        let (count, bytes) = covered.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        if let Some(stats) = self.znodes.get_mut(STATS) {
            stats.data = Some(format!("count={count},bytes={bytes}").into_bytes());
        }
    }
}

fn is_ephemeral(znode: &Znode) -> bool {
    matches!(Owner::from_raw(znode.stat.owner), Owner::Session(_))
}

fn is_valid(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|names| !names.split('/').any(str::is_empty))
}

/// The root is `/`, but it is found as the empty path too.
fn alias(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => "none",
    }
}
