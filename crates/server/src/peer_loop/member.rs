//! What the peer loop does for a member of an ensemble: it moves messages between peer and links,
//! and puts other trees in the place of the present one when the leader's history asks for it.

use super::milestones::Milestones;
use super::{LoopEvent, PeerLoop, Work};
use crate::disk::HistoryReads;
use crate::dynamic_files::DynamicFiles;
use crate::links::{Batch, LinkEvent, Links, Sink, SnapshotSlice, SnapshotSource};
use crate::shared::{Shared, random};
use crate::snapshots::{Receiving, Staged};
use std::collections::VecDeque;
use std::sync::Arc;
use zoarium_peer::{Output, Peer, Request};
use zoarium_persistence::{RecoveryOptions, StorageError};
use zoarium_process::Input;
use zoarium_proto::{Membership, ServerId, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::snapshot::{Progress, SnapshotCursor};
use zoarium_tree::watches::Watches;
use zoarium_zab::{Epoch, Link, Message, PeerState, Reason, Record, Zab};

/// What a member has besides.
#[derive(Debug)]
pub(crate) struct Member {
    links: Links,
    history: HistoryReads,
    recovery: RecoveryOptions,
    /// The leader's snapshot, until it takes the place of the tree,
    receiving: Receiving,
    /// and what the leader has sent behind it.
    behind_snapshot: Option<Batch>,
    /// Where the history is cut, until the tree is read back,
    cut_at: Option<Zxid>,
    /// and that tree, until it takes the place of the one that has too much.
    read_back: Option<Tree>,
    /// The leader this server joins or follows.
    leader: Option<ServerId>,
    /// `None` if the membership is not kept: without a `zoo.cfg`, or where it does not change.
    dynamic: Option<DynamicFiles>,
    pub(super) milestones: Milestones,
}

/// Bytes of a snapshot that are written under one lock of the tree.
const SLICE_BYTES: usize = 256 * 1024;

impl Member {
    pub(crate) fn new(
        links: Links,
        history: HistoryReads,
        recovery: RecoveryOptions,
        dynamic: Option<DynamicFiles>,
    ) -> Self {
        Self {
            links,
            history,
            recovery,
            receiving: Receiving::default(),
            behind_snapshot: None,
            cut_at: None,
            read_back: None,
            leader: None,
            dynamic,
            milestones: Milestones::default(),
        }
    }

    /// What is not heard of any more when there is no leader.
    fn forget_leader(&mut self) {
        self.receiving.forget();
        self.behind_snapshot = None;
        self.leader = None;
    }
}

impl Sink for Shared {
    fn tell(&self, batch: Batch) {
        self.duties.tell(LoopEvent::Links(batch));
    }

    fn offer(&self, batch: Batch) {
        self.duties.offer([LoopEvent::Links(batch)]);
    }

    fn settle(&self) {
        Self::settle(self, true);
    }
}

impl PeerLoop {
    /// What the peer is to hear next of other members. What is left of the batch comes after it.
    pub(super) fn next_of_links(
        &mut self,
        mut batch: Batch,
        work: &mut VecDeque<Work>,
    ) -> Option<Input<Peer>> {
        let member = self.member.as_mut()?;
        let input = match member.links.next(&mut batch)? {
            LinkEvent::Up(link) => Input::LinkUp(link),
            LinkEvent::Down(link) => Input::LinkDown(link),
            LinkEvent::Message { from, message } => {
                member.milestones.hear(&message, &self.shared);
                Input::Message { from, message }
            }
            LinkEvent::SnapshotSent { to } => Input::Request(Request::SnapshotSent { to }),
            LinkEvent::SnapshotArrived { leader, zxid, tree } => {
                let znodes = tree.znode_count();
                tracing::info!(%leader, %zxid, znodes, "the leader's state is here, not yet on disk");
                member.receiving.arrived(tree, &self.snapshots);
                member.behind_snapshot = Some(batch);
                return None;
            }
        };
        work.push_front(Work::Links(batch));
        Some(input)
    }

    /// The leader's snapshot is on disk beside the history, or cannot be written.
    pub(super) fn on_staged(
        &mut self,
        staged: Staged,
        work: &mut VecDeque<Work>,
    ) -> Option<Input<Peer>> {
        let member = self.member.as_mut()?;
        match member.receiving.staged(staged) {
            Ok(true) => {
                if let Some(batch) = member.behind_snapshot.take() {
                    work.push_front(Work::Links(batch));
                }
                Some(Input::Request(Request::SnapshotReceived))
            }
            Ok(false) => None,
            Err(error) => {
                tracing::error!(%error, "the leader's state cannot be written");
                let link = Link::leader(member.leader?);
                member.links.disconnect(link, &Reason::LinkDown);
                member.behind_snapshot = None;
                Some(Input::LinkDown(link))
            }
        }
    }

    pub(super) fn send(&mut self, to: Link, message: &Message) {
        if let Some(member) = &mut self.member {
            Milestones::say(message, &self.shared);
            member.links.send(to, message);
        }
    }

    /// Lets what was sent leave.
    pub(super) fn flush_links(&mut self) {
        if let Some(member) = &mut self.member {
            member.links.flush();
        }
    }

    /// Carries out at once what must keep its place among the messages sent; the rest is for when
    /// the tree is locked.
    pub(super) fn sort_output(&mut self, output: Output) {
        let Some(member) = &mut self.member else { return self.outputs.push(output) };
        match &output {
            Output::SendSnapshot { to, zxid } => {
                tracing::info!(learner = %to, %zxid, "a learner is sent all of the state");
                self.shared.metrics.snap_count.increment();
                let source = TreeSource { shared: Arc::clone(&self.shared), cursor: None };
                member.links.send_snapshot(*to, *zxid, Box::new(source));
            }
            Output::Truncate { to } => {
                member.cut_at = Some(*to);
                self.outputs.push(output);
            }
            Output::Dial { leader } => member.links.dial(*leader),
            Output::Disconnect { link, why } => member.links.disconnect(*link, why),
            Output::ReadHistory { read, from, upto } => {
                member.history.read(*read, *from, *upto);
            }
            Output::Deliver(_)
            | Output::Answer(_)
            | Output::Refuse { .. }
            | Output::Closed { .. }
            | Output::Connected { .. }
            | Output::OverQuota(_)
            | Output::Close { .. }
            | Output::Unanswered { .. }
            | Output::Looking { .. }
            | Output::ServingReadOnly
            | Output::Joining { .. }
            | Output::Elected
            | Output::PutConfig(_)
            | Output::Serving { .. }
            | Output::ReceiveSnapshot { .. }
            | Output::InstallSnapshot { .. }
            | Output::Activated(_) => self.outputs.push(output),
        }
    }

    /// There is no leader: whoever is connected has to come back.
    pub(super) fn on_looking(&mut self, why: &Reason, watches: &mut Watches) {
        tracing::info!("looking for a leader: {why}");
        for (id, connection) in self.connections.drain() {
            connection.close();
            self.restoring.cut_off(id);
        }
        *watches = Watches::new(random());
        if let Some(member) = &mut self.member {
            member.forget_leader();
            member.milestones.look(&self.shared);
        }
        self.snapshots.hold(true);
        self.note_standing();
    }

    pub(super) fn on_serving_read_only(&self) {
        tracing::info!("no leader for a while; clients that have asked for it may read");
        self.note_standing();
    }

    pub(super) fn on_joining(&mut self, leader: ServerId) {
        tracing::info!(%leader, "joining a leader");
        self.note_decision();
        self.note_leader(Some(leader));
    }

    pub(super) fn on_elected(&mut self) {
        tracing::info!("elected; waiting for a quorum to join");
        self.note_decision();
        self.note_leader(None);
    }

    pub(super) fn on_serving(&mut self, leader: ServerId, epoch: Epoch) {
        self.snapshots.hold(false);
        if let (Some(member), Some(zab)) = (&mut self.member, self.peer.zab()) {
            member.milestones.serve(zab.state(), &self.shared);
        }
        let role = match self.peer.zab().map(Zab::state) {
            Some(PeerState::Leading) => "leading",
            Some(PeerState::Observing) => "observing",
            Some(PeerState::Following | PeerState::Looking) | None => "following",
        };
        tracing::info!(%leader, %epoch, "{role}; clients are served");
        self.note_leader(Some(leader));
    }

    /// A membership is in force: links and files follow.
    pub(super) fn on_activated(&mut self, membership: &Arc<Membership>) {
        let Some(member) = &mut self.member else { return };
        tracing::info!(version = %membership.version, "membership in force:\n{membership}");
        let proposed = self.peer.zab().and_then(Zab::proposed_membership);
        member.links.set_membership(membership, proposed.map(Arc::as_ref));
        if let Some(files) = &member.dynamic {
            files.activate(membership);
        }
        self.note_standing();
    }

    /// A transaction is on its way to the disk. Of a membership that it proposes, the members count from here on, and have to be reachable.
    pub(super) fn on_proposed(&mut self, record: &Record) {
        let (Some(member), Some(zab)) = (&mut self.member, self.peer.zab()) else { return };
        let Record::Append(txn) = record else { return };
        member.milestones.propose(txn, &self.shared);
        let Some(proposed) = &txn.membership else { return };
        tracing::info!(version = %proposed.version, "membership proposed:\n{proposed}");
        member.links.set_membership(zab.membership(), Some(proposed));
        if let Some(files) = &member.dynamic {
            files.propose(proposed);
        }
    }

    /// Puts the membership in force into its znode.
    pub(super) fn put_config(&self, membership: &Membership, tree: &mut Tree) {
        let wall_ms = self.shared.clock.now().wall_ms;
        tree.put_config(membership.to_string().as_bytes(), membership.version, wall_ms);
    }

    fn note_decision(&mut self) {
        if let Some(member) = &mut self.member {
            member.milestones.decide(&self.shared);
        }
    }

    fn note_leader(&mut self, leader: Option<ServerId>) {
        if let Some(member) = &mut self.member {
            member.leader = leader;
        }
        self.note_standing();
    }

    /// Notes a request that nobody answers.
    pub(super) const fn forget_request(&mut self) {
        self.tally.answered += 1;
    }

    /// Reads the tree back, if the history is cut. That takes time, so it is done before the tree is
    /// locked.
    pub(super) fn read_back_what_is_cut(&mut self) {
        let Some(member) = &mut self.member else { return };
        let Some(to) = member.cut_at.take() else { return };
        let began = std::time::Instant::now();
        match self.disk.read_back(to, &member.recovery) {
            Ok(tree) => member.read_back = Some(tree),
            // The worker at the disk has said why, and with it this server ends.
            Err(StorageError::LogFailed) => return,
            Err(error) => panic!("the history, cut after {to}, cannot be read back: {error}"),
        }
        let ms = began.elapsed().as_millis();
        tracing::warn!(%to, ms, "what came after this zxid was never committed and is gone");
    }

    /// Puts the tree that was read back in the place of the one that has too much.
    pub(super) fn put_back(&mut self, tree: &mut Tree) {
        if let Some(read) = self.member.as_mut().and_then(|member| member.read_back.take()) {
            drop(self.shared.replace_tree(tree, read));
        }
    }

    /// The leader's snapshot takes the place of the tree.
    pub(super) fn install(&mut self, tree: &mut Tree, zxid: Zxid) {
        let Some(member) = &mut self.member else { return };
        let arrived = *member.receiving.take(&self.snapshots);
        tracing::info!(%zxid, znodes = arrived.znode_count(), "the leader's state is taken over");
        drop(self.shared.replace_tree(tree, arrived));
    }

    /// Tells operators what this server is.
    pub(super) fn note_standing(&self) {
        if let (Some(member), Some(zab)) = (&self.member, self.peer.zab()) {
            let observers = zab.learners().filter(|it| it.is_observer && it.is_serving);
            let observers = observers.filter_map(|it| member.links.observer(it.id)).collect();
            let read_only = self.peer.is_read_only();
            self.shared.standing.note(zab, member.leader, observers, read_only);
        }
    }
}

/// The tree as a stream for a learner. It begins when the learner can take it; transactions after
/// the zxid it was announced with are sent behind it and may be in it as well.
#[derive(Debug)]
struct TreeSource {
    shared: Arc<Shared>,
    cursor: Option<SnapshotCursor>,
}

impl SnapshotSource for TreeSource {
    fn next(&mut self, out: &mut Vec<u8>) -> SnapshotSlice {
        let shared = Arc::clone(&self.shared);
        let cursor = self.cursor.get_or_insert_with(|| shared.tree_mut().begin_snapshot(false));
        match cursor.next(&shared.tree(), SLICE_BYTES, out) {
            Progress::More => SnapshotSlice::More,
            // What follows the first seal is for files.
            Progress::Seal | Progress::End => SnapshotSlice::End,
            Progress::Lost => SnapshotSlice::Lost,
        }
    }
}

impl Drop for TreeSource {
    fn drop(&mut self) {
        if let Some(cursor) = self.cursor.take() {
            self.shared.tree_mut().end_snapshot(cursor);
        }
    }
}
