//! The disks of the lab: lists of records, which may be told to forget.

use std::fmt::Debug;
use zoarium_process::PersistSeq;
use zoarium_sim::{Disk, DiskError, Keep, RecordDisk, Rng};

/// A list of records. If told so, it says of some kind of record that it is durable, and loses it
/// in a crash all the same: what a process has that does not wait for its disk.
#[derive(Debug)]
pub(crate) struct LabDisk<R> {
    list: RecordDisk<R>,
    /// How the records begin that it loses, with commas between; none if empty.
    forgets: String,
    /// Operations on lists before the last crash.
    before: u64,
}

impl<R: Clone + Debug> LabDisk<R> {
    pub(crate) fn new(forgets: String) -> Self {
        Self { list: RecordDisk::new(), forgets, before: 0 }
    }

    /// All that is on it.
    pub(crate) fn records(&self) -> &[R] {
        self.list.records()
    }

    fn forget(&mut self) {
        let is_kept = |record: &&R| {
            let label = format!("{record:?}");
            !self.forgets.split(',').any(|starting| label.starts_with(starting))
        };
        let mut list = RecordDisk::new();
        for record in self.list.records().iter().filter(is_kept) {
            list.append(PersistSeq(0), record).expect("an empty list has room");
        }
        list.sync().expect("a list can be synced");
        self.before = self.operations();
        self.list = list;
    }
}

impl<R: Clone + Debug> Disk for LabDisk<R> {
    type Record = R;

    fn append(&mut self, seq: PersistSeq, record: &R) -> Result<(), DiskError> {
        self.list.append(seq, record)
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        self.list.sync()
    }

    fn crash(&mut self, keep: Keep, rng: &mut Rng) {
        self.list.crash(keep, rng);
        if !self.forgets.is_empty() {
            self.forget();
        }
    }

    fn operations(&self) -> u64 {
        self.before + self.list.operations()
    }

    fn halt_at(&mut self, operation: Option<u64>) {
        self.list.halt_at(operation.map(|operation| operation.saturating_sub(self.before)));
    }

    fn set_full(&mut self, full: bool) {
        self.list.set_full(full);
    }

    fn wipe(&mut self) {
        self.list.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_forgets_what_it_was_told_to_and_nothing_else() {
        let mut disk = LabDisk::new("Pro".to_owned());
        for (number, record) in (1..).zip(["Promised", "Accepted"]) {
            disk.append(PersistSeq(number), &record).unwrap();
        }
        disk.sync().unwrap();
        let before = disk.operations();
        disk.crash(Keep::Synced, &mut Rng::new(1));
        assert_eq!(disk.records().len(), 2, "Debug of a text begins with a quotation mark");
        disk.forgets = "\"Pro".to_owned();
        disk.crash(Keep::Synced, &mut Rng::new(1));
        assert_eq!(disk.records(), ["Accepted"]);
        assert!(disk.operations() >= before);
    }
}
