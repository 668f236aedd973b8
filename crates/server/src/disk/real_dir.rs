//! Directories and files of the operating system, for the storage crate.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zoarium_persistence::{Dir, DirError, DirFile};

/// A directory that exists.
#[derive(Clone, Debug)]
pub(crate) struct RealDir {
    path: PathBuf,
    /// Open for as long as the directory is used, to sync names and to keep its lock.
    handle: Arc<File>,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct RealFile {
    file: File,
}

/// An error of the operating system.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct RealError(#[from] io::Error);

impl DirError for RealError {
    fn is_full(&self) -> bool {
        matches!(
            self.0.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }

    fn is_missing(&self) -> bool {
        self.0.kind() == io::ErrorKind::NotFound
    }
}

impl RealDir {
    /// Opens a directory.
    ///
    /// # Errors
    /// If it does not exist or may not be used.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let handle = Arc::new(File::open(path)?);
        if !handle.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path: path.to_owned(), handle })
    }

    /// Keeps other servers out of the directory for as long as this value or a clone of it lives.
    /// Where the file system has no locks nobody is kept out, as in Apache.
    ///
    /// # Errors
    /// If another server has it.
    pub(crate) fn lock(&self) -> io::Result<()> {
        match self.handle.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(io::Error::other(
                "another server uses it; two would destroy each other's history. Stop that one, or \
                 give this one a dataDir of its own",
            )),
        }
    }
}

impl Dir for RealDir {
    type File = RealFile;
    type Error = RealError;

    fn path_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Names that are not UTF-8 are left out: none of ours is such.
    fn names(&self) -> Result<Vec<String>, RealError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<RealFile, RealError> {
        Ok(RealFile { file: File::open(self.path.join(name))? })
    }

    fn open_to_change(&self, name: &str) -> Result<RealFile, RealError> {
        let file = OpenOptions::new().read(true).write(true).open(self.path.join(name))?;
        Ok(RealFile { file })
    }

    fn create(&self, name: &str) -> Result<RealFile, RealError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        Ok(RealFile { file: options.open(self.path.join(name))? })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), RealError> {
        Ok(fs::rename(self.path.join(from), self.path.join(to))?)
    }

    fn remove(&self, name: &str) -> Result<(), RealError> {
        Ok(fs::remove_file(self.path.join(name))?)
    }

    fn sync(&self) -> Result<(), RealError> {
        Ok(self.handle.sync_all()?)
    }
}

impl DirFile for RealFile {
    type Error = RealError;

    fn size(&self) -> Result<u64, RealError> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, RealError> {
        let mut done = 0;
        while done < into.len() {
            match self.file.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), RealError> {
        Ok(self.file.write_all_at(bytes, offset)?)
    }

    fn set_size(&mut self, size: u64) -> Result<(), RealError> {
        Ok(self.file.set_len(size)?)
    }

    fn allocate(&mut self, size: u64) -> Result<(), RealError> {
        let present = self.size()?;
        if size <= present {
            return Ok(());
        }
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&self.file, flags, present, size - present) {
            // Some file systems cannot reserve. There, as in Apache, a full disk shows in a write.
            Err(rustix::io::Errno::OPNOTSUPP) => self.set_size(size),
            reserved => Ok(reserved.map_err(io::Error::from)?),
        }
    }

    fn sync_data(&mut self) -> Result<(), RealError> {
        Ok(self.file.sync_data()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use zoarium_persistence::dir::conformance;

    /// Directories of this test process, removed when it is done with them.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("zoarium-real-dir-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            // What is left over does no harm.
            let _removed = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn real_dir_is_a_dir() {
        let mut scratches = Vec::new();
        conformance::check(|| {
            let scratch = Scratch::new();
            let dir = RealDir::open(&scratch.0).unwrap();
            scratches.push(scratch);
            dir
        })
        .unwrap();
    }

    #[test]
    fn a_file_is_no_directory() {
        let scratch = Scratch::new();
        let path = scratch.0.join("file");
        fs::write(&path, b"").unwrap();
        assert!(RealDir::open(&path).is_err());
        assert!(RealDir::open(&scratch.0.join("missing")).is_err());
    }

    #[test]
    fn directories_are_not_listed() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.0.join("lost+found")).unwrap();
        fs::write(scratch.0.join("log.1"), b"").unwrap();
        assert_eq!(RealDir::open(&scratch.0).unwrap().names().unwrap(), ["log.1"]);
    }

    #[test]
    fn allocated_space_is_real() {
        use std::os::unix::fs::MetadataExt;
        let scratch = Scratch::new();
        let mut file = RealDir::open(&scratch.0).unwrap().create("a").unwrap();
        file.allocate(1 << 20).unwrap();
        let blocks = file.file.metadata().unwrap().blocks();
        // A file system that cannot reserve leaves a hole.
        assert!(blocks == 0 || blocks * 512 >= 1 << 20, "{blocks}");
        let error = file.allocate(1 << 50).unwrap_err();
        assert!(error.is_full(), "{error}");
    }
}
