use super::*;

/// A disk with records 1 and 2 synced, 3, 4 and 5 not.
fn disk() -> RecordDisk<u32> {
    let mut disk = RecordDisk::new();
    for record in 1..=5 {
        disk.append(PersistSeq(record.into()), &record).unwrap();
        if record == 2 {
            disk.sync().unwrap();
        }
    }
    disk
}

fn crashed(keep: Keep, seed: u64) -> RecordDisk<u32> {
    let mut disk = disk();
    disk.crash(keep, &mut Rng::new(seed));
    disk
}

#[test]
fn only_a_sync_makes_durable() {
    assert_eq!(disk().records(), [1, 2, 3, 4, 5]);
    assert_eq!(disk().synced(), [1, 2]);
}

#[test]
fn a_process_crash_keeps_all_that_was_written() {
    assert_eq!(crashed(Keep::All, 0).records(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_power_cut_may_keep_only_what_was_synced() {
    assert_eq!(crashed(Keep::Synced, 0).records(), [1, 2]);
}

#[test]
fn a_part_is_a_prefix_and_every_prefix_happens() {
    let mut lengths: Vec<_> = (0..64)
        .map(|seed| {
            let disk = crashed(Keep::Part, seed);
            assert!([1, 2, 3, 4, 5].starts_with(disk.records()));
            disk.records().len()
        })
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, [2, 3, 4, 5]);
}

#[test]
fn a_torn_record_is_there_for_nobody_until_it_is_overwritten() {
    let mut disk = crashed(Keep::Torn, 0);
    assert_eq!(disk.records(), [1, 2, 3, 4]);
    assert!(disk.is_torn());
    disk.append(PersistSeq(1), &6).unwrap();
    assert_eq!(disk.records(), [1, 2, 3, 4, 6]);
    assert!(!disk.is_torn());
}

#[test]
fn what_is_synced_cannot_be_torn() {
    let mut disk = disk();
    disk.sync().unwrap();
    disk.crash(Keep::Torn, &mut Rng::new(0));
    assert_eq!(disk.records(), [1, 2, 3, 4, 5]);
    assert!(!disk.is_torn());
}

#[test]
fn what_a_crash_left_is_durable() {
    let mut disk = crashed(Keep::All, 0);
    disk.crash(Keep::Synced, &mut Rng::new(0));
    assert_eq!(disk.records(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_halted_disk_does_nothing_until_the_crash() {
    let mut disk = disk();
    assert_eq!(disk.operations(), 6);
    disk.halt_at(Some(7));
    disk.append(PersistSeq(6), &6).unwrap();
    assert_eq!(disk.sync(), Err(DiskError::Halted));
    assert_eq!(disk.append(PersistSeq(7), &7), Err(DiskError::Halted));
    assert_eq!((disk.synced(), disk.operations()), (&[1, 2][..], 7));
    disk.crash(Keep::All, &mut Rng::new(0));
    disk.sync().unwrap();
    assert_eq!(disk.synced(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_full_disk_takes_nothing_and_stays_full_over_a_crash() {
    let mut disk = disk();
    disk.set_full(true);
    assert_eq!(disk.append(PersistSeq(6), &6), Err(DiskError::Full));
    disk.crash(Keep::All, &mut Rng::new(0));
    assert_eq!(disk.append(PersistSeq(1), &6), Err(DiskError::Full));
    disk.set_full(false);
    disk.append(PersistSeq(1), &6).unwrap();
    assert_eq!(disk.records(), [1, 2, 3, 4, 5, 6]);
}
