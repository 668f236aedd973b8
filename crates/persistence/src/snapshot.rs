//! Snapshot files: the tree's stream with a header, seals and perhaps packed.
//!
//! ```text
//! header    int "ZKSN", int version 2, long dbid −1
//! sections  sessions, ACLs and znodes; then the digest; then the last zxid (from 3.9 on)
//! seal      after each section: long Adler32 of all bytes so far, string "/"
//! ```
//!
//! What stands in the sections is the tree's business
//! ([`SnapshotCursor`](zoarium_tree::snapshot::SnapshotCursor) and
//! [`SnapshotLoader`](zoarium_tree::snapshot::SnapshotLoader)). A file may end after any seal.
//!
//! Differences to Apache: a snapshot gets its name only when it is complete and durable, so a
//! crash leaves no half of one; and a snapshot counts as valid when all its bytes fit its seals,
//! not when its last five bytes look right (ZOOKEEPER-3231).

use core::fmt;
use simd_adler32::Adler32;
use zoarium_proto::Zxid;

mod convert;
mod gzip;
mod pack;
mod reader;
mod snappy;
mod stream;
mod writer;

pub use convert::convert_snapshot;
pub use reader::{LoadedSnapshot, load_snapshot, verify_snapshot};
pub(crate) use writer::write_whole;
pub use writer::{CompleteSnapshot, Filled, SnapshotWriter, write_snapshot};

/// The first four bytes of a snapshot, `ZKSN`, when unpacked.
pub const SNAPSHOT_MAGIC: u32 = 0x5a4b_534e;

/// Bytes before the first section: magic, version 2, dbid −1. Only the magic is ever checked.
const HEADER: [u8; 16] = *b"ZKSN\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff";

/// Bytes of a seal.
const SEAL_SIZE: usize = 13;

/// How a seal ends: the string `/`.
const SEAL_END: [u8; 5] = [0, 0, 0, 1, b'/'];

/// Slack for what a record has besides its largest field, in bytes.
const RECORD_SLACK: usize = 64 << 10;

/// The seal over bytes with this checksum.
fn seal(checksum: u32) -> [u8; SEAL_SIZE] {
    let mut seal = [0; SEAL_SIZE];
    seal[4..8].copy_from_slice(&checksum.to_be_bytes());
    seal[8..].copy_from_slice(&SEAL_END);
    seal
}

/// The checksum of all bytes so far.
#[derive(Default)]
struct Checksum(Adler32);

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn value(&self) -> u32 {
        self.0.finish()
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({:#x})", self.value())
    }
}

/// The zxid that a section begins with: all but the first do.
fn zxid_at(bytes: &[u8]) -> Option<Zxid> {
    let bytes = bytes.get(..8)?.try_into().ok()?;
    Some(Zxid(u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests;
