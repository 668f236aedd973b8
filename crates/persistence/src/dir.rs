//! What storage asks of a file system, and nothing else.
//!
//! A [`Dir`] is one flat directory. Three make a data directory: see [`DataDirs`]. There are two
//! implementations: the server's over real files, and [`MemDir`](crate::mem_dir::MemDir), which
//! loses power on request. Both must pass [`conformance`].

use alloc::string::String;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt::Debug;

pub mod conformance;

/// One directory of files. Names are plain file names, never paths.
///
/// Nothing is durable when a call returns, except after the two calls that say so:
/// [`DirFile::sync_data`] for a file's bytes and length, [`Dir::sync`] for which names exist and
/// which files they stand for.
pub trait Dir: Debug {
    /// An open file.
    type File: DirFile<Error = Self::Error>;
    /// What can go wrong.
    type Error: DirError;

    /// The file's name as an operator knows it, for messages.
    fn path_of(&self, name: &str) -> String;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// If the directory cannot be read.
    fn names(&self) -> Result<Vec<String>, Self::Error>;

    /// Opens an existing file to read it.
    ///
    /// # Errors
    /// With [`DirError::is_missing`] if there is no such file.
    fn open(&self, name: &str) -> Result<Self::File, Self::Error>;

    /// Opens an existing file to read and change it.
    ///
    /// # Errors
    /// As [`Dir::open`].
    fn open_to_change(&self, name: &str) -> Result<Self::File, Self::Error>;

    /// Creates an empty file to read and change, in place of any of that name.
    ///
    /// # Errors
    /// If it cannot.
    fn create(&self, name: &str) -> Result<Self::File, Self::Error>;

    /// Gives a file another name, in place of any file that has it. At no moment, a crash
    /// included, does `to` stand for anything but the old or the new file.
    ///
    /// # Errors
    /// With [`DirError::is_missing`] if there is no `from`.
    fn rename(&self, from: &str, to: &str) -> Result<(), Self::Error>;

    /// Removes a file.
    ///
    /// # Errors
    /// With [`DirError::is_missing`] if there is no such file.
    fn remove(&self, name: &str) -> Result<(), Self::Error>;

    /// Makes all creations, renames and removals so far durable.
    ///
    /// # Errors
    /// After which nothing may be assumed about any of them.
    fn sync(&self) -> Result<(), Self::Error>;
}

/// One open file.
pub trait DirFile: Debug {
    /// What can go wrong.
    type Error: DirError;

    /// Its length in bytes.
    ///
    /// # Errors
    /// If it cannot be told.
    fn size(&self) -> Result<u64, Self::Error>;

    /// Fills `into` from byte `offset` on, and says how many bytes there were. Fewer than asked
    /// for only at the end of the file.
    ///
    /// # Errors
    /// If the bytes cannot be read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Self::Error>;

    /// Writes all of `bytes` from `offset` on; the file grows, zero-filled, if it has to.
    ///
    /// # Errors
    /// After which any part of the bytes may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Cuts the file, or grows it with zeros that may take no space until written.
    ///
    /// # Errors
    /// If it cannot.
    fn set_size(&mut self, size: u64) -> Result<(), Self::Error>;

    /// Grows the file to `size` bytes, zero-filled, and reserves the space, so that a later write
    /// inside it cannot find the disk full. Does nothing if the file is that long already.
    ///
    /// # Errors
    /// With [`DirError::is_full`] if there is no such space. The file's length is then anything
    /// between the two; what it held before is untouched.
    fn allocate(&mut self, size: u64) -> Result<(), Self::Error>;

    /// Makes the file's bytes and length durable.
    ///
    /// # Errors
    /// After which bytes written since the last success may be lost even if a later call
    /// succeeds, so there must be no later call.
    fn sync_data(&mut self) -> Result<(), Self::Error>;
}

/// What the error of a [`Dir`] has to tell apart.
pub trait DirError: Error + Send + Sync + 'static {
    /// No space, no quota: the same call may succeed later.
    fn is_full(&self) -> bool;

    /// There is no file of that name.
    fn is_missing(&self) -> bool;
}

/// The directories of one server, as Apache lays them out. The last two may be the same one.
#[derive(Clone, Debug)]
pub struct DataDirs<D> {
    /// `dataDir`: `myid` and the `initialize` marker.
    pub root: D,
    /// `dataDir/version-2`: snapshots and epoch files.
    pub snapshots: D,
    /// `dataLogDir/version-2`: the transaction log.
    pub logs: D,
    /// Whether `dataLogDir` is a directory of its own.
    pub logs_apart: bool,
}
