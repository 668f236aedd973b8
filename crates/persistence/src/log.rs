//! The transaction log's format, and the writer.
//!
//! ```text
//! header   int "ZKLG", int version 2, long dbid 0
//! entry*   long Adler32 of the txn, int length, the txn, byte 'B'
//! padding  zeros up to the reserved size
//! ```
//!
//! A file is named after its first entry and never appended to by a later process, so whatever a
//! crash left at its end stays there. What readers make of that is in [`log_reader`](crate::log_reader).

use alloc::vec::Vec;
use zoarium_proto::Zxid;

mod writer;

pub use writer::{LogOptions, LogWriter};

/// The first four bytes of a log file, `ZKLG`.
pub const LOG_MAGIC: u32 = 0x5a4b_4c47;

/// Bytes before the first entry.
pub const LOG_HEADER_SIZE: usize = 16;

/// Bytes of an entry besides its txn.
pub const ENTRY_OVERHEAD: usize = ENTRY_HEAD + 1;

/// Bytes of an entry before its txn: checksum and length.
pub(crate) const ENTRY_HEAD: usize = 12;

/// The byte after a txn, `B`. An entry without it was not completely written.
pub(crate) const ENTRY_MARK: u8 = 0x42;

/// Bytes of a txn's header; no txn is shorter.
pub(crate) const TXN_HEADER_SIZE: usize = 32;

/// The most that the writer has in flight before it waits for the disk, in bytes. A reader relies
/// on it: whole entries further than this behind a gap were acknowledged.
pub const UNSYNCED_MAX: usize = 4 << 20;

/// The format's version, which Apache writes and does not check.
const LOG_VERSION: i32 = 2;

/// Appends a log file's header.
pub(crate) fn put_log_header(out: &mut Vec<u8>) {
    out.extend_from_slice(&LOG_MAGIC.to_be_bytes());
    out.extend_from_slice(&LOG_VERSION.to_be_bytes());
    out.extend_from_slice(&0_i64.to_be_bytes());
}

/// Appends one entry.
///
/// # Panics
/// If the txn is 2 GiB or longer; frames are bounded far below that.
pub(crate) fn put_entry(out: &mut Vec<u8>, txn: &[u8]) {
    let length = i32::try_from(txn.len()).expect("frames are bounded below 2 GiB");
    out.extend_from_slice(&entry_checksum(txn).to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(txn);
    out.push(ENTRY_MARK);
}

/// The checksum of a txn, as it stands in the entry.
pub(crate) fn entry_checksum(txn: &[u8]) -> u64 {
    simd_adler32::adler32(&txn).into()
}

/// The zxid in a txn's header; `None` if the bytes are too short to have one.
pub(crate) fn zxid_of(txn: &[u8]) -> Option<Zxid> {
    let bytes = txn.get(12..20).filter(|_| txn.len() >= TXN_HEADER_SIZE)?;
    bytes.try_into().ok().map(|bytes| Zxid(u64::from_be_bytes(bytes)))
}

/// Whether `next` may directly follow `previous`: the next of the same epoch, or the first of a
/// later one. An epoch's zxids have no gaps, failed requests included, so anything else is a hole.
pub fn follows(previous: Zxid, next: Zxid) -> bool {
    previous.next() == Some(next) || (next.epoch() > previous.epoch() && next.counter() == 1)
}
