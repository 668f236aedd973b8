//! A server's disk: the real storage code over a directory in memory.

use crate::bug::Bug;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use zoarium_persistence::epochs::{EpochFile, write_epoch};
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::mem_dir::{Fault, MemDir, MemDisk, MemError, Survival};
use zoarium_persistence::names::{log_name, logs_among, snapshots_among};
use zoarium_persistence::snapshot::write_snapshot;
use zoarium_persistence::{
    Compression, DataDirs, Dir, LogOptions, LogReader, LogWriter, Operation, RecoveryOptions,
    StorageError, truncate,
};
use zoarium_process::PersistSeq;
use zoarium_proto::Zxid;
use zoarium_sim::{Disk, DiskError, Keep, Rng};
use zoarium_tree::snapshot::LoadError;
use zoarium_tree::{SnapshotLoader, Tree, TreeOptions};
use zoarium_zab::{Record, Txn};

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
    handover: Rc<Handover>,
}

/// How a server uses its disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskSettings {
    /// After how many txns the log is rolled and a snapshot taken.
    pub snap_count: u64,
    /// What is done wrong, if anything.
    pub bug: Option<Bug>,
}

/// What a server and its disk hand each other besides records.
#[derive(Debug, Default)]
pub struct Handover {
    /// Rung by the disk when it is time for a snapshot, answered by the server.
    pub snapshot_due: Cell<bool>,
    /// Streams of received snapshots, one for each record that speaks of one, in order.
    pub received: RefCell<VecDeque<(Zxid, Vec<u8>)>>,
}

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
            handover: Rc::default(),
        }
    }

    /// Its directories. They are of no use after the next crash.
    pub fn dirs(&self) -> DataDirs<MemDir> {
        let data = self.disk.dir("data/version-2");
        let root = self.disk.dir("data");
        DataDirs { root, snapshots: data.clone(), logs: data, logs_apart: false }
    }

    /// Lets the log continue after `last`, for a server that has just started.
    pub fn open(&mut self, last: Zxid) -> Rc<Handover> {
        self.open_log(last);
        self.appended = PersistSeq(0);
        self.handover = Rc::default();
        Rc::clone(&self.handover)
    }

    fn open_log(&mut self, last: Zxid) {
        let force_sync = self.settings.bug != Some(Bug::LogNotSynced);
        let options = LogOptions { reserve: LOG_RESERVE, size_limit: None, force_sync };
        self.writer = Some(LogWriter::new(self.dirs().logs, last, options));
        self.txns_since_roll = 0;
    }

    fn writer(&mut self) -> &mut LogWriter<MemDir> {
        self.writer.as_mut().expect("who writes has been started, which opens the log")
    }

    /// Writes a record; all before it are durable when this does more than append to the log.
    fn write(&mut self, seq: PersistSeq, record: &Record) -> Result<(), StorageError> {
        match record {
            Record::Append(txn) => {
                // After a full disk it is handed over again, and the writer has it already.
                if seq > self.appended {
                    self.writer().append(txn.zxid, &txn.bytes);
                    self.txns_since_roll += 1;
                }
                self.appended = seq;
                self.writer().write()
            }
            Record::AcceptedEpoch(epoch) => {
                self.writer().sync()?;
                write_epoch(&self.dirs().snapshots, EpochFile::Accepted, epoch.0)
            }
            Record::CurrentEpoch(epoch) => {
                self.writer().sync()?;
                write_epoch(&self.dirs().snapshots, EpochFile::Current, epoch.0)
            }
            Record::Truncate { to } => {
                self.writer().sync()?;
                let last = truncate::truncate(&self.dirs(), *to, &RecoveryOptions::default())?;
                self.open_log(last);
                Ok(())
            }
            Record::Snapshot { zxid } => {
                self.writer().sync()?;
                self.install(*zxid)?;
                self.open_log(*zxid);
                Ok(())
            }
        }
    }

    /// Puts a received snapshot in the place of all there is. Logs go first, the newest before
    /// the others, so that a crash leaves the old history or a part of it.
    fn install(&self, zxid: Zxid) -> Result<(), StorageError> {
        let mut received = self.handover.received.borrow_mut();
        let Some((_, bytes)) = received.front().filter(|(of, _)| *of == zxid) else {
            panic!("snapshot {zxid} was not handed over");
        };
        let mut tree = load_snapshot(bytes, zxid).expect("it was loaded before");
        let dirs = self.dirs();
        let installed = write_snapshot(&dirs.snapshots, &mut tree, Compression::None, true)?;
        let remove = |dir: &MemDir, name: &str| {
            dir.remove(name).map_err(|source| removal_failed(dir, name, source))
        };
        for log in logs_among(&dirs.logs.names().unwrap_or_default()).into_iter().rev() {
            remove(&dirs.logs, &log_name(log))?;
        }
        let snapshots = snapshots_among(&dirs.snapshots.names().unwrap_or_default());
        for name in snapshots.into_iter().rev().filter(|name| *name != installed) {
            remove(&dirs.snapshots, &name.file())?;
        }
        dirs.snapshots.sync().map_err(|source| removal_failed(&dirs.snapshots, "", source))?;
        received.pop_front();
        Ok(())
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
            panic!("the disk is sound and storage says: {error}")
        }
    }
}

impl Disk for ServerDisk {
    type Record = Record;

    fn append(&mut self, seq: PersistSeq, record: &Record) -> Result<(), DiskError> {
        self.write(seq, record).map_err(|error| self.explain(&error))
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        let mut synced = self.writer().sync().map(|_| ());
        if synced.is_ok() && self.txns_since_roll >= self.settings.snap_count {
            synced = self.writer().roll();
            self.txns_since_roll = 0;
            self.handover.snapshot_due.set(true);
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

fn removal_failed(dir: &MemDir, name: &str, source: MemError) -> StorageError {
    let file = dir.path_of(name).into();
    StorageError::Io { operation: Operation::Remove, file, full: false, source: Box::new(source) }
}

/// The tree of a stream that ends at its first seal.
///
/// # Errors
/// If it makes none.
pub(crate) fn load_snapshot(bytes: &[u8], zxid: Zxid) -> Result<Tree, LoadError> {
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    loader.feed(bytes)?;
    Ok(loader.finish(zxid)?.tree)
}

/// What the log has from the last txn at or before `from` on, up to `upto`.
pub(crate) fn read_history(dirs: &DataDirs<MemDir>, from: Zxid, upto: Zxid) -> Option<Vec<Txn>> {
    let logs = logs_among(&dirs.logs.names().ok()?);
    let first = logs.into_iter().rfind(|first| *first <= from)?;
    let before = Zxid(first.0.saturating_sub(1));
    let mut log = LogReader::open(&dirs.logs, before, MAX_TXN_SIZE).ok()?;
    let mut txns: Vec<Txn> = Vec::new();
    while let Ok(Some(entry)) = log.next() {
        if entry.zxid > upto {
            break;
        }
        if entry.zxid <= from {
            txns.clear();
        }
        let bytes = Bytes::copy_from_slice(entry.txn);
        txns.push(Txn { zxid: entry.zxid, bytes, membership: None });
    }
    Some(txns)
}
