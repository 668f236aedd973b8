//! What a member counts for its operators: how long it was without a leader, what it proposed, and
//! what it heard.

use crate::shared::Shared;
use std::collections::VecDeque;
use std::time::Instant;
use zoarium_proto::Zxid;
use zoarium_zab::{Message, Packet, PeerState, Txn};

/// Moments that are worth a metric when the next one comes.
#[derive(Debug, Default)]
pub(super) struct Milestones {
    /// Since when clients are not served.
    unavailable: Option<Instant>,
    /// When the present election began.
    looking: Option<Instant>,
    /// When it was decided.
    decided: Option<Instant>,
    /// Whether this server leads and serves.
    leads: bool,
    /// What this leader has proposed and not committed, oldest first.
    proposed: VecDeque<(Zxid, Instant)>,
}

impl Milestones {
    /// An election begins.
    pub(super) fn look(&mut self, shared: &Shared) {
        let now = Instant::now();
        let unavailable = Some(self.unavailable.unwrap_or(now));
        *self = Self { unavailable, looking: Some(now), ..Self::default() };
        shared.metrics.looking_count.increment();
    }

    /// The election is decided.
    pub(super) fn decide(&mut self, shared: &Shared) {
        let now = Instant::now();
        if let Some(looking) = self.looking.take() {
            shared.metrics.election_time.record(now - looking);
        }
        self.decided = Some(now);
    }

    /// Clients are served in this role.
    pub(super) fn serve(&mut self, state: PeerState, shared: &Shared) {
        let metrics = &shared.metrics;
        let unavailable = self.unavailable.take().map(|since| since.elapsed());
        let synchronizing = self.decided.take().map(|since| since.elapsed());
        if let Some(unavailable) = unavailable {
            metrics.unavailable_time.record(unavailable);
        }
        match state {
            PeerState::Leading => {
                self.leads = true;
                shared.stats.proposal_sizes.reset();
                unavailable.map(|time| metrics.leader_unavailable_time.record(time))
            }
            PeerState::Following => synchronizing.map(|it| metrics.follower_sync_time.record(it)),
            PeerState::Observing => synchronizing.map(|it| metrics.observer_sync_time.record(it)),
            PeerState::Looking => None,
        };
    }

    /// A transaction is on its way to the disk.
    pub(super) fn propose(&mut self, txn: &Txn, shared: &Shared) {
        if self.leads {
            shared.metrics.proposal_count.increment();
            shared.stats.proposal_sizes.record(txn.bytes.len());
            self.proposed.push_back((txn.zxid, Instant::now()));
        }
    }

    /// A transaction is committed.
    pub(super) fn commit(&mut self, zxid: Zxid, shared: &Shared) {
        if let Some((_, since)) = self.proposed.pop_front_if(|(proposed, _)| *proposed <= zxid) {
            shared.metrics.commit_count.increment();
            shared.metrics.quorum_ack_latency.record(since.elapsed());
        }
    }

    /// Another member says something.
    pub(super) fn hear(&self, message: &Message, shared: &Shared) {
        let Message::Quorum(packet) = message else { return };
        let metrics = &shared.metrics;
        if let Packet::Proposal(_) = packet {
            metrics.learner_proposal_received_count.increment();
        } else if let Packet::Commit(_) | Packet::CommitAndActivate { .. } = packet {
            metrics.learner_commit_received_count.increment();
        } else if self.leads && matches!(packet, Packet::Revalidate(_)) {
            metrics.revalidate_count.increment();
        }
    }

    /// This server says something to another member.
    pub(super) fn say(message: &Message, shared: &Shared) {
        if let Message::Quorum(Packet::Diff { .. }) = message {
            shared.metrics.diff_count.increment();
        }
    }
}
