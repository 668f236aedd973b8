//! Columns that rows can be sorted by.

use super::{Row, role_text};
use std::cmp::Ordering;
use zoarium_monitor::words::connections::Connection;

/// A column of the table of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerColumn {
    /// Its address.
    Server,
    /// Its role.
    Role,
    /// How far it is behind the leader.
    Lag,
    /// Requests a second.
    Rate,
    /// Requests under way.
    Waiting,
    /// Connections.
    Clients,
    /// Watches.
    Watches,
    /// The latency that 99 of 100 reads do not exceed.
    Reads,
    /// The same of writes.
    Writes,
}

impl ServerColumn {
    /// From left to right.
    pub const ALL: [Self; 9] = [
        Self::Server,
        Self::Role,
        Self::Lag,
        Self::Rate,
        Self::Waiting,
        Self::Clients,
        Self::Watches,
        Self::Reads,
        Self::Writes,
    ];

    /// What stands above it.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Role => "role",
            Self::Lag => "lag",
            Self::Rate => "req/s",
            Self::Waiting => "wait",
            Self::Clients => "conns",
            Self::Watches => "watches",
            Self::Reads => "r p99",
            Self::Writes => "w p99",
        }
    }

    pub(super) fn compare(self, a: &Row, b: &Row) -> Ordering {
        let (x, y) = (&a.facts, &b.facts);
        let order = match self {
            Self::Server => Ordering::Equal,
            Self::Role => role_text(x).cmp(&role_text(y)),
            Self::Lag => a.lag.cmp(&b.lag),
            Self::Rate => decimals(a.rates.received, b.rates.received),
            Self::Waiting => x.srvr.outstanding.cmp(&y.srvr.outstanding),
            Self::Clients => x.srvr.connections.cmp(&y.srvr.connections),
            Self::Watches => x.gauges.watches.cmp(&y.gauges.watches),
            Self::Reads => decimals(x.latencies.read_p99, y.latencies.read_p99),
            Self::Writes => decimals(x.latencies.write_p99, y.latencies.write_p99),
        };
        order.then_with(|| x.target.cmp(&y.target))
    }
}

/// A column of the table of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionColumn {
    /// Where it comes from.
    From,
    /// Its session.
    Session,
    /// The last operation.
    Operation,
    /// Requests received.
    Received,
    /// Replies and events sent.
    Sent,
    /// Requests that wait.
    Queued,
    /// The mean latency.
    Average,
    /// The greatest latency.
    Greatest,
}

impl ConnectionColumn {
    /// From left to right.
    pub const ALL: [Self; 8] = [
        Self::From,
        Self::Session,
        Self::Operation,
        Self::Received,
        Self::Sent,
        Self::Queued,
        Self::Average,
        Self::Greatest,
    ];

    /// What stands above it.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::Session => "session",
            Self::Operation => "last",
            Self::Received => "recv",
            Self::Sent => "sent",
            Self::Queued => "wait",
            Self::Average => "avg",
            Self::Greatest => "max",
        }
    }

    pub(super) fn compare(self, a: &Connection, b: &Connection) -> Ordering {
        let order = match self {
            Self::From => Ordering::Equal,
            Self::Session => a.session.cmp(&b.session),
            Self::Operation => a.last_operation.cmp(&b.last_operation),
            Self::Received => a.received.cmp(&b.received),
            Self::Sent => a.sent.cmp(&b.sent),
            Self::Queued => a.queued.cmp(&b.queued),
            Self::Average => decimals(a.avg_latency_ms, b.avg_latency_ms),
            Self::Greatest => decimals(a.max_latency_ms, b.max_latency_ms),
        };
        order.then_with(|| a.from.cmp(&b.from))
    }
}

/// What is not known is less than anything.
fn decimals(a: Option<f64>, b: Option<f64>) -> Ordering {
    a.unwrap_or(-1.0).total_cmp(&b.unwrap_or(-1.0))
}

/// The next column to a side, if there is one.
pub(super) fn neighbour<C: Copy + PartialEq>(all: &[C], column: C, to_the_right: bool) -> C {
    let at = all.iter().position(|other| *other == column).unwrap_or(0);
    let next = if to_the_right { at + 1 } else { at.saturating_sub(1) };
    all.get(next).copied().unwrap_or(column)
}
