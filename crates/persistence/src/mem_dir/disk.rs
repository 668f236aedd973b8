//! What a [`MemDisk`](super::MemDisk) holds: names, files, and for both what is not yet durable.

use super::{Fault, MemError};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Which file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(usize);

/// Directory and name.
pub(super) type Place = (String, String);

#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) names: BTreeMap<Place, FileId>,
    pub(super) durable_names: BTreeMap<Place, FileId>,
    /// Changes of names since the last sync of their directory, in order.
    pub(super) pending_names: Vec<NameChange>,
    pub(super) files: Vec<MemBytes>,
    pub(super) capacity: Option<u64>,
    pub(super) operations: u64,
    pub(super) fault: Option<(u64, Fault)>,
}

/// One change of one directory. Its parts survive together or not at all.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    pub(super) gone: Option<Place>,
    pub(super) new: Option<(Place, FileId)>,
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<Place, FileId>) {
        if let Some(place) = &self.gone {
            names.remove(place);
        }
        if let Some((place, file)) = &self.new {
            names.insert(place.clone(), *file);
        }
    }

    fn is_in(&self, dir: &str) -> bool {
        let place = self.gone.as_ref().or(self.new.as_ref().map(|(place, _)| place));
        place.is_some_and(|(place_dir, _)| place_dir == dir)
    }
}

impl Disk {
    /// Counts an operation and lets it fail if it is its turn.
    pub(super) fn begin(&mut self) -> Result<(), MemError> {
        let number = self.operations;
        self.operations += 1;
        match self.fault {
            Some((at, Fault::Halt)) if number >= at => Err(MemError::Halted),
            Some((at, Fault::Error)) if number == at => Err(MemError::Failed),
            Some((at, Fault::Full)) if number == at => Err(MemError::Full),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().map(|&file| self.file(file).size()).sum()
    }

    /// Up to which size the file can grow, at most `wanted`.
    pub(super) fn room_up_to(&self, file: FileId, wanted: u64) -> u64 {
        let Some(capacity) = self.capacity else { return wanted };
        let size = self.file(file).size();
        let free = capacity.saturating_sub(self.used());
        wanted.min(size + free)
    }

    pub(super) fn names_in(&self, dir: &str) -> Vec<String> {
        let here = self.names.keys().filter(|(place_dir, _)| place_dir == dir);
        here.map(|(_, name)| name.clone()).collect()
    }

    pub(super) fn find(&self, dir: &str, name: &str) -> Result<FileId, MemError> {
        self.names.get(&place(dir, name)).copied().ok_or(MemError::Missing)
    }

    pub(super) fn file(&self, id: FileId) -> &MemBytes {
        &self.files[id.0]
    }

    pub(super) fn file_mut(&mut self, id: FileId) -> &mut MemBytes {
        &mut self.files[id.0]
    }

    pub(super) fn create(&mut self, dir: &str, name: &str) -> FileId {
        let id = FileId(self.files.len());
        self.files.push(MemBytes::default());
        self.change(NameChange { gone: None, new: Some((place(dir, name), id)) });
        id
    }

    pub(super) fn rename(&mut self, dir: &str, from: &str, to: &str) -> Result<(), MemError> {
        let id = self.find(dir, from)?;
        let change = NameChange { gone: Some(place(dir, from)), new: Some((place(dir, to), id)) };
        self.change(change);
        Ok(())
    }

    pub(super) fn remove(&mut self, dir: &str, name: &str) -> Result<(), MemError> {
        self.find(dir, name)?;
        self.change(NameChange { gone: Some(place(dir, name)), new: None });
        Ok(())
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    pub(super) fn sync_names(&mut self, dir: &str) {
        let pending = core::mem::take(&mut self.pending_names);
        let (here, elsewhere) = pending.into_iter().partition(|change| change.is_in(dir));
        self.pending_names = elsewhere;
        let here: Vec<NameChange> = here;
        here.iter().for_each(|change| change.apply(&mut self.durable_names));
    }
}

/// The bytes of one file, as programs see them and as they would survive.
#[derive(Clone, Debug, Default)]
pub(super) struct MemBytes {
    current: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Changes since the last sync, in order.
    pub(super) pending: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*offset..end].copy_from_slice(bytes);
            }
            Self::Size(size) => to.resize(*size, 0),
        }
    }
}

impl MemBytes {
    /// A file that is as it is, durably.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { current: bytes.clone(), durable: bytes, pending: Vec::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn size(&self) -> u64 {
        self.current.len() as u64
    }

    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.current.len());
        let count = into.len().min(self.current.len() - start);
        into[..count].copy_from_slice(&self.current[start..start + count]);
        count
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.change(Change::Write { offset: in_memory(offset), bytes: bytes.to_vec() });
    }

    pub(super) fn set_size(&mut self, size: u64) {
        self.change(Change::Size(in_memory(size)));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.pending.drain(..).for_each(|change| change.apply(&mut self.durable));
    }

    /// Flips a bit of what programs see and of what is durable.
    pub(super) fn flip(&mut self, bit: u64) {
        let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        for bytes in [&mut self.current, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// The pages are marked clean though they were not written.
    pub(super) fn fail_sync(&mut self) {
        self.pending.clear();
    }
}

fn place(dir: &str, name: &str) -> Place {
    (dir.to_string(), name.to_string())
}

/// # Panics
/// If the caller, a test or a simulator, makes a file larger than memory.
fn in_memory(offset: u64) -> usize {
    usize::try_from(offset).expect("files in memory have offsets that fit it")
}
