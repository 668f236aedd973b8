//! One log file by itself, whatever stands before and behind it: for tools that look at what is
//! there, where [`LogReader`](super::LogReader) wants one history.

use super::LogEntry;
use super::file::{LogFile, Step};
use crate::dir::{Dir, DirFile};
use crate::error::StorageError;
use crate::io;
use crate::warning::StorageWarning;
use zoarium_proto::Zxid;

/// Reads the entries of one file in the order in which they stand there. Memory is bounded by the
/// read buffer and one entry.
#[derive(Debug)]
pub struct LogFileReader<F> {
    file: LogFile<F>,
    /// The entry handed out last.
    last: Zxid,
    ended: bool,
    warning: Option<StorageWarning>,
}

impl<F: DirFile> LogFileReader<F> {
    /// Opens the file of this name, which may be any. `newest` says whether no file follows it, so
    /// that what lies behind its last entry tells of a crash. A txn may have `max_txn_size` bytes.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open<D: Dir<File = F>>(
        dir: &D,
        name: &str,
        newest: bool,
        max_txn_size: u32,
    ) -> Result<Self, StorageError> {
        let file = LogFile::new(io::open(dir, name)?, newest, max_txn_size)?;
        Ok(Self { file, last: Zxid::ZERO, ended: false, warning: None })
    }

    /// The next entry, or `None` at the end of the file.
    ///
    /// # Errors
    /// If the file is damaged there; no entry can be found behind it.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its buffer")]
    pub fn next(&mut self) -> Result<Option<LogEntry<'_>>, StorageError> {
        if self.ended {
            return Ok(None);
        }
        let found = match self.file.step(self.last) {
            Ok(Step::Entry(found)) => found,
            Ok(Step::End(end)) => {
                self.ended = true;
                self.warning = end.warning(self.file.path().into(), self.last);
                return Ok(None);
            }
            Err(error) => {
                self.ended = true;
                return Err(error);
            }
        };
        self.last = found.zxid;
        let (zxid, offset, end) = (found.zxid, found.offset, found.end);
        Ok(Some(LogEntry { zxid, txn: self.file.txn(&found), file: self.file.path(), offset, end }))
    }

    /// The file's length in bytes, reserved space included.
    pub const fn size(&self) -> u64 {
        self.file.size()
    }

    /// Where the next entry is to begin, in bytes.
    pub const fn position(&self) -> u64 {
        self.file.position()
    }

    /// What was odd about the file's end, once it is reached.
    pub const fn take_warning(&mut self) -> Option<StorageWarning> {
        self.warning.take()
    }
}
