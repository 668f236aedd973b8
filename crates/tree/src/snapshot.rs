//! Snapshots: the tree as a stream of bytes, and back.
//!
//! The stream is what stands in a snapshot file after its header: sessions, ACLs, znodes, and
//! after a seal the digest, and after another the last zxid. A SNAP sync sends the part before
//! the first seal. Seals (checksums), compression and files are not this crate's business: the
//! writer says where a seal goes, the reader where it expects one.

mod reader;
mod writer;

pub use reader::{Fed, LoadError, Loaded, Next, SnapshotLoader};
pub use writer::{Progress, SnapshotCursor};

/// The key of [`zoarium_proto::AclList::OPEN`], which is not in the map.
const OPEN_ACL_KEY: i64 = -1;

/// The path that ends the znodes. The root's own is empty.
const END_OF_ZNODES: &str = "/";
