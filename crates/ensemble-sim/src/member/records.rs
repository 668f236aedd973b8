//! What a bystander knows of sessions, to judge the peer by. The peer does not see it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zoarium_process::Instant;
use zoarium_proto::txn::{LoggedTxn, Txn};
use zoarium_proto::{Reader, SessionId};
use zoarium_zab::{Message, Packet};

/// A session that is not over.
#[derive(Clone, Copy, Debug)]
pub struct SessionRecord {
    /// Which.
    pub session: SessionId,
    /// Its timeout.
    pub timeout: Duration,
    /// When the server that decides learned of the client's last sign of life, on its clock. For
    /// sessions older than its reign, when that began.
    pub heard: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Records {
    open: BTreeMap<SessionId, SessionRecord>,
    /// Sessions whose end is decided. With a full disk that may be before they are durable.
    closing: BTreeSet<SessionId>,
    /// Whom the peer was told last that this server has heard of, and when.
    told: BTreeMap<SessionId, Instant>,
    /// What the leader is to be told with the next answer to a ping.
    reported: BTreeSet<SessionId>,
}

impl Records {
    /// The server begins to serve, and gives every session its timeout in full.
    pub(super) fn restart(&mut self, sessions: &BTreeMap<SessionId, i32>, now: Instant) {
        *self = Self::default();
        for (session, timeout_ms) in sessions {
            self.opened(*session, *timeout_ms, now);
        }
    }

    /// A session begins or is renewed.
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

    /// Whom the peer is told to have been heard of, and when last.
    pub(super) fn reported(&mut self, heard: &[(SessionId, Instant)]) {
        let is_news = |(session, at): &&(SessionId, Instant)| {
            self.told.get(session).is_none_or(|told| told < at)
        };
        self.reported.extend(heard.iter().filter(is_news).map(|(session, _)| *session));
        self.told = heard.iter().copied().collect();
    }

    pub(super) fn take_reported(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.reported).into_iter().collect()
    }

    /// A learner tells its leader of sessions: by an answer to a ping, which has `heard` beside it,
    /// by a request of one, or by asking for one.
    pub(super) fn told(&mut self, now: Instant, message: &Message, heard: &[SessionId]) {
        heard.iter().for_each(|session| self.heard(*session, now));
        if let Message::Quorum(Packet::Request(request)) = message {
            self.heard_of(&request.bytes, now);
        }
        if let Message::Quorum(Packet::Revalidate(question)) = message {
            self.heard_of(question, now);
        }
    }

    fn heard_of(&mut self, bytes: &[u8], now: Instant) {
        if let Ok(session) = Reader::new(bytes).long() {
            self.heard(SessionId(session), now);
        }
    }

    /// A txn that opens a session is delivered to the server that decides.
    pub(super) fn delivered(&mut self, txn: &LoggedTxn<'_>, now: Instant) {
        if let Txn::CreateSession { timeout_ms } = txn.txn {
            self.opened(txn.header.session, timeout_ms, now);
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
