//! What goes over a learner's connection, for operators.

use super::LinkEvent;
use super::connection::Connection;
use crate::clock::wall_ms;
use crate::status::ObserverConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use zoarium_proto::Zxid;
use zoarium_zab::{Message, Packet};

/// Counts of one connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    received: AtomicU64,
    requests: AtomicU64,
    sent: AtomicU64,
    last_zxid: AtomicU64,
}

impl Traffic {
    pub(super) fn note_received(&self, events: &[LinkEvent]) {
        for event in events {
            if let LinkEvent::Message { message, .. } = event {
                self.received.fetch_add(1, Relaxed);
                if let Message::Quorum(Packet::Request(_)) = message {
                    self.requests.fetch_add(1, Relaxed);
                }
            }
        }
    }

    pub(super) fn note_sent(&self, packet: &Packet) {
        self.sent.fetch_add(1, Relaxed);
        if let Packet::Inform(txn) = packet {
            self.last_zxid.store(txn.zxid.0, Relaxed);
        }
    }

    fn reset(&self) {
        for count in [&self.received, &self.requests, &self.sent] {
            count.store(0, Relaxed);
        }
    }
}

/// The connection of an observer that follows this server.
#[derive(Clone, Debug)]
pub(crate) struct ObserverLink(pub(super) Arc<Connection>);

impl ObserverLink {
    /// What operators see of it; `None` if it has just ended.
    pub(crate) fn status(&self) -> Option<ObserverConnection> {
        let Self(connection) = self;
        let traffic = &connection.traffic;
        let age_ms = u64::try_from(connection.age().as_millis()).unwrap_or(u64::MAX);
        let now_ms = u64::try_from(wall_ms()).unwrap_or(0);
        Some(ObserverConnection {
            remote: connection.remote()?,
            server_id: connection.link.peer.0,
            established_ms: now_ms.saturating_sub(age_ms),
            // They wait as bytes.
            queued_packets: 0,
            queued_bytes: connection.waiting(),
            packets_received: traffic.received.load(Relaxed),
            packets_sent: traffic.sent.load(Relaxed),
            requests: traffic.requests.load(Relaxed),
            last_zxid: Zxid(traffic.last_zxid.load(Relaxed)),
        })
    }

    /// Counts from here on.
    pub(crate) fn reset(&self) {
        self.0.traffic.reset();
    }
}
