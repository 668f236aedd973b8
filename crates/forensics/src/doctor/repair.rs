//! What may be repaired, and how.
//!
//! A repair is offered only if it is proved to lose nothing: it is carried out in a sandbox first, and
//! recovery must end there with the same transaction and the same tree as before, or there is no
//! repair. On disk, every file that is changed or removed is copied first.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zoarium_persistence::journal::RecoveredMember;
use zoarium_persistence::{DataDirs, Dir, DirFile};

use super::Verdict;
use super::epochs::is_pending;
use super::files::is_unfinished;
use super::logs::Logs;
use super::snapshots::Snapshots;
use crate::disk::DiskDir;
use crate::error::Error;
use crate::past::names;
use crate::place::Place;

mod in_use;

pub use in_use::user_of;

/// One change that loses nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "repair", rename_all = "snake_case")]
pub enum Repair {
    /// Remove a log that holds nothing.
    RemoveEmptyLog {
        /// Its name.
        file: String,
    },
    /// Remove what a crash left half-written and nobody counts.
    RemoveUnfinished {
        /// Its name, among the snapshots.
        file: String,
    },
    /// Remove a snapshot that cannot be loaded and is not needed.
    RemoveDamagedSnapshot {
        /// Its name.
        file: String,
    },
    /// Cut off a write that a crash left half-done, where it keeps Apache from starting.
    CutTornTail {
        /// The log's name.
        file: String,
        /// Its new length in bytes.
        size: u64,
    },
    /// Make an epoch file agree with the history.
    SetEpoch {
        /// The file's name.
        file: String,
        /// The epoch.
        epoch: u32,
    },
}

impl Repair {
    /// The file that is changed.
    pub fn file(&self) -> &str {
        match self {
            Self::RemoveEmptyLog { file }
            | Self::RemoveUnfinished { file }
            | Self::RemoveDamagedSnapshot { file }
            | Self::CutTornTail { file, .. }
            | Self::SetEpoch { file, .. } => file,
        }
    }

    /// What it does, in words.
    pub fn words(&self) -> String {
        match self {
            Self::RemoveEmptyLog { file } => format!("remove {file}, which holds no entry"),
            Self::RemoveUnfinished { file } => format!("remove {file}, which was never finished"),
            Self::RemoveDamagedSnapshot { file } => {
                format!("remove {file}, which cannot be loaded and is not needed")
            }
            Self::CutTornTail { file, size } => {
                format!("cut {file} to {size} bytes, where a write was cut short by a crash")
            }
            Self::SetEpoch { file, epoch } => format!("set {file} to {epoch}"),
        }
    }

    const fn is_log(&self) -> bool {
        matches!(self, Self::RemoveEmptyLog { .. } | Self::CutTornTail { .. })
    }

    fn carry_out<D: Dir>(&self, dirs: &DataDirs<D>) -> Result<(), D::Error> {
        let dir = if self.is_log() { &dirs.logs } else { &dirs.snapshots };
        match self {
            Self::RemoveEmptyLog { file }
            | Self::RemoveUnfinished { file }
            | Self::RemoveDamagedSnapshot { file } => dir.remove(file)?,
            Self::CutTornTail { file, size } => {
                let mut log = dir.open_to_change(file)?;
                log.set_size(*size)?;
                log.sync_data()?;
            }
            Self::SetEpoch { file, epoch } => {
                let temporary = format!("{file}.tmp");
                let mut new = dir.create(&temporary)?;
                new.write_at(0, epoch.to_string().as_bytes())?;
                new.sync_data()?;
                dir.rename(&temporary, file)?;
            }
        }
        dir.sync()
    }
}

/// What may be repaired. Nothing, if there is no start to compare with.
pub(super) fn plan(
    place: &Place,
    recovered: Option<&RecoveredMember>,
    logs: &Logs,
    snapshots: &Snapshots,
    verdicts: &[Verdict],
) -> Result<Vec<Repair>, Error> {
    let Some(member) = recovered else { return Ok(Vec::new()) };
    let mut repairs = Vec::new();
    for name in names(&place.dirs.snapshots)?.into_iter().filter(|name| is_unfinished(name)) {
        repairs.push(Repair::RemoveUnfinished { file: name });
    }
    repairs.extend(logs.empty.iter().map(|path| Repair::RemoveEmptyLog { file: name_of(path) }));
    // Where all start it is left as it is: it tells of the crash.
    if verdicts.iter().any(|verdict| !verdict.starts) {
        let cut =
            |(path, size): &(String, u64)| Repair::CutTornTail { file: name_of(path), size: *size };
        repairs.extend(logs.torn.iter().map(cut));
    }
    let damaged = snapshots.damaged.iter();
    repairs.extend(damaged.map(|name| Repair::RemoveDamagedSnapshot { file: name.file() }));
    repairs.extend(epochs(place, member));
    repairs.sort_by(|one, other| one.file().cmp(other.file()));
    // One after another, so that each is proved with those before it.
    let mut proved: Vec<Repair> = Vec::new();
    for repair in repairs {
        proved.push(repair);
        if !loses_nothing(place, &proved, member) {
            proved.pop();
        }
    }
    Ok(proved)
}

/// The epochs that recovery would write over others that are there.
fn epochs(place: &Place, member: &RecoveredMember) -> Vec<Repair> {
    use zoarium_persistence::epochs::{EpochFile, read_epoch};
    let dir = &place.dirs.snapshots;
    let wanted = [
        (EpochFile::Accepted, member.epochs.accepted),
        (EpochFile::Current, member.epochs.current),
    ];
    let is_wrong = |file, epoch| match read_epoch(dir, file) {
        Ok(Some(stored)) => stored != epoch && !(file == EpochFile::Current && is_pending(dir)),
        Ok(None) | Err(_) => false,
    };
    let wrong = wanted.into_iter().filter(|&(file, epoch)| is_wrong(file, epoch));
    wrong.map(|(file, epoch)| Repair::SetEpoch { file: file.name().to_owned(), epoch }).collect()
}

fn name_of(path: &str) -> String {
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| path.to_owned())
}

fn loses_nothing(place: &Place, repairs: &[Repair], before: &RecoveredMember) -> bool {
    let sandbox = place.fresh();
    if repairs.iter().any(|repair| repair.carry_out(&sandbox.dirs).is_err()) {
        return false;
    }
    let options = zoarium_persistence::RecoveryOptions::default();
    let after = zoarium_persistence::recover(&sandbox.dirs, &options, |_| {});
    after.is_ok_and(|after| {
        let before = &before.recovered;
        after.last_zxid == before.last_zxid
            && after.tree.digest() == before.tree.digest()
            && after.tree.sessions() == before.tree.sessions()
    })
}

/// Carries out repairs on disk, after copying every file that they change into `backup`, which is
/// created. Gives back the copies.
///
/// # Errors
/// If a file cannot be copied, and nothing is changed then; or if a repair fails, and those before it
/// stay.
pub fn carry_out(
    dirs: &DataDirs<DiskDir>,
    repairs: &[Repair],
    backup: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Path { path, source }
    };
    fs::create_dir_all(backup).map_err(failed(backup))?;
    let mut copies = Vec::new();
    for repair in repairs {
        let dir = if repair.is_log() { &dirs.logs } else { &dirs.snapshots };
        let (from, to) = (dir.path().join(repair.file()), backup.join(repair.file()));
        fs::copy(&from, &to).map_err(failed(&from))?;
        let copied = fs::File::open(&to).and_then(|file| file.sync_all());
        copied.map_err(failed(&to))?;
        copies.push(to);
    }
    fs::File::open(backup).and_then(|dir| dir.sync_all()).map_err(failed(backup))?;
    for repair in repairs {
        let dir = if repair.is_log() { &dirs.logs } else { &dirs.snapshots };
        let done = repair.carry_out(dirs).map_err(std::io::Error::other);
        done.map_err(failed(&dir.path().join(repair.file())))?;
    }
    Ok(copies)
}
