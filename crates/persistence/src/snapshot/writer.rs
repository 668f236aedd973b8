//! From a tree to a snapshot file, in slices, so that the tree is never held for long.

use super::pack::Packer;
use super::{Checksum, HEADER, seal};
use crate::dir::Dir;
use crate::error::StorageError;
use crate::io::{self, Named};
use crate::names::{Compression, SnapshotName};
use alloc::string::String;
use alloc::vec::Vec;
use zoarium_proto::Zxid;
use zoarium_tree::Tree;
use zoarium_tree::snapshot::{Progress, SnapshotCursor};

/// After how many bytes of a file the disk gets them. All at the end, they would hold up the syncs of
/// the log that come meanwhile; so each of these waits for so much at most.
const SYNC_BYTES: u64 = 512 << 10;

/// Writes one snapshot.
///
/// [`SnapshotWriter::fill`] takes a slice of the tree, in memory; [`SnapshotWriter::write`] packs
/// and writes it, while the tree may change; [`SnapshotWriter::complete`] makes it durable. Only
/// [`CompleteSnapshot::publish`] gives the file its name. Dropping either leaves a file that nobody
/// takes for a snapshot and [`remove_leftovers`](crate::purge::remove_leftovers) removes.
#[derive(Debug)]
pub struct SnapshotWriter<D: Dir> {
    dir: D,
    name: SnapshotName,
    /// The file's name until it is published.
    temporary: String,
    file: Named<D::File>,
    /// Where the next bytes go,
    position: u64,
    /// and how many of those before are durable.
    synced: u64,
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
        Self::begin_as(dir, name, name.temporary_file())
    }

    /// Begins the file of a snapshot, under another name than its own.
    pub(crate) fn begin_as(
        dir: D,
        name: SnapshotName,
        temporary: String,
    ) -> Result<Self, StorageError> {
        let file = io::create(&dir, &temporary)?;
        let mut packed = Vec::new();
        let packer = Packer::new(name.compression, &mut packed);
        let (mut checksum, slice) = (Checksum::default(), HEADER.to_vec());
        checksum.add(&slice);
        Ok(Self {
            dir,
            name,
            temporary,
            file,
            position: 0,
            synced: 0,
            checksum,
            slice,
            packer,
            packed,
            complete: false,
        })
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

    /// Packs and writes what is left and makes the file durable.
    ///
    /// # Errors
    /// If it cannot be written; there is no file then, if that much can be done.
    ///
    /// # Panics
    /// If not all of the tree was taken.
    pub fn complete(mut self) -> Result<CompleteSnapshot<D>, StorageError> {
        assert!(self.complete, "snapshot {} completed before its end", self.name.zxid);
        if let Err(error) = self.write_to_end() {
            // Should the disk be full, it is not to be filled with these. If the file cannot be
            // removed either, the next start removes it.
            let _left_behind = io::remove(&self.dir, &self.temporary);
            return Err(error);
        }
        Ok(CompleteSnapshot { dir: self.dir, name: self.name, temporary: self.temporary })
    }

    /// Makes the file durable and gives it its name: [`SnapshotWriter::complete`] and
    /// [`CompleteSnapshot::publish`], with the conditions of the latter.
    ///
    /// # Errors
    /// As both.
    ///
    /// # Panics
    /// If not all of the tree was taken.
    pub fn finish(self) -> Result<SnapshotName, StorageError> {
        self.complete()?.publish()
    }

    /// Gives up and removes the file.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn abandon(self) -> Result<(), StorageError> {
        io::remove(&self.dir, &self.temporary)
    }

    fn take_all(
        mut self,
        cursor: &mut SnapshotCursor,
        tree: &Tree,
    ) -> Result<CompleteSnapshot<D>, StorageError> {
        const SLICE: usize = 1 << 20;
        while self.fill(cursor, tree, SLICE) == Filled::More {
            if let Err(error) = self.write() {
                // As in `complete`.
                let _left_behind = self.abandon();
                return Err(error);
            }
        }
        self.complete()
    }

    fn write_to_end(&mut self) -> Result<(), StorageError> {
        self.write()?;
        core::mem::replace(&mut self.packer, Packer::None).finish(&mut self.packed);
        self.write_packed()?;
        self.file.sync_data()
    }

    fn write_packed(&mut self) -> Result<(), StorageError> {
        self.file.write_at(self.position, &self.packed)?;
        self.position += self.packed.len() as u64;
        self.packed.clear();
        if self.position - self.synced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.synced = self.position;
        }
        Ok(())
    }
}

/// A snapshot that is whole and durable, but counts for nothing: it does not have its name.
#[derive(Debug)]
pub struct CompleteSnapshot<D> {
    pub(super) dir: D,
    pub(super) name: SnapshotName,
    pub(super) temporary: String,
}

impl<D: Dir> CompleteSnapshot<D> {
    /// The name it is to get.
    pub const fn name(&self) -> SnapshotName {
        self.name
    }

    /// Gives the file its name and makes that durable: recovery begins with it from here on.
    ///
    /// To be called when the log is durable as far as the tree was when the last slice was taken.
    /// Otherwise a power cut can leave a snapshot that has seen more than the log, and the server
    /// can serve no reads before its ensemble has sent it the difference. And the log must not have
    /// been cut meanwhile, or what was cut off would be back (ZOOKEEPER-1549). A member of an
    /// ensemble leaves both to [`Journal::publish`](crate::Journal::publish).
    ///
    /// # Errors
    /// If it cannot be named; it then has its name or has not.
    pub fn publish(self) -> Result<SnapshotName, StorageError> {
        io::rename(&self.dir, &self.temporary, &self.name.file())?;
        io::sync(&self.dir)?;
        Ok(self.name)
    }

    /// Gives up and removes the file.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn abandon(self) -> Result<(), StorageError> {
        io::remove(&self.dir, &self.temporary)
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
    let name = SnapshotName { zxid: tree.last_zxid(), compression };
    write_whole(dir, tree, name, name.temporary_file(), with_last_zxid)?.publish()
}

/// Writes and syncs a snapshot of a tree that nobody else uses meanwhile, under another name than
/// its own.
pub(crate) fn write_whole<D: Dir + Clone>(
    dir: &D,
    tree: &mut Tree,
    name: SnapshotName,
    temporary: String,
    with_last_zxid: bool,
) -> Result<CompleteSnapshot<D>, StorageError> {
    let mut cursor = tree.begin_snapshot(with_last_zxid);
    let written = SnapshotWriter::begin_as(dir.clone(), name, temporary)
        .and_then(|writer| writer.take_all(&mut cursor, tree));
    tree.end_snapshot(cursor);
    written
}
