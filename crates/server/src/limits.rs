//! Bounds of the running server.

use std::time::Duration;

/// What clients and the disk may make the server hold or wait for. `None` is unlimited.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// `jute.maxbuffer`: the longest frame taken, in bytes.
    pub(crate) frame_bytes_max: usize,
    /// `maxClientCnxns`.
    pub(crate) connections_per_client_max: Option<u32>,
    /// `maxCnxns`.
    pub(crate) connections_max: Option<usize>,
    /// `zookeeper.globalOutstandingLimit`: requests under way in the peer loop.
    pub(crate) outstanding_max: usize,
    /// `zookeeper.nio.sessionlessCnxnTimeout`: how long a connection may be without a session.
    pub(crate) sessionless_timeout: Duration,
    /// `zookeeper.maxBatchSize`: transactions that share a sync.
    pub(crate) sync_batch_max: usize,
    /// `zookeeper.flushDelay` and `zookeeper.maxWriteQueuePollTime`.
    pub(crate) flush_delay: (Duration, Duration),
    /// `zookeeper.fsync.warningthresholdms`.
    pub(crate) fsync_warning: Duration,
}
