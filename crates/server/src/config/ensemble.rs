//! What a member of an ensemble needs to know besides, typed.

use super::error::ConfigError;
use super::keys::ensemble as keys;
use super::membership::{MembersError, Membership, Role, ServerId};
use super::settings::Settings;
use super::sources::Files;
use super::warning::ConfigWarning;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of an ensemble's member.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// Which member this server is.
    pub my_id: ServerId,
    /// Whether this server votes.
    pub role: Role,
    /// All members.
    pub membership: Membership,
    /// A membership that was proposed before the last stop; whether it was committed shows later.
    pub proposed: Option<Membership>,
    /// The file that the membership came from, unless that was `zoo.cfg`.
    pub dynamic_file: Option<PathBuf>,
    /// `zoo.cfg`, beside which other memberships are kept.
    pub config_file: Option<PathBuf>,
    /// Time for learners to connect and synchronize.
    pub init_limit: Duration,
    /// Time within which leader and learners must hear each other.
    pub sync_limit: Duration,
    /// Opens quorum and election ports on all addresses.
    pub listen_on_all_ips: bool,
    /// Serves reads without a quorum to clients that allow it.
    pub read_only_mode: bool,
    /// The leader opens its client port.
    pub leader_serves: bool,
    /// Participants that a reconfiguration must leave.
    pub participants_min: usize,
    /// Rules of election.
    pub election: Election,
    /// Rules of synchronization.
    pub synchronization: Synchronization,
    /// Allows members with several addresses.
    pub multi_address: bool,
}

/// `electionAlg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElectionAlgorithm {
    /// Fast leader election over TCP.
    Fast,
}

impl ElectionAlgorithm {
    /// How it is written.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[("3", Self::Fast)];
}

/// Rules of election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// How long connecting to an address of another member may take.
    pub connect_timeout: Duration,
    /// How long a new connection may take to say whose it is.
    pub handshake_timeout: Duration,
    /// TCP keepalive on connections between servers.
    pub tcp_keep_alive: bool,
    /// Attempts to open the ports; `None`: for ever.
    pub bind_attempts: Option<u32>,
    /// First wait for votes.
    pub notification_min: Duration,
    /// Longest wait for votes.
    pub notification_max: Duration,
}

/// Rules of synchronization.
#[derive(Debug, Clone, PartialEq)]
pub struct Synchronization {
    /// Committed proposals kept in memory; at least 500.
    pub commit_log_count: u32,
    /// Share of a snapshot's size up to which log files are sent; `None`: never.
    pub snapshot_size_factor: Option<f64>,
    /// Sends snapshots always.
    pub force_snapshot: bool,
    /// How long a new leader waits for a quorum to join it before it heeds that one of its voters
    /// is looking again.
    pub epoch_wait_max: Duration,
    /// An observer that has lost its leader waits for less than this before it joins one again.
    pub observer_pause_max: Duration,
    /// Most observers that are sent a snapshot at the same time.
    pub observer_snapshots_max: u32,
}

impl Ensemble {
    /// `ZKDatabase` raises a smaller one.
    const COMMIT_LOG_COUNT_MIN: u32 = 500;

    pub(crate) fn read(
        settings: &mut Settings,
        files: &Files<'_>,
        tick: Duration,
        members: Members,
    ) -> Self {
        let Members { membership, proposed, dynamic_file, my_id } = members;
        let my_id = my_id.unwrap_or_else(|| {
            let path = files.my_id_path();
            settings.errors.push(ConfigError::MissingMyId { path });
            ServerId(0)
        });
        let init_limit = ticks(settings, files, tick, true);
        let sync_limit = ticks(settings, files, tick, false);
        let role = membership.members.get(&my_id).map_or(Role::Participant, |own| own.role);
        check_role(settings, role);
        Self {
            role,
            my_id,
            membership,
            proposed,
            dynamic_file,
            config_file: files.zoo_cfg_path(),
            init_limit,
            sync_limit,
            listen_on_all_ips: settings.value(&keys::QUORUM_LISTEN_ON_ALL_IPS),
            read_only_mode: settings.value(&keys::READ_ONLY_MODE),
            leader_serves: settings.value(&keys::LEADER_SERVES),
            // One alone would be a standalone server at its next start.
            participants_min: if settings.value(&keys::STANDALONE_ENABLED) { 2 } else { 1 },
            election: Election::read(settings, sync_limit),
            synchronization: Synchronization::read(settings, tick, init_limit),
            multi_address: settings.value(&keys::MULTI_ADDRESS_ENABLED),
        }
    }
}

fn ticks(settings: &mut Settings, files: &Files<'_>, tick: Duration, init: bool) -> Duration {
    let key = if init { &keys::INIT_LIMIT } else { &keys::SYNC_LIMIT };
    match settings.given(key) {
        Some(Some(ticks)) => tick.saturating_mul(ticks),
        Some(None) => missing_limit(settings, files, key.name),
        None if settings.setting(key).is_none() => missing_limit(settings, files, key.name),
        None => Duration::ZERO,
    }
}

fn missing_limit(settings: &mut Settings, files: &Files<'_>, key: &'static str) -> Duration {
    let (path, when) = (files.source(), "in an ensemble");
    settings.errors.push(ConfigError::Missing { path, key, when });
    Duration::ZERO
}

fn check_role(settings: &mut Settings, role: Role) {
    let configured = settings.value(&keys::PEER_TYPE);
    if let Some(setting) = settings.setting(&keys::PEER_TYPE).cloned()
        && configured != role
    {
        settings.warnings.push(ConfigWarning::PeerType { setting });
    }
}

impl Election {
    fn read(settings: &mut Settings, sync_limit: Duration) -> Self {
        // There is one algorithm; the value is read for its check alone.
        settings.value(&keys::ELECTION_ALG);
        Self {
            connect_timeout: settings.value(&keys::CNX_TIMEOUT),
            handshake_timeout: settings.value(&keys::QUORUM_CNXN_TIMEOUT).unwrap_or(sync_limit),
            tcp_keep_alive: settings.value(&keys::TCP_KEEP_ALIVE),
            bind_attempts: settings.value(&keys::ELECTION_PORT_BIND_RETRY),
            notification_min: settings.value(&keys::MIN_NOTIFICATION_INTERVAL),
            notification_max: settings.value(&keys::MAX_NOTIFICATION_INTERVAL),
        }
    }
}

impl Synchronization {
    fn read(settings: &mut Settings, tick: Duration, init_limit: Duration) -> Self {
        let minimum = Ensemble::COMMIT_LOG_COUNT_MIN;
        Self {
            commit_log_count: settings.raised(&keys::COMMIT_LOG_COUNT, minimum),
            snapshot_size_factor: settings.value(&keys::SNAPSHOT_SIZE_FACTOR),
            force_snapshot: settings.value(&keys::FORCE_SNAPSHOT_SYNC),
            epoch_wait_max: match settings.value(&keys::MAX_TIME_TO_WAIT_FOR_EPOCH) {
                None => tick,
                Some(limit) => limit.unwrap_or(init_limit),
            },
            observer_pause_max: settings.value(&keys::OBSERVER_ELECTION_DELAY)
                + settings.value(&keys::OBSERVER_RECONNECT_DELAY),
            observer_snapshots_max: settings.value(&keys::MAX_CONCURRENT_SNAP_SYNCS),
        }
    }
}

/// Membership as the files have it, before it is known whether there is an ensemble.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) membership: Membership,
    pub(crate) proposed: Option<Membership>,
    pub(crate) dynamic_file: Option<PathBuf>,
    pub(crate) my_id: Option<ServerId>,
}

impl Members {
    /// Whether the server runs alone, and what is odd about the members
    /// (`QuorumPeerConfig.parseDynamicConfig`).
    pub(crate) fn standalone(&self, settings: &mut Settings, files: &Files<'_>) -> bool {
        let allowed = settings.value(&keys::STANDALONE_ENABLED);
        let participants = self.membership.participants().count();
        let observers = self.membership.observers().count();
        let path = self.dynamic_file.as_ref().map_or(files.source(), |p| p.display().to_string());
        let standalone = allowed && participants <= 1;
        let error = match (standalone, participants, observers) {
            (true, _, 1..) => Some(MembersError::ObserversAlone),
            (false, 0, _) => Some(MembersError::NoParticipants),
            (false, _, _) => self.not_a_member(),
            (true, _, 0) => None,
        };
        // A line that could not be read may be the one that is missing.
        if let Some(source) = error.filter(|_| settings.errors.is_empty()) {
            settings.errors.push(ConfigError::Ensemble { path: path.clone(), source });
        }
        let warning = match (standalone, participants) {
            (true, 1) => Some(ConfigWarning::OneParticipant { path }),
            (false, 1 | 2) => Some(ConfigWarning::NoFailureTolerated { path }),
            (false, count) if count % 2 == 0 && count > 0 => {
                Some(ConfigWarning::EvenParticipants { path, count })
            }
            (_, _) => None,
        };
        settings.warnings.extend(warning);
        standalone
    }

    fn not_a_member(&self) -> Option<MembersError> {
        let server = self.my_id?;
        let listed = self.membership.members.contains_key(&server);
        (!listed).then_some(MembersError::NotAMember { server })
    }
}
