//! From a snapshot file to a tree.

use super::stream::Stream;
use super::{RECORD_SLACK, SEAL_SIZE, zxid_at};
use crate::dir::{Dir, DirFile};
use crate::error::StorageError;
use crate::names::SnapshotName;
use alloc::boxed::Box;
use zoarium_proto::Zxid;
use zoarium_tree::snapshot::{LoadError, Next, SnapshotLoader};
use zoarium_tree::{Tree, TreeOptions};

/// What a snapshot file holds.
#[derive(Debug)]
pub struct LoadedSnapshot {
    /// The tree, whose last zxid is that of the name.
    pub tree: Tree,
    /// The highest zxid that is known to have left something in it. Until replay has come there,
    /// the tree is of no one moment.
    pub seen: Zxid,
    /// Whether the tree has the digest that the snapshot promised; `None` if there is nothing to
    /// compare yet.
    pub digest_matches: Option<bool>,
}

/// Loads a snapshot if all its seals fit. `max_txn_size` bounds its records, in bytes;
/// `on_progress` is told how many bytes of how many are read.
///
/// # Errors
/// If it is damaged, incomplete or makes no tree.
pub fn load_snapshot<D: Dir>(
    dir: &D,
    name: SnapshotName,
    options: TreeOptions,
    max_txn_size: u32,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<LoadedSnapshot, StorageError> {
    let mut stream = Stream::open(dir, name)?;
    let mut loader = SnapshotLoader::new(options);
    let mut seen = name.zxid;
    loop {
        let fed = loader.feed(stream.bytes()).map_err(|error| body_error(&stream, error))?;
        stream.pass(fed.consumed);
        match fed.next {
            Next::More { needed } => {
                read_more(&mut stream, needed, max_txn_size)?;
                let (done, total) = stream.progress();
                on_progress(done, total);
            }
            Next::Seal => {
                stream.pass_seal()?;
                if stream.fill(1)? == 0 {
                    break;
                }
                stream.fill(8)?;
                // In the snapshot that follows a SNAP sync Apache writes zero, which says nothing.
                let zxid = zxid_at(stream.bytes()).ok_or_else(|| stream.cut())?;
                seen = seen.max(zxid);
            }
            Next::End => {
                // A section of a later release, as far as its seal tells.
                pass_rest(&mut stream)?;
                break;
            }
        }
    }
    let (done, total) = stream.progress();
    on_progress(done, total);
    let loaded = loader.finish(name.zxid).map_err(|error| body_error(&stream, error))?;
    let seen = seen.max(loaded.tree.seen());
    Ok(LoadedSnapshot { tree: loaded.tree, seen, digest_matches: loaded.digest_matches })
}

/// Reads a snapshot to its end without making a tree, to see whether its last seal fits, which
/// covers every byte before it.
///
/// # Errors
/// If it is damaged or incomplete.
pub fn verify_snapshot<D: Dir>(dir: &D, name: SnapshotName) -> Result<(), StorageError> {
    pass_rest(&mut Stream::open(dir, name)?)
}

/// Passes all that is left, which must end with a seal that fits.
fn pass_rest<F: DirFile>(stream: &mut Stream<F>) -> Result<(), StorageError> {
    const STEP: usize = 64 << 10;
    while stream.fill(STEP + SEAL_SIZE)? == STEP + SEAL_SIZE {
        stream.pass(STEP);
    }
    let before_seal = stream.bytes().len().checked_sub(SEAL_SIZE).ok_or_else(|| stream.cut())?;
    stream.pass(before_seal);
    stream.pass_seal()
}

fn read_more<F: DirFile>(
    stream: &mut Stream<F>,
    needed: usize,
    max_txn_size: u32,
) -> Result<(), StorageError> {
    let limit = usize::try_from(max_txn_size).unwrap_or(usize::MAX).saturating_add(RECORD_SLACK);
    if needed > limit {
        let file = stream.path().into();
        return Err(StorageError::SnapshotRecord { file, size: needed, limit });
    }
    if stream.fill(needed)? < needed { Err(stream.cut()) } else { Ok(()) }
}

fn body_error<F: DirFile>(stream: &Stream<F>, error: LoadError) -> StorageError {
    StorageError::SnapshotBody { file: stream.path().into(), source: Box::new(error) }
}
