//! A server's disk: the real storage code over a directory in memory.

use std::cell::Cell;
use std::rc::Rc;
use zoarium_persistence::mem_dir::{Fault, MemDir, MemDisk, Survival};
use zoarium_persistence::{DataDirs, LogOptions, LogWriter, StorageError};
use zoarium_process::PersistSeq;
use zoarium_proto::Zxid;
use zoarium_sim::{Disk, DiskError, Keep, Rng};
use zoarium_zab::Record;

/// The disk of one server; clients have one too and leave it empty.
#[derive(Debug)]
pub struct ServerDisk {
    disk: MemDisk,
    writer: Option<LogWriter<MemDir>>,
    /// The last record that the writer has, written or not: after [`DiskError::Full`] it is
    /// handed over again.
    appended: PersistSeq,
    txns_since_roll: u64,
    /// Operations before the last crash.
    operations_before: u64,
    halt_at: Option<u64>,
    /// How many bytes it holds at most, while it is full.
    capacity: Option<u64>,
    settings: DiskSettings,
    snapshot_due: SnapshotDue,
}

/// How a server uses its disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskSettings {
    /// Whether a sync of the log waits for the disk; a planted bug says no.
    pub force_sync: bool,
    /// After how many txns the log is rolled and a snapshot taken.
    pub snap_count: u64,
}

/// Rung by the disk when it is time for a snapshot, answered by the server.
pub type SnapshotDue = Rc<Cell<bool>>;

/// How much log space is reserved at a time, in bytes: little, so that disks fill up in no time.
const LOG_RESERVE: u64 = 8192;

impl ServerDisk {
    /// An empty disk.
    pub fn new(settings: DiskSettings) -> Self {
        Self {
            disk: MemDisk::new(),
            writer: None,
            appended: PersistSeq(0),
            txns_since_roll: 0,
            operations_before: 0,
            halt_at: None,
            capacity: None,
            settings,
            snapshot_due: SnapshotDue::default(),
        }
    }

    /// Its directories. They are of no use after the next crash.
    pub fn dirs(&self) -> DataDirs<MemDir> {
        let data = self.disk.dir("data/version-2");
        let root = self.disk.dir("data");
        DataDirs { root, snapshots: data.clone(), logs: data, logs_apart: false }
    }

    /// Lets the log continue after `last`; the result tells when a snapshot is due.
    pub fn open_log(&mut self, last: Zxid) -> SnapshotDue {
        let force_sync = self.settings.force_sync;
        let options = LogOptions { reserve: LOG_RESERVE, size_limit: None, force_sync };
        self.writer = Some(LogWriter::new(self.dirs().logs, last, options));
        self.appended = PersistSeq(0);
        self.txns_since_roll = 0;
        self.snapshot_due = SnapshotDue::default();
        Rc::clone(&self.snapshot_due)
    }

    /// Does something with a disk that has room, as after an operator has made some.
    pub fn with_room<T>(&mut self, act: impl FnOnce(&Self) -> T) -> T {
        self.disk.set_capacity(None);
        let result = act(self);
        self.disk.set_capacity(self.capacity);
        result
    }

    /// Whether an operation was refused because of [`Disk::halt_at`].
    pub fn is_halted(&self) -> bool {
        self.halt_at.is_some_and(|at| self.operations_before + self.disk.operations() > at)
    }

    fn explain(&self, error: &StorageError) -> DiskError {
        if self.is_halted() {
            DiskError::Halted
        } else if error.is_full() {
            DiskError::Full
        } else {
            DiskError::Failed(error.to_string())
        }
    }
}

impl Disk for ServerDisk {
    type Record = Record;

    fn append(&mut self, seq: PersistSeq, record: &Record) -> Result<(), DiskError> {
        let writer =
            self.writer.as_mut().expect("who writes has been started, which opens the log");
        if seq > self.appended {
            let Record::Append(txn) = record else {
                unreachable!("{record:?} of a standalone server")
            };
            writer.append(txn.zxid, &txn.bytes);
            self.appended = seq;
            self.txns_since_roll += 1;
        }
        writer.write().map_err(|error| self.explain(&error))
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        let writer =
            self.writer.as_mut().expect("who writes has been started, which opens the log");
        let mut synced = writer.sync().map(|_| ());
        if synced.is_ok() && self.txns_since_roll >= self.settings.snap_count {
            synced = writer.roll();
            self.txns_since_roll = 0;
            self.snapshot_due.set(true);
        }
        synced.map_err(|error| self.explain(&error))
    }

    fn crash(&mut self, keep: Keep, rng: &mut Rng) {
        let survival = match keep {
            Keep::All => Survival::Everything,
            Keep::Synced => Survival::OnlySynced,
            Keep::Part => Survival::Sectors { seed: rng.next_u64() },
            Keep::Torn => Survival::TornLastWrite { seed: rng.next_u64() },
        };
        self.operations_before = self.operations();
        self.disk = self.disk.crash(survival);
        self.writer = None;
        self.halt_at = None;
    }

    fn operations(&self) -> u64 {
        let all = self.operations_before + self.disk.operations();
        self.halt_at.map_or(all, |at| all.min(at))
    }

    fn halt_at(&mut self, operation: Option<u64>) {
        self.halt_at = operation;
        let at = operation.map_or(u64::MAX, |at| at.saturating_sub(self.operations_before));
        self.disk.fail_at(at, Fault::Halt);
    }

    fn set_full(&mut self, full: bool) {
        self.capacity = full.then(|| self.disk.used());
        self.disk.set_capacity(self.capacity);
    }
}
