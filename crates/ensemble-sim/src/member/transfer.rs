//! A leader sends its tree to a learner, in slices between which txns go on.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::disk::load_snapshot;
use crate::participant::Timer;
use crate::segment::Carried;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use zoarium_peer::Request;
use zoarium_process::{Input, Now};
use zoarium_proto::{ServerId, Zxid};
use zoarium_tree::SnapshotCursor;
use zoarium_tree::snapshot::Progress;
use zoarium_zab::{Link, Message, Packet};

/// How much of the tree is sent at a time, in bytes: little, so that most need several turns.
const SLICE_BYTES: usize = 400;

/// How long a slice takes.
const SLICE_TIME: Duration = Duration::from_millis(2);

/// Snapshots on their way.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// By learner.
    sending: BTreeMap<u8, Sending>,
    receiving: Option<Receiving>,
}

#[derive(Debug)]
struct Sending {
    cursor: SnapshotCursor,
    /// What is to follow the stream.
    behind: VecDeque<Message>,
}

#[derive(Debug)]
struct Receiving {
    zxid: Zxid,
    bytes: Vec<u8>,
}

impl Member {
    /// Takes up sending the tree; SNAP goes ahead of it.
    pub(super) fn send_snapshot(&mut self, now: Now, to: ServerId, zxid: Zxid, fx: &mut Fx) {
        let Some(learner) = super::links::short(to) else { return };
        self.stop_sending(learner);
        self.send_on_link(now, Link::learner(to), Message::Quorum(Packet::Snap { zxid }), fx);
        let cursor = self.tree.begin_snapshot(false);
        self.transfers.sending.insert(learner, Sending { cursor, behind: VecDeque::new() });
        fx.set_timer(Timer::Transfer(learner), now.mono + SLICE_TIME);
        if self.has(Bug::SnapshotSentEarly) {
            self.feed(now, Input::Request(Request::SnapshotSent { to }), fx);
        }
    }

    /// Holds a message back that has to follow a stream; gives it back if there is none.
    pub(super) fn behind_snapshot(&mut self, link: Link, message: Message) -> Option<Message> {
        let sending = super::links::short(link.peer)
            .filter(|_| link == Link::learner(link.peer))
            .and_then(|learner| self.transfers.sending.get_mut(&learner));
        match sending {
            Some(sending) => {
                sending.behind.push_back(message);
                None
            }
            None => Some(message),
        }
    }

    pub(super) fn on_transfer_timer(&mut self, now: Now, learner: u8, fx: &mut Fx) {
        let Some(sending) = self.transfers.sending.get_mut(&learner) else { return };
        let mut bytes = Vec::new();
        let is_last = match sending.cursor.next(&self.tree, SLICE_BYTES, &mut bytes) {
            Progress::More => false,
            // What stands behind the first seal is not sent.
            Progress::Seal | Progress::End => true,
            // The leader has lost its tree, and so its lead: the link is being closed.
            Progress::Lost => return self.stop_sending(learner),
        };
        let link = Link::learner(ServerId(learner.into()));
        self.send_carried(link, Carried::Snapshot { bytes: bytes.into(), is_last }, fx);
        if !is_last {
            return fx.set_timer(Timer::Transfer(learner), now.mono + SLICE_TIME);
        }
        if let Some(sending) = self.transfers.sending.remove(&learner) {
            self.tree.end_snapshot(sending.cursor);
            for message in sending.behind {
                self.send_on_link(now, link, message, fx);
            }
        }
        let to = ServerId(learner.into());
        self.feed(now, Input::Request(Request::SnapshotSent { to }), fx);
    }

    /// The link with a learner is gone.
    pub(super) fn stop_sending(&mut self, learner: u8) {
        if let Some(sending) = self.transfers.sending.remove(&learner) {
            self.tree.end_snapshot(sending.cursor);
        }
    }

    pub(super) fn receive_snapshot(&mut self, zxid: Zxid) {
        self.transfers.receiving = Some(Receiving { zxid, bytes: Vec::new() });
    }

    /// The link with the leader is gone: what has come of a snapshot is of no use.
    pub(super) fn stop_receiving(&mut self) {
        self.transfers.receiving = None;
    }

    pub(super) fn on_snapshot_bytes(&mut self, now: Now, bytes: &[u8], is_last: bool, fx: &mut Fx) {
        let Some(receiving) = &mut self.transfers.receiving else { return };
        receiving.bytes.extend_from_slice(bytes);
        if !is_last {
            return;
        }
        let Some(Receiving { zxid, bytes }) = self.transfers.receiving.take() else { return };
        let tree = load_snapshot(&bytes, zxid);
        let tree = tree.unwrap_or_else(|error| panic!("the leader's snapshot {zxid}: {error}"));
        self.handover.arrived.replace(Some(tree));
        self.feed(now, Input::Request(Request::SnapshotReceived), fx);
    }
}
