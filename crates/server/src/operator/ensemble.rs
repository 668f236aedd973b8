//! A member of an ensemble as its operators see it.

use super::Operator;
use crate::config::membership::{HostPort as Address, Member, Membership, Role};
use crate::links::ObserverLink;
use crate::standing::Place;
use crate::status::{
    EnsembleStatus, FollowerStatus, GlobalSessions, HostPort, LeaderStatus, Mode, ObserverStatus,
    QuorumConfiguration, VotingMember, ZabPhase,
};
use std::time::Instant;
use zoarium_proto::SessionId;
use zoarium_zab::PeerState;

impl Operator {
    /// What the server is; `None` while it serves nobody.
    pub(super) fn mode(&self) -> Option<Mode> {
        let Some(place) = self.shared.standing.place() else { return Some(Mode::Standalone) };
        if !self.shared.standing.serves() {
            return None;
        }
        let phase = ZabPhase::Broadcast;
        let quorum_size = place.membership.participants().count() as u64;
        Some(match place.state {
            PeerState::Looking => Mode::ReadOnly,
            PeerState::Leading => Mode::Leader(self.leader_status(&place, quorum_size)),
            PeerState::Following => {
                Mode::Follower(FollowerStatus { quorum_size, phase, synced_observers: None })
            }
            PeerState::Observing => Mode::Observer(ObserverStatus {
                quorum_size,
                phase,
                master_id: place.leader.map_or(0, |leader| leader.0),
            }),
        })
    }

    /// How long it has served: a member with a leader since it took up its present role.
    pub(super) fn uptime_ms(&self) -> u64 {
        let serving_since = self.shared.standing.place().and_then(|place| place.serving_since);
        serving_since.map_or_else(
            || {
                let uptime = self.shared.clock.mono().saturating_since(self.started);
                u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX)
            },
            ms_since,
        )
    }

    /// The sessions that a learner knows, which does not expire them; `None` for everybody else.
    pub(super) fn known_sessions(&self) -> Option<GlobalSessions> {
        match self.shared.standing.place()?.state {
            PeerState::Following | PeerState::Observing | PeerState::Looking => {
                let tree = self.shared.tree();
                let of = |(id, timeout_ms): (&SessionId, &i32)| (*id, timeout_ms.cast_unsigned());
                Some(GlobalSessions::Known(tree.sessions().iter().map(of).collect()))
            }
            PeerState::Leading => None,
        }
    }

    /// The observers that follow this server.
    pub(super) fn observer_links(&self) -> Vec<ObserverLink> {
        self.shared.standing.place().map(|place| place.observers).unwrap_or_default()
    }

    fn leader_status(&self, place: &Place, quorum_size: u64) -> LeaderStatus {
        let serving = || place.learners.iter().filter(|learner| learner.is_serving);
        let votes = |id| place.membership.is_participant(id);
        let followers = || serving().filter(|learner| !learner.is_observer);
        LeaderStatus {
            quorum_size,
            phase: ZabPhase::Broadcast,
            learners: place.learners.len() as u64,
            synced_followers: followers().count() as u64,
            synced_non_voting_followers: followers().filter(|it| !votes(it.id)).count() as u64,
            synced_observers: serving().filter(|it| it.is_observer).count() as u64,
            pending_syncs: place.pending_syncs as u64,
            uptime_ms: place.serving_since.map_or(0, ms_since),
            proposal_sizes: self.shared.stats.proposal_sizes.read(),
        }
    }

    /// The place in the ensemble; `None` when standalone or without a leader.
    pub(super) fn place_in_ensemble(&self) -> Option<EnsembleStatus> {
        let serves = |place: &Place| place.serving_since.is_some();
        let place = self.shared.standing.place().filter(serves)?;
        let members = &place.membership.members;
        let own = members.get(&place.id);
        let leader = place.leader.and_then(|id| {
            let address = members.get(&id)?.addresses.first()?;
            Some((id.0, address.host.clone()))
        });
        Some(EnsembleStatus {
            server_id: place.id.0,
            is_leader: place.state == PeerState::Leading,
            is_voting: place.membership.is_participant(place.id),
            leader,
            quorum_addresses: own.map(quorum_addresses).unwrap_or_default(),
            election_addresses: own.map(election_addresses).unwrap_or_default(),
            client_address: Some(self.client_address(own)),
            phase: ZabPhase::Broadcast,
            voting_members: place.membership.participants().map(voting_member).collect(),
        })
    }

    fn client_address(&self, own: Option<&Member>) -> HostPort {
        let configured = own.and_then(|own| own.client.as_ref()).map(host_port);
        configured.unwrap_or_else(|| {
            let host = self.config().client_port.host.clone();
            HostPort { host: host.unwrap_or_else(|| "0.0.0.0".to_owned()), port: self.client_port }
        })
    }

    /// What `conf` adds for a member.
    pub(super) fn quorum_configuration(&self) -> Option<QuorumConfiguration> {
        let ensemble = self.config().ensemble.as_ref()?;
        let tick_ms = self.config().sessions.tick_time.as_millis().max(1);
        let ticks = |limit: std::time::Duration| {
            u32::try_from(limit.as_millis() / tick_ms).unwrap_or(u32::MAX)
        };
        let place = self.shared.standing.place()?;
        let own = place.membership.members.get(&ensemble.my_id);
        let ports = |of: fn(&Member) -> Vec<HostPort>| {
            own.map(of).unwrap_or_default().into_iter().map(|address| address.port).collect()
        };
        Some(QuorumConfiguration {
            init_limit: ticks(ensemble.init_limit),
            sync_limit: ticks(ensemble.sync_limit),
            election_ports: ports(election_addresses),
            quorum_ports: ports(quorum_addresses),
            is_observer: own.map_or(ensemble.role, |own| own.role) == Role::Observer,
            membership: place.serving_since.map(|_| Membership::to_string(&place.membership)),
        })
    }
}

/// Milliseconds since then.
fn ms_since(moment: Instant) -> u64 {
    u64::try_from(moment.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn voting_member(member: &Member) -> VotingMember {
    VotingMember {
        server_id: member.id.0,
        quorum_addresses: quorum_addresses(member),
        election_addresses: election_addresses(member),
        client_address: member.client.as_ref().map(host_port),
    }
}

fn host_port(address: &Address) -> HostPort {
    HostPort { host: address.host.clone(), port: address.port }
}

fn quorum_addresses(member: &Member) -> Vec<HostPort> {
    let of = member.addresses.iter();
    of.map(|it| HostPort { host: it.host.clone(), port: it.quorum_port }).collect()
}

fn election_addresses(member: &Member) -> Vec<HostPort> {
    let of = member.addresses.iter();
    of.map(|it| HostPort { host: it.host.clone(), port: it.election_port }).collect()
}
