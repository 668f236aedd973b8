//! Reading a file from front to back through a window that moves over it.

use crate::dir::DirFile;
use crate::error::StorageError;
use crate::io::Named;
use alloc::vec::Vec;

/// How much is read at a time, in bytes.
const READ_SIZE: usize = 256 << 10;

/// The bytes of a file from some place on. It holds as many as its reader needs to see together;
/// memory grows by what the file has, never by what its bytes claim.
#[derive(Debug)]
pub(crate) struct Window<F> {
    pub(crate) file: Named<F>,
    size: u64,
    bytes: Vec<u8>,
    /// Where in `bytes` the reader is.
    next: usize,
    /// Where in the file `bytes` begins.
    offset: u64,
}

impl<F: DirFile> Window<F> {
    /// A window at the beginning of the file.
    pub(crate) fn new(file: Named<F>) -> Result<Self, StorageError> {
        let size = file.size()?;
        Ok(Self { file, size, bytes: Vec::new(), next: 0, offset: 0 })
    }

    /// The file's length when it was opened, in bytes.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Where in the file the reader is.
    pub(crate) const fn position(&self) -> u64 {
        self.offset + self.next as u64
    }

    /// The bytes from the reader's place on that are in memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.next..]
    }

    /// Moves the reader over bytes that are in memory.
    pub(crate) fn pass(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.next, "cannot pass what was not read");
        self.next += count;
    }

    /// Appends bytes of the file to `out` and moves the reader over them: those that are in memory,
    /// or if there are none the next of the file, which are then not copied. How many there were.
    pub(crate) fn take_into(&mut self, out: &mut Vec<u8>) -> Result<usize, StorageError> {
        let buffered = self.bytes().len();
        if buffered > 0 {
            out.extend_from_slice(self.bytes());
            self.pass(buffered);
            return Ok(buffered);
        }
        let position = self.position();
        let left = usize::try_from(self.size.saturating_sub(position)).unwrap_or(usize::MAX);
        let start = out.len();
        out.resize(start + READ_SIZE.min(left), 0);
        let read = self.file.read_at(position, &mut out[start..])?;
        out.truncate(start + read);
        self.bytes.clear();
        self.next = 0;
        self.offset = position + read as u64;
        Ok(read)
    }

    /// Tries to have `wanted` bytes in memory, and says how many of them there are: all, or those
    /// up to the end of the file.
    pub(crate) fn fill(&mut self, wanted: usize) -> Result<usize, StorageError> {
        let buffered = self.bytes.len() - self.next;
        if buffered >= wanted {
            return Ok(wanted);
        }
        self.bytes.drain(..self.next);
        self.offset += self.next as u64;
        self.next = 0;
        let end = self.offset + buffered as u64;
        let left = usize::try_from(self.size.saturating_sub(end)).unwrap_or(usize::MAX);
        let more = (wanted - buffered).max(READ_SIZE).min(left);
        self.bytes.resize(buffered + more, 0);
        let read = self.file.read_at(end, &mut self.bytes[buffered..])?;
        self.bytes.truncate(buffered + read);
        Ok(wanted.min(self.bytes.len()))
    }
}
