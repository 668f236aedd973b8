//! The unpacked bytes of a snapshot file, with the checksum of what was passed.

use super::pack::Unpacker;
use super::{Checksum, HEADER, SEAL_END, SEAL_SIZE, SNAPSHOT_MAGIC};
use crate::dir::{Dir, DirFile};
use crate::error::{PackingProblem, StorageError};
use crate::io;
use crate::names::SnapshotName;
use crate::window::Window;
use alloc::vec::Vec;

#[derive(Debug)]
pub(super) struct Stream<F> {
    window: Window<F>,
    header: [u8; HEADER.len()],
    unpacker: Unpacker,
    /// Whether the unpacker may have more.
    more: bool,
    bytes: Vec<u8>,
    /// Where in `bytes` the reader is.
    next: usize,
    /// How many bytes came before `bytes`.
    before: u64,
    checksum: Checksum,
}

impl<F: DirFile> Stream<F> {
    /// Opens a snapshot and passes its header.
    pub(super) fn open<D: Dir<File = F>>(
        dir: &D,
        name: SnapshotName,
    ) -> Result<Self, StorageError> {
        let window = Window::new(io::open(dir, &name.file())?)?;
        let mut stream = Self {
            window,
            header: HEADER,
            unpacker: Unpacker::new(name.compression),
            more: true,
            bytes: Vec::new(),
            next: 0,
            before: 0,
            checksum: Checksum::default(),
        };
        if stream.fill(HEADER.len())? < HEADER.len() {
            return Err(stream.cut());
        }
        if !stream.bytes().starts_with(&SNAPSHOT_MAGIC.to_be_bytes()) {
            let mut found = [0; 4];
            found.copy_from_slice(&stream.bytes()[..4]);
            let (file, found) = (stream.path().into(), u32::from_be_bytes(found));
            return Err(StorageError::SnapshotMagic { file, found });
        }
        stream.header.copy_from_slice(&stream.bytes[..HEADER.len()]);
        stream.pass(HEADER.len());
        Ok(stream)
    }

    /// The bytes before the first section, as they stand there: the seals cover them.
    pub(super) const fn header(&self) -> &[u8] {
        &self.header
    }

    pub(super) fn path(&self) -> &str {
        &self.window.file.path
    }

    /// How many bytes of the file of how many are read.
    pub(super) const fn progress(&self) -> (u64, u64) {
        (self.window.position(), self.window.size())
    }

    /// The bytes from the reader's place on that are unpacked.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.next..]
    }

    /// Moves the reader over unpacked bytes, which counts them into the checksum.
    pub(super) fn pass(&mut self, count: usize) {
        self.checksum.add(&self.bytes[self.next..self.next + count]);
        self.next += count;
    }

    /// Unpacks until there are `wanted` bytes, and says how many of them there are.
    pub(super) fn fill(&mut self, wanted: usize) -> Result<usize, StorageError> {
        if self.bytes.len() - self.next < wanted {
            self.bytes.drain(..self.next);
            self.before += self.next as u64;
            self.next = 0;
        }
        while self.more && self.bytes.len() - self.next < wanted {
            self.more = self.unpacker.unpack(&mut self.window, &mut self.bytes)?;
        }
        Ok(wanted.min(self.bytes.len() - self.next))
    }

    /// Passes a seal if it fits what came before.
    pub(super) fn pass_seal(&mut self) -> Result<(), StorageError> {
        if self.fill(SEAL_SIZE)? < SEAL_SIZE {
            return Err(self.cut());
        }
        let seal = &self.bytes()[..SEAL_SIZE];
        let mut expected = [0; 8];
        expected.copy_from_slice(&seal[..8]);
        let expected = u64::from_be_bytes(expected);
        let found = self.checksum.value().into();
        if expected != found || seal[8..] != SEAL_END {
            let (file, offset) = (self.path().into(), self.before + self.next as u64);
            return Err(StorageError::SnapshotSeal { file, offset, expected, found });
        }
        self.pass(SEAL_SIZE);
        Ok(())
    }

    pub(super) fn cut(&self) -> StorageError {
        let size = self.before + self.bytes.len() as u64;
        StorageError::SnapshotCut { file: self.path().into(), size }
    }
}

pub(super) fn problem<F: DirFile>(window: &Window<F>, problem: PackingProblem) -> StorageError {
    let (file, offset) = (window.file.path.clone(), window.position());
    StorageError::Packing { file, problem, offset }
}
