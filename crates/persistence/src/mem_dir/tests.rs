use super::*;
use crate::dir::conformance;

#[test]
fn mem_dir_is_a_dir() {
    conformance::check(MemDir::new).unwrap();
}

#[test]
fn only_synced_bytes_and_names_survive_a_power_cut() {
    let disk = MemDisk::new();
    let dir = disk.dir("d");
    dir.put("kept", b"synced").unwrap();
    let mut kept = dir.open_to_change("kept").unwrap();
    kept.write_at(0, b"SYNCED, later").unwrap();
    let mut nameless = dir.create("nameless").unwrap();
    nameless.write_at(0, b"bytes").unwrap();
    nameless.sync_data().unwrap();
    dir.rename("kept", "renamed").unwrap();

    let after = disk.crash(Survival::OnlySynced).dir("d");
    assert_eq!(after.names().unwrap(), ["kept"]);
    assert_eq!(after.bytes("kept").unwrap(), b"synced");

    let after = disk.crash(Survival::Everything).dir("d");
    assert_eq!(after.names().unwrap(), ["nameless", "renamed"]);
    assert_eq!(after.bytes("renamed").unwrap(), b"SYNCED, later");
}

#[test]
fn sectors_survive_whole_or_not_at_all() {
    let disk = MemDisk::new();
    let dir = disk.dir("d");
    dir.put("a", &[0; 2048]).unwrap();
    dir.open_to_change("a").unwrap().write_at(100, &[1; 1500]).unwrap();
    let mut shapes = Vec::new();
    for seed in 0..64 {
        let bytes = disk.crash(Survival::Sectors { seed }).dir("d").bytes("a").unwrap();
        let shape = [(100, 512), (512, 1024), (1024, 1536), (1536, 1600)]
            .map(|(from, to)| bytes[from..to].iter().map(|&byte| usize::from(byte)).sum::<usize>());
        for (sum, full) in shape.into_iter().zip([412, 512, 512, 64]) {
            assert!(sum == 0 || sum == full, "seed {seed}: {shape:?}");
        }
        shapes.push(shape);
    }
    shapes.sort_unstable();
    shapes.dedup();
    assert_eq!(shapes.len(), 16, "every subset occurs");
}

#[test]
fn a_torn_write_stops_at_some_byte() {
    let disk = MemDisk::new();
    let dir = disk.dir("d");
    dir.put("a", b"").unwrap();
    let mut file = dir.open_to_change("a").unwrap();
    file.write_at(0, b"first").unwrap();
    file.write_at(5, b"second").unwrap();
    for seed in 0..64 {
        let bytes = disk.crash(Survival::TornLastWrite { seed }).dir("d").bytes("a").unwrap();
        assert!(b"firstsecond".starts_with(&bytes) && bytes.len() >= 5, "seed {seed}: {bytes:?}");
    }
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = MemDisk::new();
    let dir = disk.dir("d");
    disk.set_capacity(Some(8));
    let mut file = dir.create("a").unwrap();
    assert_eq!(file.allocate(9), Err(MemError::Full));
    assert_eq!(file.write_at(6, b"123"), Err(MemError::Full));
    assert_eq!(dir.bytes("a").unwrap(), b"\0\0\0\0\0\x0012");
    disk.set_capacity(Some(9));
    file.write_at(6, b"123").unwrap();
    assert_eq!(disk.used(), 9);
}

#[test]
fn a_failed_sync_loses_the_bytes_for_good() {
    let disk = MemDisk::new();
    let dir = disk.dir("d");
    dir.put("a", b"old").unwrap();
    let mut file = dir.open_to_change("a").unwrap();
    file.write_at(0, b"new").unwrap();
    disk.fail_at(disk.operations(), Fault::Error);
    assert_eq!(file.sync_data(), Err(MemError::Failed));
    file.sync_data().unwrap();
    assert_eq!(dir.bytes("a").unwrap(), b"new");
    assert_eq!(disk.crash(Survival::OnlySynced).dir("d").bytes("a").unwrap(), b"old");
}

#[test]
fn nothing_happens_after_a_halt() {
    let disk = MemDisk::new();
    let dir = disk.dir("d");
    disk.fail_at(1, Fault::Halt);
    let mut file = dir.create("a").unwrap();
    assert_eq!(file.write_at(0, b"x"), Err(MemError::Halted));
    assert_eq!(dir.sync(), Err(MemError::Halted));
    assert_eq!(dir.bytes("a").unwrap(), b"");
}

#[test]
fn what_was_written_first_to_a_sector_survives_first() {
    let disk = MemDisk::new();
    let mut file = disk.dir("d").create("a").unwrap();
    disk.dir("d").sync().unwrap();
    for offset in 0..8 {
        file.write_at(offset, b"x").unwrap();
    }
    let survivors =
        (0..64).map(|seed| disk.crash(Survival::Sectors { seed }).dir("d").bytes("a").unwrap());
    let lengths: alloc::collections::BTreeSet<usize> = survivors
        .map(|bytes| {
            assert!(bytes.iter().all(|&byte| byte == b'x'), "{bytes:?}");
            bytes.len()
        })
        .collect();
    assert!(lengths.len() > 3, "{lengths:?}");
}

#[test]
fn a_flipped_bit_is_read_and_survives_a_crash() {
    let disk = MemDisk::new();
    let dir = disk.dir("d");
    dir.put("f", &[0, 0]).unwrap();
    dir.flip("f", 9).unwrap();
    dir.flip("f", 16).unwrap();
    assert_eq!(dir.bytes("f").unwrap(), [0, 2]);
    assert_eq!(disk.crash(Survival::OnlySynced).dir("d").bytes("f").unwrap(), [0, 2]);
    assert_eq!(dir.flip("g", 0), Err(MemError::Missing));
}
