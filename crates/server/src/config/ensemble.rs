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
    /// Time for a learner to connect to the leader.
    pub connect_limit: Duration,
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
    /// What concerns observers.
    pub observers: Observers,
    /// How one of several addresses is chosen; `None`: every member has one.
    pub multi_address: Option<MultiAddress>,
    /// File that says whether this server of two may go on alone.
    pub oracle_path: Option<PathBuf>,
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
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// A connection without data for this long is closed.
    pub idle_timeout: Duration,
    /// TCP keepalive on election connections.
    pub tcp_keep_alive: bool,
    /// Attempts to open the port; `None`: for ever.
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
    /// Snapshots that the leader sends at the same time.
    pub concurrent_snapshots_max: u32,
    /// Diffs that the leader sends at the same time.
    pub concurrent_diffs_max: u32,
    /// How long a new leader waits for a quorum's epochs.
    pub epoch_wait_max: Duration,
    /// Pause between a learner's attempts to connect.
    pub connect_delay: Duration,
}

/// What concerns observers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observers {
    /// Port on which followers serve observers; `None`: they do not.
    pub master_port: Option<u16>,
    /// Bytes of proposals that a follower keeps for its observers.
    pub master_size_bytes_max: usize,
    /// Observers write the log and snapshots too.
    pub write_disk: bool,
    /// Pause before connecting to the leader again.
    pub reconnect_delay: Duration,
    /// Pause before looking for a leader.
    pub election_delay: Duration,
}

/// How one of several addresses is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiAddress {
    /// Looks which of them answers before connecting.
    pub check_reachable: bool,
    /// How long to wait for the answer.
    pub check_timeout: Duration,
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
        let connect = settings.value(&keys::CONNECT_TO_LEARNER_MASTER_LIMIT);
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
            connect_limit: connect.map_or(init_limit, |ticks| tick.saturating_mul(ticks)),
            listen_on_all_ips: settings.value(&keys::QUORUM_LISTEN_ON_ALL_IPS),
            read_only_mode: settings.value(&keys::READ_ONLY_MODE),
            leader_serves: settings.value(&keys::LEADER_SERVES),
            // One alone would be a standalone server at its next start.
            participants_min: if settings.value(&keys::STANDALONE_ENABLED) { 2 } else { 1 },
            election: Election::read(settings, sync_limit),
            synchronization: Synchronization::read(settings, init_limit),
            observers: Observers::read(settings),
            multi_address: MultiAddress::read(settings),
            oracle_path: settings.value(&keys::ORACLE_PATH),
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
            idle_timeout: settings.value(&keys::QUORUM_CNXN_TIMEOUT).unwrap_or(sync_limit),
            tcp_keep_alive: settings.value(&keys::TCP_KEEP_ALIVE),
            bind_attempts: settings.value(&keys::ELECTION_PORT_BIND_RETRY),
            notification_min: settings.value(&keys::MIN_NOTIFICATION_INTERVAL),
            notification_max: settings.value(&keys::MAX_NOTIFICATION_INTERVAL),
        }
    }
}

impl Synchronization {
    fn read(settings: &mut Settings, init_limit: Duration) -> Self {
        let minimum = Ensemble::COMMIT_LOG_COUNT_MIN;
        Self {
            commit_log_count: settings.raised(&keys::COMMIT_LOG_COUNT, minimum),
            snapshot_size_factor: settings.value(&keys::SNAPSHOT_SIZE_FACTOR),
            force_snapshot: settings.value(&keys::FORCE_SNAPSHOT_SYNC),
            concurrent_snapshots_max: settings.value(&keys::MAX_CONCURRENT_SNAP_SYNCS),
            concurrent_diffs_max: settings.value(&keys::MAX_CONCURRENT_DIFF_SYNCS),
            epoch_wait_max: settings.value(&keys::MAX_TIME_TO_WAIT_FOR_EPOCH).unwrap_or(init_limit),
            connect_delay: settings.value(&keys::LEADER_CONNECT_DELAY),
        }
    }
}

impl Observers {
    fn read(settings: &mut Settings) -> Self {
        let write_disk = settings.value(&keys::SYNC_ENABLED);
        Self {
            master_port: settings.value(&keys::OBSERVER_MASTER_PORT),
            master_size_bytes_max: settings.value(&keys::OBSERVER_MASTER_SIZE_LIMIT),
            write_disk: settings.value(&keys::OBSERVER_SYNC_ENABLED).unwrap_or(write_disk),
            reconnect_delay: settings.value(&keys::OBSERVER_RECONNECT_DELAY),
            election_delay: settings.value(&keys::OBSERVER_ELECTION_DELAY),
        }
    }
}

impl MultiAddress {
    fn read(settings: &mut Settings) -> Option<Self> {
        let multi_address = Self {
            check_reachable: settings.value(&keys::MULTI_ADDRESS_CHECK_ENABLED),
            check_timeout: settings.value(&keys::MULTI_ADDRESS_CHECK_TIMEOUT),
        };
        settings.value(&keys::MULTI_ADDRESS_ENABLED).then_some(multi_address)
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
