//! What clients ask, and how it is encoded.

use zoarium_proto::jute::{put_boolean, put_buffer, put_text};
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::{AclList, CreateMode, OpCode};

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

    /// Opcode and record.
    pub fn encode(&self) -> (OpCode, Vec<u8>) {
        let mut out = Vec::new();
        let op = match self {
            Self::Create { path, data, ephemeral } => {
                let mode = if *ephemeral { CreateMode::Ephemeral } else { CreateMode::Persistent };
                put_create(&mut out, path, data, mode);
                OpCode::Create2
            }
            Self::CreateSequential { ephemeral } => {
                let mode = match ephemeral {
                    true => CreateMode::EphemeralSequential,
                    false => CreateMode::PersistentSequential,
                };
                put_create(&mut out, "/seq/n-", b"", mode);
                OpCode::Create2
            }
            Self::Set { path, data } => {
                put_set(&mut out, path, data);
                OpCode::SetData
            }
            Self::Delete { path } => {
                put_text(&mut out, path);
                out.extend((-1_i32).to_be_bytes());
                OpCode::Delete
            }
            Self::SetBoth { paths, data, failing } => {
                put_set_both(&mut out, paths, data, *failing);
                OpCode::Multi
            }
            Self::GetBoth { paths } => {
                for path in paths {
                    put_part(&mut out, OpCode::GetData);
                    put_read(&mut out, path, false);
                }
                MultiHeader::END.encode(&mut out);
                OpCode::MultiRead
            }
            Self::Get { path, watch } => put_watching(&mut out, OpCode::GetData, path, *watch),
            Self::Exists { path, watch } => put_watching(&mut out, OpCode::Exists, path, *watch),
            Self::List { path, watch } => {
                put_watching(&mut out, OpCode::GetChildren2, path, *watch)
            }
            Self::WatchAlways { path } => {
                put_text(&mut out, path);
                out.extend(0_i32.to_be_bytes());
                OpCode::AddWatch
            }
            Self::Sync => {
                put_text(&mut out, "/");
                OpCode::Sync
            }
            Self::CloseSession => OpCode::CloseSession,
        };
        (op, out)
    }
}

fn put_create(out: &mut Vec<u8>, path: &str, data: &[u8], mode: CreateMode) {
    put_text(out, path);
    put_buffer(out, Some(data));
    out.extend(AclList::OPEN.encoded());
    out.extend((mode as i32).to_be_bytes());
}

fn put_set(out: &mut Vec<u8>, path: &str, data: &[u8]) {
    put_text(out, path);
    put_buffer(out, Some(data));
    out.extend((-1_i32).to_be_bytes());
}

fn put_set_both(out: &mut Vec<u8>, paths: &[&str; 2], data: &[u8], failing: bool) {
    for path in paths {
        put_part(out, OpCode::SetData);
        put_set(out, path, data);
    }
    if failing {
        put_part(out, OpCode::Check);
        put_text(out, paths[0]);
        out.extend(IMPOSSIBLE_VERSION.to_be_bytes());
    }
    MultiHeader::END.encode(out);
}

fn put_part(out: &mut Vec<u8>, op: OpCode) {
    MultiHeader { kind: op.to_wire(), done: false, error: -1 }.encode(out);
}

fn put_read(out: &mut Vec<u8>, path: &str, watch: bool) {
    put_text(out, path);
    put_boolean(out, watch);
}

fn put_watching(out: &mut Vec<u8>, op: OpCode, path: &str, watch: bool) -> OpCode {
    put_read(out, path, watch);
    op
}
