//! A snapshot packed in another way, byte for byte the same when unpacked.

use super::SEAL_SIZE;
use super::pack::Packer;
use super::stream::Stream;
use super::writer::CompleteSnapshot;
use crate::dir::{Dir, DirFile};
use crate::error::StorageError;
use crate::io::{self, Named};
use crate::names::{Compression, SnapshotName};
use alloc::vec::Vec;

/// How much is packed at a time, in unpacked bytes.
const STEP: usize = 256 << 10;

/// Copies a snapshot from one directory to another (or the same), packed as told. The copy counts
/// for nothing before it is published. `on_progress` is told how many bytes of how many are read.
///
/// # Errors
/// If the snapshot is damaged or incomplete, or the copy cannot be written; there is no copy then,
/// if that much can be done.
pub fn convert_snapshot<D: Dir, E: Dir>(
    from: &D,
    name: SnapshotName,
    to: E,
    compression: Compression,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<CompleteSnapshot<E>, StorageError> {
    let mut stream = Stream::open(from, name)?;
    let name = SnapshotName { zxid: name.zxid, compression };
    let temporary = name.temporary_file();
    let mut copy = Copy::begin(io::create(&to, &temporary)?, compression, stream.header());
    if let Err(error) = copy.take(&mut stream, on_progress).and_then(|()| copy.finish()) {
        let _left_behind = io::remove(&to, &temporary);
        return Err(error);
    }
    Ok(CompleteSnapshot { dir: to, name, temporary })
}

struct Copy<F> {
    file: Named<F>,
    position: u64,
    packer: Packer,
    packed: Vec<u8>,
}

impl<F: DirFile> Copy<F> {
    fn begin(file: Named<F>, compression: Compression, header: &[u8]) -> Self {
        let mut packed = Vec::new();
        let mut packer = Packer::new(compression, &mut packed);
        packer.push(header, &mut packed);
        Self { file, position: 0, packer, packed }
    }

    fn take<G: DirFile>(
        &mut self,
        stream: &mut Stream<G>,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), StorageError> {
        loop {
            let whole = stream.fill(STEP + SEAL_SIZE)? == STEP + SEAL_SIZE;
            let left = stream.bytes().len().checked_sub(SEAL_SIZE);
            let count = if whole { STEP } else { left.ok_or_else(|| stream.cut())? };
            self.packer.push(&stream.bytes()[..count], &mut self.packed);
            stream.pass(count);
            self.write()?;
            let (done, total) = stream.progress();
            on_progress(done, total);
            if !whole {
                break;
            }
        }
        // The last seal covers all that was copied.
        self.packer.push(&stream.bytes()[..SEAL_SIZE], &mut self.packed);
        stream.pass_seal()
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        core::mem::replace(&mut self.packer, Packer::None).finish(&mut self.packed);
        self.write()?;
        self.file.sync_data()
    }

    fn write(&mut self) -> Result<(), StorageError> {
        self.file.write_at(self.position, &self.packed)?;
        self.position += self.packed.len() as u64;
        self.packed.clear();
        Ok(())
    }
}
