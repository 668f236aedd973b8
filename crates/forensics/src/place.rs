//! From what an operator names to the directories that a server has there.

use std::fs;
use std::path::{Path, PathBuf};

use zoarium_persistence::names::{SnapshotName, parse_log_name};
use zoarium_persistence::{DataDirs, Dir};

use crate::disk::DiskDir;
use crate::error::Error;
use crate::sandbox::Sandbox;

/// The name of the directory that holds the files, in `dataDir` and `dataLogDir`.
const VERSION: &str = "version-2";

/// Where a server's files are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directories, to read.
    pub dirs: DataDirs<Sandbox>,
    /// The one file that was named, if it was not a directory.
    pub file: Option<String>,
}

impl Place {
    /// What is at `path`: a data directory, its `version-2`, a `zoo.cfg`, or a single log or
    /// snapshot. `logs` is the data log directory if it is another one.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn find(path: &Path, logs: Option<&Path>) -> Result<Self, Error> {
        let metadata =
            fs::metadata(path).map_err(|source| Error::Path { path: path.to_owned(), source })?;
        if metadata.is_dir() {
            return Self::of_directory(path, logs);
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if parse_log_name(name).is_some() || name.starts_with("log.") || is_snapshot(name) {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let mut place = Self::of(parent.unwrap_or(Path::new(".")), None);
            place.file = Some(name.to_owned());
            return Ok(place);
        }
        Self::of_config(path, logs)
    }

    /// A tool that changes files gets them from here.
    pub fn to_change(&self) -> DataDirs<DiskDir> {
        let DataDirs { root, snapshots, logs, logs_apart } = &self.dirs;
        DataDirs {
            root: root.real().clone(),
            snapshots: snapshots.real().clone(),
            logs: logs.real().clone(),
            logs_apart: *logs_apart,
        }
    }

    /// The same directories with nothing changed in their sandboxes.
    #[must_use]
    pub fn fresh(&self) -> Self {
        let DataDirs { root, snapshots, logs, logs_apart } = &self.dirs;
        let snapshots_fresh = snapshots.fresh();
        let logs = if *logs_apart { logs.fresh() } else { snapshots_fresh.clone() };
        let (root, logs_apart) = (root.fresh(), *logs_apart);
        let dirs = DataDirs { root, snapshots: snapshots_fresh, logs, logs_apart };
        Self { dirs, file: self.file.clone() }
    }

    /// The snapshot that was named, if one was.
    ///
    /// # Errors
    /// If another file was named.
    pub fn snapshot_named(&self) -> Result<Option<SnapshotName>, Error> {
        let Some(file) = &self.file else { return Ok(None) };
        match SnapshotName::parse(file) {
            Some(name) => Ok(Some(name)),
            None => Err(Error::NoSnapshotName { file: self.dirs.snapshots.path_of(file) }),
        }
    }

    fn of_directory(path: &Path, logs: Option<&Path>) -> Result<Self, Error> {
        let inside = path.join(VERSION);
        let directory = if inside.is_dir() { inside } else { path.to_owned() };
        if logs.is_none() && directory == path && !holds_files(path) {
            return Err(Error::NoData { path: path.to_owned() });
        }
        Ok(Self::of(&directory, logs))
    }

    fn of(directory: &Path, logs: Option<&Path>) -> Self {
        let snapshots = Sandbox::new(directory);
        let root = if directory.ends_with(VERSION) {
            let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
            Sandbox::new(parent.unwrap_or(Path::new(".")))
        } else {
            snapshots.clone()
        };
        let logs = logs.map(|logs| {
            let inside = logs.join(VERSION);
            if inside.is_dir() { inside } else { logs.to_owned() }
        });
        let logs = logs.filter(|logs| !is_same(logs, directory));
        let logs_apart = logs.is_some();
        let logs = logs.map_or_else(|| snapshots.clone(), |logs| Sandbox::new(&logs));
        Self { dirs: DataDirs { root, snapshots, logs, logs_apart }, file: None }
    }

    /// `dataDir` and `dataLogDir` of a `zoo.cfg`.
    fn of_config(path: &Path, logs: Option<&Path>) -> Result<Self, Error> {
        let no_config = || Error::NoConfig { path: path.to_owned() };
        let text = fs::read_to_string(path).map_err(|_not_text| no_config())?;
        let value = |key: &str| -> Option<PathBuf> {
            let lines = text.lines().rev().filter_map(|line| line.split_once('='));
            let mut values = lines.filter(|(name, _)| name.trim() == key);
            values.next().map(|(_, value)| PathBuf::from(value.trim()))
        };
        let data = value("dataDir").ok_or_else(no_config)?;
        let logs = logs.map(Path::to_owned).or_else(|| value("dataLogDir"));
        fs::metadata(&data).map_err(|source| Error::Path { path: data.clone(), source })?;
        Self::of_directory(&data, logs.as_deref())
    }
}

fn is_snapshot(name: &str) -> bool {
    name.starts_with("snapshot.")
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (Ok(_) | Err(_), _) => false,
    }
}

/// Whether a directory holds logs, snapshots or epochs by itself.
fn holds_files(path: &Path) -> bool {
    let Ok(names) = DiskDir::new(path).names() else { return false };
    names.iter().any(|name| name.starts_with("log.") || is_snapshot(name) || name == "currentEpoch")
        || path.ends_with(VERSION)
}
