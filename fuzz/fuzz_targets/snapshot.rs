//! A snapshot file. The first byte chooses how it is packed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::snapshot::{load_snapshot, verify_snapshot, write_snapshot};
use zoarium_persistence::{Compression, SnapshotName};
use zoarium_proto::Zxid;
use zoarium_tree::TreeOptions;

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let how = [Compression::None, Compression::Gzip, Compression::Snappy][usize::from(*how % 3)];
    let dir = MemDir::new();
    let name = SnapshotName { zxid: Zxid(5), compression: how };
    assert!(dir.put(&name.file(), bytes).is_ok());
    let load = || load_snapshot(&dir, name, TreeOptions::default(), MAX_TXN_SIZE, &mut |_, _| {});
    let Ok(mut loaded) = load() else { return };
    assert!(verify_snapshot(&dir, name).is_ok());
    assert!(write_snapshot(&dir, &mut loaded.tree, how, true).is_ok());
    assert_eq!(load().map(|again| again.tree.digest()).ok(), Some(loaded.tree.digest()));
});
