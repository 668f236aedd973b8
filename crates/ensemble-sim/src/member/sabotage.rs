//! What planted bugs make of clients' affairs.

use super::{Fx, Member};
use crate::bug::Bug;
use crate::participant::{Body, Message, Name, Timer};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use zoarium_process::{Now, PersistSeq};
use zoarium_proto::request::CreateRequest;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn};
use zoarium_proto::{AclList, ConnId, CreateMode, OpCode, Reader};

/// What planted bugs need to remember.
#[derive(Debug, Default)]
pub(super) struct Planted {
    pub(super) is_deaf: bool,
    pub(super) events: u64,
    /// Frames until their txns are durable.
    pub(super) held: VecDeque<(PersistSeq, Name, Message)>,
    pub(super) late_events: Vec<(Name, Message)>,
    /// A part of a multi that is still to be applied.
    pub(super) rest_of_multi: Vec<Vec<u8>>,
    /// The last record that the peer believes durable.
    pub(super) believed: PersistSeq,
    pub(super) replies: Vec<(Name, Message)>,
}

/// How long the rest of a multi waits.
const REST_OF_MULTI_AFTER: Duration = Duration::from_millis(20);

impl Member {
    pub(super) fn believes_early(&self) -> bool {
        self.has(Bug::AckBeforeSync) || self.has(Bug::ReadBeforeSync)
    }

    pub(super) fn must_hold(&self, to: Name) -> bool {
        self.planted.held.iter().any(|(_, held, _)| *held == to) || self.connections.is_acking
    }

    pub(super) fn notify(&mut self, conn: ConnId, frame: Vec<u8>, fx: &mut Fx) {
        self.planted.events += 1;
        if self.has(Bug::WatchLost) && self.planted.events.is_multiple_of(5) {
            return;
        }
        if self.has(Bug::EventAfterData) {
            if let Some((to, connection)) = self.connections.address(conn) {
                let message = Message::Client { connection, body: Body::Frame(frame.into()) };
                self.planted.late_events.push((to, message));
            }
            return;
        }
        if self.has(Bug::WatchTwice) {
            self.send(conn, frame.clone(), fx);
        }
        self.send(conn, frame, fx);
    }

    /// Makes of a txn what a planted bug would.
    pub(super) fn sabotage(&mut self, now: Now, txn: &mut LoggedTxn<'_>, fx: &mut Fx) {
        let Some(bug) = self.options.bug else { return };
        if let (Txn::SetData { data, .. }, Bug::DataTruncated) = (&mut txn.txn, bug) {
            *data = data.map(|data| &data[..data.len() / 2]);
        }
        let Txn::Multi(parts) = &mut txn.txn else { return };
        let is_sound = parts.len() > 1 && !parts.iter().any(|it| matches!(it, Txn::Error { .. }));
        if !is_sound || !matches!(bug, Bug::MultiLosesPart | Bug::MultiInTwoSteps) {
            return;
        }
        let Some(last) = parts.pop() else { return };
        txn.digest = None;
        if bug == Bug::MultiInTwoSteps {
            let mut rest = Vec::new();
            LoggedTxn { header: txn.header, txn: last, digest: None }.encode(&mut rest);
            self.planted.rest_of_multi.push(rest);
            fx.set_timer(Timer::RestOfMulti, now.mono + REST_OF_MULTI_AFTER);
        }
    }

    /// Brings one ephemeral of a session that a txn has ended back, as
    /// [`Bug::EphemeralLeftBehind`] does.
    pub(super) fn leave_ephemeral(&mut self, txn: &[u8]) {
        let Ok(LoggedTxn { header, txn: Txn::CloseSession { paths }, .. }) = LoggedTxn::decode(txn)
        else {
            return;
        };
        let Some(path) = paths.into_iter().next().filter(|_| self.has(Bug::EphemeralLeftBehind))
        else {
            return;
        };
        let kind = CreateKind::Plain { ephemeral: true, with_stat: true };
        let create =
            CreateTxn { path, data: Some(b""), acl: AclList::OPEN, kind, parent_cversion: -1 };
        let again = LoggedTxn { header, txn: Txn::Create(create), digest: None };
        self.tree.apply(&again, &mut |_| {});
    }

    /// What [`Bug::MultiInTwoSteps`] has put off.
    pub(super) fn apply_rest_of_multi(&mut self) {
        for rest in std::mem::take(&mut self.planted.rest_of_multi) {
            if let Ok(txn) = LoggedTxn::decode(&rest) {
                self.tree.apply(&txn, &mut |_| {});
            }
        }
    }

    /// A create as it goes on; [`Bug::SequenceReused`] puts its own counter into it.
    pub(super) fn sabotaged(&self, op: OpCode, body: Bytes) -> Bytes {
        if !self.has(Bug::SequenceReused) || op != OpCode::Create2 {
            return body;
        }
        let Ok(create) = CreateRequest::decode(op, &mut Reader::new(&body)) else { return body };
        let Some(mode) = CreateMode::from_wire(create.flags).filter(|mode| mode.is_sequential())
        else {
            return body;
        };
        let parent = self.tree.find("/seq");
        let suffix = |name: &str| name.trim_start_matches("n-").parse::<i32>().ok();
        let newest = parent.and_then(|parent| parent.children().filter_map(suffix).max());
        let path = format!("/seq/n-{:010}", newest.map_or(0, |newest| newest + 1));
        let mode = if mode.is_ephemeral() { CreateMode::Ephemeral } else { CreateMode::Persistent };
        let mut changed = Vec::new();
        zoarium_proto::jute::put_text(&mut changed, &path);
        zoarium_proto::jute::put_buffer(&mut changed, create.data);
        changed.extend(AclList::OPEN.encoded());
        changed.extend((mode as i32).to_be_bytes());
        changed.into()
    }
}
