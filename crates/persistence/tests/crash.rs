//! Power cuts at every operation of a server's disk.
//!
//! A small server logs, takes fuzzy snapshots, rolls and purges. It is stopped at each operation
//! in turn, and the disk loses what it may lose. Whatever that is, recovery must give exactly the
//! history up to some zxid, with everything that was acknowledged in it; and the server that goes
//! on from there must be able to crash again.
//!
//! A failure prints the case; `CRASH_CASE=<case> cargo test -p zoarium-persistence --test crash`
//! runs it alone.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::borrow::Cow;
use std::fmt;
use zoarium_persistence::mem_dir::{Fault, MemDir, MemDisk, Survival};
use zoarium_persistence::purge::{purge, remove_leftovers};
use zoarium_persistence::{
    Compression, DataDirs, Filled, LogOptions, LogWriter, Recovered, RecoveryOptions,
    SnapshotWriter, StorageError, recover,
};
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::{Tree, TreeOptions};

/// One way to crash, and all that depends on it.
#[derive(Clone, Copy)]
struct Case {
    /// Which operation of the first run goes wrong.
    at: u64,
    fault: Fault,
    /// Chooses how much of what survives, and all else.
    seed: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            Fault::Halt => "halt",
            Fault::Error => "error",
            Fault::Full => "full",
        };
        write!(f, "{}:{fault}:{}", self.at, self.seed)
    }
}

impl Case {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let at = parts.next()?.parse().ok()?;
        let fault = if parts.next()? == "halt" { Fault::Halt } else { Fault::Error };
        Some(Self { at, fault, seed: parts.next()?.parse().ok()? })
    }

    const fn survival(&self) -> Survival {
        match self.seed % 6 {
            0 => Survival::Everything,
            1 => Survival::OnlySynced,
            2 => Survival::TornLastWrite { seed: self.seed },
            _ => Survival::Sectors { seed: self.seed },
        }
    }

    /// One of three, the same for `width` seeds in a row.
    fn pick(&self, width: u64) -> usize {
        usize::try_from(self.seed / width % 3).unwrap()
    }

    fn log_options(&self) -> LogOptions {
        let reserve = [0, 4096, 65_536][self.pick(6)];
        LogOptions { reserve, size_limit: None, force_sync: true }
    }

    fn compression(&self) -> Compression {
        [Compression::None, Compression::Gzip, Compression::Snappy][self.pick(18)]
    }
}

/// What the server was asked to log, in order, acknowledged or not.
#[derive(Default)]
struct History {
    txns: Vec<(Zxid, Vec<u8>)>,
    acknowledged: Zxid,
}

impl History {
    fn last(&self) -> Zxid {
        self.txns.last().map_or(Zxid::ZERO, |(zxid, _)| *zxid)
    }

    /// The tree after all of it.
    fn tree(&self) -> Tree {
        let mut tree = Tree::new(TreeOptions::default());
        for (_, bytes) in &self.txns {
            tree.apply(&LoggedTxn::decode(bytes).unwrap(), &mut |_| {});
        }
        tree
    }
}

fn dirs(disk: &MemDisk) -> DataDirs<MemDir> {
    let version_2 = disk.dir("version-2");
    let (snapshots, logs) = (version_2.clone(), version_2);
    DataDirs { root: disk.dir("data"), snapshots, logs, logs_apart: false }
}

/// A create whose bytes no other run of the same zxid has.
fn txn(zxid: Zxid, run: u8) -> Vec<u8> {
    let size = [40, 0, 700, 3000, 12][usize::try_from(zxid.counter() % 5).unwrap()];
    let data: Vec<u8> =
        (0..size).map(|index| u8::try_from(index % 251).unwrap() ^ run | 1).collect();
    let create = CreateTxn {
        path: Cow::Owned(format!("/{zxid}-{run}")),
        data: Some(&data),
        acl: AclList::OPEN,
        kind: CreateKind::Plain { ephemeral: false, with_stat: false },
        parent_cversion: i32::try_from(zxid.counter()).unwrap(),
    };
    let header = TxnHeader { session: SessionId(1), cxid: 0, zxid, time_ms: run.into() };
    let mut bytes = Vec::new();
    LoggedTxn { header, txn: Txn::Create(create), digest: None }.encode(&mut bytes);
    bytes
}

/// A server from its start until something fails or it has done its work.
struct Server<'h> {
    dirs: DataDirs<MemDir>,
    tree: Tree,
    writer: LogWriter<MemDir>,
    history: &'h mut History,
    next: Zxid,
    run: u8,
}

impl<'h> Server<'h> {
    fn start(
        disk: &MemDisk,
        case: Case,
        run: u8,
        history: &'h mut History,
    ) -> Result<Self, StorageError> {
        let dirs = dirs(disk);
        remove_leftovers(&dirs)?;
        let recovered = recover(&dirs, &RecoveryOptions::default(), |_| {})?;
        let last = recovered.last_zxid;
        assert_eq!(last, history.last());
        let new_epoch = run > 0 && case.seed.is_multiple_of(2);
        let next = if new_epoch { Zxid::new(last.epoch() + 1, 1) } else { last.next().unwrap() };
        let writer = LogWriter::new(dirs.logs.clone(), last, case.log_options());
        Ok(Self { dirs, tree: recovered.tree, writer, history, next, run })
    }

    fn work(&mut self, case: Case) -> Result<(), StorageError> {
        for round in 0..4 {
            for size in [1, 4, 2] {
                self.commit(size)?;
            }
            self.writer.roll()?;
            self.snapshot(case.compression())?;
            if round >= 2 {
                purge(&self.dirs, 3)?;
            }
        }
        self.commit(3)
    }

    /// A batch: logged, acknowledged when it is durable, then applied.
    fn commit(&mut self, size: usize) -> Result<(), StorageError> {
        let start = self.history.txns.len();
        for _ in 0..size {
            let bytes = txn(self.next, self.run);
            self.writer.append(self.next, &bytes);
            self.history.txns.push((self.next, bytes));
            self.next = self.next.next().unwrap();
        }
        self.history.acknowledged = self.writer.sync()?;
        for (_, bytes) in &self.history.txns[start..] {
            self.tree.apply(&LoggedTxn::decode(bytes).unwrap(), &mut |_| {});
        }
        Ok(())
    }

    /// A snapshot with writes in the middle of it.
    fn snapshot(&mut self, compression: Compression) -> Result<(), StorageError> {
        let mut cursor = self.tree.begin_snapshot(true);
        let dir = self.dirs.snapshots.clone();
        let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), compression)?;
        let mut slices = 0;
        while writer.fill(&mut cursor, &self.tree, 2000) == Filled::More {
            writer.write()?;
            slices += 1;
            if slices == 2 {
                self.commit(2)?;
            }
        }
        writer.finish()?;
        self.tree.end_snapshot(cursor);
        Ok(())
    }
}

/// Recovers and checks that the result is a prefix of the history with all that was acknowledged.
fn recover_prefix(disk: &MemDisk, history: &mut History, case: Case) -> Recovered {
    let recovered = recover(&dirs(disk), &RecoveryOptions::default(), |_| {});
    let recovered = recovered.unwrap_or_else(|error| panic!("case {case}: {error}"));
    let last = recovered.last_zxid;
    let acknowledged = history.acknowledged;
    assert!(last >= acknowledged, "case {case}: {acknowledged} is lost, {last} is the last");
    let count = history.txns.iter().take_while(|(zxid, _)| *zxid <= last).count();
    history.txns.truncate(count);
    assert_eq!(history.last(), last, "case {case}");
    assert_eq!(recovered.tree.digest(), history.tree().digest(), "case {case}");
    assert_eq!(recovered.seen, last, "case {case}");
    assert_eq!(recovered.stats.digest_mismatches, 0, "case {case}");
    assert_eq!(recovered.stats.snapshots_skipped, 0, "case {case}: {:?}", recovered.warnings);
    recovered
}

/// Three runs with a crash after each. Whether the first one did all of its work.
fn check(case: Case) -> bool {
    let mut history = History::default();
    let mut disk = MemDisk::new();
    let mut first_is_complete = false;
    for run in 0..3 {
        match run {
            0 => disk.fail_at(case.at, case.fault),
            1 => disk.fail_at(case.seed.wrapping_mul(31) % 90, Fault::Halt),
            _last => {}
        }
        let done =
            Server::start(&disk, case, run, &mut history).and_then(|mut server| server.work(case));
        first_is_complete |= run == 0 && done.is_ok();
        assert!(run < 2 || done.is_ok(), "case {case}: {done:?}");
        let survival = if run == 2 { Survival::OnlySynced } else { case.survival() };
        disk = disk.crash(survival);
        recover_prefix(&disk, &mut history, case);
    }
    assert_eq!(history.last(), history.acknowledged, "case {case}");
    first_is_complete
}

#[test]
fn everything_acknowledged_survives_every_crash() {
    if let Some(case) = std::env::var("CRASH_CASE").ok().as_deref().and_then(Case::parse) {
        check(case);
        return;
    }
    let mut cases = 0;
    for fault in [Fault::Halt, Fault::Error] {
        let mut at = 0;
        loop {
            let mut complete = true;
            for seed in at * 6..at * 6 + 6 {
                complete &= check(Case { at, fault, seed });
                cases += 1;
            }
            if complete {
                break;
            }
            at += 1;
        }
    }
    assert!(cases > 600, "{cases}");
}

#[test]
fn a_disk_that_fills_up_anywhere_loses_nothing() {
    for capacity in (0..60_000).step_by(997) {
        let case = Case { at: 0, fault: Fault::Halt, seed: capacity };
        let disk = MemDisk::new();
        let mut history = History::default();
        let mut server = Server::start(&disk, case, 0, &mut history).unwrap();
        disk.set_capacity(Some(disk.used() + capacity));
        let mut failed = false;
        for _ in 0..12 {
            if let Err(error) = server.commit(3) {
                assert!(error.is_full(), "{error}");
                failed = true;
                break;
            }
        }
        // Whether the operator makes room or the power goes first:
        let after = disk.crash(Survival::Sectors { seed: capacity });
        let durable = recover(&dirs(&after), &RecoveryOptions::default(), |_| {}).unwrap();
        assert!(durable.last_zxid >= server.history.acknowledged, "capacity {capacity}");
        disk.set_capacity(None);
        server.history.acknowledged = server.writer.sync().unwrap();
        assert!(failed || capacity > 20_000, "capacity {capacity}");
        let after = disk.crash(Survival::OnlySynced);
        assert_eq!(history.acknowledged, history.last());
        recover_prefix(&after, &mut history, case);
    }
}
