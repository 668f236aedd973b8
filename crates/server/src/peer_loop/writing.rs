//! Who writes to clients what a batch has for them.

use super::{Connections, PeerLoop};
use crate::connection::SharedConnection;
use crate::shared::Shared;
use std::sync::Arc;
use std::task::Waker;
use zoarium_proto::ConnId;

/// How many connections the loop writes to by itself, even if there are few more.
const WRITES_MIN: usize = 64;

/// How many it writes to at most: longer than that takes, some 2 ms, the next batch must not wait.
const WRITES_MAX: usize = 512;

impl PeerLoop {
    /// Has what was told written: some of it here, the rest by the connections' tasks.
    pub(super) fn flush_connections(&mut self, shared: &Shared) {
        let own = share_of_writes(self.to_flush.len());
        // Others first, for they work at the same time; and all at once, for a thread that is woken
        // for one would be asleep again before the next.
        for connection in self.to_flush.drain(own..) {
            self.to_wake.extend(connection.flush(shared, false, &mut self.spare));
        }
        self.to_wake.drain(..).for_each(Waker::wake);
        for connection in self.to_flush.drain(..) {
            self.to_wake.extend(connection.flush(shared, true, &mut self.spare));
        }
        self.to_wake.drain(..).for_each(Waker::wake);
    }
}

/// How many of so many connections the loop writes to. Of 500 watchers of one znode, the last hears
/// of a change after 1.9 ms if each side writes to half of them; after 2.2 ms if one writes to all.
fn share_of_writes(connections: usize) -> usize {
    connections.min((connections / 2).clamp(WRITES_MIN, WRITES_MAX))
}

/// The connection, noted as one that has something to read. Most of what a batch tells is for the
/// connection of the reply before.
pub(super) fn to_flush<'a>(
    noted: &'a mut Vec<SharedConnection>,
    conn: ConnId,
    connections: &Connections,
) -> Option<&'a SharedConnection> {
    if noted.last().is_none_or(|last| last.id != conn) {
        noted.push(Arc::clone(connections.get(&conn)?));
    }
    noted.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loop_writes_to_half_of_many_but_never_for_long() {
        let shares = [0, 1, 64, 65, 500, 10_000].map(share_of_writes);
        assert_eq!(shares, [0, 1, 64, 64, 250, 512]);
    }
}
