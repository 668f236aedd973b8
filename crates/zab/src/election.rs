//! Fast leader election (Apache's `FastLeaderElection`): everybody tells everybody the best
//! candidate they know until a quorum agrees.

use crate::ids::Round;
use crate::message::{Message, Notification, PeerState, Vote};
use crate::persist::Core;
use crate::vocabulary::{Link, Timer};
use crate::zab::Zab;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;
use zoarium_process::{Effects, Now};
use zoarium_proto::ServerId;

/// An election from the view of one who looks for a leader.
#[derive(Debug)]
pub(crate) struct Election {
    /// The best candidate so far.
    proposal: Option<Vote>,
    /// Votes of this round, of those who look and of those who have found (`recvset`).
    votes: BTreeMap<ServerId, Heard>,
    /// Votes of those who have found a leader, in whatever round (`outofelection`).
    established: BTreeMap<ServerId, Heard>,
    /// When nobody has said anything new for so long, the proposal is repeated.
    notify_interval: Duration,
    /// The last questions of those who do not vote, with the answers.
    answered: BTreeMap<ServerId, Answered>,
    /// Whether a quorum agrees with the proposal, and a better one is waited for.
    deciding: bool,
}

/// The last thing heard of a voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard {
    state: PeerState,
    vote: Vote,
    round: Round,
}

/// A question, and what was proposed in answer to it.
#[derive(Debug, PartialEq, Eq)]
struct Answered {
    question: Notification,
    proposal: Option<Vote>,
    round: Round,
}

impl Heard {
    /// Whether two votes of one round mean the same. Those who have found a leader may have joined
    /// it in different rounds and seen it with different zxids (ZOOKEEPER-1732, 1805).
    fn agrees_in_round(&self, other: &Self) -> bool {
        if self.state == PeerState::Looking || other.state == PeerState::Looking {
            return self.vote == other.vote && self.round == other.round;
        }
        self.vote.leader == other.vote.leader
    }

    /// Whether two who have found a leader have found the same one in the same epoch.
    fn agrees_outside(&self, other: &Self) -> bool {
        self.vote.leader == other.vote.leader && self.vote.epoch == other.vote.epoch
    }
}

impl Election {
    /// Starts the next round.
    pub(crate) fn start(core: &mut Core, now: Now, fx: &mut Effects<Zab>) -> Self {
        core.round = Round(core.round.0 + 1);
        let mut election = Self {
            proposal: core.own_vote(),
            votes: BTreeMap::new(),
            established: BTreeMap::new(),
            answered: BTreeMap::new(),
            notify_interval: core.options.notify_interval_min,
            deciding: false,
        };
        election.notify_all(core, fx);
        fx.set_timer(Timer::Notify, now.mono + election.notify_interval);
        // Who is alone in the ensemble agrees with itself.
        election.count(core, now, fx);
        election
    }

    /// The best candidate so far.
    pub(crate) const fn proposal(&self) -> Option<Vote> {
        self.proposal
    }

    /// Tells a voter whose link has come up what it may have missed.
    pub(crate) fn on_link_up(&mut self, core: &Core, peer: ServerId, fx: &mut Effects<Zab>) {
        self.answered.remove(&peer);
        if core.is_voter(peer) {
            self.notify(core, peer, fx);
        }
    }

    /// Tells one who does not vote what is proposed. The same question gets the same answer once
    /// only: two servers with different memberships may each take the other for such a one, and
    /// each answer for a question.
    pub(crate) fn answer_learner(
        &mut self,
        core: &Core,
        to: ServerId,
        question: &Notification,
        fx: &mut Effects<Zab>,
    ) {
        let (question, proposal) = (question.clone(), self.proposal);
        let answered = Answered { question, proposal, round: core.round };
        if self.answered.get(&to) != Some(&answered) {
            self.notify(core, to, fx);
            self.answered.insert(to, answered);
        }
    }

    pub(crate) fn on_notify_timer(&mut self, core: &Core, now: Now, fx: &mut Effects<Zab>) {
        self.notify_all(core, fx);
        self.notify_interval = (self.notify_interval * 2).min(core.options.notify_interval_max);
        fx.set_timer(Timer::Notify, now.mono + self.notify_interval);
    }

    /// Nobody has come up with a better candidate: the vote to join with.
    pub(crate) fn on_decide_timer(&self) -> Option<Vote> {
        self.proposal.filter(|_| self.deciding)
    }

    /// Takes in what another voter says. The result is the vote to join with, if it makes one clear.
    pub(crate) fn on_notification(
        &mut self,
        core: &mut Core,
        now: Now,
        from: ServerId,
        notification: &Notification,
        fx: &mut Effects<Zab>,
    ) -> Option<Vote> {
        let Notification { state, vote, round, .. } = *notification;
        if state == PeerState::Looking && round < core.round {
            self.notify(core, from, fx);
        }
        // Who has no candidate, or one who cannot lead, does not count. It may still be in a later
        // round, and wait for our vote there.
        let Some(vote) = vote.filter(|vote| core.is_voter(vote.leader)) else {
            if state == PeerState::Looking && round > core.round {
                self.enter_round(core, round, core.own_vote(), fx);
                self.count(core, now, fx);
            }
            return None;
        };
        let heard = Heard { state, vote, round };
        match state {
            PeerState::Looking => {
                self.on_looking(core, now, from, heard, fx);
                None
            }
            PeerState::Following | PeerState::Leading => self.on_established(core, from, heard),
            PeerState::Observing => None,
        }
    }

    fn on_looking(
        &mut self,
        core: &mut Core,
        now: Now,
        from: ServerId,
        heard: Heard,
        fx: &mut Effects<Zab>,
    ) {
        // A history that is not trusted is no reason to prefer another (ZOOKEEPER-261).
        if heard.round < core.round || !core.options.trust_history {
            return;
        }
        let later = heard.round > core.round;
        let own = core.vote_against(heard.vote);
        let best = if later { own } else { self.proposal.or(own) };
        let best = if beats(core, heard.vote, best) { Some(heard.vote) } else { best };
        if later {
            self.enter_round(core, heard.round, best, fx);
        } else if best != self.proposal {
            self.propose(core, best, fx);
        }
        let news = self.votes.insert(from, heard) != Some(heard);
        // It would have taken our vote for its own, so it has not heard it: we may have begun to
        // look before it did. Apache's server leaves it to the next repetition.
        if news && self.proposal.is_some_and(|proposal| beats(core, proposal, Some(heard.vote))) {
            self.notify(core, from, fx);
        }
        self.count(core, now, fx);
    }

    /// Someone says it has found a leader. It is joined when a quorum says so, and it too. While
    /// another membership is proposed, a quorum of either will do: who leads has what it takes, and
    /// may need this server to have the proposal committed. Apache's server waits for both.
    fn on_established(&mut self, core: &mut Core, from: ServerId, heard: Heard) -> Option<Vote> {
        if heard.round == core.round {
            self.votes.insert(from, heard);
            let own = self.own_heard(core);
            let votes = self.votes.iter().map(|(id, heard)| (*id, *heard)).chain(own);
            let agree = votes.filter(|(_, other)| other.agrees_in_round(&heard));
            let agree = agree.map(|(id, _)| id).collect();
            if core.is_some_quorum(&agree) && leads(core, &self.votes, heard) {
                return Some(heard.vote);
            }
        }
        self.established.insert(from, heard);
        let agree = self.established.iter().filter(|(_, other)| other.agrees_outside(&heard));
        let agree = agree.map(|(id, _)| *id).collect();
        if core.is_some_quorum(&agree) && leads(core, &self.established, heard) {
            core.round = heard.round;
            return Some(heard.vote);
        }
        None
    }

    /// Others are in a later round: votes of this one are void.
    fn enter_round(
        &mut self,
        core: &mut Core,
        round: Round,
        proposal: Option<Vote>,
        fx: &mut Effects<Zab>,
    ) {
        core.round = round;
        self.votes.clear();
        self.propose(core, proposal, fx);
    }

    fn propose(&mut self, core: &Core, proposal: Option<Vote>, fx: &mut Effects<Zab>) {
        self.proposal = proposal;
        if core::mem::take(&mut self.deciding) {
            fx.cancel_timer(Timer::Decide);
        }
        self.notify_all(core, fx);
    }

    /// A voter cannot be reached any more, and need not be waited for.
    pub(crate) fn on_link_down(&mut self, core: &Core, now: Now, fx: &mut Effects<Zab>) {
        self.count(core, now, fx);
    }

    /// Whether a quorum agrees with the proposal; then a better one has
    /// [`finalize_wait`](crate::ZabOptions::finalize_wait) to come, unless there is nobody it could
    /// come from.
    fn count(&mut self, core: &Core, now: Now, fx: &mut Effects<Zab>) {
        let Some(proposal) = self.proposal else { return };
        let reference = Heard { state: PeerState::Looking, vote: proposal, round: core.round };
        let votes = self.votes.iter().map(|(id, heard)| (*id, *heard)).chain(self.own_heard(core));
        let agree: BTreeSet<ServerId> = votes
            .filter(|(_, heard)| heard.agrees_in_round(&reference))
            .map(|(id, _)| id)
            .collect();
        let quorum = core.is_quorum(&agree);
        let missing = |voter: &ServerId| !agree.contains(voter) && *voter != core.id();
        // Right after the start, who is not reachable may be about to connect.
        let silent = |voter: &ServerId| core.has_served && !core.reachable.contains(voter);
        let all_agree = core.voters().iter().all(|voter| !missing(voter) || silent(voter));
        if quorum && all_agree {
            fx.set_timer(Timer::Decide, now.mono);
        } else if quorum && !self.deciding {
            fx.set_timer(Timer::Decide, now.mono + core.options.finalize_wait);
        } else if !quorum && self.deciding {
            fx.cancel_timer(Timer::Decide);
        }
        self.deciding = quorum;
    }

    /// This server's own vote, if it has one to count.
    fn own_heard(&self, core: &Core) -> Option<(ServerId, Heard)> {
        let vote = self.proposal.filter(|_| core.is_voter(core.id()))?;
        Some((core.id(), Heard { state: PeerState::Looking, vote, round: core.round }))
    }

    fn notify_all(&self, core: &Core, fx: &mut Effects<Zab>) {
        for voter in core.voters() {
            if voter != core.id() {
                self.notify(core, voter, fx);
            }
        }
    }

    fn notify(&self, core: &Core, to: ServerId, fx: &mut Effects<Zab>) {
        let notification = core.notification(PeerState::Looking, self.proposal);
        fx.send(Link::election(to), Message::Election(notification));
    }
}

/// Whether `new` is the better candidate. One without weight is never better.
fn beats(core: &Core, new: Vote, best: Option<Vote>) -> bool {
    core.may_lead(new.leader) && best.is_none_or(|best| new > best)
}

/// Whether the leader of a vote takes itself for one: nobody is to follow a server that has since
/// gone, and a server that has restarted is not to be talked into leading an old round.
fn leads(core: &Core, votes: &BTreeMap<ServerId, Heard>, heard: Heard) -> bool {
    let leader = heard.vote.leader;
    if leader == core.id() {
        return core.round == heard.round;
    }
    votes.get(&leader).is_some_and(|heard| heard.state == PeerState::Leading)
}
