//! How many servers there are and how they are set up: drawn from the seed, as the plan is.

use crate::bug::Bug;
use crate::disk::DiskSettings;
use crate::member::{MemberOptions, ZabSetup};
use crate::participant::Name;
use std::sync::Arc;
use std::time::Duration;
use zoarium_proto::{Membership, ServerId};
use zoarium_sim::{Names, Rng, setup_seed};
use zoarium_zab::ZabOptions;

/// Which servers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the seed says.
    Drawn,
    /// One, that is no ensemble.
    Alone,
    /// An ensemble.
    Ensemble {
        /// How many vote.
        voters: u8,
        /// How many only learn.
        observers: u8,
    },
    /// An ensemble of this many voters that changes, and servers that are not in it yet.
    Changing {
        /// How many vote.
        voters: u8,
        /// How many wait.
        spares: u8,
    },
}

/// What the seed has decided before anything happens.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    voters: u8,
    observers: u8,
    /// Servers that are not in the ensemble, if it may change.
    spares: Option<u8>,
    is_alone: bool,
    snap_count: u64,
    committed_log_max: usize,
    disk_log_sync: bool,
    force_snapshot_sync: bool,
    leader_serves: bool,
    rollover_at: u32,
}

/// How many clients there are.
const CLIENTS: u8 = 3;

/// Half of it passes between pings.
const TICK: Duration = Duration::from_millis(500);

/// Ticks to join a leader.
const INIT_LIMIT: u32 = 6;

/// Ticks of silence between a leader and a learner.
const SYNC_LIMIT: u32 = 4;

/// How long an election waits between notifications, at most. Apache waits for a minute.
const NOTIFY_INTERVAL_MAX: Duration = Duration::from_millis(3000);

/// The label of the stream that setups are drawn from.
const STREAM: u64 = 0x7365_7475;

impl Setup {
    /// The setup of a seed.
    pub fn new(kind: Kind, seed: u64) -> Self {
        let mut rng = Rng::stream(setup_seed(seed), &[STREAM]);
        let mut one_of = |all: &[u64]| all[rng.index(all.len())];
        let voters = u8::try_from(one_of(&[0, 1, 3, 3, 3, 3, 3, 3, 5, 5])).unwrap_or(0);
        let observers = u8::try_from(one_of(&[0, 0, 0, 1, 1, 2])).unwrap_or(0);
        let (voters, observers) = match kind {
            Kind::Drawn => (voters, if voters < 3 { 0 } else { observers }),
            Kind::Alone => (0, 0),
            Kind::Ensemble { voters, observers } => (voters, observers),
            Kind::Changing { voters, .. } => (voters, 0),
        };
        let drawn_spares = one_of(&[0, 0, 1, 2, 3]).checked_sub(1);
        let drawn_spares = drawn_spares.and_then(|spares| u8::try_from(spares).ok());
        Self {
            voters: voters.max(1),
            observers,
            spares: match kind {
                Kind::Drawn if voters >= 3 => drawn_spares,
                Kind::Changing { spares, .. } => Some(spares),
                Kind::Drawn | Kind::Alone | Kind::Ensemble { .. } => None,
            },
            is_alone: voters == 0,
            snap_count: one_of(&[12, 40, 40, 120]),
            committed_log_max: usize::try_from(one_of(&[3, 20, 20, 500])).unwrap_or(1),
            disk_log_sync: one_of(&[0, 1, 1]) == 1,
            force_snapshot_sync: one_of(&[0, 0, 0, 0, 0, 1]) == 1,
            leader_serves: one_of(&[0, 1, 1, 1, 1, 1]) == 1 || voters < 2,
            rollover_at: u32::try_from(one_of(&[
                u64::from(u32::MAX) - 1,
                60,
                u64::from(u32::MAX) - 1,
            ]))
            .unwrap_or(u32::MAX - 1),
        }
    }

    /// Whether there are changes of the ensemble.
    pub const fn changes(&self) -> bool {
        self.spares.is_some()
    }

    /// Whether all others manage if one server does not come back. Who is in an ensemble that
    /// changes, nobody knows beforehand.
    pub const fn can_lose_one(&self) -> bool {
        self.voters > 2 && !self.changes()
    }

    /// Servers that keep little of what is older, so that a short run has everything in it. With
    /// `spares`, if only none, the ensemble may change.
    pub const fn scripted(voters: u8, observers: u8, spares: Option<u8>) -> Self {
        Self {
            voters,
            observers,
            spares,
            is_alone: false,
            snap_count: 12,
            committed_log_max: 3,
            disk_log_sync: true,
            force_snapshot_sync: false,
            leader_serves: true,
            rollover_at: u32::MAX - 1,
        }
    }

    /// The same, with learners that are always sent everything.
    #[must_use]
    pub const fn with_snapshots(self) -> Self {
        Self { force_snapshot_sync: true, ..self }
    }

    /// All who take part.
    pub fn names(&self) -> Names<Name> {
        let servers = self.servers().map(|id| (Name::Server(id), format!("s{id}")));
        let clients = (1..=CLIENTS).map(|number| (Name::Client(number), format!("c{number}")));
        Names::new(servers.chain(clients))
    }

    /// The ids of all servers.
    pub fn servers(&self) -> impl Iterator<Item = u8> + use<> {
        1..=self.voters + self.observers + self.spares.unwrap_or(0)
    }

    /// How the disk of a server is used.
    pub const fn disk(&self, bug: Option<Bug>) -> DiskSettings {
        DiskSettings { snap_count: self.snap_count, bug }
    }

    /// How a server is set up.
    pub fn member(&self, id: u8, bug: Option<Bug>) -> MemberOptions {
        let mut options = MemberOptions::new(bug);
        options.peer.server_id = id;
        options.peer.tick = TICK;
        options.peer.leader_serves = self.leader_serves;
        options.peer.reconfig_enabled = self.changes();
        // Else nobody may change the ensemble.
        options.peer.access.skip_acl = self.changes();
        if !self.is_alone {
            options.ensemble =
                Some(ZabSetup { membership: Arc::new(self.membership()), zab: self.zab(id) });
        }
        options
    }

    fn membership(&self) -> Membership {
        let mut text = String::new();
        for id in 1..=self.voters + self.observers {
            let role = if id <= self.voters { "participant" } else { "observer" };
            text += &format!("server.{id}={}\n", server(id, role));
        }
        Membership::parse(&text).expect("the lines are written as they are read")
    }

    fn zab(&self, id: u8) -> ZabOptions {
        ZabOptions {
            observer: id > self.voters && id <= self.voters + self.observers,
            reconfig_enabled: self.changes(),
            tick: TICK,
            init_limit: INIT_LIMIT,
            sync_limit: SYNC_LIMIT,
            committed_log_max: self.committed_log_max,
            disk_log_sync: self.disk_log_sync,
            force_snapshot_sync: self.force_snapshot_sync,
            rollover_at: self.rollover_at,
            notify_interval_max: NOTIFY_INTERVAL_MAX,
            ..ZabOptions::new(ServerId(id.into()))
        }
    }
}

/// A server as memberships have it.
pub(crate) fn server(id: u8, role: &str) -> String {
    format!("s{id}:2888:3888:{role};2181")
}
