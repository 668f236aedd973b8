//! One log file, entry by entry, through a window that moves over it.

use super::damage::{Damage, Kind, has_data_from, judge};
use crate::dir::DirFile;
use crate::error::StorageError;
use crate::io::Named;
use crate::log::{
    ENTRY_HEAD, ENTRY_MARK, ENTRY_OVERHEAD, LOG_HEADER_SIZE, LOG_MAGIC, TXN_HEADER_SIZE,
    entry_checksum, put_log_header, zxid_of,
};
use crate::warning::StorageWarning;
use crate::window::Window;
use alloc::string::String;
use alloc::vec::Vec;
use zoarium_proto::{DecodeError, Zxid};

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Step {
    Entry(Found),
    End(End),
}

/// An entry.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) zxid: Zxid,
    /// Bytes of the txn; see [`LogFile::txn`].
    size: usize,
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

impl End {
    /// What an operator should know of a file that ends so, after `last`.
    pub(super) fn warning(self, file: String, last: Zxid) -> Option<StorageWarning> {
        match self {
            Self::Clean => None,
            Self::Empty => Some(StorageWarning::EmptyLog { file }),
            Self::Torn { offset, discarded } => {
                Some(StorageWarning::TornTail { file, offset, last, discarded })
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct LogFile<F> {
    window: Window<F>,
    /// Bytes at the window's beginning that were handed out and are done with at the next step.
    handed_out: usize,
    /// Whether no file follows, so that what lies behind the last entry tells of a crash.
    newest: bool,
    max_txn_size: u32,
}

impl<F: DirFile> LogFile<F> {
    pub(super) fn new(
        file: Named<F>,
        newest: bool,
        max_txn_size: u32,
    ) -> Result<Self, StorageError> {
        Ok(Self { window: Window::new(file)?, handed_out: 0, newest, max_txn_size })
    }

    pub(super) fn path(&self) -> &str {
        &self.window.file.path
    }

    pub(super) const fn size(&self) -> u64 {
        self.window.size()
    }

    /// How far the file has been read, in bytes.
    pub(super) const fn position(&self) -> u64 {
        self.window.position() + self.handed_out as u64
    }

    /// The txn of an entry, until the next step.
    pub(super) fn txn(&self, found: &Found) -> &[u8] {
        &self.window.bytes()[ENTRY_HEAD..ENTRY_HEAD + found.size]
    }

    /// The next entry or the end. `last` is the entry before.
    pub(super) fn step(&mut self, last: Zxid) -> Result<Step, StorageError> {
        self.window.pass(core::mem::take(&mut self.handed_out));
        if self.position() == 0
            && let Some(end) = self.pass_header(last)?
        {
            return Ok(Step::End(end));
        }
        let available = self.window.fill(ENTRY_HEAD)?;
        let head = &self.window.bytes()[..available];
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
        if self.window.fill(ENTRY_OVERHEAD + size)? < ENTRY_OVERHEAD + size {
            return self.torn(Kind::Cut, last);
        }
        let offset = self.position();
        let end = offset + (ENTRY_OVERHEAD + size) as u64;
        let (txn, behind) = self.window.bytes()[ENTRY_HEAD..].split_at(size);
        if behind[0] != ENTRY_MARK {
            return self.torn(Kind::Mark { found: behind[0], end }, last);
        }
        let found = entry_checksum(txn);
        if found != checksum {
            return self.torn(Kind::Checksum { expected: checksum, found, end }, last);
        }
        let zxid = zxid_of(txn).ok_or_else(|| self.too_short(size))?;
        self.handed_out = ENTRY_OVERHEAD + size;
        Ok(Step::Entry(Found { zxid, size, offset, end }))
    }

    /// Passes the header. An end if there is nothing behind it, because it was never written.
    fn pass_header(&mut self, last: Zxid) -> Result<Option<End>, StorageError> {
        let available = self.window.fill(LOG_HEADER_SIZE)?;
        let begin = &self.window.bytes()[..available];
        if available == LOG_HEADER_SIZE && begin.starts_with(&LOG_MAGIC.to_be_bytes()) {
            self.window.pass(LOG_HEADER_SIZE);
            return Ok(None);
        }
        let mut header = Vec::new();
        put_log_header(&mut header);
        let both = begin.iter().zip(&header);
        let written = both.take_while(|(found, wanted)| found == wanted).count();
        if !has_data_from(&self.window.file, written as u64)? {
            return Ok(Some(End::Empty));
        }
        let mut found = [0; 4];
        found.iter_mut().zip(begin).for_each(|(to, from)| *to = *from);
        if found != [0; 4] {
            let (file, found) = (self.path().into(), u32::from_be_bytes(found));
            return Err(StorageError::LogMagic { file, found });
        }
        self.judge(Kind::NoEntry, last).map(Some)
    }

    fn txn_size(&self, length: i32, last: Zxid) -> Result<usize, StorageError> {
        match usize::try_from(length) {
            Ok(size) if length.unsigned_abs() <= self.max_txn_size => Ok(size),
            Ok(_) | Err(_) => Err(StorageError::EntryLength {
                file: self.path().into(),
                offset: self.position(),
                previous: last,
                length,
                limit: self.max_txn_size,
            }),
        }
    }

    fn too_short(&self, size: usize) -> StorageError {
        StorageError::Txn {
            file: self.path().into(),
            offset: self.position(),
            zxid: Zxid::ZERO,
            source: DecodeError::Truncated { offset: 0, needed: TXN_HEADER_SIZE, left: size },
        }
    }

    fn torn(&self, kind: Kind, last: Zxid) -> Result<Step, StorageError> {
        self.judge(kind, last).map(Step::End)
    }

    fn judge(&self, kind: Kind, last: Zxid) -> Result<End, StorageError> {
        let damage = Damage { offset: self.position(), kind, last };
        judge(&self.window.file, self.size(), &damage)
    }
}

/// Checksum and length; `None` if the bytes are too few.
pub(super) fn entry_head(bytes: &[u8]) -> Option<(u64, i32)> {
    let checksum = bytes.get(..8)?.try_into().ok().map(u64::from_be_bytes)?;
    let length = bytes.get(8..ENTRY_HEAD)?.try_into().ok().map(i32::from_be_bytes)?;
    Some((checksum, length))
}
