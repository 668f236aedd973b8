//! A member between its start and a crash: what it does, and what the model is told of it.

use super::Case;
use super::model::{Model, Random, apply};
use zoarium_persistence::journal::{MemberOptions, stage_snapshot};
use zoarium_persistence::mem_dir::{MemDir, MemDisk};
use zoarium_persistence::purge::{purge, remove_leftovers};
use zoarium_persistence::{
    DataDirs, Filled, Journal, JournalOptions, RecoveryOptions, SnapshotWriter, StorageError,
    recover, recover_member,
};
use zoarium_proto::Zxid;
use zoarium_tree::Tree;

pub(crate) const OPTIONS: fn() -> MemberOptions =
    || MemberOptions { recovery: RecoveryOptions::default(), tail_max: 5 };

pub(crate) fn dirs(disk: &MemDisk, case: Case) -> DataDirs<MemDir> {
    let apart = case.seed.is_multiple_of(2);
    let snapshots = disk.dir("version-2");
    let logs = if apart { disk.dir("logs/version-2") } else { snapshots.clone() };
    DataDirs { root: disk.dir("data"), snapshots, logs, logs_apart: apart }
}

pub(crate) struct Server<'m> {
    case: Case,
    dirs: DataDirs<MemDir>,
    journal: Journal<MemDir>,
    tree: Tree,
    /// As far back as the history can be cut.
    floor: Zxid,
    model: &'m mut Model,
    random: Random,
}

impl<'m> Server<'m> {
    pub(crate) fn start(
        disk: &MemDisk,
        case: Case,
        run: u64,
        model: &'m mut Model,
    ) -> Result<Self, StorageError> {
        let dirs = dirs(disk, case);
        remove_leftovers(&dirs)?;
        let member = recover_member(&dirs, &OPTIONS(), |_| {})?;
        let last = member.recovered.last_zxid;
        assert_eq!(last, model.history.last(), "case {case}");
        model.epoch = (member.epochs.accepted.max(model.epoch) + 2) & !1;
        let options = JournalOptions { log: case.log_options(), recovery: OPTIONS().recovery };
        let journal = Journal::new(dirs.clone(), last, options);
        let random = Random(case.seed << 8 | run);
        let (tree, floor) = (member.recovered.tree, member.floor);
        Ok(Self { case, dirs, journal, tree, floor, model, random })
    }

    pub(crate) fn work(&mut self, steps: usize) -> Result<(), StorageError> {
        for _ in 0..steps {
            match self.random.below(10) {
                0..3 => self.append(4, true)?,
                3 => self.append(3, false)?,
                4 => self.enter_epoch()?,
                5 => self.truncate()?,
                6 => self.receive()?,
                7 | 8 => self.snapshot()?,
                _ => self.roll_and_purge()?,
            }
            let history = &self.model.history;
            let expected = history.tree_at(history.txns.len()).digest();
            assert_eq!(self.tree.digest(), expected, "case {}", self.case);
        }
        // Whoever is left alone in the middle of a sync would never come out of it.
        while self.model.history.next_sent().is_some() {
            self.append(1, true)?;
        }
        self.append(2, true)
    }

    /// A batch of at most so many.
    fn append(&mut self, max: usize, sync: bool) -> Result<(), StorageError> {
        for _ in 0..=self.random.below(max) {
            let (zxid, bytes) = self.model.next_txn();
            self.journal.append(zxid, &bytes);
            apply(&mut self.tree, &bytes);
        }
        if !sync {
            return self.journal.write();
        }
        assert_eq!(self.journal.sync()?, self.model.history.last(), "case {}", self.case);
        self.model.acknowledge();
        Ok(())
    }

    /// As a learner does: the promise, the rest of the leader's history, its epoch.
    fn enter_epoch(&mut self) -> Result<(), StorageError> {
        let epoch = self.model.epoch + 2;
        self.accept_epoch(epoch)?;
        if self.random.one_in(2) {
            self.append(3, false)?;
        }
        self.model.covered = self.model.history.txns.len();
        self.model.tried.current = epoch;
        self.journal.current_epoch(epoch)?;
        self.model.epochs.current = epoch;
        self.model.acknowledge();
        self.model.epoch = epoch;
        Ok(())
    }

    fn accept_epoch(&mut self, epoch: u32) -> Result<(), StorageError> {
        self.model.tried.accepted = epoch;
        self.journal.accepted_epoch(epoch)?;
        self.model.epochs.accepted = epoch;
        self.model.acknowledge();
        Ok(())
    }

    fn truncate(&mut self) -> Result<(), StorageError> {
        let history = &self.model.history;
        let possible: Vec<usize> = (history.base..=history.txns.len())
            .filter(|&count| history.zxid_at(count) >= self.floor)
            .collect();
        if possible.is_empty() || self.journal.last() < history.exact_from() {
            return Ok(());
        }
        let count = possible[self.random.below(possible.len())];
        let to = history.zxid_at(count);
        let before = self.model.durable;
        self.model.durable = before.min(count);
        self.model.covered = self.model.covered.min(count);
        match self.journal.truncate(to) {
            Ok(last) => assert_eq!(last, to, "case {}", self.case),
            Err(StorageError::NothingBefore { .. }) if self.model.purged => {
                self.model.acknowledge();
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.model.cut(count);
        self.model.acknowledge();
        self.tree = recover(&self.dirs, &OPTIONS().recovery, |_| {})?.tree;
        assert_eq!(self.tree.last_zxid(), to, "case {}", self.case);
        Ok(())
    }

    fn receive(&mut self) -> Result<(), StorageError> {
        let new = self.model.foreign(&mut self.random);
        let epoch = self.model.epoch + 2;
        self.accept_epoch(epoch)?;
        let mut tree = new.received_tree();
        stage_snapshot(&self.dirs, &mut tree, self.case.compression(), true)?;
        if self.random.one_in(3) {
            // The leader is gone before the rest has come.
            return Ok(());
        }
        self.model.other = Some(new.clone());
        self.journal.install_snapshot(new.start)?;
        self.model.other = None;
        self.floor = new.exact_from();
        self.model.history = new;
        self.model.covered = 0;
        self.model.purged = false;
        self.model.epoch = epoch;
        self.model.acknowledge();
        self.tree = tree;
        while self.model.history.next_sent().is_some() && !self.random.one_in(4) {
            self.append(1, false)?;
        }
        Ok(())
    }

    /// A snapshot with writes in the middle of it, and perhaps a cut.
    fn snapshot(&mut self) -> Result<(), StorageError> {
        if self.tree.seen() > self.tree.last_zxid() {
            return Ok(());
        }
        let lineage = self.journal.lineage();
        let mut cursor = self.tree.begin_snapshot(true);
        let dir = self.dirs.snapshots.clone();
        let mut writer = SnapshotWriter::begin(dir, cursor.zxid(), self.case.compression())?;
        let mut slices = 0;
        while writer.fill(&mut cursor, &self.tree, 1000) == Filled::More {
            writer.write()?;
            slices += 1;
            if slices == 2 {
                let sync = self.random.one_in(2);
                self.append(2, sync)?;
            }
        }
        let complete = writer.complete()?;
        if cursor.zxid() <= self.floor {
            // It takes the place of the one that had seen less.
            self.floor = self.tree.last_zxid();
        }
        self.tree.end_snapshot(cursor);
        match self.random.below(4) {
            0 => self.truncate()?,
            1 => self.receive()?,
            _ => {}
        }
        let same = lineage == self.journal.lineage();
        let published = self.journal.publish(complete, lineage)?;
        assert_eq!(published.is_some(), same, "case {}", self.case);
        if same {
            self.model.acknowledge();
        }
        Ok(())
    }

    fn roll_and_purge(&mut self) -> Result<(), StorageError> {
        self.journal.roll()?;
        self.model.acknowledge();
        let purged = purge(&self.dirs, 3);
        self.model.purged |= purged.as_ref().map_or(true, |removed| !removed.is_empty());
        purged.map(drop)
    }
}
