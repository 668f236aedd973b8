use super::*;
use crate::log::{ENTRY_OVERHEAD, LOG_HEADER_SIZE, LogOptions, LogWriter, UNSYNCED_MAX};
use crate::mem_dir::MemDir;
use crate::testing::{create, fixture};
use alloc::format;
use alloc::string::{String, ToString};

/// What reading gives: the zxids, then how it ended and what it warned of.
fn read(dir: &MemDir, after: u64) -> (Vec<u64>, String) {
    let mut reader = LogReader::open(dir, Zxid(after), MAX_TXN_SIZE).unwrap();
    let mut zxids = Vec::new();
    let mut ended = loop {
        match reader.next() {
            Ok(Some(entry)) => {
                entry.decode().unwrap();
                zxids.push(entry.zxid.0);
            }
            Ok(None) => break String::new(),
            Err(error) => break format!("error: {error}"),
        }
    };
    for warning in reader.take_warnings() {
        ended += &format!("{warning}");
    }
    (zxids, ended)
}

/// One file with entries of these sizes, and where each entry begins.
fn log_of(sizes: &[usize], padding: usize) -> (Vec<u8>, Vec<usize>) {
    let dir = MemDir::new();
    let options = LogOptions { reserve: 0, ..LogOptions::default() };
    let mut writer = LogWriter::new(dir.clone(), Zxid::ZERO, options);
    let mut starts = Vec::new();
    let mut position = LOG_HEADER_SIZE;
    for (zxid, &size) in (1..).zip(sizes) {
        let txn = create(Zxid(zxid), size);
        starts.push(position);
        position += txn.len() + ENTRY_OVERHEAD;
        writer.append(Zxid(zxid), &txn);
    }
    writer.sync().unwrap();
    let mut bytes = dir.bytes("log.1").unwrap();
    bytes.resize(bytes.len() + padding, 0);
    (bytes, starts)
}

fn read_bytes(bytes: &[u8]) -> (Vec<u64>, String) {
    let dir = MemDir::new();
    dir.put("log.1", bytes).unwrap();
    read(&dir, 0)
}

fn check(bytes: &[u8], count: u64, ended: &str) {
    let (zxids, found) = read_bytes(bytes);
    assert_eq!(zxids, (1..=count).collect::<Vec<_>>(), "{found}");
    assert!(found.contains(ended) && found.is_empty() == ended.is_empty(), "{found}");
}

#[test]
fn apaches_torn_logs_end_where_apache_ends_them() {
    for (variant, count, ended) in [
        ("original", 15, ""),
        ("no_padding", 15, ""),
        ("header_only", 0, ""),
        ("missing_eor_last", 14, "cut short by a crash at byte 1668, after zxid 0xe"),
        ("torn_truncated_in_crc", 14, "cut short by a crash at byte 1668, after zxid 0xe"),
        ("torn_truncated_midbody", 14, "cut short by a crash at byte 1668, after zxid 0xe"),
        ("torn_zero_filled_tail", 14, "cut short by a crash at byte 1668, after zxid 0xe"),
        // 3.8.0 refuses this one, later releases do not (ZOOKEEPER-2332).
        ("zero_len_file", 0, "log.1 has no entry"),
        (
            "bad_crc_last",
            14,
            "log.1 is damaged: the entry at byte 1668, after zxid 0xe, has checksum",
        ),
    ] {
        let (zxids, found) = read(&fixture(&format!("torn/{variant}/version-2")), 0);
        assert_eq!(zxids, (1..=count).collect::<Vec<_>>(), "{variant}: {found}");
        assert!(
            found.contains(ended) && found.is_empty() == ended.is_empty(),
            "{variant}: {found}"
        );
    }
    let (zxids, found) = read(&fixture("torn/bad_crc_middle/version-2"), 0);
    assert!(zxids.len() < 14 && found.contains("is damaged"), "{zxids:?} {found}");
}

#[test]
fn reading_begins_inside_a_file() {
    let dir = fixture("standalone-all/stage2/version-2");
    assert_eq!(read(&dir, 0x38), ((0x39..=0x40).collect(), String::new()));
    assert_eq!(read(&dir, 0x3a), ((0x3b..=0x40).collect(), String::new()));
    assert_eq!(read(&dir, 0x40), (Vec::new(), String::new()));
    assert_eq!(read(&dir, 0x50), (Vec::new(), String::new()));
}

#[test]
fn history_goes_on_across_epochs_and_files() {
    let dir = fixture("ensemble/final/s2/version-2");
    let (zxids, ended) = read(&dir, 0x1_0000_0000);
    assert_eq!((zxids.len(), ended.as_str()), (26 + 2 + 5, ""));
}

#[test]
fn a_divergent_txn_before_a_snapshot_does_not_go_unnoticed() {
    // 0x200000003 was never committed; the snapshot 0x300000003 replaced it.
    let dir = fixture("ensemble/final/s3/version-2");
    assert_eq!(read(&dir, 0x3_0000_0003).0, [0x3_0000_0004, 0x3_0000_0005]);
    let (zxids, ended) = read(&dir, 0x1_0000_001a);
    assert_eq!(zxids.last(), Some(&0x2_0000_0003));
    assert!(ended.contains("has zxid 0x300000004 at byte 16 where 0x200000003"), "{ended}");
}

#[test]
fn a_missing_file_is_a_hole() {
    let dir = fixture("standalone-all/stage2/version-2");
    dir.remove("log.1").unwrap();
    let (zxids, ended) = read(&dir, 0x20);
    assert_eq!(zxids, []);
    assert!(ended.contains("has zxid 0x3b at byte 16 where 0x20 must be followed"), "{ended}");
}

#[test]
fn every_cut_of_the_last_entry_is_a_torn_tail() {
    let (bytes, starts) = log_of(&[100, 100, 700], 0);
    let (padded, _) = log_of(&[100, 100, 700], 3000);
    check(&bytes, 3, "");
    for cut in starts[2] + 1..bytes.len() {
        // The first bytes of a checksum are zeros, as if nothing were there.
        let ended = if cut < starts[2] + 5 { "" } else { "cut short" };
        check(&bytes[..cut], 2, ended);
        let mut zeroed = padded.clone();
        zeroed[cut..].fill(0);
        check(&zeroed, 2, ended);
    }
    check(&bytes[..starts[2]], 2, "");
}

#[test]
fn every_flipped_bit_of_an_entry_is_found() {
    let (bytes, starts) = log_of(&[100, 100, 100], 1000);
    for (entry, count) in [(starts[1], 1), (starts[2], 2)] {
        for at in entry..entry + 120 {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let (zxids, ended) = read_bytes(&flipped);
                assert_eq!(zxids, (1..=count).collect::<Vec<_>>(), "byte {at}: {ended}");
                // A larger length can make the entry end in the padding, as a cut one would.
                let length_grew = (8..12).contains(&(at - entry)) && entry == starts[2];
                assert!(length_grew || ended.contains("is damaged"), "byte {at}: {ended}");
            }
        }
    }
}

#[test]
fn any_lost_sectors_of_the_last_write_are_a_torn_tail() {
    let (bytes, starts) = log_of(&[900, 100, 700, 300, 50, 50, 600], 1500);
    let from = starts[1];
    let sectors = bytes.len() / 512 + 1;
    for lost in 1_u32..1 << sectors {
        let mut torn = bytes.clone();
        for sector in (0..sectors).filter(|sector| lost & (1 << sector) != 0) {
            let start = (sector * 512).max(from).min(bytes.len());
            let end = (sector * 512 + 512).max(start).min(bytes.len());
            torn[start..end].fill(0);
        }
        let (zxids, ended) = read_bytes(&torn);
        let intact = torn.iter().zip(&bytes).take_while(|(torn, whole)| torn == whole).count();
        let whole = (2..).zip(&starts[2..]).filter(|(_, end)| **end <= intact).count() as u64 + 1;
        let whole = if torn == bytes { 7 } else { whole };
        assert_eq!(zxids, (1..=whole).collect::<Vec<_>>(), "{lost:b} {ended}");
        assert!(!ended.contains("error"), "{lost:b} {ended}");
    }
}

#[test]
fn zeros_where_acknowledged_entries_follow_are_damage() {
    let count = UNSYNCED_MAX / 1000 + 20;
    let (mut bytes, starts) = log_of(&alloc::vec![1000; count], 1000);
    bytes[starts[3]..starts[3] + 2048].fill(0);
    check(&bytes, 3, "no entry begins at byte");
}

#[test]
fn a_new_file_without_its_header_is_empty() {
    let (bytes, starts) = log_of(&[100], 4000);
    for cut in 0..LOG_HEADER_SIZE {
        check(&bytes[..cut], 0, "has no entry");
        let mut zeroed = bytes.clone();
        zeroed[cut..].fill(0);
        check(&zeroed, 0, if cut < 4 { "has no entry" } else { "" });
    }
    check(&bytes[..starts[0]], 0, "");
    check(b"ZKSN, say", 0, "is no transaction log: it begins with 0x5a4b534e");
    check(&[1; 600], 0, "is no transaction log");
}

#[test]
fn a_torn_tail_is_still_one_when_another_file_follows() {
    let (bytes, starts) = log_of(&[100, 100, 700, 300], 500);
    let mut torn = bytes;
    let lost = (starts[2] / 512 + 1) * 512;
    torn[lost..lost + 512].fill(0);
    let dir = MemDir::new();
    dir.put("log.1", &torn).unwrap();
    let options = LogOptions { reserve: 0, ..LogOptions::default() };
    let mut writer = LogWriter::new(dir.clone(), Zxid(2), options);
    for zxid in 3..=5 {
        writer.append(Zxid(zxid), &create(Zxid(zxid), 10));
    }
    writer.sync().unwrap();
    let (zxids, ended) = read(&dir, 0);
    assert_eq!(zxids, [1, 2, 3, 4, 5]);
    assert!(ended.contains("log.1 was cut short"), "{ended}");
}

#[test]
fn impossible_lengths_are_errors_with_the_limit() {
    let (bytes, starts) = log_of(&[100, 100], 100);
    for length in [-1, i32::MIN, i32::MAX, 2 * 0xF_FFFF + 1] {
        let mut wrong = bytes.clone();
        wrong[starts[1] + 8..starts[1] + 12].copy_from_slice(&length.to_be_bytes());
        check(&wrong, 1, &format!("claims a length of {length} bytes, limit 2097150"));
    }
}

#[test]
fn progress_reaches_the_total() {
    let dir = fixture("standalone-all/stage2/version-2");
    let mut reader = LogReader::open(&dir, Zxid(0x3), MAX_TXN_SIZE).unwrap();
    let total = 2 * 65_552;
    assert_eq!(reader.progress(), Progress { done: 0, total });
    let mut before = 0;
    while reader.next().unwrap().is_some() {
        let done = reader.progress().done;
        assert!(before < done && done <= total);
        before = done;
    }
    assert_eq!(reader.progress(), Progress { done: total, total });
}

#[test]
fn messages_say_which_file_and_what_to_do() {
    let (mut bytes, starts) = log_of(&[100, 100], 0);
    bytes[starts[1] + 50] ^= 1;
    let (_, ended) = read_bytes(&bytes);
    assert!(ended.starts_with("error: mem/log.1 is damaged: the entry at byte 204"), "{ended}");
    assert!(ended.contains("restore the data directory from a copy"), "{ended}");
    assert_eq!(ended.to_string().lines().count(), 1);
}

#[test]
fn a_single_file_is_read_whatever_surrounds_it() {
    let dir = fixture("ensemble/final/s3/version-2");
    let mut reader = LogFileReader::open(&dir, "log.200000001", false, MAX_TXN_SIZE).unwrap();
    let mut zxids = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        zxids.push(entry.zxid.0);
    }
    assert_eq!(zxids.first(), Some(&0x2_0000_0001));
    assert_eq!(zxids.last(), Some(&0x2_0000_0003));
    assert!(reader.take_warning().is_none());

    let torn = fixture("torn/torn_truncated_midbody/version-2");
    let mut reader = LogFileReader::open(&torn, "log.1", true, MAX_TXN_SIZE).unwrap();
    while reader.next().unwrap().is_some() {}
    let warning = format!("{}", reader.take_warning().unwrap());
    assert!(warning.contains("cut short by a crash at byte 1668"), "{warning}");
    assert!(reader.next().unwrap().is_none());
}
