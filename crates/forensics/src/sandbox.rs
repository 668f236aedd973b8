//! A directory that reads the real one and keeps every change to itself.
//!
//! All reading tools work on this, so that none can write by mistake, and so that a question such
//! as "would a server start here?" is answered by the code that a server starts with.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;

use zoarium_persistence::{Dir, DirFile};

use crate::disk::{DiskDir, DiskError, DiskFile};

/// A directory in which nothing is ever changed on disk. Clones share their changes.
#[derive(Clone, Debug)]
pub struct Sandbox {
    real: DiskDir,
    changes: Rc<RefCell<BTreeMap<String, Change>>>,
}

/// What a name stands for in place of what is on disk.
#[derive(Clone, Debug)]
enum Change {
    Gone,
    /// The real file of another name.
    Renamed(String),
    Written(Rc<RefCell<Vec<u8>>>),
}

/// An open file: a real one to read, or one in memory.
#[derive(Debug)]
pub enum SandboxFile {
    /// A file on disk. It cannot be written to.
    Real(DiskFile),
    /// What was written in the sandbox.
    Memory(Rc<RefCell<Vec<u8>>>),
}

impl Sandbox {
    /// A sandbox in which nothing has happened yet.
    pub fn new(path: &Path) -> Self {
        Self { real: DiskDir::new(path), changes: Rc::default() }
    }

    /// The real directory.
    pub const fn real(&self) -> &DiskDir {
        &self.real
    }

    /// Another sandbox over the same directory, without the changes.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(self.real.path())
    }

    fn stands_for(&self, name: &str) -> Change {
        let changes = self.changes.borrow();
        changes.get(name).cloned().unwrap_or_else(|| Change::Renamed(name.to_owned()))
    }

    fn put(&self, name: &str, change: Change) {
        self.changes.borrow_mut().insert(name.to_owned(), change);
    }
}

impl Dir for Sandbox {
    type File = SandboxFile;
    type Error = DiskError;

    fn path_of(&self, name: &str) -> String {
        self.real.path_of(name)
    }

    fn names(&self) -> Result<Vec<String>, DiskError> {
        let changes = self.changes.borrow();
        let mut names = self.real.names()?;
        names.retain(|name| !changes.contains_key(name));
        let there = changes.iter().filter(|(_, change)| !matches!(change, Change::Gone));
        names.extend(there.map(|(name, _)| name.clone()));
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<SandboxFile, DiskError> {
        match self.stands_for(name) {
            Change::Gone => Err(io::Error::from(io::ErrorKind::NotFound).into()),
            Change::Renamed(real) => self.real.open(&real).map(SandboxFile::Real),
            Change::Written(bytes) => Ok(SandboxFile::Memory(bytes)),
        }
    }

    fn open_to_change(&self, name: &str) -> Result<SandboxFile, DiskError> {
        let bytes = match self.open(name)? {
            SandboxFile::Memory(bytes) => bytes,
            SandboxFile::Real(file) => {
                let size = usize::try_from(file.size()?).unwrap_or(usize::MAX);
                let mut bytes = vec![0; size];
                let count = file.read_at(0, &mut bytes)?;
                bytes.truncate(count);
                Rc::new(RefCell::new(bytes))
            }
        };
        self.put(name, Change::Written(Rc::clone(&bytes)));
        Ok(SandboxFile::Memory(bytes))
    }

    fn create(&self, name: &str) -> Result<SandboxFile, DiskError> {
        let bytes: Rc<RefCell<Vec<u8>>> = Rc::default();
        self.put(name, Change::Written(Rc::clone(&bytes)));
        Ok(SandboxFile::Memory(bytes))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.open(from)?;
        let change = self.stands_for(from);
        self.put(to, change);
        self.put(from, Change::Gone);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.open(name)?;
        self.put(name, Change::Gone);
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        Ok(())
    }
}

impl SandboxFile {
    fn memory(&self) -> Result<&Rc<RefCell<Vec<u8>>>, DiskError> {
        match self {
            Self::Memory(bytes) => Ok(bytes),
            Self::Real(_) => Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem).into()),
        }
    }
}

impl DirFile for SandboxFile {
    type Error = DiskError;

    fn size(&self) -> Result<u64, DiskError> {
        match self {
            Self::Real(file) => file.size(),
            Self::Memory(bytes) => Ok(bytes.borrow().len() as u64),
        }
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        match self {
            Self::Real(file) => file.read_at(offset, into),
            Self::Memory(bytes) => {
                let bytes = bytes.borrow();
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let count = into.len().min(bytes.len() - start);
                into[..count].copy_from_slice(&bytes[start..start + count]);
                Ok(count)
            }
        }
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut all = self.memory()?.borrow_mut();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        if all.len() < end {
            all.resize(end, 0);
        }
        all[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn set_size(&mut self, size: u64) -> Result<(), DiskError> {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        self.memory()?.borrow_mut().resize(size, 0);
        Ok(())
    }

    fn allocate(&mut self, _size: u64) -> Result<(), DiskError> {
        Ok(())
    }

    fn sync_data(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
}
