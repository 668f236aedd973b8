//! A disk in memory that fills up, fails and loses power on request.
//!
//! It keeps what programs see apart from what would survive: bytes become durable by
//! [`DirFile::sync_data`], names by [`Dir::sync`], and nothing else. After a power cut
//! ([`MemDisk::crash`]) the [`Survival`] says what is left of the rest. Everything is
//! deterministic: the only randomness is a seed in the arguments.
//!
//! A seed that found something replays with the same calls; [`MemDisk::operations`] counts the
//! calls that change something, so that a test can stop the world at each of them in turn
//! ([`MemDisk::fail_at`]).

use crate::dir::{Dir, DirError, DirFile};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

mod crash;
mod disk;

pub use crash::Survival;
use disk::{Disk, FileId};

/// What goes wrong at an operation chosen by [`MemDisk::fail_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies: this operation does nothing, and no later one does either.
    Halt,
    /// This operation fails. A failed sync loses what it should have made durable, as Linux does:
    /// the bytes are still read back, but no later sync writes them.
    Error,
    /// This operation finds no space left, though there may be some for the next one.
    Full,
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemError {
    /// No file has that name.
    #[error("no such file")]
    Missing,
    /// The capacity is used up.
    #[error("no space left")]
    Full,
    /// [`Fault::Error`].
    #[error("input/output error")]
    Failed,
    /// [`Fault::Halt`].
    #[error("halted")]
    Halted,
}

impl DirError for MemError {
    fn is_full(&self) -> bool {
        *self == Self::Full
    }

    fn is_missing(&self) -> bool {
        *self == Self::Missing
    }
}

/// A disk with any number of directories, which crash together. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    disk: Rc<RefCell<Disk>>,
}

impl MemDisk {
    /// An empty disk of unlimited capacity.
    pub fn new() -> Self {
        Self::default()
    }

    /// The directory of this name; all exist.
    pub fn dir(&self, name: &str) -> MemDir {
        MemDir { disk: Rc::clone(&self.disk), name: name.to_string() }
    }

    /// Sets how many bytes all files together may have; `None` for no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk.borrow_mut().capacity = bytes;
    }

    /// How many bytes all files together have.
    pub fn used(&self) -> u64 {
        self.disk.borrow().used()
    }

    /// How many operations have tried to change something.
    pub fn operations(&self) -> u64 {
        self.disk.borrow().operations
    }

    /// Makes the operation with this number (the first is 0) go wrong, instead of any chosen
    /// earlier.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.disk.borrow_mut().fault = Some((operation, fault));
    }

    /// The disk after a power cut: a new one without faults. Open files of the old one stay with
    /// the old one.
    #[must_use]
    pub fn crash(&self, survival: Survival) -> Self {
        Self { disk: Rc::new(RefCell::new(self.disk.borrow().after_crash(survival))) }
    }
}

/// One directory of a [`MemDisk`].
#[derive(Clone, Debug)]
pub struct MemDir {
    disk: Rc<RefCell<Disk>>,
    name: String,
}

impl MemDir {
    /// The only directory of a new disk.
    pub fn new() -> Self {
        MemDisk::new().dir("mem")
    }

    /// Puts a file with these bytes there, durably: how tests set the scene.
    ///
    /// # Errors
    /// As the calls of [`Dir`].
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), MemError> {
        let mut file = self.create(name)?;
        file.write_at(0, bytes)?;
        file.sync_data()?;
        self.sync()
    }

    /// All bytes of a file.
    ///
    /// # Errors
    /// [`MemError::Missing`].
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, MemError> {
        let disk = self.disk.borrow();
        let file = disk.find(&self.name, name)?;
        Ok(disk.file(file).bytes().to_vec())
    }

    /// Flips a bit of a file, `bit` counted from the first byte's lowest one: what a disk does that
    /// forgets. Nothing happens beyond the end.
    ///
    /// # Errors
    /// [`MemError::Missing`].
    pub fn flip(&self, name: &str, bit: u64) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        let file = disk.find(&self.name, name)?;
        disk.file_mut(file).flip(bit);
        Ok(())
    }

    fn file(&self, id: FileId) -> MemFile {
        MemFile { disk: Rc::clone(&self.disk), id }
    }
}

impl Default for MemDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Dir for MemDir {
    type File = MemFile;
    type Error = MemError;

    fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    fn names(&self) -> Result<Vec<String>, MemError> {
        Ok(self.disk.borrow().names_in(&self.name))
    }

    fn open(&self, name: &str) -> Result<MemFile, MemError> {
        let id = self.disk.borrow().find(&self.name, name)?;
        Ok(self.file(id))
    }

    fn open_to_change(&self, name: &str) -> Result<MemFile, MemError> {
        self.open(name)
    }

    fn create(&self, name: &str) -> Result<MemFile, MemError> {
        let mut disk = self.disk.borrow_mut();
        disk.begin()?;
        let id = disk.create(&self.name, name);
        drop(disk);
        Ok(self.file(id))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        disk.find(&self.name, from)?;
        disk.begin()?;
        disk.rename(&self.name, from, to)
    }

    fn remove(&self, name: &str) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        disk.find(&self.name, name)?;
        disk.begin()?;
        disk.remove(&self.name, name)
    }

    fn sync(&self) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        disk.begin()?;
        disk.sync_names(&self.name);
        Ok(())
    }
}

/// One open file of a [`MemDir`].
#[derive(Debug)]
pub struct MemFile {
    disk: Rc<RefCell<Disk>>,
    id: FileId,
}

impl DirFile for MemFile {
    type Error = MemError;

    fn size(&self) -> Result<u64, MemError> {
        Ok(self.disk.borrow().file(self.id).size())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, MemError> {
        Ok(self.disk.borrow().file(self.id).read(offset, into))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        disk.begin()?;
        let end = offset + bytes.len() as u64;
        let room = disk.room_up_to(self.id, end);
        if room < end {
            // A real disk writes what fits, too.
            let fits = usize::try_from(room.saturating_sub(offset)).unwrap_or(bytes.len());
            disk.file_mut(self.id).write(offset, &bytes[..fits]);
            return Err(MemError::Full);
        }
        disk.file_mut(self.id).write(offset, bytes);
        Ok(())
    }

    fn set_size(&mut self, size: u64) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        disk.begin()?;
        disk.file_mut(self.id).set_size(size);
        Ok(())
    }

    fn allocate(&mut self, size: u64) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        disk.begin()?;
        if size <= disk.file(self.id).size() {
            return Ok(());
        }
        if disk.room_up_to(self.id, size) < size {
            return Err(MemError::Full);
        }
        disk.file_mut(self.id).set_size(size);
        Ok(())
    }

    fn sync_data(&mut self) -> Result<(), MemError> {
        let mut disk = self.disk.borrow_mut();
        match disk.begin() {
            Ok(()) => disk.file_mut(self.id).sync(),
            Err(MemError::Failed) => {
                disk.file_mut(self.id).fail_sync();
                return Err(MemError::Failed);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
