//! What a power cut leaves.

use super::disk::{Change, Disk, MemBytes};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// What survives a power cut of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// All of it: the process died, the machine did not.
    Everything,
    /// None of it.
    OnlySynced,
    /// Of each sector what was written up to some point, each change of a length or not, and the
    /// changes of names up to some point, as the seed says.
    Sectors {
        /// Decides.
        seed: u64,
    },
    /// All of it, except that each file's last write stops at some byte, as the seed says.
    TornLastWrite {
        /// Decides.
        seed: u64,
    },
}

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

impl Disk {
    pub(super) fn after_crash(&self, survival: Survival) -> Self {
        let mut random = Random(match survival {
            Survival::Everything | Survival::OnlySynced => 0,
            Survival::Sectors { seed } | Survival::TornLastWrite { seed } => seed,
        });
        let kept = match survival {
            Survival::Everything | Survival::TornLastWrite { .. } => self.pending_names.len(),
            Survival::OnlySynced => 0,
            Survival::Sectors { .. } => random.below(self.pending_names.len() + 1),
        };
        let mut names = self.durable_names.clone();
        self.pending_names[..kept].iter().for_each(|change| change.apply(&mut names));

        let mut after = Self { capacity: self.capacity, ..Self::default() };
        for (place, id) in names {
            let bytes = survivors(self.file(id), survival, &mut random);
            let new = after.create(&place.0, &place.1);
            *after.file_mut(new) = MemBytes::durable(bytes);
        }
        after.durable_names = after.names.clone();
        after.pending_names.clear();
        after
    }
}

fn survivors(file: &MemBytes, survival: Survival, random: &mut Random) -> Vec<u8> {
    let mut bytes = file.durable.clone();
    match survival {
        Survival::OnlySynced => {}
        Survival::Everything => file.pending.iter().for_each(|change| change.apply(&mut bytes)),
        Survival::Sectors { .. } => keep_sectors(file, random, &mut bytes),
        Survival::TornLastWrite { .. } => {
            let last =
                file.pending.iter().rposition(|change| matches!(change, Change::Write { .. }));
            for (index, change) in file.pending.iter().enumerate() {
                match change {
                    Change::Write { offset, bytes: written } if Some(index) == last => {
                        let kept = random.below(written.len() + 1);
                        let torn = written[..kept].to_vec();
                        Change::Write { offset: *offset, bytes: torn }.apply(&mut bytes);
                    }
                    Change::Write { .. } | Change::Size(_) => change.apply(&mut bytes),
                }
            }
        }
    }
    bytes
}

fn keep_sectors(file: &MemBytes, random: &mut Random, bytes: &mut Vec<u8>) {
    // A sector is written as it is in memory, so what is lost of it is the end of its writes.
    let mut behind = BTreeSet::new();
    for change in &file.pending {
        match change {
            Change::Size(_) => {
                if random.coin() {
                    change.apply(bytes);
                }
            }
            Change::Write { offset, bytes: written } => {
                for (start, end) in sectors(*offset, written.len()) {
                    let sector = (offset + start) / SECTOR;
                    if !random.coin() {
                        behind.insert(sector);
                    }
                    if !behind.contains(&sector) {
                        let part = written[start..end].to_vec();
                        Change::Write { offset: offset + start, bytes: part }.apply(bytes);
                    }
                }
            }
        }
    }
}

/// The parts of a write, as ranges within it, that lie in one sector each.
fn sectors(offset: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let end = length.min((offset + start) / SECTOR * SECTOR + SECTOR - offset);
        let part = (start < length).then_some((start, end));
        start = end;
        part
    })
}

/// SplitMix64: enough to choose by, and the same for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }
}
