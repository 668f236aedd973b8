//! The stat of a znode.

use crate::jute::{DecodeError, FixedRecord, Reader};
use crate::{SessionId, Zxid};
use bytes::BufMut;

/// What clients see of a znode besides its data and ACL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Zxid of the create.
    pub czxid: Zxid,
    /// Zxid of the last change of the data.
    pub mzxid: Zxid,
    /// Creation time, ms since the Unix epoch.
    pub ctime: i64,
    /// Time of the last change of the data, ms since the Unix epoch.
    pub mtime: i64,
    /// Number of changes of the data.
    pub version: i32,
    /// Number of changes of the set of children.
    pub cversion: i32,
    /// Number of changes of the ACL.
    pub aversion: i32,
    /// The session that owns an ephemeral, else 0.
    pub ephemeral_owner: SessionId,
    /// Bytes of data.
    pub data_length: i32,
    /// Number of children.
    pub num_children: i32,
    /// Zxid of the last change of the set of children.
    pub pzxid: Zxid,
}

impl Stat {
    /// Bytes on the wire.
    pub const WIRE_SIZE: usize = 68;

    /// Appends the record.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_slice(&self.to_wire());
    }

    /// The record as bytes; one copy into the output instead of eleven.
    pub fn to_wire(&self) -> [u8; Self::WIRE_SIZE] {
        FixedRecord::new()
            .long(self.czxid.to_wire())
            .long(self.mzxid.to_wire())
            .long(self.ctime)
            .long(self.mtime)
            .int(self.version)
            .int(self.cversion)
            .int(self.aversion)
            .long(self.ephemeral_owner.0)
            .int(self.data_length)
            .int(self.num_children)
            .long(self.pzxid.to_wire())
            .bytes()
    }

    /// Reads the record.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            czxid: Zxid::from_wire(reader.long()?),
            mzxid: Zxid::from_wire(reader.long()?),
            ctime: reader.long()?,
            mtime: reader.long()?,
            version: reader.int()?,
            cversion: reader.int()?,
            aversion: reader.int()?,
            ephemeral_owner: SessionId(reader.long()?),
            data_length: reader.int()?,
            num_children: reader.int()?,
            pzxid: Zxid::from_wire(reader.long()?),
        })
    }
}

/// What is kept of a znode besides data, ACL and place: the stat as snapshots and digests have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawStat {
    /// Zxid of the create.
    pub czxid: Zxid,
    /// Zxid of the last change of the data.
    pub mzxid: Zxid,
    /// Zxid of the last change of the set of children.
    pub pzxid: Zxid,
    /// Creation time, ms since the Unix epoch.
    pub ctime: i64,
    /// Time of the last change of the data, ms since the Unix epoch.
    pub mtime: i64,
    /// Number of changes of the data.
    pub version: i32,
    /// Number of children ever created; clients see `2 * cversion - num_children`, which counts
    /// deletes too.
    pub cversion: i32,
    /// Number of changes of the ACL.
    pub aversion: i32,
    /// See [`crate::create::Owner`].
    pub owner: i64,
}

impl RawStat {
    /// Bytes in a snapshot and in the input of a digest.
    pub const WIRE_SIZE: usize = 60;

    /// What a client sees. `owner` is the session for ephemerals only.
    pub const fn to_stat(
        &self,
        owner: crate::create::Owner,
        data_length: i32,
        num_children: i32,
    ) -> Stat {
        let ephemeral_owner = match owner {
            crate::create::Owner::Session(session) => session,
            crate::create::Owner::None
            | crate::create::Owner::Container
            | crate::create::Owner::Ttl(_) => SessionId::NONE,
        };
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            cversion: self.cversion.wrapping_mul(2).wrapping_sub(num_children),
            aversion: self.aversion,
            ephemeral_owner,
            data_length,
            num_children,
            pzxid: self.pzxid,
        }
    }

    /// The bytes that go into a znode's digest, pzxid third.
    pub fn to_digest_input(&self) -> [u8; Self::WIRE_SIZE] {
        FixedRecord::new()
            .long(self.czxid.to_wire())
            .long(self.mzxid.to_wire())
            .long(self.pzxid.to_wire())
            .long(self.ctime)
            .long(self.mtime)
            .int(self.version)
            .int(self.cversion)
            .int(self.aversion)
            .long(self.owner)
            .bytes()
    }

    /// Appends the record as a snapshot has it, pzxid last.
    pub fn encode(&self, out: &mut impl BufMut) {
        let record: [u8; Self::WIRE_SIZE] = FixedRecord::new()
            .long(self.czxid.to_wire())
            .long(self.mzxid.to_wire())
            .long(self.ctime)
            .long(self.mtime)
            .int(self.version)
            .int(self.cversion)
            .int(self.aversion)
            .long(self.owner)
            .long(self.pzxid.to_wire())
            .bytes();
        out.put_slice(&record);
    }

    /// Reads the record as a snapshot has it.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            czxid: Zxid::from_wire(reader.long()?),
            mzxid: Zxid::from_wire(reader.long()?),
            ctime: reader.long()?,
            mtime: reader.long()?,
            version: reader.int()?,
            cversion: reader.int()?,
            aversion: reader.int()?,
            owner: reader.long()?,
            pzxid: Zxid::from_wire(reader.long()?),
        })
    }
}
