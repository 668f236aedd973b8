//! One log file, entry by entry, through a window that moves over it.

use super::damage::{Damage, Kind, has_data_from, judge};
use crate::dir::DirFile;
use crate::error::StorageError;
use crate::io::Named;
use crate::log::{
    ENTRY_HEAD, ENTRY_MARK, ENTRY_OVERHEAD, LOG_HEADER_SIZE, LOG_MAGIC, TXN_HEADER_SIZE,
    entry_checksum, put_log_header, zxid_of,
};
use alloc::vec::Vec;
use core::ops::Range;
use zoarium_proto::{DecodeError, Zxid};

/// How much is read at a time, in bytes.
const READ_SIZE: usize = 256 << 10;

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Step {
    Entry(Found),
    End(End),
}

/// An entry in the window.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) zxid: Zxid,
    /// Where the txn stands in the window; see [`LogFile::bytes`].
    pub(super) txn: Range<usize>,
    pub(super) offset: u64,
    pub(super) end: u64,
}

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// After its last entry.
    Clean,
    /// Before its first entry: a crash came before anything of it was durable.
    Empty,
    /// In the middle of a write.
    Torn { offset: u64, discarded: Option<Zxid> },
}

#[derive(Debug)]
pub(super) struct LogFile<F> {
    file: Named<F>,
    size: u64,
    /// Whether no file follows, so that what lies behind the last entry tells of a crash.
    newest: bool,
    max_txn_size: u32,
    /// Bytes of the file from `offset` on.
    window: Vec<u8>,
    /// Where in the window the next entry begins.
    next: usize,
    /// Where in the file the window begins.
    offset: u64,
}

impl<F: DirFile> LogFile<F> {
    pub(super) fn new(
        file: Named<F>,
        newest: bool,
        max_txn_size: u32,
    ) -> Result<Self, StorageError> {
        let size = file.size()?;
        Ok(Self { file, size, newest, max_txn_size, window: Vec::new(), next: 0, offset: 0 })
    }

    pub(super) fn path(&self) -> &str {
        &self.file.path
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// How far the file has been read, in bytes.
    pub(super) const fn position(&self) -> u64 {
        self.offset + self.next as u64
    }

    /// The bytes of a [`Found::txn`], until the next step.
    pub(super) fn bytes(&self, txn: Range<usize>) -> &[u8] {
        &self.window[txn]
    }

    /// The next entry or the end. `last` is the entry before.
    pub(super) fn step(&mut self, last: Zxid) -> Result<Step, StorageError> {
        if self.position() == 0
            && let Some(end) = self.pass_header(last)?
        {
            return Ok(Step::End(end));
        }
        let offset = self.position();
        let available = self.fill(ENTRY_HEAD)?;
        let head = &self.window[self.next..self.next + available];
        let Some((checksum, length)) = entry_head(head) else {
            let nothing = head.iter().all(|&byte| byte == 0);
            return if nothing { Ok(Step::End(End::Clean)) } else { self.torn(Kind::Cut, last) };
        };
        if length == 0 {
            return if self.newest || checksum != 0 {
                self.torn(Kind::NoEntry, last)
            } else {
                Ok(Step::End(End::Clean))
            };
        }
        let size = self.txn_size(length, last)?;
        if self.fill(ENTRY_OVERHEAD + size)? < ENTRY_OVERHEAD + size {
            return self.torn(Kind::Cut, last);
        }
        let txn = self.next + ENTRY_HEAD..self.next + ENTRY_HEAD + size;
        let end = offset + (ENTRY_OVERHEAD + size) as u64;
        let mark = self.window[txn.end];
        if mark != ENTRY_MARK {
            return self.torn(Kind::Mark { found: mark, end }, last);
        }
        let found = entry_checksum(&self.window[txn.clone()]);
        if found != checksum {
            return self.torn(Kind::Checksum { expected: checksum, found, end }, last);
        }
        let zxid = self.zxid(&txn)?;
        self.next = txn.end + 1;
        Ok(Step::Entry(Found { zxid, txn, offset, end }))
    }

    /// Checks the header. An end if there is nothing behind it, because it was never written.
    fn pass_header(&mut self, last: Zxid) -> Result<Option<End>, StorageError> {
        let available = self.fill(LOG_HEADER_SIZE)?;
        let begin = &self.window[..available];
        if available == LOG_HEADER_SIZE && begin.starts_with(&LOG_MAGIC.to_be_bytes()) {
            self.next = LOG_HEADER_SIZE;
            return Ok(None);
        }
        let mut header = Vec::new();
        put_log_header(&mut header);
        let written =
            begin.iter().zip(&header).take_while(|(found, wanted)| found == wanted).count();
        if !has_data_from(&self.file, written as u64)? {
            return Ok(Some(End::Empty));
        }
        let mut found = [0; 4];
        found.iter_mut().zip(begin).for_each(|(to, from)| *to = *from);
        if found != [0; 4] {
            let (file, found) = (self.file.path.clone(), u32::from_be_bytes(found));
            return Err(StorageError::LogMagic { file, found });
        }
        self.judge(Kind::NoEntry, last).map(Some)
    }

    fn txn_size(&self, length: i32, last: Zxid) -> Result<usize, StorageError> {
        match usize::try_from(length) {
            Ok(size) if length.unsigned_abs() <= self.max_txn_size => Ok(size),
            Ok(_) | Err(_) => Err(StorageError::EntryLength {
                file: self.file.path.clone(),
                offset: self.position(),
                previous: last,
                length,
                limit: self.max_txn_size,
            }),
        }
    }

    fn zxid(&self, txn: &Range<usize>) -> Result<Zxid, StorageError> {
        zxid_of(&self.window[txn.clone()]).ok_or_else(|| StorageError::Txn {
            file: self.file.path.clone(),
            offset: self.position(),
            zxid: Zxid::ZERO,
            source: DecodeError::Truncated { offset: 0, needed: TXN_HEADER_SIZE, left: txn.len() },
        })
    }

    fn torn(&self, kind: Kind, last: Zxid) -> Result<Step, StorageError> {
        self.judge(kind, last).map(Step::End)
    }

    fn judge(&self, kind: Kind, last: Zxid) -> Result<End, StorageError> {
        judge(&self.file, self.size, &Damage { offset: self.position(), kind, last })
    }

    /// Tries to have `wanted` bytes in the window from the next entry on, and says how many of
    /// them there are. Memory grows by what the file holds, never by what an entry claims.
    fn fill(&mut self, wanted: usize) -> Result<usize, StorageError> {
        let buffered = self.window.len() - self.next;
        if buffered >= wanted {
            return Ok(wanted);
        }
        self.window.drain(..self.next);
        self.offset += self.next as u64;
        self.next = 0;
        let left = self.size.saturating_sub(self.offset + buffered as u64);
        let more = (wanted - buffered).max(READ_SIZE);
        let more = usize::try_from(left).map_or(more, |left| more.min(left));
        self.window.resize(buffered + more, 0);
        let read =
            self.file.read_at(self.offset + buffered as u64, &mut self.window[buffered..])?;
        self.window.truncate(buffered + read);
        Ok(wanted.min(self.window.len()))
    }
}

/// Checksum and length; `None` if the bytes are too few.
pub(super) fn entry_head(bytes: &[u8]) -> Option<(u64, i32)> {
    let checksum = bytes.get(..8)?.try_into().ok().map(u64::from_be_bytes)?;
    let length = bytes.get(8..ENTRY_HEAD)?.try_into().ok().map(i32::from_be_bytes)?;
    Some((checksum, length))
}
