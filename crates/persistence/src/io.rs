//! Directory calls whose errors say on which file.

use crate::dir::{Dir, DirError, DirFile};
use crate::error::{Operation, StorageError};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// An open file that knows its path.
#[derive(Debug)]
pub(crate) struct Named<F> {
    pub(crate) path: String,
    file: F,
}

impl<F: DirFile> Named<F> {
    pub(crate) fn size(&self) -> Result<u64, StorageError> {
        self.file.size().map_err(|error| self.error(Operation::Read, error))
    }

    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.file.read_at(offset, into).map_err(|error| self.error(Operation::Read, error))
    }

    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_at(offset, bytes).map_err(|error| self.error(Operation::Write, error))
    }

    pub(crate) fn set_size(&mut self, size: u64) -> Result<(), StorageError> {
        self.file.set_size(size).map_err(|error| self.error(Operation::Cut, error))
    }

    pub(crate) fn allocate(&mut self, size: u64) -> Result<(), StorageError> {
        self.file.allocate(size).map_err(|error| self.error(Operation::Allocate, error))
    }

    pub(crate) fn sync_data(&mut self) -> Result<(), StorageError> {
        self.file.sync_data().map_err(|error| self.error(Operation::Sync, error))
    }

    fn error(&self, operation: Operation, error: F::Error) -> StorageError {
        io_error(operation, self.path.clone(), error)
    }
}

pub(crate) fn names<D: Dir>(dir: &D) -> Result<Vec<String>, StorageError> {
    dir.names().map_err(|error| io_error(Operation::List, dir.path_of(""), error))
}

pub(crate) fn open<D: Dir>(dir: &D, name: &str) -> Result<Named<D::File>, StorageError> {
    named(dir, name, Operation::Open, dir.open(name))
}

/// As [`open`], but `None` if there is no such file.
pub(crate) fn open_if_there<D: Dir>(
    dir: &D,
    name: &str,
) -> Result<Option<Named<D::File>>, StorageError> {
    match dir.open(name) {
        Err(error) if error.is_missing() => Ok(None),
        opened => named(dir, name, Operation::Open, opened).map(Some),
    }
}

pub(crate) fn open_to_change<D: Dir>(dir: &D, name: &str) -> Result<Named<D::File>, StorageError> {
    named(dir, name, Operation::Open, dir.open_to_change(name))
}

pub(crate) fn create<D: Dir>(dir: &D, name: &str) -> Result<Named<D::File>, StorageError> {
    named(dir, name, Operation::Create, dir.create(name))
}

pub(crate) fn rename<D: Dir>(dir: &D, from: &str, to: &str) -> Result<(), StorageError> {
    dir.rename(from, to).map_err(|error| io_error(Operation::Rename, dir.path_of(from), error))
}

pub(crate) fn remove<D: Dir>(dir: &D, name: &str) -> Result<(), StorageError> {
    dir.remove(name).map_err(|error| io_error(Operation::Remove, dir.path_of(name), error))
}

pub(crate) fn sync<D: Dir>(dir: &D) -> Result<(), StorageError> {
    dir.sync().map_err(|error| io_error(Operation::Sync, dir.path_of(""), error))
}

fn named<D: Dir>(
    dir: &D,
    name: &str,
    operation: Operation,
    opened: Result<D::File, D::Error>,
) -> Result<Named<D::File>, StorageError> {
    let path = dir.path_of(name);
    match opened {
        Ok(file) => Ok(Named { path, file }),
        Err(error) => Err(io_error(operation, path, error)),
    }
}

pub(crate) fn io_error(operation: Operation, file: String, error: impl DirError) -> StorageError {
    StorageError::Io { operation, file, full: error.is_full(), source: Box::new(error) }
}
