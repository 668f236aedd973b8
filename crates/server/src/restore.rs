//! Reading a snapshot that an operator sends, to take the place of the whole state.
//!
//! It is read and checked to its end before anything else happens. The server goes on meanwhile;
//! what follows is in `peer_loop/restoring.rs`.

use crate::disk::real_dir::RealDir;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use zoarium_persistence::names::{Compression, SnapshotName};
use zoarium_persistence::snapshot::load_snapshot;
use zoarium_persistence::{RecoveryOptions, StorageError};
use zoarium_proto::Zxid;
use zoarium_tree::Tree;

/// A state that may take the place of the present one.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) tree: Tree,
    /// No znode of it has a higher zxid.
    pub(crate) newest: Zxid,
}

/// Why a snapshot cannot be restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// It could not be received or stored.
    #[error("the snapshot could not be received into {}: {source}", path.display())]
    Receive {
        /// The directory it was to be received into.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a whole snapshot.
    #[error(transparent)]
    Snapshot(#[from] StorageError),
    /// It leaves no zxids to go on with.
    #[error("the snapshot has zxid {0}, after which there are too few")]
    Zxid(Zxid),
}

/// The epochs that must be left, so that a snapshot with made-up zxids cannot end a history.
const EPOCHS_LEFT_MIN: u32 = 1 << 16;

/// Reads a snapshot, packed or not. `scratch` is a directory to receive it into; it is made, and
/// removed again.
///
/// # Errors
/// [`RestoreError`]
pub(crate) fn load(
    upload: &mut dyn Read,
    scratch: &Path,
    options: &RecoveryOptions,
) -> Result<Candidate, RestoreError> {
    let receive = |source| RestoreError::Receive { path: scratch.to_owned(), source };
    let directory = Scratch::make(scratch).map_err(receive)?;
    let name = receive_file(upload, scratch).map_err(receive)?;
    let dir = RealDir::open(scratch).map_err(receive)?;
    let loaded = load_snapshot(&dir, name, options.tree, options.max_txn_size, &mut |_, _| {})?;
    drop(directory);
    let newest = newest_zxid(&loaded.tree).max(loaded.seen);
    if newest.epoch() > i32::MAX.unsigned_abs() - EPOCHS_LEFT_MIN {
        return Err(RestoreError::Zxid(newest));
    }
    Ok(Candidate { tree: loaded.tree, newest })
}

/// A directory that goes when it is dropped.
struct Scratch<'a>(&'a Path);

impl<'a> Scratch<'a> {
    /// Makes it anew: a crash may have left one.
    fn make(path: &'a Path) -> io::Result<Self> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir(path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a directory could not be removed");
        }
    }
}

/// Stores the upload under a name that says how it is packed, which its first bytes tell.
fn receive_file(upload: &mut dyn Read, dir: &Path) -> io::Result<SnapshotName> {
    let mut head = Vec::new();
    upload.take(8).read_to_end(&mut head)?;
    let compression = match &head[..] {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        b"\x82SNAPPY\0" => Compression::Snappy,
        _ => Compression::None,
    };
    // The name's zxid is not known yet; the tree gets another one anyway.
    let name = SnapshotName { zxid: Zxid::ZERO, compression };
    let mut file = File::create(dir.join(name.file()))?;
    file.write_all(&head)?;
    io::copy(upload, &mut file)?;
    Ok(name)
}

/// The highest zxid in the stats of a tree. Snapshots of releases before 3.9 do not say it.
fn newest_zxid(tree: &Tree) -> Zxid {
    let mut newest = tree.last_zxid();
    let mut to_visit = vec![String::new()];
    while let Some(path) = to_visit.pop() {
        let Some(znode) = tree.find(&path) else { continue };
        let raw = znode.raw();
        newest = newest.max(raw.czxid).max(raw.mzxid).max(raw.pzxid);
        to_visit.extend(znode.children().map(|name| format!("{path}/{name}")));
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_persistence::snapshot::write_snapshot;
    use zoarium_tree::TreeOptions;

    #[test]
    fn snapshot_that_would_end_the_history_is_refused() {
        let base = std::env::temp_dir().join(format!("zoarium-restore-{}", std::process::id()));
        fs::create_dir(&base).unwrap();
        let options = RecoveryOptions {
            tree: TreeOptions { digest_enabled: true, emulate_353_ttl: false, hash_seed: 1 },
            max_txn_size: 1 << 20,
            trust_log_without_snapshot: false,
            trust_empty: true,
            compression: Compression::Snappy,
            with_last_zxid: true,
        };
        let restored = |zxid| {
            let mut tree = Tree::new(options.tree);
            tree.set_last_zxid(zxid);
            let dir = RealDir::open(&base).unwrap();
            let name = write_snapshot(&dir, &mut tree, options.compression, true).unwrap();
            let mut bytes = &fs::read(base.join(name.file())).unwrap()[..];
            load(&mut bytes, &base.join("scratch"), &options).map(|candidate| candidate.newest)
        };
        let last = Zxid::new(i32::MAX.unsigned_abs(), 7);
        assert!(matches!(restored(last), Err(RestoreError::Zxid(zxid)) if zxid == last));
        let early = Zxid::new(3, u32::MAX);
        assert_eq!(restored(early).unwrap(), early);
        assert!(!base.join("scratch").exists());
        fs::remove_dir_all(&base).unwrap();
    }
}
