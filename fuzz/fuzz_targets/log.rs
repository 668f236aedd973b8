//! A log file, then all of recovery over it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::{DataDirs, LogReader, RecoveryOptions, recover};
use zoarium_proto::Zxid;

fuzz_target!(|bytes: &[u8]| {
    let dir = MemDir::new();
    let put = dir.put("log.1", bytes);
    assert!(put.is_ok());
    let mut zxids = 0;
    if let Ok(mut reader) = LogReader::open(&dir, Zxid::ZERO, MAX_TXN_SIZE) {
        while let Ok(Some(_)) = reader.next() {
            zxids += 1;
        }
    }
    let (snapshots, logs) = (dir.clone(), dir);
    let dirs = DataDirs { root: MemDir::new(), snapshots, logs, logs_apart: false };
    let trust_log_without_snapshot = true;
    let options = RecoveryOptions { trust_log_without_snapshot, ..RecoveryOptions::default() };
    // An entry may be whole and no txn, but never the other way round.
    if let Ok(recovered) = recover(&dirs, &options, |_| {}) {
        assert_eq!(recovered.stats.txns_applied, zxids);
    }
});
