use super::*;
use crate::log_reader::{LogReader, MAX_TXN_SIZE};
use crate::mem_dir::{Fault, MemDir, MemDisk, Survival};
use crate::testing::{create, fixture};

fn writer(dir: &MemDir, reserve: u64) -> LogWriter<MemDir> {
    LogWriter::new(dir.clone(), Zxid::ZERO, LogOptions { reserve, ..LogOptions::default() })
}

fn zxids(dir: &MemDir) -> Vec<u64> {
    let mut reader = LogReader::open(dir, Zxid::ZERO, MAX_TXN_SIZE).unwrap();
    let mut zxids = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        zxids.push(entry.zxid.0);
    }
    zxids
}

#[test]
fn files_are_byte_for_byte_those_apache_writes() {
    for (path, name) in
        [("torn/original/version-2", "log.1"), ("standalone-all/stage1/version-2", "log.1")]
    {
        let apache = fixture(path);
        let ours = MemDir::new();
        let expected = apache.bytes(name).unwrap();
        let mut writer = writer(&ours, expected.len() as u64 - 16);
        let mut reader = LogReader::open(&apache, Zxid::ZERO, MAX_TXN_SIZE).unwrap();
        while let Some(entry) = reader.next().unwrap() {
            writer.append(entry.zxid, entry.txn);
            writer.sync().unwrap();
        }
        assert_eq!(ours.names().unwrap(), [name]);
        assert!(ours.bytes(name).unwrap() == expected, "{path}");
    }
}

#[test]
fn a_batch_is_one_write_and_one_sync() {
    let disk = MemDisk::new();
    let mut writer = writer(&disk.dir("d"), 1 << 16);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    writer.sync().unwrap();
    let before = disk.operations();
    for zxid in 2..100 {
        writer.append(Zxid(zxid), &create(Zxid(zxid), 10));
    }
    assert_eq!(writer.sync().unwrap(), Zxid(99));
    assert_eq!(disk.operations() - before, 2);
}

#[test]
fn nothing_is_acknowledged_that_a_power_cut_takes() {
    let disk = MemDisk::new();
    let mut writer = writer(&disk.dir("d"), 0);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    writer.write().unwrap();
    assert_eq!(zxids(&disk.crash(Survival::OnlySynced).dir("d")), []);
    assert_eq!(writer.sync().unwrap(), Zxid(1));
    assert_eq!(zxids(&disk.crash(Survival::OnlySynced).dir("d")), [1]);
}

#[test]
fn a_full_disk_delays_and_loses_nothing() {
    for reserve in [0, 4096] {
        let disk = MemDisk::new();
        let dir = disk.dir("d");
        let mut writer = writer(&dir, reserve);
        writer.append(Zxid(1), &create(Zxid(1), 3000));
        writer.sync().unwrap();
        disk.set_capacity(Some(disk.used() + 100));
        for zxid in 2..5 {
            writer.append(Zxid(zxid), &create(Zxid(zxid), 9000));
            assert!(writer.sync().unwrap_err().is_full());
            assert_eq!(zxids(&dir), [1], "no reader takes a partial batch for entries");
        }
        disk.set_capacity(None);
        assert_eq!(writer.sync().unwrap(), Zxid(4));
        assert_eq!(dir.names().unwrap(), ["log.1"]);
        assert_eq!(zxids(&disk.crash(Survival::OnlySynced).dir("d")), [1, 2, 3, 4]);
    }
}

#[test]
fn the_last_space_of_a_disk_is_used() {
    let disk = MemDisk::new();
    disk.set_capacity(Some(20_000));
    let mut writer = writer(&disk.dir("d"), 1 << 16);
    let mut last = 0;
    let error = loop {
        let zxid = Zxid(last + 1);
        writer.append(zxid, &create(zxid, 1000));
        match writer.sync() {
            Ok(_) => last += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_full());
    assert_eq!(last, 18);
    assert_eq!(zxids(&disk.crash(Survival::OnlySynced).dir("d")), (1..=18).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_is_full_from_the_start_delays_too() {
    let disk = MemDisk::new();
    disk.set_capacity(Some(100));
    let mut writer = writer(&disk.dir("d"), 4096);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    assert!(writer.sync().unwrap_err().is_full());
    assert_eq!(zxids(&disk.dir("d")), []);
    disk.set_capacity(None);
    assert_eq!(writer.sync().unwrap(), Zxid(1));
    assert_eq!(zxids(&disk.dir("d")), [1]);
}

/// Where a file system cannot reserve, the zeros ahead may be what does not fit.
#[test]
fn a_batch_is_not_written_twice_when_there_is_no_room_behind_it() {
    let disk = MemDisk::new();
    let mut writer = writer(&disk.dir("d"), 4096);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    let (create_file, allocate, write) = (1, 1, 1);
    disk.fail_at(create_file + allocate + write, Fault::Full);
    assert_eq!(writer.sync().unwrap(), Zxid(1));
    writer.append(Zxid(2), &create(Zxid(2), 10));
    assert_eq!(writer.sync().unwrap(), Zxid(2));
    assert_eq!(zxids(&disk.crash(Survival::OnlySynced).dir("d")), [1, 2]);
}

#[test]
fn a_failed_sync_is_final() {
    let disk = MemDisk::new();
    let mut writer = writer(&disk.dir("d"), 0);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    writer.write().unwrap();
    disk.fail_at(disk.operations(), Fault::Error);
    assert!(!writer.sync().unwrap_err().is_full());
    writer.append(Zxid(2), &create(Zxid(2), 10));
    for result in
        [writer.write().map(|()| Zxid::ZERO), writer.sync(), writer.roll().map(|()| Zxid::ZERO)]
    {
        assert!(matches!(result, Err(StorageError::LogFailed)));
    }
}

#[test]
fn a_failed_write_is_final() {
    let disk = MemDisk::new();
    let mut writer = writer(&disk.dir("d"), 0);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    disk.fail_at(1, Fault::Error);
    assert!(writer.write().is_err());
    assert!(matches!(writer.write(), Err(StorageError::LogFailed)));
}

#[test]
fn roll_begins_a_file_with_the_next_entry_and_never_before() {
    let dir = MemDir::new();
    let mut writer = writer(&dir, 0);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    writer.roll().unwrap();
    writer.roll().unwrap();
    assert_eq!(dir.names().unwrap(), ["log.1"]);
    writer.append(Zxid(2), &create(Zxid(2), 10));
    writer.sync().unwrap();
    assert_eq!(dir.names().unwrap(), ["log.1", "log.2"]);
    assert_eq!(zxids(&dir), [1, 2]);
}

#[test]
fn a_file_beyond_its_size_limit_is_not_continued() {
    let dir = MemDir::new();
    let options = LogOptions { reserve: 0, size_limit: Some(1000), force_sync: true };
    let mut writer = LogWriter::new(dir.clone(), Zxid::ZERO, options);
    for zxid in 1..=4 {
        writer.append(Zxid(zxid), &create(Zxid(zxid), 600));
        writer.sync().unwrap();
    }
    assert_eq!(dir.names().unwrap(), ["log.1", "log.3"]);
}

#[test]
fn the_history_may_jump_by_a_snapshot() {
    let dir = MemDir::new();
    let mut writer = writer(&dir, 0);
    writer.append(Zxid(1), &create(Zxid(1), 10));
    writer.jump_to(Zxid::new(3, 7)).unwrap();
    writer.append(Zxid::new(3, 8), &create(Zxid::new(3, 8), 10));
    assert_eq!(writer.sync().unwrap(), Zxid::new(3, 8));
    assert_eq!(dir.names().unwrap(), ["log.1", "log.300000008"]);
}

#[test]
fn a_batch_larger_than_what_may_be_in_flight_is_synced_on_the_way() {
    let disk = MemDisk::new();
    let mut writer = writer(&disk.dir("d"), 0);
    for zxid in 1..=10 {
        writer.append(Zxid(zxid), &create(Zxid(zxid), 1_000_000));
    }
    writer.write().unwrap();
    let durable = zxids(&disk.crash(Survival::OnlySynced).dir("d"));
    assert_eq!(durable, [], "the name is not durable yet");
    disk.dir("d").sync().unwrap();
    let durable = zxids(&disk.crash(Survival::OnlySynced).dir("d"));
    assert_eq!(durable, (1..=8).collect::<Vec<_>>());
}

#[test]
fn reserved_sizes_are_apaches() {
    let step = 65_536;
    assert_eq!(size_to_reserve(0, 100, step), 16 + step);
    assert_eq!(size_to_reserve(16 + step, 16 + step - 4097, step), 16 + step);
    assert_eq!(size_to_reserve(16 + step, 16 + step - 4096, step), 16 + 2 * step);
    assert_eq!(size_to_reserve(0, 3 * step, step), 16 + 4 * step);
    assert_eq!(size_to_reserve(0, 3 * step, 0), 0);
}

#[test]
fn a_hole_in_the_history_is_a_bug_of_the_caller() {
    for (last, next) in [(1, 1), (1, 3), (2, 1), (1, 0x1_0000_0002)] {
        let result = std::panic::catch_unwind(|| {
            let mut writer = LogWriter::new(MemDir::new(), Zxid(last), LogOptions::default());
            writer.append(Zxid(next), &create(Zxid(next), 1));
        });
        assert!(result.is_err(), "{last} then {next}");
    }
}
