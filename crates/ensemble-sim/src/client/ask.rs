//! What clients ask.

use std::borrow::Cow;
use zoarium_proto::CreateMode;
use zoarium_session::request::{Create, Read, Request, SetData, Write};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// create2.
    Create {
        /// Which znode.
        path: String,
        /// Its data.
        data: Vec<u8>,
        /// Whether it goes with the session.
        ephemeral: bool,
    },
    /// create2 of a znode `/seq/n-` with a counter.
    CreateSequential {
        /// Whether it goes with the session.
        ephemeral: bool,
    },
    /// setData of any version.
    Set {
        /// Which znode.
        path: String,
        /// The data.
        data: Vec<u8>,
    },
    /// delete of any version.
    Delete {
        /// Which znode.
        path: String,
    },
    /// A multi that sets two znodes to one value.
    SetBoth {
        /// Which.
        paths: [&'static str; 2],
        /// The value.
        data: Vec<u8>,
        /// Whether a check follows that cannot hold.
        failing: bool,
    },
    /// multiRead of two znodes.
    GetBoth {
        /// Which.
        paths: [&'static str; 2],
    },
    /// getData.
    Get {
        /// Which znode.
        path: String,
        /// Whether to set a watch.
        watch: bool,
    },
    /// exists.
    Exists {
        /// Which znode.
        path: String,
        /// Whether to set a watch.
        watch: bool,
    },
    /// getChildren2.
    List {
        /// Of which znode.
        path: String,
        /// Whether to set a watch.
        watch: bool,
    },
    /// addWatch, persistent.
    WatchAlways {
        /// Which znode.
        path: String,
    },
    /// reconfig: some servers are added, change their role, or go.
    Change {
        /// As `server.N=` lines.
        joining: Option<String>,
        /// Ids.
        leaving: Option<String>,
    },
    /// reconfig: these are the servers, as `server.N=` lines.
    Replace(String),
    /// sync.
    Sync,
    /// closeSession.
    CloseSession,
}

/// A version that no znode of a run reaches.
const IMPOSSIBLE_VERSION: i32 = 1_000_000_000;

impl Ask {
    /// A create of a persistent znode.
    pub fn create(path: &str, data: &[u8]) -> Self {
        Self::Create { path: path.to_owned(), data: data.to_vec(), ephemeral: false }
    }

    /// Whether it asks for a change.
    pub const fn is_write(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::CreateSequential { .. }
            | Self::Set { .. }
            | Self::Delete { .. }
            | Self::SetBoth { .. }
            | Self::Change { .. }
            | Self::Replace(_)
            | Self::CloseSession => true,
            Self::GetBoth { .. }
            | Self::Get { .. }
            | Self::Exists { .. }
            | Self::List { .. }
            | Self::WatchAlways { .. }
            | Self::Sync => false,
        }
    }

    /// The same for a session; none if a session does it in another way.
    pub(super) fn request(&self) -> Option<Request<'_>> {
        Some(match self {
            Self::Create { path, data, ephemeral } => {
                let mode = if *ephemeral { CreateMode::Ephemeral } else { CreateMode::Persistent };
                Request::Create(Create::new(path, data).with_mode(mode))
            }
            Self::CreateSequential { ephemeral } => {
                let mode = match ephemeral {
                    true => CreateMode::EphemeralSequential,
                    false => CreateMode::PersistentSequential,
                };
                Request::Create(Create::new("/seq/n-", b"").with_mode(mode))
            }
            Self::Set { path, data } => Request::SetData(set(path, data)),
            Self::Delete { path } => Request::Delete { path: path.into(), version: None },
            Self::SetBoth { paths, data, failing } => {
                let check = failing.then(|| Write::Check {
                    path: paths[0].into(),
                    version: Some(IMPOSSIBLE_VERSION),
                });
                let writes = paths.iter().map(|path| Write::SetData(set(path, data)));
                Request::Multi(writes.chain(check).collect())
            }
            Self::GetBoth { paths } => {
                let reads = paths.iter().map(|path| Read::GetData { path: (*path).into() });
                Request::MultiRead(reads.collect())
            }
            Self::Get { path, watch } => Request::GetData { path: path.into(), watch: *watch },
            Self::Exists { path, watch } => Request::Exists { path: path.into(), watch: *watch },
            Self::List { path, watch } => Request::GetChildren { path: path.into(), watch: *watch },
            Self::WatchAlways { path } => {
                let path = path.into();
                Request::AddWatch { path, recursive: false, outlives_session: false }
            }
            Self::Change { joining, leaving } => Request::Reconfig {
                joining: joining.as_deref().map(Cow::Borrowed),
                leaving: leaving.as_deref().map(Cow::Borrowed),
                members: None,
                version: None,
            },
            Self::Replace(members) => Request::Reconfig {
                joining: None,
                leaving: None,
                members: Some(members.into()),
                version: None,
            },
            Self::Sync => Request::Sync { path: "/".into() },
            Self::CloseSession => return None,
        })
    }
}

fn set<'a>(path: &'a str, data: &'a [u8]) -> SetData<'a> {
    SetData { path: path.into(), data: Some(Cow::Borrowed(data)), version: None }
}
