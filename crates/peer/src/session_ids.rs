//! Ids for new sessions, of which none may have been another's: whose session is over still has
//! its id and password, and would take the session of whoever gets the id next.
//!
//! Ids begin with the time at which the server starts, in milliseconds, and leave room for 65,536
//! sessions in each of them. That is enough while the clock is not set back, as ids are handed out
//! slower than time passes. If it was, a session of this server in the tree shows it, as its id is
//! not behind the first one of now. Around it there may have been others, which are over and
//! forgotten: before it, behind it, and, if the clock was set back before, anywhere. Nothing on
//! disk tells of them. But whoever opened a session has moved the zxid on, so a leap that depends
//! on it ends somewhere else each time. Nothing smaller will do: sessions can be counted by
//! transactions, but not the ids that earlier leaps have left out.
//!
//! If no session is left that shows it, or if sessions were local, which are no transactions, there
//! is only the clock.

use zoarium_proto::{SessionId, Zxid};
use zoarium_tree::Tree;

#[derive(Debug)]
pub(crate) struct SessionIds {
    server_id: u8,
    next: SessionId,
}

impl SessionIds {
    pub(crate) const fn new(server_id: u8, start_ms: u64) -> Self {
        Self { server_id, next: SessionId::first(server_id, start_ms) }
    }

    /// An id that no session had before.
    pub(crate) const fn take(&mut self) -> SessionId {
        let session = self.next;
        self.next = session.next();
        session
    }

    /// Keeps away from ids that were handed out in the history of `tree`.
    pub(crate) fn keep_clear_of(&mut self, tree: &Tree) {
        let own = |id: &&SessionId| id.server_id() == self.server_id;
        let newest = tree.sessions().keys().rev().find(own);
        if let Some(known) = newest.filter(|known| **known >= self.next) {
            self.next = known.advanced(leap(tree.last_zxid())).next();
        }
    }

    /// Goes on behind those that `before` has handed out.
    pub(crate) fn go_on_after(&mut self, before: &Self) {
        self.next = self.next.max(before.next);
    }
}

/// How many places to leap: another number for each zxid, and far from those of all others.
const fn leap(zxid: Zxid) -> u64 {
    /// 2^64 divided by the golden ratio: its multiples are far apart (Knuth, 6.4).
    const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
    // Of the 56 bits of a place, the lower 16 are left to count with.
    zxid.0.wrapping_add(1).wrapping_mul(SCATTER) >> 24 << 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, VecDeque};
    use std::vec::Vec;
    use zoarium_proto::txn::{LoggedTxn, Txn, TxnHeader};
    use zoarium_tree::TreeOptions;

    /// A server whose clock begins at the same time at every start, in an ensemble that has a new
    /// epoch each time. A few sessions live on, of which now the oldest, now the newest end.
    #[test]
    fn ids_are_not_handed_out_again_when_the_clock_is_set_back() {
        let mut tree = Tree::new(TreeOptions::default());
        let (mut seen, mut open) = (BTreeSet::new(), VecDeque::new());
        for epoch in 1..200 {
            let mut ids = SessionIds::new(3, 1_000_000);
            ids.keep_clear_of(&tree);
            let mut zxid = Zxid::new(epoch, 0);
            let mut apply = |session, txn| {
                zxid = zxid.next().unwrap();
                let header = TxnHeader { session, cxid: 0, zxid, time_ms: 0 };
                tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
            };
            for _ in 0..1 + 1000 / epoch {
                let session = ids.take();
                assert!(seen.insert(session), "{session} twice, in epoch {epoch}");
                assert_eq!(session.server_id(), 3);
                apply(session, Txn::CreateSession { timeout_ms: 6000 });
                open.push_back(session);
            }
            while open.len() > 3 {
                let ends = if epoch % 3 == 0 { open.pop_front() } else { open.pop_back() };
                apply(ends.unwrap(), Txn::CloseSession { paths: Vec::new() });
            }
        }
    }

    #[test]
    fn ids_follow_the_clock_while_it_goes_on() {
        let mut tree = Tree::new(TreeOptions::default());
        let mut ids = SessionIds::new(3, 1_000_000);
        let header = TxnHeader { session: ids.take(), cxid: 0, zxid: Zxid::new(7, 1), time_ms: 0 };
        let txn = Txn::CreateSession { timeout_ms: 6000 };
        tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
        ids.keep_clear_of(&tree);
        assert_eq!(ids.take(), SessionId::first(3, 1_000_000).next());
        let mut ids = SessionIds::new(3, 1_000_001);
        ids.keep_clear_of(&tree);
        assert_eq!(ids.take(), SessionId::first(3, 1_000_001));
    }
}
