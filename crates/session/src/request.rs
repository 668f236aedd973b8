//! What a client asks, and its bytes.

mod parts;

pub use parts::{Create, Read, SetData, Write};

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{BufMut, Bytes};
use zoarium_proto::jute::{length, put_boolean, put_buffer, put_text};
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::watch::WatcherType;
use zoarium_proto::{OpCode, Xid};

/// The default of `jute.maxbuffer`, in bytes: no server takes a longer request unless it is set up
/// to.
pub const REQUEST_BYTES_MAX: usize = 0xF_FFFF;

/// A request. Paths are the server's: the caller has checked them and put its chroot before them.
/// What a session says for itself is not among them: handshake, pings, identities, setting watches
/// again, removing watches, closeSession.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// create2, createContainer or createTTL, whichever the mode needs.
    Create(Create<'a>),
    /// delete.
    Delete {
        /// Which znode.
        path: Cow<'a, str>,
        /// The version it must have; `None` for any.
        version: Option<i32>,
    },
    /// exists.
    Exists {
        /// Which znode.
        path: Cow<'a, str>,
        /// Whether to set a one-shot watch, also if there is no such znode.
        watch: bool,
    },
    /// getData.
    GetData {
        /// Which znode.
        path: Cow<'a, str>,
        /// Whether to set a one-shot watch.
        watch: bool,
    },
    /// setData.
    SetData(SetData<'a>),
    /// getACL.
    GetAcl {
        /// Of which znode.
        path: Cow<'a, str>,
    },
    /// setACL.
    SetAcl {
        /// Of which znode.
        path: Cow<'a, str>,
        /// The list in its encoded form; see [`zoarium_proto::acl::encode_list`].
        acl: Bytes,
        /// The ACL version it must have; `None` for any.
        version: Option<i32>,
    },
    /// getChildren2.
    GetChildren {
        /// Of which znode.
        path: Cow<'a, str>,
        /// Whether to set a one-shot watch.
        watch: bool,
    },
    /// sync.
    Sync {
        /// Means nothing to servers.
        path: Cow<'a, str>,
    },
    /// multi: all of it is done, or nothing.
    Multi(Vec<Write<'a>>),
    /// multiRead.
    MultiRead(Vec<Read<'a>>),
    /// getEphemerals: those of this session.
    GetEphemerals {
        /// Only paths that begin with this text.
        prefix: Cow<'a, str>,
    },
    /// getAllChildrenNumber.
    CountDescendants {
        /// Of which znode.
        path: Cow<'a, str>,
    },
    /// whoAmI.
    WhoAmI,
    /// reconfig.
    Reconfig {
        /// Servers to add or change, as `server.N=` lines separated by commas.
        joining: Option<Cow<'a, str>>,
        /// Ids of servers to remove, separated by commas.
        leaving: Option<Cow<'a, str>>,
        /// The whole new membership, instead of the other two.
        members: Option<Cow<'a, str>>,
        /// The version that the current configuration must have; `None` for any.
        version: Option<i64>,
    },
    /// addWatch.
    AddWatch {
        /// Which znode.
        path: Cow<'a, str>,
        /// Whether all znodes below it are watched too.
        recursive: bool,
        /// Whether the watch is set again in the sessions after this one.
        outlives_session: bool,
    },
    /// checkWatches.
    CheckWatches {
        /// Of which znode.
        path: Cow<'a, str>,
        /// Which of its watches.
        kind: WatcherType,
    },
}

impl Request<'_> {
    /// The operation that the request is sent as.
    pub fn op(&self) -> OpCode {
        match self {
            Self::Create(create) => create.op(),
            Self::Delete { .. } => OpCode::Delete,
            Self::Exists { .. } => OpCode::Exists,
            Self::GetData { .. } => OpCode::GetData,
            Self::SetData(_) => OpCode::SetData,
            Self::GetAcl { .. } => OpCode::GetAcl,
            Self::SetAcl { .. } => OpCode::SetAcl,
            Self::GetChildren { .. } => OpCode::GetChildren2,
            Self::Sync { .. } => OpCode::Sync,
            Self::Multi(_) => OpCode::Multi,
            Self::MultiRead(_) => OpCode::MultiRead,
            Self::GetEphemerals { .. } => OpCode::GetEphemerals,
            Self::CountDescendants { .. } => OpCode::GetAllChildrenNumber,
            Self::WhoAmI => OpCode::WhoAmI,
            Self::Reconfig { .. } => OpCode::Reconfig,
            Self::AddWatch { .. } => OpCode::AddWatch,
            Self::CheckWatches { .. } => OpCode::CheckWatches,
        }
    }

    /// Which znode it is about; `None` for requests about several or none.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Create(create) => Some(&create.path),
            Self::SetData(set) => Some(&set.path),
            Self::Delete { path, .. }
            | Self::Exists { path, .. }
            | Self::GetData { path, .. }
            | Self::GetAcl { path }
            | Self::SetAcl { path, .. }
            | Self::GetChildren { path, .. }
            | Self::Sync { path }
            | Self::CountDescendants { path }
            | Self::AddWatch { path, .. }
            | Self::CheckWatches { path, .. } => Some(path),
            Self::Multi(_)
            | Self::MultiRead(_)
            | Self::GetEphemerals { .. }
            | Self::WhoAmI
            | Self::Reconfig { .. } => None,
        }
    }

    /// What kinds of parts a multi or multiRead has, in order.
    pub(crate) fn parts(&self) -> Vec<OpCode> {
        if let Self::Multi(writes) = self {
            writes.iter().map(Write::op).collect()
        } else if let Self::MultiRead(reads) = self {
            reads.iter().map(Read::op).collect()
        } else {
            Vec::new()
        }
    }

    /// Appends the request's frame, with its length. Where a request says whether it watches, that
    /// is its last byte.
    pub fn encode(&self, xid: Xid, out: &mut Vec<u8>) {
        put_request(out, xid, self.op(), |out| self.encode_record(out));
    }

    fn encode_record(&self, out: &mut Vec<u8>) {
        match self {
            Self::Create(create) => create.encode(out),
            Self::SetData(set) => set.encode(out),
            Self::Delete { path, version } => put_path_version(out, path, *version),
            Self::Exists { path, watch }
            | Self::GetData { path, watch }
            | Self::GetChildren { path, watch } => put_path_watch(out, path, *watch),
            Self::GetAcl { path }
            | Self::Sync { path }
            | Self::CountDescendants { path }
            | Self::GetEphemerals { prefix: path } => put_text(out, path),
            Self::SetAcl { path, acl, version } => {
                put_text(out, path);
                out.put_slice(acl);
                put_version(out, *version);
            }
            Self::Multi(writes) => {
                writes.iter().for_each(|write| write.encode(out));
                MultiHeader::END.encode(out);
            }
            Self::MultiRead(reads) => {
                reads.iter().for_each(|read| read.encode(out));
                MultiHeader::END.encode(out);
            }
            Self::Reconfig { joining, leaving, members, version } => {
                for text in [joining, leaving, members] {
                    put_buffer(out, text.as_ref().map(|text| text.as_bytes()));
                }
                out.put_i64(version.unwrap_or(-1));
            }
            Self::AddWatch { path, recursive, .. } => {
                put_text(out, path);
                out.put_i32(i32::from(*recursive));
            }
            Self::CheckWatches { path, kind } => {
                put_text(out, path);
                out.put_i32(*kind as i32);
            }
            Self::WhoAmI => {}
        }
    }

    /// The same request without borrowed parts.
    pub fn into_owned(self) -> Request<'static> {
        match self {
            Self::Create(create) => Request::Create(create.into_owned()),
            Self::SetData(set) => Request::SetData(set.into_owned()),
            Self::Delete { path, version } => Request::Delete { path: owned(path), version },
            Self::Exists { path, watch } => Request::Exists { path: owned(path), watch },
            Self::GetData { path, watch } => Request::GetData { path: owned(path), watch },
            Self::GetChildren { path, watch } => Request::GetChildren { path: owned(path), watch },
            Self::GetAcl { path } => Request::GetAcl { path: owned(path) },
            Self::SetAcl { path, acl, version } => {
                Request::SetAcl { path: owned(path), acl, version }
            }
            Self::Sync { path } => Request::Sync { path: owned(path) },
            Self::Multi(writes) => {
                Request::Multi(writes.into_iter().map(Write::into_owned).collect())
            }
            Self::MultiRead(reads) => {
                Request::MultiRead(reads.into_iter().map(Read::into_owned).collect())
            }
            Self::GetEphemerals { prefix } => Request::GetEphemerals { prefix: owned(prefix) },
            Self::CountDescendants { path } => Request::CountDescendants { path: owned(path) },
            Self::WhoAmI => Request::WhoAmI,
            Self::Reconfig { joining, leaving, members, version } => Request::Reconfig {
                joining: joining.map(owned),
                leaving: leaving.map(owned),
                members: members.map(owned),
                version,
            },
            Self::AddWatch { path, recursive, outlives_session } => {
                Request::AddWatch { path: owned(path), recursive, outlives_session }
            }
            Self::CheckWatches { path, kind } => Request::CheckWatches { path: owned(path), kind },
        }
    }
}

/// Appends a frame: its length, a request header, and the record that `fill` appends.
pub(crate) fn put_request(
    out: &mut Vec<u8>,
    xid: Xid,
    op: OpCode,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    zoarium_proto::reply::put_frame(out, |out| {
        out.put_i32(xid.0);
        out.put_i32(op.to_wire());
        fill(out);
    });
}

/// Appends a vector of strings.
pub(crate) fn put_texts<'a>(out: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a str>) {
    out.put_i32(length(texts.len()));
    texts.for_each(|text| put_text(out, text));
}

fn put_path_watch(out: &mut Vec<u8>, path: &str, watch: bool) {
    put_text(out, path);
    put_boolean(out, watch);
}

fn put_path_version(out: &mut Vec<u8>, path: &str, version: Option<i32>) {
    put_text(out, path);
    put_version(out, version);
}

fn put_version(out: &mut Vec<u8>, version: Option<i32>) {
    out.put_i32(version.unwrap_or(-1));
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(String::from(text))
}

fn owned_bytes(bytes: Cow<'_, [u8]>) -> Cow<'static, [u8]> {
    Cow::Owned((*bytes).to_owned())
}

#[cfg(test)]
mod tests;
