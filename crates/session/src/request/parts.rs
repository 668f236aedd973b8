//! Requests that also stand in a multi, and those that only do.

use super::{owned, owned_bytes, put_path_version, put_path_watch, put_version};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use bytes::{BufMut, Bytes};
use zoarium_proto::jute::{put_buffer, put_text};
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::{AclList, CreateMode, OpCode};

/// A znode to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create<'a> {
    /// Its path, without the counter of a sequential one.
    pub path: Cow<'a, str>,
    /// Its data; `None` is null, which servers keep apart from empty.
    pub data: Option<Cow<'a, [u8]>>,
    /// Its ACL in the encoded form; see [`zoarium_proto::acl::encode_list`].
    pub acl: Bytes,
    /// What kind it is.
    pub mode: CreateMode,
    /// Its time to live in milliseconds, for the modes that have one.
    pub ttl_ms: i64,
}

impl<'a> Create<'a> {
    /// A persistent znode that everybody may do anything to.
    pub fn new(path: impl Into<Cow<'a, str>>, data: impl Into<Cow<'a, [u8]>>) -> Self {
        Self {
            path: path.into(),
            data: Some(data.into()),
            acl: Bytes::from_static(AclList::OPEN.encoded()),
            mode: CreateMode::Persistent,
            ttl_ms: 0,
        }
    }

    /// The same with another mode.
    #[must_use]
    pub fn with_mode(self, mode: CreateMode) -> Self {
        Self { mode, ..self }
    }

    pub(super) fn op(&self) -> OpCode {
        match self.mode {
            CreateMode::Persistent
            | CreateMode::Ephemeral
            | CreateMode::PersistentSequential
            | CreateMode::EphemeralSequential => OpCode::Create2,
            CreateMode::Container => OpCode::CreateContainer,
            CreateMode::PersistentWithTtl | CreateMode::PersistentSequentialWithTtl => {
                OpCode::CreateTtl
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.path);
        put_buffer(out, self.data.as_deref());
        out.put_slice(&self.acl);
        out.put_i32(self.mode as i32);
        if self.mode.is_ttl() {
            out.put_i64(self.ttl_ms);
        }
    }

    pub(super) fn into_owned(self) -> Create<'static> {
        Create { path: owned(self.path), data: self.data.map(owned_bytes), ..self }
    }
}

/// New data for a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetData<'a> {
    /// Which znode.
    pub path: Cow<'a, str>,
    /// The data; `None` is null.
    pub data: Option<Cow<'a, [u8]>>,
    /// The version it must have; `None` for any.
    pub version: Option<i32>,
}

impl SetData<'_> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.path);
        put_buffer(out, self.data.as_deref());
        put_version(out, self.version);
    }

    pub(super) fn into_owned(self) -> SetData<'static> {
        let (path, data) = (owned(self.path), self.data.map(owned_bytes));
        SetData { path, data, version: self.version }
    }
}

/// One part of a multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write<'a> {
    /// A create of any kind.
    Create(Create<'a>),
    /// delete.
    Delete {
        /// Which znode.
        path: Cow<'a, str>,
        /// The version it must have; `None` for any.
        version: Option<i32>,
    },
    /// setData.
    SetData(SetData<'a>),
    /// check: the znode is there and has this version, or nothing of the multi is done.
    Check {
        /// Which znode.
        path: Cow<'a, str>,
        /// The version it must have; `None` for any.
        version: Option<i32>,
    },
}

impl Write<'_> {
    pub(crate) fn op(&self) -> OpCode {
        match self {
            Self::Create(create) => create.op(),
            Self::Delete { .. } => OpCode::Delete,
            Self::SetData(_) => OpCode::SetData,
            Self::Check { .. } => OpCode::Check,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_part(out, self.op());
        match self {
            Self::Create(create) => create.encode(out),
            Self::SetData(set) => set.encode(out),
            Self::Delete { path, version } | Self::Check { path, version } => {
                put_path_version(out, path, *version);
            }
        }
    }

    pub(super) fn into_owned(self) -> Write<'static> {
        match self {
            Self::Create(create) => Write::Create(create.into_owned()),
            Self::SetData(set) => Write::SetData(set.into_owned()),
            Self::Delete { path, version } => Write::Delete { path: owned(path), version },
            Self::Check { path, version } => Write::Check { path: owned(path), version },
        }
    }
}

/// One part of a multiRead. Watches cannot be set in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// getData.
    GetData {
        /// Which znode.
        path: Cow<'a, str>,
    },
    /// getChildren.
    GetChildren {
        /// Of which znode.
        path: Cow<'a, str>,
    },
}

impl Read<'_> {
    pub(crate) fn op(&self) -> OpCode {
        match self {
            Self::GetData { .. } => OpCode::GetData,
            Self::GetChildren { .. } => OpCode::GetChildren,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_part(out, self.op());
        match self {
            Self::GetData { path } | Self::GetChildren { path } => put_path_watch(out, path, false),
        }
    }

    pub(super) fn into_owned(self) -> Read<'static> {
        match self {
            Self::GetData { path } => Read::GetData { path: owned(path) },
            Self::GetChildren { path } => Read::GetChildren { path: owned(path) },
        }
    }
}

fn put_part(out: &mut Vec<u8>, op: OpCode) {
    MultiHeader { kind: op.to_wire(), done: false, error: -1 }.encode(out);
}
