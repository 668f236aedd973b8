//! What planted bugs make of what clients say.

use super::Client;
use crate::bug::Bug;
use bytes::Bytes;
use zoarium_proto::request::RequestHeader;
use zoarium_proto::{Reader, Xid};

impl Client {
    /// What becomes of a frame.
    pub(super) fn sabotaged(&self, is_handshake: bool, frame: Bytes) -> Option<Bytes> {
        let Some(bug) = self.bug.filter(|_| !is_handshake) else { return Some(frame) };
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::decode(&mut reader).ok();
        if header.is_none_or(|header| header.xid != Xid::SET_WATCHES) {
            return Some(frame);
        }
        if bug == Bug::WatchesNotSetAgain {
            return None;
        }
        if bug != Bug::WatchesSetAgainAhead {
            return Some(frame);
        }
        let mut ahead = frame.to_vec();
        let zxid = reader.offset()..reader.offset() + 8;
        ahead[zxid].copy_from_slice(&i64::MAX.to_be_bytes());
        Some(ahead.into())
    }
}
