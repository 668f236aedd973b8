//! What the peer loop does for a member of an ensemble: it moves messages between peer and links,
//! and puts other trees in the place of the present one when the leader's history asks for it.

use super::PeerLoop;
use crate::history::History;
use crate::links::{Batch, LinkEvent, Links, SnapshotSlice, SnapshotSource};
use crate::shared::{Shared, random};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use zoarium_peer::{Output, Peer, Request};
use zoarium_process::{Input, PersistSeq};
use zoarium_proto::{Membership, ServerId, Zxid};
use zoarium_tree::Tree;
use zoarium_tree::snapshot::{Progress, SnapshotCursor};
use zoarium_tree::watches::Watches;
use zoarium_zab::{Epoch, Link, Message, Reason, Record};

/// What a member has besides.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) links: Links,
    pub(crate) history: History,
    /// The leader's snapshot, until it takes the place of the tree.
    pub(crate) arrived: Option<Box<Tree>>,
    /// The leader this server joins or follows.
    pub(crate) leader: Option<ServerId>,
}

/// Bytes of a snapshot that are written under one lock of the tree.
const SLICE_BYTES: usize = 256 * 1024;

impl Member {
    pub(crate) const fn new(links: Links, history: History) -> Self {
        Self { links, history, arrived: None, leader: None }
    }
}

/// Whether the record does not go on with the history but changes what it is.
pub(super) const fn replaces_history(record: &Record) -> bool {
    match record {
        Record::Truncate { .. } | Record::Snapshot { .. } => true,
        Record::AcceptedEpoch(_) | Record::CurrentEpoch(_) | Record::Append(_) => false,
    }
}

impl PeerLoop {
    /// What the peer is to hear next of other members.
    pub(super) fn next_of_links(&mut self, batch: &mut Batch) -> Option<Input<Peer>> {
        let member = self.member.as_mut()?;
        Some(match member.links.next(batch)? {
            LinkEvent::Up(link) => Input::LinkUp(link),
            LinkEvent::Down(link) => Input::LinkDown(link),
            LinkEvent::Message { from, message } => Input::Message { from, message },
            LinkEvent::SnapshotSent { to } => Input::Request(Request::SnapshotSent { to }),
            LinkEvent::SnapshotArrived { leader, zxid, tree } => {
                tracing::info!(%leader, %zxid, znodes = tree.znode_count(), "the leader's state is here");
                member.arrived = Some(tree);
                Input::Request(Request::SnapshotReceived)
            }
        })
    }

    pub(super) fn send(&mut self, to: Link, message: &Message) {
        if let Some(member) = &mut self.member {
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
                let source = TreeSource { shared: Arc::clone(&self.shared), cursor: None };
                member.links.send_snapshot(*to, *zxid, Box::new(source));
            }
            Output::Dial { leader } => member.links.dial(*leader),
            Output::Disconnect { link, why } => member.links.disconnect(*link, why),
            Output::ReadHistory { read, from, upto } => {
                member.history.read(*read, *from, *upto, &self.shared);
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
            | Output::Joining { .. }
            | Output::Elected
            | Output::PutConfig(_)
            | Output::Serving { .. }
            | Output::Truncate { .. }
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
        self.note_leader(None);
    }

    pub(super) fn on_joining(&mut self, leader: ServerId) {
        tracing::info!(%leader, "joining a leader");
        self.note_leader(Some(leader));
    }

    pub(super) fn on_elected(&mut self) {
        tracing::info!("elected; waiting for a quorum to join");
        self.note_leader(None);
    }

    pub(super) fn on_serving(&mut self, leader: ServerId, epoch: Epoch) {
        let leads = self.peer.zab().is_some_and(|zab| zab.id() == leader);
        let role = if leads { "leading" } else { "following" };
        tracing::info!(%leader, %epoch, "{role}; clients are served");
        self.note_leader(Some(leader));
    }

    /// A membership is in force: links and files follow.
    pub(super) fn on_activated(&mut self, membership: &Arc<Membership>) {
        let Some(member) = &mut self.member else { return };
        tracing::info!(version = %membership.version, "membership in force:\n{membership}");
        member.links.set_membership(membership, None);
        self.note_standing();
    }

    /// Puts the membership in force into its znode.
    pub(super) fn put_config(&self, membership: &Membership, tree: &mut Tree) {
        let wall_ms = self.shared.clock.now().wall_ms;
        tree.put_config(membership.to_string().as_bytes(), membership.version, wall_ms);
    }

    fn note_leader(&mut self, leader: Option<ServerId>) {
        if let Some(member) = &mut self.member {
            member.leader = leader;
        }
        self.note_standing();
    }

    /// Notes a request that nobody answers.
    pub(super) fn forget_request(&self) {
        self.shared.under_way.fetch_sub(1, Relaxed);
    }

    /// Carries out, in order, records of which one changes what the history is. Nobody is served
    /// meanwhile, so this thread waits for it. The result is the last of them; `None` if they never
    /// become durable, with which this server ends.
    pub(super) fn replace_history(&mut self) -> Option<PersistSeq> {
        let upto = self.records.last().map(|(seq, _)| *seq)?;
        if let Some(member) = &mut self.member
            && let Some(tree) = &mut member.arrived
            && let Err(error) = member.history.stage(tree)
        {
            tracing::error!(%error, "the leader's state cannot be written");
            self.stopping = true;
            return None;
        }
        self.disk.append(self.records.drain(..));
        match self.disk.settle() {
            true => Some(upto),
            false => {
                self.stopping = true;
                None
            }
        }
    }

    /// Reads the tree back from the disk, on which the history has been cut.
    pub(super) fn reload(&self, tree: &mut Tree, to: Zxid) {
        let Some(member) = &self.member else { return };
        let began = std::time::Instant::now();
        match member.history.reload() {
            Ok(reloaded) => drop(self.shared.replace(tree, reloaded)),
            Err(error) => panic!("the history, cut after {to}, cannot be read back: {error}"),
        }
        let ms = began.elapsed().as_millis();
        tracing::warn!(%to, ms, "what came after this zxid was never committed and is gone");
    }

    /// The leader's snapshot takes the place of the tree.
    pub(super) fn install(&mut self, tree: &mut Tree, zxid: Zxid) {
        let arrived = self.member.as_mut().and_then(|member| member.arrived.take());
        let Some(arrived) = arrived else { unreachable!("{zxid} is installed before it arrived") };
        tracing::info!(%zxid, znodes = arrived.znode_count(), "the leader's state is taken over");
        drop(self.shared.replace(tree, *arrived));
    }

    /// Tells operators what this server is.
    pub(super) fn note_standing(&self) {
        if let (Some(member), Some(zab)) = (&self.member, self.peer.zab()) {
            self.shared.standing.note(zab, member.leader);
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
