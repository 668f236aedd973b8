//! The epoch files: what this server has promised to whom.
//!
//! Each is a decimal number in a file of its own, replaced atomically as Apache does, through a
//! file `<name>.tmp`.

use crate::dir::Dir;
use crate::error::StorageError;
use crate::io;
use crate::number::read_number;
use crate::warning::StorageWarning;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use zoarium_proto::Zxid;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochFile {
    /// The highest epoch that a leader was promised. Written before ACKEPOCH is sent.
    Accepted,
    /// The epoch whose history this server has taken over. Written before NEWLEADER is
    /// acknowledged.
    Current,
}

impl EpochFile {
    /// The file's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "acceptedEpoch",
            Self::Current => "currentEpoch",
        }
    }
}

/// Both epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// `acceptedEpoch`; never below `current`.
    pub accepted: u32,
    /// `currentEpoch`; never below the epoch of the last zxid.
    pub current: u32,
}

/// Replaces an epoch file. It is durable when this returns.
///
/// # Errors
/// If it cannot be written; it then holds its old or its new value.
pub fn write_epoch<D: Dir>(dir: &D, file: EpochFile, epoch: u32) -> Result<(), StorageError> {
    let temporary = format!("{}.tmp", file.name());
    let mut new = io::create(dir, &temporary)?;
    new.write_at(0, epoch.to_string().as_bytes())?;
    new.sync_data()?;
    io::rename(dir, &temporary, file.name())?;
    io::sync(dir)
}

/// Reads both epochs of a server whose history ends at `last`, and makes the files agree with it
/// and with each other.
///
/// - A missing file is written, with the epoch of `last`.
/// - `currentEpoch` behind the epoch of `last` is raised to it, with a warning. It is what a crash
///   leaves between taking over a history and noting its epoch. Apache refuses to start, unless a
///   `currentEpoch.tmp` is there. Raising is safe: the log has no holes, so a txn of an epoch
///   comes after all of the history that its leader began with, and that history is what the
///   number vouches for.
/// - `acceptedEpoch` behind `currentEpoch` is raised, with a warning. Apache refuses to start
///   (ZOOKEEPER-2307). To promise more is always safe.
///
/// # Errors
/// If a file holds no epoch or cannot be written.
pub fn recover_epochs<D: Dir>(
    dir: &D,
    last: Zxid,
    warnings: &mut Vec<StorageWarning>,
) -> Result<Epochs, StorageError> {
    let stored_current = read_epoch(dir, EpochFile::Current)?;
    let stored_accepted = read_epoch(dir, EpochFile::Accepted)?;
    let current = stored_current.unwrap_or(0).max(last.epoch());
    let accepted = stored_accepted.unwrap_or(0).max(current);
    // Accepted first, or a crash in between would leave it behind.
    if stored_accepted != Some(accepted) {
        write_epoch(dir, EpochFile::Accepted, accepted)?;
    }
    if stored_current != Some(current) {
        write_epoch(dir, EpochFile::Current, current)?;
    }
    if let Some(from) = stored_current.filter(|&from| from < current) {
        warnings.push(StorageWarning::CurrentEpochRaised { from, to: current });
    }
    if let Some(from) = stored_accepted.filter(|&from| from < accepted) {
        warnings.push(StorageWarning::AcceptedEpochRaised { from, to: accepted });
    }
    Ok(Epochs { accepted, current })
}

/// Reads one file; `None` if it is not there.
///
/// # Errors
/// If it holds no epoch.
pub fn read_epoch<D: Dir>(dir: &D, file: EpochFile) -> Result<Option<u32>, StorageError> {
    // Apache writes a long, whose upper half no epoch uses: a zxid has 32 bits for it.
    read_number(dir, file.name(), u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem_dir::{Fault, MemDir, MemDisk, Survival};
    use crate::testing::fixture;
    use alloc::string::String;

    fn recover(dir: &MemDir, last: Zxid) -> (Epochs, String) {
        let mut warnings = Vec::new();
        let epochs = recover_epochs(dir, last, &mut warnings).unwrap();
        (epochs, warnings.iter().map(|warning| format!("{warning}; ")).collect())
    }

    #[test]
    fn files_are_those_apache_writes() {
        let dir = fixture("ensemble/final/s1/version-2");
        assert_eq!(dir.bytes("currentEpoch").unwrap(), b"3");
        let (epochs, warnings) = recover(&dir, Zxid::new(3, 5));
        assert_eq!(epochs, Epochs { accepted: 3, current: 3 });
        assert_eq!(warnings, "");
        write_epoch(&dir, EpochFile::Accepted, 12).unwrap();
        assert_eq!(dir.bytes("acceptedEpoch").unwrap(), b"12");
    }

    #[test]
    fn missing_files_take_the_epoch_of_the_history() {
        let dir = MemDir::new();
        let (epochs, warnings) = recover(&dir, Zxid::new(7, 1));
        assert_eq!(epochs, Epochs { accepted: 7, current: 7 });
        assert_eq!(warnings, "");
        assert_eq!(dir.names().unwrap(), ["acceptedEpoch", "currentEpoch"]);
    }

    #[test]
    fn epochs_behind_are_raised_with_a_warning() {
        let dir = MemDir::new();
        write_epoch(&dir, EpochFile::Current, 2).unwrap();
        write_epoch(&dir, EpochFile::Accepted, 1).unwrap();
        let (epochs, warnings) = recover(&dir, Zxid::new(3, 1));
        assert_eq!(epochs, Epochs { accepted: 3, current: 3 });
        assert!(warnings.contains("currentEpoch was 2 but the history reaches epoch 3"));
        assert!(warnings.contains("acceptedEpoch was 1, behind currentEpoch 3"));
        assert_eq!(recover(&dir, Zxid::new(3, 1)).1, "");
    }

    #[test]
    fn what_is_no_epoch_is_an_error_that_names_the_file() {
        let dir = MemDir::new();
        for bytes in [&b""[..], b"-1", b"x", b"4294967296", b"\xff", b"1 2", &[b'1'; 10_000]] {
            dir.put("currentEpoch", bytes).unwrap();
            let error = read_epoch(&dir, EpochFile::Current).unwrap_err();
            assert!(format!("{error}").starts_with("mem/currentEpoch must hold a number"));
        }
        dir.put("currentEpoch", b" 17 \nrest").unwrap();
        assert_eq!(read_epoch(&dir, EpochFile::Current).unwrap(), Some(17));
    }

    #[test]
    fn a_crash_leaves_the_old_or_the_new_epoch() {
        for at in 0..=5 {
            let disk = MemDisk::new();
            let dir = disk.dir("d");
            write_epoch(&dir, EpochFile::Current, 1).unwrap();
            disk.fail_at(disk.operations() + at, Fault::Halt);
            let written = write_epoch(&dir, EpochFile::Current, 2);
            assert_eq!(written.is_ok(), at == 5, "{at}");
            for survival in [
                Survival::Everything,
                Survival::OnlySynced,
                Survival::Sectors { seed: at },
                Survival::TornLastWrite { seed: at },
            ] {
                let after = disk.crash(survival).dir("d");
                let epoch = read_epoch(&after, EpochFile::Current).unwrap().unwrap();
                assert!(epoch == 2 || (epoch == 1 && written.is_err()), "{at} {survival:?}");
            }
        }
    }
}
