//! What clients ask: the record that follows each request header.
//!
//! Paths stay optional here because a null path is decodable; each operation has its own answer
//! to it. Bytes after a record are ignored, as Apache does.

use crate::acl::AclList;
use crate::jute::{DecodeError, Reader, Text};
use crate::{Xid, op::OpCode};

/// What stands before every request but the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The client's number for the request.
    pub xid: Xid,
    /// The operation as it came; see [`RequestHeader::op`].
    pub kind: i32,
}

impl RequestHeader {
    /// Bytes on the wire.
    pub const WIRE_SIZE: usize = 8;

    /// Reads the record.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { xid: Xid(reader.int()?), kind: reader.int()? })
    }

    /// The operation, if it exists.
    pub const fn op(&self) -> Option<OpCode> {
        OpCode::from_wire(self.kind)
    }
}

/// exists, getData, getChildren, getChildren2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathWatchRequest<'a> {
    /// Which znode.
    pub path: Option<Text<'a>>,
    /// Whether to set a one-shot watch.
    pub watch: bool,
}

impl<'a> PathWatchRequest<'a> {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record, as for all records here.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: reader.text()?, watch: reader.boolean()? })
    }
}

/// create, create2, createContainer, createTTL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest<'a> {
    /// The new znode's path, without the counter of a sequential one.
    pub path: Option<Text<'a>>,
    /// Its data; null is kept as null.
    pub data: Option<&'a [u8]>,
    /// Its ACL as asked for.
    pub acl: Option<AclList<'a>>,
    /// A [`crate::CreateMode`], not checked.
    pub flags: i32,
    /// The time to live in milliseconds; createTTL only.
    pub ttl_ms: Option<i64>,
}

impl<'a> CreateRequest<'a> {
    /// Reads the record of `op`.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(op: OpCode, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            path: reader.text()?,
            data: reader.buffer()?,
            acl: AclList::decode(reader)?,
            flags: reader.int()?,
            ttl_ms: if op == OpCode::CreateTtl { Some(reader.long()?) } else { None },
        })
    }
}

/// delete and check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathVersionRequest<'a> {
    /// Which znode.
    pub path: Option<Text<'a>>,
    /// Its expected version; −1 for any.
    pub version: i32,
}

impl<'a> PathVersionRequest<'a> {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: reader.text()?, version: reader.int()? })
    }
}

/// setData.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetDataRequest<'a> {
    /// Which znode.
    pub path: Option<Text<'a>>,
    /// The new data.
    pub data: Option<&'a [u8]>,
    /// The expected version; −1 for any.
    pub version: i32,
}

impl<'a> SetDataRequest<'a> {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: reader.text()?, data: reader.buffer()?, version: reader.int()? })
    }
}

/// setACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAclRequest<'a> {
    /// Which znode.
    pub path: Option<Text<'a>>,
    /// The new ACL as asked for.
    pub acl: Option<AclList<'a>>,
    /// The expected ACL version; −1 for any.
    pub version: i32,
}

impl<'a> SetAclRequest<'a> {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: reader.text()?, acl: AclList::decode(reader)?, version: reader.int()? })
    }
}

/// checkWatches, removeWatches, addWatch: a path and a number that says which or how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathModeRequest<'a> {
    /// Which znode.
    pub path: Option<Text<'a>>,
    /// A [`crate::watch::WatcherType`] or a [`crate::WatchMode`], not checked.
    pub mode: i32,
}

impl<'a> PathModeRequest<'a> {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: reader.text()?, mode: reader.int()? })
    }
}

/// A vector of strings, still encoded and checked to be one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts<'a> {
    count: u32,
    encoded: &'a [u8],
}

impl<'a> Texts<'a> {
    fn decode(reader: &mut Reader<'a>, what: &'static str) -> Result<Self, DecodeError> {
        let count = reader.count()?.ok_or(DecodeError::Null { what })?;
        let start = reader.offset();
        for _ in 0..count {
            reader.buffer()?.ok_or(DecodeError::Null { what })?;
        }
        Ok(Self { count, encoded: reader.since(start) })
    }

    /// The strings in order.
    pub fn iter(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        (0..self.count).map_while(move |_| reader.text().ok().flatten())
    }
}

/// setWatches and setWatches2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetWatchesRequest<'a> {
    /// The newest zxid the client has seen; changes after it are made up for with events.
    pub relative_zxid: i64,
    /// Paths with a data watch set by getData.
    pub data: Texts<'a>,
    /// Paths with a data watch set by exists on a missing znode.
    pub exist: Texts<'a>,
    /// Paths with a child watch.
    pub child: Texts<'a>,
    /// Paths with a persistent watch; empty in setWatches.
    pub persistent: Texts<'a>,
    /// Paths with a persistent recursive watch; empty in setWatches.
    pub persistent_recursive: Texts<'a>,
}

impl<'a> SetWatchesRequest<'a> {
    /// Reads the record of `op`.
    ///
    /// # Errors
    /// If the bytes are no such record; null vectors and null paths are none.
    pub fn decode(op: OpCode, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let relative_zxid = reader.long()?;
        let data = Texts::decode(reader, "data watches")?;
        let exist = Texts::decode(reader, "exist watches")?;
        let child = Texts::decode(reader, "child watches")?;
        let (persistent, persistent_recursive) = if op == OpCode::SetWatches2 {
            (
                Texts::decode(reader, "persistent watches")?,
                Texts::decode(reader, "persistent recursive watches")?,
            )
        } else {
            (Texts::default(), Texts::default())
        };
        Ok(Self { relative_zxid, data, exist, child, persistent, persistent_recursive })
    }
}

/// auth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRequest<'a> {
    /// How to understand `auth`.
    pub scheme: Option<Text<'a>>,
    /// The credentials.
    pub auth: Option<&'a [u8]>,
}

impl<'a> AuthRequest<'a> {
    /// Reads the record; its first field, a type, means nothing.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.int()?;
        Ok(Self { scheme: reader.text()?, auth: reader.buffer()? })
    }
}

/// reconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconfigRequest<'a> {
    /// Servers to add or change, as `server.N=` lines separated by commas.
    pub joining: Option<Text<'a>>,
    /// Ids of servers to remove, separated by commas.
    pub leaving: Option<Text<'a>>,
    /// The whole new membership, instead of the other two.
    pub new_members: Option<Text<'a>>,
    /// The version the current configuration must have; −1 for any.
    pub current_config: i64,
}

impl<'a> ReconfigRequest<'a> {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            joining: reader.text()?,
            leaving: reader.text()?,
            new_members: reader.text()?,
            current_config: reader.long()?,
        })
    }
}
