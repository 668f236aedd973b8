//! What a bystander knows of sessions, to judge the peer by. The peer does not see it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zoarium_process::Instant;
use zoarium_proto::SessionId;
use zoarium_proto::txn::{LoggedTxn, Txn};

/// A session that is not over.
#[derive(Clone, Copy, Debug)]
pub struct SessionRecord {
    /// Which.
    pub session: SessionId,
    /// Its timeout.
    pub timeout: Duration,
    /// The client's last sign of life, on the server's clock; the server's start for sessions
    /// older than that.
    pub heard: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Records {
    open: BTreeMap<SessionId, SessionRecord>,
    /// Sessions whose end is decided. With a full disk that may be before they are durable.
    closing: BTreeSet<SessionId>,
}

impl Records {
    /// A session begins, is renewed, or was there at the start.
    pub(super) fn opened(&mut self, session: SessionId, timeout_ms: i32, heard: Instant) {
        if self.closing.contains(&session) {
            return;
        }
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        self.open.insert(session, SessionRecord { session, timeout, heard });
    }

    pub(super) fn heard(&mut self, session: SessionId, now: Instant) {
        if let Some(record) = self.open.get_mut(&session) {
            record.heard = now;
        }
    }

    /// Forgets the session that a txn ends, if it ends one.
    pub(super) fn closing(&mut self, txn: &[u8]) -> Option<SessionRecord> {
        let txn = LoggedTxn::decode(txn).ok()?;
        match txn.txn {
            Txn::CloseSession { .. } => {
                self.closing.insert(txn.header.session);
                self.open.remove(&txn.header.session)
            }
            Txn::CreateSession { .. }
            | Txn::Error { .. }
            | Txn::Create(_)
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::Reconfig { .. }
            | Txn::SetAcl { .. }
            | Txn::Check { .. }
            | Txn::Multi(_) => None,
        }
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &SessionRecord> {
        self.open.values()
    }
}
