//! One log file as Apache's `FileTxnIterator` reads it.

use zoarium_persistence::log::LOG_MAGIC;
use zoarium_persistence::{Dir, DirFile};
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{DecodeError, Zxid};

use crate::error::Error;
use crate::sandbox::{Sandbox, SandboxFile};

/// How much is read at a time, in bytes.
const READ_SIZE: usize = 1 << 20;

/// How the reading of a file ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It goes on with the next file.
    File,
    /// There is not even a header.
    NoBytes,
    /// The server does not start: why, as the end of a sentence that begins with the file.
    Refused(String),
}

/// A file and what of it is in memory.
pub(super) struct LogFile {
    file: SandboxFile,
    path: String,
    /// Where `bytes` begins in the file.
    offset: u64,
    bytes: Vec<u8>,
    next: usize,
    /// The longest txn, in bytes.
    txn_max: u32,
}

impl LogFile {
    pub(super) fn open(dir: &Sandbox, name: &str, txn_max: u32) -> Result<Self, Error> {
        let path = dir.path_of(name);
        let file = dir.open(name).map_err(|error| unreadable(&path, error))?;
        Ok(Self { file, path, offset: 0, bytes: Vec::new(), next: 0, txn_max })
    }

    /// Reads to the end, and raises `last` to the last txn.
    pub(super) fn read(&mut self, last: &mut Zxid) -> Result<End, Error> {
        let Some(header) = self.take(16)? else {
            let is_empty = self.offset == 0 && self.bytes.is_empty();
            let cut = || End::Refused("ends inside its header".to_owned());
            return Ok(if is_empty { End::NoBytes } else { cut() });
        };
        if !header.starts_with(&LOG_MAGIC.to_be_bytes()) {
            return Ok(End::Refused("has no log's magic number".to_owned()));
        }
        loop {
            let at = self.offset + self.next as u64;
            let Some(head) = self.take(12)? else { return Ok(End::File) };
            let checksum = u64::from_be_bytes(first(head, 0));
            let length = i32::from_be_bytes(first(head, 8));
            if length == 0 {
                return Ok(End::File);
            }
            let Some(size) = usize::try_from(length).ok().filter(|_| self.allows(length)) else {
                return Ok(End::Refused(format!("claims an entry of {length} bytes at byte {at}")));
            };
            // An entry without its mark was not written to the end, whatever its checksum.
            let Some(entry) = self.take(size + 1)? else { return Ok(End::File) };
            let Some((b'B', txn)) = entry.split_last() else { return Ok(End::File) };
            if u64::from(adler32(txn)) != checksum {
                return Ok(End::Refused(format!("fails its checksum at byte {at}")));
            }
            match LoggedTxn::decode(txn) {
                Ok(logged) => *last = (*last).max(logged.header.zxid),
                Err(DecodeError::Truncated { .. }) => return Ok(End::File),
                Err(error) => {
                    return Ok(End::Refused(format!(
                        "has no known transaction at byte {at}: {error}"
                    )));
                }
            }
        }
    }

    fn allows(&self, length: i32) -> bool {
        u32::try_from(length).is_ok_and(|length| length <= self.txn_max)
    }

    /// The next bytes; `None` if there are fewer left.
    fn take(&mut self, count: usize) -> Result<Option<&[u8]>, Error> {
        if self.bytes.len() - self.next < count {
            self.bytes.drain(..self.next);
            self.offset += self.next as u64;
            self.next = 0;
            let buffered = self.bytes.len();
            self.bytes.resize(buffered + READ_SIZE.max(count - buffered), 0);
            let from = self.offset + buffered as u64;
            let read = self.file.read_at(from, &mut self.bytes[buffered..]);
            let read = read.map_err(|error| unreadable(&self.path, error))?;
            self.bytes.truncate(buffered + read);
        }
        if self.bytes.len() - self.next < count {
            return Ok(None);
        }
        self.next += count;
        Ok(Some(&self.bytes[self.next - count..self.next]))
    }
}

fn unreadable(path: &str, error: crate::disk::DiskError) -> Error {
    Error::Path { path: path.into(), source: std::io::Error::other(error) }
}

/// As many bytes as are wanted from a place on, which the caller has made sure of.
fn first<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut found = [0; N];
    found.copy_from_slice(&bytes[at..at + N]);
    found
}

fn adler32(bytes: &[u8]) -> u32 {
    simd_adler32::adler32(&bytes)
}
