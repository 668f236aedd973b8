//! Watch events and the kinds of watches.

use crate::jute::{DecodeError, Reader, Text, put_text};
use crate::{ErrorCode, Xid, Zxid};
use bytes::BufMut;

/// What happened to a znode. Values are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum EventType {
    /// It was created.
    NodeCreated = 1,
    /// It was deleted.
    NodeDeleted = 2,
    /// Its data was set.
    NodeDataChanged = 3,
    /// A child was created or deleted.
    NodeChildrenChanged = 4,
}

impl EventType {
    /// The event with this wire value.
    pub const fn from_wire(value: i32) -> Option<Self> {
        Some(match value {
            1 => Self::NodeCreated,
            2 => Self::NodeDeleted,
            3 => Self::NodeDataChanged,
            4 => Self::NodeChildrenChanged,
            _ => return None,
        })
    }
}

/// The only connection state a server sends in an event.
const SYNC_CONNECTED: i32 = 3;

/// An event as a client receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedEvent<'a> {
    /// What happened.
    pub kind: EventType,
    /// To which znode.
    pub path: Text<'a>,
    /// By which transaction; `None` for an event that makes up for one missed while the client
    /// was away, and from servers older than 3.9.
    pub zxid: Option<Zxid>,
}

impl<'a> WatchedEvent<'a> {
    /// Appends reply header and record, without a frame length.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_i32(Xid::NOTIFICATION.0);
        out.put_i64(self.zxid.map_or(-1, Zxid::to_wire));
        out.put_i32(0);
        out.put_i32(self.kind as i32);
        out.put_i32(SYNC_CONNECTED);
        put_text(out, &self.path);
    }

    /// Reads the record that follows a reply header with [`Xid::NOTIFICATION`] and `zxid`.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(zxid: i64, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let value = reader.int()?;
        let kind = EventType::from_wire(value)
            .ok_or(DecodeError::UnknownValue { what: "event type", value: value.into() })?;
        reader.int()?;
        let path = reader.text_not_null("event path")?;
        let zxid = (zxid != -1).then_some(Zxid::from_wire(zxid));
        Ok(Self { kind, path, zxid })
    }
}

/// How long a watch lives and what it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchMode {
    /// Gone after its first event.
    Standard,
    /// Stays, covers one znode.
    Persistent,
    /// Stays, covers a znode and all below it.
    PersistentRecursive,
}

impl WatchMode {
    /// The mode that an addWatch request names: 0 persistent, 1 persistent recursive.
    ///
    /// # Errors
    /// [`ErrorCode::MarshallingError`] for any other number, as Apache answers.
    pub const fn from_wire(mode: i32) -> Result<Self, ErrorCode> {
        match mode {
            0 => Ok(Self::Persistent),
            1 => Ok(Self::PersistentRecursive),
            _ => Err(ErrorCode::MarshallingError),
        }
    }
}

/// Which watches a checkWatches or removeWatches request means. Values are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum WatcherType {
    /// One-shot child watches.
    Children = 1,
    /// One-shot data watches.
    Data = 2,
    /// Any watch.
    Any = 3,
    /// Persistent watches (3.9).
    Persistent = 4,
    /// Persistent recursive watches (3.9).
    PersistentRecursive = 5,
}

impl WatcherType {
    /// The type with this wire value.
    pub const fn from_wire(value: i32) -> Option<Self> {
        Some(match value {
            1 => Self::Children,
            2 => Self::Data,
            3 => Self::Any,
            4 => Self::Persistent,
            5 => Self::PersistentRecursive,
            _ => return None,
        })
    }
}
