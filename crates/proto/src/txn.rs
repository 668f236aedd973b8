//! Transactions as they are proposed, logged and applied: a header, a record by type, and the
//! digest of the tree after it.
//!
//! The bytes are the same in a log entry and in a PROPOSAL packet, so a transaction is encoded
//! once. Types and layouts: Apache's `TxnHeader`, `SerializeUtils` and `zookeeper.jute`.

use crate::acl::AclList;
use crate::jute::{
    DecodeError, FixedRecord, Reader, Text, length, put_boolean, put_buffer, put_text,
};
use crate::op::OpCode;
use crate::reply::put_frame;
use crate::{SessionId, Zxid};
use alloc::vec::Vec;
use bytes::BufMut;

/// What every transaction begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnHeader {
    /// The session that asked; [`SessionId::NONE`] for the server's own.
    pub session: SessionId,
    /// The session's xid for the request; 0 for the server's own.
    pub cxid: i32,
    /// The transaction's place in the order.
    pub zxid: Zxid,
    /// The leader's clock, ms since the Unix epoch.
    pub time_ms: i64,
}

impl TxnHeader {
    /// Bytes of the record and the transaction's type.
    const WIRE_SIZE: usize = 32;

    /// Appends the record for a transaction of type `kind`.
    pub fn encode(&self, kind: OpCode, out: &mut Vec<u8>) {
        let record: [u8; Self::WIRE_SIZE] = FixedRecord::new()
            .long(self.session.0)
            .int(self.cxid)
            .long(self.zxid.to_wire())
            .long(self.time_ms)
            .int(kind.to_wire())
            .bytes();
        out.extend_from_slice(&record);
    }

    /// Reads the record and the transaction's type, and nothing of what follows.
    ///
    /// # Errors
    /// If `bytes` are too few.
    #[inline]
    pub fn decode(reader: &mut Reader<'_>) -> Result<(Self, i32), DecodeError> {
        // Of the right length at once: one check instead of five.
        let mut reader = Reader::new(reader.raw(Self::WIRE_SIZE)?);
        let session = SessionId(reader.long()?);
        let cxid = reader.int()?;
        let zxid = Zxid::from_wire(reader.long()?);
        let time_ms = reader.long()?;
        let kind = reader.int()?;
        Ok((Self { session, cxid, zxid, time_ms }, kind))
    }
}

/// The digest of the whole tree after a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnDigest {
    /// How it is computed; other versions are not comparable.
    pub version: i32,
    /// The sum of the znodes' digests.
    pub value: u64,
}

impl TxnDigest {
    /// The version of the digest this code computes.
    pub const VERSION: i32 = 2;

    /// Bytes of the record.
    pub const WIRE_SIZE: usize = 12;

    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let value = self.value.cast_signed();
        let record: [u8; Self::WIRE_SIZE] =
            FixedRecord::new().int(self.version).long(value).bytes();
        out.extend_from_slice(&record);
    }
}

/// The znode of a create transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTxn<'a> {
    /// Its full path.
    pub path: Text<'a>,
    /// Its data.
    pub data: Option<&'a [u8]>,
    /// Its ACL.
    pub acl: AclList<'a>,
    /// Its kind.
    pub kind: CreateKind,
    /// The parent's stored cversion after this create; −1 in logs older than 3.4, where it has to
    /// be counted.
    pub parent_cversion: i32,
}

/// What is created; which transaction type says so is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateKind {
    /// Type 1 or, if `with_stat`, 15: persistent or ephemeral.
    Plain {
        /// Whether the header's session owns it.
        ephemeral: bool,
        /// Whether the reply carries the stat (create2).
        with_stat: bool,
    },
    /// Type 19.
    Container,
    /// Type 21.
    Ttl {
        /// Time to live in milliseconds.
        ttl_ms: i64,
    },
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Txn<'a> {
    /// Type −10.
    CreateSession {
        /// Session timeout in milliseconds.
        timeout_ms: i32,
    },
    /// Type −11.
    CloseSession {
        /// The session's ephemerals; empty in logs older than 3.6, where whatever it owns goes.
        paths: Vec<Text<'a>>,
    },
    /// Type −1: a request that failed, or a failed part of a multi.
    Error {
        /// The code, as it stands on the wire.
        code: i32,
    },
    /// Types 1, 15, 19, 21.
    Create(CreateTxn<'a>),
    /// Types 2 and 20.
    Delete {
        /// Which znode.
        path: Text<'a>,
        /// Whether the server itself reaps a container or TTL znode (20).
        reaped: bool,
    },
    /// Type 5.
    SetData {
        /// Which znode.
        path: Text<'a>,
        /// Its new data.
        data: Option<&'a [u8]>,
        /// Its new version.
        version: i32,
    },
    /// Type 16: the new configuration.
    Reconfig {
        /// The configuration znode.
        path: Text<'a>,
        /// The configuration's text.
        data: Option<&'a [u8]>,
        /// The znode's new version, −1.
        version: i32,
    },
    /// Type 7.
    SetAcl {
        /// Which znode.
        path: Text<'a>,
        /// Its new ACL.
        acl: AclList<'a>,
        /// Its new ACL version.
        version: i32,
    },
    /// Type 13, inside a multi only: no release can read it back at top level (ZOOKEEPER-2623).
    Check {
        /// Which znode.
        path: Text<'a>,
        /// The version found, plus one.
        version: i32,
    },
    /// Type 14. If one part is an error, none has an effect.
    Multi(Vec<Self>),
}

impl Txn<'_> {
    /// The type as it stands in the header.
    pub const fn kind(&self) -> OpCode {
        match self {
            Self::CreateSession { .. } => OpCode::CreateSession,
            Self::CloseSession { .. } => OpCode::CloseSession,
            Self::Error { .. } => OpCode::Error,
            Self::Create(create) => match create.kind {
                CreateKind::Plain { with_stat: false, .. } => OpCode::Create,
                CreateKind::Plain { with_stat: true, .. } => OpCode::Create2,
                CreateKind::Container => OpCode::CreateContainer,
                CreateKind::Ttl { .. } => OpCode::CreateTtl,
            },
            Self::Delete { reaped: false, .. } => OpCode::Delete,
            Self::Delete { reaped: true, .. } => OpCode::DeleteContainer,
            Self::SetData { .. } => OpCode::SetData,
            Self::Reconfig { .. } => OpCode::Reconfig,
            Self::SetAcl { .. } => OpCode::SetAcl,
            Self::Check { .. } => OpCode::Check,
            Self::Multi(_) => OpCode::Multi,
        }
    }

    /// Appends the record, without header and digest.
    pub fn encode_record(&self, out: &mut Vec<u8>) {
        match self {
            Self::CreateSession { timeout_ms } => out.put_i32(*timeout_ms),
            Self::CloseSession { paths } => {
                out.put_i32(length(paths.len()));
                paths.iter().for_each(|path| put_text(out, path));
            }
            Self::Error { code } => out.put_i32(*code),
            Self::Create(create) => create.encode(out),
            Self::Delete { path, .. } => put_text(out, path),
            Self::SetData { path, data, version } | Self::Reconfig { path, data, version } => {
                put_text(out, path);
                put_buffer(out, *data);
                out.put_i32(*version);
            }
            Self::SetAcl { path, acl, version } => {
                put_text(out, path);
                out.put_slice(acl.encoded());
                out.put_i32(*version);
            }
            Self::Check { path, version } => {
                put_text(out, path);
                out.put_i32(*version);
            }
            Self::Multi(parts) => {
                out.put_i32(length(parts.len()));
                for part in parts {
                    out.put_i32(part.kind().to_wire());
                    put_frame(out, |out| part.encode_record(out));
                }
            }
        }
    }
}

impl CreateTxn<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.path);
        put_buffer(out, self.data);
        out.put_slice(self.acl.encoded());
        match self.kind {
            CreateKind::Plain { ephemeral, .. } => {
                put_boolean(out, ephemeral);
                out.put_i32(self.parent_cversion);
            }
            CreateKind::Container => out.put_i32(self.parent_cversion),
            CreateKind::Ttl { ttl_ms } => {
                out.put_i32(self.parent_cversion);
                out.put_i64(ttl_ms);
            }
        }
    }
}

/// A transaction with all that is logged of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedTxn<'a> {
    /// Who, when, in which place of the order.
    pub header: TxnHeader,
    /// What.
    pub txn: Txn<'a>,
    /// The digest after it; absent for errors and in logs older than 3.6.
    pub digest: Option<TxnDigest>,
}

impl<'a> LoggedTxn<'a> {
    /// Appends the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(self.txn.kind(), out);
        self.txn.encode_record(out);
        if let Some(digest) = self.digest {
            digest.encode(out);
        }
    }

    /// Reads an entry, which must be all of `bytes`.
    ///
    /// # Errors
    /// If it is none.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let (header, kind) = TxnHeader::decode(&mut reader)?;
        let txn = decode_record(kind, Level::Top, &mut reader)?;
        let digest = if reader.is_at_end() {
            None
        } else {
            let version = reader.int()?;
            Some(TxnDigest { version, value: reader.long()?.cast_unsigned() })
        };
        Ok(Self { header, txn, digest })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    InsideMulti,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other operations are no transactions")]
fn decode_record<'a>(
    kind: i32,
    level: Level,
    reader: &mut Reader<'a>,
) -> Result<Txn<'a>, DecodeError> {
    let unknown = DecodeError::UnknownValue { what: "transaction type", value: kind.into() };
    let op = OpCode::from_wire(kind).ok_or(unknown)?;
    Ok(match op {
        OpCode::CreateSession => Txn::CreateSession { timeout_ms: reader.int()? },
        OpCode::CloseSession => Txn::CloseSession { paths: decode_paths(reader)? },
        OpCode::Error => Txn::Error { code: reader.int()? },
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            Txn::Create(decode_create(op, reader)?)
        }
        OpCode::Delete | OpCode::DeleteContainer => Txn::Delete {
            path: reader.text_not_null("path")?,
            reaped: op == OpCode::DeleteContainer,
        },
        OpCode::SetData | OpCode::Reconfig => {
            let path = reader.text_not_null("path")?;
            let data = reader.buffer()?;
            let version = reader.int()?;
            if op == OpCode::SetData {
                Txn::SetData { path, data, version }
            } else {
                Txn::Reconfig { path, data, version }
            }
        }
        OpCode::SetAcl => Txn::SetAcl {
            path: reader.text_not_null("path")?,
            acl: AclList::decode(reader)?.ok_or(DecodeError::Null { what: "ACL list" })?,
            version: reader.int()?,
        },
        OpCode::Check if level == Level::InsideMulti => {
            Txn::Check { path: reader.text_not_null("path")?, version: reader.int()? }
        }
        OpCode::Multi if level == Level::Top => Txn::Multi(decode_parts(reader)?),
        _ => return Err(unknown),
    })
}

fn decode_paths<'a>(reader: &mut Reader<'a>) -> Result<Vec<Text<'a>>, DecodeError> {
    let mut paths = Vec::new();
    // Without its list (`closeSessionTxn.enabled=false`) the record is empty and a digest may
    // follow. It looks like a list of two, but no two paths are that short.
    let rest = reader.rest();
    let is_digest =
        rest.len() == TxnDigest::WIRE_SIZE && rest.starts_with(&TxnDigest::VERSION.to_be_bytes());
    if rest.is_empty() || is_digest {
        return Ok(paths);
    }
    for _ in 0..reader.count()?.unwrap_or(0) {
        paths.push(reader.text_not_null("path")?);
    }
    Ok(paths)
}

fn decode_create<'a>(op: OpCode, reader: &mut Reader<'a>) -> Result<CreateTxn<'a>, DecodeError> {
    let path = reader.text_not_null("path")?;
    let data = reader.buffer()?;
    let acl = AclList::decode(reader)?.ok_or(DecodeError::Null { what: "ACL list" })?;
    let plain = matches!(op, OpCode::Create | OpCode::Create2);
    let ephemeral = if plain { reader.boolean()? } else { false };
    // Before 3.4 the record of type 1 ended here.
    let old = op == OpCode::Create && reader.is_at_end();
    let parent_cversion = if old { -1 } else { reader.int()? };
    let kind = if op == OpCode::CreateTtl {
        CreateKind::Ttl { ttl_ms: reader.long()? }
    } else if op == OpCode::CreateContainer {
        CreateKind::Container
    } else {
        CreateKind::Plain { ephemeral, with_stat: op == OpCode::Create2 }
    };
    Ok(CreateTxn { path, data, acl, kind, parent_cversion })
}

/// Bytes of a part of a multi besides its record: its type and the record's length.
const PART_OVERHEAD: usize = 8;

fn decode_parts<'a>(reader: &mut Reader<'a>) -> Result<Vec<Txn<'a>>, DecodeError> {
    let count = reader.count()?.unwrap_or(0);
    let room = reader.rest().len() / PART_OVERHEAD;
    let mut parts = Vec::with_capacity(room.min(usize::try_from(count).unwrap_or(room)));
    for _ in 0..count {
        let kind = reader.int()?;
        let record = reader.buffer()?.ok_or(DecodeError::Null { what: "part of a multi" })?;
        parts.push(decode_record(kind, Level::InsideMulti, &mut Reader::new(record))?);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_session_without_its_list_keeps_its_digest() {
        let header =
            TxnHeader { session: SessionId(7), cxid: 1, zxid: Zxid::new(0, 9), time_ms: 5 };
        let digest = TxnDigest { version: TxnDigest::VERSION, value: 0x0000_0004_2F61_2F62 };
        let mut bytes = Vec::new();
        header.encode(OpCode::CloseSession, &mut bytes);
        digest.encode(&mut bytes);
        let read = LoggedTxn::decode(&bytes).unwrap();
        assert_eq!(read.txn, Txn::CloseSession { paths: Vec::new() });
        assert_eq!(read.digest, Some(digest));
    }
}
