//! Reading the log back, in order and from any zxid on.
//!
//! What Apache's reader does is kept where it protects data and changed where it does not:
//!
//! - An entry that a crash cut short ends its file, with a warning. Apache does so silently.
//! - A damaged entry that no crash explains is an error, as it is to Apache. What a crash can
//!   explain is decided in `log_reader/damage.rs` from the bytes alone, so that a tear once
//!   accepted is accepted again when it no longer lies in the newest file.
//! - Each zxid must directly follow the one before, across files too. Apache would go on after a
//!   lost file or a lost block, with a tree that never existed.
//!
//! Memory is bounded by the read buffer and one entry.

use crate::dir::Dir;
use crate::error::StorageError;
use crate::io;
use crate::log::follows;
use crate::names::{log_name, logs_among};
use crate::recovery::Progress;
use crate::warning::StorageWarning;
use alloc::vec::Vec;
use file::{End, Found, LogFile, Step};
use zoarium_proto::Zxid;
use zoarium_proto::txn::LoggedTxn;

mod damage;
mod file;
mod single;

pub use single::LogFileReader;

/// The largest txn that is read unless told otherwise, in bytes: the default of `jute.maxbuffer`,
/// 1 MiB − 1, and of the extra size, which is the same, added up as Apache does.
pub const MAX_TXN_SIZE: u32 = 2 * 0xF_FFFF;

/// One entry, borrowed from the reader.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// The txn's zxid.
    pub zxid: Zxid,
    /// The txn: the same bytes that a PROPOSAL carries.
    pub txn: &'a [u8],
    /// The path of the file.
    pub file: &'a str,
    /// Where the entry begins in the file, in bytes.
    pub offset: u64,
    /// Where the next one begins.
    pub end: u64,
}

impl<'a> LogEntry<'a> {
    /// The txn as a record.
    ///
    /// # Errors
    /// [`StorageError::Txn`] if it is none.
    pub fn decode(&self) -> Result<LoggedTxn<'a>, StorageError> {
        LoggedTxn::decode(self.txn).map_err(|source| {
            let (file, offset, zxid) = (self.file.into(), self.offset, self.zxid);
            StorageError::Txn { file, offset, zxid, source }
        })
    }
}

/// Reads all entries after a zxid.
///
/// A log may be read while it is written, up to a zxid that is durable: what stands behind it can
/// look damaged until it is written to the end.
#[derive(Debug)]
pub struct LogReader<'d, D: Dir> {
    dir: &'d D,
    /// The files still to be read, newest first.
    waiting: Vec<Zxid>,
    current: Option<LogFile<D::File>>,
    /// The zxid of the current file's name.
    current_first: Zxid,
    /// The entry handed out last, or what the first one must follow.
    last: Zxid,
    begin: Begin,
    max_txn_size: u32,
    bytes_total: u64,
    /// Bytes of the files before the current one.
    bytes_before: u64,
    warnings: Vec<StorageWarning>,
}

/// What is known of the next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// It directly follows the last one, after older ones that were not asked for.
    After,
    /// It may be any.
    Anywhere,
    /// It directly follows the last one.
    Begun,
}

impl<'d, D: Dir> LogReader<'d, D> {
    /// A reader of all entries after `after`. A single one may have `max_txn_size` bytes.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn open(dir: &'d D, after: Zxid, max_txn_size: u32) -> Result<Self, StorageError> {
        let wanted = Zxid(after.0.saturating_add(1));
        Self::open_with(dir, wanted, after, Begin::After, max_txn_size)
    }

    /// A reader of the newest file that begins with `wanted` or before it, from the beginning of
    /// that file, whatever stands there, and of all files behind it. With no such file it begins
    /// with the oldest.
    ///
    /// # Errors
    /// As [`LogReader::open`].
    pub(crate) fn open_around(
        dir: &'d D,
        wanted: Zxid,
        max_txn_size: u32,
    ) -> Result<Self, StorageError> {
        Self::open_with(dir, wanted, Zxid::ZERO, Begin::Anywhere, max_txn_size)
    }

    fn open_with(
        dir: &'d D,
        wanted: Zxid,
        last: Zxid,
        begin: Begin,
        max_txn_size: u32,
    ) -> Result<Self, StorageError> {
        let mut waiting = logs_among(&io::names(dir)?);
        // The entry may stand anywhere in the newest file that begins with it or before it.
        let start = waiting.partition_point(|&first| first <= wanted).saturating_sub(1);
        waiting.drain(..start);
        waiting.reverse();
        let mut bytes_total = 0;
        for &first in &waiting {
            bytes_total += io::open(dir, &log_name(first))?.size()?;
        }
        Ok(Self {
            dir,
            waiting,
            current: None,
            current_first: Zxid::ZERO,
            last,
            begin,
            max_txn_size,
            bytes_total,
            bytes_before: 0,
            warnings: Vec::new(),
        })
    }

    /// The next entry, or `None` at the end of the log.
    ///
    /// # Errors
    /// If the log is damaged or has a hole; there is no way to go on.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its buffer")]
    pub fn next(&mut self) -> Result<Option<LogEntry<'_>>, StorageError> {
        loop {
            let Some(file) = &mut self.current else {
                if self.open_next_file()? {
                    continue;
                }
                return Ok(None);
            };
            match file.step(self.last)? {
                Step::End(end) => self.finish_file(end),
                // Older than asked for.
                Step::Entry(found) if self.begin == Begin::After && found.zxid <= self.last => {}
                Step::Entry(found) => return self.hand_out(found).map(Some),
            }
        }
    }

    /// The zxid of the entry handed out last, or where reading began.
    pub const fn last(&self) -> Zxid {
        self.last
    }

    /// The file that is being read, by the zxid of its name, and where in it the next entry is to
    /// begin, in bytes.
    pub(crate) fn place(&self) -> Option<(Zxid, u64)> {
        self.current.as_ref().map(|file| (self.current_first, file.position()))
    }

    /// How many bytes of how many have been read.
    pub fn progress(&self) -> Progress {
        let here = self.current.as_ref().map_or(0, LogFile::position);
        Progress { done: self.bytes_before + here, total: self.bytes_total }
    }

    /// What was noticed so far.
    pub fn take_warnings(&mut self) -> Vec<StorageWarning> {
        core::mem::take(&mut self.warnings)
    }

    fn open_next_file(&mut self) -> Result<bool, StorageError> {
        let Some(first) = self.waiting.pop() else { return Ok(false) };
        let file = io::open(self.dir, &log_name(first))?;
        let newest = self.waiting.is_empty();
        self.current_first = first;
        self.current = Some(LogFile::new(file, newest, self.max_txn_size)?);
        Ok(true)
    }

    fn finish_file(&mut self, end: End) {
        let Some(file) = self.current.take() else { return };
        self.bytes_before += file.size();
        self.warnings.extend(end.warning(file.path().into(), self.last));
    }

    fn hand_out(&mut self, found: Found) -> Result<LogEntry<'_>, StorageError> {
        let file = self.current.as_ref().expect("an entry was found in the current file");
        let Found { zxid, offset, end, .. } = found;
        if self.begin != Begin::Anywhere && !follows(self.last, zxid) {
            let (file, previous) = (file.path().into(), self.last);
            return Err(StorageError::ZxidHole { file, offset, previous, found: zxid });
        }
        self.last = zxid;
        self.begin = Begin::Begun;
        Ok(LogEntry { zxid, txn: file.txn(&found), file: file.path(), offset, end })
    }
}

#[cfg(test)]
mod tests;
