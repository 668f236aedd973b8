//! Whether a crash can explain what stands where a log entry should.
//!
//! A write that a crash interrupts leaves each 512-byte sector either written or as it was, and
//! reserved space was all zeros. A process that dies in the middle of a write leaves its first
//! part. So an entry was **cut short by a crash** if it runs into the end of the file, or into
//! zeros that reach it, or if some sector of it is all zeros. An entry that has all its sectors
//! and yet a wrong checksum was changed later: no crash explains it, and it may have been
//! acknowledged.
//!
//! Sectors need not reach the disk in order, so whole entries may stand behind one that was cut
//! short (ZOOKEEPER-2560, ZOOKEEPER-2561). They were not acknowledged either if they can belong to
//! the same unsynced write, which the writer keeps below [`UNSYNCED_MAX`]; further on they prove
//! damage.

use super::file::{End, entry_head};
use crate::dir::DirFile;
use crate::error::StorageError;
use crate::io::Named;
use crate::log::{ENTRY_HEAD, ENTRY_MARK, TXN_HEADER_SIZE, UNSYNCED_MAX, entry_checksum, zxid_of};
use alloc::vec;
use alloc::vec::Vec;
use zoarium_proto::Zxid;

/// What a disk writes whole or not at all, in bytes. Larger real ones are multiples.
const SECTOR: u64 = 512;

/// Bytes that the search for later entries may check, so that hostile bytes cannot make it slow.
const SEARCH_BUDGET: usize = 64 << 20;

/// An entry that is not there or not whole.
#[derive(Debug)]
pub(super) struct Damage {
    /// Where it should begin.
    pub(super) offset: u64,
    pub(super) kind: Kind,
    /// The entry before it.
    pub(super) last: Zxid,
}

/// What is wrong with it.
#[derive(Debug)]
pub(super) enum Kind {
    /// It runs past the end of the file.
    Cut,
    /// Its length is zero.
    NoEntry,
    /// Something else stands for the end mark.
    Mark { found: u8, end: u64 },
    /// The txn has another checksum.
    Checksum { expected: u64, found: u64, end: u64 },
}

/// How the file ends if a crash explains the damage, else the error that says what it is.
pub(super) fn judge<F: DirFile>(
    file: &Named<F>,
    size: u64,
    damage: &Damage,
) -> Result<End, StorageError> {
    let tail = Tail::read(file, size, damage.offset)?;
    if tail.is_zero_from(0) && !tail.goes_on {
        return Ok(End::Clean);
    }
    let later = tail.later_entry(damage.last);
    let end = match (&later, &damage.kind) {
        (Some(later), _) => later.first.1,
        (None, Kind::Cut | Kind::NoEntry) => tail.bytes.len(),
        (None, Kind::Mark { end, .. } | Kind::Checksum { end, .. }) => {
            usize::try_from(end - damage.offset).unwrap_or(usize::MAX).min(tail.bytes.len())
        }
    };
    let stops = later.is_none()
        && match damage.kind {
            Kind::Cut => true,
            Kind::NoEntry => tail.is_zero_from(ENTRY_HEAD),
            Kind::Mark { found, .. } => found == 0,
            Kind::Checksum { .. } => false,
        };
    if !tail.goes_on && (stops || tail.has_lost_sector(end)) {
        let discarded = later.map(|later| later.last);
        return Ok(End::Torn { offset: damage.offset, discarded });
    }
    Err(damage.error(file.path.clone(), later))
}

impl Damage {
    fn error(&self, file: alloc::string::String, later: Option<Later>) -> StorageError {
        let (offset, previous) = (self.offset, self.last);
        match (&self.kind, later) {
            (&Kind::Checksum { expected, found, .. }, _) => {
                StorageError::EntryChecksum { file, offset, previous, expected, found }
            }
            (&Kind::Mark { found, .. }, _) => {
                StorageError::EntryMark { file, offset, previous, found }
            }
            (Kind::Cut | Kind::NoEntry, Some(Later { first: (later, at), .. })) => {
                let later_offset = offset + at as u64;
                StorageError::EntriesLost { file, offset, previous, later, later_offset }
            }
            (Kind::Cut | Kind::NoEntry, None) => {
                StorageError::EntryMissing { file, offset, previous }
            }
        }
    }
}

/// What can belong to the unsynced write that the damage is in.
struct Tail {
    /// Where it begins in the file.
    offset: u64,
    bytes: Vec<u8>,
    /// Whether anything stands behind it.
    goes_on: bool,
}

/// Whole entries behind the damage.
#[derive(Clone, Copy)]
struct Later {
    /// The first one and where in the tail it begins.
    first: (Zxid, usize),
    /// The last one.
    last: Zxid,
}

impl Tail {
    fn read<F: DirFile>(file: &Named<F>, size: u64, offset: u64) -> Result<Self, StorageError> {
        let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(UNSYNCED_MAX)];
        let read = file.read_at(offset, &mut bytes)?;
        bytes.truncate(read);
        let goes_on = has_data_from(file, offset + read as u64)?;
        Ok(Self { offset, bytes, goes_on })
    }

    fn is_zero_from(&self, start: usize) -> bool {
        self.bytes.iter().skip(start).all(|&byte| byte == 0)
    }

    /// Whether some sector holds nothing but zeros of what should be in it, up to `end`.
    fn has_lost_sector(&self, end: usize) -> bool {
        let mut start = 0;
        while start < end {
            let to_boundary = SECTOR - (self.offset + start as u64) % SECTOR;
            let next = usize::try_from(to_boundary).map_or(end, |step| end.min(start + step));
            // An entry's first four bytes are zero anyway: half of a checksum of 32 bits.
            let says_something = start > 0 || next > 4;
            if says_something && self.bytes[start..next].iter().all(|&byte| byte == 0) {
                return true;
            }
            start = next;
        }
        false
    }

    /// The whole entries, at whatever byte they begin, that continue the history after `last`.
    fn later_entry(&self, last: Zxid) -> Option<Later> {
        let mut budget = SEARCH_BUDGET;
        let mut later: Option<Later> = None;
        let mut at = 1;
        while at < self.bytes.len() && budget > 0 {
            let newest = later.map_or(last, |later| later.last);
            match self.entry_at(at, newest, &mut budget) {
                None => at += 1,
                Some((zxid, end)) => {
                    let first = later.map_or((zxid, at), |later| later.first);
                    later = Some(Later { first, last: zxid });
                    at = end;
                }
            }
        }
        later
    }

    fn entry_at(&self, at: usize, last: Zxid, budget: &mut usize) -> Option<(Zxid, usize)> {
        let (checksum, length) = entry_head(&self.bytes[at..])?;
        let length = usize::try_from(length).ok().filter(|&length| length >= TXN_HEADER_SIZE)?;
        let start = at + ENTRY_HEAD;
        let end = start.checked_add(length)?;
        if checksum > u32::MAX.into() || self.bytes.get(end) != Some(&ENTRY_MARK) {
            return None;
        }
        let txn = &self.bytes[start..end];
        let zxid = zxid_of(txn).filter(|&zxid| zxid > last)?;
        *budget = budget.saturating_sub(length);
        (entry_checksum(txn) == checksum).then_some((zxid, end + 1))
    }
}

/// Whether anything but zeros stands from `offset` on.
pub(super) fn has_data_from<F: DirFile>(
    file: &Named<F>,
    mut offset: u64,
) -> Result<bool, StorageError> {
    let mut bytes = vec![0; 256 << 10];
    loop {
        let count = file.read_at(offset, &mut bytes)?;
        if bytes[..count].iter().any(|&byte| byte != 0) {
            return Ok(true);
        }
        if count == 0 {
            return Ok(false);
        }
        offset += count as u64;
    }
}
