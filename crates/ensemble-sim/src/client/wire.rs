//! What goes over a client's connection, as a bystander reads it: which request has which xid, and
//! which zxid a reply has. The session does not tell, and checkers need to know.

use super::{Ask, Tag};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::request::RequestHeader;
use zoarium_proto::{OpCode, Reader, Xid};

/// Requests on their way to the server and back.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// What the session was handed and has not sent, in order.
    unsent: VecDeque<Tag>,
    /// What was sent and is not answered.
    waiting: VecDeque<Xid>,
}

impl Wire {
    pub(super) fn submitted(&mut self, tag: Tag) {
        self.unsent.push_back(tag);
    }

    /// Takes note of a frame that the session sends; what it asks for its owner.
    pub(super) fn sent(&mut self, frame: &[u8]) -> Option<(Xid, Ask)> {
        let header = RequestHeader::decode(&mut Reader::new(frame)).ok()?;
        if header.xid.0 <= 0 {
            return None;
        }
        self.waiting.push_back(header.xid);
        let op = header.op()?;
        // The session has watches removed by itself.
        if op == OpCode::RemoveWatches {
            return None;
        }
        let ask = match op == OpCode::CloseSession {
            true => Ask::CloseSession,
            false => self.unsent.pop_front()?.ask,
        };
        Some((header.xid, ask))
    }

    /// Takes note of a frame from the server; its header and the oldest request without an answer.
    pub(super) fn received(&mut self, frame: &[u8]) -> Option<(ReplyHeader, Option<Xid>)> {
        let header = ReplyHeader::decode(&mut Reader::new(frame)).ok()?;
        let expected = self.waiting.front().copied();
        if header.xid.0 > 0 {
            self.waiting.retain(|xid| *xid != header.xid);
        }
        Some((header, expected))
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.waiting.clear();
    }

    /// A request will not be sent.
    pub(super) fn failed(&mut self, tag: &Tag) {
        self.unsent.retain(|unsent| unsent.number != tag.number);
    }
}

/// Takes the next frame off what a session sends, without its length.
pub(super) fn next_frame(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(bytes.try_get_i32().ok()?).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}
