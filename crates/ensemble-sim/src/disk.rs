//! A server's disk: the real storage code over a directory in memory.

use crate::bug::Bug;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use zoarium_persistence::epochs::{EpochFile, write_epoch};
use zoarium_persistence::journal::{Journal, JournalOptions, stage_snapshot};
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::mem_dir::{Fault, MemDir, MemDisk, Survival};
use zoarium_persistence::names::{log_name, logs_among};
use zoarium_persistence::snapshot::write_snapshot;
use zoarium_persistence::{Compression, DataDirs, Dir, LogFileReader, LogOptions, StorageError};
use zoarium_process::PersistSeq;
use zoarium_proto::{Membership, Zxid};
use zoarium_sim::{Disk, DiskError, Keep, Rng};
use zoarium_tree::snapshot::LoadError;
use zoarium_tree::{SnapshotLoader, Tree, TreeOptions};
use zoarium_zab::Record;

/// The disk of one server; clients have one too and leave it empty.
#[derive(Debug)]
pub struct ServerDisk {
    disk: MemDisk,
    /// The last record that the journal has, written or not: after [`DiskError::Full`] it is
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
    members: Rc<MembershipFile>,
    /// What has become of what was written.
    state: DiskState,
    /// Whether a planted bug has written the epoch before its history.
    is_epoch_ahead: bool,
}

/// What has become of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskState {
    /// It is there, but for what a crash takes.
    Sound,
    /// A bit of it is wrong.
    Damaged,
    /// It was taken away, and no server has started since.
    Wiped,
}

/// How a server uses its disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskSettings {
    /// After how many txns the log is rolled and a snapshot taken.
    pub snap_count: u64,
    /// What is done wrong, if anything.
    pub bug: Option<Bug>,
}

/// What a server and its disk share besides records.
#[derive(Debug, Default)]
pub struct Handover {
    /// Rung by the disk when it is time for a snapshot, answered by the server.
    pub snapshot_due: Cell<bool>,
    /// A tree that the leader has sent, until it takes the place of the present one.
    pub arrived: RefCell<Option<Tree>>,
    /// The files as one history; none before recovery.
    pub journal: RefCell<Option<Journal<MemDir>>>,
}

/// The membership in force as the file beside the configuration has it; none if that is still the
/// one of the first start. It is written as a whole and synced. Production keeps a proposed one too,
/// to know where its members are.
pub(crate) type MembershipFile = RefCell<Option<Arc<Membership>>>;

/// How much log space is reserved at a time, in bytes: little, so that disks fill up in no time.
const LOG_RESERVE: u64 = 8192;

impl ServerDisk {
    /// An empty disk.
    pub fn new(settings: DiskSettings) -> Self {
        Self {
            disk: MemDisk::new(),
            appended: PersistSeq(0),
            txns_since_roll: 0,
            operations_before: 0,
            halt_at: None,
            capacity: None,
            settings,
            handover: Rc::default(),
            members: Rc::default(),
            state: DiskState::Sound,
            is_epoch_ahead: false,
        }
    }

    /// Its directories. They are of no use after the next crash.
    pub fn dirs(&self) -> DataDirs<MemDir> {
        let data = self.disk.dir("data/version-2");
        let root = self.disk.dir("data");
        DataDirs { root, snapshots: data.clone(), logs: data, logs_apart: false }
    }

    /// What has become of what was written.
    pub const fn state(&self) -> DiskState {
        self.state
    }

    /// The membership that it keeps.
    pub(crate) fn members(&self) -> Rc<MembershipFile> {
        Rc::clone(&self.members)
    }

    /// Lets the history continue after `last`, for a server that has just started.
    pub fn open(&mut self, last: Zxid) -> Rc<Handover> {
        let force_sync = self.settings.bug != Some(Bug::LogNotSynced);
        let log = LogOptions { reserve: LOG_RESERVE, size_limit: None, force_sync };
        let options = JournalOptions { log, ..JournalOptions::default() };
        self.handover = Rc::default();
        self.handover.journal.replace(Some(Journal::new(self.dirs(), last, options)));
        self.appended = PersistSeq(0);
        self.txns_since_roll = 0;
        if self.state == DiskState::Wiped {
            self.state = DiskState::Sound;
        }
        Rc::clone(&self.handover)
    }

    /// Writes a record; all before it are durable when this does more than append to the log.
    fn write(&mut self, seq: PersistSeq, record: &Record) -> Result<(), StorageError> {
        let handover = Rc::clone(&self.handover);
        let mut journal = handover.journal.borrow_mut();
        let journal = journal.as_mut().expect("who writes has been started");
        match record {
            Record::Append(txn) => {
                // After a full disk it is handed over again, and the journal has it already.
                if seq > self.appended {
                    journal.append(txn.zxid, &txn.bytes);
                    self.appended = seq;
                    self.txns_since_roll += 1;
                }
                journal.write()
            }
            Record::AcceptedEpoch(_) if self.has(Bug::PromiseForgotten) => Ok(()),
            Record::AcceptedEpoch(epoch) => journal.accepted_epoch(epoch.0),
            Record::CurrentEpoch(epoch) if self.has(Bug::EpochBeforeHistory) => {
                self.is_epoch_ahead = true;
                write_epoch(&self.dirs().snapshots, EpochFile::Current, epoch.0)
            }
            Record::CurrentEpoch(epoch) => journal.current_epoch(epoch.0),
            Record::Truncate { to } => {
                self.txns_since_roll = 0;
                journal.truncate(*to).map(drop)
            }
            Record::Snapshot { zxid } => {
                let mut arrived = handover.arrived.borrow_mut();
                let tree = arrived.as_mut().expect("a snapshot was received");
                self.txns_since_roll = 0;
                if self.has(Bug::TailKeptBehindSnapshot) {
                    write_snapshot(&self.dirs().snapshots, tree, Compression::None, true)?;
                    return journal.jump_to(*zxid);
                }
                stage_snapshot(&self.dirs(), tree, Compression::None, true)?;
                journal.install_snapshot(*zxid)
            }
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.settings.bug == Some(bug)
    }

    fn sync_log(&mut self) -> Result<(), StorageError> {
        let handover = Rc::clone(&self.handover);
        let mut journal = handover.journal.borrow_mut();
        let journal = journal.as_mut().expect("who writes has been started");
        if std::mem::take(&mut self.is_epoch_ahead) {
            return journal.write();
        }
        journal.sync()?;
        if self.txns_since_roll >= self.settings.snap_count {
            journal.roll()?;
            self.txns_since_roll = 0;
            handover.snapshot_due.set(true);
        }
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
        } else if self.state == DiskState::Damaged {
            DiskError::Failed(error.to_string())
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
        self.sync_log().map_err(|error| self.explain(&error))
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
        self.handover = Rc::default();
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

    /// Snapshots and logs alone: the files of the epochs are Apache's, which have no checksum, so
    /// nobody can tell what was there. Nor can anybody always tell damage of the last entry of the
    /// log from a write that a crash has cut short.
    fn corrupt(&mut self, rng: &mut Rng) {
        let dir = self.dirs().logs;
        let names = dir.names().unwrap_or_default();
        let is_checked = |name: &&String| name.starts_with("log.") || name.starts_with("snapshot.");
        let Some(name) = rng.pick(&names.iter().filter(is_checked).collect::<Vec<_>>()).copied()
        else {
            return;
        };
        // What is reserved behind the last byte is of no interest.
        let bytes = dir.bytes(name).unwrap_or_default();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let at = rng.index(used) as u64;
        let bit = rng.below(8);
        let is_last =
            last_entry(&dir).is_some_and(|(log, last)| log == *name && last.contains(&at));
        if !is_last && dir.flip(name, at * 8 + bit).is_ok() {
            self.state = DiskState::Damaged;
        }
    }

    fn wipe(&mut self) {
        self.operations_before = self.operations();
        self.disk = MemDisk::new();
        self.disk.set_capacity(self.capacity);
        self.state = DiskState::Wiped;
    }
}

/// The file that the last entry of the log is in, and where it is.
fn last_entry(dir: &MemDir) -> Option<(String, Range<u64>)> {
    let logs = logs_among(&dir.names().ok()?);
    logs.into_iter().rev().map(log_name).find_map(|name| {
        let mut reader = LogFileReader::open(dir, &name, true, MAX_TXN_SIZE).ok()?;
        let mut last = None;
        while let Ok(Some(entry)) = reader.next() {
            last = Some(entry.offset..entry.end);
        }
        Some((name, last?))
    })
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
