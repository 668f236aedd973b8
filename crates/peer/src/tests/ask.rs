//! Requests as a client encodes them.

use core::fmt;
use std::vec::Vec;
use zoarium_proto::jute::{put_boolean, put_buffer};
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::{Acl, AclList, CreateMode, OpCode};

/// An operation and its record.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) op: OpCode,
    pub(super) body: Vec<u8>,
}

impl fmt::Debug for Ask {
    /// The record as text, which is what most of it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.op, self.body.escape_ascii())
    }
}

/// A create of any of the four operations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Create<'a> {
    pub(super) op: OpCode,
    pub(super) path: Option<&'a str>,
    pub(super) data: Option<&'a [u8]>,
    pub(super) acl: Option<AclList<'a>>,
    pub(super) flags: i32,
    pub(super) ttl_ms: i64,
}

impl<'a> Create<'a> {
    /// A plain create of a persistent znode that is open to all.
    pub(super) const fn of(path: Option<&'a str>) -> Self {
        Self {
            op: OpCode::Create,
            path,
            data: Some(b""),
            acl: Some(AclList::OPEN),
            flags: CreateMode::Persistent as i32,
            ttl_ms: 0,
        }
    }

    pub(super) fn ask(&self) -> Ask {
        let mut body = Vec::new();
        put_path(&mut body, self.path);
        put_buffer(&mut body, self.data);
        put_acl(&mut body, self.acl);
        body.extend(self.flags.to_be_bytes());
        if self.op == OpCode::CreateTtl {
            body.extend(self.ttl_ms.to_be_bytes());
        }
        Ask { op: self.op, body }
    }
}

impl Ask {
    pub(super) fn delete(path: Option<&str>, version: i32) -> Self {
        Self::path_and_int(OpCode::Delete, path, version)
    }

    pub(super) fn check(path: Option<&str>, version: i32) -> Self {
        Self::path_and_int(OpCode::Check, path, version)
    }

    pub(super) fn set_data(path: Option<&str>, data: Option<&[u8]>, version: i32) -> Self {
        let mut body = Vec::new();
        put_path(&mut body, path);
        put_buffer(&mut body, data);
        body.extend(version.to_be_bytes());
        Self { op: OpCode::SetData, body }
    }

    pub(super) fn set_acl(path: Option<&str>, acl: Option<AclList<'_>>, version: i32) -> Self {
        let mut body = Vec::new();
        put_path(&mut body, path);
        put_acl(&mut body, acl);
        body.extend(version.to_be_bytes());
        Self { op: OpCode::SetAcl, body }
    }

    pub(super) fn read(op: OpCode, path: Option<&str>, watch: bool) -> Self {
        let mut body = Vec::new();
        put_path(&mut body, path);
        put_boolean(&mut body, watch);
        Self { op, body }
    }

    pub(super) fn sync(path: Option<&str>) -> Self {
        let mut body = Vec::new();
        put_path(&mut body, path);
        Self { op: OpCode::Sync, body }
    }

    pub(super) fn reconfig(
        joining: Option<&str>,
        leaving: Option<&str>,
        members: Option<&str>,
        version: i64,
    ) -> Self {
        let mut body = Vec::new();
        [joining, leaving, members].into_iter().for_each(|text| put_path(&mut body, text));
        body.extend(version.to_be_bytes());
        Self { op: OpCode::Reconfig, body }
    }

    pub(super) const fn close() -> Self {
        Self { op: OpCode::CloseSession, body: Vec::new() }
    }

    pub(super) fn multi(parts: &[Self]) -> Self {
        let mut body = Vec::new();
        for part in parts {
            MultiHeader { kind: part.op.to_wire(), done: false, error: -1 }.encode(&mut body);
            body.extend(&part.body);
        }
        MultiHeader::END.encode(&mut body);
        Self { op: OpCode::Multi, body }
    }

    fn path_and_int(op: OpCode, path: Option<&str>, int: i32) -> Self {
        let mut body = Vec::new();
        put_path(&mut body, path);
        body.extend(int.to_be_bytes());
        Self { op, body }
    }
}

/// The encoded form of `entries`, each `(perms, scheme, id)`.
pub(super) fn acl_of(entries: &[Acl<'_>]) -> Vec<u8> {
    zoarium_proto::acl::encode_list(entries)
}

fn put_path(body: &mut Vec<u8>, path: Option<&str>) {
    put_buffer(body, path.map(str::as_bytes));
}

fn put_acl(body: &mut Vec<u8>, acl: Option<AclList<'_>>) {
    match acl {
        Some(acl) => body.extend(acl.encoded()),
        None => body.extend((-1_i32).to_be_bytes()),
    }
}
