//! Real directories, for the few tools that are told to change something.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zoarium_persistence::{Dir, DirError, DirFile};

/// A directory of the file system.
#[derive(Clone, Debug)]
pub struct DiskDir {
    path: PathBuf,
}

/// An open file.
#[derive(Debug)]
pub struct DiskFile(File);

/// An error of the operating system.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DiskError(#[from] io::Error);

impl DirError for DiskError {
    fn is_full(&self) -> bool {
        matches!(self.0.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    fn is_missing(&self) -> bool {
        self.0.kind() == io::ErrorKind::NotFound
    }
}

impl DiskDir {
    /// The directory at `path`, which is not looked at yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Dir for DiskDir {
    type File = DiskFile;
    type Error = DiskError;

    fn path_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Names that are not UTF-8 are left out: no server gives such.
    fn names(&self) -> Result<Vec<String>, DiskError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // A link to a file counts as the file, as it does to a server.
            if fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file())
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<DiskFile, DiskError> {
        Ok(DiskFile(File::open(self.path.join(name))?))
    }

    fn open_to_change(&self, name: &str) -> Result<DiskFile, DiskError> {
        let path = self.path.join(name);
        Ok(DiskFile(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn create(&self, name: &str) -> Result<DiskFile, DiskError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        Ok(DiskFile(options.open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        Ok(fs::rename(self.path.join(from), self.path.join(to))?)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        Ok(fs::remove_file(self.path.join(name))?)
    }

    fn sync(&self) -> Result<(), DiskError> {
        Ok(File::open(&self.path)?.sync_all()?)
    }
}

impl DirFile for DiskFile {
    type Error = DiskError;

    fn size(&self) -> Result<u64, DiskError> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let mut done = 0;
        while done < into.len() {
            match self.0.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        Ok(self.0.write_all_at(bytes, offset)?)
    }

    fn set_size(&mut self, size: u64) -> Result<(), DiskError> {
        Ok(self.0.set_len(size)?)
    }

    fn allocate(&mut self, size: u64) -> Result<(), DiskError> {
        if self.size()? < size { self.set_size(size) } else { Ok(()) }
    }

    fn sync_data(&mut self) -> Result<(), DiskError> {
        Ok(self.0.sync_data()?)
    }
}
