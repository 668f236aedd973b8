//! A disk and its threads without a peer, for tests.

use super::real_dir::RealDir;
use super::{Disk, Log, SnapshotPace};
use crate::client_port::Guards;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::duties::{DISK, Duty, LOOP};
use crate::peer_loop::LoopEvent;
use crate::settings::{access, journal_options, limits, snapshot_options};
use crate::shared::Shared;
use crate::snapshots::{SnapshotThread, Snapshots};
use crate::standing::Standing;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zoarium_persistence::journal::{MemberOptions, RecoveredMember};
use zoarium_persistence::{
    DataDirs, Dir, Journal, JournalOptions, StorageError, recover, recover_member,
};
use zoarium_process::PersistSeq;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::Tree;
use zoarium_zab::{Record, Txn};

/// How long something that has to come may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Rig {
    path: PathBuf,
    config: ServerConfig,
    pub(crate) dirs: DataDirs<RealDir>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) disk: Arc<Disk>,
    events: Vec<LoopEvent>,
    last_seq: PersistSeq,
    disk_thread: Option<JoinHandle<Result<(), StorageError>>>,
    snapshot_thread: Option<JoinHandle<()>>,
}

impl Rig {
    /// An empty history. Nothing runs.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("zoarium-disk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let version_2 = path.join("version-2");
        std::fs::create_dir_all(&version_2).unwrap();
        let open = |path: &PathBuf| RealDir::open(path).unwrap();
        let snapshots = open(&version_2);
        let (root, logs) = (open(&path), snapshots.clone());
        let dirs = DataDirs { root, snapshots, logs, logs_apart: false };

        let mut config = ServerConfig::embedded();
        config.storage.prealloc_bytes = 4096;
        config.storage.purge = None;
        let options = journal_options(&config);
        let tree = recover(&dirs, &options.recovery, |_| {}).unwrap().tree;
        let journal = Journal::new(dirs.clone(), tree.last_zxid(), options);
        let (guards, access) = (Guards::new(&config, 0), access(&config.access));
        let shared =
            Shared::new(tree, Standing::alone(), limits(&config), guards, access, Clock::start());
        let (shared, snapshots) = (Arc::new(shared), Arc::new(Snapshots::default()));
        let pace = SnapshotPace { txns: 1_000_000, bytes: None };
        // The events are this thread's.
        shared.duties.tell(LoopEvent::Start);
        assert_eq!(shared.duties.next(LOOP, &mut Vec::new()), Duty::Events);
        shared.duties.take_events(&mut Vec::new());
        let log = Log::new(Arc::clone(&shared), Arc::clone(&snapshots), journal, pace);
        Self {
            path,
            config,
            dirs,
            shared,
            snapshots,
            disk: Arc::new(Disk::new(log)),
            events: Vec::new(),
            last_seq: PersistSeq::default(),
            disk_thread: None,
            snapshot_thread: None,
        }
    }

    /// The same with both threads.
    pub(crate) fn running() -> Self {
        let mut rig = Self::new();
        rig.run_disk();
        rig.run_snapshots();
        rig
    }

    pub(crate) fn run_disk(&mut self) {
        let (disk, shared) = (Arc::clone(&self.disk), Arc::clone(&self.shared));
        let run = move || {
            let mut jobs = Vec::new();
            while shared.duties.next(DISK, &mut jobs) == Duty::Jobs {
                disk.work_off(DISK, &mut jobs)?;
            }
            Ok(())
        };
        self.disk_thread = Some(std::thread::spawn(run));
    }

    pub(crate) fn run_snapshots(&mut self) {
        let thread = SnapshotThread {
            snapshots: Arc::clone(&self.snapshots),
            shared: Arc::clone(&self.shared),
            disk: Arc::clone(&self.disk),
            dirs: self.dirs.clone(),
            options: snapshot_options(&self.config.storage),
        };
        self.snapshot_thread = Some(std::thread::spawn(|| thread.run()));
    }

    pub(crate) fn options(&self) -> JournalOptions {
        journal_options(&self.config)
    }

    /// Records with their numbers.
    pub(crate) fn numbered(
        &mut self,
        records: impl IntoIterator<Item = Record>,
    ) -> Vec<(PersistSeq, Record)> {
        let number = |record| {
            self.last_seq = self.last_seq.next();
            (self.last_seq, record)
        };
        records.into_iter().map(number).collect()
    }

    /// Queues records as the peer loop does, and applies the transactions.
    pub(crate) fn queue(&mut self, records: impl IntoIterator<Item = Record>) -> PersistSeq {
        let records = self.numbered(records);
        let txns: Vec<Txn> = records.iter().filter_map(|(_, record)| txn_of(record)).collect();
        self.disk.append(records.into_iter());
        self.disk.start();
        txns.iter().for_each(|txn| apply(&mut self.shared.tree_mut(), txn));
        self.last_seq
    }

    /// Queues records and waits until they are durable.
    pub(crate) fn persist(&mut self, records: impl IntoIterator<Item = Record>) {
        let upto = self.queue(records);
        while !matches!(self.event(), LoopEvent::Persisted(seq) if seq == upto) {}
    }

    /// What the peer loop is told next.
    pub(crate) fn event(&mut self) -> LoopEvent {
        let end = Instant::now() + PATIENCE;
        while self.events.is_empty() {
            assert!(Instant::now() < end, "what was waited for did not come");
            std::thread::sleep(Duration::from_millis(1));
            self.shared.duties.take_events(&mut self.events);
        }
        self.events.remove(0)
    }

    /// What a next start would find. Nothing must be under way.
    pub(crate) fn recovered(&self) -> RecoveredMember {
        let options = MemberOptions { recovery: self.options().recovery, tail_max: 500 };
        recover_member(&self.dirs, &options, |_| {}).unwrap()
    }

    /// The names of snapshots and logs, finished or not.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names = self.dirs.snapshots.names().unwrap();
        names.retain(|name| !name.ends_with("Epoch"));
        names.sort_unstable();
        names
    }

    /// Ends the threads. The result is the disk's.
    pub(crate) fn stop(&mut self) -> Result<(), StorageError> {
        self.shared.duties.end_events();
        self.disk.stop();
        let ended = self.disk_thread.take().map_or(Ok(()), |thread| thread.join().unwrap());
        self.snapshots.stop();
        if let Some(thread) = self.snapshot_thread.take() {
            thread.join().unwrap();
        }
        ended
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // A test that cares has stopped it.
            let _ended = self.stop();
        }
        // What is left over does no harm.
        let _removed = std::fs::remove_dir_all(&self.path);
    }
}

fn txn_of(record: &Record) -> Option<Txn> {
    match record {
        Record::Append(txn) => Some(txn.clone()),
        Record::AcceptedEpoch(_)
        | Record::CurrentEpoch(_)
        | Record::Truncate { .. }
        | Record::Snapshot { .. } => None,
    }
}

pub(crate) fn apply(tree: &mut Tree, txn: &Txn) {
    tree.apply(&LoggedTxn::decode(&txn.bytes).unwrap(), &mut |_| {});
}

/// A create.
pub(crate) fn txn(epoch: u32, counter: u32) -> Txn {
    let zxid = Zxid::new(epoch, counter);
    let create = CreateTxn {
        path: Cow::Owned(format!("/{zxid}")),
        data: Some(b"data"),
        acl: AclList::OPEN,
        kind: CreateKind::Plain { ephemeral: false, with_stat: false },
        parent_cversion: i32::try_from(counter).unwrap(),
    };
    let header = TxnHeader { session: SessionId(1), cxid: 0, zxid, time_ms: 0 };
    let mut bytes = Vec::new();
    let txn = zoarium_proto::txn::Txn::Create(create);
    LoggedTxn { header, txn, digest: None }.encode(&mut bytes);
    Txn { zxid, bytes: bytes.into(), membership: None }
}

/// Records of an epoch's transactions, from one to another.
pub(crate) fn txns(epoch: u32, from: u32, to: u32) -> impl Iterator<Item = Record> {
    (from..=to).map(move |counter| Record::Append(txn(epoch, counter)))
}

/// The tree of a server that has other transactions.
pub(crate) fn foreign_tree(rig: &Rig, epoch: u32, last: u32) -> Box<Tree> {
    let mut tree = Tree::new(rig.options().recovery.tree);
    (1..=last).for_each(|counter| apply(&mut tree, &txn(epoch, counter)));
    Box::new(tree)
}
