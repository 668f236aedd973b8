//! Power cuts at every operation of a member's disk.
//!
//! A member logs, enters epochs, is truncated, receives other histories in the place of its own,
//! takes fuzzy snapshots, rolls and purges. It is stopped at each operation in turn, and the disk
//! loses what it may lose; sometimes it is stopped again while it recovers. Whatever that is, there
//! must be a whole history again: nothing acknowledged is lost, nothing cut off or voided is back,
//! and no epoch is ahead of its history. And what is then read of the log for a learner must be that
//! history and no other.
//!
//! A failure prints the case; `JOURNAL_CASE=<case> cargo test -p zoarium-persistence --test
//! journal_crash` runs it alone. `JOURNAL_SEEDS=<count>` tries more than the usual few seeds.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod model;
mod server;

use model::{History, Model, Random};
use server::{OPTIONS, Server, dirs};
use std::fmt;
use zoarium_persistence::epochs::{EpochFile, read_epoch};
use zoarium_persistence::journal::{HistoryLimits, RecoveredMember, read_history};
use zoarium_persistence::mem_dir::{Fault, MemDir, MemDisk, Survival};
use zoarium_persistence::names::SnapshotName;
use zoarium_persistence::purge::remove_leftovers;
use zoarium_persistence::{
    Compression, DataDirs, Dir, Journal, JournalOptions, LogOptions, StorageWarning, recover,
    recover_member,
};
use zoarium_proto::Zxid;

/// One way to crash, and all that depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Chooses what the server does, how much of what survives, and all else.
    pub(crate) seed: u64,
    /// Which operation of the first run goes wrong.
    at: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seed, self.at)
    }
}

impl Case {
    fn parse(text: &str) -> Option<Self> {
        let (seed, at) = text.split_once(':')?;
        Some(Self { seed: seed.parse().ok()?, at: at.parse().ok()? })
    }

    fn fault(self) -> Fault {
        if self.at.is_multiple_of(3) { Fault::Error } else { Fault::Halt }
    }

    fn survival(self, run: u64) -> Survival {
        let seed = self.seed ^ self.at << 3 ^ run;
        match seed % 6 {
            0 => Survival::Everything,
            1 => Survival::OnlySynced,
            2 => Survival::TornLastWrite { seed },
            _ => Survival::Sectors { seed },
        }
    }

    pub(crate) fn log_options(self) -> LogOptions {
        let reserve = [0, 4096, 65_536][usize::try_from(self.seed % 3).unwrap()];
        LogOptions { reserve, size_limit: None, force_sync: true }
    }

    pub(crate) fn compression(self) -> Compression {
        let all = [Compression::None, Compression::Gzip, Compression::Snappy];
        all[usize::try_from(self.seed / 3 % 3).unwrap()]
    }
}

/// Recovers, perhaps at the second attempt, and checks that the result is what the model allows,
/// which is told what it is.
fn settle(mut disk: MemDisk, model: &mut Model, case: Case, random: &mut Random) -> MemDisk {
    // Recovery may raise it.
    let stored = read_epoch(&dirs(&disk, case).snapshots, EpochFile::Current).unwrap();
    if random.one_in(3) {
        disk.fail_at(random.below(8) as u64, Fault::Halt);
        let files = dirs(&disk, case);
        let interrupted = remove_leftovers(&files)
            .and_then(|()| recover_member(&files, &OPTIONS(), |_| {}).map(drop));
        drop(interrupted);
        disk = disk.crash(case.survival(random.below(100) as u64));
    }
    let dirs = dirs(&disk, case);
    remove_leftovers(&dirs).unwrap();
    let member = recover_member(&dirs, &OPTIONS(), |_| {});
    let member = member.unwrap_or_else(|error| panic!("case {case}: {error}"));
    let odd = member.recovered.warnings.iter().find(|warning| match warning {
        StorageWarning::TornTail { .. }
        | StorageWarning::EmptyLog { .. }
        | StorageWarning::CurrentEpochRaised { .. }
        | StorageWarning::SnapshotAheadOfLog { .. }
        | StorageWarning::AcceptedEpochRaised { .. } => false,
        StorageWarning::SnapshotSkipped { .. }
        | StorageWarning::DigestMismatch { .. }
        | StorageWarning::NoMembership { .. } => true,
    });
    assert!(odd.is_none(), "case {case}: {odd:?}");

    check_history(&member, model, case);
    check_epochs(&member, stored, model, case);
    check_tail_and_files(&member, &dirs, model, case);
    check_reads(&dirs, model, case, random);
    check_floor(&member, &disk, model, case);
    disk
}

/// The history is the one that was asked for, with all that was acknowledged, or the one that was
/// being installed.
fn check_history(member: &RecoveredMember, model: &mut Model, case: Case) {
    let recovered = &member.recovered;
    let last = recovered.last_zxid;
    let fits = |history: &History, least: usize| {
        let count = history.count_at(last).filter(|&count| count >= least)?;
        let tree = history.tree_at(count);
        let same = (recovered.tree.digest(), recovered.seen) == (tree.digest(), tree.seen());
        same.then_some(count)
    };
    if let Some(other) = model.other.take()
        && fits(&other, other.txns.len()).is_some()
    {
        model.history = other;
        model.durable = model.history.txns.len();
        model.covered = 0;
        model.purged = false;
    }
    let count = fits(&model.history, model.durable);
    let least = model.history.zxid_at(model.durable.max(model.history.base));
    let count = count.unwrap_or_else(|| {
        panic!("case {case}: {last} was recovered, {least} to {} are legal", model.history.last())
    });
    // The next leader may propose something else in the place of what is lost.
    if count < model.history.txns.len() {
        model.history.txns.truncate(count);
        model.tag += 1;
    }
    model.durable = count;
}

/// No promise is broken, and no epoch is claimed without its history (ZOOKEEPER-4643).
fn check_epochs(member: &RecoveredMember, stored: Option<u32>, model: &mut Model, case: Case) {
    let (found, last) = (member.epochs, member.recovered.last_zxid);
    let (durable, tried) = (model.epochs, model.tried);
    assert!(found.accepted >= found.current && found.current >= last.epoch(), "case {case}");
    assert!(found.accepted >= durable.accepted, "case {case}: {found:?} {durable:?}");
    assert!(found.accepted <= tried.accepted.max(last.epoch()), "case {case}: {found:?} {tried:?}");
    if let Some(stored) = stored {
        assert!(stored == durable.current || stored == tried.current, "case {case}: {stored}");
        let count = model.history.txns.len();
        let covered = stored < tried.current || count >= model.covered;
        assert!(covered, "case {case}: epoch {stored} with {count} txns, not {}", model.covered);
    }
    model.epochs = found;
    model.tried = found;
    model.covered = 0;
}

/// The tail is the end of the history, and no file is of another one.
fn check_tail_and_files(
    member: &RecoveredMember,
    dirs: &DataDirs<MemDir>,
    model: &Model,
    case: Case,
) {
    let txns = &model.history.txns;
    let start = txns.len() - member.tail.len();
    assert!(start >= model.history.base, "case {case}");
    assert_eq!(member.tail, txns[start..], "case {case}");
    for name in dirs.snapshots.names().unwrap() {
        assert!(!name.starts_with("received."), "case {case}: {name}");
        let snapshot = SnapshotName::parse(&name);
        assert!(
            snapshot.is_none_or(|name| model.history.count_at(name.zxid).is_some()),
            "case {case}: {name} of a history that ends at {}",
            model.history.last()
        );
    }
}

/// What is read for a learner is a part of the history.
fn check_reads(dirs: &DataDirs<MemDir>, model: &Model, case: Case, random: &mut Random) {
    let History { txns, base, .. } = &model.history;
    for _ in 0..4 {
        let (from, upto) = (random.below(txns.len() + 1), random.below(txns.len() + 1));
        let (from, upto) = (from.min(upto), from.max(upto));
        let limits = HistoryLimits { total: None, txn: 1 << 20 };
        let zxid = |count: usize| count.checked_sub(1).map_or(Zxid::ZERO, |index| txns[index].0);
        let read = read_history(dirs, zxid(from), zxid(upto), limits);
        let read = read.unwrap_or_else(|error| panic!("case {case}: {error}"));
        let logged = from > *base;
        assert!(logged || read.is_none(), "case {case}: the log reaches behind its snapshot");
        assert!(!logged || model.purged || read.is_some(), "case {case}: {from} to {upto}");
        if let Some(read) = read {
            assert_eq!(read, txns[from - 1..upto], "case {case}");
        }
    }
}

/// The history can be cut where recovery says.
fn check_floor(member: &RecoveredMember, disk: &MemDisk, model: &Model, case: Case) {
    let Some(count) = model.history.count_at(member.floor) else {
        return assert!(member.floor > model.history.last(), "case {case}: {}", member.floor);
    };
    let copy = disk.crash(Survival::Everything);
    let options = JournalOptions { log: case.log_options(), recovery: OPTIONS().recovery };
    let mut journal = Journal::new(dirs(&copy, case), member.recovered.last_zxid, options);
    let cut = journal.truncate(member.floor);
    assert_eq!(cut.unwrap_or_else(|error| panic!("case {case}: {error}")), member.floor);
    let after = copy.crash(Survival::OnlySynced);
    let tree = recover(&dirs(&after, case), &OPTIONS().recovery, |_| {}).unwrap().tree;
    assert_eq!(tree.last_zxid(), member.floor, "case {case}");
    assert_eq!(tree.digest(), model.history.tree_at(count).digest(), "case {case}");
}

/// Three runs with a crash after each. Whether the first one did all of its work.
fn check(case: Case) -> bool {
    let mut random = Random(case.seed ^ case.at << 32);
    let mut model = Model { epoch: 2, ..Model::default() };
    let mut disk = MemDisk::new();
    let mut first_is_complete = false;
    for run in 0..3 {
        match run {
            0 => disk.fail_at(case.at, case.fault()),
            1 => disk.fail_at(random.below(200) as u64, Fault::Halt),
            _last => {}
        }
        let done = Server::start(&disk, case, run, &mut model)
            .and_then(|mut server| server.work(if run == 0 { 14 } else { 8 }));
        first_is_complete |= run == 0 && done.is_ok();
        let faulty = match run {
            0 => disk.operations() > case.at,
            _ => run == 1,
        };
        assert!(faulty || done.is_ok(), "case {case}: {done:?}");
        let after = disk.crash(if run == 2 { Survival::OnlySynced } else { case.survival(run) });
        disk = settle(after, &mut model, case, &mut random);
    }
    first_is_complete
}

#[test]
fn every_crash_leaves_a_whole_history_with_all_that_was_acknowledged() {
    if let Some(case) = std::env::var("JOURNAL_CASE").ok().as_deref().and_then(Case::parse) {
        check(case);
        return;
    }
    let seeds = std::env::var("JOURNAL_SEEDS").ok().and_then(|count| count.parse().ok());
    let mut cases = 0;
    for seed in 0..seeds.unwrap_or(12) {
        for at in 0.. {
            cases += 1;
            if check(Case { seed, at }) {
                break;
            }
        }
    }
    assert!(cases > 1500, "{cases}");
}
