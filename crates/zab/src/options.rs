//! What is configured.

use core::time::Duration;
use zoarium_proto::ServerId;

/// The default of [`ZabOptions::rollover_at`].
pub const ROLLOVER_AT: u32 = 0xffff_0000;

/// The default of [`ZabOptions::outstanding_max`].
pub const OUTSTANDING_MAX: usize = 16_384;

/// What is configured about one peer.
#[derive(Clone, Debug)]
pub struct ZabOptions {
    /// This server.
    pub id: ServerId,
    /// What this server is while the membership does not name it. The default is a follower that
    /// does not vote, which is how a server waits to be added.
    pub observer: bool,
    /// `tickTime`.
    pub tick: Duration,
    /// `initLimit`: ticks to join a leader, and for each step of becoming one.
    pub init_limit: u32,
    /// `syncLimit`: ticks of silence between a leader and a learner.
    pub sync_limit: u32,
    /// `zookeeper.commitLogCount`: committed transactions kept in memory for learners.
    pub committed_log_max: usize,
    /// Whether the log on disk is read for learners that need older ones
    /// (`zookeeper.snapshotSizeFactor` not negative).
    pub disk_log_sync: bool,
    /// `zookeeper.forceSnapshotSync`: no learner is ever sent less than everything.
    pub force_snapshot_sync: bool,
    /// How long a new leader waits for a quorum to join it before it heeds that one of its voters is
    /// looking again (`zookeeper.leader.maxTimeToWaitForEpoch`, which is off by default). A voter
    /// that has changed its mind would wait for initLimit (ZOOKEEPER-3109).
    pub wait_for_epoch_max: Duration,
    /// Whether this server's history may be the best there is. False for a server that found its
    /// data directory empty and was not told that it should be (ZOOKEEPER-261): it does not vote.
    pub trust_history: bool,
    /// The counter of a zxid at which a leader stops to propose and makes way for the next epoch.
    /// A transaction that were refused for want of a zxid would be lost, so this is early.
    pub rollover_at: u32,
    /// Most proposals of a leader that are not committed.
    pub outstanding_max: usize,
    /// `reconfigEnabled`.
    pub reconfig_enabled: bool,
    /// `zookeeper.fastleader.minNotificationInterval`.
    pub notify_interval_min: Duration,
    /// `zookeeper.fastleader.maxNotificationInterval`.
    pub notify_interval_max: Duration,
    /// How long an observer that has lost its leader waits before it joins one again, at least
    /// [`CONNECT_PAUSE`](crate::CONNECT_PAUSE). The driver
    /// draws it anew for every server, so that not all observers come to a new leader at once
    /// (`zookeeper.observer.election.DelayMs`, `zookeeper.observer.reconnectDelayMs`).
    pub observer_pause: Duration,
    /// Most observers that are sent a snapshot at the same time; followers always are
    /// (`zookeeper.leader.maxConcurrentSnapSyncs`).
    pub observer_snapshots_max: usize,
    /// How long a better vote is waited for when a quorum agrees (`finalizeWait`).
    pub finalize_wait: Duration,
}

impl ZabOptions {
    /// Apache's defaults, with the limits of its sample configuration.
    pub const fn new(id: ServerId) -> Self {
        Self {
            id,
            observer: false,
            tick: Duration::from_millis(2000),
            init_limit: 10,
            sync_limit: 5,
            committed_log_max: 500,
            disk_log_sync: true,
            force_snapshot_sync: false,
            wait_for_epoch_max: Duration::from_millis(2000),
            trust_history: true,
            rollover_at: ROLLOVER_AT,
            outstanding_max: OUTSTANDING_MAX,
            reconfig_enabled: false,
            notify_interval_min: Duration::from_millis(200),
            notify_interval_max: Duration::from_millis(60_000),
            observer_pause: Duration::ZERO,
            observer_snapshots_max: 10,
            finalize_wait: Duration::from_millis(200),
        }
    }

    /// initLimit as a time.
    pub(crate) fn init_time(&self) -> Duration {
        self.tick.saturating_mul(self.init_limit)
    }

    /// syncLimit as a time.
    pub(crate) fn sync_time(&self) -> Duration {
        self.tick.saturating_mul(self.sync_limit)
    }
}
