//! Bounds of the running server.

use std::time::Duration;

/// What clients and the disk may make the server hold or wait for. `None` is unlimited.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `jute.maxbuffer`: the longest frame taken, in bytes.
    pub frame_bytes_max: usize,
    /// `maxClientCnxns`.
    pub connections_per_client_max: Option<u32>,
    /// `maxCnxns`.
    pub connections_max: Option<usize>,
    /// `zookeeper.globalOutstandingLimit`: requests under way in the peer loop.
    pub outstanding_max: usize,
    /// `zookeeper.nio.sessionlessCnxnTimeout`: how long a connection may be without a session.
    pub sessionless_timeout: Duration,
    /// `zookeeper.maxBatchSize`: transactions that share a sync.
    pub sync_batch_max: usize,
    /// `zookeeper.fsync.warningthresholdms`.
    pub fsync_warning: Duration,
}
