//! From a tree to a snapshot file, in slices, so that the tree is never held for long.

use super::pack::Packer;
use super::{Checksum, HEADER, seal};
use crate::dir::Dir;
use crate::error::StorageError;
use crate::io::{self, Named};
use crate::names::{Compression, SnapshotName};
use alloc::vec::Vec;
use zoarium_proto::Zxid;
use zoarium_tree::Tree;
use zoarium_tree::snapshot::{Progress, SnapshotCursor};

/// Writes one snapshot.
///
/// [`SnapshotWriter::fill`] takes a slice of the tree, in memory; [`SnapshotWriter::write`] packs
/// and writes it, while the tree may change. Only [`SnapshotWriter::finish`] gives the file its
/// name. Dropping the writer leaves a file that nobody takes for a snapshot and
/// [`remove_leftovers`](crate::purge::remove_leftovers) removes.
#[derive(Debug)]
pub struct SnapshotWriter<D: Dir> {
    dir: D,
    name: SnapshotName,
    file: Named<D::File>,
    /// Where the next bytes go.
    position: u64,
    checksum: Checksum,
    /// A slice, unpacked, checksummed up to its end.
    slice: Vec<u8>,
    packer: Packer,
    packed: Vec<u8>,
    complete: bool,
}

/// What [`SnapshotWriter::fill`] left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Write, then fill again.
    More,
    /// Write, then finish.
    Complete,
    /// Another tree has taken the place of the one that was being written: give up and begin
    /// again.
    Lost,
}

impl<D: Dir> SnapshotWriter<D> {
    /// Begins the file of a snapshot that the tree has begun with this zxid.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn begin(dir: D, zxid: Zxid, compression: Compression) -> Result<Self, StorageError> {
        let name = SnapshotName { zxid, compression };
        let file = io::create(&dir, &name.temporary_file())?;
        let mut packed = Vec::new();
        let packer = Packer::new(compression, &mut packed);
        let (mut checksum, slice) = (Checksum::default(), HEADER.to_vec());
        checksum.add(&slice);
        Ok(Self { dir, name, file, position: 0, checksum, slice, packer, packed, complete: false })
    }

    /// Takes about `budget` bytes of the tree. Does no I/O.
    pub fn fill(&mut self, cursor: &mut SnapshotCursor, tree: &Tree, budget: usize) -> Filled {
        let start = self.slice.len();
        let progress = cursor.next(tree, budget, &mut self.slice);
        self.checksum.add(&self.slice[start..]);
        match progress {
            Progress::More => Filled::More,
            Progress::Seal => {
                let seal = seal(self.checksum.value());
                self.checksum.add(&seal);
                self.slice.extend_from_slice(&seal);
                Filled::More
            }
            Progress::End => {
                self.complete = true;
                Filled::Complete
            }
            Progress::Lost => Filled::Lost,
        }
    }

    /// Packs and writes what was taken.
    ///
    /// # Errors
    /// If the file cannot be written. The snapshot cannot be continued then, but for a full disk
    /// the same call may be made again.
    pub fn write(&mut self) -> Result<(), StorageError> {
        self.packer.push(&self.slice, &mut self.packed);
        self.slice.clear();
        self.write_packed()
    }

    /// Makes the file durable, gives it its name, and makes that durable.
    ///
    /// To be called when the log is durable as far as the tree was when the last slice was taken.
    /// Otherwise a power cut can leave a snapshot that has seen more than the log, and the server
    /// can serve no reads before its ensemble has sent it the difference.
    ///
    /// # Errors
    /// As [`SnapshotWriter::write`].
    ///
    /// # Panics
    /// If not all of the tree was taken.
    pub fn finish(mut self) -> Result<SnapshotName, StorageError> {
        assert!(self.complete, "snapshot {} finished before its end", self.name.zxid);
        self.write()?;
        core::mem::replace(&mut self.packer, Packer::None).finish(&mut self.packed);
        self.write_packed()?;
        self.file.sync_data()?;
        io::rename(&self.dir, &self.name.temporary_file(), &self.name.file())?;
        io::sync(&self.dir)?;
        Ok(self.name)
    }

    /// Gives up and removes the file.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn abandon(self) -> Result<(), StorageError> {
        io::remove(&self.dir, &self.name.temporary_file())
    }

    fn write_packed(&mut self) -> Result<(), StorageError> {
        self.file.write_at(self.position, &self.packed)?;
        self.position += self.packed.len() as u64;
        self.packed.clear();
        Ok(())
    }
}

/// Writes a snapshot of a tree that nobody else uses meanwhile. `with_last_zxid` says whether the
/// part is written that releases from 3.9 on know.
///
/// # Errors
/// If it cannot be written; there is no snapshot of that name then.
pub fn write_snapshot<D: Dir + Clone>(
    dir: &D,
    tree: &mut Tree,
    compression: Compression,
    with_last_zxid: bool,
) -> Result<SnapshotName, StorageError> {
    const SLICE: usize = 1 << 20;
    let mut cursor = tree.begin_snapshot(with_last_zxid);
    let written =
        SnapshotWriter::begin(dir.clone(), cursor.zxid(), compression).and_then(|mut writer| {
            while writer.fill(&mut cursor, tree, SLICE) == Filled::More {
                writer.write()?;
            }
            writer.finish()
        });
    tree.end_snapshot(cursor);
    written
}
