//! What a transaction does to the tree: one function for live transactions and for replay.
//!
//! Replay runs over trees that already hold some of the changes, so every rule here is harmless
//! when it meets its own effect again.

use alloc::vec::Vec;

use zoarium_proto::create::{Owner, TTL_MS_MAX};
use zoarium_proto::path::CONFIG;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, ErrorCode, RawStat, SessionId, Stat, Zxid};

use crate::Tree;
use crate::foresight::{Foreseen, ForeseenWrite, Foresight};
use crate::store::NewZnode;
use crate::store::arena::Slot;
use crate::tree::parent_and_name;
use crate::znode::Znode;

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<'t> {
    /// What it did.
    pub outcome: Outcome<'t>,
    /// Whether the tree's digest is the one that was logged with it; `None` if there is nothing to
    /// compare with.
    pub digest_matches: Option<bool>,
}

/// What a transaction, or a part of a multi, did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'t> {
    /// A znode was created.
    Created {
        /// Its path.
        path: &'t str,
        /// Its stat.
        stat: Stat,
    },
    /// A znode was deleted.
    Deleted,
    /// Data was set, of any znode or of the configuration's.
    DataSet {
        /// The znode's stat.
        stat: Stat,
    },
    /// An ACL was set.
    AclSet {
        /// The znode's stat.
        stat: Stat,
    },
    /// A version was found as expected.
    Checked,
    /// A session began.
    SessionCreated,
    /// A session ended.
    SessionClosed,
    /// Nothing was done. The code as it stands on the wire; 0 for the parts of a failed multi
    /// before the one that failed.
    Error(i32),
    /// What each part did.
    Multi(Vec<Self>),
}

impl From<ErrorCode> for Outcome<'_> {
    fn from(code: ErrorCode) -> Self {
        Self::Error(code.to_wire())
    }
}

/// What happened to a znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was created.
    Created,
    /// It was deleted.
    Deleted,
    /// Its data was set.
    DataChanged,
}

/// A change that watches may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// What happened.
    pub kind: ChangeKind,
    /// To which znode.
    pub path: &'a str,
    /// By which transaction.
    pub zxid: Zxid,
    /// The znode's ACL; of a deleted one, that before.
    pub acl: AclList<'a>,
    /// The parent's ACL; `None` for the root.
    pub parent_acl: Option<AclList<'a>>,
}

/// Told of each change, in order, right after it.
pub type OnChange<'f> = dyn FnMut(Change<'_>) + 'f;

impl Tree {
    /// Applies a transaction. Nothing in it can make this fail or panic: what does not fit the
    /// tree has no effect and says so in the outcome.
    ///
    /// `on_change` is not called for a multi that failed.
    pub fn apply<'t>(
        &mut self,
        txn: &'t LoggedTxn<'_>,
        on_change: &mut OnChange<'_>,
    ) -> Applied<'t> {
        self.apply_foreseen(txn, &Foresight::Nothing, on_change)
    }

    /// As [`Tree::apply`], for a transaction that was decided by this tree and those before it, with
    /// what was foreseen then.
    pub fn apply_foreseen<'t>(
        &mut self,
        txn: &'t LoggedTxn<'_>,
        foresight: &Foresight,
        on_change: &mut OnChange<'_>,
    ) -> Applied<'t> {
        let zxid = txn.header.zxid;
        let outcome = if let Txn::Multi(parts) = &txn.txn {
            self.multi(&txn.header, parts, foresight, on_change)
        } else {
            self.apply_txn(&txn.header, &txn.txn, foresight.write(), on_change)
        };
        // Only after the last part of a multi: a snapshot in between must not claim all of it
        // (ZOOKEEPER-3127).
        self.last_zxid = self.last_zxid.max(zxid);
        Applied { outcome, digest_matches: self.digests.after(zxid, txn.digest) }
    }

    fn apply_txn<'t>(
        &mut self,
        header: &TxnHeader,
        txn: &'t Txn<'_>,
        foreseen: Option<&ForeseenWrite>,
        on_change: &mut OnChange<'_>,
    ) -> Outcome<'t> {
        let done = match txn {
            Txn::CreateSession { timeout_ms } => {
                self.sessions.insert(header.session, *timeout_ms);
                Ok(Outcome::SessionCreated)
            }
            Txn::CloseSession { paths } => {
                // The table first: a snapshot that has the session must have its ephemerals
                // (ZOOKEEPER-3144).
                self.sessions.remove(&header.session);
                for path in paths {
                    // What is gone already is gone.
                    let _ = self.delete(header.zxid, path, None, on_change);
                }
                self.delete_ephemerals(header.session, header.zxid, on_change);
                Ok(Outcome::SessionClosed)
            }
            Txn::Error { code } => Ok(Outcome::Error(*code)),
            Txn::Create(create) => self.create(header, create, foreseen, on_change),
            Txn::Delete { path, reaped: _ } => self.delete(header.zxid, path, foreseen, on_change),
            Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => {
                self.set_data(header, path, (*data, *version), foreseen, on_change)
            }
            Txn::SetAcl { path, acl, version } => self.set_acl(path, *acl, *version, foreseen),
            Txn::Check { .. } => Ok(Outcome::Checked),
            Txn::Multi(parts) => Ok(self.multi(header, parts, &Foresight::Nothing, on_change)),
        };
        done.unwrap_or_else(Outcome::from)
    }

    fn multi<'t>(
        &mut self,
        header: &TxnHeader,
        parts: &'t [Txn<'_>],
        foresight: &Foresight,
        on_change: &mut OnChange<'_>,
    ) -> Outcome<'t> {
        let is_error = |part: &Txn<'_>| matches!(part, Txn::Error { .. });
        let Some(failed) = parts.iter().position(is_error) else {
            let apply = |(number, part): (usize, &'t Txn<'_>)| {
                self.apply_txn(header, part, foresight.part(number), on_change)
            };
            return Outcome::Multi(parts.iter().enumerate().map(apply).collect());
        };
        let outcome = |(at, part): (usize, &Txn<'_>)| {
            if let Txn::Error { code } = part {
                Outcome::Error(*code)
            } else if at < failed {
                Outcome::Error(0)
            } else {
                ErrorCode::RuntimeInconsistency.into()
            }
        };
        Outcome::Multi(parts.iter().enumerate().map(outcome).collect())
    }

    fn create<'t>(
        &mut self,
        header: &TxnHeader,
        create: &'t CreateTxn<'_>,
        foreseen: Option<&ForeseenWrite>,
        on_change: &mut OnChange<'_>,
    ) -> Result<Outcome<'t>, ErrorCode> {
        let path = &*create.path;
        let (parent_path, name) = parent_and_name(path).ok_or(ErrorCode::NoNode)?;
        let of_parent = foreseen.map(|write| &write.parent);
        let parent = self.find_foreseen(parent_path, of_parent).ok_or(ErrorCode::NoNode)?;
        let digest = of_parent.map(Foreseen::digest);
        self.raise_cversion(parent, create.parent_cversion, header.zxid, digest);
        let stat = RawStat {
            czxid: header.zxid,
            mzxid: header.zxid,
            pzxid: header.zxid,
            ctime: header.time_ms,
            mtime: header.time_ms,
            owner: owner_of(header, create.kind).to_raw(),
            ..RawStat::default()
        };
        let acl = self.acquire_acl(create.acl);
        let znode = NewZnode { parent, name, path, data: create.data, stat, acl };
        match self.add(&znode, foreseen.map(|write| write.znode.digest())) {
            Ok(slot) => {
                self.quota_after_create(path, create.data.map_or(0, <[u8]>::len));
                self.tell(ChangeKind::Created, slot, path, header.zxid, on_change);
                Ok(Outcome::Created { path, stat: Znode::new(self, slot).stat() })
            }
            Err(existing) => {
                // Replay over a fuzzy snapshot, which may hold the znode with an ACL that was not
                // known when its ACLs were written (ZOOKEEPER-3306).
                self.put_acl(existing, acl);
                Err(ErrorCode::NodeExists)
            }
        }
    }

    /// Counts a create in the parent, unless a later one is counted already.
    fn raise_cversion(&mut self, parent: Slot, cversion: i32, zxid: Zxid, digest: Option<u32>) {
        self.change_stat(parent, digest, |stat| {
            let cversion = if cversion == -1 { stat.cversion.wrapping_add(1) } else { cversion };
            if cversion > stat.cversion {
                stat.cversion = cversion;
                stat.pzxid = zxid;
            }
        });
    }

    fn delete<'t>(
        &mut self,
        zxid: Zxid,
        path: &str,
        foreseen: Option<&ForeseenWrite>,
        on_change: &mut OnChange<'_>,
    ) -> Result<Outcome<'t>, ErrorCode> {
        let found = self.find_foreseen(path, foreseen.map(|write| &write.znode));
        let parent = match found {
            Some(Slot::ROOT) => return Err(ErrorCode::NoNode),
            Some(slot) => self.store.arena.get(slot).parent,
            None => {
                let (parent_path, _) = parent_and_name(path).ok_or(ErrorCode::NoNode)?;
                self.store.find(parent_path).ok_or(ErrorCode::NoNode)?
            }
        };
        self.raise_pzxid(parent, zxid, foreseen.map(|write| write.parent.digest()));
        let slot = found.ok_or(ErrorCode::NoNode)?;
        self.cut_descendants(slot);
        let record = self.cut(slot, path);
        self.quota_after_delete(path, record.data_length());
        on_change(Change {
            kind: ChangeKind::Deleted,
            path,
            zxid,
            acl: self.acls.list(record.acl),
            parent_acl: Some(Znode::new(self, parent).acl()),
        });
        self.acls.release(record.acl);
        Ok(Outcome::Deleted)
    }

    /// In replay over a fuzzy snapshot, a znode that was deleted, created again and filled may be
    /// met full by its first delete. Its children are of the later life and come back with it.
    fn cut_descendants(&mut self, slot: Slot) {
        let descendants: Vec<Slot> = self.store.descendants(slot).collect();
        for slot in descendants.into_iter().rev() {
            let path = self.store.path(slot);
            let record = self.cut(slot, &path);
            self.quota_after_delete(&path, record.data_length());
            self.acls.release(record.acl);
        }
    }

    fn raise_pzxid(&mut self, parent: Slot, zxid: Zxid, digest: Option<u32>) {
        self.change_stat(parent, digest, |stat| stat.pzxid = stat.pzxid.max(zxid));
    }

    /// The znode at `path`, which is perhaps where it was foreseen.
    fn find_foreseen(&self, path: &str, foreseen: Option<&Foreseen>) -> Option<Slot> {
        let at = foreseen.and_then(|foreseen| self.store.at(foreseen, path));
        at.or_else(|| self.store.find(path))
    }

    fn set_data<'t>(
        &mut self,
        header: &TxnHeader,
        path: &str,
        (data, version): (Option<&[u8]>, i32),
        foreseen: Option<&ForeseenWrite>,
        on_change: &mut OnChange<'_>,
    ) -> Result<Outcome<'t>, ErrorCode> {
        let foreseen = foreseen.map(|write| &write.znode);
        let slot = self.find_foreseen(path, foreseen).ok_or(ErrorCode::NoNode)?;
        let old_length = self.store.arena.get(slot).data_length();
        let stat = self.store.arena.extra_mut(slot);
        stat.version = version;
        stat.mzxid = header.zxid;
        stat.mtime = header.time_ms;
        self.put_data(slot, path, data, foreseen.map(Foreseen::digest));
        self.quota_after_set_data(path, old_length, data.map_or(0, <[u8]>::len));
        self.tell(ChangeKind::DataChanged, slot, path, header.zxid, on_change);
        Ok(Outcome::DataSet { stat: Znode::new(self, slot).stat() })
    }

    fn set_acl<'t>(
        &mut self,
        path: &str,
        acl: AclList<'_>,
        version: i32,
        foreseen: Option<&ForeseenWrite>,
    ) -> Result<Outcome<'t>, ErrorCode> {
        let foreseen = foreseen.map(|write| &write.znode);
        let slot = self.find_foreseen(path, foreseen).ok_or(ErrorCode::NoNode)?;
        let acl = self.acquire_acl(acl);
        self.put_acl(slot, acl);
        self.change_stat(slot, foreseen.map(Foreseen::digest), |stat| stat.aversion = version);
        Ok(Outcome::AclSet { stat: Znode::new(self, slot).stat() })
    }

    /// Deletes what a session owns, without a transaction: for sessions that recovery finds as
    /// owners but not in the table.
    pub fn delete_ephemerals(
        &mut self,
        session: SessionId,
        zxid: Zxid,
        on_change: &mut OnChange<'_>,
    ) {
        let slots: Vec<Slot> = self.owners.ephemerals(session).collect();
        for slot in slots {
            let path = self.store.path(slot);
            // It was found a moment ago.
            let _ = self.delete(zxid, &path, None, on_change);
        }
    }

    /// Writes the configuration that the server runs with into its znode if it is not there,
    /// without a transaction, as each server does for itself when it starts (Apache's
    /// `initConfigInZKDatabase`).
    pub fn put_config(&mut self, text: &[u8], version: Zxid, now_ms: i64) {
        if self.find(CONFIG).is_some_and(|znode| znode.data() == Some(text)) {
            return;
        }
        let header =
            TxnHeader { session: SessionId::NONE, cxid: 0, zxid: version, time_ms: now_ms };
        self.add_reserved();
        // The znode was added if it was not there.
        let _ = self.set_data(&header, CONFIG, (Some(text), -1), None, &mut |_| {});
    }

    fn tell(
        &self,
        kind: ChangeKind,
        slot: Slot,
        path: &str,
        zxid: Zxid,
        on_change: &mut OnChange<'_>,
    ) {
        let record = self.store.arena.get(slot);
        let parent_acl = (slot != Slot::ROOT).then(|| Znode::new(self, record.parent).acl());
        on_change(Change { kind, path, zxid, acl: self.acls.list(record.acl), parent_acl });
    }
}

fn owner_of(header: &TxnHeader, kind: CreateKind) -> Owner {
    match kind {
        CreateKind::Plain { ephemeral: false, .. } => Owner::None,
        CreateKind::Plain { ephemeral: true, .. } => Owner::Session(header.session),
        CreateKind::Container => Owner::Container,
        CreateKind::Ttl { ttl_ms } => Owner::Ttl(ttl_ms & TTL_MS_MAX),
    }
}
